//! The page's files, inside the binary. The page loads the npm package as any page would.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::get;

use crate::failure::Failure;

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

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
        router.route(path, get(move || async move { ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text) }))
    }))
}
