//! What a response carries back: no header of the inner hop, no identity, exactly one party's nonce, and no
//! chance for a shared cache to hand one client's answer to another.

use std::time::Duration;

use axum::body::Body;
use bindery_core::mtls::header::identity_header;
use bindery_core::time::UnixTime;
use bindery_http::render::{self, DPOP_NONCE};
use bindery_resource_server::Mode;
use bindery_resource_server::layer::{Passage, WOULD_REFUSE};
use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use hyper::body::Incoming;

use crate::body::Relayed;
use crate::hop_by_hop;

/// What the guard has to say on a response.
#[derive(Debug)]
pub(crate) struct Dressing {
    pub(crate) passage: Passage,
    /// When the token of a proven request expires. Its identity may have selected the response.
    pub(crate) expires_at: Option<UnixTime>,
    pub(crate) idle: Option<Duration>,
}

impl Dressing {
    /// The application's response as the client gets it.
    pub(crate) fn relay(self, response: Response<Incoming>) -> Response<Body> {
        let (mut parts, body) = response.into_parts();
        self.dress(&mut parts.headers);
        let mut relayed = Response::new(Body::new(Relayed::response(Body::new(body), self.idle)));
        // The version of the inner hop is not the client's.
        *relayed.status_mut() = parts.status;
        *relayed.headers_mut() = parts.headers;
        relayed
    }

    pub(crate) fn dress(&self, headers: &mut HeaderMap) {
        hop_by_hop::strip_response(headers);
        let ours: Vec<HeaderName> =
            headers.keys().filter(|name| identity_header(name.as_str()).is_some()).cloned().collect();
        for name in ours {
            headers.remove(name);
        }
        self.settle_nonce(headers);
        self.settle_caching(headers);
        if let Some(reason) = self.passage.would_refuse {
            headers.insert(WOULD_REFUSE, HeaderValue::from_static(reason));
        }
    }

    /// The guard's nonce is the only one (DPOP-8-04). Where the guard only watches, the application still
    /// does its own checking, and its nonce passes if it is one.
    fn settle_nonce(&self, headers: &mut HeaderMap) {
        let several = headers.get_all(DPOP_NONCE).iter().nth(1).is_some();
        if self.passage.mode == Mode::Enforce || several {
            headers.remove(DPOP_NONCE);
        }
        if let Some(nonce) = &self.passage.next_nonce {
            render::set_dpop_nonce(headers, nonce);
        }
    }

    /// CC-2.4-04 and -05. A response to a proven request is private unless the application says otherwise:
    /// headers that no cache sees have selected it. A `Vary` that names those headers becomes `*`.
    fn settle_caching(&self, headers: &mut HeaderMap) {
        if self.expires_at.is_some() && !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
        }
        let names_identity = headers.get_all(VARY).iter().any(|value| {
            let names = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            names
                .filter_map(|name| std::str::from_utf8(name).ok())
                .any(|name| identity_header(name).is_some())
        });
        if names_identity {
            headers.insert(VARY, HeaderValue::from_static("*"));
        }
    }
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
