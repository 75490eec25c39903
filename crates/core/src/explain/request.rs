//! A whole request, check by check: presentation, proof, token, binding, with the functions and in the order
//! of the protected-request state machine ([`crate::resource::step`]).

use alloc::format;
use alloc::string::String;

use super::proof::ProofExpectation;
use super::token::{Named, TokenExpectation};
use super::{Explanation, Missing, Subject, mistakes, proof, token};
use crate::crypto::Cryptography;
use crate::dpop::nonce::NonceKeyRing;
use crate::dpop::target::{PublicBase, TargetUri};
use crate::jose::thumbprint::JwkThumbprint;
use crate::rejection::Rejection;
use crate::resource::ProvenBinding;
use crate::resource::presentation::{self, RequestFacts, Scheme};
use crate::resource::step::{ResourcePolicy, confirm_binding};
use crate::token::confirmation::Confirmation;

/// What a request is held against, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct RequestExpectation<'a> {
    /// What the server accepts.
    pub policy: &'a ResourcePolicy,
    /// The public bases of the server.
    pub bases: &'a [PublicBase],
    /// The server's nonce keys and name.
    pub nonces: Option<(&'a NonceKeyRing, &'a str)>,
    /// What its token is held against. A certificate given here stands in place of the one of the facts.
    pub token: TokenExpectation<'a>,
}

/// Explains a request. `facts.certificate` counts only if the expectation knows the certificate, too.
#[must_use]
pub fn explain_request(
    facts: &RequestFacts<'_>,
    expected: &RequestExpectation<'_>,
    cryptography: &dyn Cryptography,
) -> Explanation {
    let mut explanation = Explanation::default();
    mistakes::in_request(&mut explanation, facts);
    let presented = examine_presentation(&mut explanation, facts);
    let credentials = presented.and_then(|credentials| match credentials {
        Some((scheme, token)) => Some((scheme, token)),
        None => {
            explanation.record(
                Subject::Request,
                "RFC 9449 §7.1",
                Err::<(), _>(Rejection::NoCredentials),
                |()| String::new(),
            );
            None
        }
    });
    let scheme = credentials.map(|(scheme, _)| scheme);
    let token = credentials.map(|(_, token)| token);
    let proven = examine_proof(&mut explanation, facts, scheme, token, expected, cryptography);
    let named = match token {
        Some(token) => token::examine(&mut explanation, token, &expected.token, cryptography),
        None => {
            let what = "the access token: none could be read";
            explanation.unchecked(Subject::Token, "RFC 9068 §4", Missing::Earlier, what);
            Named::Unknown(Missing::Earlier)
        }
    };
    examine_binding(&mut explanation, facts, scheme, proven, &named, expected);
    explanation
}

/// The credentials of the first `Authorization` header, whatever else is wrong.
#[expect(clippy::option_option, reason = "absent by another's scheme is not the same as unreadable")]
fn examine_presentation<'r>(
    explanation: &mut Explanation,
    facts: &RequestFacts<'r>,
) -> Option<Option<(Scheme, &'r str)>> {
    const REQUEST: Subject = Subject::Request;
    explanation.record(
        REQUEST,
        "RFC 9449 §7, OAuth 2.1 §5.1",
        presentation::require_no_token_in_query(facts),
        |()| "no token is in the URI".into(),
    );
    let value = presentation::require_one_authorization(facts);
    let value =
        explanation.record(REQUEST, "RFC 6750 §2", value, |_| "there is one Authorization header".into());
    let value = value.or_else(|| facts.authorization.first().copied());
    explanation.record(
        REQUEST,
        "RFC 9449 §4.3 step 1",
        presentation::require_at_most_one_proof(facts),
        |()| match facts.dpop.len() {
            0 => "there is no DPoP header".into(),
            _ => "there is one DPoP header".into(),
        },
    );
    explanation.reword_failure(|| format!("there are {} DPoP headers", facts.dpop.len()));
    let parsed = presentation::parse_credentials(value?);
    if matches!(parsed, Ok(None)) {
        return Some(None);
    }
    let parsed = explanation.record(REQUEST, "RFC 9449 §7.1", parsed, |credentials| {
        let scheme = match credentials {
            Some((Scheme::Dpop, _)) => "DPoP",
            _ => "Bearer",
        };
        format!("the scheme is {scheme}, followed by one space and a token")
    })?;
    Some(parsed)
}

