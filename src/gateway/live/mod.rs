//! The live view: a page at `/admin` with charts of what the gateway does, and the numbers that it draws.
//!
//! The page is files without a build step, and asks this gateway alone. Who may see it, [`check_admin`] says.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::api::{Failure, Reply, check_admin, not_ready};
use super::control::Node;
use super::shared::Shared;
use super::stats::GatewayStats;
use crate::layer::ChannelLayer;

/// Nothing but what the page is made of.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'");

/// Path, content type and text of each file.
const FILES: [(&str, &str, &str); 4] = [
    ("/admin", "text/html; charset=utf-8", include_str!("page.html")),
    ("/admin/page.css", "text/css; charset=utf-8", include_str!("page.css")),
    ("/admin/live.css", "text/css; charset=utf-8", include_str!("live.css")),
    ("/admin/live.js", "text/javascript; charset=utf-8", include_str!("live.js")),
];

/// The gateway as it is now: sums, from which the page makes rates.
#[derive(Debug, Serialize)]
struct Live {
    /// Milliseconds since 1970.
    time: u64,
    node: Node,
    /// How many gateways there are on the layer.
    nodes: usize,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    stats: GatewayStats,
}

pub(crate) fn router<L: ChannelLayer>() -> Router<Arc<Shared<L>>> {
    let files = FILES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        router.route(path, routing::get(move |state, request| file::<L>(state, request, kind, text)))
    });
    files.route("/admin/live.json", routing::get(live::<L>))
}

async fn file<L: ChannelLayer>(
    State(shared): State<Arc<Shared<L>>>,
    request: Request,
    kind: &'static str,
    text: &'static str,
) -> Response {
    if let Err(failure) = check_admin(&shared, &request.into_parts().0) {
        return ask(failure);
    }
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, text).into_response()
}

async fn live<L: ChannelLayer>(State(shared): State<Arc<Shared<L>>>, request: Request) -> Response {
    if let Err(failure) = check_admin(&shared, &request.into_parts().0) {
        return ask(failure);
    }
    let reason = not_ready(&shared);
    let time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    let now = Live {
        time: u64::try_from(time).unwrap_or(u64::MAX),
        node: shared.node(),
        nodes: shared.other_nodes().len() + 1,
        ready: reason.is_none(),
        reason,
        stats: shared.stats(),
    };
    ([(CACHE_CONTROL, "no-store")], Reply::new(StatusCode::OK, &now, false)).into_response()
}

/// Has a browser ask for the key: it is the password of HTTP's basic authentication (RFC 7617), with any user name.
fn ask(failure: Failure) -> Response {
    let mut response = failure.into_response();
    if response.status() == StatusCode::UNAUTHORIZED {
        let basic = HeaderValue::from_static("Basic realm=\"channel-layers: the password is an admin key\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, basic);
    }
    response
}
