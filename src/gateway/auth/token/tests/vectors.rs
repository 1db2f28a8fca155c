//! Every algorithm, both ways: what openssl and Python have signed, and what is signed here.

use super::*;

#[tokio::test]
async fn a_token_is_accepted_with_its_key_and_with_no_other() {
    let vectors = Vector::all();
    assert_eq!(vectors.iter().map(Vector::algorithm).collect::<Vec<_>>(), Algorithm::ALL);
    for owner in &vectors {
        let authorizer = authorizer([owner.key()]);
        for vector in &vectors {
            let identity = ask(&authorizer, &vector.token).await;
            // The keys of a family are the same, and sign with each of its algorithms.
            let own = vector.public == owner.public && vector.secret == owner.secret;
            assert_eq!(identity.is_ok(), own, "{} with the key of {}", vector.alg, owner.alg);
            if let Ok(identity) = identity {
                assert_eq!(identity.user.as_deref(), Some("ann"));
                assert!(identity.may_join(&"chat.lobby".parse().unwrap()).is_ok());
            }
        }
    }
}

#[tokio::test]
async fn the_list_of_algorithms_is_kept() {
    for vector in Vector::all() {
        for allowed in Algorithm::ALL {
            let config = TokenConfig::default().with_key(vector.key()).with_algorithms([allowed]);
            let authorizer = TokenAuthorizer::new(config).unwrap();
            match allowed == vector.algorithm() {
                true => assert!(ask(&authorizer, &vector.token).await.is_ok(), "{allowed}"),
                false => assert_eq!(refused(&authorizer, &vector.token).await, "algorithm"),
            }
        }
    }
}

#[tokio::test]
async fn what_is_signed_here_is_accepted() {
    for vector in Vector::all() {
        let authorizer = authorizer([vector.key()]);
        let token = token(&vector.signing(), json!({"sub": "bob"}));
        assert_eq!(ask(&authorizer, &token).await.unwrap().user.as_deref(), Some("bob"), "{}", vector.alg);
        let (header, _) = read_unverified(&token).unwrap();
        assert_eq!(header, json!({"alg": vector.alg, "typ": "JWT"}));
    }
}

#[tokio::test]
async fn one_bit_is_enough_to_be_refused() {
    for vector in Vector::all() {
        let authorizer = authorizer([vector.key()]);
        let (signed, signature) = vector.token.rsplit_once('.').unwrap();
        // Another first character is another first byte; the last one may hold bits that mean nothing.
        let other = if signature.starts_with('A') { "B" } else { "A" };
        let changed = format!("{signed}.{other}{}", &signature[1..]);
        assert_eq!(refused(&authorizer, &changed).await, "signature", "{}", vector.alg);
        let (header, _) = signed.split_once('.').unwrap();
        let claims = jws::encode(br#"{"sub":"root","exp":4102444800}"#);
        assert_eq!(refused(&authorizer, &format!("{header}.{claims}.{signature}")).await, "signature");
        assert_eq!(refused(&authorizer, &format!("{signed}.")).await, "signature");
        let shorter = &signature[..signature.len() / 8 * 4];
        assert_eq!(refused(&authorizer, &format!("{signed}.{shorter}")).await, "signature");
    }
}

#[test]
fn a_key_that_signs_is_for_its_own_algorithms() {
    let short = SigningKey::secret([7; 32]).unwrap();
    assert!(short.with_algorithm(Algorithm::Hs384).is_err());
    for vector in Vector::all() {
        for algorithm in Algorithm::ALL {
            let family = vector.algorithm().name()[..2] == algorithm.name()[..2];
            let several = matches!(&vector.alg[..2], "HS" | "RS");
            let fits = algorithm == vector.algorithm() || family && several;
            assert_eq!(vector.signing().with_algorithm(algorithm).is_ok(), fits, "{} as {algorithm}", vector.alg);
        }
    }
}

#[test]
fn keys_do_not_show_themselves() {
    for vector in Vector::all() {
        let shown = format!("{:?} {:?} {:?}", vector.key().with_id("k1"), vector.signing(), authorizer([vector.key()]));
        assert!(shown.contains("k1") && shown.len() < 500, "{shown}");
        assert!(!shown.contains("sixty-four"), "{shown}");
    }
}
