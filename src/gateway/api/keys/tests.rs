//! Keys are found by the whole of them, replaced for every handle, and never shown.

use super::ApiKeys;

const DJANGO: &str = "5f0c2b6e9a7d4c31";
const CRON: &str = "c81d4e2e6b1f4a55:with:colons";

fn keys() -> ApiKeys {
    ApiKeys::parse([format!("django:{DJANGO}"), format!(" cron : {CRON} ")]).unwrap()
}

#[test]
fn a_key_is_found_by_the_whole_of_it() {
    let keys = keys();
    assert_eq!(keys.find(DJANGO).as_deref(), Some("django"));
    assert_eq!(keys.find(CRON).as_deref(), Some("cron"));
    let long = format!("{DJANGO}0");
    for wrong in ["", "django", &DJANGO[..15], &long, "5f0c2b6e9a7d4c32", "django:5f0c2b6e9a7d4c31"] {
        assert_eq!(keys.find(wrong), None, "{wrong:?}");
    }
    assert_eq!(ApiKeys::default().find(DJANGO), None);
}

#[test]
fn a_key_without_a_name_is_named_by_its_place() {
    assert_eq!(ApiKeys::parse(["a:5f0c2b6e9a7d4c31", "c81d4e2e6b1f4a55"]).unwrap().names(), ["a", "key2"]);
}

#[test]
fn replacing_counts_for_every_handle_and_a_mistake_changes_nothing() {
    let (keys, fresh) = (keys(), "0a9d3c77e1f24b86");
    let handle = keys.clone();
    assert!(keys.replace([fresh, "short"]).is_err());
    assert_eq!(handle.find(DJANGO).as_deref(), Some("django"));
    keys.replace([fresh]).unwrap();
    assert_eq!(handle.find(DJANGO), None);
    assert_eq!(handle.find(fresh).as_deref(), Some("key1"));
}

#[test]
fn mistakes_are_told_without_the_key() {
    for (texts, told) in [
        (&["short-key"][..], "\"key1\" is too short"),
        (&["django:short-key"], "\"django\" is too short"),
        (&[":5f0c2b6e9a7d4c31"], "API key 1 has an empty name"),
        (&["a:5f0c2b6e9a7d4c31", "a:c81d4e2e6b1f4a55"], "two API keys are named \"a\""),
    ] {
        let error = ApiKeys::parse(texts).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        assert!(!error.contains("short-key") && !error.contains("5f0c"), "{error}");
    }
}

#[test]
fn a_key_is_never_shown() {
    assert_eq!(format!("{:?}", keys()), r#"ApiKeys(["django", "cron"])"#);
}
