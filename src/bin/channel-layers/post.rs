//! One HTTP request and its answer: what sending and the doctor need of an HTTP client.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use channel_layers::Message;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, StatusCode, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::failure::Failure;

/// How long the gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most bytes of an answer.
const ANSWER: usize = 64 * 1024;

/// Posts a message to a path below the gateway's address, and returns how many of its connections it went to.
pub(crate) async fn post(base: &str, path: &str, message: &Message) -> Result<u64, Failure> {
    let uri: Uri = base.parse().map_err(|e| Failure::usage(format!("{base} is no address: {e}")))?;
    let host = uri.host().ok_or_else(|| Failure::usage(format!("{base} names no host")))?;
    let port = uri.port_u16().unwrap_or(80);
    let request = Request::post(format!("{}{path}", uri.path().trim_end_matches('/')))
        .header(HOST, format!("{host}:{port}"))
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(message.json().clone()))
        .map_err(|e| Failure::usage(format!("{base} is no address to post to: {e}")))?;
    let address = format!("{host}:{port}");
    let (status, answer) = answer(base, &address, request).await?;
    if status == StatusCode::ACCEPTED {
        return Ok(answer["local"].as_u64().unwrap_or_default());
    }
    let reason = answer["reason"].as_str().unwrap_or("it gave no reason");
    let name = answer["name"].as_str().unwrap_or("no gateway's answer");
    Err(Failure::failed(format!("{base} refused with HTTP {status}, {name}: {reason}")))
}

/// Gets a path below the gateway's address: the status and what was answered, if that is JSON.
pub(crate) async fn get(base: &str, path: &str) -> Result<(StatusCode, Value), Failure> {
    let uri: Uri = base.parse().map_err(|e| Failure::usage(format!("{base} is no address: {e}")))?;
    let host = uri.host().ok_or_else(|| Failure::usage(format!("{base} names no host")))?;
    let address = format!("{host}:{}", uri.port_u16().unwrap_or(80));
    let request = Request::get(format!("{}{path}", uri.path().trim_end_matches('/')))
        .header(HOST, &address)
        .body(Body::empty())
        .map_err(|e| Failure::usage(format!("{base} is no address to ask: {e}")))?;
    answer(base, &address, request).await
}

async fn answer(base: &str, address: &str, request: Request<Body>) -> Result<(StatusCode, Value), Failure> {
    match timeout(PATIENCE, exchange(address, request)).await {
        Ok(Ok(answered)) => Ok(answered),
        Ok(Err(e)) => Err(Failure::unreachable(base, e)),
        Err(_) => Err(Failure::unreachable(base, format_args!("no answer within {PATIENCE:?}"))),
    }
}

async fn exchange(address: &str, request: Request<Body>) -> Result<(StatusCode, Value), Box<dyn std::error::Error>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = to_bytes(Body::new(body), ANSWER).await?;
        // What does not answer in JSON is no gateway, which its status will tell.
        Ok((head.status, serde_json::from_slice(&body).unwrap_or_default()))
    };
    tokio::select! {
        biased;
        answered = exchange => answered,
        ended = connection => Err(ended.err().map_or_else(|| "it hung up".into(), Into::into)),
    }
}
