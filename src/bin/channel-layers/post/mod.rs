//! One HTTP request and its answer: what sending and the doctor need of an HTTP client.

#[cfg(not(feature = "tls"))]
mod plain;
#[cfg(feature = "tls")]
mod secure;

use std::time::Duration;

use axum::body::{Body, to_bytes};
use channel_layers::Message;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::time::timeout;

#[cfg(not(feature = "tls"))]
use plain::{Connector, connector};
#[cfg(feature = "tls")]
use secure::{Connector, connector};

use crate::failure::Failure;

/// How long the gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most bytes of an answer.
const ANSWER: usize = 64 * 1024;

/// Posts a message to a path below the gateway's address, and returns how many of its connections it went to. `bearer` is
/// an API key or a client's token.
pub(crate) async fn post(base: &str, path: &str, bearer: Option<&str>, message: &Message) -> Result<u64, Failure> {
    let (status, answer) = ask(base, Method::POST, path, bearer, Body::from(message.json().clone())).await?;
    if status == StatusCode::ACCEPTED {
        return Ok(answer["local"].as_u64().unwrap_or_default());
    }
    let reason = answer["reason"].as_str().unwrap_or("it gave no reason");
    let name = answer["name"].as_str().unwrap_or("no gateway's answer");
    Err(Failure::failed(format!("{base} refused with HTTP {status}, {name}: {reason}")))
}

/// Gets a path below the gateway's address: the status and what was answered, if that is JSON.
pub(crate) async fn get(base: &str, path: &str) -> Result<(StatusCode, Value), Failure> {
    ask(base, Method::GET, path, None, Body::empty()).await
}

async fn ask(
    base: &str,
    method: Method,
    path: &str,
    bearer: Option<&str>,
    body: Body,
) -> Result<(StatusCode, Value), Failure> {
    let url = format!("{}{path}", base.trim_end_matches('/'));
    let no_address = |e: &dyn std::fmt::Display| Failure::usage(format!("{base} is no gateway's address: {e}"));
    let uri: Uri = url.parse().map_err(|e| no_address(&e))?;
    let https = match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some(_)) => false,
        (Some("https"), Some(_)) => true,
        _ => return Err(no_address(&"write http://HOST:PORT or https://HOST")),
    };
    let mut request = Request::builder().method(method).uri(uri).header(CONTENT_TYPE, "application/json");
    if let Some(bearer) = bearer {
        request = request.header(AUTHORIZATION, format!("Bearer {bearer}"));
    }
    let request = request.body(body).map_err(|e| Failure::usage(format!("the key or token is none: {e}")))?;
    let client = Client::builder(TokioExecutor::new()).build(connector(HttpConnector::new(), https)?);
    match timeout(PATIENCE, exchange(client, request)).await {
        Ok(Ok(answered)) => Ok(answered),
        Ok(Err(e)) => Err(Failure::unreachable(base, e)),
        Err(_) => Err(Failure::unreachable(base, format_args!("no answer within {PATIENCE:?}"))),
    }
}

async fn exchange(client: Client<Connector, Body>, request: Request<Body>) -> Result<(StatusCode, Value), String> {
    let (head, body) = client.request(request).await.map_err(|e| chain(&e))?.into_parts();
    let body = to_bytes(Body::new(body), ANSWER).await.map_err(|e| chain(&e))?;
    // What does not answer in JSON is no gateway, which its status will tell.
    Ok((head.status, serde_json::from_slice(&body).unwrap_or_default()))
}

/// An error with what caused it: the library's own text says only that something failed.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.last().unwrap_or(error).to_string()
}
