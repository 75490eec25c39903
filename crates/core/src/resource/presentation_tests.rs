//! Credentials that are absent, doubled, or written wrong: byte by byte what text vectors can't hold.

use super::*;
use crate::mtls::certificate::CertificateAbsence;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

const ABSENT: PresentedCertificate = PresentedCertificate::Absent(CertificateAbsence::NotAsked);

fn facts<'r>(authorization: &'r [&'r [u8]], dpop: &'r [&'r [u8]]) -> RequestFacts<'r> {
    RequestFacts {
        method: "GET",
        path: "/",
        authorization,
        dpop,
        token_in_query: false,
        certificate: &ABSENT,
        now: UnixTime::from_seconds(0),
    }
}

fn verdict(authorization: &[&[u8]], dpop: &[&[u8]]) -> &'static str {
    match parse(&facts(authorization, dpop)) {
        Ok(Presentation::Dpop { .. }) => "dpop",
        Ok(Presentation::Bearer { .. }) => "bearer",
        Err(rejection) => rejection.reason(),
    }
}

#[test]
fn one_scheme_one_space_one_token68_and_nothing_else() {
    for (value, expected) in [
        (&b"DPoP a"[..], "dpop"),
        (b"dpop a", "dpop"),
        (b"DPOP a", "dpop"),
        (b"Bearer a", "bearer"),
        (b"bEaReR aZ09-._~+/==", "bearer"),
        (b"", "no_credentials"),
        (b" ", "no_credentials"),
        (b" DPoP a", "no_credentials"),
        (b"Basic a", "no_credentials"),
        (b"Negotiate", "no_credentials"),
        (b"DPoPa", "no_credentials"),
        (b"Bearers a", "no_credentials"),
        (b"Bearer", "authorization_malformed"),
        (b"DPoP ", "authorization_malformed"),
        (b"DPoP  a", "authorization_malformed"),
        (b"DPoP\ta", "authorization_malformed"),
        (b"Bearer\ta", "authorization_malformed"),
        (b"Bearer\t a", "authorization_malformed"),
        (b"Bearer\t", "authorization_malformed"),
        (b"Bearer\n a", "authorization_malformed"),
        (b"DPoP \ta", "authorization_malformed"),
        (b"DPoP a ", "authorization_malformed"),
        (b"DPoP a\t", "authorization_malformed"),
        (b"DPoP a b", "authorization_malformed"),
        (b"DPoP a,b", "authorization_malformed"),
        (b"DPoP a, DPoP b", "authorization_malformed"),
        (b"DPoP a=b", "authorization_malformed"),
        (b"DPoP =", "authorization_malformed"),
        (b"DPoP \"a\"", "authorization_malformed"),
        (b"DPoP a\0", "authorization_malformed"),
        (b"DPoP \xff", "authorization_malformed"),
        (b"DPoP \xc3\xa9", "authorization_malformed"),
        (b"DPoP a;b", "authorization_malformed"),
        (b"DPoP a%20", "authorization_malformed"),
    ] {
        assert_eq!(verdict(&[value], &[b"a.b.c"]), expected, "{value:?}");
    }
}

#[test]
fn every_byte_outside_token68_refuses_the_token() {
    for byte in 0..=u8::MAX {
        let fits = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        for value in [[&b"Bearer a"[..], &[byte], b"a"].concat(), [&b"Bearer "[..], &[byte]].concat()] {
            let expected = if fits { "bearer" } else { "authorization_malformed" };
            assert_eq!(verdict(&[&value], &[]), expected, "{byte}");
        }
    }
}

#[test]
fn a_token_may_have_16_kib_and_not_a_byte_more() {
    let of = |length: usize| [&b"Bearer "[..], &vec![b'a'; length]].concat();
    assert_eq!(verdict(&[&of(MAXIMUM_TOKEN)], &[]), "bearer");
    for length in [MAXIMUM_TOKEN + 1, MAXIMUM_TOKEN + 2, 1 << 20] {
        assert_eq!(verdict(&[&of(length)], &[]), "authorization_malformed", "{length}");
    }
    assert_eq!(verdict(&[&vec![b' '; 1 << 20]], &[]), "authorization_malformed");
}

#[test]
fn two_of_anything_are_refused_whatever_they_are() {
    for pair in
        [[&b"DPoP a"[..], b"DPoP a"], [b"DPoP a", b"Bearer a"], [b"DPoP a", b"Basic a"], [b"DPoP a", b""]]
    {
        assert_eq!(verdict(&pair, &[b"a.b.c"]), "duplicate_credentials");
    }
    for pair in [[&b"p"[..], b"p"], [b"p", b"q"], [b"p", b""], [b"", b""]] {
        assert_eq!(verdict(&[b"DPoP a"], &pair), "proof_duplicate");
        assert_eq!(
            verdict(&[b"Bearer a"], &pair),
            "proof_duplicate",
            "a proof that nobody needs must not be doubled either"
        );
    }
}

#[test]
fn a_token_in_the_query_refuses_every_request() {
    for authorization in [&[][..], &[&b"DPoP a"[..]], &[&b"Bearer a"[..]], &[&b"x"[..], b"y"]] {
        let facts = RequestFacts { token_in_query: true, ..facts(authorization, &[]) };
        assert_eq!(parse(&facts).unwrap_err(), Rejection::TokenInQuery);
    }
}

#[test]
fn a_missing_or_unreadable_proof_never_turns_dpop_into_bearer() {
    assert_eq!(verdict(&[b"DPoP a"], &[]), "proof_missing");
    for unreadable in [&b"\xff"[..], b"a.b.\xff", b""] {
        let authorization = [&b"DPoP a"[..]];
        let dpop = [unreadable];
        let Ok(Presentation::Dpop { proof, .. }) = parse(&facts(&authorization, &dpop)) else {
            panic!("{unreadable:?}")
        };
        assert_eq!(proof, "", "what is not text is no proof");
    }
}

#[test]
fn the_scheme_that_was_used_is_known_even_when_the_token_is_not_readable() {
    for (value, expected) in [
        (&b"DPoP \xff"[..], Some(Scheme::Dpop)),
        (b"bearer  x", Some(Scheme::Bearer)),
        (b"Basic x", None),
        (b"", None),
    ] {
        assert_eq!(scheme_of(&facts(&[value], &[])), expected);
    }
    assert_eq!(scheme_of(&facts(&[b"DPoP a", b"Bearer a"], &[])), None);
}

#[test]
fn debug_shows_neither_token_nor_proof() {
    let shown = alloc::format!("{:?}", parse(&facts(&[b"DPoP secret-token"], &[b"secret-proof"])).unwrap());
    assert!(!shown.contains("secret"), "{shown}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_what_passes_is_part_of_what_was_sent(
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..3),
        scheme in "(?i:dpop|bearer) ?",
    ) {
        let mut sent: Vec<Vec<u8>> = values;
        if let Some(first) = sent.first_mut() {
            first.splice(0..0, scheme.bytes());
        }
        let sent: Vec<&[u8]> = sent.iter().map(Vec::as_slice).collect();
        let proof = [&b"p"[..]];
        if let Ok(presentation) = parse(&facts(&sent, &proof)) {
            prop_assert_eq!(sent.len(), 1);
            prop_assert!(sent[0].ends_with(presentation.token().as_bytes()));
            prop_assert!(!presentation.token().is_empty());
        }
    }
}
