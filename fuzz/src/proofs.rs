//! DPoP proofs and the comparison of `htu`.

use std::time::Duration;

use bindery_core::crypto::{Cryptography as _, MacKey};
use bindery_core::dpop::nonce::NonceKeyRing;
use bindery_core::dpop::proof::{MAXIMUM_IDENTIFIER, MAXIMUM_PROOF, ProofContext, ProofPolicy, verify_proof};
use bindery_core::dpop::target::{PublicBase, TargetUri};
use bindery_core::encoding::base64url;
use bindery_core::jose::jws;
use bindery_core::time::UnixTime;
use serde_json::Value;

use crate::accepting::Accepting;
use crate::{Accepted, Refused, Verdict, parts, text};

const NOW: i64 = 1_800_000_000;

/// Either a proof as it is (first byte `.`), or header and payload on two lines, to be encoded. What passes
/// was made for this request, now, and says so to a plain JSON reader as well.
pub fn proof(data: &[u8]) -> Verdict {
    let whole = match data.strip_prefix(b".") {
        Some(raw) => text(raw).to_owned(),
        None => {
            let [header, payload] = parts(data);
            jws::attach_signature(jws::signing_input(header, payload), b"signature")
        }
    };
    let bases = [PublicBase::parse("https://api.example/v1").unwrap()];
    let ring = NonceKeyRing::new(1, MacKey::new([1; 32]));
    let digest = Accepting.sha256(&[b"token"]);
    let context = ProofContext {
        method: "GET",
        target: TargetUri { bases: &bases, path: "/r" },
        access_token: Some(&digest),
        now: UnixTime::from_seconds(NOW),
        nonces: Some((&ring, "https://api.example")),
    };
    let policy = ProofPolicy::default();
    let verified = match verify_proof(&whole, &policy, &context, &Accepting) {
        Ok(verified) => verified,
        Err(rejection) => {
            let facts = rejection.to_string();
            assert!(!facts.is_empty() && !facts.contains(char::is_control), "{facts:?}");
            assert!(facts.len() < 1024, "{facts}");
            return Refused;
        }
    };
    assert!(whole.len() <= MAXIMUM_PROOF);
    let segments: Vec<_> = whole.split('.').collect();
    assert_eq!(segments.len(), 3);
    let read =
        |segment: &str| -> Value { serde_json::from_slice(&base64url::decode(segment).unwrap()).unwrap() };
    let (header, claims) = (read(segments[0]), read(segments[1]));
    assert_eq!(header["typ"], "dpop+jwt");
    assert!(!matches!(header["alg"].as_str().unwrap(), "none" | "HS256" | "RS256"));
    assert!(header["jwk"].get("d").is_none() && header.get("crit").is_none());
    assert_eq!(claims["htm"], "GET");
    assert_eq!(claims["ath"].as_str(), Some(&*base64url::encode(digest)));
    let entry = verified.replay_entry();
    assert_eq!(claims["jti"].as_str(), Some(entry.identifier));
    assert!(!entry.identifier.is_empty() && entry.identifier.len() <= MAXIMUM_IDENTIFIER);
    assert!(entry.expires_at >= context.now, "accepted and already forgotten");
    if claims.get("nonce").is_none() {
        let iat = claims["iat"].as_f64().unwrap();
        assert!((-61.0..=31.0).contains(&(iat - NOW as f64)), "{iat}");
        let late = UnixTime::from_seconds(NOW).plus(Duration::from_secs(200));
        assert!(verify_proof(&whole, &policy, &ProofContext { now: late, ..context }, &Accepting).is_err());
    }
    assert!(verify_proof(&whole, &policy, &ProofContext { method: "POST", ..context }, &Accepting).is_err());
    let elsewhere = TargetUri { bases: &bases, path: "/other" };
    assert!(
        verify_proof(&whole, &policy, &ProofContext { target: elsewhere, ..context }, &Accepting).is_err()
    );
    Accepted
}

/// Base, path and `htu` on three lines. A base reads the same when printed; what is confirmed is https, has
/// no user information, and is of the same origin to a browser's reader of URLs.
pub fn htu(data: &[u8]) -> Verdict {
    let [base, path, htu] = parts(data).map(text);
    let Ok(parsed) = PublicBase::parse(base) else { return Refused };
    assert_eq!(PublicBase::parse(parsed.as_str()).as_ref(), Ok(&parsed), "a second reading changes the base");
    assert!(parsed.as_str().starts_with(parsed.origin()));
    let bases = [parsed];
    let request = TargetUri { bases: &bases, path };
    let _ = request.first();
    if request.confirm(htu).is_err() {
        return Refused;
    }
    let bare = htu.split(['?', '#']).next().unwrap_or_default();
    assert!(bare.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")), "{htu}");
    let authority = bare[8..].split('/').next().unwrap_or_default();
    assert!(!authority.contains(['@', '\\', '%']) && !authority.is_empty(), "{htu}");
    assert!(path.is_empty() || path.starts_with('/'), "{path}");
    for suffix in ["?query", "#fragment", "?a=https://x@y/#z"] {
        assert_eq!(request.confirm(&format!("{bare}{suffix}")), Ok(()), "{suffix}");
    }
    assert_eq!(
        request.confirm(&format!("HTTPS://{}{}", authority.to_uppercase(), &bare[8 + authority.len()..])),
        Ok(())
    );
    assert!(request.confirm(&format!("http://{}", &bare[8..])).is_err());
    assert!(request.confirm(&format!("https://user@{}", &bare[8..])).is_err());
    if let (Ok(ours), Ok(theirs)) = (url::Url::parse(bases[0].as_str()), url::Url::parse(bare)) {
        assert_eq!(ours.origin(), theirs.origin(), "{base} {htu}");
    }
    Accepted
}
