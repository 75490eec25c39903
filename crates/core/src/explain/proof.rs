//! A DPoP proof, check by check (RFC 9449 section 4.3), with the functions and in the order of
//! [`crate::dpop::proof::verify_proof`]. Claims that one missing member would hide are looked at all the same.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use serde_json::{Map, Value};

use super::{Explanation, Missing, Subject, mistakes, shown, target};
use crate::crypto::Cryptography;
use crate::dpop::nonce::NonceKeyRing;
use crate::dpop::proof::{
    self as checks, MAXIMUM_FUTURE, MAXIMUM_PROOF, ProofClaims, ProofContext, ProofPolicy,
};
use crate::dpop::target::TargetUri;
use crate::encoding::json::{self, NumericDate, Text};
use crate::jose::algorithm::SignatureAlgorithm;
use crate::jose::jwk::PublicKey;
use crate::jose::jws::{CompactJws, JoseHeader};
use crate::jose::thumbprint::JwkThumbprint;
use crate::rejection::Rejection;
use crate::time::UnixTime;

const PROOF: Subject = Subject::Proof;

/// What a proof is held against, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct ProofExpectation<'a> {
    /// What the server accepts.
    pub policy: &'a ProofPolicy,
    /// The method of the request.
    pub method: Option<&'a str>,
    /// The URIs of the request.
    pub target: Option<TargetUri<'a>>,
    /// The access token beside the proof.
    pub access_token: Option<&'a str>,
    /// When the proof arrived.
    pub now: UnixTime,
    /// The server's nonce keys and name.
    pub nonces: Option<(&'a NonceKeyRing, &'a str)>,
}

/// Explains a proof.
#[must_use]
pub fn explain_proof(
    proof: &str,
    expected: &ProofExpectation<'_>,
    cryptography: &dyn Cryptography,
) -> Explanation {
    let mut explanation = Explanation::default();
    examine(&mut explanation, proof, expected, cryptography);
    explanation
}

/// Adds every check of the proof; returns the thumbprint of its key, if it has a usable one.
pub(super) fn examine(
    explanation: &mut Explanation,
    proof: &str,
    expected: &ProofExpectation<'_>,
    cryptography: &dyn Cryptography,
) -> Option<JwkThumbprint> {
    mistakes::in_proof_text(explanation, proof);
    let split = CompactJws::split(proof, MAXIMUM_PROOF).map_err(Rejection::ProofMalformed);
    let jws = explanation.record(PROOF, "RFC 9449 §4.3 step 2", split, |_| {
        format!("one compact JWS, {}", shown::excerpt(proof))
    })?;
    let [header_object, claims_object] = [jws.header, jws.payload].map(shown::object);
    for (part, object) in [("header", &header_object), ("claims", &claims_object)] {
        if let Some(object) = object {
            shown::decoded(explanation, PROOF, part, object, expected.now);
        }
    }
    if let Some(object) = &header_object {
        mistakes::in_proof_header(explanation, object, cryptography);
    }

    let key = examine_header(explanation, &jws, expected, cryptography);
    examine_claims(explanation, &jws, claims_object.as_ref(), expected, cryptography);
    match &key {
        Some((algorithm, key)) => {
            let verified = checks::verify_signature(&jws, *algorithm, key, cryptography);
            explanation.record(PROOF, "RFC 9449 §4.3 step 6", verified, |()| {
                "the signature verifies with the key in jwk".into()
            });
            mistakes::in_signature(explanation, &jws, *algorithm);
        }
        None => explanation.unchecked(
            PROOF,
            "RFC 9449 §4.3 step 6",
            Missing::Earlier,
            "the signature: there is no usable key and algorithm to verify it with",
        ),
    }
    explanation.unchecked(
        PROOF,
        "RFC 9449 §11.1",
        Missing::ReplayStore,
        "whether it was seen before: the server's replay store alone knows",
    );
    // A key that does not fit its `alg` is still the key that the token may name.
    key.map(|(_, key)| key).or_else(|| header_key(&jws)).map(|key| JwkThumbprint::of(&key, cryptography))
}

