//! Where a request goes: scheme, host and port (RFC 6454), in one spelling. Nonces, clock corrections and
//! redirects are judged by it. `http:` has no origin here, because a token must not travel there
//! (DPOP-2-01); a loopback address is the one exception, and only when it was asked for by name.

use std::fmt;
use std::sync::Arc;

use url::{Host, Url};

/// Whether `http:` to this machine itself is let through. Development only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum PlainHttp {
    #[default]
    Refused,
    Loopback,
}

/// An origin that may be spoken to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin(Arc<str>);

/// The URL has no origin that may be spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginInvalid {
    /// The scheme is not `https`.
    Insecure,
    /// The URL carries a user name or a password.
    Userinfo,
    /// The URL has no host.
    NoHost,
}

impl OriginInvalid {
    /// The broken rule, as a sentence without the URL.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Insecure => {
                "the scheme is not https, and bound tokens travel over https alone (RFC 9449 section 2)"
            }
            Self::Userinfo => "the URL carries a user name or a password",
            Self::NoHost => "the URL has no host",
        }
    }
}

impl fmt::Display for OriginInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

impl std::error::Error for OriginInvalid {}

impl Origin {
    /// The origin of an `https:` URL.
    ///
    /// # Errors
    /// [`OriginInvalid`] for another scheme, for userinfo, or without a host.
    pub fn of(url: &Url) -> Result<Self, OriginInvalid> {
        Self::within(url, PlainHttp::Refused)
    }

    pub(crate) fn within(url: &Url, plain: PlainHttp) -> Result<Self, OriginInvalid> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OriginInvalid::Userinfo);
        }
        let host = url.host().ok_or(OriginInvalid::NoHost)?;
        let secure = url.scheme() == "https"
            || (url.scheme() == "http" && plain == PlainHttp::Loopback && is_loopback(&host));
        if secure {
            Ok(Self(url.origin().ascii_serialization().into()))
        } else {
            Err(OriginInvalid::Insecure)
        }
    }

    /// Scheme, host and port; the port is left out when it is the scheme's own.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Addresses only, and the one name that RFC 6761 section 6.3 keeps for them.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str, plain: PlainHttp) -> Result<String, OriginInvalid> {
        Origin::within(&Url::parse(url).unwrap(), plain).map(|origin| origin.to_string())
    }

    #[test]
    fn one_origin_has_one_spelling() {
        for url in ["https://API.example", "https://api.example:443/a?b#c", "https://api.example/"] {
            assert_eq!(of(url, PlainHttp::Refused).as_deref(), Ok("https://api.example"), "{url}");
        }
        assert_eq!(
            of("https://api.example:8443/", PlainHttp::Refused).as_deref(),
            Ok("https://api.example:8443")
        );
    }

    #[test]
    fn refuses_plain_http_even_to_loopback_unless_asked_for() {
        assert_eq!(of("http://127.0.0.1:1/", PlainHttp::Refused), Err(OriginInvalid::Insecure));
        assert_eq!(of("http://api.example/", PlainHttp::Loopback), Err(OriginInvalid::Insecure));
        assert_eq!(of("http://localhost.example/", PlainHttp::Loopback), Err(OriginInvalid::Insecure));
        for url in ["http://127.0.0.1:1/", "http://[::1]:1/", "http://localhost:1/"] {
            assert!(of(url, PlainHttp::Loopback).is_ok(), "{url}");
        }
        assert_eq!(of("ftp://127.0.0.1/", PlainHttp::Loopback), Err(OriginInvalid::Insecure));
    }

    #[test]
    fn refuses_userinfo() {
        assert_eq!(of("https://u:p@api.example/", PlainHttp::Refused), Err(OriginInvalid::Userinfo));
        assert_eq!(of("https://u@api.example/", PlainHttp::Refused), Err(OriginInvalid::Userinfo));
    }
}
