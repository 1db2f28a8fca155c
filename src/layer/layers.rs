//! Several layers under names, as Django's `CHANNEL_LAYERS` setting.

use std::collections::BTreeMap;

use super::Layer;
use crate::{Error, ErrorKind, Result};

/// Layers by alias. Most programs have one, under [`Layers::DEFAULT`].
///
/// ```
/// use channel_layers::layer::{Layer, Layers};
///
/// let layers = Layers::new(Layer::default()).with("background", Layer::default());
/// assert!(layers.get("background").is_ok());
/// let error = layers.get("backgruond").unwrap_err();
/// assert_eq!(error.to_string(), r#"no channel layer "backgruond": there are "background", "default""#);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Layers {
    by_alias: BTreeMap<String, Layer>,
}

impl Layers {
    /// The alias of the layer that is meant where none is named.
    pub const DEFAULT: &'static str = "default";

    /// One layer, under [`Layers::DEFAULT`].
    pub fn new(default: Layer) -> Self {
        Self::default().with(Self::DEFAULT, default)
    }

    /// Adds a layer, or replaces the one of that alias.
    #[must_use]
    pub fn with(mut self, alias: impl Into<String>, layer: Layer) -> Self {
        self.by_alias.insert(alias.into(), layer);
        self
    }

    /// The layer of an alias. (Django answers an unknown one with `None`, which then fails far from the cause.)
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], naming the aliases that there are.
    pub fn get(&self, alias: &str) -> Result<&Layer> {
        self.by_alias.get(alias).ok_or_else(|| {
            let known: Vec<String> = self.by_alias.keys().map(|alias| format!("{alias:?}")).collect();
            let known = if known.is_empty() { "is none".to_owned() } else { format!("are {}", known.join(", ")) };
            Error::new(ErrorKind::Config, format!("no channel layer {alias:?}: there {known}"))
        })
    }

    /// The aliases and their layers, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Layer)> {
        self.by_alias.iter().map(|(alias, layer)| (alias.as_str(), layer))
    }
}
