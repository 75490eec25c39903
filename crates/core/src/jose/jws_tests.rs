//! Splitting and header reading, where every second spelling must be refused.

use super::*;
use alloc::format;
use alloc::string::String;
use proptest::prelude::*;

fn header(text: &str) -> Result<UnverifiedHeader, JwsMalformed> {
    let whole = format!("{}.e30.AA", base64url::encode(text));
    UnverifiedHeader::read(&CompactJws::split(&whole, 1 << 20).unwrap())
}

#[test]
fn splits_three_non_empty_segments_and_nothing_else() {
    let jws = CompactJws::split("aa.bb.cc", 8).unwrap();
    assert_eq!((jws.header, jws.payload, jws.signature, jws.signing_input), ("aa", "bb", "cc", "aa.bb"));
    for text in ["", "a", "a.b", "a.b.", ".b.c", "a..c", "..", "a.b.c.", "a.b.c.d", "a.b.c.d.e", "...."] {
        assert_eq!(CompactJws::split(text, 100).unwrap_err(), JwsMalformed::Segments, "{text}");
    }
    assert_eq!(CompactJws::split("aa.bb.cc", 7).unwrap_err(), JwsMalformed::TooLong);
}

#[test]
fn refuses_every_critical_extension_and_every_b64() {
    for text in [
        r#"{"crit":[]}"#,
        r#"{"crit":["exp"],"exp":1}"#,
        r#"{"crit":null}"#,
        r#"{"b64":true}"#,
        r#"{"b64":false}"#,
    ] {
        assert_eq!(header(text).unwrap_err(), JwsMalformed::Critical, "{text}");
    }
}

#[test]
fn reads_past_what_it_does_not_know_as_strictly_as_the_rest() {
    assert!(header(r#"{"x":{"a":[1,2,{"b":null}]}}"#).is_ok());
    for text in
        [r#"{"x":{"a":1,"a":2}}"#, r#"{"x":1,"x":2}"#, r#"{"x":"\u0000"}"#, r#"{"kid":1}"#, r#"{"jwk":[]}"#]
    {
        assert!(matches!(header(text), Err(JwsMalformed::Header(_))), "{text}");
    }
}

#[test]
fn no_error_quotes_the_text() {
    for text in [r#"{"typ":{"secret":1}}"#, r#"{"alg":123456789}"#, r#"secret"#, r#"{"secret":1,"secret":2}"#]
    {
        let shown = format!("{}", header(text).unwrap_err());
        assert!(!shown.contains("secret") && !shown.contains("123456789"), "{shown}");
    }
}

proptest! {
    #[test]
    fn what_is_joined_splits_into_the_same_parts(header in ".{1,40}", payload in ".{1,40}", signature in prop::collection::vec(any::<u8>(), 1..80)) {
        let text = attach_signature(signing_input(header.as_bytes(), payload.as_bytes()), &signature);
        let jws = CompactJws::split(&text, text.len()).unwrap();
        prop_assert!(jws.decode_header().unwrap().as_slice() == header.as_bytes());
        prop_assert!(jws.decode_payload().unwrap().as_slice() == payload.as_bytes());
        prop_assert!(jws.decode_signature().unwrap().as_slice() == signature.as_slice());
    }

    #[test]
    fn no_text_makes_it_panic_and_a_value_has_one_spelling(text in "[A-Za-z0-9_=+/. -]{0,60}") {
        if let Ok(jws) = CompactJws::split(&text, 100) {
            prop_assert_eq!(format!("{}.{}", jws.signing_input, jws.signature), text.clone());
            if let Ok(bytes) = jws.decode_header() {
                prop_assert_eq!(base64url::encode(&bytes), String::from(jws.header));
            }
        }
    }
}
