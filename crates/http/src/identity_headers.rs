//! Removes every header that says who a client is, first thing on every inbound request, so that nothing a
//! client sent can pass for what a proxy says (CC-2.4-01, CC-4-10). The one exception is the configured
//! header of a listed proxy, under its exact name. Values are never looked at, kept or logged.

use http::{HeaderMap, HeaderName};
use smallvec::SmallVec;

use crate::edge_policy::EdgePolicy;
use crate::peer::Peer;
use crate::trusted_proxy::TrustedProxies;

/// The prefix of the headers in which this product passes a verified identity to an application. Nobody
/// else may send them; they are on the list of identity headers.
pub const BINDERY_PREFIX: &str = "bindery-";

/// The names that were removed, for the operator's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a removed identity header is worth a line in the operator's log: call `report`"]
pub struct Stripped(SmallVec<[HeaderName; 4]>);

impl Stripped {
    /// The names, each once.
    #[must_use]
    pub fn names(&self) -> &[HeaderName] {
        &self.0
    }

    /// Writes one log line if anything was removed (CC-4-02): the peer's address and the names.
    pub fn report(&self, peer: Option<&Peer>) {
        if !self.0.is_empty() {
            tracing::warn!(
                peer = peer.map(|peer| tracing::field::display(peer.address)),
                headers = ?self.0,
                "removed identity headers; only a listed proxy may send its configured one"
            );
        }
    }
}

/// Removes what this peer may not say. From a listed proxy the configured headers stay, under exactly
/// their names: twins in `_`, other formats and everybody else's go.
/// Without a peer (somebody else's listener) nobody is believed.
pub fn strip_untrusted(headers: &mut HeaderMap, peer: Option<&Peer>, policy: &EdgePolicy) -> Stripped {
    let listed = |proxies: &&TrustedProxies| peer.and_then(|peer| proxies.confirm_peer(peer)).is_some();
    let believed = policy.trusted_proxies().filter(listed);
    strip(headers, policy, |name| {
        believed.is_some_and(|proxies| proxies.header_names().any(|known| known == name))
    })
}

/// Removes them all, whoever sent them: for requests that go on to an application (CC-2.4-01), and for
/// applications behind a guard, once the certificate has been read.
pub fn strip_all(headers: &mut HeaderMap, policy: &EdgePolicy) -> Stripped {
    strip(headers, policy, |_| false)
}

fn strip(headers: &mut HeaderMap, policy: &EdgePolicy, keep: impl Fn(&HeaderName) -> bool) -> Stripped {
    let named = headers.keys().filter(|name| policy.names_identity(name) && !keep(name));
    let stripped = Stripped(named.cloned().collect());
    for name in &stripped.0 {
        headers.remove(name);
    }
    stripped
}

#[cfg(test)]
#[path = "identity_headers_tests.rs"]
mod tests;
