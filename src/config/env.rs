//! The layer that the environment asks for, and what is said about the choice.
//!
//! A server that was meant to share a Redis and holds its messages in memory instead loses them without a sign. So a
//! variable that cannot be read is an error and never a reason to fall back, and every choice is logged.

use std::ffi::OsString;
use std::fmt;

use super::{LayerConfig, LayersConfig, Problems};
use crate::layer::redis::{Host, RedisConfig};
use crate::layer::{Layer, Layers, MemoryConfig};
use crate::{Error, ErrorKind, Result};

const LAYERS: &str = "CHANNEL_LAYERS";
const IN_MEMORY: &str = "USE_INMEMORY_CHANNELS";
const REDIS_URL: &str = "REDIS_URL";
/// Cloud Run sets it, and starts further instances as it sees fit.
const SCALED_OUT: &str = "K_SERVICE";

/// What was chosen and why.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) layers: LayersConfig,
    because: String,
    /// Memory is what the environment does not want.
    unwanted: bool,
    scaled_out: bool,
}

impl LayersConfig {
    /// What the environment asks for; an empty variable is none. The first of these that is set decides:
    ///
    /// 1. `CHANNEL_LAYERS`: JSON in Django's shape, see the [module](super).
    /// 2. `USE_INMEMORY_CHANNELS`: the memory layer where it is true: `y`, `yes`, `t`, `true`, `on` or `1`. Where it is
    ///    false (`n`, `no`, `f`, `false`, `off`, `0`) the next one decides.
    /// 3. `REDIS_URL`: the layer `redis` on this [`Host::url`].
    /// 4. Nothing: the memory layer.
    ///
    /// Logs what was chosen, and a warning where a layer in memory is likely a mistake: `USE_INMEMORY_CHANNELS` is
    /// false, or the platform runs several instances of a program, as Cloud Run does (`K_SERVICE` is set).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], naming the variable that holds something else.
    pub fn from_env() -> Result<Self> {
        let choice = choose(|name| std::env::var_os(name), None)?;
        choice.announce();
        Ok(choice.layers)
    }
}

impl Layers {
    /// Opens the layers that the environment asks for, as [`LayersConfig::from_env`] chooses. Layers on a Redis connect
    /// in the background and need a tokio runtime to be called in.
    ///
    /// # Errors
    ///
    /// As [`LayersConfig::from_env`], and as [`LayersConfig::open`].
    pub fn from_env() -> Result<Self> {
        LayersConfig::from_env()?.open()
    }
}

impl Layer {
    /// Opens the layer [`Layers::DEFAULT`] of those that the environment asks for, as [`LayersConfig::from_env`]
    /// chooses. A layer on a Redis connects in the background and needs a tokio runtime to be called in.
    ///
    /// # Errors
    ///
    /// As [`LayersConfig::from_env`], as [`Layer::open`], and [`ErrorKind::Config`] where `CHANNEL_LAYERS` holds no
    /// layer of this name.
    pub fn from_env() -> Result<Self> {
        let mut layers = LayersConfig::from_env()?.by_alias;
        let default = layers.iter().position(|(alias, _)| alias == Layers::DEFAULT);
        match default {
            Some(default) => Self::open(layers.swap_remove(default).1),
            None => Err(Error::new(ErrorKind::Config, format!("{LAYERS}.{}: is missing", Layers::DEFAULT))),
        }
    }
}

/// Decides by the variables that `get` gives, or else by the layers of a file.
pub(super) fn choose(
    get: impl Fn(&str) -> Option<OsString>,
    file: Option<(LayersConfig, String)>,
) -> Result<Choice, Problems> {
    let text = |name: &str| match get(name).filter(|text| !text.is_empty()).map(OsString::into_string) {
        Some(Err(_)) => Err(Problems::one(name, "is not UTF-8")),
        Some(Ok(text)) => Ok(Some(text)),
        None => Ok(None),
    };
    let memory = || LayersConfig::new(LayerConfig::Memory(MemoryConfig::default()));
    let in_memory = || text(IN_MEMORY)?.map(|text| truth(&text).ok_or_else(neither)).transpose();
    let mut unwanted = false;
    let (layers, because) = if let Some(json) = text(LAYERS)? {
        (LayersConfig::read_json(&json)?, says(LAYERS))
    } else if in_memory()? == Some(true) {
        (memory(), says(IN_MEMORY))
    } else if let Some(url) = text(REDIS_URL)? {
        let host = Host::url(&url).map_err(|e| Problems::one(REDIS_URL, e))?;
        (LayersConfig::new(LayerConfig::Redis(RedisConfig::new([host]))), says(REDIS_URL))
    } else if let Some((layers, name)) = file {
        unwanted = in_memory()? == Some(false);
        (layers, says(&name))
    } else if in_memory()? == Some(false) {
        unwanted = true;
        (memory(), format!("{REDIS_URL} is not set"))
    } else {
        (memory(), format!("neither {LAYERS} nor {IN_MEMORY} nor {REDIS_URL} is set"))
    };
    let scaled_out = get(SCALED_OUT).is_some_and(|name| !name.is_empty());
    Ok(Choice { layers, because, unwanted, scaled_out })
}

fn says(source: &str) -> String {
    format!("{source} says so")
}

fn neither() -> Problems {
    Problems::one(IN_MEMORY, "must be true or false")
}

/// As python-decouple reads a flag.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

impl Choice {
    /// Logs what was chosen, and what of that is likely a mistake.
    pub(super) fn announce(&self) {
        tracing::info!("{self}");
        if let Some(warning) = self.warning() {
            tracing::warn!("{warning}");
        }
    }

    /// The one line about a layer in memory where there should be none.
    pub(super) fn warning(&self) -> Option<String> {
        let (alias, _) = self.layers.iter().find(|(_, layer)| matches!(layer, LayerConfig::Memory(_)))?;
        let why = match (self.scaled_out, self.unwanted) {
            (true, _) => format!("this platform ({SCALED_OUT} is set) runs several instances of a program"),
            (false, true) => format!("{IN_MEMORY} is false"),
            (false, false) => return None,
        };
        Some(format!(
            "{why}, and the channel layer {alias:?} in memory connects no process with another: set {REDIS_URL} to a \
             Redis that all share"
        ))
    }
}

/// The one line that says what was chosen.
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (alias, layer)) in self.layers.iter().enumerate() {
            let lead = if at == 0 { "channel layer" } else { "," };
            write!(f, "{lead} {alias:?}: {}", layer.name())?;
            match layer.hosts() {
                [] => f.write_str(" (serves this process only)")?,
                hosts => {
                    let names: Vec<_> = hosts.iter().map(Host::to_string).collect();
                    write!(f, " at {}", names.join(" and "))?;
                }
            }
        }
        write!(f, ", because {}", self.because)
    }
}
