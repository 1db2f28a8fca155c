//! The servers that are measured: how each is started, spoken to and named. What is not installed is left out, and says
//! what is missing. A server runs by itself, on a processor of its own where there are two.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use channel_layers::protocol::Encoding;

use crate::process::{self, SERVER_CPU};
use crate::protocol::{self, Protocol};

/// The gateway's program, built as a release.
const GATEWAY: &str = env!("CARGO_BIN_EXE_channel-layers");
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers");

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(20);

/// One of those to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Gateway,
    GatewayMsgpack,
    /// With a shard of its sockets on either of two processors.
    GatewayTwo,
    Uws,
    Centrifuge,
    SocketIo,
    Channels,
}

impl Server {
    pub(crate) const ALL: [Self; 7] = [
        Self::Gateway,
        Self::GatewayMsgpack,
        Self::GatewayTwo,
        Self::Uws,
        Self::Centrifuge,
        Self::SocketIo,
        Self::Channels,
    ];

    /// The name in results.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::GatewayMsgpack => "gateway-msgpack",
            Self::GatewayTwo => "gateway-two",
            Self::Uws => "uws",
            Self::Centrifuge => "centrifuge",
            Self::SocketIo => "socket.io",
            Self::Channels => "channels",
        }
    }

    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Self::Gateway | Self::GatewayMsgpack | Self::GatewayTwo)
    }

    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Self::Gateway | Self::GatewayTwo => protocol::gateway(Encoding::Json),
            Self::GatewayMsgpack => protocol::gateway(Encoding::Msgpack),
            Self::Uws => protocol::uws(),
            Self::Centrifuge => protocol::centrifuge(),
            Self::SocketIo => protocol::socket_io(),
            Self::Channels => protocol::channels(),
        }
    }

    /// What it is and in which version, or what is missing of it.
    pub(crate) fn version(self) -> Result<String, String> {
        let installed = match self {
            Self::Gateway | Self::GatewayMsgpack | Self::GatewayTwo => {
                Some(format!("channel-layers {}, {}", env!("CARGO_PKG_VERSION"), output("rustc", &["--version"])?))
            }
            Self::Uws => package("@trufflesuite/uws-js-unofficial", "uWebSockets.js"),
            Self::SocketIo => package("socket.io", "Socket.IO"),
            Self::Centrifuge => peers().join("centrifuge").exists().then(|| {
                let version = ["-W", "-f", "${Version}", "golang-github-centrifugal-centrifuge-dev"];
                format!("centrifuge {}, Go 1.19", output("dpkg-query", &version).unwrap_or_default())
            }),
            Self::Channels => {
                let list = "import platform; from importlib.metadata import version as v; print(f\"Channels {v('channels')}, \
                            Django {v('django')}, uvicorn {v('uvicorn')}, Python {platform.python_version()}\")";
                output(&python(), &["-c", list]).ok()
            }
        };
        installed.ok_or_else(|| "it is not installed; scripts/setup-peers says why".to_owned())
    }

    /// Its program, and what it is told.
    fn command(self, port: u16) -> (String, Vec<String>) {
        let node = |script: &str| ("node".to_owned(), vec![format!("{PEERS}/{script}"), port.to_string()]);
        match self {
            Self::Gateway | Self::GatewayMsgpack | Self::GatewayTwo => {
                let shards = if self == Self::GatewayTwo { "2" } else { "1" };
                let listen = format!("127.0.0.1:{port}");
                (GATEWAY.to_owned(), ["serve", "--shards", shards, "--listen", &listen].map(str::to_owned).into())
            }
            Self::Uws => node("uws.js"),
            Self::SocketIo => node("socketio.js"),
            Self::Centrifuge => (peers().join("centrifuge").display().to_string(), vec![port.to_string()]),
            Self::Channels => {
                let app = ["-m", "uvicorn", "--app-dir", PEERS, "--log-level", "warning", "channels_app:application"];
                let port = ["--port".to_owned(), port.to_string()];
                (python(), app.map(str::to_owned).into_iter().chain(port).collect())
            }
        }
    }

    /// Starts it, on the servers' processor if `pinned`, and waits until it listens.
    pub(crate) fn start(self, pinned: bool) -> Result<Running, String> {
        self.start_with(pinned, &[])
    }

    /// The same with more options.
    pub(crate) fn start_with(self, pinned: bool, options: &[&str]) -> Result<Running, String> {
        // Free a moment ago; a server that finds it taken ends, and says so in its log.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| format!("no port: {e}"))?;
        let address = listener.local_addr().map_err(|e| format!("no port: {e}"))?;
        drop(listener);
        let (program, arguments) = self.command(address.port());
        let mut command = Command::new(if pinned { "taskset" } else { &program });
        if pinned {
            let processors = if self == Self::GatewayTwo { process::two() } else { SERVER_CPU };
            command.args(["--cpu-list", processors, &program]);
        }
        let folder = target().join("bench/logs");
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let log = folder.join(format!("{}.log", self.name()));
        let file = File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        command.args(arguments).args(options).stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        command.env("NODE_PATH", peers().join("node_modules")).env("GOMAXPROCS", "1").env_remove("RUST_LOG");
        let process = command.spawn().map_err(|e| format!("{program}: {e}"))?;
        let mut running = Running { process, address };
        running.listens().map_err(|e| format!("{e}; see {}", log.display()))?;
        Ok(running)
    }
}

/// A server's process; it ends with this.
pub(crate) struct Running {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// Its id: `taskset` becomes the program that it starts.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    fn listens(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(format!("the server ended: {status}"));
            }
            if begun.elapsed() > START {
                return Err(format!("the server did not listen within {} s", START.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folder that cargo builds into, where scripts/setup-peers installs.
fn target() -> PathBuf {
    Path::new(GATEWAY).ancestors().nth(2).expect("target/PROFILE/PROGRAM").to_owned()
}

fn peers() -> PathBuf {
    target().join("peers")
}

fn python() -> String {
    target().join("python/bin/python").display().to_string()
}

fn package(name: &str, title: &str) -> Option<String> {
    let file = fs::read_to_string(peers().join("node_modules").join(name).join("package.json")).ok()?;
    let package: serde_json::Value = serde_json::from_str(&file).ok()?;
    Some(format!("{title} {}, Node {}", package["version"].as_str()?, output("node", &["--version"]).ok()?))
}

fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output().map_err(|e| format!("{program}: {e}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(format!("{program}: {}", output.status)),
    }
}
