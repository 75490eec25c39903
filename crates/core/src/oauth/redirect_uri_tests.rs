//! Redirect URIs that look like another: none may be registered, none may match.

use super::*;
use alloc::string::String;

fn require(uri: &str) -> Result<(), RedirectUriInvalid> {
    require_redirect_uri(uri, ApplicationType::Web)
}

#[test]
fn rejects_what_cannot_be_a_redirect_uri() {
    for (uri, reason) in [
        ("", RedirectUriInvalid::NotAbsolute),
        ("/cb", RedirectUriInvalid::NotAbsolute),
        ("//c.example/cb", RedirectUriInvalid::NotAbsolute),
        ("https:c.example/cb", RedirectUriInvalid::NotAbsolute),
        ("https:/c.example/cb", RedirectUriInvalid::NotAbsolute),
        ("https:///cb", RedirectUriInvalid::NotAbsolute),
        ("https://c.example:/cb", RedirectUriInvalid::NotAbsolute),
        ("https://c.example:0/cb", RedirectUriInvalid::NotAbsolute),
        ("https://c.example:65536/cb", RedirectUriInvalid::NotAbsolute),
        ("https://c.example/cb ", RedirectUriInvalid::NotAbsolute),
        ("https://c.example/\\@e.example", RedirectUriInvalid::NotAbsolute),
        ("https://c.example/%", RedirectUriInvalid::NotAbsolute),
        ("https://c.example/%4", RedirectUriInvalid::NotAbsolute),
        ("https://c.example/\u{e9}", RedirectUriInvalid::NotAbsolute),
        ("https://c.example/<script>", RedirectUriInvalid::NotAbsolute),
        ("https://*.example/cb", RedirectUriInvalid::NotAbsolute),
        ("https://c%2eexample/cb", RedirectUriInvalid::NotAbsolute),
        ("https://[::1", RedirectUriInvalid::NotAbsolute),
        ("https://[::g]/", RedirectUriInvalid::NotAbsolute),
        ("https://c.example/cb#", RedirectUriInvalid::Fragment),
        ("https://c.example/cb#a", RedirectUriInvalid::Fragment),
        ("https://a@c.example/cb", RedirectUriInvalid::UserInformation),
        ("https://c.example@e.example@f.example/cb", RedirectUriInvalid::UserInformation),
        ("http://c.example/cb", RedirectUriInvalid::PlainHttp),
        ("http://127.0.0.1.example/cb", RedirectUriInvalid::PlainHttp),
        ("HTTPS://c.example/cb", RedirectUriInvalid::Scheme),
        ("javascript:alert(1)", RedirectUriInvalid::Scheme),
        ("data:text/html,x", RedirectUriInvalid::Scheme),
        ("com.example.app:/cb", RedirectUriInvalid::Scheme),
    ] {
        assert_eq!(require(uri), Err(reason), "{uri}");
    }
    let long = alloc::format!("https://c.example/{}", "a".repeat(MAXIMUM_REDIRECT_URI));
    assert_eq!(require(&long), Err(RedirectUriInvalid::TooLong));
}

#[test]
fn takes_https_loopback_and_the_schemes_of_native_clients() {
    for uri in [
        "https://c.example",
        "https://c.example/cb?dummy1=lorem&dummy2=ipsum",
        "https://c.example:8443/cb/~a;b=%2F",
        "https://[2001:db8::1]:8443/cb",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:49152/cb",
        "http://[::1]:1/cb",
        "http://localhost:3000/cb",
    ] {
        assert_eq!(require(uri), Ok(()), "{uri}");
    }
    let native = |uri| require_redirect_uri(uri, ApplicationType::Native);
    assert_eq!(native("com.example.app:/oauth2redirect"), Ok(()));
    for uri in ["myapp:/cb", "javascript:alert(1)", "com.example.app:", "1.example:/cb"] {
        assert_eq!(native(uri), Err(RedirectUriInvalid::Scheme), "{uri}");
    }
}

#[test]
fn a_redirect_uri_matches_byte_for_byte_and_in_no_other_way() {
    let registered: [String; 2] = ["https://c.example/cb?a=b".into(), "http://127.0.0.1:8080/cb".into()];
    for given in [
        "https://c.example/cb",
        "https://c.example/cb?a=b&c=d",
        "https://c.example/cb?a=b#",
        "https://c.example/cb?a=B",
        "https://C.example/cb?a=b",
        "https://c.example:443/cb?a=b",
        "https://c.example/./cb?a=b",
        "https://c.example/x/..;/cb?a=b",
        "https://c.example/%63b?a=b",
        "https://c.example/cb?a=b ",
        "https://c.example@e.example/cb?a=b",
        "https://c.example.e.example/cb?a=b",
        "http://c.example/cb?a=b",
        "http://127.0.0.1:9090/cb",
        "",
    ] {
        assert_eq!(find_registered(&registered, given, ApplicationType::Web), None, "{given}");
    }
    let found = find_registered(&registered, "https://c.example/cb?a=b", ApplicationType::Web);
    assert_eq!(found, Some("https://c.example/cb?a=b"));
}

#[test]
fn only_a_native_clients_loopback_address_may_change_its_port() {
    let find = |registered: &str, given: &str| {
        find_registered(&[registered.into()], given, ApplicationType::Native).is_some()
    };
    assert!(find("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb"));
    assert!(find("http://127.0.0.1:8080/cb?a", "http://127.0.0.1:1/cb?a"));
    assert!(find("http://[::1]/cb", "http://[::1]:65535/cb"));
    for (registered, given) in [
        ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:080/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80@e.example/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80/cb/"),
        ("http://127.0.0.1/cb", "http://127.0.0.2:80/cb"),
        ("http://127.0.0.1/cb", "http://[::1]:80/cb"),
        ("http://127.0.0.1/cb", "https://127.0.0.1:80/cb"),
        ("http://localhost/cb", "http://localhost:80/cb"),
        ("https://c.example/cb", "https://c.example:8443/cb"),
    ] {
        assert!(!find(registered, given), "{registered} {given}");
    }
}
