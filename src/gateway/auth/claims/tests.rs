//! What claims mean, and what is refused before a connection keeps it.

use serde_json::{Value as Json, json};

use super::*;
use crate::gateway::Denied;

fn read(claims: &Json) -> Result<Identity, String> {
    let claims: Claims = read_map(claims.to_string().as_bytes()).map_err(|e| e.to_string())?;
    claims.into_identity(Some("ann".into()))
}

fn refused(claims: &Json) -> String {
    read(claims).expect_err("it must be refused")
}

#[test]
fn claims_are_what_is_granted() {
    let identity = read(&json!({
        "groups": [{"pattern": "chat.*", "can": ["join", "send"]}, {"pattern": "news", "can": ["join"]}],
        "channels": [{"pattern": "thumbnails-*", "can": ["send"]}],
        "types": ["chat.*"],
        "join": ["news"],
        "info": {"name": "Ann"},
        "unknown": 1,
    }))
    .unwrap();
    let message = crate::message! { "type": "chat.message" };
    assert_eq!(identity.user.as_deref(), Some("ann"));
    assert!(identity.may_join(&"chat.a".parse().unwrap()).is_ok());
    assert!(identity.may_group_send(&"chat.a".parse().unwrap(), &message).is_ok());
    assert!(identity.may_join(&"news".parse().unwrap()).is_ok());
    assert!(matches!(identity.may_group_send(&"news".parse().unwrap(), &message), Err(Denied::Forbidden(_))));
    assert!(identity.may_send(&"thumbnails-make".parse().unwrap(), &message).is_ok());
    assert_eq!(identity.join, ["news".parse().unwrap()]);
    assert_eq!(identity.info.unwrap().as_map().unwrap().get("name"), Some(&"Ann".into()));
}

#[test]
fn no_claims_grant_nothing() {
    let identity = read(&json!({})).unwrap();
    assert!(identity.may_join(&"g".parse().unwrap()).is_err());
    assert!(identity.join.is_empty() && identity.info.is_none());
}

#[test]
fn a_slip_is_refused_and_named() {
    for (claims, names) in [
        (json!({"groups": ["chat.*"]}), "{\"pattern\": \"chat.*\", \"can\": [\"join\", \"send\"]}"),
        (json!({"groups": [{"pattern": "g"}]}), "missing field `can`"),
        (json!({"groups": [{"pattern": "g", "can": ["write"]}]}), "\"write\" in \"can\" of \"groups\""),
        (json!({"groups": [{"pattern": "g", "can": [], "cna": []}]}), "cna"),
        (json!({"channels": [{"pattern": "c", "can": ["join"]}]}), "there is send"),
        (json!({"types": "chat.*"}), "expected a sequence"),
        (json!({"join": ["a b"]}), "' ' at place 1"),
        (json!([[]]), "no JSON map"),
    ] {
        let reason = refused(&claims);
        assert!(reason.contains(names), "{claims}: {reason}");
    }
}

#[test]
fn everything_has_a_bound() {
    let grant = |pattern: &str| json!({"pattern": pattern, "can": ["join"]});
    let many = |n: usize| (0..n).map(|n| format!("g{n}")).collect::<Vec<_>>();
    assert!(read(&json!({"groups": [grant(&"a".repeat(128))], "types": many(255), "join": many(128)})).is_ok());
    assert!(refused(&json!({"groups": [grant(&"a".repeat(129))]})).contains("129 bytes"));
    assert!(refused(&json!({"groups": [grant("a")], "types": many(256)})).contains("257 patterns"));
    assert!(refused(&json!({"join": many(129)})).contains("129 groups"));
    assert!(read(&json!({"info": "a".repeat(4094)})).is_ok());
    assert!(refused(&json!({"info": "a".repeat(4095)})).contains("4097 bytes"));
    for (length, fits) in [(0, false), (1, true), (256, true), (257, false)] {
        assert_eq!(Claims::default().into_identity(Some("u".repeat(length))).is_ok(), fits, "{length}");
    }
    assert_eq!(Claims::default().into_identity(None).unwrap().user, None);
}
