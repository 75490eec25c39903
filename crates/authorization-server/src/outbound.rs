//! The server's own requests to addresses that clients have named: request objects by reference, sector
//! identifiers, logout and CIBA notifications, and, by [`crate::KeySetFetcher`], key sets. Whoever implements this allows https alone, follows no redirect,
//! judges every address that a name leads to, and bounds time and size (JAR-10-02, CVE-2026-1180's class).
//! [`HttpOutbound`] does, by the rules of `[server.client_keys]`.

mod address;
mod http;

use async_trait::async_trait;
use zeroize::Zeroizing;

pub(crate) use address::{Reach, reach};
pub use http::HttpOutbound;

/// The largest document that is read, in bytes.
pub(crate) const MAXIMUM_DOCUMENT: usize = 256 * 1024;

/// Sends requests to where clients wish.
#[async_trait]
pub trait Outbound: Send + Sync + 'static {
    /// The document at `uri`, at most 256 KiB, when the answer is 200.
    ///
    /// # Errors
    /// [`OutboundFailed`] for whatever reason; the operator's log says which.
    async fn get(&self, uri: &str, accept: &'static str) -> Result<Vec<u8>, OutboundFailed>;

    /// Posts a body, and returns the status of the answer; its body is not read.
    ///
    /// # Errors
    /// [`OutboundFailed`] when there was no answer.
    async fn post(&self, uri: &str, notification: Notification) -> Result<u16, OutboundFailed>;
}

/// What is posted.
pub struct Notification {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// A bearer token that the receiver gave us for this purpose (CIBA section 10.2).
    pub bearer: Option<Zeroizing<String>>,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Notification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notification").field("content_type", &self.content_type).finish_non_exhaustive()
    }
}

/// The other side could not be reached, or may not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboundFailed;
