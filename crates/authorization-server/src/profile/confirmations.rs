//! Which confirmations a server knows, and what a client's registered constraint means there (FSP-AS-05): one that
//! was not chosen is off, and never stands in for the other.

use bindery_core::oauth::sender_constraint::SenderConstraint;
use serde::Serialize;

/// Which confirmations the server knows: what it does not know it neither accepts nor advertises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SenderConstraints {
    /// DPoP proofs (RFC 9449).
    pub dpop: bool,
    /// Client certificates (RFC 8705 section 3).
    pub mtls: bool,
}

impl SenderConstraints {
    /// What a client's registered constraint means where not every confirmation is known; nothing when the
    /// server can't give what the client wants.
    #[must_use]
    pub fn narrow(self, wanted: &SenderConstraint) -> Option<SenderConstraint> {
        match (wanted, self.dpop, self.mtls) {
            (_, false, false)
            | (SenderConstraint::Dpop, false, _)
            | (SenderConstraint::Mtls, _, false)
            | (SenderConstraint::Both, false, _)
            | (SenderConstraint::Both, _, false) => None,
            (SenderConstraint::Any, true, false) => Some(SenderConstraint::Dpop),
            (SenderConstraint::Any, false, true) => Some(SenderConstraint::Mtls),
            (wanted, ..) => Some(wanted.clone()),
        }
    }

    /// The names in configurations.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        [("dpop", self.dpop), ("mtls", self.mtls)]
            .into_iter()
            .filter(|(_, on)| *on)
            .map(|(name, _)| name)
            .collect()
    }
}
