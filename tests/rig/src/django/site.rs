//! The project in examples/django, served by uvicorn.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Backend, project, python};
use crate::process::{Process, free_port};
use crate::{until, within};

/// The running project.
pub struct Site {
    address: SocketAddr,
    environment: Environment,
    process: Process,
    /// Where its database is.
    _folder: TempDir,
}

type Environment = [(&'static str, String); 4];

impl Site {
    /// Starts it on a Redis; it answers by then.
    pub async fn start(redis_url: &str, backend: Backend) -> Self {
        let backend = match backend {
            Backend::Core => "redis",
            Backend::PubSub => "redis-pubsub",
        };
        let folder = TempDir::with_prefix("channel-layers-site-").unwrap();
        let environment = [
            ("DATABASE", folder.path().join("db.sqlite3").to_str().unwrap().to_owned()),
            ("REDIS_URL", redis_url.to_owned()),
            ("CHANNEL_BACKEND", backend.to_owned()),
            // Nothing is to be left behind in the folder of the project.
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ];
        // A port can be lost to another test between finding it and listening on it.
        for _ in 0..20 {
            if let Some((address, process)) = Self::launch(&environment).await {
                return Self { address, environment, process, _folder: folder };
            }
        }
        panic!("the Django project could not be started");
    }

    /// Starts the process; nothing if its port was taken.
    async fn launch(environment: &Environment) -> Option<(SocketAddr, Process)> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let mut command = run(environment);
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
        (!ended).then_some((address, process))
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
        let answer = self.request("POST", &format!("/{room}/say/"), "", &format!("text={text}")).await;
        assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}\n{}", self.log());
    }

    /// Where the gateway asks who a browser is.
    pub fn connect_url(&self) -> String {
        format!("http://{}/channel-layers/connect", self.address)
    }

    /// Makes the tables of its database, and a user.
    pub async fn add_user(&self, name: &str, password: &str) {
        self.manage(&["migrate", "--verbosity", "0"]).await;
        let create = "from django.contrib.auth.models import User; User.objects.create_user";
        self.manage(&["shell", "--verbosity", "0", "-c", &format!("{create}({name:?}, password={password:?})")]).await;
    }

    /// Fills in the login page as a browser does, and returns the browser's cookies.
    pub async fn login(&self, name: &str, password: &str) -> String {
        let page = self.request("GET", "/login/", "", "").await;
        let csrf = cookie(&page, "csrftoken");
        let form = format!("username={name}&password={password}&csrfmiddlewaretoken={csrf}");
        let answer = self.request("POST", "/login/", &format!("csrftoken={csrf}"), &form).await;
        assert!(answer.starts_with("HTTP/1.1 302 "), "{answer}\n{}", self.log());
        format!("csrftoken={}; sessionid={}", cookie(&answer, "csrftoken"), cookie(&answer, "sessionid"))
    }

    /// Logs the browser with these cookies out.
    pub async fn logout(&self, cookies: &str) {
        let csrf = cookies.split("; ").find_map(|pair| pair.strip_prefix("csrftoken=")).unwrap();
        let answer = self.request("POST", "/logout/", cookies, &format!("csrfmiddlewaretoken={csrf}")).await;
        assert!(answer.starts_with("HTTP/1.1 302 "), "{answer}\n{}", self.log());
    }

    /// Sends a form with these cookies, and returns the whole answer.
    async fn request(&self, method: &str, path: &str, cookies: &str, form: &str) -> String {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncookie: {cookies}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{form}",
            self.address,
            form.len(),
        );
        within("a view answers", async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        })
        .await
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

/// The value of a cookie that an answer sets.
fn cookie(answer: &str, name: &str) -> String {
    let set = answer.lines().filter_map(|line| line.split_once(": "));
    let mut set = set.filter(|(header, _)| header.eq_ignore_ascii_case("set-cookie")).map(|(_, value)| value);
    let value = set.find_map(|value| value.strip_prefix(name)?.strip_prefix('='));
    let value = value.unwrap_or_else(|| panic!("no cookie {name} in {answer}"));
    value.split(';').next().unwrap_or_default().to_owned()
}

fn run(environment: &[(&'static str, String)]) -> Command {
    let mut command = Command::new(std::path::absolute(python()).unwrap());
    command.envs(environment.iter().cloned()).current_dir(folder());
    command
}

fn folder() -> PathBuf {
    project().join("examples/django")
}