fn header_key(jws: &CompactJws<'_>) -> Option<PublicKey> {
    let text = jws.decode_header().ok()?;
    JoseHeader::parse(&text).ok()?.jwk?.public_key().ok()
}

fn examine_header(
    explanation: &mut Explanation,
    jws: &CompactJws<'_>,
    expected: &ProofExpectation<'_>,
    cryptography: &dyn Cryptography,
) -> Option<(SignatureAlgorithm, PublicKey)> {
    let text = jws.decode_header();
    let header = match &text {
        Ok(text) => JoseHeader::parse(text),
        Err(reason) => Err(reason.clone()),
    };
    let header =
        explanation.record(PROOF, "RFC 9449 §4.3 step 2", header.map_err(Rejection::ProofMalformed), |_| {
            "the header is a strict JSON object".into()
        });
    let Some(header) = header else {
        for (rule, what) in [
            ("RFC 9449 §4.3 step 4", "typ: the header can't be read"),
            ("RFC 9449 §4.3 step 5", "alg: the header can't be read"),
            ("RFC 9449 §4.3 step 7", "jwk: the header can't be read"),
        ] {
            explanation.unchecked(PROOF, rule, Missing::Earlier, what);
        }
        return None;
    };
    explanation.record(PROOF, "RFC 9449 §4.3 step 4", checks::require_type(&header), |()| {
        format!("typ is {}", checks::TYPE)
    });
    explanation.reword_failure(|| match header.typ() {
        Some(typ) => format!("typ is \"{}\", not {}", shown::for_terminal(typ), checks::TYPE),
        None => format!("there is no typ; it must be {}", checks::TYPE),
    });
    let accepted = expected.policy.algorithms;
    let algorithm = checks::require_algorithm(&header, accepted);
    let algorithm = explanation.record(PROOF, "RFC 9449 §4.3 step 5", algorithm, |algorithm| {
        format!("alg {algorithm} is accepted (of {accepted})")
    });
    explanation.reword_failure(|| match header.alg() {
        Some(alg) => format!("alg \"{}\" is not accepted; accepted are {accepted}", shown::for_terminal(alg)),
        None => "there is no alg".into(),
    });
    // An algorithm that is known and only not accepted still tells whether key and signature are right.
    let algorithm = algorithm.or_else(|| header.alg().and_then(SignatureAlgorithm::from_name));
    let key = match (algorithm, &header.jwk) {
        (Some(algorithm), _) => checks::require_public_key(&header, algorithm),
        (None, Some(members)) => members.public_key().map_err(Rejection::ProofKey),
        (None, None) => Err(Rejection::ProofMember("jwk")),
    };
    let key = explanation.record(PROOF, "RFC 9449 §4.3 step 7", key, |key| {
        format!("jwk is a public {}, thumbprint {}", kind(key), JwkThumbprint::of(key, cryptography))
    });
    if algorithm.is_some() && key.is_none() && header.jwk.as_ref().is_some_and(|jwk| jwk.public_key().is_ok())
    {
        explanation.reword_failure(|| {
            format!(
                "alg {} does not fit the key in jwk ({})",
                shown::for_terminal(header.alg().unwrap_or_default()),
                header.jwk.as_ref().and_then(|jwk| jwk.public_key().ok()).as_ref().map_or("", kind)
            )
        });
    }
    algorithm.zip(key)
}

const fn kind(key: &PublicKey) -> &'static str {
    match key {
        PublicKey::EcP256(_) => "P-256 key",
        PublicKey::EcP384(_) => "P-384 key",
        PublicKey::Ed25519(_) => "Ed25519 key",
        PublicKey::Rsa(_) => "RSA key",
    }
}

/// The claims as far as they are there; an absent one has a value that no check may look at.
struct Found<'c> {
    claims: ProofClaims<'c>,
    method: bool,
    target: bool,
    issued_at: bool,
}

impl<'c> Found<'c> {
    const fn whole(claims: ProofClaims<'c>) -> Self {
        Self { claims, method: true, target: true, issued_at: true }
    }

