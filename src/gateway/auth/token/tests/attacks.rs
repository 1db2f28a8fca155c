//! Tokens by people who have no key, and what keeps them out.

use super::*;

fn raw(header: &Json, claims: &Json, signature: &[u8]) -> String {
    let part = |json: &Json| jws::encode(json.to_string().as_bytes());
    format!("{}.{}.{}", part(header), part(claims), jws::encode(signature))
}

fn claims() -> Json {
    json!({"sub": "root", "exp": seconds_from_now(60)})
}

#[tokio::test]
async fn none_is_no_algorithm() {
    let authorizer = authorizer(Vector::all().iter().map(Vector::key));
    for name in ["none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", "PS256", "ES256K", "dir"] {
        for signature in [&b""[..], b"x"] {
            let token = raw(&json!({"alg": name}), &claims(), signature);
            assert_eq!(refused(&authorizer, &token).await, "algorithm", "{name:?}");
        }
    }
}

/// The attack of old: what everybody may know, the public key, taken for the secret of an HMAC.
#[tokio::test]
async fn a_public_key_is_no_secret() {
    for vector in Vector::all().into_iter().filter(|vector| vector.public.is_some()) {
        let pem = vector.public.clone().unwrap();
        let authorizer = authorizer([vector.key()]);
        for secret in [pem.clone(), pem.trim().to_owned(), format!("{pem}\n")] {
            for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
                let key = SigningKey::secret(secret.as_str()).unwrap().with_algorithm(algorithm).unwrap();
                assert_eq!(refused(&authorizer, &token(&key, claims())).await, "unknown_key", "{}", vector.alg);
            }
        }
    }
}

/// And the other way round: a signature by the attacker's own key, told apart by nothing but the header.
#[tokio::test]
async fn a_secret_is_no_public_key() {
    let secret = authorizer([Vector::of("HS512").key()]);
    for vector in Vector::all().into_iter().filter(|vector| vector.public.is_some()) {
        assert_eq!(refused(&secret, &token(&vector.signing(), claims())).await, "unknown_key", "{}", vector.alg);
    }
}

#[tokio::test]
async fn a_curve_is_not_taken_for_another() {
    let curves = ["ES256", "ES384", "ES512"].map(Vector::of);
    for own in &curves {
        for other in curves.iter().filter(|other| other.alg != own.alg) {
            let authorizer = authorizer([own.key()]);
            let foreign = token(&other.signing(), claims());
            assert_eq!(refused(&authorizer, &foreign).await, "unknown_key");
            // The same under the algorithm that the key is for.
            let (_, rest) = foreign.split_once('.').unwrap();
            let header = jws::encode(json!({"alg": own.alg}).to_string().as_bytes());
            assert_eq!(refused(&authorizer, &format!("{header}.{rest}")).await, "signature");
        }
    }
}

/// CVE-2022-21449: the signature of two zeros.
#[tokio::test]
async fn zeros_are_no_signature() {
    for vector in Vector::all() {
        let authorizer = authorizer([vector.key()]);
        for length in [0, 32, 48, 64, 96, 132, 256] {
            let token = raw(&json!({"alg": vector.alg}), &claims(), &vec![0; length]);
            assert_eq!(refused(&authorizer, &token).await, "signature", "{} {length}", vector.alg);
        }
    }
}

#[tokio::test]
async fn keys_that_a_token_brings_along_are_not_used() {
    let vector = Vector::of("ES256");
    let attacker = SigningKey::secret([7; 64]).unwrap();
    let authorizer = authorizer([vector.key()]);
    let signed = token(&attacker, claims());
    let (_, rest) = signed.split_once('.').unwrap();
    for (name, value) in [("jwk", json!({"kty": "oct", "k": "BwcH"})), ("jku", json!("http://127.0.0.1:1/"))] {
        let header = jws::encode(json!({"alg": "HS256", name: value}).to_string().as_bytes());
        assert_eq!(refused(&authorizer, &format!("{header}.{rest}")).await, "unknown_key");
    }
}

