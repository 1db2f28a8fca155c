//! The project in examples/django, served by uvicorn.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Backend, project, python};
use crate::process::{Process, free_port};
use crate::{until, within};

/// The running project.
pub struct Site {
    address: SocketAddr,
    environment: [(&'static str, String); 3],
    process: Process,
}

impl Site {
    /// Starts it on a Redis; it answers by then.
    pub async fn start(redis_url: &str, backend: Backend) -> Self {
        let backend = match backend {
            Backend::Core => "redis",
            Backend::PubSub => "redis-pubsub",
        };
        let environment = [
            ("REDIS_URL", redis_url.to_owned()),
            ("CHANNEL_BACKEND", backend.to_owned()),
            // Nothing is to be left behind in the folder of the project.
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ];
        // A port can be lost to another test between finding it and listening on it.
        for _ in 0..20 {
            if let Some(site) = Self::launch(environment.clone()).await {
                return site;
            }
        }
        panic!("the Django project could not be started");
    }

    /// Starts the process; nothing if its port was taken.
    async fn launch(environment: [(&'static str, String); 3]) -> Option<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let mut command = run(&environment);
        command.args(["-m", "uvicorn", "chat.asgi:application", "--lifespan", "off"]);
        command.args(["--host", "127.0.0.1", "--port", &address.port().to_string()]);
        let mut process = Process::start(&mut command);
        let mut ended = false;
        until!("Django answers", {
            ended = process.ended();
            // Nobody else answers here: uvicorn says so when it listens.
            ended || process.output().contains("Uvicorn running on")
        });
        let taken = process.output().contains("address already in use");
        assert!(!ended || taken, "uvicorn: {}", process.output());
        (!ended).then(|| Self { address, environment, process })
    }

    /// The socket of Django's consumer for a room. It serves pages of [`origin`](Self::origin) only.
    pub fn socket(&self, room: &str) -> String {
        format!("ws://{}/ws/chat/{room}/", self.address)
    }

    /// Where its pages come from.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Posts to the view that tells a room something. The text needs no escaping in a form.
    pub async fn post(&self, room: &str, text: &str) {
        let body = format!("text={text}");
        let request = format!(
            "POST /{room}/say/ HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.address,
            body.len(),
        );
        let answer = within("the view answers", async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        })
        .await;
        assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}\n{}", self.log());
    }

    /// Runs a management command in a process of its own.
    pub async fn manage(&self, arguments: &[&str]) {
        let mut command = run(&self.environment);
        command.arg("manage.py").args(arguments).stdin(Stdio::null());
        let mut command = tokio::process::Command::from(command);
        let output = within("the management command ends", command.kill_on_drop(true).output()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// What Django has printed.
    pub fn log(&self) -> String {
        self.process.output()
    }
}

fn run(environment: &[(&'static str, String)]) -> Command {
    let mut command = Command::new(std::path::absolute(python()).unwrap());
    command.envs(environment.iter().cloned()).current_dir(folder());
    command
}

fn folder() -> PathBuf {
    project().join("examples/django")
}
