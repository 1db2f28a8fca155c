//! A secured gateway, all of it by the command: TLS, tokens, API keys; and every client command against it.

use std::fs;
use std::process::Output;

use rig::Authority;
use tempfile::TempDir;

use super::{Running, command};

const API_KEY: &str = "an-api-key-of-the-tests";

/// A gateway that knows who is who, and what its clients need.
struct Secured {
    authority: Authority,
    folder: TempDir,
    url: String,
    _server: Running,
}

impl Secured {
    fn start() -> Self {
        let (authority, folder) = (Authority::new(), TempDir::with_prefix("channel-layers-secured-").unwrap());
        let secret = folder.path().join("secret");
        fs::write(&secret, "a secret of at least thirty-two bytes").unwrap();
        let identity = authority.server();
        let server = Running::start(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--tls-cert",
            &identity.certificate,
            "--tls-key",
            &identity.key,
            "--token-secret-file",
            secret.to_str().unwrap(),
            "--api-keys",
            API_KEY,
        ]);
        let line = server.line();
        let url = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned();
        assert!(url.starts_with("https://"), "{url}");
        Self { authority, folder, url, _server: server }
    }

    /// A token for a user who may be in `chat.*` and `bench.*`, and send messages of a type there.
    fn token(&self, user: &str) -> String {
        let secret = self.folder.path().join("secret");
        let made = command(&["token", "make", "--secret-file", secret.to_str().unwrap(), "--sub", user])
            .args(["--group", "chat.*=join,send", "--group", "bench.*=join,send", "--type", "*"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }

    /// Runs a command that trusts the gateway's certificate.
    fn run(&self, args: &[&str]) -> Output {
        command(args).args(["--to", &self.url]).env("SSL_CERT_FILE", self.authority.certificate()).output().unwrap()
    }
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

#[test]
fn a_client_with_a_token_hears_a_backend_with_a_key_and_strangers_get_nowhere() {
    let gateway = Secured::start();
    let listening = ["listen", "--group", "chat.lobby", "--to", &gateway.url];
    let mut listener = command(&listening);
    listener.env("SSL_CERT_FILE", gateway.authority.certificate()).env("CHANNEL_TOKEN", gateway.token("ann"));
    let listener = Running::spawn(&mut listener);
    listener.says("joined chat.lobby");

    let message = r#"{"type":"chat.message","text":"from a backend"}"#;
    let send = ["group-send", "chat.lobby", message];
    let posted = gateway.run(&[&send[..], &["--api-key", API_KEY]].concat());
    assert!(posted.status.success(), "{posted:?}");
    assert_eq!(listener.line(), format!(r#"{{"group":"chat.lobby","message":{message}}}"#));

    let bob = gateway.token("bob");
    let posted = gateway.run(&[&send[..], &["--token", &bob]].concat());
    assert!(posted.status.success(), "{posted:?}");
    assert!(listener.line().contains(r#""sender":"bob""#));

    let stranger = gateway.run(&send);
    assert_eq!(code(&stranger), Some(1), "{stranger:?}");
    let foreign = gateway.run(&["group-send", "staff", message, "--token", &bob]);
    assert_eq!(code(&foreign), Some(1), "{foreign:?}");
    let refused = gateway.run(&["listen", "--group", "chat.lobby", "--token", "no.token.atall"]);
    assert_eq!(code(&refused), Some(1), "{refused:?}");
}

#[test]
fn a_gateway_whose_certificate_nobody_knows_is_not_talked_to() {
    let gateway = Secured::start();
    let args = ["group-send", "chat.lobby", "{}", "--api-key", API_KEY, "--to", &gateway.url];
    let output = command(&args).env("SSL_CERT_FILE", Authority::new().certificate()).output().unwrap();
    assert_eq!(code(&output), Some(3), "{output:?}");
}

#[test]
fn bench_runs_with_the_tokens_of_several_users() {
    let gateway = Secured::start();
    let file = gateway.folder.path().join("tokens");
    fs::write(&file, format!("{}\n{}\n", gateway.token("ann"), gateway.token("bob"))).unwrap();
    let tokens = file.to_str().unwrap();
    let args = ["bench", "--clients", "4", "--rate", "20", "--seconds", "1", "--token-file", tokens];
    let output = gateway.run(&args);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("delivered             80 "), "{output:?}");
}
