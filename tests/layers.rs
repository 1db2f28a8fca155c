//! The conformance suite over every built-in layer, and over one that lacks whatever a layer may lack.
#![cfg(not(target_family = "wasm"))]

use channel_layers::layer::conformance::{Factory, Settings};
use channel_layers::layer::{Layer, MemoryConfig, MemoryLayer};

mod layers {
    pub(crate) mod distant;
}

/// The memory layer, whose time is tokio's.
struct Memory;

fn config(settings: Settings) -> MemoryConfig {
    let config = MemoryConfig::default()
        .with_capacity(settings.capacity)
        .with_expiry(settings.expiry)
        .with_group_expiry(settings.group_expiry);
    let patterns = settings.channel_capacity.into_iter();
    patterns.fold(config, |config, (pattern, capacity)| config.with_channel_capacity(pattern, capacity))
}

impl Factory for Memory {
    type Layer = MemoryLayer;

    async fn layer(&self, settings: Settings) -> MemoryLayer {
        MemoryLayer::new(config(settings))
    }

    fn held(&self, layer: &MemoryLayer) -> Option<usize> {
        let stats = layer.stats();
        Some(stats.channels + stats.groups + stats.unowned)
    }
}

channel_layers::conformance!(memory, Memory, (start_paused = true));

/// The choice at run time, which must pass every verb on.
struct AnyLayer;

impl Factory for AnyLayer {
    type Layer = Layer;

    async fn layer(&self, settings: Settings) -> Layer {
        Layer::memory(config(settings))
    }

    fn held(&self, layer: &Layer) -> Option<usize> {
        match layer {
            Layer::Memory(layer) => Memory.held(layer),
            _ => None,
        }
    }

    /// Another handle to the same layer, which is what instances on one server are to each other.
    async fn peer(&self, layer: &Layer) -> Option<Layer> {
        Some(layer.clone())
    }
}

channel_layers::conformance!(any_layer, AnyLayer, (start_paused = true));

channel_layers::conformance!(on_a_server, layers::distant::OnAServer, (start_paused = true));
