//! The address of the client behind a request, for limits and for nothing else: it authenticates nobody. From
//! anybody but a listed proxy it is the socket's; a listed proxy is believed for the one header that it is
//! configured to write (RFC 7239 section 8.1: what came before our own proxies may be invented).

use std::net::IpAddr;

use http::HeaderMap;

use crate::edge_policy::EdgePolicy;
use crate::peer::Peer;

/// The most entries of a header that are looked at, from the right.
const MOST_HOPS: usize = 16;

/// The header in which listed proxies name the address that they were called from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressHeader {
    /// `X-Forwarded-For`, to which each proxy appends.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// None: the addresses of clients are not known here. The default, since a proxy that passes on what its
    /// client wrote would let everybody speak for any address.
    #[default]
    NotSent,
}

impl AddressHeader {
    /// Reads the name as it stands in a configuration.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "x-forwarded-for" => Some(Self::XForwardedFor),
            "forwarded" => Some(Self::Forwarded),
            "none" => Some(Self::NotSent),
            _ => None,
        }
    }
}

/// The client's address, or nothing when only its proxy's is known: what is counted for a proxy is counted for
/// everybody behind it.
#[must_use]
pub fn client_address(peer: &Peer, headers: &HeaderMap, policy: &EdgePolicy) -> Option<IpAddr> {
    let listed = policy.trusted_proxies().filter(|proxies| proxies.confirm_peer(peer).is_some());
    let Some(proxies) = listed else { return Some(peer.address.ip().to_canonical()) };
    let hops = match proxies.address_header() {
        AddressHeader::XForwardedFor => hops(headers, "x-forwarded-for", address),
        AddressHeader::Forwarded => hops(headers, "forwarded", forwarded_for),
        AddressHeader::NotSent => return None,
    };
    // The last entry was written by the proxy that speaks to us; those before by whom it spoke to.
    hops.into_iter().take(MOST_HOPS).map_while(|hop| hop).find(|address| !proxies.is_own_address(*address))
}

/// The entries of a list header, the last one first.
fn hops(headers: &HeaderMap, name: &str, read: impl Fn(&str) -> Option<IpAddr>) -> Vec<Option<IpAddr>> {
    let values: Vec<_> = headers.get_all(name).iter().collect();
    let entries = values.iter().rev().flat_map(|value| match value.to_str() {
        // No entry of these headers that we read has a comma within quotes.
        Ok(text) => text.rsplit(',').map(|entry| read(entry.trim())).collect(),
        Err(_) => vec![None],
    });
    entries.take(MOST_HOPS).collect()
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            if !(port.is_empty() || port.starts_with(':')) {
                return None;
            }
            address
        }
        None => match text.split_once(':') {
            Some((address, port)) if !port.contains(':') => address,
            _ => text,
        },
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// The `for` of one element of `Forwarded` (RFC 7239 section 4); an obfuscated one is nothing.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("for") {
            return None;
        }
        let value = value.trim();
        address(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
    })
}

#[cfg(test)]
#[path = "client_address_tests.rs"]
mod tests;
