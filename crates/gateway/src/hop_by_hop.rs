//! Headers that are meant for one connection only (RFC 9110 section 7.6.1) go no further, in either
//! direction. A request that nominates a header which the guard or the application relies on is refused, or
//! a client could have the gateway remove what was just verified. Framing is stated anew on every hop.

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{Method, Version};

use bindery_core::mtls::header::identity_header;

use crate::answer::Fault;
use crate::forwarded;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const PROXY_AUTHENTICATION_INFO: HeaderName = HeaderName::from_static("proxy-authentication-info");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// `Trailer` is not among them: it is end to end (RFC 9110 section 6.6.2), and trailers are forwarded.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHENTICATION_INFO,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The most names that one request may nominate.
const MAXIMUM_NOMINATIONS: usize = 32;

/// Headers that a client may not have removed, beside those that tell identities and forwarding.
const PROTECTED: &[&str] = &[
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "dpop",
    "expect",
    "host",
    "origin",
    "sec-websocket-key",
    "sec-websocket-version",
    "trailer",
];

/// What a request wants of this connection.
#[derive(Debug, Default)]
pub(crate) struct Hop {
    nominated: Vec<HeaderName>,
    /// A WebSocket handshake (RFC 6455 section 4.1). Other upgrades, `h2c` above all, are not offered: they
    /// would open a way past the guard.
    pub(crate) websocket: bool,
    /// The client can read trailers (RFC 9110 section 10.1.4).
    pub(crate) trailers: bool,
}

/// Reads what concerns this hop, before anything is judged.
///
/// # Errors
/// A [`Fault`] for methods that are never forwarded, for nominations of protected headers, and for framing
/// that could be read in two ways.
pub(crate) fn examine(parts: &Parts) -> Result<Hop, Fault> {
    if matches!(parts.method, Method::CONNECT | Method::TRACE) {
        return Err(Fault::MethodRefused);
    }
    confirm_framing(&parts.headers)?;
    let nominated = nominations(&parts.headers)?;
    let upgrades = nominated.contains(&UPGRADE);
    let websocket = upgrades
        && parts.version == Version::HTTP_11
        && parts.method == Method::GET
        && single(&parts.headers, &UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"));
    let trailers = parts.headers.get_all(TE).iter().any(|value| {
        value
            .as_bytes()
            .split(|byte| *byte == b',')
            .any(|part| part.trim_ascii().split(|byte| *byte == b';').next().is_some_and(is_trailers))
    });
    Ok(Hop { nominated, websocket, trailers })
}

fn is_trailers(coding: &[u8]) -> bool {
    coding.trim_ascii().eq_ignore_ascii_case(b"trailers")
}

/// RFC 9112 section 6.3: hyper has settled how long the body is; what it lets stand must leave no doubt.
fn confirm_framing(headers: &HeaderMap) -> Result<(), Fault> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => {}
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            if headers.contains_key(CONTENT_LENGTH) {
                return Err(Fault::Framing);
            }
        }
        // Another coding would be removed with its header, and the application would read coded bytes.
        _ => return Err(Fault::Framing),
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let first = lengths.next();
    let plain =
        first.is_none_or(|length| !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit));
    if plain && lengths.next().is_none() { Ok(()) } else { Err(Fault::Framing) }
}

fn nominations(headers: &HeaderMap) -> Result<Vec<HeaderName>, Fault> {
    let mut nominated = Vec::new();
    for value in headers.get_all(CONNECTION) {
        for token in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if token.is_empty() {
                continue;
            }
            let name = HeaderName::from_bytes(token).map_err(|_| Fault::ConnectionHeader)?;
            if nominated.len() >= MAXIMUM_NOMINATIONS || is_protected(&name) {
                return Err(Fault::ConnectionHeader);
            }
            nominated.push(name);
        }
    }
    Ok(nominated)
}

fn is_protected(name: &HeaderName) -> bool {
    PROTECTED.contains(&name.as_str())
        || identity_header(name.as_str()).is_some()
        || forwarded::is_set_by_us(name)
}

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value.as_bytes())
}

impl Hop {
    /// Removes from a request what is not for the next hop, and says anew what is. `speaks_http1`: the
    /// application is certainly reached over HTTP/1.1.
    pub(crate) fn renew_request(&self, headers: &mut HeaderMap, speaks_http1: bool) {
        for name in HOP_BY_HOP.iter().chain(&self.nominated) {
            headers.remove(name);
        }
        headers.remove(HTTP2_SETTINGS);
        join_cookies(headers);
        if self.trailers {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        match (self.websocket, self.trailers && speaks_http1) {
            (true, _) => {
                headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.remove(TE);
            }
            // RFC 9110 section 10.1.4: TE is for one connection. Over HTTP/2 hyper would take the nomination
            // for an order to remove the header.
            (false, true) => {
                headers.insert(CONNECTION, HeaderValue::from_static("te"));
            }
            (false, false) => {}
        }
    }
}

/// RFC 9113 section 8.2.3: HTTP/2 splits cookies; an HTTP/1.1 application reads one line.
fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
}

/// Removes from a response what was for the hop to the application. Nominations that can't be read name
/// nothing.
pub(crate) fn strip_response(headers: &mut HeaderMap) {
    let nominated: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
        .filter(|name| name != CONTENT_LENGTH)
        .take(MAXIMUM_NOMINATIONS)
        .collect();
    for name in HOP_BY_HOP.iter().chain(&nominated) {
        headers.remove(name);
    }
}

/// Removes from trailers what may only stand in a header section (RFC 9110 section 6.5.1): a server that
/// merges trailers into headers would believe it.
pub(crate) fn strip_trailers(trailers: &mut HeaderMap) {
    let named: Vec<HeaderName> = trailers
        .keys()
        .filter(|name| {
            is_protected(name)
                || HOP_BY_HOP.contains(name)
                || matches!(
                    name.as_str(),
                    "dpop-nonce" | "set-cookie" | "www-authenticate" | "http2-settings"
                )
        })
        .cloned()
        .collect();
    for name in named {
        trailers.remove(name);
    }
}

#[cfg(test)]
#[path = "hop_by_hop_tests.rs"]
mod tests;
