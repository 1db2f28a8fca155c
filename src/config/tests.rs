//! Settings as people paste them, and what is said about those that are wrong.

mod django;
mod env;
mod wrong;

use std::time::Duration;

use super::{LayerConfig, LayersConfig};
use crate::ChannelName;
use crate::layer::redis::RedisConfig;

fn redis(layers: &LayersConfig, alias: &str) -> RedisConfig {
    match layers.get(alias) {
        Some(LayerConfig::Redis(config) | LayerConfig::RedisPubSub(config)) => config.clone(),
        other => panic!("{alias}: {other:?}"),
    }
}

fn hosts(config: &RedisConfig) -> Vec<String> {
    config.hosts.iter().map(ToString::to_string).collect()
}

/// The capacity that settings have for a channel.
fn capacity(config: &RedisConfig, name: &str) -> usize {
    let name = ChannelName::new(name).unwrap();
    let entry = config.channel_capacity.iter().find(|(pattern, _)| pattern.matches(&name));
    entry.map_or(config.capacity, |(_, capacity)| *capacity)
}

#[test]
fn every_setting_is_read_in_both_shapes() {
    let json = r#"{"default": {"BACKEND": "redis", "CONFIG": {
        "hosts": ["redis://a", "redis://b"], "prefix": "p", "capacity": 5, "channel_capacity": {"x*": 1},
        "channel_bytes": 6, "expiry": 7, "group_expiry": 0.5, "max_message_size": 8, "max_unowned": 9,
        "serializer_format": "json", "symmetric_encryption_keys": ["k1", "k2"], "random_prefix_length": 0, "timeout": 10
    }}}"#;
    let toml = r#"
        [layers.default]
        backend = "redis"
        hosts = ["redis://a", "redis://b"]
        prefix = "p"
        capacity = 5
        channel_capacity = { "x*" = 1 }
        channel_bytes = 6
        expiry = 7
        group_expiry = 0.5
        max_message_size = 8
        max_unowned = 9
        serializer_format = "json"
        symmetric_encryption_keys = ["k1", "k2"]
        random_prefix_length = 0
        timeout = 10
    "#;
    for layers in [LayersConfig::from_json(json).unwrap(), LayersConfig::from_toml(toml).unwrap()] {
        let config = redis(&layers, "default");
        assert_eq!(hosts(&config), ["a:6379", "b:6379"]);
        assert_eq!(config.prefix, "p");
        assert_eq!((config.capacity, capacity(&config, "xy"), capacity(&config, "y")), (5, 1, 5));
        assert_eq!((config.channel_bytes, config.max_message_size, config.max_unowned), (6, 8, 9));
        assert_eq!((config.expiry, config.group_expiry), (Duration::from_secs(7), Duration::from_millis(500)));
        assert_eq!(config.timeout, Duration::from_secs(10));
        assert_eq!((config.serializer_format.as_str(), config.random_prefix_length), ("json", 0));
        let keys: Vec<_> = config.symmetric_encryption_keys.iter().map(|key| key.reveal()).collect();
        assert_eq!(keys, ["k1", "k2"]);
        assert!(!format!("{layers:?}").contains("k1"));
    }
}

#[test]
fn the_memory_layer_has_its_settings() {
    let toml = r#"
        layers.default = { backend = "memory", capacity = 1, channel_capacity = { a = 2 }, channel_bytes = 3, expiry = 4,
                           group_expiry = 5, max_message_size = 6, max_unowned = 7 }
    "#;
    let layers = LayersConfig::from_toml(toml).unwrap();
    let Some(LayerConfig::Memory(config)) = layers.get("default") else { panic!("{layers:?}") };
    assert_eq!((config.capacity, config.channel_capacity.len(), config.channel_capacity[0].1), (1, 1, 2));
    assert_eq!((config.channel_bytes, config.max_message_size, config.max_unowned), (3, 6, 7));
    assert_eq!((config.expiry, config.group_expiry), (Duration::from_secs(4), Duration::from_secs(5)));
}

#[test]
fn capacities_keep_their_order_in_both_shapes() {
    let json = r#"{"default": {"BACKEND": "redis", "CONFIG": {"channel_capacity": {
        "z.special": 3, "/z\\.[ab]$/": 2, "z.*": 1, "a*": 4, "*": 5}}}}"#;
    let toml = r#"
        [layers.default]
        backend = "redis"
        [layers.default.channel_capacity]
        "z.special" = 3
        '/z\.[ab]$/' = 2
        "z.*" = 1
        "a*" = 4
        "*" = 5
    "#;
    for layers in [LayersConfig::from_json(json).unwrap(), LayersConfig::from_toml(toml).unwrap()] {
        let config = redis(&layers, "default");
        let read = ["z.special", "z.a", "z.ab", "abc", "other"].map(|name| capacity(&config, name));
        assert_eq!(read, [3, 2, 1, 4, 5]);
    }
}

#[test]
fn several_layers_are_opened_under_their_names() {
    let json = r#"{"default": {"BACKEND": "memory"}, "other": {"BACKEND": "memory", "CONFIG": null}}"#;
    let layers = LayersConfig::from_json(json).unwrap();
    assert_eq!(
        layers.iter().map(|(alias, layer)| (alias, layer.name())).collect::<Vec<_>>(),
        [("default", "memory"), ("other", "memory")]
    );
    let layers = layers.open().unwrap();
    assert!(layers.get("default").is_ok() && layers.get("other").is_ok());
}

#[test]
fn a_toml_file_is_named_in_its_errors() {
    let folder = std::env::temp_dir().join(format!("channel-layers-config-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("layers.toml");
    std::fs::write(&path, "[layers.default]\nbackend = \"memory\"\n").unwrap();
    let good = LayersConfig::from_toml_file(&path).map(|layers| layers.get("default").is_some());
    std::fs::write(&path, "[layers.default]\nbackend = \"memroy\"\n").unwrap();
    let wrong = LayersConfig::from_toml_file(&path);
    std::fs::remove_dir_all(&folder).unwrap();
    let missing = LayersConfig::from_toml_file(&path);
    assert!(good.unwrap());
    let wrong = wrong.unwrap_err().to_string();
    assert!(wrong.contains("layers.toml: layers.default.backend: ") && wrong.contains("\"memory\"?"), "{wrong}");
    let missing = missing.unwrap_err().to_string();
    assert!(missing.contains("layers.toml: cannot be read: "), "{missing}");
}
