//! Which layer a command takes, by its options and by the environment, where no Redis is needed to see it.

use super::{Running, command, fails};

/// A gateway with these variables set, and what it says about its layer.
fn served(args: &[&str], variables: &[(&str, &str)]) -> String {
    let args = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
    let server = Running::spawn(command(&args).envs(variables.iter().copied()));
    assert!(server.line().starts_with("listening on "), "a gateway does not wait for its layer");
    server.says("channel layer")
}

#[test]
fn the_environment_chooses_the_layer_of_a_gateway() {
    assert!(served(&[], &[]).contains("memory (serves this process only), because neither CHANNEL_LAYERS nor"));
    assert!(served(&[], &[("USE_INMEMORY_CHANNELS", "True")]).contains("because USE_INMEMORY_CHANNELS says so"));
    let layers = r#"{"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}"#;
    assert!(served(&[], &[("CHANNEL_LAYERS", layers)]).contains("because CHANNEL_LAYERS says so"));
    // Nobody listens on port 1: the gateway comes up all the same, and goes on trying.
    let said = served(&["--prefix", "p"], &[("REDIS_URL", "redis://:hunter2@127.0.0.1:1/2")]);
    assert!(said.contains("redis at 127.0.0.1:1/2, because REDIS_URL says so") && !said.contains("hunter2"), "{said}");
}

#[test]
fn memory_on_a_platform_that_scales_out_is_warned_of() {
    let server = Running::spawn(command(&["serve", "--listen", "127.0.0.1:0"]).env("K_SERVICE", "chat"));
    let warning = server.says("K_SERVICE");
    assert!(warning.contains("WARN") && warning.contains("set REDIS_URL"), "{warning}");
}

#[test]
fn an_environment_that_cannot_be_read_is_2() {
    for (name, value, text) in [
        ("USE_INMEMORY_CHANNELS", "perhaps", "USE_INMEMORY_CHANNELS: must be true or false"),
        ("REDIS_URL", "localhost:6379", "write redis://HOST:PORT/DATABASE"),
        ("CHANNEL_LAYERS", r#"{"default": {"BACKEND": "redsi"}}"#, "CHANNEL_LAYERS.default.BACKEND"),
        ("CHANNEL_LAYERS", r#"{"other": {"BACKEND": "memory"}}"#, "there is no channel layer \"default\""),
    ] {
        let output = command(&["serve", "--listen", "127.0.0.1:0"]).env(name, value).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}={value}: {said}");
        assert!(output.stdout.is_empty() && said.contains(text), "{name}={value}: {said}");
    }
}

#[test]
fn options_that_contradict_each_other_are_2() {
    fails(&["group-send", "--backend", "memory", "g", "{}"], 2, "name a gateway with --to, or a Redis");
    fails(&["send", "--backend", "memory", "c", "{}"], 2, "name a gateway with --to, or a Redis");
    fails(&["listen", "--backend", "memory"], 2, "name a gateway with --to, or a Redis");
    fails(&["listen", "--channel", "work"], 2, "add --backend or --redis-url");
    fails(&["group-send", "--prefix", "p", "g", "{}"], 2, "add --backend or --redis-url");
    fails(&["serve", "--prefix", "p"], 2, "a layer in memory has no prefix");
    fails(&["serve", "--backend", "memory", "--prefix", "p"], 2, "a layer in memory has no prefix");
    fails(&["serve", "--backend", "memory", "--redis-url", "redis://localhost"], 2, "leave out --redis-url");
    fails(&["serve", "--redis-url", "localhost"], 2, "--redis-url: not the URL of a Redis");
    fails(&["listen", "--redis-url", "redis://localhost", "--channel", "a b"], 2, "' ' at place 1");
    for args in [
        &["group-send", "--backend", "redis", "--to", "http://localhost", "g", "{}"][..],
        &["send", "--redis-url", "redis://localhost", "--to", "http://localhost", "c", "{}"],
        &["listen", "--redis-url", "redis://localhost", "--to", "http://localhost"],
        &["listen", "--channel", "c", "--to", "http://localhost"],
    ] {
        let output = command(args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains("cannot be used with"), "{args:?}: {said}");
    }
}

#[test]
fn the_help_has_examples_and_no_secret() {
    for (name, example) in [
        ("serve", "serve --backend redis --redis-url redis://localhost:6379/1"),
        ("send", "send --backend redis --redis-url redis://localhost:6379/1 thumbnails-generate"),
        ("group-send", "group-send --backend redis --redis-url redis://localhost:6379/1 chat.lobby"),
        ("listen", "listen --channel thumbnails-generate --redis-url redis://localhost:6379/1"),
    ] {
        let help = command(&[name, "--help"]).env("REDIS_URL", "redis://:hunter2@cache").output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        assert!(help.contains(example), "{help}");
        assert!(!help.contains("hunter2"), "{help}");
    }
}
