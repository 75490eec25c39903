//! An access token, check by check (RFC 9068 section 4, RFC 7800), with the functions and in the order of
//! [`crate::token::access_token`]. Nothing it says is true until the signature verifies.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde_json::{Map, Value};

use super::{Explanation, Missing, Subject, Verdict, mistakes, shown};
use crate::crypto::Cryptography;
use crate::encoding::json;
use crate::jose::algorithm::SignatureAlgorithm;
use crate::jose::jwk::JwkSet;
use crate::jose::jws::{CompactJws, JoseHeader, JwsMalformed};
use crate::mtls;
use crate::mtls::certificate::PresentedCertificate;
use crate::rejection::Rejection;
use crate::time::UnixTime;
use crate::token::access_token::{self as checks, MAXIMUM_TOKEN, TrustedIssuer, Validity};
use crate::token::confirmation::Confirmation;

const TOKEN: Subject = Subject::Token;

/// Whose tokens are expected.
#[derive(Clone, Copy, Debug)]
pub enum ExpectedIssuer<'a> {
    /// These issuers, as a server lists them.
    Listed(&'a [TrustedIssuer]),
    /// Whichever issuer the token names, held to these algorithms and audiences. Its `iss` is not compared.
    Any(&'a TrustedIssuer),
}

/// What an access token is held against, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct TokenExpectation<'a> {
    /// Whose tokens are expected; an empty list of audiences leaves `aud` unchecked.
    pub issuer: ExpectedIssuer<'a>,
    /// The keys that are known: each set that of the issuer so named, or (`None`) of whichever the token names.
    pub keys: &'a [(Option<&'a str>, &'a JwkSet)],
    /// Whether the server asks about tokens that are no JWS.
    pub introspects: bool,
    /// The client certificate, if it is known whether there is one.
    pub certificate: Option<&'a PresentedCertificate>,
    /// The certificate file as text, to recognise a hash over the wrong bytes.
    pub certificate_pem: Option<&'a str>,
    /// When the token arrived.
    pub now: UnixTime,
}

/// What a token names as its holder's key.
pub(super) enum Named {
    /// This, by its claims.
    Confirmation(Confirmation),
    /// Nothing that we could read.
    Unknown(Missing),
}

/// Explains an access token, and with a certificate whether the token is bound to it.
#[must_use]
pub fn explain_access_token(
    token: &str,
    expected: &TokenExpectation<'_>,
    cryptography: &dyn Cryptography,
) -> Explanation {
    let mut explanation = Explanation::default();
    let named = examine(&mut explanation, token, expected, cryptography);
    let Named::Confirmation(confirmation) = named else { return explanation };
    let Some(bound) = confirmation.mtls() else { return explanation };
    match expected.certificate {
        Some(certificate) => {
            let confirmed = mtls::confirm::confirm(certificate, bound);
            explanation.record(Subject::Binding, "RFC 8705 §3", confirmed, |thumbprint| {
                format!("the certificate {thumbprint} is the one that the token names")
            });
        }
        None => explanation.unchecked(
            Subject::Binding,
            "RFC 8705 §3",
            Missing::Certificate,
            "the token names a certificate; none was given",
        ),
    }
    explanation
}

/// Adds every check of the token.
pub(super) fn examine(
    explanation: &mut Explanation,
    token: &str,
    expected: &TokenExpectation<'_>,
    cryptography: &dyn Cryptography,
) -> Named {
    mistakes::in_token_text(explanation, token);
    if expected.introspects && token.bytes().filter(|byte| *byte == b'.').count() != 2 {
        explanation.unchecked(
            TOKEN,
            "RFC 7662 §2.2",
            Missing::Introspection,
            format!(
                "an opaque token, {}: its authorization server alone can say more",
                shown::excerpt(token)
            ),
        );
        return Named::Unknown(Missing::Introspection);
    }
    let split = CompactJws::split(token, MAXIMUM_TOKEN).map_err(Rejection::TokenMalformed);
    let jws = explanation
        .record(TOKEN, "RFC 7515 §7.1", split, |_| format!("one compact JWS, {}", shown::excerpt(token)));
    let Some(jws) = jws else { return Named::Unknown(Missing::Earlier) };
    let [header_object, claims_object] = [jws.header, jws.payload].map(shown::object);
    for (part, object) in [("header", &header_object), ("claims", &claims_object)] {
        if let Some(object) = object {
            shown::decoded(explanation, TOKEN, part, object, expected.now);
        }
    }
    mistakes::in_token(explanation, header_object.as_ref(), claims_object.as_ref());
    examine_jws(explanation, &jws, expected, cryptography)
}

