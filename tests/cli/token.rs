//! `token make` and `token explain`: what is made is accepted by a gateway's rules, and said in words.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use super::{command, fails};

const SECRET: &str = "a secret of at least thirty-two bytes";

/// A file that goes with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("channel-layers-token-{name}-{}", std::process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

fn make(args: &[&str]) -> String {
    let output = command(&[&["token", "make"], args].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(line.lines().count(), 1);
    line.trim().to_owned()
}

/// What is said of a token, and the exit code.
fn explain(token: &str, args: &[&str]) -> (String, Option<i32>) {
    let mut command = command(&[&["token", "explain"], args].concat());
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{token}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (text, output.status.code())
}

#[test]
fn what_is_made_is_accepted_and_explained() {
    let secret = File::new("secret", &format!("{SECRET}\n"));
    let words = ["--secret-file", secret.path(), "--sub", "ann", "--group", "chat.*=join,send", "--group", "news=join"];
    let more = ["--channel", "work-*", "--type", "chat.*", "--join", "news", "--jti", "t1", "--ttl", "90m"];
    let token = make(&[&words[..], &more, &["--info", r#"{"name":"Ann"}"#]].concat());
    let (text, code) = explain(&token, &["--secret-file", secret.path()]);
    assert_eq!(code, Some(0), "{text}");
    for line in [
        r#"header  {"alg":"HS256","typ":"JWT"}"#,
        "exp     in 1 h 29 min",
        "accepted",
        "user    ann",
        "group   chat.*: join, send",
        "group   news: join",
        "channel work-*: send",
        "type    chat.*",
        "joins   news",
        r#"info    {"name":"Ann"}"#,
    ] {
        assert!(text.lines().any(|said| said == line), "{line:?} is not in\n{text}");
    }
    assert!(text.contains(r#""jti":"t1""#) && !text.contains(SECRET));
}

#[test]
fn every_kind_of_key_signs() {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../vectors/tokens.json")).unwrap();
    for vector in vectors.as_array().unwrap().iter().filter(|vector| !vector["private"].is_null()) {
        let alg = vector["alg"].as_str().unwrap();
        let private = File::new(&format!("{alg}-private"), vector["private"].as_str().unwrap());
        let public = File::new(&format!("{alg}-public"), vector["public"].as_str().unwrap());
        let token = make(&["--key", private.path(), "--algorithm", alg, "--kid", "k1", "--sub", "ann"]);
        let (text, code) = explain(&token, &["--public-key", public.path(), "--algorithm", alg]);
        assert_eq!(code, Some(0), "{alg}: {text}");
        assert!(text.contains(&format!(r#"{{"alg":"{alg}","kid":"k1","typ":"JWT"}}"#)), "{text}");
    }
}

#[test]
fn a_token_that_is_refused_says_why() {
    let (secret, other) = (File::new("own", SECRET), File::new("other", &SECRET.replace('a', "b")));
    let signed = |args: &[&str]| make(&[&["--secret-file", secret.path()], args].concat());
    let checked = |token: &str, args: &[&str]| explain(token, &[&["--secret-file", secret.path()], args].concat());
    for (token, args, says) in [
        (signed(&["--aud", "mail"]), &[][..], "\"aud\""),
        (signed(&[]), &["--iss", "us"][..], "\"iss\""),
        (signed(&["--algorithm", "HS256"]), &["--algorithm", "HS512"][..], "\"HS256\" is not allowed"),
    ] {
        let (text, code) = checked(&token, args);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("the token is refused") && text.contains(says), "{text}");
    }
    let (text, code) = explain(&signed(&[]), &["--secret-file", other.path()]);
    assert_eq!((code, text.contains("signature is not right")), (Some(1), true), "{text}");
    let (text, code) = explain(&signed(&[]), &[]);
    assert_eq!((code, text.contains("not checked")), (Some(0), true), "{text}");
    let (text, code) = explain("nonsense", &[]);
    assert_eq!((code, text.contains("HEADER.CLAIMS.SIGNATURE")), (Some(2), true), "{text}");
}

#[test]
fn the_secret_may_be_in_the_environment() {
    let run = |args: &[&str]| command(args).env("CHANNEL_LAYERS_TOKEN_SECRET", SECRET).output().unwrap();
    let made = run(&["token", "make", "--sub", "ann"]);
    assert_eq!(made.status.code(), Some(0));
    let token = String::from_utf8(made.stdout).unwrap();
    let explained = run(&["token", "explain", token.trim()]);
    assert!(String::from_utf8(explained.stdout).unwrap().contains("accepted"));
}

#[test]
fn what_makes_no_token_is_2() {
    let short = File::new("short", "short");
    fails(&["token", "make"], 2, "CHANNEL_LAYERS_TOKEN_SECRET");
    fails(&["token", "make", "--secret-file", "/absent"], 2, "cannot read /absent");
    fails(&["token", "make", "--secret-file", short.path()], 2, "at least 32 bytes");
    fails(&["token", "make", "--key", short.path()], 2, "-----BEGIN PRIVATE KEY-----");
    // What clap says takes several lines.
    for (args, says) in [
        (["--group", "chat"], "chat.*=join,send"),
        (["--group", "chat=write"], "chat.*=join,send"),
        (["--ttl", "soon"], "write such as 90s"),
        (["--algorithm", "none"], "there are HS256"),
        (["--join", "a b"], "' ' at place 1"),
    ] {
        let output = command(&[&["token", "make"][..], &args].concat()).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), text.contains(says)), (Some(2), true), "{text}");
    }
}
