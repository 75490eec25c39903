//! The most recent `DPoP-Nonce` of every server (RFC 9449 sections 8.2 and 9). A nonce is opaque text,
//! kept by origin and by role, so none ever reaches a server that did not give it (DPOP-8-08, DPOP-9-02).
//! The cache is bounded; a nonce that was thrown out costs one more round trip and nothing else.

use std::fmt;

use http::HeaderMap;
use quick_cache::sync::Cache;

use crate::origin::Origin;

/// The response header that carries a nonce.
pub const DPOP_NONCE: &str = "dpop-nonce";
/// The longest nonce that is kept. A proof must stay under the 8 KiB that servers commonly read.
pub(crate) const MAXIMUM_NONCE: usize = 2048;

/// A server's nonce: `1*NQCHAR` (RFC 9449 section 8.1), never read further (DPOP-8-07).
#[derive(Clone, PartialEq, Eq)]
pub struct ServerNonce(std::sync::Arc<str>);

impl ServerNonce {
    /// Takes `text` as a nonce; `None` when it is empty, too long, or holds a character outside NQCHAR.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        let fits = !text.is_empty() && text.len() <= MAXIMUM_NONCE && text.bytes().all(allowed);
        fits.then(|| Self(text.into()))
    }

    /// The nonce of a response. Two `DPoP-Nonce` headers name none, for a server must not send two
    /// (DPOP-8-04) and nobody can tell which one it will accept.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(DPOP_NONCE).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Self::parse(value.to_str().ok()?),
            _ => None,
        }
    }

    /// The nonce as the server wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ServerNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerNonce({} characters)", self.0.len())
    }
}

/// Which of a server's two parts gave a nonce. One host may be both, with different nonces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerRole {
    /// Its token endpoint.
    AuthorizationServer,
    /// Its protected resources.
    ResourceServer,
}

/// The most recent nonce of each server.
pub struct NonceCache(Cache<(ServerRole, Origin), ServerNonce>);

impl NonceCache {
    /// The number of servers that are remembered.
    pub const CAPACITY: usize = 1024;

    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self(Cache::new(Self::CAPACITY))
    }

    /// Learns from any response, success or failure (DPOP-8.2-02, DPOP-9-03); returns what it carried.
    pub fn learn(&self, role: ServerRole, origin: &Origin, headers: &HeaderMap) -> Option<ServerNonce> {
        let nonce = ServerNonce::from_headers(headers)?;
        self.0.insert((role, origin.clone()), nonce.clone());
        Some(nonce)
    }

    /// The most recent nonce of that server.
    #[must_use]
    pub fn current(&self, role: ServerRole, origin: &Origin) -> Option<ServerNonce> {
        self.0.get(&(role, origin.clone()))
    }
}

impl Default for NonceCache {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for NonceCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NonceCache({} servers)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use url::Url;

    use super::*;

    fn headers(nonces: &[&str]) -> HeaderMap {
        nonces
            .iter()
            .map(|nonce| (http::HeaderName::from_static(DPOP_NONCE), HeaderValue::from_str(nonce).unwrap()))
            .fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            })
    }

    fn origin(number: usize) -> Origin {
        Origin::of(&Url::parse(&format!("https://server-{number}.example")).unwrap()).unwrap()
    }

    #[test]
    fn accepts_every_character_of_nqchar_and_no_other() {
        let every: String = (0x21..=0x7e_u8).filter(|byte| !b"\"\\".contains(byte)).map(char::from).collect();
        assert_eq!(ServerNonce::parse(&every).unwrap().as_str(), every);
        for bad in ["", "a b", "a\"b", "a\\b", "a\tb", "\u{e9}", "a,b c"] {
            assert!(ServerNonce::parse(bad).is_none(), "{bad:?}");
        }
        assert!(ServerNonce::parse(&"a".repeat(MAXIMUM_NONCE + 1)).is_none());
    }

    #[test]
    fn two_nonces_in_one_response_are_none() {
        assert!(ServerNonce::from_headers(&headers(&["a", "b"])).is_none());
        assert_eq!(ServerNonce::from_headers(&headers(&["a"])).unwrap().as_str(), "a");
    }

    #[test]
    fn no_nonce_reaches_another_server_or_role() {
        let cache = NonceCache::new();
        cache.learn(ServerRole::ResourceServer, &origin(1), &headers(&["one"]));
        cache.learn(ServerRole::AuthorizationServer, &origin(1), &headers(&["issuer"]));
        cache.learn(ServerRole::ResourceServer, &origin(1), &headers(&[]));
        assert_eq!(cache.current(ServerRole::ResourceServer, &origin(1)).unwrap().as_str(), "one");
        assert_eq!(cache.current(ServerRole::AuthorizationServer, &origin(1)).unwrap().as_str(), "issuer");
        assert!(cache.current(ServerRole::ResourceServer, &origin(2)).is_none());
    }

    #[test]
    fn remembers_a_hundred_servers_and_stays_bounded() {
        let cache = NonceCache::new();
        for number in 0..100 {
            cache.learn(ServerRole::ResourceServer, &origin(number), &headers(&["n"]));
        }
        assert!((0..100).all(|number| cache.current(ServerRole::ResourceServer, &origin(number)).is_some()));
        for number in 0..20_000 {
            cache.learn(ServerRole::ResourceServer, &origin(number), &headers(&["n"]));
        }
        assert!(cache.0.len() <= NonceCache::CAPACITY + 64);
    }
}
