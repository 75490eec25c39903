//! An access token with what it is bound to. The two can't be parted: whoever presents the token uses the
//! key or the certificate that it was obtained with (MTLS-3-02, DPOP-7-01).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::crypto::{Cryptography as _, Sha256Digest};
use bindery_crypto::{AwsLc, Signer};
use http::HeaderValue;

use crate::error::Error;
use crate::proof::sensitive;
use crate::secret::Secret;

/// What a token is bound to.
#[derive(Clone)]
#[non_exhaustive]
pub enum TokenBinding {
    /// A DPoP key; presented as `DPoP`, with a proof.
    Dpop {
        /// The key, also after the source has turned to another one.
        signer: Arc<dyn Signer>,
    },
    /// The certificate of the connection; presented as `Bearer` (MTLS-3-07).
    Mtls,
}

impl TokenBinding {
    /// The `token_type` that such a token has, and the scheme that it is presented under.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::Dpop { .. } => "DPoP",
            Self::Mtls => "Bearer",
        }
    }
}

impl fmt::Debug for TokenBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dpop { signer } => write!(f, "Dpop({})", signer.thumbprint()),
            Self::Mtls => f.write_str("Mtls"),
        }
    }
}

/// A bound access token.
pub struct BoundToken {
    value: Secret,
    hash: Sha256Digest,
    authorization: HeaderValue,
    binding: TokenBinding,
    scope: Option<String>,
    pub(crate) resource: usize,
    /// On the monotonic clock.
    pub(crate) renew_at: Duration,
    pub(crate) expires_at: Duration,
}

/// The lifetime of a token, on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub(crate) renew_at: Duration,
    pub(crate) expires_at: Duration,
}

impl BoundToken {
    pub(crate) fn new(
        value: Secret,
        binding: TokenBinding,
        scope: Option<String>,
        resource: usize,
        lifetime: Lifetime,
    ) -> Result<Self, Error> {
        let authorization = sensitive(&format!("{} {}", binding.scheme(), value.expose()))?;
        let hash = AwsLc.sha256(&[value.expose().as_bytes()]);
        let Lifetime { renew_at, expires_at } = lifetime;
        Ok(Self { value, hash, authorization, binding, scope, resource, renew_at, expires_at })
    }

    /// The `Authorization` header: the scheme of the binding, never another (DPOP-7.1-01).
    #[must_use]
    pub const fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// What the token is bound to.
    #[must_use]
    pub const fn binding(&self) -> &TokenBinding {
        &self.binding
    }

    /// SHA-256 of the token's text, for `ath`.
    #[must_use]
    pub const fn hash(&self) -> &Sha256Digest {
        &self.hash
    }

    /// The scope that was granted, when the server said it.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// The token itself, for showing how little it is worth without its key. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.value.expose()
    }
}

impl fmt::Debug for BoundToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundToken")
            .field("binding", &self.binding)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
