//! `private_key_jwt` (RFC 7523 sections 2.2 and 3, RFC 7521 section 4.2): a short-lived, single-use JWT by the
//! client's registered key, for this server and no other. The header may help to choose among the client's
//! own keys (`kid`) and steers nothing else: `jwk`, `jku`, `x5u` are never followed (CVE-2018-0114's class).

use alloc::string::{String, ToString as _};
use core::fmt;
use core::time::Duration;

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::failure::ClientAuthenticationFailure;
use super::{Credential, PresentedCredentials, RegisteredClient, VerificationContext};
use crate::encoding::base64url;
use crate::encoding::json::{self, NumericDate};
use crate::jose::algorithm::SignatureAlgorithm;
use crate::jose::jwk::{JwkSet, PublicKey};
use crate::jose::jws::{CompactJws, JwsMalformed, UnverifiedHeader};
use crate::replay::{NotRemembered, ReplayEntry, ReplayKind, require_remembered};
use crate::time::UnixTime;

/// The longest assertion that is parsed, in bytes.
pub const MAXIMUM_ASSERTION: usize = 16 * 1024;
/// How far ahead `exp` may lie: how long a stolen unused assertion is worth something.
pub const MAXIMUM_LIFETIME: Duration = Duration::from_secs(300);
/// How far ahead `iat` and `nbf` may lie, for clocks that differ.
pub const MAXIMUM_FUTURE: Duration = Duration::from_secs(30);
/// The longest `jti`, in bytes.
const MAXIMUM_IDENTIFIER: usize = 256;
/// The most keys that are tried for one assertion.
const MAXIMUM_TRIALS: usize = 8;

/// Which `aud` an assertion may have (AMB-01).
#[derive(Clone, Copy, Debug)]
pub enum AudiencePolicy<'a> {
    /// The issuer, as a string and not in an array (FAPI 2.0).
    IssuerOnly(&'a str),
    /// Any of the server's own URLs, as a string or in an array that names nobody else.
    OwnUrls(&'a [String]),
}

/// Which rule an assertion breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssertionRefused {
    /// Not a strict compact JWS.
    Malformed(JwsMalformed),
    /// `typ` is another kind's: a proof, a token.
    Type,
    /// `alg` is not one that the client may use.
    Algorithm,
    /// A claim is missing, empty, oversized or of the wrong type.
    Claim(&'static str),
    /// `iss` and `sub` are not both the client.
    Client,
    /// `aud` is not this server, or names another beside it.
    Audience,
    /// `exp` has passed.
    Expired,
    /// `exp` lies too far ahead.
    Lifetime,
    /// `iat` or `nbf` lies too far ahead.
    FromFuture,
    /// It may have been spent before the memory of spent assertions began.
    PredatesMemory,
    /// The client has no key of that `kid` and algorithm.
    UnknownKey,
    /// No key of the client made the signature.
    Signature,
}

impl AssertionRefused {
    /// A stable name for events.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "assertion_malformed",
            Self::Type => "assertion_type",
            Self::Algorithm => "assertion_algorithm",
            Self::Claim(_) => "assertion_claim",
            Self::Client => "assertion_client",
            Self::Audience => "assertion_audience",
            Self::Expired => "assertion_expired",
            Self::Lifetime => "assertion_lifetime",
            Self::FromFuture => "assertion_from_future",
            Self::PredatesMemory => "assertion_predates_memory",
            Self::UnknownKey => "assertion_unknown_key",
            Self::Signature => "assertion_signature",
        }
    }
}

impl fmt::Display for AssertionRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => write!(f, "malformed: {reason}"),
            Self::Claim(name) => write!(f, "claim `{name}` is missing, empty, too long or of another type"),
            _ => f.write_str(self.reason()),
        }
    }
}

impl From<AssertionRefused> for ClientAuthenticationFailure {
    fn from(refused: AssertionRefused) -> Self {
        Self::Assertion(refused)
    }
}

/// An assertion that verifies, not spent yet.
#[derive(Debug)]
pub struct AuthenticatedAssertion {
    client_id: String,
    identifier: String,
    expires_at: UnixTime,
}

impl AuthenticatedAssertion {
    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        Self { client_id: "c".into(), identifier: "j".into(), expires_at: UnixTime::MAX }
    }

    /// What the single-use store must remember: the `jti`, among this client's own.
    #[must_use]
    pub fn replay_entry(&self) -> ReplayEntry<'_> {
        ReplayEntry {
            kind: ReplayKind::ClientAssertion,
            owner: self.client_id.as_bytes(),
            target: ("", ""),
            identifier: &self.identifier,
            expires_at: self.expires_at,
        }
    }
}

/// The client that an assertion claims to come from; unverified, to find its registration with.
pub(super) fn claimed_client(assertion: &str) -> Result<String, AssertionRefused> {
    let jws = CompactJws::split(assertion, MAXIMUM_ASSERTION).map_err(AssertionRefused::Malformed)?;
    text(&claims(&jws)?, "sub").map(Into::into)
}

pub(super) fn verify(
    presented: &PresentedCredentials,
    client: &RegisteredClient<'_>,
    context: &VerificationContext<'_>,
) -> Result<Option<AuthenticatedAssertion>, ClientAuthenticationFailure> {
    let registered = client.metadata.authentication;
    let Credential::Assertion(assertion) = presented.credential() else {
        return Err(ClientAuthenticationFailure::WrongMethod { registered });
    };
    let jws = CompactJws::split(assertion, MAXIMUM_ASSERTION).map_err(AssertionRefused::Malformed)?;
    let header = UnverifiedHeader::read(&jws).map_err(AssertionRefused::Malformed)?;
    require_type(&header)?;
    let algorithm = header
        .alg
        .as_deref()
        .and_then(SignatureAlgorithm::from_name)
        .filter(|algorithm| client.metadata.assertion_algorithms(context.algorithms).contains(*algorithm))
        .ok_or(AssertionRefused::Algorithm)?;
    verify_signature(&jws, client.keys, header.key_id.as_deref(), algorithm, context)?;
    Ok(Some(require_claims(&claims(&jws)?, presented.client_id(), context)?))
}

