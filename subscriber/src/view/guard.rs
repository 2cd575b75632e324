//! Who may see the page: checked before anything else, at every request.
//!
//! - Without a token only this machine's own names are answered to, so that no web site can reach the page through a name that it lets
//!   point here (DNS rebinding). With a token any name is: what opens the page is bound to the name that it was entered under.
//! - No other site's page may ask for anything, embed anything or connect, whatever the browser would allow it.
//! - With a token, everything but the form to enter it needs it: as a cookie, as `Authorization: Bearer`, or once in the address.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{Form, FromRequest as _, Query, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, uri::Authority};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::assets;
use super::token::Token;

/// What every answer says to the browser: load nothing from elsewhere, run nothing that is not a file of ours, show this in nobody's frame.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=()",
    ),
];

/// A year: who has entered the token once on a device does not have to again.
const COOKIE_SECONDS: u32 = 365 * 24 * 60 * 60;

/// How long a form with the token may take.
const FORM_PATIENCE: Duration = Duration::from_secs(20);

/// What is needed to see the page.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    token: Option<Token>,
    /// Cookies are one machine's, not one port's: each page has its own.
    cookie: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    token: String,
}

impl Guard {
    pub(super) fn new(token: Option<Token>, port: u16) -> Self {
        Self {
            token,
            cookie: format!("framebridge-{port}"),
        }
    }

    /// Why a request is refused, if it is.
    fn refuses(&self, request: &Request) -> Option<(StatusCode, &'static str)> {
        let headers = request.headers();
        let Some(host) = host(request) else {
            return Some((StatusCode::BAD_REQUEST, "the request names no host\n"));
        };
        if self.token.is_none() && !is_this_machine(&host) {
            return Some((
                StatusCode::MISDIRECTED_REQUEST,
                "this page is at this machine's own address only, such as 127.0.0.1 or localhost\n",
            ));
        }
        if !is_from_here(headers, &host, request.method()) {
            return Some((
                StatusCode::FORBIDDEN,
                "another site's page may not use this one\n",
            ));
        }
        None
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else {
            return true;
        };
        let bearer =
            text(headers, header::AUTHORIZATION).and_then(|said| said.strip_prefix("Bearer "));
        bearer.is_some_and(|said| token.is(said))
            || self.cookies(headers).any(|said| token.is(said))
    }

    fn cookies<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        let all = headers.get_all(header::COOKIE).iter();
        let cookies = all
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'));
        cookies.filter_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == self.cookie).then_some(value)
        })
    }

    /// The answer to who said `said`: a cookie and the way on, or the form again. It is no redirection, which a browser that came from
    /// another site would follow without the cookie.
    fn answer(&self, said: &str) -> Response {
        match &self.token {
            Some(token) if token.is(said) => {
                let cookie = format!(
                    "{}={}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Strict",
                    self.cookie,
                    token.as_str()
                );
                let cookie = HeaderValue::from_str(&cookie).ok();
                let mut answer = Html(assets::ENTERED).into_response();
                answer
                    .headers_mut()
                    .extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
                answer
            }
            _ => (StatusCode::UNAUTHORIZED, Html(assets::enter_again())).into_response(),
        }
    }
}

/// The layer around everything.
pub(super) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut answer = if let Some(refusal) = guard.refuses(&request) {
        refusal.into_response()
    } else if guard.admits(request.headers()) || assets::is_for_everybody(request.uri().path()) {
        next.run(request).await
    } else {
        let is_first_visit = request.uri().path() == "/";
        match Query::<Entry>::try_from_uri(request.uri()) {
            Ok(Query(entry)) if is_first_visit => guard.answer(&entry.token),
            _ => (StatusCode::UNAUTHORIZED, Html(assets::ENTER)).into_response(),
        }
    };
    let headers = answer.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Pictures are nobody else's, also not a proxy's.
    let no_store = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(no_store);
    answer
}

/// The token, as the form sends it. Anybody may knock: who does not finish must not keep a connection from others.
pub(super) async fn enter(State(guard): State<Guard>, request: Request) -> Response {
    let form = Form::<Entry>::from_request(request, &());
    match tokio::time::timeout(FORM_PATIENCE, form).await {
        Ok(Ok(Form(entry))) => guard.answer(&entry.token),
        Ok(Err(refused)) => refused.into_response(),
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "the form did not come\n").into_response(),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The one host that a request names.
fn host(request: &Request) -> Option<Authority> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?.parse::<Authority>().ok()?;
    let is_plain = hosts.next().is_none() && !host.as_str().contains('@');
    is_plain.then_some(host)
}

fn is_this_machine(host: &Authority) -> bool {
    let name = host.host();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether a request comes from our own page, from a person, or from a program. What a browser says of itself is believed: it protects
/// the person before it.
fn is_from_here(headers: &HeaderMap, host: &Authority, method: &Method) -> bool {
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        let authority = origin
            .split_once("://")
            .map_or("", |(_, authority)| authority);
        if !authority.eq_ignore_ascii_case(host.as_str()) {
            return false;
        }
    }
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => true,
        // A link that leads here is followed; anything else would be a page that uses ours.
        Some(_) => {
            let has = |name, value: &str| headers.get(name).is_some_and(|said| said == value);
            method == Method::GET
                && has("sec-fetch-mode", "navigate")
                && has("sec-fetch-dest", "document")
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tokio_util::io::ReaderStream;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_knocks_and_does_not_finish_is_let_go_of() {
        let (silent, _never_says) = tokio::io::duplex(1);
        let request = Request::post("/enter")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from_stream(ReaderStream::new(silent)))
            .unwrap();
        let answer = enter(State(Guard::new(None, 80)), request).await;
        assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
    }
}
