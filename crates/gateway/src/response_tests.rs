//! What comes back, header by header.

use super::*;

fn dressed(mode: Mode, next_nonce: Option<&str>, identified: bool, lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers
            .append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let passage = Passage { next_nonce: next_nonce.map(Into::into), would_refuse: None, mode };
    let expires_at = identified.then_some(UnixTime::MAX);
    Dressing { passage, expires_at, idle: None }.dress(&mut headers);
    headers
}

#[test]
fn there_is_at_most_one_nonce_and_the_guard_s_comes_first() {
    let nonces = |mode, next, lines: &[(&str, &str)]| {
        let headers = dressed(mode, next, true, lines);
        let nonces: Vec<_> = headers.get_all("dpop-nonce").iter().cloned().collect();
        nonces
    };
    let foreign = ("dpop-nonce", "foreign");
    assert!(nonces(Mode::Enforce, None, &[foreign]).is_empty());
    assert_eq!(nonces(Mode::Enforce, Some("ours"), &[foreign, foreign]), ["ours"]);
    assert_eq!(nonces(Mode::Observe, None, &[foreign]), ["foreign"]);
    assert_eq!(nonces(Mode::Warn, Some("ours"), &[foreign]), ["ours"]);
    assert!(nonces(Mode::Observe, None, &[foreign, foreign]).is_empty());
}

#[test]
fn a_nominated_header_ends_here_and_a_malformed_nomination_names_nothing() {
    let lines = [
        ("connection", "x-gone, \"x-kept\", content-length"),
        ("x-gone", "1"),
        ("x-kept", "1"),
        ("content-length", "3"),
    ];
    let headers = dressed(Mode::Enforce, None, false, &lines);
    let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "x-kept"]);
}

#[test]
fn a_vary_that_names_an_identity_becomes_a_star() {
    for (vary, expected) in [
        ("accept", "accept"),
        ("Client-Cert", "*"),
        ("accept,bindery-subject", "*"),
        ("accept, Bindery_Subject", "*"),
        ("x-forwarded-for", "x-forwarded-for"),
    ] {
        assert_eq!(dressed(Mode::Enforce, None, true, &[("vary", vary)])["vary"], expected, "{vary}");
    }
}
