//! The labels of each family. Every value is a word of the code or the issuer's name: a label that a client could
//! choose would let strangers fill the memory of whoever collects them.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;

/// A request by where it went and how it ended.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) issuer: Arc<str>,
    /// The route's pattern, below the issuer.
    pub(super) endpoint: Arc<str>,
    pub(super) status: u16,
    /// The machine-readable reason of a refusal, empty without one.
    pub(super) reason: &'static str,
}

/// Where a request went.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct EndpointLabels {
    pub(super) issuer: Arc<str>,
    pub(super) endpoint: Arc<str>,
}

/// A token by how it was earned and what it is bound to.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct TokenLabels {
    pub(super) issuer: Arc<str>,
    pub(super) grant_type: &'static str,
    pub(super) binding: &'static str,
    pub(super) method: &'static str,
}

/// A check that failed, and where.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct FailureLabels {
    pub(super) issuer: Arc<str>,
    pub(super) endpoint: &'static str,
    pub(super) reason: &'static str,
}

/// A limit that was reached.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct LimitLabels {
    pub(super) issuer: Arc<str>,
    pub(super) limit: &'static str,
}

/// An issuer.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct IssuerLabels {
    pub(super) issuer: Arc<str>,
}

/// A kind of key.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct KeyLabels {
    pub(super) issuer: Arc<str>,
    /// `nonce`, or the algorithm of a signing key.
    pub(super) key: &'static str,
}

/// A call to the store.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct StoreLabels {
    pub(super) operation: &'static str,
}

/// An audit event.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct EventLabels {
    pub(super) event: &'static str,
}
