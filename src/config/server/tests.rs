//! Each setting from each source, what counts more, and what is said when something is wrong. The tests go over the table, so
//! a new entry is tested as it is.

use super::sources::{Origin, Resolved, Sources};
use super::{Setting, Shape, default_toml};
use crate::config::Problems;

/// Two values that differ from each other; neither is checked against anything else.
fn samples(setting: &Setting) -> [&'static str; 2] {
    match (setting.key(), setting.placeholder()) {
        ("log_format", _) => ["json", "text"],
        (_, "BOOL") => ["true", "false"],
        (_, "NUMBER") => ["3", "4"],
        (_, "BYTES") => ["3KiB", "4KiB"],
        (_, "TIME") => ["3s", "400ms"],
        ("token_secret", _) => ["a secret of at least thirty-two bytes", "another one of at least thirty-two bytes"],
        (_, "SECRET") => ["first:0123456789abcdef", "second:0123456789abcdef"],
        (_, "ADDRESS") => ["10.0.0.0/8", "::1"],
        (_, "ALGORITHM") => ["ES256", "EdDSA"],
        (_, "HEADER") => ["cookie", "x-own"],
        (_, "URL") => ["http://one", "http://two"],
        (_, "GLOB" | "TEXT" | "FILTER" | "FILE" | "HOST:PORT") => ["one", "two"],
        (key, placeholder) => panic!("{key}: there are no samples of {placeholder}"),
    }
}

/// The sources, from the least to the most that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    File,
    Variable,
    Flag,
}

/// What comes of one setting, said in some places.
fn resolved(setting: &Setting, said: &[(Place, &str)]) -> Resolved {
    let at = |place| said.iter().find(|(own, _)| *own == place).map(|(_, value)| *value);
    let variable = at(Place::Variable).map(|value| (setting.variable(), value));
    let mut sources = Sources::new(variable);
    // Some settings need another.
    for (one, other) in [("tls_cert", "tls_key"), ("tls_key", "tls_cert"), ("join_url", "connect_url")] {
        if setting.key() == one {
            sources.flag(other, ["other"]);
        }
    }
    let value = at(Place::File).map(|value| match setting.shape() {
        Shape::Many => format!("[{value:?}]"),
        _ => format!("{value:?}"),
    });
    sources.toml(value.map_or(String::new(), |value| format!("[gateway]\n{} = {value}\n", setting.key())));
    if let Some(value) = at(Place::Flag) {
        sources.flag(setting.key(), [value]);
    }
    sources.resolve().unwrap_or_else(|problems| panic!("{said:?}: {problems}"))
}

/// The line that `config show` has for a setting.
fn line(resolved: &Resolved, setting: &Setting) -> String {
    let start = format!("{} = ", setting.key());
    resolved.to_toml().lines().find(|line| line.starts_with(&start)).unwrap().to_owned()
}

/// Whether a setting has the value that it has when only this is said.
fn says(resolved: &Resolved, setting: &Setting, value: &str) -> bool {
    let only = self::resolved(setting, &[(Place::Flag, value)]);
    let value = |resolved: &Resolved| line(resolved, setting).split("  #").next().unwrap().to_owned();
    value(resolved) == value(&only)
}

fn problems(sources: &Sources) -> Vec<String> {
    let problems: Problems = sources.resolve().err().unwrap_or_default();
    problems.iter().map(str::to_owned).collect()
}

#[test]
fn each_setting_is_read_from_each_source_and_the_one_that_counts_more_decides() {
    let places = [Place::File, Place::Variable, Place::Flag];
    for setting in Setting::all() {
        let [low, high] = samples(setting);
        for (at, &place) in places.iter().enumerate() {
            let alone = resolved(setting, &[(place, high)]);
            assert!(says(&alone, setting, high), "{place:?}: {}", line(&alone, setting));
            let origin = alone.origins().find(|(own, _)| own.key() == setting.key()).unwrap().1.clone();
            let expected = match place {
                Place::File => Origin::File(String::new()),
                Place::Variable => Origin::Variable(setting.variable()),
                Place::Flag => Origin::Flag(format!("--{}", setting.flag())),
            };
            assert_eq!(origin, expected, "{}", setting.key());
            for &lower in &places[..at] {
                for (first, second) in [(low, high), (high, low)] {
                    let both = resolved(setting, &[(lower, first), (place, second)]);
                    assert!(says(&both, setting, second), "{place:?} over {lower:?}: {}", line(&both, setting));
                }
            }
        }
    }
}

