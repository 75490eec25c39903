//! How much a text could be worth guessing: the estimate that a certifier makes of codes, tokens and request
//! URIs (Shannon's, over the text's own characters).

use std::collections::BTreeMap;

/// Bits: the entropy of one character as this text uses them, times its length.
pub(crate) fn bits(text: &str) -> f64 {
    let mut counts = BTreeMap::<char, u32>::new();
    for character in text.chars() {
        *counts.entry(character).or_default() += 1;
    }
    let length = f64::from(u32::try_from(text.chars().count()).unwrap());
    let of_one: f64 =
        counts.values().map(|count| f64::from(*count) / length).map(|share| -share * share.log2()).sum();
    of_one * length
}

/// More than 96 bits (A3 to A5).
pub(crate) fn require(what: &str, text: &str) {
    let bits = bits(text);
    assert!(bits > 96.0, "{what} carries {bits:.0} bits");
}

/// More than 128 bits: request URIs (RFC 9101 section 10.2).
pub(crate) fn require_of_request_uri(text: &str) {
    let bits = bits(text);
    assert!(bits > 128.0, "the request_uri carries {bits:.0} bits");
}

/// A token: at least 16 bytes of the characters of RFC 6750 section 2.1.
pub(crate) fn require_token(what: &str, text: &str) {
    assert!(text.len() >= 16, "{what} has {} bytes", text.len());
    let good = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    assert!(text.trim_end_matches('=').chars().all(good), "{what} has characters that no token has");
    require(what, text);
}

#[test]
fn counts_what_a_text_carries() {
    assert!(bits("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") < 1.0);
    assert!((bits("0123456789abcdef0123456789abcdef") - 128.0).abs() < 0.01);
}
