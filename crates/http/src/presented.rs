//! The facts of a request that the checks judge: method, path, credentials, certificate. Values are
//! borrowed and unjudged. The authority of the request (`Host`, `:authority`, absolute form) is left out
//! on purpose: it is the client's word, and `htu` is compared with configured bases only. Bodies are not
//! read.

use axum::extract::OriginalUri;
use bindery_core::mtls::certificate::{CertificateAbsence, PresentedCertificate};
use bindery_core::rejection::Rejection;
use bindery_core::resource::presentation::RequestFacts;
use bindery_core::time::UnixTime;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use smallvec::SmallVec;

use crate::edge_policy::EdgePolicy;
use crate::peer::Peer;
use crate::trusted_proxy::ForwardingRefused;

/// The header that carries proofs (RFC 9449 section 4.1).
pub const DPOP: HeaderName = HeaderName::from_static("dpop");

/// All values of one header, in their order; one of them without the heap.
pub type HeaderValues<'r> = SmallVec<[&'r [u8]; 2]>;

/// What a request presents.
#[derive(Clone)]
pub struct Presented<'r> {
    /// The method, as received.
    pub method: &'r str,
    /// The path, as received: never decoded, never normalised, without query; before any router cut off
    /// a prefix.
    pub path: &'r str,
    /// Whether the query has an `access_token` parameter, however it is spelled.
    pub token_in_query: bool,
    /// Every value of `Authorization`.
    pub authorization: HeaderValues<'r>,
    /// Every value of `DPoP`.
    pub dpop: HeaderValues<'r>,
    /// The client's certificate, from our handshake or from a listed proxy, or why there is none.
    pub certificate: PresentedCertificate,
}

impl Presented<'_> {
    /// The facts for the checks, at the time `now`.
    #[must_use]
    pub fn facts(&self, now: UnixTime) -> RequestFacts<'_> {
        RequestFacts {
            method: self.method,
            path: self.path,
            authorization: &self.authorization,
            dpop: &self.dpop,
            token_in_query: self.token_in_query,
            certificate: &self.certificate,
            now,
        }
    }
}

impl std::fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presented")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("authorization", &self.authorization.len())
            .field("dpop", &self.dpop.len())
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// Reads the facts of a request. The caller has called
/// [`strip_untrusted`](crate::identity_headers::strip_untrusted) before. Without a [`Peer`] among the
/// extensions (somebody else's listener) there is no certificate and no trusted proxy.
///
/// # Errors
/// [`EdgeRejection`], which is a [`Rejection`] for the checks.
pub fn from_request<'r>(parts: &'r Parts, policy: &EdgePolicy) -> Result<Presented<'r>, EdgeRejection> {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    if !uri.path().starts_with('/') {
        return Err(EdgeRejection::NoPath);
    }
    let peer = parts.extensions.get::<Peer>();
    let certificate = match (peer, policy.trusted_proxies()) {
        (None, _) => PresentedCertificate::Absent(CertificateAbsence::NotAsked),
        (Some(peer), None) => peer.certificate.clone(),
        (Some(peer), Some(proxies)) => proxies.certificate(peer, &parts.headers)?,
    };
    Ok(Presented {
        method: parts.method.as_str(),
        path: uri.path(),
        token_in_query: uri.query().is_some_and(names_access_token),
        authorization: all_values(&parts.headers, &AUTHORIZATION),
        dpop: all_values(&parts.headers, &DPOP),
        certificate,
    })
}

fn all_values<'r>(headers: &'r HeaderMap, name: &HeaderName) -> HeaderValues<'r> {
    headers.get_all(name).iter().map(|value| value.as_bytes()).collect()
}

/// RFC 6750 section 2.3, however the name is percent-encoded.
fn names_access_token(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}

/// Why the edge can't say what a request presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EdgeRejection {
    /// The request target has no path (`CONNECT`, `OPTIONS *`).
    #[error("the request target has no path")]
    NoPath,
    /// A listed proxy forwarded something that can't be used.
    #[error(transparent)]
    Forwarding(#[from] ForwardingRefused),
}

impl From<EdgeRejection> for Rejection {
    fn from(rejection: EdgeRejection) -> Self {
        match rejection {
            EdgeRejection::NoPath => Self::AmbiguousPath("the request target has no path"),
            EdgeRejection::Forwarding(refused) => Self::ForwardedCertificateUnusable(refused.sentence()),
        }
    }
}

#[cfg(test)]
#[path = "presented_tests.rs"]
mod tests;