#[test]
fn every_setting_has_a_name_of_its_own_and_a_sentence() {
    for (at, setting) in Setting::all().iter().enumerate() {
        assert!(Setting::all()[..at].iter().all(|other| other.key() != setting.key()), "{}", setting.key());
        assert!(setting.help().ends_with('.'), "{}: {}", setting.key(), setting.help());
        assert!(!setting.heading().is_empty(), "{}", setting.key());
    }
}

#[test]
fn the_file_of_defaults_says_every_setting_and_changes_none() {
    let file = default_toml();
    let mut sources = Sources::default();
    sources.toml(&file);
    let mut nothing = Sources::default();
    nothing.toml("");
    let (read, defaults) = (sources.resolve().unwrap(), nothing.resolve().unwrap());
    for (setting, origin) in read.origins() {
        assert_eq!(*origin, Origin::File(String::new()), "{} is not in the file", setting.key());
        let value = |resolved: &Resolved| line(resolved, setting).split("  #").next().unwrap().to_owned();
        assert_eq!(value(&read).trim(), value(&defaults).trim());
        assert!(file.contains(setting.help()), "{}", setting.key());
    }
    assert_eq!(format!("{:?}", read.config()), format!("{:?}", defaults.config()));
}

#[test]
fn the_variables_of_others_count_less_than_ours_and_more_than_the_file() {
    let listen = |variables: &[(&str, &str)]| {
        let mut sources = Sources::new(variables.iter().copied());
        sources.toml("[gateway]\nlisten = \"file:1\"");
        let resolved = sources.resolve().unwrap();
        let origin = resolved.origins().find(|(setting, _)| setting.key() == "listen").unwrap().1.to_string();
        (resolved.config().listen.clone(), origin)
    };
    assert_eq!(listen(&[("PORT", "8080")]), ("0.0.0.0:8080".into(), "PORT".into()));
    assert_eq!(listen(&[("PORT", "")]), ("file:1".into(), "".into()));
    let both = [("CHANNEL_LAYERS_LISTEN", "own:1"), ("PORT", "8080")];
    assert_eq!(listen(&both), ("own:1".into(), "CHANNEL_LAYERS_LISTEN".into()));
    let log = Sources::new([("RUST_LOG", "debug")]).resolve().unwrap();
    assert_eq!(log.config().log, "debug");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let mut sources = Sources::new([
        ("CHANNEL_LAYERS_PONG", "soon"),
        ("CHANNEL_LAYERS_COMPRESSION", "perhaps"),
        ("CHANNEL_LAYERS_MAX_CONNECTIONS", "0"),
        ("REDIS_URL", "cache:6379"),
    ]);
    sources.toml(
        r#"
        [gateway]
        frame_limt = 1
        frame_limit = "64KB"
        volatile = "cursor.*"
        ping = 0
        log_format = "xml"
        listen = 8000
        [gatway]
        [layers.default]
        backend = "redis"
        hsots = []
        "#,
    );
    sources.flag("tls_key", ["server.key"]);
    sources.flag("ping", ["-1"]);
    sources.flag("ping", ["20s"]);
    let found = problems(&sources);
    for expected in [
        "gateway.frame_limt: there is no such setting; did you mean \"frame_limit\"?",
        "gateway.frame_limit: must be a size above 0, such as 65536, 64KiB or 1MiB",
        "gateway.volatile: must be a list, not a text",
        "gateway.ping: must be a time above 0, such as 10 (seconds), 10s, 500ms or 1m",
        "gateway.log_format: must be text or json",
        "gateway.listen: must be a text",
        "gatway: there is no such table; did you mean \"gateway\"?",
        "layers.default.hsots: there is no such setting; did you mean \"hosts\"?",
        "CHANNEL_LAYERS_PONG: must be a time above 0, such as 10 (seconds), 10s, 500ms or 1m",
        "CHANNEL_LAYERS_COMPRESSION: must be true or false",
        "CHANNEL_LAYERS_MAX_CONNECTIONS: must be a whole number from 1 on",
        "tls_cert and tls_key: need each other: name the certificate's file and its key's",
        "--ping: must be a time above 0, such as 10 (seconds), 10s, 500ms or 1m",
    ] {
        assert!(found.iter().any(|problem| problem == expected), "{expected:?} is not in {found:#?}");
    }
    assert!(found.iter().any(|problem| problem.starts_with("REDIS_URL: not the URL of a Redis")), "{found:#?}");
    assert_eq!(found.len(), 14, "{found:#?}");
}

