//! Settings as they stand in Django projects, with Python's syntax turned into JSON's and nothing else changed.

use super::{capacity, hosts, redis};
use crate::config::{LayerConfig, LayersConfig};

/// The only layer, and its hosts.
fn read(json: &str) -> (&'static str, Vec<String>) {
    let layers = LayersConfig::from_json(json).unwrap_or_else(|e| panic!("{e}: {json}"));
    let layer = layers.get("default").unwrap();
    (layer.name(), layer.hosts().iter().map(ToString::to_string).collect())
}

fn layer(backend: &str, config: &str) -> (&'static str, Vec<String>) {
    read(&format!(r#"{{"default": {{"BACKEND": "{backend}", "CONFIG": {config}}}}}"#))
}

fn expected(name: &'static str, hosts: &[&str]) -> (&'static str, Vec<String>) {
    (name, hosts.iter().map(ToString::to_string).collect())
}

const CORE: &str = "channels_redis.core.RedisChannelLayer";
const PUBSUB: &str = "channels_redis.pubsub.RedisPubSubChannelLayer";

#[test]
fn the_backends_have_djangos_names_and_ours() {
    for (backend, name) in [
        ("channels.layers.InMemoryChannelLayer", "memory"),
        ("memory", "memory"),
        (CORE, "redis"),
        ("redis", "redis"),
        (PUBSUB, "redis-pubsub"),
        ("redis-pubsub", "redis-pubsub"),
    ] {
        assert_eq!(layer(backend, "{}").0, name);
        assert_eq!(read(&format!(r#"{{"default": {{"BACKEND": "{backend}"}}}}"#)).0, name);
    }
}

#[test]
fn hosts_have_every_form() {
    for (form, names) in [
        (r#"["redis://:secret@127.0.0.1:6379/0"]"#, &["127.0.0.1:6379"] as &[&str]),
        (r#"[["127.0.0.1", 6379]]"#, &["127.0.0.1:6379"]),
        (r#"[["redis", "6379"]]"#, &["redis:6379"]),
        (r#"["unix:///run/redis.sock?db=1"]"#, &["/run/redis.sock, database 1"]),
        (r#"[{"address": "redis://cache:6379/1"}]"#, &["cache:6379/1"]),
        (r#"[{"address": "redis://cache", "db": 2, "password": "x", "socket_timeout": 0.5}]"#, &["cache:6379/2"]),
        (r#"[{"host": "cache", "port": 6380, "db": 1, "password": 1234, "username": null}]"#, &["cache:6380/1"]),
        (r#"[{"host": "cache"}]"#, &["cache:6379"]),
        (r#"[{"db": 1, "socket_keepalive_options": {"1": 2}, "retry_on_error": []}]"#, &["localhost:6379/1"]),
        (
            r#"[{"sentinels": [["s1", 26379], ["s2", "26380"]], "master_name": "mymaster", "db": 1}]"#,
            &["mymaster of the sentinels s1:26379, s2:26380, database 1"],
        ),
        (
            r#"[{"sentinels": [["s1", 26379]], "sentinel_kwargs": {"password": "x"}, "master_name": "m", "password": "y"}]"#,
            &["m of the sentinels s1:26379"],
        ),
        (r#"[{"sentinels": [["s1", 1]], "sentinel_kwargs": null, "master_name": "m"}]"#, &["m of the sentinels s1:1"]),
        (r#"[{"cluster": ["redis://n1:7000", "redis://n2:7001"]}]"#, &["the cluster of n1:7000, n2:7001"]),
        (r#"["redis-cluster://n1:7000,n2:7001"]"#, &["the cluster of n1:7000, n2:7001"]),
        (r#"["redis://a", ["b", 1], {"host": "c"}]"#, &["a:6379", "b:1", "c:6379"]),
        ("[]", &["localhost:6379"]),
        ("null", &["localhost:6379"]),
    ] {
        assert_eq!(layer(CORE, &format!(r#"{{"hosts": {form}}}"#)), expected("redis", names), "{form}");
    }
    assert_eq!(layer(CORE, "{}"), expected("redis", &["localhost:6379"]));
}

#[cfg(feature = "tls")]
mod tls {
    use super::{CORE, expected, layer};

    #[test]
    fn a_hosted_redis_with_a_certificate_of_its_own() {
        // As Heroku's documentation has it, with Python's None.
        let config = r#"{"hosts": [{"address": "rediss://:p4ss@ec2-1-2-3-4.compute-1.amazonaws.com:6380", "ssl_cert_reqs": null}]}"#;
        let host = "ec2-1-2-3-4.compute-1.amazonaws.com:6380";
        assert_eq!(layer(CORE, config), expected("redis", &[host]));
    }

    #[test]
    fn sentinels_and_masters_with_tls() {
        let config = r#"{"hosts": [{"sentinels": [["s", 1]], "master_name": "m", "ssl": true, "ssl_cert_reqs": "none",
            "sentinel_kwargs": {"ssl": true, "ssl_check_hostname": false, "password": "x"}}]}"#;
        assert_eq!(layer(CORE, config), expected("redis", &["m of the sentinels s:1"]));
    }
}

#[test]
fn the_readme_of_channels_redis() {
    let layers = LayersConfig::from_json(
        r#"{
            "default": {
                "BACKEND": "channels_redis.core.RedisChannelLayer",
                "CONFIG": {
                    "hosts": [["localhost", 6379]],
                    "channel_capacity": {
                        "http.request": 200,
                        "http.response!*": 10,
                        "/^websocket.send!.+/": 20
                    },
                    "symmetric_encryption_keys": ["a-secret-key"],
                    "capacity": 1500,
                    "expiry": 10
                }
            }
        }"#,
    )
    .unwrap();
    let config = redis(&layers, "default");
    assert_eq!(hosts(&config), ["localhost:6379"]);
    let names = ["http.request", "http.response!abc", "websocket.send!x", "chat"];
    assert_eq!(names.map(|name| capacity(&config, name)), [200, 10, 20, 1500]);
}

#[test]
fn a_project_with_two_layers_and_hooks() {
    let layers = LayersConfig::from_json(
        r#"{
            "default": {
                "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
                "CONFIG": {
                    "hosts": ["redis://user:pass@redis:6379/3"],
                    "prefix": "myproject:production",
                    "on_disconnect": "redis.disconnect",
                    "on_reconnect": null
                },
                "TEST_CONFIG": {"hosts": ["redis://localhost:6379/9"]}
            },
            "jobs": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"expiry": 3600}}
        }"#,
    )
    .unwrap();
    let config = redis(&layers, "default");
    assert_eq!((hosts(&config), config.prefix.as_str()), (vec!["redis:6379/3".to_owned()], "myproject:production"));
    assert!(matches!(layers.get("default"), Some(LayerConfig::RedisPubSub(_))));
    assert!(matches!(layers.get("jobs"), Some(LayerConfig::Memory(_))));
    assert!(!format!("{layers:?} {layers:#?}").contains("pass"));
}