#[tokio::test]
async fn a_key_has_a_name_or_is_for_all() {
    let sign = |id: &str| Vector::of("HS256").signing().with_id(id);
    let named = authorizer([Vector::of("HS256").key().with_id("new"), Key::secret([7; 32]).unwrap().with_id("old")]);
    assert!(ask(&named, &token(&sign("new"), claims())).await.is_ok());
    assert_eq!(refused(&named, &token(&sign("old"), claims())).await, "signature");
    assert_eq!(refused(&named, &token(&sign("newer"), claims())).await, "unknown_key");
    assert!(
        ask(&named, &token(&Vector::of("HS256").signing(), claims())).await.is_ok(),
        "without a name all are tried"
    );
    let unnamed = authorizer([Vector::of("HS256").key()]);
    assert!(ask(&unnamed, &token(&sign("any"), claims())).await.is_ok());
}

#[tokio::test]
async fn what_is_no_token_is_said_to_be_none() {
    let authorizer = authorizer([Vector::of("HS256").key()]);
    let good = token(&Vector::of("HS256").signing(), claims());
    assert!(ask(&authorizer, &good).await.is_ok());
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!() };
    for bad in [
        String::new(),
        ".".into(),
        "..".into(),
        format!("{header}.{payload}"),
        format!("{good}.{signature}"),
        format!("{header}..{payload}.{signature}"),
        format!("{header}.{payload}.{signature}="),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{header}.{payload}.{signature}!"),
        raw(&json!(["HS256", null]), &claims(), b""),
        raw(&json!({}), &claims(), b""),
        raw(&json!({"alg": 256}), &claims(), b""),
        raw(&json!({"alg": "HS256", "crit": ["exp"]}), &claims(), b""),
        raw(&json!({"alg": "HS256", "crit": null}), &claims(), b""),
        format!("{}.{payload}.{signature}", jws::encode(br#"{"alg":"HS256","alg":"none"}"#)),
    ] {
        assert_eq!(refused(&authorizer, &bad).await, "malformed", "{bad}");
    }
}

#[tokio::test]
async fn a_token_has_a_length() {
    let key = Vector::of("HS256");
    let limit = token(&key.signing(), claims()).len();
    let config = TokenConfig::default().with_key(key.key()).with_token_limit(limit);
    let authorizer = TokenAuthorizer::new(config).unwrap();
    assert!(ask(&authorizer, &token(&key.signing(), claims())).await.is_ok());
    assert_eq!(refused(&authorizer, &token(&key.signing(), json!({"sub": "root2"}))).await, "too_large");
}

proptest::proptest! {
    /// Nothing that somebody makes up is a token, and nothing of it makes the reader panic.
    #[test]
    fn no_text_is_a_token_by_chance(text in r"[A-Za-z0-9_\-=.\PC]{0,200}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let authorizer = authorizer([Vector::of("HS256").key()]);
        proptest::prop_assert!(runtime.block_on(ask(&authorizer, &text)).is_err());
    }

    /// A token is taken apart into what it was put together of.
    #[test]
    fn parts_are_read_as_they_were_written(
        kid in proptest::option::of(".{0,40}"),
        payload: Vec<u8>,
        signature: Vec<u8>,
    ) {
        let header = match &kid {
            Some(kid) => json!({"alg": "HS256", "kid": kid}),
            None => json!({"alg": "HS256"}),
        };
        let signed = format!("{}.{}", jws::encode(header.to_string().as_bytes()), jws::encode(&payload));
        let token = format!("{signed}.{}", jws::encode(&signature));
        let jws = Jws::parse(&token, token.len()).unwrap();
        proptest::prop_assert_eq!(&jws.header.kid, &kid);
        proptest::prop_assert_eq!(jws.signed, signed.as_bytes());
        proptest::prop_assert_eq!(&jws.payload, &payload);
        proptest::prop_assert_eq!(&jws.signature, &signature);
        proptest::prop_assert_eq!(jws.whole_header(), header);
    }
}
