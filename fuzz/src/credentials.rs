//! The `Authorization` header and access tokens.

use std::time::Duration;

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::AlgorithmSet;
use bindery_core::jose::jwk::JwkSet;
use bindery_core::jose::jws;
use bindery_core::mtls::certificate::{CertificateAbsence, PresentedCertificate};
use bindery_core::resource::presentation::{self, Presentation, RequestFacts, Scheme};
use bindery_core::time::UnixTime;
use bindery_core::token::access_token::{
    MAXIMUM_TOKEN, TrustedIssuer, UnverifiedAccessToken, VerifiedAccessToken,
};
use bindery_core::token::confirmation::Confirmation;
use serde_json::Value;

use crate::accepting::Accepting;
use crate::{Accepted, Refused, Verdict, parts, text};

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

/// Header values, one per line; lines that start with `=` are `DPoP` values. What passes is one known scheme,
/// one space and one token68, and the scheme is the one that a challenge would name.
pub fn authorization(data: &[u8]) -> Verdict {
    let (mut authorization, mut dpop) = (Vec::new(), Vec::new());
    for line in data.split(|byte| *byte == b'\n') {
        match line.strip_prefix(b"=") {
            Some(value) => dpop.push(value),
            None => authorization.push(line),
        }
    }
    let certificate = PresentedCertificate::Absent(CertificateAbsence::NotAsked);
    let facts = RequestFacts {
        method: "GET",
        path: "/",
        authorization: &authorization,
        dpop: &dpop,
        token_in_query: false,
        certificate: &certificate,
        now: NOW,
    };
    let used = presentation::scheme_of(&facts);
    let Ok(presented) = presentation::parse(&facts) else { return Refused };
    assert_eq!((authorization.len(), dpop.len() <= 1), (1, true));
    assert_eq!(used, Some(presented.scheme()));
    let name = match presented.scheme() {
        Scheme::Bearer => "Bearer",
        Scheme::Dpop => "DPoP",
    };
    let (scheme, token) = text(authorization[0]).split_once(' ').unwrap();
    assert!(scheme.eq_ignore_ascii_case(name));
    assert_eq!(token, presented.token());
    assert!((1..=MAXIMUM_TOKEN).contains(&token.len()));
    let body = token.trim_end_matches('=');
    assert!(
        !body.is_empty()
            && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
    );
    if let Presentation::Dpop { proof, .. } = presented {
        assert_eq!(proof, text(dpop[0]));
    }
    let doubled = [authorization[0], authorization[0]];
    assert!(presentation::parse(&RequestFacts { authorization: &doubled, ..facts }).is_err());
    Accepted
}

/// Either a token as it is (first byte `.`), or header and payload on two lines, to be encoded. What passes
/// says the same to a plain JSON reader; the payload is also tried as an introspection answer.
pub fn access_token(data: &[u8]) -> Verdict {
    let [header, payload] = parts(data);
    let whole = match data.strip_prefix(b".") {
        Some(raw) => text(raw).to_owned(),
        None => jws::attach_signature(jws::signing_input(header, payload), b"signature"),
    };
    let issuers = [TrustedIssuer {
        issuer: "https://as.example".into(),
        audiences: vec!["https://api.example".into()],
        algorithms: AlgorithmSet::DEFAULT,
        clock_skew: Duration::from_secs(10),
    }];
    let introspected = introspected(payload, &issuers[0]);
    let digest = Accepting.sha256(&[whole.as_bytes()]);
    let Ok((token, issuer)) = UnverifiedAccessToken::parse(&whole, digest, &issuers) else {
        return introspected;
    };
    let keys = JwkSet::parse(KEYS).unwrap();
    let Ok(token) = token.verify(keys.keys.iter(), issuer, NOW, &Accepting) else { return introspected };
    let claims: Value =
        serde_json::from_slice(&base64url::decode(whole.split('.').nth(1).unwrap()).unwrap()).unwrap();
    for name in ["sub", "client_id", "jti"] {
        assert!(claims[name].is_string(), "{name}");
    }
    accepted(&token, &claims)
}

fn introspected(answer: &[u8], issuer: &TrustedIssuer) -> Verdict {
    let Ok(token) = VerifiedAccessToken::from_introspection(answer, [0; 32], issuer, NOW) else {
        return Refused;
    };
    let claims: Value = serde_json::from_slice(answer).unwrap();
    assert_eq!(claims["active"], true);
    accepted(&token, &claims)
}

/// What an accepted token implies, to a reader that shares no code with the check.
fn accepted(token: &VerifiedAccessToken, claims: &Value) -> Verdict {
    assert!(claims.get("iss").is_none_or(|issuer| issuer == "https://as.example"));
    let audience = &claims["aud"];
    let named = audience == "https://api.example"
        || audience.as_array().is_some_and(|all| all.iter().any(|one| one == "https://api.example"));
    assert!(named, "{audience}");
    let now = NOW.as_seconds() as f64;
    assert!(claims["exp"].as_f64().unwrap() >= now, "{}", claims["exp"]);
    for name in ["nbf", "iat"] {
        assert!(claims.get(name).is_none_or(|at| at.as_f64().unwrap() < now + 11.0), "{name}");
    }
    assert!(token.require_valid_at(NOW).is_ok());
    assert!(token.require_valid_at(token.expires_at()).is_err());
    match claims.get("cnf") {
        None => assert_eq!(token.confirmation(), Confirmation::Unbound),
        Some(cnf) => {
            assert_ne!(token.confirmation(), Confirmation::Unbound, "{cnf}");
            assert_eq!(cnf.get("jkt").is_some(), token.confirmation().dpop().is_some(), "{cnf}");
            assert_eq!(cnf.get("x5t#S256").is_some(), token.confirmation().mtls().is_some(), "{cnf}");
        }
    }
    Accepted
}

const KEYS: &[u8] = br#"{"keys":[
    {"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"},
    {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
