//! When, for whom and by whom: what a token with the right signature must say besides.

use std::time::Duration;

use super::*;

fn config() -> TokenConfig {
    TokenConfig::default().with_key(Vector::of("HS256").key())
}

fn with(config: TokenConfig) -> TokenAuthorizer {
    TokenAuthorizer::new(config).unwrap()
}

fn signed(claims: &Json) -> String {
    Vector::of("HS256").signing().sign(claims).unwrap()
}

/// A token that ends, with these claims beside.
fn lasting(claims: Json) -> String {
    token(&Vector::of("HS256").signing(), claims)
}

#[tokio::test]
async fn times_are_kept_give_or_take_the_leeway() {
    let strict = with(config().with_leeway(Duration::ZERO));
    let lenient = with(config().with_leeway(Duration::from_secs(60)));
    for (claims, at_once, in_a_minute) in [
        (json!({"exp": seconds_from_now(30)}), None, None),
        (json!({"exp": seconds_from_now(-30)}), Some("expired"), None),
        (json!({"exp": seconds_from_now(-90)}), Some("expired"), Some("expired")),
        (json!({"exp": -1e300}), Some("expired"), Some("expired")),
        (json!({"exp": 1e300}), None, None),
        (json!({"exp": seconds_from_now(90), "nbf": seconds_from_now(30)}), Some("not_yet_valid"), None),
        (
            json!({"exp": seconds_from_now(90), "nbf": seconds_from_now(80)}),
            Some("not_yet_valid"),
            Some("not_yet_valid"),
        ),
        (json!({"exp": seconds_from_now(90), "iat": seconds_from_now(30)}), Some("not_yet_valid"), None),
        (json!({"exp": seconds_from_now(90), "iat": seconds_from_now(-30)}), None, None),
        (json!({"exp": seconds_from_now(90) as f64 + 0.5}), None, None),
        (json!({}), Some("claims"), Some("claims")),
        (json!({"exp": "tomorrow"}), Some("claims"), Some("claims")),
        (json!({"exp": null}), Some("claims"), Some("claims")),
    ] {
        for (authorizer, expected) in [(&strict, at_once), (&lenient, in_a_minute)] {
            match expected {
                None => drop(ask(authorizer, &signed(&claims)).await.unwrap_or_else(|e| panic!("{claims}: {e}"))),
                Some(reason) => assert_eq!(refused(authorizer, &signed(&claims)).await, reason, "{claims}"),
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_was_good_once_is_told_apart() {
    let authorizer = with(config());
    let expired = ask(&authorizer, &signed(&json!({"exp": 1}))).await;
    assert_eq!(expired.unwrap_err(), Denied::Expired("the token's time is over".into()));
    let forged = SigningKey::secret([7; 32]).unwrap().sign(&json!({"exp": 1})).unwrap();
    assert!(matches!(ask(&authorizer, &forged).await, Err(Denied::Unauthorized(_))), "a forged one tells nothing");
}

#[tokio::test]
async fn what_is_left_of_the_time_is_the_connections() {
    let authorizer = &with(config());
    let left = |claims: Json| async move { ask(authorizer, &signed(&claims)).await.unwrap().expires };
    let hour = left(json!({"exp": seconds_from_now(3600)})).await.unwrap();
    assert!((3590..=3600).contains(&hour.as_secs()), "{hour:?}");
    let last = left(json!({"exp": seconds_from_now(-5)})).await.unwrap();
    assert!(last > Duration::ZERO && last <= Duration::from_secs(5), "{last:?}");
    let endless = with(config().with_require_expiry(false));
    assert_eq!(ask(&endless, &signed(&json!({}))).await.unwrap().expires, None);
}

#[tokio::test]
async fn a_token_for_somebody_else_is_not_for_us() {
    let nobody = with(config());
    let chat = with(config().with_audience("chat").with_audience("talk"));
    for (audience, for_nobody, for_chat) in [
        (Json::Null, true, false),
        (json!("chat"), false, true),
        (json!(["mail", "talk"]), false, true),
        (json!("mail"), false, false),
        (json!(["mail"]), false, false),
        (json!([]), false, false),
        (json!("Chat"), false, false),
    ] {
        let mut claims = json!({"sub": "ann"});
        if !audience.is_null() {
            claims["aud"] = audience.clone();
        }
        for (authorizer, good) in [(&nobody, for_nobody), (&chat, for_chat)] {
            match good {
                true => assert!(ask(authorizer, &lasting(claims.clone())).await.is_ok(), "{audience}"),
                false => assert_eq!(refused(authorizer, &lasting(claims.clone())).await, "audience", "{audience}"),
            }
        }
    }
    assert_eq!(refused(&chat, &lasting(json!({"aud": 7}))).await, "claims");
}

#[tokio::test]
async fn an_issuer_is_one_of_those_that_are_trusted() {
    let authorizer = with(config().with_issuer("https://a.example").with_issuer("https://b.example"));
    assert!(ask(&authorizer, &lasting(json!({"iss": "https://b.example"}))).await.is_ok());
    for claims in [json!({}), json!({"iss": "https://c.example"}), json!({"iss": "https://a.example/"})] {
        assert_eq!(refused(&authorizer, &lasting(claims)).await, "issuer");
    }
}

#[tokio::test]
async fn the_identity_is_what_the_claims_say() {
    let authorizer = with(config());
    let identity = ask(&authorizer, &lasting(json!({"sub": "ann", "jti": "t1", "join": ["news"]}))).await.unwrap();
    assert_eq!(identity.user.as_deref(), Some("ann"));
    assert_eq!(identity.token.as_deref(), Some("t1"));
    assert_eq!(identity.join, ["news".parse().unwrap()]);
    let guest = ask(&authorizer, &lasting(json!({"groups": [{"pattern": "*", "can": ["join"]}]}))).await.unwrap();
    assert_eq!(guest.user, None);
    assert!(guest.may_join(&"g".parse().unwrap()).is_ok());
    for claims in [json!({"sub": 7}), json!({"sub": ""}), json!({"groups": ["staff"]}), json!({"join": ["a b"]})] {
        assert_eq!(refused(&authorizer, &lasting(claims)).await, "claims");
    }
    for no_map in [json!([]), json!("ann"), json!(["ann", "t1"])] {
        assert_eq!(refused(&authorizer, &signed(&no_map)).await, "claims");
    }
}

#[tokio::test]
async fn grants_may_stand_under_a_claim_of_their_own() {
    let authorizer = with(config().with_claim("https://chat.example/grants"));
    let grants = json!({"groups": [{"pattern": "chat.*", "can": ["join"]}]});
    let claims = json!({"sub": "ann", "groups": ["staff"], "https://chat.example/grants": grants});
    let identity = ask(&authorizer, &lasting(claims)).await.unwrap();
    assert!(identity.may_join(&"chat.a".parse().unwrap()).is_ok());
    let identity = ask(&authorizer, &lasting(json!({"sub": "ann", "groups": ["staff"]}))).await.unwrap();
    assert!(identity.may_join(&"chat.a".parse().unwrap()).is_err());
}

#[tokio::test]
async fn a_token_may_come_in_a_header_and_counts_once() {
    let authorizer = with(config());
    let token = lasting(json!({"sub": "ann"}));
    let mut credentials = Credentials::default();
    assert!(matches!(authorizer.connect(&credentials).await, Err(Denied::Unauthorized(_))));
    assert_eq!(authorizer.stats().refused["missing"], 1);
    credentials.headers.insert("authorization", format!("bearer {token}").parse().unwrap());
    assert_eq!(authorizer.connect(&credentials).await.unwrap().user.as_deref(), Some("ann"));
    assert_eq!(authorizer.stats().accepted, 1);
    credentials.token = Some("nonsense".into());
    assert!(authorizer.connect(&credentials).await.is_err(), "the frame's token counts first");
    credentials.token = None;
    credentials.headers.insert("authorization", format!("Basic {token}").parse().unwrap());
    assert!(authorizer.connect(&credentials).await.is_err());
    assert!(!format!("{credentials:?}").contains(&token));
}
