//! Somebody else's HTTP server: it publishes keys, or decides who clients are, or fails in every way.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// What somebody asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// The body, if it was JSON.
    pub(crate) body: Value,
}

/// What it is told: a status and a body, or nothing for as long as it waits.
type Answer = Option<(u16, String)>;

type Decide = Box<dyn FnMut(&Asked) -> Answer + Send>;

pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    decide: Arc<Mutex<Decide>>,
    /// A place for each answer that it may still give.
    gate: Arc<Semaphore>,
    task: JoinHandle<()>,
}

impl Backend {
    pub(crate) async fn start(decide: impl FnMut(&Asked) -> Answer + Send + 'static) -> Self {
        let backend = Self::held(decide).await;
        backend.let_go(Semaphore::MAX_PERMITS);
        backend
    }

    /// Gives no answer before it is [let go](Self::let_go).
    pub(crate) async fn held(decide: impl FnMut(&Asked) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let decide: Arc<Mutex<Decide>> = Arc::new(Mutex::new(Box::new(decide)));
        let gate = Arc::new(Semaphore::new(0));
        let (notes, decides, opens) = (Arc::clone(&asked), Arc::clone(&decide), Arc::clone(&gate));
        let answer = move |request: Request| {
            let (notes, decides, opens) = (Arc::clone(&notes), Arc::clone(&decides), Arc::clone(&opens));
            async move {
                let answer = answer(request, &notes, &decides).await;
                opens.acquire().await.unwrap().forget();
                match answer {
                    Some((status, body)) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
                    None => std::future::pending().await,
                }
            }
        };
        let router = Router::new().fallback(answer);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, asked, decide, gate, task }
    }

    /// From now on it decides otherwise.
    pub(crate) fn decides(&self, decide: impl FnMut(&Asked) -> Answer + Send + 'static) {
        *self.decide.lock().unwrap() = Box::new(decide);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Lets it give so many answers more.
    pub(crate) fn let_go(&self, answers: usize) {
        self.gate.add_permits(answers);
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(request: Request, asked: &Mutex<Vec<Asked>>, decide: &Mutex<Decide>) -> Answer {
    let (head, body) = request.into_parts();
    let body = serde_json::from_slice(&to_bytes(body, 1 << 20).await.unwrap()).unwrap_or_default();
    let question = Asked { path: head.uri.path().to_owned(), headers: head.headers, body };
    asked.lock().unwrap().push(question.clone());
    decide.lock().unwrap()(&question)
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}
