//! What the application is told about the way a request took: the address of the client, the scheme, and the
//! public host, set afresh. What a client says about these is removed, and so are headers by which some
//! applications let a client replace the method or the path that was judged. None of it plays a part in any
//! check: `htu` is compared with configured URLs only.

use bindery_core::mtls::header::same_header_name;
use bindery_http::{EdgePolicy, Peer};
use http::header::{HOST, VIA};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Version};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const PUBLIC_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What a listed proxy may say, and nobody else, beside everything that begins with `x-forwarded`.
const FORWARDING: &[&str] = &[
    "cf-connecting-ip",
    "fastly-client-ip",
    "forwarded",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-original-forwarded-for",
    "x-original-host",
    "x-real-ip",
    "x-scheme",
];

/// What nobody may say: a method or a path other than the judged one (CVE-2018-14773's class).
const OVERRIDES: &[&str] = &[
    "x-forwarded-method",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
];

fn is_among(name: &HeaderName, list: &[&str]) -> bool {
    list.iter().any(|known| same_header_name(name.as_str(), known))
}

fn tells_the_way(name: &HeaderName) -> bool {
    const BEGINNING: &str = "x-forwarded";
    name.as_str().get(..BEGINNING.len()).is_some_and(|start| same_header_name(start, BEGINNING))
        || is_among(name, FORWARDING)
}

/// Whether the header tells an application where a request came from or what it asks for.
pub(crate) fn is_set_by_us(name: &HeaderName) -> bool {
    tells_the_way(name) || is_among(name, OVERRIDES)
}

/// The hosts of the public URLs; the first stands for requests that name none of them.
#[derive(Clone, Debug)]
pub(crate) struct PublicHosts(pub(crate) Vec<HeaderValue>);

impl PublicHosts {
    /// The configured host that the request names: the client chooses among them, it never adds one.
    fn of(&self, parts: &Parts) -> Option<&HeaderValue> {
        let named = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
        let named = named.or_else(|| parts.headers.get(HOST).map(HeaderValue::as_bytes));
        let known =
            named.and_then(|named| self.0.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(named)));
        known.or_else(|| self.0.first())
    }
}

/// Sets the three headers and `Via` (RFC 9110 section 7.6.3), and removes everything else of their kind. A listed proxy is believed for what it
/// sent, and its address is appended.
pub(crate) fn set(parts: &mut Parts, edge: &EdgePolicy, hosts: &PublicHosts) {
    let peer = parts.extensions.get::<Peer>();
    let trusted =
        peer.zip(edge.trusted_proxies()).is_some_and(|(peer, proxies)| proxies.confirm_peer(peer).is_some());
    let removed: Vec<HeaderName> = parts
        .headers
        .keys()
        .filter(|name| is_among(name, OVERRIDES) || (!trusted && tells_the_way(name)))
        .cloned()
        .collect();
    let address = peer.map(|peer| peer.address.ip().to_string());
    let proto = if peer.is_some_and(|peer| peer.encrypted) { "https" } else { "http" };
    let host = hosts.of(parts).cloned();
    let via = if parts.version == Version::HTTP_2 { "2 bindery" } else { "1.1 bindery" };
    let headers = &mut parts.headers;
    for name in removed {
        headers.remove(name);
    }
    headers.append(VIA, HeaderValue::from_static(via));
    if let Some(address) = address.and_then(|address| HeaderValue::from_str(&address).ok()) {
        headers.append(FOR, address);
    }
    if !headers.contains_key(PROTO) {
        headers.insert(PROTO, HeaderValue::from_static(proto));
    }
    if let Some(host) = host.filter(|_| !headers.contains_key(PUBLIC_HOST)) {
        headers.insert(PUBLIC_HOST, host);
    }
}

#[cfg(test)]
#[path = "forwarded_tests.rs"]
mod tests;
