//! Keys in files: every form, what is wrong with one, and what happens when they change.

use std::fs;
use std::path::PathBuf;

use super::*;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("channel-layers-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn open(source: KeySource) -> crate::Result<TokenAuthorizer> {
    TokenAuthorizer::new(TokenConfig::default().with_source(source))
}

fn set(secret: &[u8; 32], kid: &str) -> String {
    json!({"keys": [{"kty": "oct", "kid": kid, "k": jws::encode(secret)}]}).to_string()
}

#[tokio::test]
async fn secrets_public_keys_and_sets_may_be_files() {
    let folder = Folder::new("forms");
    let hs = Vector::of("HS256");
    let secret = folder.file("secret", format!("{}\n", hs.secret.as_ref().unwrap()));
    assert!(ask(&open(KeySource::SecretFile(secret)).unwrap(), &hs.token).await.is_ok());
    for vector in Vector::all().into_iter().filter(|vector| vector.public.is_some()) {
        let pem = folder.file(&vector.alg, vector.public.as_ref().unwrap());
        assert!(ask(&open(KeySource::PemFile(pem)).unwrap(), &vector.token).await.is_ok(), "{}", vector.alg);
    }
    let jwks = open(KeySource::JwksFile(folder.file("jwks", set(&[7; 32], "k")))).unwrap();
    assert!(ask(&jwks, &token(&SigningKey::secret([7; 32]).unwrap().with_id("k"), json!({}))).await.is_ok());
}

#[tokio::test]
async fn a_reload_takes_what_is_there_now_or_leaves_all_as_it_was() {
    let folder = Folder::new("reload");
    let file = folder.file("jwks", set(&[1; 32], "one"));
    let authorizer = open(KeySource::JwksFile(file)).unwrap();
    let of = |secret: [u8; 32], id: &str| token(&SigningKey::secret(secret).unwrap().with_id(id), json!({}));
    assert!(ask(&authorizer, &of([1; 32], "one")).await.is_ok());
    folder.file("jwks", set(&[2; 32], "two"));
    assert_eq!(refused(&authorizer, &of([2; 32], "two")).await, "unknown_key");
    authorizer.reload().unwrap();
    assert!(ask(&authorizer, &of([2; 32], "two")).await.is_ok());
    assert_eq!(refused(&authorizer, &of([1; 32], "one")).await, "unknown_key");
    folder.file("jwks", "half a fi");
    assert_eq!(authorizer.reload().unwrap_err().kind(), ErrorKind::Config);
    assert!(ask(&authorizer, &of([2; 32], "two")).await.is_ok());
}

#[test]
fn what_is_wrong_with_a_key_is_said_with_its_file() {
    let folder = Folder::new("wrong");
    let private = Vector::of("ES256").private.unwrap();
    let certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    // X25519, which agrees on keys and signs nothing.
    let other = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n\
                 -----END PUBLIC KEY-----\n";
    let pem = |name: &str, text: &str| KeySource::PemFile(folder.file(name, text));
    let jwks = |name: &str, text: &str| KeySource::JwksFile(folder.file(name, text));
    let many = json!({"keys": vec![json!({"kty": "oct"}); 33]}).to_string();
    for (source, file, says) in [
        (KeySource::SecretFile(folder.file("short", "too short")), "short", "openssl rand"),
        (KeySource::SecretFile(folder.0.join("absent")), "absent", "cannot read keys"),
        (pem("private", &private), "private", "openssl pkey -in KEY.pem -pubout"),
        (pem("certificate", certificate), "certificate", "openssl x509"),
        (pem("text", "hello"), "text", "-----BEGIN PUBLIC KEY-----"),
        (pem("x25519", other), "x25519", "1.3.101.110"),
        (jwks("half", "{"), "half", "EOF"),
        (jwks("list", "[]"), "list", "JWKS"),
        (jwks("none", r#"{"keys":[]}"#), "none", "none of its keys"),
        (jwks("many", &many), "many", "33 keys"),
        (KeySource::SecretFile(folder.file("large", vec![b'x'; 300_000])), "large", "300000 bytes"),
    ] {
        let error = open(source).expect_err(file);
        assert_eq!(error.kind(), ErrorKind::Config);
        let text = error.to_string();
        assert!(text.contains(file) && text.contains(says), "{text}");
        assert!(!text.contains("too short") && !text.contains("hello"), "{text}");
    }
    assert!(TokenAuthorizer::new(TokenConfig::default()).unwrap_err().to_string().contains("there is no key"));
}

#[test]
fn of_a_set_what_can_be_used_is_used() {
    let oct = jws::encode(&[7; 64]);
    let usable = json!({"kty": "oct", "k": oct, "kid": "usable"});
    let with = |name: &str, value: &str| {
        let mut key = usable.clone();
        key[name] = json!(value);
        key
    };
    let mut ops = usable.clone();
    ops["key_ops"] = json!(["sign"]);
    for passed_over in [
        with("use", "enc"),
        with("alg", "RSA-OAEP"),
        with("alg", "RS256"),
        with("kty", "XYZ"),
        with("k", "AAAA"),
        with("k", "!"),
        ops,
        json!({"kty": "oct"}),
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-521", "x": jws::encode(&[1; 66]), "y": jws::encode(&[1; 66])}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}),
        json!({"kty": "RSA", "n": jws::encode(&[255; 128]), "e": "AQAB"}),
    ] {
        let alone = json!({"keys": [passed_over]}).to_string();
        assert!(jwk::read(alone.as_bytes(), jwk::Origin::File, "a set").is_err(), "{alone}");
        let both = json!({"keys": [passed_over, usable]}).to_string();
        let keys = jwk::read(both.as_bytes(), jwk::Origin::File, "a set").unwrap();
        assert_eq!(keys.iter().map(Key::id).collect::<Vec<_>>(), [Some("usable")], "{both}");
    }
    let published = json!({"keys": [usable]}).to_string();
    assert!(jwk::read(published.as_bytes(), jwk::Origin::Url, "a set").is_err(), "a published secret is none");
    let only = jwk::read(json!({"keys": [with("alg", "HS384")]}).to_string().as_bytes(), jwk::Origin::File, "a set");
    let takes = |key: &Key| Algorithm::ALL.into_iter().filter(|algorithm| key.takes(*algorithm)).collect::<Vec<_>>();
    assert_eq!(takes(&only.unwrap()[0]), [Algorithm::Hs384]);
}
