//! What is shown to people never carries control characters, whole tokens or private keys. That findings
//! agree with the verifiers needs real cryptography and is tested where there is some.

use super::*;
use crate::time::UnixTime;
use alloc::string::ToString as _;
use serde_json::{Value, json};

#[test]
fn terminal_controls_and_bidirectional_marks_are_escaped() {
    let shown = for_terminal("a\u{1b}[31m\u{202e}b\nc\"\u{7f}");
    assert_eq!(shown, "a\\u{1b}[31m\\u{202e}b\\nc\"\\u{7f}");
    assert!(for_terminal(&"x".repeat(10_000)).chars().count() < 260);
}

#[test]
fn an_excerpt_is_never_the_whole() {
    assert_eq!(excerpt("eyJhbGciOiJFUzI1NiJ9.e30.AAAABBBBCCCC"), "eyJhbGciOiJF… (37 characters)");
    assert_eq!(excerpt("secret"), "se… (6 characters)");
    assert_eq!(excerpt(""), "… (0 characters)");
}

#[test]
fn times_are_said_with_their_distance_and_never_panic() {
    let now = UnixTime::from_seconds(1_800_000_000);
    let at = |seconds| moment(UnixTime::from_seconds(seconds), now);
    assert_eq!(at(1_799_999_688), "2027-01-15T07:54:48Z (312 s ago)");
    assert_eq!(at(1_800_000_000), "2027-01-15T08:00:00Z (now)");
    assert_eq!(at(1_800_007_200), "2027-01-15T10:00:00Z (2 h ahead)");
    for seconds in [i64::MIN, -1, i64::MAX, 253_402_300_800] {
        assert!(!at(seconds).is_empty());
    }
}

#[test]
fn a_private_key_and_a_token_inside_a_claim_are_not_shown() {
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJlc2lnbmF0dXJl";
    let Value::Object(object) = json!({
        "jwk": {"kty": "EC", "crv": "P-256", "x": "abc", "d": "secret-number"},
        "inner": token,
        "deep": [[[[[["secret-depth"]]]]]],
        "htu": "https://a.example/x?access_token=secret-query",
    }) else {
        panic!("an object")
    };
    let mut explanation = Explanation::default();
    shown::decoded(&mut explanation, Subject::Proof, "header", &object, UnixTime::from_seconds(0));
    let text = alloc::format!("{:?}", explanation.decoded);
    assert!(!text.contains("secret"), "{text}");
    assert!(!text.contains(token), "{text}");
    assert!(text.contains("d: (private, not shown)"), "{text}");
}

#[test]
fn what_came_along_with_a_copied_token_is_taken_off_and_said() {
    for (text, hint) in [
        ("Bearer abc.def.ghi", "scheme_prefix"),
        ("Authorization: DPoP abc.def.ghi", "scheme_prefix"),
        ("\"abc.def.ghi\"", "quoted"),
        ("abc%2Edef%2Eghi", "url_encoded"),
    ] {
        let (cleaned, explanation) = pasted(text);
        assert_eq!(cleaned, "abc.def.ghi", "{text}");
        assert!(explanation.hints_at(hint).is_some(), "{text}");
    }
    assert_eq!(pasted(" abc.def.ghi\n").0.to_string(), "abc.def.ghi");
}
