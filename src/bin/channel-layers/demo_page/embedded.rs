//! The page's files, inside the binary. The page loads the npm package as any page would.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::routing::get;

use crate::failure::Failure;

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Nothing but what the page is made of, and its module. It keeps the page honest: what passes here passes anywhere.
const POLICY: &str =
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; frame-ancestors 'none'; base-uri 'none'";

/// Path, content type and text of each file.
const FILES: [(&str, &str, &str); 6] = [
    ("/", HTML, include_str!("../../../../examples/demo/index.html")),
    ("/chat.js", JAVASCRIPT, include_str!("../../../../examples/demo/chat.js")),
    ("/room.js", JAVASCRIPT, include_str!("../../../../examples/demo/room.js")),
    ("/style.css", CSS, include_str!("../../../../examples/demo/style.css")),
    ("/icon.svg", SVG, include_str!("../../../../examples/demo/icon.svg")),
    ("/channel-layers.js", JAVASCRIPT, include_str!("../../../../pkg/dist/index.js")),
];

pub(crate) fn router() -> Result<Router, Failure> {
    Ok(FILES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        // Never from a cache: whoever builds a new page wants to see it.
        let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache"), (CONTENT_SECURITY_POLICY, POLICY)];
        router.route(path, get(move || async move { (headers, text) }))
    }))
}
