//! Which layer the environment asks for, and what is said about it.

use std::ffi::OsString;

use crate::config::env::{Choice, choose};
use crate::{ErrorKind, Result};

const MEMORY: &str = r#"{"default": {"BACKEND": "memory"}}"#;

fn chosen(variables: &[(&str, &str)]) -> Result<Choice> {
    let get = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| OsString::from(value));
    Ok(choose(get, None)?)
}

#[test]
fn the_first_that_is_set_decides() {
    for (variables, said) in [
        (
            &[] as &[(&str, &str)],
            "channel layer \"default\": memory (serves this process only), because neither CHANNEL_LAYERS nor \
             USE_INMEMORY_CHANNELS nor REDIS_URL is set",
        ),
        (
            &[("REDIS_URL", "redis://:secret@cache/1")],
            "channel layer \"default\": redis at cache:6379/1, because REDIS_URL says so",
        ),
        (
            &[("USE_INMEMORY_CHANNELS", "true"), ("REDIS_URL", "redis://cache")],
            "channel layer \"default\": memory (serves this process only), because USE_INMEMORY_CHANNELS says so",
        ),
        (
            &[("USE_INMEMORY_CHANNELS", "false"), ("REDIS_URL", "redis://cache")],
            "channel layer \"default\": redis at cache:6379, because REDIS_URL says so",
        ),
        (
            &[("CHANNEL_LAYERS", MEMORY), ("USE_INMEMORY_CHANNELS", "nonsense"), ("REDIS_URL", "nonsense")],
            "channel layer \"default\": memory (serves this process only), because CHANNEL_LAYERS says so",
        ),
        (
            &[("CHANNEL_LAYERS", ""), ("USE_INMEMORY_CHANNELS", ""), ("REDIS_URL", "redis://cache")],
            "channel layer \"default\": redis at cache:6379, because REDIS_URL says so",
        ),
        (
            &[(
                "CHANNEL_LAYERS",
                r#"{"default": {"BACKEND": "redis-pubsub", "CONFIG": {"hosts": [["a", 1], ["b", 2]]}},
                    "jobs": {"BACKEND": "memory"}}"#,
            )],
            "channel layer \"default\": redis-pubsub at a:1 and b:2, \"jobs\": memory (serves this process only), because \
             CHANNEL_LAYERS says so",
        ),
    ] {
        assert_eq!(chosen(variables).unwrap().to_string(), said, "{variables:?}");
    }
}

#[test]
fn flags_are_read_as_python_decouple_reads_them() {
    for (value, memory) in [
        ("y", true),
        ("Yes", true),
        ("t", true),
        ("TRUE", true),
        ("on", true),
        ("1", true),
        ("n", false),
        ("no", false),
        ("f", false),
        ("False", false),
        ("OFF", false),
        ("0", false),
    ] {
        let choice = chosen(&[("USE_INMEMORY_CHANNELS", value), ("REDIS_URL", "redis://cache")]).unwrap();
        assert_eq!(choice.layers.get("default").unwrap().name() == "memory", memory, "{value}");
    }
}

#[test]
fn what_cannot_be_read_is_no_reason_to_fall_back() {
    for (variables, text) in [
        (&[("USE_INMEMORY_CHANNELS", "2")] as &[(&str, &str)], "USE_INMEMORY_CHANNELS: must be true or false"),
        (&[("USE_INMEMORY_CHANNELS", "2"), ("REDIS_URL", "redis://cache")], "USE_INMEMORY_CHANNELS: must be"),
        (&[("REDIS_URL", "cache:6379")], "REDIS_URL: not the URL of a Redis"),
        (&[("CHANNEL_LAYERS", "redis")], "CHANNEL_LAYERS: is not JSON"),
        (&[("CHANNEL_LAYERS", "{}"), ("REDIS_URL", "redis://cache")], "CHANNEL_LAYERS: is empty"),
    ] {
        let error = chosen(variables).err().unwrap_or_else(|| panic!("{variables:?}"));
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().starts_with(text), "{variables:?}: {error}");
    }
}

#[test]
#[cfg(unix)]
fn a_variable_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let choice = choose(|name| (name == "REDIS_URL").then(|| OsString::from_vec(vec![0xff])), None);
    assert_eq!(choice.err().unwrap().to_string(), "REDIS_URL: is not UTF-8");
}

#[test]
fn memory_that_is_not_wanted_is_warned_of() {
    let choice = chosen(&[("USE_INMEMORY_CHANNELS", "false")]).unwrap();
    assert!(
        choice.to_string().ends_with("memory (serves this process only), because REDIS_URL is not set"),
        "{choice}"
    );
    let warning = choice.warning().unwrap();
    assert!(warning.starts_with("USE_INMEMORY_CHANNELS is false") && warning.contains("set REDIS_URL"), "{warning}");
}

#[test]
fn a_platform_that_scales_out_is_warned_of_memory() {
    let on_cloud_run = ("K_SERVICE", "chat");
    let warning = chosen(&[on_cloud_run]).unwrap().warning().unwrap();
    assert!(warning.contains("K_SERVICE") && warning.contains("set REDIS_URL"), "{warning}");
    assert!(chosen(&[on_cloud_run, ("CHANNEL_LAYERS", MEMORY)]).unwrap().warning().is_some());
    assert_eq!(chosen(&[on_cloud_run, ("REDIS_URL", "redis://cache")]).unwrap().warning(), None);
    assert_eq!(chosen(&[("K_SERVICE", "")]).unwrap().warning(), None);
    assert_eq!(chosen(&[]).unwrap().warning(), None);
}