/// No other signed thing passes for an assertion (RFC 8725 section 3.12); the type itself is optional.
fn require_type(header: &UnverifiedHeader) -> Result<(), AssertionRefused> {
    match header.typ.as_deref() {
        None | Some("JWT" | "jwt" | "client-authentication+jwt") => Ok(()),
        Some(_) => Err(AssertionRefused::Type),
    }
}

fn verify_signature(
    jws: &CompactJws<'_>,
    keys: &JwkSet,
    key_id: Option<&str>,
    algorithm: SignatureAlgorithm,
    context: &VerificationContext<'_>,
) -> Result<(), AssertionRefused> {
    let signature =
        base64url::decode(jws.signature).map_err(|_| AssertionRefused::Malformed(JwsMalformed::Encoding))?;
    let mut candidates = keys.candidates(key_id, algorithm).take(MAXIMUM_TRIALS).peekable();
    if candidates.peek().is_none() {
        return Err(AssertionRefused::UnknownKey);
    }
    candidates
        .find(|jwk| {
            let message = jws.signing_input.as_bytes();
            context.cryptography.verify_signature(algorithm, &jwk.key, message, &signature).is_ok()
        })
        .map(|_| ())
        .ok_or(AssertionRefused::Signature)
}

/// RFC 7523 section 3, items 1 to 8, with our limits on time and size.
fn require_claims(
    claims: &Map<String, Value>,
    client_id: &str,
    context: &VerificationContext<'_>,
) -> Result<AuthenticatedAssertion, AssertionRefused> {
    if text(claims, "iss")? != client_id || text(claims, "sub")? != client_id {
        return Err(AssertionRefused::Client);
    }
    require_audience(claims.get("aud"), context.audience)?;
    let expires_at = date(claims, "exp")?.ok_or(AssertionRefused::Claim("exp"))?;
    if expires_at <= context.now {
        return Err(AssertionRefused::Expired);
    }
    if expires_at > context.now.plus(MAXIMUM_LIFETIME) {
        return Err(AssertionRefused::Lifetime);
    }
    let made_at = date(claims, "iat")?;
    let latest = require_remembered(context.accepted_since, made_at, context.now, MAXIMUM_FUTURE);
    let latest = latest.map_err(|reason| match reason {
        NotRemembered::Undated => AssertionRefused::Claim("iat"),
        NotRemembered::Predates => AssertionRefused::PredatesMemory,
    })?;
    for name in ["iat", "nbf"] {
        if date(claims, name)?.is_some_and(|time| time > latest) {
            return Err(AssertionRefused::FromFuture);
        }
    }
    let identifier = text(claims, "jti")?;
    if identifier.len() > MAXIMUM_IDENTIFIER {
        return Err(AssertionRefused::Claim("jti"));
    }
    Ok(AuthenticatedAssertion { client_id: client_id.into(), identifier: identifier.to_string(), expires_at })
}

fn require_audience(claim: Option<&Value>, policy: AudiencePolicy<'_>) -> Result<(), AssertionRefused> {
    let holds = match (claim, policy) {
        (Some(Value::String(audience)), AudiencePolicy::IssuerOnly(issuer)) => audience == issuer,
        (Some(Value::String(audience)), AudiencePolicy::OwnUrls(own)) => own.contains(audience),
        (Some(Value::Array(audiences)), AudiencePolicy::OwnUrls(own)) => {
            let ours = |value: &Value| value.as_str().is_some_and(|text| own.iter().any(|url| url == text));
            !audiences.is_empty() && audiences.iter().all(ours)
        }
        _ => false,
    };
    if holds { Ok(()) } else { Err(AssertionRefused::Audience) }
}

fn claims(jws: &CompactJws<'_>) -> Result<Map<String, Value>, AssertionRefused> {
    let payload =
        base64url::decode(jws.payload).map_err(|_| AssertionRefused::Malformed(JwsMalformed::Encoding))?;
    json::parse_object(&payload).map_err(|reason| AssertionRefused::Malformed(JwsMalformed::Payload(reason)))
}

fn text<'c>(claims: &'c Map<String, Value>, name: &'static str) -> Result<&'c str, AssertionRefused> {
    match claims.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        _ => Err(AssertionRefused::Claim(name)),
    }
}

fn date(claims: &Map<String, Value>, name: &'static str) -> Result<Option<UnixTime>, AssertionRefused> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    NumericDate::deserialize(value).map(|date| Some(date.0)).map_err(|_| AssertionRefused::Claim(name))
}

/// One P-256 verification, so that an unknown client takes as long as a known one.
pub(super) fn spend_equal_work(assertion: &str, context: &VerificationContext<'_>) {
    let Ok(jws) = CompactJws::split(assertion, MAXIMUM_ASSERTION) else { return };
    let message = jws.signing_input.as_bytes();
    let outcome = context.cryptography.verify_signature(
        SignatureAlgorithm::Es256,
        &PublicKey::EcP256(GENERATOR),
        message,
        &[1; 64],
    );
    let _ = core::hint::black_box(outcome);
}

/// The generator of P-256 (SEC 2 section 2.4.2): on the curve, and nobody's key here.
const GENERATOR: [u8; 65] = [
    0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
    0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f,
    0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce,
    0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];
