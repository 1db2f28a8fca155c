//! The `channel-layers` command as a shell sees it: what it prints where, and its exit codes.
#![cfg(not(target_family = "wasm"))]

mod bench;
mod config;
mod doctor;
mod layer;
mod operation;
mod redis;
mod secured;
mod token;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a line may take; only a defect reaches it.
const PATIENCE: Duration = Duration::from_secs(20);

const PROGRAM: &str = env!("CARGO_BIN_EXE_channel-layers");

/// Variables that say something to the command, beside those that begin with its name.
const OURS: [&str; 7] =
    ["CHANNEL_API_KEY", "CHANNEL_TOKEN", "RUST_LOG", "USE_INMEMORY_CHANNELS", "REDIS_URL", "K_SERVICE", "PORT"];

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args);
    alone(command)
}

/// The command, told nothing by the machine, and heard by the test.
fn alone(mut command: Command) -> Command {
    // What the machine has set up for other programs.
    let set = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in set.filter(|name| OURS.contains(&name.as_str()) || name.starts_with("CHANNEL_LAYERS")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A command that runs on, and the lines that it prints. Killed at the end of the test.
struct Running {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        Self::spawn(&mut command(args))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (out, err) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        Self { child, out, err }
    }

    fn line(&self) -> String {
        self.out.recv_timeout(PATIENCE).expect("a line on standard output")
    }

    /// Waits for a line on standard error that holds this text.
    fn says(&self, text: &str) -> String {
        loop {
            let line = self.err.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no line with {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Asks it to end, and waits; its exit code.
    fn terminate(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|l| sender.send(l)));
    receiver
}

/// A gateway on this port, 0 for a free one, and its address.
fn serve(port: u16) -> (Running, String) {
    let server = Running::start(&["serve", "--listen", &format!("127.0.0.1:{port}")]);
    let line = server.line();
    let url = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    (server, url)
}

fn websocket(url: &str) -> String {
    format!("{}/ws", url.replace("http://", "ws://"))
}

/// A command that listens to a group, once it is in it.
fn listen(url: &str, group: &str) -> Running {
    let listener = Running::start(&["listen", "--group", group, "--to", url]);
    listener.says(&format!("joined {group}"));
    listener
}

fn group_send(url: &str, group: &str, message: &str) -> Output {
    command(&["group-send", group, message, "--to", url]).output().unwrap()
}

/// That the command ends with this code and says so in one line on standard error, with this text in it.
fn fails(args: &[&str], code: i32, text: &str) {
    let output = command(args).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    assert!(output.stdout.is_empty(), "{args:?}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("channel-layers: ") && last.contains(text), "{args:?}: {said}");
}

#[test]
fn what_is_sent_is_heard() {
    let (_server, url) = serve(0);
    let listener = listen(&url, "news");
    for to in [&url, &websocket(&url)] {
        let sent = group_send(to, "news", r#"{"type":"news.item","n":1}"#);
        assert_eq!(sent.status.code(), Some(0), "{}", String::from_utf8_lossy(&sent.stderr));
        assert!(sent.stdout.is_empty());
        assert_eq!(listener.line(), r#"{"group":"news","message":{"type":"news.item","n":1}}"#);
    }
}

#[test]
fn a_message_may_come_from_standard_input() {
    let (_server, url) = serve(0);
    let listener = listen(&websocket(&url), "news");
    let mut sending = command(&["group-send", "news", "-", "--to", &url]).stdin(Stdio::piped()).spawn().unwrap();
    sending.stdin.take().unwrap().write_all(b"{\"n\": 2}\n").unwrap();
    assert_eq!(sending.wait().unwrap().code(), Some(0));
    assert_eq!(listener.line(), r#"{"group":"news","message":{"n":2}}"#);
}

#[test]
fn a_listener_is_a_channel() {
    let (_server, url) = serve(0);
    let listener = Running::start(&["listen", "--to", &url]);
    let said = listener.says("connected to");
    let channel = said.split("gateway.").nth(1).unwrap().split_whitespace().next().unwrap();
    let channel = format!("gateway.{channel}");
    for to in [&url, &websocket(&url)] {
        let sent = command(&["send", &channel, r#"{"n":3}"#, "--to", to]).output().unwrap();
        assert_eq!(sent.status.code(), Some(0), "{}", String::from_utf8_lossy(&sent.stderr));
        assert_eq!(listener.line(), format!(r#"{{"channel":"{channel}","message":{{"n":3}}}}"#));
    }
}

#[test]
fn a_listener_survives_a_restart_of_the_gateway() {
    let (mut server, url) = serve(0);
    let listener = listen(&url, "news");
    assert_eq!(server.terminate(), Some(0), "a gateway that was asked to end has done what it should");
    listener.says("not connected");
    let (_server, again) = serve(url.rsplit(':').next().unwrap().parse().unwrap());
    assert_eq!(again, url);
    listener.says("joined news");
    assert_eq!(group_send(&url, "news", "{}").status.code(), Some(0));
    assert_eq!(listener.line(), r#"{"group":"news","message":{}}"#);
}

#[test]
fn a_listener_that_is_asked_to_end_has_done_what_it_should() {
    let (_server, url) = serve(0);
    assert_eq!(listen(&url, "news").terminate(), Some(0));
}

#[test]
fn what_is_wrong_on_the_command_line_is_2() {
    fails(&["group-send", "a b", "{}"], 2, "' ' at place 1");
    fails(&["send", "!", "{}"], 2, "invalid channel name");
    fails(&["group-send", "g", "hello"], 2, "write a JSON map");
    fails(&["group-send", "g", "{}", "--to", "ftp://localhost"], 2, "ftp://localhost is no gateway's address");
    fails(&["group-send", "g", "{}", "--to", "localhost:8000"], 2, "write http://HOST:PORT");
    fails(&["listen", "--to", "localhost"], 2, "localhost");
    fails(&["listen", "--group", "a b"], 2, "' ' at place 1");
    fails(&["serve", "--listen", "nonsense"], 2, "cannot listen on nonsense");
    fails(&["serve", "--listen", "0.0.0.0:0"], 2, "--allow-anonymous");
    assert_eq!(command(&["group-send"]).output().unwrap().status.code(), Some(2));
    assert_eq!(command(&["--help"]).output().unwrap().status.code(), Some(0));
    let (_server, url) = serve(0);
    fails(&["serve", "--listen", url.trim_start_matches("http://")], 2, "--listen 127.0.0.1:0");
}

#[test]
fn what_the_gateway_refuses_is_1() {
    let (_server, url) = serve(0);
    for to in [&url, &websocket(&url)] {
        fails(&["group-send", "g", r#"{"type":"websocket.close"}"#, "--to", to], 1, "reserved");
    }
    let elsewhere = format!("{url}/elsewhere");
    fails(&["group-send", "g", "{}", "--to", &elsewhere], 1, "404");
}

#[test]
fn where_no_gateway_answers_is_3() {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    fails(&["group-send", "g", "{}", "--to", &format!("http://{free}")], 3, "is `channel-layers serve` running there?");
    fails(&["send", "c", "{}", "--to", &format!("ws://{free}/ws")], 3, "is `channel-layers serve` running there?");
}

#[test]
fn the_chat_page_is_served_or_said_to_be_missing() {
    if !cfg!(feature = "demo") {
        return fails(&["serve", "--demo", "--listen", "127.0.0.1:0"], 2, "`make build`");
    }
    let server = Running::start(&["serve", "--demo", "--listen", "127.0.0.1:0"]);
    let line = server.line();
    let address = line.strip_prefix("listening on http://").unwrap();
    for (path, kind) in [("/", "text/html"), ("/chat.js", "text/javascript"), ("/channel-layers.js", "text/javascript")]
    {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer:.200}");
        assert!(answer.contains(&format!("content-type: {kind}")), "{path}: {answer:.200}");
    }
}

#[test]
fn the_help_lists_the_exit_codes() {
    let help = command(&["--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for line in ["Exit codes:", "  0  done", "  1  ", "  2  ", "  3  "] {
        assert!(help.contains(line), "{line:?} is not in:\n{help}");
    }
}
