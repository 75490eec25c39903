//! Whom the edge believes: nobody but the handshake, unless an operator lists proxies (CC-4-01). Also the
//! names of further headers that an estate uses to say who a client is, so that no client can send them.

use std::sync::Arc;

use bindery_core::mtls::header::{identity_header, same_header_name};
use http::HeaderName;

use crate::trusted_proxy::TrustedProxies;

/// The rules by which a request's facts are read. Cheap to clone; the default believes nobody.
#[derive(Clone, Debug, Default)]
pub struct EdgePolicy {
    trusted_proxies: Option<Arc<TrustedProxies>>,
    custom: Arc<[HeaderName]>,
}

impl EdgePolicy {
    /// Clients connect directly; certificate headers are removed, whoever sends them.
    #[must_use]
    pub fn direct() -> Self {
        Self::default()
    }

    /// Listed proxies forward certificates; everybody else is a client.
    #[must_use]
    pub fn behind(trusted_proxies: TrustedProxies) -> Self {
        Self { trusted_proxies: Some(Arc::new(trusted_proxies)), custom: Arc::default() }
    }

    /// Removes these headers too from every inbound request.
    ///
    /// # Errors
    /// [`HeaderNameInvalid`] when one is not a header name.
    pub fn also_stripping<N: AsRef<str>>(
        mut self,
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, HeaderNameInvalid> {
        self.custom =
            names.into_iter().map(|name| parse_header_name(name.as_ref())).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// The listed proxies, if there are any.
    #[must_use]
    pub fn trusted_proxies(&self) -> Option<&TrustedProxies> {
        self.trusted_proxies.as_deref()
    }

    /// Whether a header says who the client is: on the known list, configured, or read from a proxy.
    pub(crate) fn names_identity(&self, name: &HeaderName) -> bool {
        let same = |known: &HeaderName| same_header_name(name.as_str(), known.as_str());
        identity_header(name.as_str()).is_some()
            || self.custom.iter().any(same)
            || self.trusted_proxies().is_some_and(|proxies| proxies.header_names().any(same))
    }
}

/// A configured header name that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a header name (RFC 9110 section 5.1); use letters, digits and `-`")]
pub struct HeaderNameInvalid(pub String);

pub(crate) fn parse_header_name(name: &str) -> Result<HeaderName, HeaderNameInvalid> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderNameInvalid(name.to_owned()))
}