#[test]
fn secrets_are_read_and_never_shown() {
    let mut sources = Sources::new([
        ("CHANNEL_LAYERS_API_KEYS", "django:hunter2hunter2hunter2, cron:swordfishswordfish"),
        ("CHANNEL_LAYERS_TOKEN_SECRET", "correct horse battery staple, and more"),
    ]);
    sources.toml("[gateway]\nadmin_keys = [\"hunter3hunter3hunter3\"]");
    let resolved = sources.resolve().unwrap();
    let keys: Vec<_> = resolved.config().api_keys.iter().map(|key| key.reveal()).collect();
    assert_eq!(keys, ["django:hunter2hunter2hunter2", "cron:swordfishswordfish"]);
    let shown = format!("{}{resolved:?}{sources:?}", resolved.to_toml());
    assert!(shown.contains("api_keys = [\"<secret>\", \"<secret>\"]"), "{shown}");
    for secret in ["hunter", "swordfish", "correct horse"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    sources.flag("token_secret", ["hunter4"]);
    let found = problems(&sources);
    assert!(found.len() == 1 && found[0].starts_with("token_secret: ") && !found[0].contains("hunter"), "{found:?}");
}

#[test]
fn who_says_who_clients_are_is_one() {
    let mut sources = Sources::default();
    sources.toml("[gateway]\njoin_url = \"http://localhost/join\"");
    assert_eq!(problems(&sources), ["join_url: needs connect_url, which says who the client is"]);
    sources.toml("[gateway]\nconnect_url = \"http://localhost/connect\"\njwks_url = [\"https://localhost/keys\"]");
    assert_eq!(problems(&sources), ["connect_url: stands for tokens, which are set up too: leave out one of the two"]);
}

#[test]
fn a_variable_that_is_no_setting_is_answered_with_the_nearest() {
    let sources = Sources::new([
        ("CHANNEL_LAYERS_FRAME_LIMT", "1"),
        ("CHANNEL_LAYERS_PING", "1"),
        ("CHANNEL_LAYERS_CONFIG", ""),
        ("CHANNEL_LAYERS_SERVICE_HOST", "10.0.0.1"),
        ("CHANNEL_LAYERS_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("OTHERS_FRAME_LIMT", "1"),
    ]);
    let expected = "CHANNEL_LAYERS_FRAME_LIMT: there is no such setting; did you mean \"CHANNEL_LAYERS_FRAME_LIMIT\"?";
    assert_eq!(sources.unknown_variables(), [expected]);
}

#[test]
fn a_file_that_is_no_toml_is_told_the_line_and_not_quoted() {
    let mut sources = Sources::default();
    sources.toml("[gateway]\nlisten = hunter2\n");
    let found = problems(&sources);
    assert!(matches!(&found[..], [one] if one.starts_with("the file: line 2 is not TOML")), "{found:?}");
    assert!(!found[0].contains("hunter2"), "{found:?}");
    sources.file("/nowhere/channel-layers.toml");
    let found = problems(&sources);
    assert!(found[0].starts_with("/nowhere/channel-layers.toml: cannot be read: "), "{found:?}");
}

#[test]
fn the_layers_of_the_file_count_less_than_those_of_the_environment() {
    let layers = |variables: &[(&str, &str)]| {
        let mut sources = Sources::new(variables.iter().copied());
        sources.toml("[layers.default]\nbackend = \"redis-pubsub\"\nhosts = [\"redis://file\"]");
        sources.resolve().unwrap().layers_line()
    };
    assert!(layers(&[]).contains("redis-pubsub at file:6379"), "{}", layers(&[]));
    assert!(layers(&[("REDIS_URL", "redis://own")]).contains("redis at own:6379"));
    assert!(layers(&[("USE_INMEMORY_CHANNELS", "1")]).contains("memory"));
    assert!(layers(&[("USE_INMEMORY_CHANNELS", "0")]).contains("redis-pubsub at file:6379"));
}