fn examine_jws(
    explanation: &mut Explanation,
    jws: &CompactJws<'_>,
    expected: &TokenExpectation<'_>,
    cryptography: &dyn Cryptography,
) -> Named {
    let text = jws.decode_header();
    let header = match &text {
        Ok(text) => JoseHeader::parse(text),
        Err(reason) => Err(reason.clone()),
    };
    let header =
        explanation.record(TOKEN, "RFC 8725 §3.11", header.map_err(Rejection::TokenMalformed), |_| {
            "the header is a strict JSON object".into()
        });
    if let Some(header) = &header {
        explanation
            .record(TOKEN, "RFC 9068 §4 typ", checks::require_type(header), |()| "typ is at+jwt".into());
        explanation.reword_failure(|| match header.typ() {
            Some(typ) => format!("typ is \"{}\", not at+jwt", shown::for_terminal(typ)),
            None => "there is no typ; it must be at+jwt".into(),
        });
    } else {
        explanation.unchecked(TOKEN, "RFC 9068 §4 typ", Missing::Earlier, "typ: the header can't be read");
    }
    let claims = jws
        .decode_payload()
        .and_then(|payload| json::parse_object(&payload).map_err(JwsMalformed::Payload))
        .map_err(Rejection::TokenMalformed);
    let claims =
        explanation.record(TOKEN, "RFC 7519 §7.2", claims, |_| "the claims are a strict JSON object".into());
    let Some(claims) = claims else {
        explanation.unchecked(TOKEN, "RFC 9068 §4", Missing::Earlier, "the claims can't be read");
        return Named::Unknown(Missing::Earlier);
    };
    let issuer = examine_issuer(explanation, &claims, expected);
    examine_signature(explanation, jws, header.as_ref(), &claims, &issuer, expected, cryptography);
    examine_claims(explanation, &claims, &issuer, expected, cryptography)
}

/// `iss`, and what its tokens are held to. A token of a stranger is held to the first listed issuer's terms.
fn examine_issuer(
    explanation: &mut Explanation,
    claims: &Map<String, Value>,
    expected: &TokenExpectation<'_>,
) -> TrustedIssuer {
    const RULE: &str = "RFC 9068 §4 iss";
    match expected.issuer {
        ExpectedIssuer::Listed(issuers) => {
            let found = checks::require_issuer(claims, issuers);
            let found = explanation.record(TOKEN, RULE, found, |issuer| {
                format!("iss is the trusted {}", shown::uri(&issuer.issuer))
            });
            let nothing = TrustedIssuer {
                issuer: String::new(),
                audiences: Vec::new(),
                algorithms: crate::jose::algorithm::AlgorithmSet::DEFAULT,
                clock_skew: core::time::Duration::ZERO,
            };
            found.or(issuers.first()).cloned().unwrap_or(nothing)
        }
        ExpectedIssuer::Any(terms) => {
            let mut issuer = terms.clone();
            issuer.issuer = claims.get("iss").and_then(Value::as_str).unwrap_or_default().into();
            let found = checks::require_issuer(claims, core::slice::from_ref(&issuer)).map(|_| ());
            match found {
                Ok(()) => explanation.unchecked(
                    TOKEN,
                    RULE,
                    Missing::Issuer,
                    format!(
                        "iss is {}; whether the server trusts it was not given",
                        shown::uri(&issuer.issuer)
                    ),
                ),
                Err(rejection) => {
                    explanation.record(TOKEN, RULE, Err::<(), _>(rejection), |()| String::new());
                }
            }
            issuer
        }
    }
}

fn examine_signature(
    explanation: &mut Explanation,
    jws: &CompactJws<'_>,
    header: Option<&JoseHeader<'_>>,
    claims: &Map<String, Value>,
    issuer: &TrustedIssuer,
    expected: &TokenExpectation<'_>,
    cryptography: &dyn Cryptography,
) {
    const SIGNATURE: &str = "RFC 9068 §4 signature";
    let Some(header) = header else {
        explanation.unchecked(
            TOKEN,
            SIGNATURE,
            Missing::Earlier,
            "alg and signature: the header can't be read",
        );
        return;
    };
    let algorithm = checks::require_algorithm(header, issuer.algorithms);
    let algorithm = explanation.record(TOKEN, "RFC 8725 §3.1", algorithm, |algorithm| {
        format!("alg {algorithm} is accepted from its issuer")
    });
    explanation.reword_failure(|| {
        let alg = shown::for_terminal(header.alg().unwrap_or("(none)"));
        format!("alg \"{alg}\" is not accepted from its issuer; accepted are {}", issuer.algorithms)
    });
    let Some(algorithm) = algorithm.or_else(|| header.alg().and_then(SignatureAlgorithm::from_name)) else {
        explanation.unchecked(
            TOKEN,
            SIGNATURE,
            Missing::Earlier,
            "the signature: its algorithm is not one of ours",
        );
        return;
    };
    let Some(keys) = keys_of(claims, expected) else {
        explanation.unchecked(
            TOKEN,
            SIGNATURE,
            Missing::Keys,
            "the signature: the issuer's keys were not given, so nothing in this token is certain",
        );
        return;
    };
    let verified =
        checks::verify_signature(jws, algorithm, keys.candidates(header.kid(), algorithm), cryptography);
    let unknown = matches!(verified, Err(Rejection::TokenKeyUnknown));
    let kid =
        header.kid().map_or("no kid".to_string(), |kid| format!("kid \"{}\"", shown::for_terminal(kid)));
    explanation.record(TOKEN, SIGNATURE, verified, |()| {
        format!("the signature verifies with the issuer's key, {kid}")
    });
    if unknown {
        explanation.reword_failure(|| {
            let known: Vec<_> = keys
                .keys
                .iter()
                .filter_map(|key| key.key_id.as_deref())
                .take(8)
                .map(shown::for_terminal)
                .collect();
            format!("the JWK set has no {algorithm} key with {kid}; it has: {}", known.join(", "))
        });
    }
}