fn examine_proof(
    explanation: &mut Explanation,
    facts: &RequestFacts<'_>,
    scheme: Option<Scheme>,
    token: Option<&str>,
    expected: &RequestExpectation<'_>,
    cryptography: &dyn Cryptography,
) -> Option<JwkThumbprint> {
    if scheme == Some(Scheme::Bearer) {
        if !facts.dpop.is_empty() {
            let what = "a DPoP header beside the scheme Bearer: the server does not look at it";
            explanation.unchecked(Subject::Proof, "RFC 9449 §7.1", Missing::Earlier, what);
            explanation.hint(
                "token_as_bearer",
                "A proof came along, but the token was sent as Bearer: write Authorization: DPoP <token>.",
            );
        }
        return None;
    }
    let proof = presentation::require_proof(facts);
    if scheme.is_none() && proof.is_err() {
        return None;
    }
    let proof = explanation
        .record(Subject::Request, "RFC 9449 §7.1", proof, |_| "a proof came with the token".into())?;
    if scheme.is_some() && !expected.policy.mechanisms.dpop {
        let refused = Err::<(), _>(Rejection::MechanismNotAccepted("DPoP"));
        explanation.record(Subject::Request, "policy", refused, |()| String::new());
    }
    let expectation = ProofExpectation {
        policy: &expected.policy.proof,
        method: Some(facts.method),
        target: Some(TargetUri { bases: expected.bases, path: facts.path }),
        access_token: token,
        now: facts.now,
        nonces: expected.nonces,
    };
    proof::examine(explanation, proof, &expectation, cryptography)
}

/// What the token names against what was proven.
fn examine_binding(
    explanation: &mut Explanation,
    facts: &RequestFacts<'_>,
    scheme: Option<Scheme>,
    proven: Option<JwkThumbprint>,
    named: &Named,
    expected: &RequestExpectation<'_>,
) {
    const RULE: &str = "RFC 9449 §7.2, RFC 8705 §3";
    let confirmation = match (named, scheme) {
        (Named::Confirmation(confirmation), Some(_)) => *confirmation,
        (Named::Unknown(missing), _) => {
            let what = "the token's binding: what it names could not be read";
            explanation.unchecked(Subject::Binding, RULE, *missing, what);
            return;
        }
        (Named::Confirmation(_), None) => return,
    };
    if scheme == Some(Scheme::Dpop) && proven.is_none() {
        let what = "the token's binding: the proof has no usable key";
        explanation.unchecked(Subject::Binding, RULE, Missing::Earlier, what);
        return;
    }
    let certificate = expected.token.certificate.unwrap_or(facts.certificate);
    let confirmed = confirm_binding(proven, confirmation, certificate, expected.policy.mechanisms);
    if matches!(confirmed, Err(Rejection::CertificateMissing(_))) && expected.token.certificate.is_none() {
        let bound = confirmation.mtls().map(|x5t| format!("{x5t}")).unwrap_or_default();
        let what = format!("the token names the certificate {bound}; the connection's was not given");
        explanation.unchecked(Subject::Binding, RULE, Missing::Certificate, what);
        return;
    }
    if matches!(confirmed, Err(Rejection::BoundTokenAsBearer)) {
        explanation.hint(
            "token_as_bearer",
            "The token is bound to a DPoP key: write Authorization: DPoP <token> and send a proof in the DPoP header.",
        );
    }
    if matches!(confirmed, Err(Rejection::ProofKeyMismatch { .. })) {
        explanation.hint(
            "key_mismatch",
            "The token was given to another key. A client that makes a new key at every start, or keeps one per \
             process, must get a new token with each new key; if the client is not at fault, the token was stolen.",
        );
    }
    let bound_to_certificate = matches!(confirmation, Confirmation::Mtls(_));
    explanation.record(Subject::Binding, RULE, confirmed, |binding| match binding {
        ProvenBinding::Dpop(key) => format!("the proof's key {key} is the one that the token names"),
        ProvenBinding::Mtls(x5t) => format!("the certificate {x5t} is the one that the token names"),
        ProvenBinding::Both(..) => {
            "the proof's key and the certificate are the ones that the token names".into()
        }
        ProvenBinding::Bearer => "bearer tokens are accepted here".into(),
    });
    if scheme == Some(Scheme::Dpop) && bound_to_certificate {
        explanation.hint(
            "certificate_token_as_dpop",
            "The token is bound to a certificate, not to a DPoP key: send it as Authorization: Bearer over the \
             connection with that certificate.",
        );
    }
}
