//! What can be wrong with a configuration: each cause names the option, the value where it is no secret, the rule
//! and the remedy. All of it is found before anything is sent.

/// The configuration breaks a rule: the option, the rule, and with [`Self::remedy`] the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationInvalid {
    /// `issuer` is no issuer identifier.
    #[error("`issuer` is {issuer:?}, but {rule}")]
    Issuer {
        /// The value.
        issuer: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// An option has no value.
    #[error("`{0}` has no value")]
    Missing(&'static str),
    /// An option holds characters that its syntax has no room for.
    #[error("`{0}` holds a character that RFC 6749 appendix A does not allow there")]
    Syntax(&'static str),
    /// `resource` is no resource indicator.
    #[error("`resource` is {resource:?}, but {rule}")]
    Resource {
        /// The value.
        resource: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// `client_credentials` without client authentication.
    #[error("the client_credentials grant is for clients that authenticate (RFC 6749 section 4.4)")]
    GrantNeedsAuthentication,
    /// Authentication and sender constraint name two certificates, but a connection has one.
    #[error("client authentication and sender constraint name two different certificates")]
    IdentitiesDiffer,
    /// A certificate or its key can't be used.
    #[error("the client certificate or its private key can't be used, or they don't belong together")]
    Identity,
    /// The trusted roots can't be used.
    #[error("the trusted roots can't be used")]
    TrustRoots,
    /// The HTTP client could not be made.
    #[error("the HTTP client can't be made")]
    HttpClient,
    /// One key for client authentication and for proofs.
    #[error("client authentication and DPoP use the same key")]
    OneKeyForBoth,
    /// A DPoP key that serves another authorization server already.
    #[error("the DPoP key given for {issuer:?} serves another authorization server already")]
    KeyShared {
        /// The second issuer.
        issuer: String,
    },
    /// A new DPoP key where the old one is all that the refresh token answers to.
    #[error("the refresh token of a public client is bound to its DPoP key (RFC 9449 section 5)")]
    KeyPinned,
    /// A DPoP key for a client whose tokens are bound to a certificate.
    #[error("this client's tokens are bound to a certificate, not to a DPoP key")]
    NotDpop,
}

impl ConfigurationInvalid {
    /// What to write instead.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Issuer { .. } => {
                "write the issuer exactly as the authorization server's metadata does: https, without query or fragment"
            }
            Self::Missing(_) => "give the option a value",
            Self::Syntax(_) => "write printable ASCII; scopes are separated by single spaces",
            Self::Resource { .. } => "write an absolute https URL without a fragment",
            Self::GrantNeedsAuthentication => "choose an authentication method, or the refresh_token grant",
            Self::IdentitiesDiffer => "use one identity for both",
            Self::Identity => "give the chain in PEM with the leaf first, and the leaf's own private key",
            Self::TrustRoots => "give at least one CA certificate in PEM, or use the platform's roots",
            Self::HttpClient => "see that the process may open sockets and that the identity is usable",
            Self::OneKeyForBoth => {
                "make a DPoP key of its own: it may change and be lost without a new registration"
            }
            Self::KeyShared { .. } => "make one DPoP key for each authorization server",
            Self::KeyPinned => "obtain a new grant with the new key; a public client can't move an old one",
            Self::NotDpop => "make a new configuration with the new identity",
        }
    }
}