fn keys_of<'a>(claims: &Map<String, Value>, expected: &TokenExpectation<'a>) -> Option<&'a JwkSet> {
    let issuer = claims.get("iss").and_then(Value::as_str)?;
    expected.keys.iter().find(|(owner, _)| owner.is_none_or(|owner| owner == issuer)).map(|(_, keys)| *keys)
}

fn examine_claims(
    explanation: &mut Explanation,
    claims: &Map<String, Value>,
    issuer: &TrustedIssuer,
    expected: &TokenExpectation<'_>,
    cryptography: &dyn Cryptography,
) -> Named {
    explanation.record(TOKEN, "RFC 9068 §2.2", checks::require_claims(claims), |()| {
        "sub, client_id, jti and iat are there".into()
    });
    if issuer.audiences.is_empty() {
        let what = format!("aud is {}; the server's audience was not given", audience(claims));
        explanation.unchecked(TOKEN, "RFC 9068 §4 aud", Missing::Audience, what);
    } else {
        let confirmed = checks::confirm_audience(claims, issuer);
        explanation.record(TOKEN, "RFC 9068 §4 aud", confirmed, |()| {
            format!("aud {} names this server", audience(claims))
        });
        if claims.contains_key("aud") {
            explanation.reword_failure(|| {
                format!("aud is {}, this server is {}", audience(claims), issuer.audiences.join(", "))
            });
        }
    }
    let validity =
        explanation.record(TOKEN, "RFC 7519 §4.1", Validity::read(claims, issuer.clock_skew), |_| {
            "exp is there, and the times are numbers".into()
        });
    if let Err(rejection) = checks::text(claims, "scope") {
        explanation.record(TOKEN, "RFC 9068 §2.2.3", Err::<(), _>(rejection), |()| String::new());
    }
    let named = examine_confirmation(explanation, claims, expected, cryptography);
    match validity {
        Some(validity) => {
            explanation.record(TOKEN, "RFC 9068 §4 exp", validity.require_at(expected.now), |()| {
                format!("exp is {}", shown::moment(validity.expires_at, expected.now))
            });
            if matches!(
                explanation.findings.last().map(|finding| &finding.verdict),
                Some(Verdict::Fails(Rejection::TokenNotYetValid))
            ) {
                explanation.reword_failure(|| {
                    format!("it is valid from {} on", shown::moment(validity.not_before, expected.now))
                });
            }
        }
        None => explanation.unchecked(TOKEN, "RFC 9068 §4 exp", Missing::Earlier, "the times can't be read"),
    }
    named
}

fn audience(claims: &Map<String, Value>) -> String {
    match claims.get("aud") {
        Some(Value::String(text)) => shown::uri(text),
        Some(Value::Array(values)) => {
            let texts: Vec<_> = values.iter().take(8).filter_map(Value::as_str).map(shown::uri).collect();
            texts.join(", ")
        }
        _ => "missing".into(),
    }
}

fn examine_confirmation(
    explanation: &mut Explanation,
    claims: &Map<String, Value>,
    expected: &TokenExpectation<'_>,
    cryptography: &dyn Cryptography,
) -> Named {
    let cnf = claims.get("cnf");
    let parsed = Confirmation::parse(cnf).map_err(Rejection::ConfirmationUnenforceable);
    let parsed = explanation.record(TOKEN, "RFC 7800 §3.1", parsed, |confirmation| match confirmation {
        Confirmation::Unbound => "there is no cnf: whoever holds this token can use it".into(),
        Confirmation::Dpop(jkt) => format!("cnf.jkt names the DPoP key {jkt}"),
        Confirmation::Mtls(x5t) => format!("cnf.x5t#S256 names the certificate {x5t}"),
        Confirmation::Both(jkt, x5t) => {
            format!("cnf names the DPoP key {jkt} and the certificate {x5t}; both must be proven")
        }
    });
    mistakes::in_confirmation(explanation, cnf, expected, cryptography);
    parsed.map_or(Named::Unknown(Missing::Earlier), Named::Confirmation)
}