    /// What the object holds besides the member for which the strict reading refused it.
    fn partial(object: &Map<String, Value>) -> Self {
        let text = |name: &str| match object.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(Cow::Owned(text.clone())),
            _ => None,
        };
        let date = |name: &str| {
            let value: Option<NumericDate> =
                object.get(name).and_then(|value| serde_json::from_str(&format!("{value}")).ok());
            value.map(|date| date.0)
        };
        let (method, target, issued_at) = (text("htm"), text("htu"), date("iat"));
        Self {
            method: method.is_some(),
            target: target.is_some(),
            issued_at: issued_at.is_some(),
            claims: ProofClaims {
                identifier: text("jti").unwrap_or_default(),
                method: method.unwrap_or_default(),
                target: target.unwrap_or_default(),
                issued_at: issued_at.unwrap_or_default(),
                access_token_hash: text("ath").map(Text),
                nonce: text("nonce"),
                expires_at: date("exp"),
                not_before: date("nbf"),
            },
        }
    }
}

fn examine_claims(
    explanation: &mut Explanation,
    jws: &CompactJws<'_>,
    object: Option<&Map<String, Value>>,
    expected: &ProofExpectation<'_>,
    cryptography: &dyn Cryptography,
) {
    let text = jws.decode_payload();
    let claims = match &text {
        Ok(text) => ProofClaims::parse(text),
        Err(reason) => Err(Rejection::ProofMalformed(reason.clone())),
    };
    let refused = claims.as_ref().err().cloned();
    let claims = explanation.record(PROOF, "RFC 9449 §4.3 step 3", claims, |claims| {
        format!("jti ({} characters), htm, htu and iat are there", claims.identifier.chars().count())
    });
    if let Some(object) = object {
        mistakes::in_proof_claims(explanation, object);
    }
    let found = match (claims, &text, refused) {
        (Some(claims), ..) => Found::whole(claims),
        (None, Ok(text), Some(Rejection::ProofMember(_))) => {
            let Ok(object) = json::parse_object(text) else { return };
            Found::partial(&object)
        }
        _ => {
            explanation.unchecked(
                PROOF,
                "RFC 9449 §4.3 steps 8-12",
                Missing::Earlier,
                "htm, htu, iat, nonce and ath: the claims can't be read",
            );
            return;
        }
    };
    examine_request_claims(explanation, &found, expected);
    examine_freshness(explanation, &found, expected, cryptography);
    examine_token_hash(explanation, &found, expected, cryptography);
}

/// `htm` and `htu`.
fn examine_request_claims(explanation: &mut Explanation, found: &Found<'_>, expected: &ProofExpectation<'_>) {
    let claims = &found.claims;
    match expected.method {
        _ if !found.method => {
            explanation.unchecked(PROOF, "RFC 9449 §4.3 step 8", Missing::Earlier, "there is no htm");
        }
        None => explanation.unchecked(
            PROOF,
            "RFC 9449 §4.3 step 8",
            Missing::Method,
            format!("htm is {}; the request's method was not given", shown::for_terminal(&claims.method)),
        ),
        Some(method) => {
            let confirmed = checks::confirm_method(claims, method);
            explanation.record(PROOF, "RFC 9449 §4.3 step 8", confirmed, |()| {
                format!("htm is the method {method}")
            });
            if claims.method != method && claims.method.eq_ignore_ascii_case(method) {
                explanation
                    .hint("htm_case", "htm is the method in upper case, exactly as on the request line.");
            }
        }
    }
    if found.target && claims.target.contains(['?', '#']) {
        explanation.hint(
            "query_in_htu",
            "htu has a query or a fragment. That is harmless: it is ignored, though clients should leave it out.",
        );
    }
    match expected.target {
        _ if !found.target => {
            explanation.unchecked(PROOF, "RFC 9449 §4.3 step 9", Missing::Earlier, "there is no htu");
        }
        None => explanation.unchecked(
            PROOF,
            "RFC 9449 §4.3 step 9",
            Missing::Target,
            format!("htu is {}; the request's URL was not given", shown::uri(&claims.target)),
        ),
        Some(target) => {
            let confirmed = checks::confirm_target(claims, &target);
            let what = match &confirmed {
                Ok(()) => String::new(),
                Err(_) => target::difference(explanation, &claims.target, &target),
            };
            explanation.record(PROOF, "RFC 9449 §4.3 step 9", confirmed, |()| {
                format!("htu is the request's URI {}", shown::uri(&claims.target))
            });
            explanation.reword_failure(|| what);
        }
    }
}

