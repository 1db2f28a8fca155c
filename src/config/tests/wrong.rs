//! Wrong settings: all of them are named with their path, and none is quoted.

use crate::ErrorKind;
use crate::config::LayersConfig;

fn refused(json: &str) -> String {
    let error = LayersConfig::from_json(json).expect_err(json);
    assert_eq!(error.kind(), ErrorKind::Config);
    error.to_string()
}

/// The error about these settings of the layer `redis`.
fn redis(config: &str) -> String {
    refused(&format!(r#"{{"default": {{"BACKEND": "redis", "CONFIG": {{{config}}}}}}}"#))
}

#[test]
fn what_is_not_there_is_answered_with_the_nearest() {
    let at = "CHANNEL_LAYERS.default";
    assert_eq!(
        redis(r#""hsots": []"#),
        format!("{at}.CONFIG.hsots: there is no such setting; did you mean \"hosts\"?")
    );
    for (json, expected) in [
        (r#"{"default": {"BACKEND": "redsi"}}"#, ".BACKEND: no layer is called \"redsi\"; did you mean \"redis\"?"),
        (
            r#"{"default": {"BACKEND": "channels_redis.core.RedisChanelLayer"}}"#,
            "did you mean \"channels_redis.core.RedisChannelLayer\"?",
        ),
        (r#"{"default": {"BACKEND": "asgiref.inmemory"}}"#, ".BACKEND: no layer is called \"asgiref.inmemory\""),
        (r#"{"default": {"CONFIG": {}}}"#, ".BACKEND: is missing: memory, redis or redis-pubsub"),
        (
            r#"{"default": {"BACKEND": "memory", "COFNIG": {}}}"#,
            ".COFNIG: there is no such setting; did you mean \"CONFIG\"?",
        ),
        (
            r#"{"default": {"BACKEND": "memory", "CONFIG": {"hosts": []}}}"#,
            ".CONFIG.hosts: is a setting of layers on a Redis",
        ),
        (r#"{"default": {"BACKEND": "memory", "CONFIG": {"expirey": 1}}}"#, "did you mean \"expiry\"?"),
    ] {
        let text = refused(json);
        assert!(text.starts_with(at) && text.contains(expected), "{json}: {text}");
    }
}

#[test]
fn what_is_of_the_wrong_kind_is_told_the_right_one() {
    for (config, expected) in [
        (r#""capacity": 0"#, ".capacity: must be a whole number from 1 on"),
        (r#""capacity": 1.5"#, ".capacity: must be a whole number, not a number"),
        (r#""capacity": "100""#, ".capacity: must be a whole number, not a text"),
        (r#""capacity": -1"#, ".capacity: must be a whole number from 1 on"),
        (r#""capacity": 99999999999999999999"#, ".capacity: must be a whole number"),
        (r#""expiry": 0"#, ".expiry: must be a number of seconds above 0"),
        (r#""expiry": -1"#, ".expiry: must be a number of seconds above 0"),
        (r#""expiry": "60""#, ".expiry: must be a number of seconds, not a text"),
        (r#""timeout": 1e300"#, ".timeout: must be a number of seconds above 0"),
        (r#""prefix": 1"#, ".prefix: must be a text, not a number"),
        (r#""prefix": "a", "prefix": "b""#, ".prefix: stands there twice"),
        (r#""channel_capacity": [["a", 1]]"#, ".channel_capacity: must be a map, not a list"),
        (r#""channel_capacity": {"a": "b"}"#, ".channel_capacity.a: must be a whole number, not a text"),
        (r#""channel_capacity": {"a": 1, "a": 2}"#, ".channel_capacity.a: stands there twice"),
        (r#""channel_capacity": {"/(/": 1}"#, ".channel_capacity./(/: \"(\" is no regular expression"),
        (r#""symmetric_encryption_keys": "key""#, ".symmetric_encryption_keys: must be a list, not a text"),
        (r#""symmetric_encryption_keys": ["key", 1]"#, ".symmetric_encryption_keys[1]: must be a text, not a number"),
        (r#""hosts": "redis://cache""#, r#".hosts: must be a list, also of one host: ["redis://"#),
        (r#""hosts": {"host": "cache"}"#, ".hosts: must be a list, not a map"),
        (r#""hosts": [1]"#, ".hosts[0]: must be a URL, a pair of host and port, or a map, not a number"),
        (r#""hosts": ["redis://a", "cache:6379"]"#, ".hosts[1]: not the URL of a Redis: it has no scheme"),
        (r#""hosts": [["cache"]]"#, ".hosts[0]: must be a pair"),
        (r#""hosts": [["cache", 6379, "secret"]]"#, ".hosts[0]: must be a pair"),
        (r#""hosts": [["cache", 0]]"#, ".hosts[0][1]: must be a port, a number from 1 to 65535"),
        (r#""hosts": [["cache", null]]"#, ".hosts[0][1]: must be a port, not null"),
        (
            r#""hosts": [{"host": "cache", "pasword": "x"}]"#,
            ".hosts[0]: option \"pasword\": no connection to Redis has it; did you mean \"password\"?",
        ),
        (r#""hosts": [{"host": 1}]"#, ".hosts[0].host: must be a text, not a number"),
        (r#""hosts": [{"host": "cache", "db": -1}]"#, ".hosts[0]: option \"db\": must be a number from 0 on"),
        (r#""hosts": [{"address": "redis://cache", "port": 1}]"#, ".hosts[0]: option \"port\""),
        (r#""hosts": [{"sentinels": [["a", 1]]}]"#, ".hosts[0].master_name: is missing"),
        (r#""hosts": [{"sentinels": [], "master_name": "m"}]"#, ".hosts[0].sentinels: is empty"),
        (
            r#""hosts": [{"sentinel": [["a", 1]], "master_name": "m"}]"#,
            ".hosts[0].sentinel: no option of a connection is a list; did you mean \"sentinels\"?",
        ),
        (
            r#""hosts": [{"sentinels": [["a", 1]], "master_name": "m", "sentinel_kwargs": {"db": 1}}]"#,
            ".hosts[0].sentinel_kwargs: option \"db\": a sentinel has no databases",
        ),
        (r#""hosts": [{"cluster": []}]"#, ".hosts[0].cluster: is empty"),
        (r#""hosts": [{"cluster": ["unix:///s"]}]"#, ".hosts[0]: a node of a cluster has the URL redis://HOST:PORT"),
        (r#""hosts": [{"cluster": ["redis://a"], "db": 1}]"#, ".hosts[0]: a Redis Cluster has only database 0"),
    ] {
        let text = redis(config);
        let expected = format!("CHANNEL_LAYERS.default.CONFIG{expected}");
        assert!(text.starts_with(&expected), "{config}: {text}");
    }
}

#[test]
fn everything_is_said_at_once() {
    let text = refused(
        r#"{
            "default": {"BACKEND": "redis", "CONFIG": {"hsots": [], "capacity": "x", "hosts": ["a", "b"]}},
            "other": {"BACKEND": "memroy", "CONFIG": {"prefxi": 1}}
        }"#,
    );
    assert!(text.starts_with("6 settings are wrong: "), "{text}");
    for path in ["default.CONFIG.hsots", "default.CONFIG.capacity", "hosts[0]", "hosts[1]", "other.BACKEND", "prefxi"] {
        assert!(text.contains(path), "{path}: {text}");
    }
}

#[test]
fn what_is_no_map_of_layers_is_refused() {
    for (json, expected) in [
        ("{}", "CHANNEL_LAYERS: is empty: it needs an entry \"default\""),
        ("[]", "CHANNEL_LAYERS: must be a map, not a list"),
        (r#"{"default": "redis"}"#, "CHANNEL_LAYERS.default: must be a map, not a text"),
        (
            r#"{"default": {"BACKEND": "redis", "CONFIG": []}}"#,
            "CHANNEL_LAYERS.default.CONFIG: must be a map, not a list",
        ),
        ("{", "CHANNEL_LAYERS: is not JSON: EOF while parsing"),
        ("{'default': {}}", "CHANNEL_LAYERS: is not JSON: key must be a string at line 1 column 2"),
    ] {
        assert!(refused(json).starts_with(expected), "{json}: {}", refused(json));
    }
}

#[test]
fn toml_is_refused_with_its_own_paths() {
    for (toml, expected) in [
        ("", "layers: is empty"),
        ("[layer.default]\nbackend = 'memory'", "layer: there is no such table; did you mean \"layers\"?"),
        (
            "[layers.default]\nbackend = 'redis'\nhsots = []",
            "layers.default.hsots: there is no such setting; did you mean \"hosts\"?",
        ),
        ("[layers.default]\nhosts = []", "layers.default.backend: is missing"),
        ("[layers.default]\nbackend = 'redis'\nhosts = [hunter2]", "line 3 is not TOML: "),
    ] {
        let text = LayersConfig::from_toml(toml).unwrap_err().to_string();
        assert!(text.starts_with(expected), "{toml}: {text}");
    }
}

#[test]
fn no_secret_is_quoted() {
    for config in [
        r#""hosts": ["redis://:hunter2@cache:port"]"#,
        r#""hosts": ["hunter2"]"#,
        r#""hosts": "redis://:hunter2@cache""#,
        r#""hosts": [["cache", "hunter2"]]"#,
        r#""hosts": [["cache", 6379, "hunter2"]]"#,
        r#""hosts": [{"host": "cache", "password": ["hunter2"]}]"#,
        r#""hosts": [{"host": "cache", "db": "hunter2"}]"#,
        r#""hosts": [{"address": "redis://:hunter2@cache", "dbb": 1}]"#,
        r#""symmetric_encryption_keys": "hunter2""#,
        r#""prefix": "a", "symmetric_encryption_keys": {"hunter2": 1}"#,
        r#""capacity": "hunter2""#,
        r#""symmetric_encryption_keys": ["hunter2""#,
    ] {
        let text = redis(config);
        assert!(!text.contains("hunter2"), "{config}: {text}");
        let json = format!(r#"{{"default": {{"BACKEND": "redis", "CONFIG": {{{config}}}}}}}"#);
        let error = LayersConfig::from_json(&json).unwrap_err();
        assert!(!format!("{error:?} {error:#?}").contains("hunter2"), "{config}: {error:?}");
    }
    for toml in ["password = hunter2", "p = \"hunter2", "p = 'hunter2' x", "hunter2", "[hunter2", "p = [\"hunter2\" 1]"]
    {
        let error = LayersConfig::from_toml(toml).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{toml}: {error:?}");
    }
}
