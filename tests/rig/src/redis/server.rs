//! One Redis server on a free port of the loopback interface, with a folder of its own.
//!
//! The rig itself talks to it over a unix socket: a test may break everything else without breaking the rig.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use tempfile::TempDir;
use tokio::io::BufReader;
use tokio::net::UnixStream;

use crate::process::{Process, free_port};
use crate::reply::{Reply, ask};
use crate::tls::Authority;
use crate::{until, within};

/// What a server is to be before it starts.
#[derive(Default)]
pub struct RedisOptions {
    args: Vec<String>,
    password: Option<String>,
    tls: Option<TlsOptions>,
    sentinel: bool,
}

struct TlsOptions {
    authority: Authority,
    client_certificates: bool,
}

impl RedisOptions {
    /// Adds words of redis.conf, such as `["--maxmemory", "2mb"]`.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(ToString::to_string));
        self
    }

    /// Asks every client for this password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self.args(&["--requirepass", password, "--masterauth", password])
    }

    /// Serves TLS alone, with a certificate of this authority; asks for one of the client's if `client_certificates`.
    #[must_use]
    pub fn tls(mut self, authority: &Authority, client_certificates: bool) -> Self {
        self.tls = Some(TlsOptions { authority: authority.clone(), client_certificates });
        self
    }

    /// Makes it a sentinel, whose settings come over the socket.
    pub(crate) fn sentinel(mut self) -> Self {
        self.sentinel = true;
        self
    }

    /// Starts it; it answers by then.
    pub async fn start(self) -> RedisServer {
        // A port can be lost to another test between finding it and listening on it.
        for _ in 0..20 {
            let mut server = RedisServer {
                folder: TempDir::with_prefix("channel-layers-").unwrap(),
                port: free_port(),
                process: None,
                options: self.copy(),
            };
            if server.launch().await {
                return server;
            }
        }
        panic!("no redis-server could be started");
    }

    pub(crate) fn password_or_empty(&self) -> String {
        self.password.clone().unwrap_or_default()
    }

    pub(crate) fn copy(&self) -> Self {
        let tls = self.tls.as_ref().map(|tls| TlsOptions { authority: tls.authority.clone(), ..*tls });
        Self { args: self.args.clone(), password: self.password.clone(), tls, sentinel: self.sentinel }
    }
}

/// A running server. Unless its arguments say otherwise it writes nothing to the disk by itself.
pub struct RedisServer {
    options: RedisOptions,
    folder: TempDir,
    port: u16,
    process: Option<Process>,
}

impl RedisServer {
    pub async fn start() -> Self {
        RedisOptions::default().start().await
    }

    /// Starts it with words of redis.conf, such as `["--maxmemory", "2mb"]`.
    pub async fn with_args(args: &[&str]) -> Self {
        RedisOptions::default().args(args).start().await
    }

    pub fn options() -> RedisOptions {
        RedisOptions::default()
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL with the password, over TLS if it serves that.
    pub fn url(&self) -> String {
        self.url_through(self.address())
    }

    /// Its URL by way of a proxy at this address.
    pub fn url_through(&self, address: SocketAddr) -> String {
        let scheme = if self.options.tls.is_some() { "rediss" } else { "redis" };
        let password = self.options.password.iter().map(|password| format!(":{password}@")).collect::<String>();
        format!("{scheme}://{password}{address}")
    }

    /// The path of its unix socket.
    pub fn socket(&self) -> String {
        self.file("redis.sock")
    }

    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// The id of the process, of which there is one until it is killed or stopped.
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().expect("the server runs").id()
    }

    /// Runs a command. An error of Redis is an answer, too; a server that does not answer is a panic.
    pub async fn command<A: AsRef<[u8]>>(&self, command: &[A]) -> Reply {
        let what = || command.iter().map(|word| String::from_utf8_lossy(word.as_ref())).collect::<Vec<_>>().join(" ");
        match within(&what(), self.try_command(command)).await {
            Ok(reply) => reply,
            Err(error) => panic!("{}: {error}\n{}", what(), self.log()),
        }
    }

    /// Runs a command that must succeed.
    pub async fn ok<A: AsRef<[u8]>>(&self, command: &[A]) -> Reply {
        let reply = self.command(command).await;
        assert!(!reply.is_error(), "{reply:?}");
        reply
    }