/// Nonce, time, and the proof's own limits.
fn examine_freshness(
    explanation: &mut Explanation,
    found: &Found<'_>,
    expected: &ProofExpectation<'_>,
    cryptography: &dyn Cryptography,
) {
    let (claims, policy, now) = (&found.claims, expected.policy, expected.now);
    // Only `now` and `nonces` count here.
    let context = ProofContext {
        method: "",
        target: TargetUri { bases: &[], path: "" },
        access_token: None,
        now,
        nonces: expected.nonces,
    };
    let judged = checks::require_nonce(claims, policy, &context, cryptography);
    let nonce = judged.as_ref().ok().copied().flatten();
    match (&judged, &claims.nonce) {
        (Ok(None), Some(_)) => explanation.unchecked(
            PROOF,
            "RFC 9449 §4.3 step 10",
            Missing::NonceKeys,
            "it holds a nonce, which the server that made it alone can judge",
        ),
        _ => {
            explanation.record(PROOF, "RFC 9449 §4.3 step 10", judged, |nonce| match nonce {
                Some(nonce) => {
                    format!("the nonce is this server's, made {}", shown::moment(nonce.issued_at(), now))
                }
                None => "there is no nonce, and none is required".into(),
            });
        }
    }
    if found.issued_at || nonce.is_some() {
        let fresh = checks::require_fresh(claims, nonce, policy, now);
        let (past, future) = (policy.past.as_secs(), policy.future.min(MAXIMUM_FUTURE).as_secs());
        if matches!(fresh, Err(Rejection::ProofExpired { .. } | Rejection::ProofFromFuture { .. })) {
            mistakes::in_time(explanation, claims, now);
        }
        explanation.record(PROOF, "RFC 9449 §4.3 step 11", fresh, |_| match nonce {
            Some(_) => format!("the nonce is good for {} s", policy.nonce_lifetime.as_secs()),
            None => format!("iat is {}", shown::moment(claims.issued_at, now)),
        });
        if let Some(finding) = explanation.findings.last_mut()
            && nonce.is_none()
        {
            finding.what = format!(
                "iat {}; window {past} s past / {future} s future",
                shown::moment(claims.issued_at, now)
            );
            if matches!(finding.verdict, super::Verdict::Fails(Rejection::ProofPredatesMemory)) {
                finding.what.push_str("; it may be older than the replay memory");
            }
        }
    } else {
        explanation.unchecked(PROOF, "RFC 9449 §4.3 step 11", Missing::Earlier, "there is no iat");
    }
    if claims.expires_at.is_some() || claims.not_before.is_some() {
        let limits = checks::require_own_limits(claims, policy, now);
        explanation.record(PROOF, "RFC 7519 §4.1.4-5", limits, |()| {
            "the proof's own exp and nbf allow it now".into()
        });
    }
}

fn examine_token_hash(
    explanation: &mut Explanation,
    found: &Found<'_>,
    expected: &ProofExpectation<'_>,
    cryptography: &dyn Cryptography,
) {
    let Some(token) = expected.access_token else {
        let what = match &found.claims.access_token_hash {
            Some(_) => "ath is there; the access token was not given",
            None => "no ath: right at a token endpoint, wrong beside an access token",
        };
        explanation.unchecked(PROOF, "RFC 9449 §4.3 step 12", Missing::AccessToken, what);
        return;
    };
    let digest = cryptography.sha256(&[token.as_bytes()]);
    let confirmed = checks::confirm_token_hash(&found.claims, Some(&digest));
    if confirmed.is_err() {
        let ath = found.claims.access_token_hash.as_ref().map(|text| &*text.0);
        mistakes::in_token_hash(explanation, ath, token, cryptography);
    }
    explanation.record(PROOF, "RFC 9449 §4.3 step 12", confirmed, |()| {
        "ath is the hash of the access token".into()
    });
}
