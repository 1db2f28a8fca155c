//! Which answers are a yes, which are a no, and which are neither.

use serde_json::{Value as Json, json};

use super::*;

fn answer(status: u16, body: &str) -> Result<Answer, String> {
    read(&Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap())
}

fn decided(body: &Json) -> Decided {
    answer(200, &body.to_string()).unwrap().decided
}

#[test]
fn a_map_is_a_yes() {
    let body = json!({"user": "ann", "token": "session 7", "expires_in": 1.5, "cache": 30,
        "groups": [{"pattern": "chat.*", "can": ["join"]}], "join": ["news"]});
    let answer = answer(200, &body.to_string()).unwrap();
    assert_eq!(answer.cache, Some(Duration::from_secs(30)));
    let identity = answer.decided.unwrap();
    assert_eq!((identity.user.as_deref(), identity.token.as_deref()), (Some("ann"), Some("session 7")));
    assert_eq!(identity.expires, Some(Duration::from_millis(1500)));
    assert!(identity.may_join(&"chat.a".parse().unwrap()).is_ok());
    assert_eq!(identity.join.len(), 1);
    assert_eq!(decided(&json!({})).unwrap().user, None);
}

#[test]
fn a_no_says_why() {
    assert_eq!(decided(&json!({"denied": "banned"})).unwrap_err(), Denied::Forbidden("banned".into()));
    assert_eq!(decided(&json!({"denied": "", "user": "ann"})).unwrap_err(), Denied::Forbidden(String::new()));
    assert!(matches!(answer(401, "").unwrap().decided, Err(Denied::Unauthorized(_))));
    assert!(matches!(answer(403, "<html>").unwrap().decided, Err(Denied::Forbidden(_))));
}

#[test]
fn anything_else_is_no_decision() {
    for (status, body) in [
        (200, ""),
        (200, "<html>welcome</html>"),
        (200, "[]"),
        (200, "null"),
        (200, "true"),
        (200, r#"{"user": 7}"#),
        (200, r#"{"groups": ["chat"]}"#),
        (200, r#"{"expires_in": -1}"#),
        (200, r#"{"cache": -1}"#),
        (201, "{}"),
        (204, ""),
        (302, "{}"),
        (404, "{}"),
        (500, "{}"),
    ] {
        assert!(answer(status, body).is_err(), "{status} {body}");
    }
}
