//! Requests that have passed: verified (the sender holds the token's key) and authorized (the token allows
//! what is asked). Private fields and one maker each: nothing outside the checks can make these values.

use alloc::sync::Arc;

use crate::jose::thumbprint::JwkThumbprint;
use crate::mtls::certificate::CertificateThumbprint;
use crate::rejection::Rejection;
use crate::token::access_token::VerifiedAccessToken;

/// What the sender has proven to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvenBinding {
    /// The private key of a DPoP proof.
    Dpop(JwkThumbprint),
    /// The private key of a client certificate.
    Mtls(CertificateThumbprint),
    /// Both.
    Both(JwkThumbprint, CertificateThumbprint),
    /// Nothing: a bearer token on a route that dangerously accepts them.
    Bearer,
}

impl ProvenBinding {
    /// A stable name for headers, metrics and events.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dpop(_) => "dpop",
            Self::Mtls(_) => "mtls",
            Self::Both(..) => "dpop+mtls",
            Self::Bearer => "bearer",
        }
    }
}

/// A request whose token is genuine and whose sender holds the key that the token is bound to.
#[derive(Clone, Debug)]
#[must_use]
pub struct VerifiedRequest {
    token: Arc<VerifiedAccessToken>,
    binding: ProvenBinding,
}

impl VerifiedRequest {
    /// Called by the last step alone.
    pub(super) const fn new(token: Arc<VerifiedAccessToken>, binding: ProvenBinding) -> Self {
        Self { token, binding }
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &VerifiedAccessToken {
        &self.token
    }

    pub(super) fn shared_token(&self) -> Arc<VerifiedAccessToken> {
        Arc::clone(&self.token)
    }

    /// What the sender has proven to hold.
    #[must_use]
    pub const fn binding(&self) -> ProvenBinding {
        self.binding
    }

    /// Requires every scope value of `scopes` (RFC 6750 section 3.1).
    ///
    /// # Errors
    /// [`Rejection::InsufficientScope`] naming all that is required.
    pub fn require_scope(self, scopes: &[impl AsRef<str>]) -> Result<AuthorizedRequest, Rejection> {
        if scopes.iter().all(|scope| self.token.has_scope(scope.as_ref())) {
            return Ok(AuthorizedRequest(self));
        }
        let mut required = alloc::string::String::new();
        for scope in scopes {
            if !required.is_empty() {
                required.push(' ');
            }
            required.push_str(scope.as_ref());
        }
        Err(Rejection::InsufficientScope(required.into()))
    }
}

/// A verified request that the route's requirements allow.
#[derive(Clone, Debug)]
pub struct AuthorizedRequest(VerifiedRequest);

impl AuthorizedRequest {
    /// The token.
    #[must_use]
    pub fn token(&self) -> &VerifiedAccessToken {
        self.0.token()
    }

    /// What the sender has proven to hold.
    #[must_use]
    pub const fn binding(&self) -> ProvenBinding {
        self.0.binding
    }
}