    pub(crate) async fn try_command<A: AsRef<[u8]>>(&self, command: &[A]) -> std::io::Result<Reply> {
        let mut stream = BufReader::new(UnixStream::connect(self.socket()).await?);
        if let Some(password) = &self.options.password {
            ask(&mut stream, &["AUTH", password]).await?;
        }
        ask(&mut stream, command).await
    }

    /// Its connections except the rig's own, each as the fields of `CLIENT LIST`.
    pub async fn clients(&self) -> Vec<HashMap<String, String>> {
        let list = self.ok(&["CLIENT", "LIST"]).await.text();
        let fields = |line: &str| {
            line.split(' ')
                .filter_map(|field| field.split_once('='))
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect()
        };
        let clients = list.lines().map(fields);
        clients.filter(|client: &HashMap<String, String>| client["cmd"] != "client|list").collect()
    }

    /// The fields of `INFO`.
    pub async fn info(&self) -> HashMap<String, String> {
        let text = self.ok(&["INFO", "everything"]).await.text();
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Whether it says of itself that it is a master. A sentinel closes the rig's connections, too, when it changes what a
    /// server is; so no answer is a no.
    pub(crate) async fn is_master(&self) -> bool {
        matches!(self.try_command(&["ROLE"]).await, Ok(Reply::List(role)) if role[0].text() == "master")
    }

    /// Whether it is a replica that has the data of its master.
    pub(crate) async fn in_step(&self) -> bool {
        matches!(self.try_command(&["ROLE"]).await, Ok(Reply::List(role))
            if role[0].text() == "slave" && role[3].text() == "connected")
    }

    /// What it has logged since it started.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    /// Kills it as a power cut does. What it had not written to the disk is lost.
    pub fn kill9(&mut self) {
        self.process = None;
    }

    /// Ends it as an administrator does: connections are closed.
    pub async fn stop(&mut self) {
        // Redis closes the connection instead of answering.
        let _ = self.try_command(&["SHUTDOWN", "NOSAVE", "NOW", "FORCE"]).await;
        if let Some(mut process) = self.process.take() {
            until!("redis-server ends", process.ended());
        }
    }

    /// Kills it if it runs, and starts it on the same port without any data.
    pub async fn restart_empty(&mut self) {
        self.kill9();
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        }
        self.start_again().await;
    }

    /// Saves its data and kills it if it runs, and starts it on the same port with the data that is on the disk.
    pub async fn restart_with_data(&mut self) {
        if self.process.is_some() {
            self.ok(&["SAVE"]).await;
        }
        self.kill9();
        self.start_again().await;
    }

    async fn start_again(&mut self) {
        assert!(self.launch().await, "redis-server does not start again");
    }

    /// Starts the process; false if its port was taken.
    async fn launch(&mut self) -> bool {
        // A socket that a killed server left behind would be refused, and is not the new one.
        let _ = fs::remove_file(self.socket());
        let mut command = self.command_line();
        let mut process = Process::spawn(&mut command, self.folder.path());
        let mut ended = false;
        until!(
            "redis-server answers",
            async {
                ended = process.ended();
                ended || matches!(self.try_command(&["PING"]).await, Ok(Reply::Status(pong)) if pong == "PONG")
            }
            .await
        );
        let taken = process.output().contains("Address already in use");
        assert!(!ended || taken, "redis-server: {}", process.output());
        self.process = (!ended).then_some(process);
        !ended
    }

    fn command_line(&self) -> Command {
        let mut command = Command::new("redis-server");
        if self.options.sentinel {
            let config = self.file("sentinel.conf");
            if !fs::exists(&config).unwrap() {
                fs::write(&config, "").unwrap();
            }
            command.args([config.as_str(), "--sentinel"]);
        } else {
            command.args(["--save", "", "--appendonly", "no", "--enable-debug-command", "local"]);
            command.args(["--repl-diskless-sync-delay", "0"]);
        }
        let (plain, tls) = if self.options.tls.is_some() { (0, self.port) } else { (self.port, 0) };
        command.args(["--port", &plain.to_string(), "--bind", "127.0.0.1", "--dir", &self.file("")]);
        command.args(["--unixsocket", &self.socket()]);
        if let Some(options) = &self.options.tls {
            let server = options.authority.server();
            command.args(["--tls-port", &tls.to_string(), "--tls-ca-cert-file", &options.authority.certificate()]);
            command.args(["--tls-cert-file", &server.certificate, "--tls-key-file", &server.key]);
            command.args(["--tls-auth-clients", if options.client_certificates { "yes" } else { "no" }]);
        }
        command.args(&self.options.args);
        command
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }
}
