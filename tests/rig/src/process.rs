//! Child processes that never outlive the test, and ports for them.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A running child, killed when dropped. What it prints is kept.
pub struct Process {
    child: Child,
    /// Cleans up when the test's process ends without dropping anything: its input closes then.
    watcher: Child,
    output: PathBuf,
    /// Where that is, unless it is somebody else's folder.
    _folder: Option<TempDir>,
}

impl Process {
    /// Starts it with nothing on its standard input.
    pub fn start(command: &mut Command) -> Self {
        let folder = TempDir::with_prefix("channel-layers-").unwrap();
        let mut process = Self::spawn(command, folder.path());
        process._folder = Some(folder);
        process
    }

    /// Starts it. The folder is its own, and goes with it if the test's process is killed.
    pub(crate) fn spawn(command: &mut Command, folder: &Path) -> Self {
        let output = folder.join("log");
        let log = File::create(&output).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        let clean_up = format!("read -r line; kill -9 {}; rm -rf \"$1\"", child.id());
        let watcher = Command::new("sh")
            .args(["-c", &clean_up, "sh"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, watcher, output, _folder: None }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it ended by itself.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// What it has printed.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The watcher goes first: it must not find another process under the child's id.
        for child in [&mut self.watcher, &mut self.child] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port on which nobody listens. Below the range that outgoing connections get theirs from, so that none of them
/// takes it before the server does, nor while the server is restarted.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(10_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
