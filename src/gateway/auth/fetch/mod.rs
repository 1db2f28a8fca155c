//! Asking somebody over HTTP: keys, and who a client is. One request, one answer, both bounded.
//!
//! Redirects are not followed and no proxy is used: the answer comes from where the configuration says, or there is none.

#[cfg(not(feature = "tls"))]
mod plain;
#[cfg(feature = "tls")]
mod secure;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

#[cfg(not(feature = "tls"))]
use plain::{Connector, HTTPS, connector};
#[cfg(feature = "tls")]
use secure::{Connector, HTTPS, connector};

use crate::{Error, ErrorKind, Result};

/// How long an unused connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);

/// Asks over HTTP/1.1, on connections that are kept.
#[derive(Clone)]
pub(super) struct Fetcher {
    client: Client<Connector, Full<Bytes>>,
    /// How long an answer may take, from the first byte sent to the last one received.
    timeout: Duration,
    /// How large it may be, in bytes.
    limit: usize,
}

/// Why there is no answer, for the log.
#[derive(Debug)]
pub(super) enum Fault {
    Timeout(Duration),
    TooLarge(usize),
    Broken(String),
}

impl Fetcher {
    /// For these addresses. Certificates are looked for only where one of them needs them.
    pub(super) fn new(addresses: &[&Uri], timeout: Duration, limit: usize) -> Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(timeout));
        tcp.set_nodelay(true);
        let https = addresses.iter().any(|address| address.scheme_str() == Some("https"));
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
        Ok(Self { client: builder.build(connector(tcp, https)?), timeout, limit })
    }

    /// Sends a request and reads the whole answer, whatever its status.
    pub(super) async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Fault> {
        let asking = async {
            let response = self.client.request(request).await.map_err(|e| Fault::Broken(chain(&e)))?;
            let (head, body) = response.into_parts();
            let body =
                Limited::new(body, self.limit).collect().await.map_err(|e| match e.is::<LengthLimitError>() {
                    true => Fault::TooLarge(self.limit),
                    false => Fault::Broken(chain(&*e)),
                })?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        timeout(self.timeout, asking).await.unwrap_or(Err(Fault::Timeout(self.timeout)))
    }
}

/// Reads the address of something to ask.
///
/// # Errors
///
/// [`ErrorKind::Config`] for one that cannot be asked.
pub(super) fn address(url: &str) -> Result<Uri> {
    let wrong = |what: String| Error::new(ErrorKind::Config, format!("{}: {what}", shown(url)));
    let uri: Uri = url.parse().map_err(|e| wrong(format!("is no address: {e}")))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("https"), Some(_)) if !HTTPS => Err(wrong("https:// needs the feature `tls`".into())),
        (Some("http" | "https"), Some(authority)) if authority.as_str().contains('@') => {
            Err(wrong("an address with a password in it is shown in logs: leave it out".into()))
        }
        (Some("http" | "https"), Some(_)) => Ok(uri),
        _ => Err(wrong("write http://HOST/PATH or https://HOST/PATH".into())),
    }
}

/// An address without what may be secret in it.
fn shown(url: &str) -> &str {
    let url = url.split('?').next().unwrap_or_default();
    url.rsplit_once('@').map_or(url, |(_, behind)| behind)
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Timeout(time) => write!(f, "no answer within {time:?}"),
            Fault::TooLarge(limit) => write!(f, "the answer has more than {limit} bytes"),
            Fault::Broken(what) => f.write_str(what),
        }
    }
}
