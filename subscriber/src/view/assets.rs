//! The page's files. They are in the program, as they are in `assets/`: nothing builds them, and nothing is loaded from elsewhere.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// The form for the token.
pub(super) const ENTER: &str = include_str!("assets/enter.html");
/// Leads from there to the page.
pub(super) const ENTERED: &str = include_str!("assets/entered.html");

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file of the page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asset {
    pub(super) path: &'static str,
    kind: &'static str,
    content: &'static str,
}

macro_rules! asset {
    ($path:literal, $kind:expr, $file:literal) => {
        Asset {
            path: $path,
            kind: $kind,
            content: include_str!(concat!("assets/", $file)),
        }
    };
}

/// All that a browser asks for by name.
pub(super) const ASSETS: [Asset; 10] = [
    asset!("/", HTML, "index.html"),
    asset!("/style.css", CSS, "style.css"),
    asset!("/icon.svg", SVG, "icon.svg"),
    asset!("/app.js", SCRIPT, "app.js"),
    asset!("/connection.js", SCRIPT, "connection.js"),
    asset!("/grid.js", SCRIPT, "grid.js"),
    asset!("/sparkline.js", SCRIPT, "sparkline.js"),
    asset!("/large.js", SCRIPT, "large.js"),
    asset!("/timeline.js", SCRIPT, "timeline.js"),
    asset!("/words.js", SCRIPT, "words.js"),
];

/// The form again, after a wrong token.
pub(super) fn enter_again() -> String {
    ENTER.replacen(
        "  <label",
        "  <p class=\"wrong\" role=\"alert\">That is not the token.</p>\n  <label",
        1,
    )
}

/// What the form for the token needs, and the form itself.
const FOR_EVERYBODY: [&str; 3] = ["/enter", "/style.css", "/icon.svg"];

/// Whether the file at `path` is shown also to who has not said the token.
pub(super) fn is_for_everybody(path: &str) -> bool {
    FOR_EVERYBODY.contains(&path)
}

impl IntoResponse for Asset {
    fn into_response(self) -> Response {
        // They change with the program.
        let headers = [
            (header::CONTENT_TYPE, self.kind),
            (header::CACHE_CONTROL, "no-cache"),
        ];
        (headers, self.content).into_response()
    }
}
