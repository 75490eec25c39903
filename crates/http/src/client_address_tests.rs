//! Whose address a request comes from, when proxies say so and when strangers do.

use serde_json::json;

use super::*;
use crate::TrustedProxiesConfiguration;
use crate::trusted_proxy_configuration::edge_policy;

fn policy(header: &str) -> EdgePolicy {
    let configured: TrustedProxiesConfiguration = serde_json::from_value(json!({
        "format": "nginx", "networks": ["10.0.0.0/8", "2001:db8:f::/48"], "address_header": header,
    }))
    .unwrap();
    edge_policy(Some(&configured), &[]).unwrap()
}

fn seen(from: &str, header: (&'static str, &[&str]), policy: &EdgePolicy) -> Option<String> {
    let peer = Peer::plaintext(format!("{from}:443").parse().unwrap());
    let mut headers = HeaderMap::new();
    for value in header.1 {
        headers.append(header.0, value.parse().unwrap());
    }
    client_address(&peer, &headers, policy).map(|address| address.to_string())
}

#[test]
fn nobody_but_a_listed_proxy_says_where_a_request_comes_from() {
    let policy = policy("x-forwarded-for");
    let header = ("x-forwarded-for", &["203.0.113.9"][..]);
    assert_eq!(seen("192.0.2.1", header, &policy).unwrap(), "192.0.2.1");
    assert_eq!(seen("192.0.2.1", header, &EdgePolicy::direct()).unwrap(), "192.0.2.1");
    assert_eq!(seen("[::ffff:192.0.2.1]", header, &policy).unwrap(), "192.0.2.1");
    assert_eq!(seen("10.0.0.1", header, &policy).unwrap(), "203.0.113.9");
}

#[test]
fn what_a_client_wrote_in_front_of_the_proxys_entry_counts_for_nothing() {
    let policy = policy("x-forwarded-for");
    for (values, expected) in [
        (&["1.1.1.1, 203.0.113.9"][..], Some("203.0.113.9")),
        (&["1.1.1.1", "203.0.113.9"], Some("203.0.113.9")),
        // Two of our own proxies in a row.
        (&["1.1.1.1, 203.0.113.9, 10.0.0.2"], Some("203.0.113.9")),
        (&["203.0.113.9, 2001:db8:f::2"], Some("203.0.113.9")),
        (&["203.0.113.9:4711"], Some("203.0.113.9")),
        (&["[2001:db8::9]:4711"], Some("2001:db8::9")),
        (&["2001:db8::9"], Some("2001:db8::9")),
        // Not an address: nothing before it can be trusted either.
        (&["203.0.113.9, unknown"], None),
        (&["203.0.113.9, [2001:db8::9]x"], None),
        (&["10.0.0.3"], None),
        (&[], None),
    ] {
        let found = seen("10.0.0.1", ("x-forwarded-for", values), &policy);
        assert_eq!(found.as_deref(), expected, "{values:?}");
    }
}

#[test]
fn only_the_configured_header_is_read() {
    let forwarded = ("forwarded", &["for=1.1.1.1, For=\"[2001:db8::9]:4711\";proto=https;by=10.0.0.1"][..]);
    assert_eq!(seen("10.0.0.1", forwarded, &policy("forwarded")).unwrap(), "2001:db8::9");
    assert_eq!(seen("10.0.0.1", forwarded, &policy("x-forwarded-for")), None);
    assert_eq!(seen("10.0.0.1", forwarded, &policy("none")), None);
    let hidden = ("forwarded", &["for=203.0.113.9, for=_hidden"][..]);
    assert_eq!(seen("10.0.0.1", hidden, &policy("forwarded")), None);
}
