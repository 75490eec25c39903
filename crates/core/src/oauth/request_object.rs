//! Signed request objects (RFC 9101, FAPI 2.0 Message Signing section 5.3, OpenID Connect Core 1.0 section 6): by
//! the client's registered key, for this server, in time, and nothing else's JWT in disguise. The header may help
//! to choose among the client's own keys and steers nothing else. Encrypted ones are decrypted by the caller.

use alloc::string::String;
use core::time::Duration;

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::authorization_request::{AuthorizationError, AuthorizationParameters};
use super::client_authorization::RequestObjectAlgorithm;
use super::client_metadata::ClientMetadata;
use crate::crypto::Cryptography;
use crate::encoding::base64url;
use crate::encoding::json::{self, NumericDate};
use crate::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use crate::jose::jwk::JwkSet;
use crate::jose::jws::{CompactJws, UnverifiedHeader};
use crate::replay::{NotRemembered, require_remembered};
use crate::time::UnixTime;

/// The longest request object that is parsed, in bytes.
pub const MAXIMUM_REQUEST_OBJECT: usize = 32 * 1024;
/// How long ago `nbf` may lie, and how far behind it `exp` (FMS-REQ-03, FMS-REQ-04).
pub const MAXIMUM_LIFETIME: Duration = Duration::from_secs(3600);
/// How far clocks may differ (FSP-AS-13).
pub const MAXIMUM_SKEW: Duration = Duration::from_secs(60);
/// The longest `jti`, in bytes.
const MAXIMUM_IDENTIFIER: usize = 256;
/// The most keys that are tried for one object.
const MAXIMUM_TRIALS: usize = 8;

/// Which claims a request object must have besides its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestObjectRules {
    /// FAPI 2.0 Message Signing: `iss`, `aud`, `client_id`, and a life of an hour at most.
    MessageSigning,
    /// RFC 9101: `client_id`; the others are judged where they stand.
    Jar,
    /// OpenID Connect Core 1.0 section 6: all are judged where they stand.
    OpenId,
}

/// What request objects are held against.
#[derive(Clone, Copy, Debug)]
pub struct RequestObjectPolicy<'a> {
    /// The issuer: `aud` is it, or holds it.
    pub issuer: &'a str,
    /// The time of arrival.
    pub now: UnixTime,
    /// The algorithms that the server accepts.
    pub algorithms: AlgorithmSet,
    /// Which claims must be there.
    pub rules: RequestObjectRules,
    /// Without durable memory: since when the server remembers which objects were used (JAR-X-01).
    pub accepted_since: Option<UnixTime>,
    /// Whether a client that is registered with `none` may leave its objects unsigned (OIDC-6-01); never under
    /// FAPI (JAR-10-01).
    pub unsigned: bool,
}

/// A request object whose signature, audience and times hold.
#[derive(Clone, Debug)]
pub struct VerifiedRequestObject {
    /// What the client asks: these alone count, whatever stands beside the object (RFC 9101 section 6.3).
    pub parameters: AuthorizationParameters,
    /// `jti`, for whoever wants it used once (JAR-X-01); none of an unsigned one, which anybody could use up.
    pub identifier: Option<String>,
    /// `exp`: until then a `jti` must be remembered.
    pub expires_at: Option<UnixTime>,
}

/// The claims of a JWT that a client has signed to ask for something, its signature verified.
#[derive(Clone, Debug)]
pub struct VerifiedRequestClaims {
    /// Every claim.
    pub claims: Map<String, Value>,
    /// `jti`; none of an unsigned one, which anybody could use up.
    pub identifier: Option<String>,
    /// `exp`; beside an `identifier` never more than [`MAXIMUM_LIFETIME`] and twice [`MAXIMUM_SKEW`] ahead.
    pub expires_at: Option<UnixTime>,
}

/// Which rule a request object breaks; each is `invalid_request_object` (RFC 9101 section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestObjectRefused {
    /// Not a strict compact JWS, or longer than [`MAXIMUM_REQUEST_OBJECT`].
    Malformed,
    /// `typ` is another kind's: a proof, a token, an assertion.
    Type,
    /// `alg` is not one that the client may use; also `none`, where that is not allowed.
    Algorithm,
    /// The client has no key of that `kid` and algorithm.
    UnknownKey,
    /// No key of the client made the signature.
    Signature,
    /// A claim is missing or of the wrong type.
    Claim(&'static str),
    /// `iss` or `client_id` is another client's.
    Client,
    /// `sub` is the client, as in a client assertion (RFC 9101 section 10.8).
    Subject,
    /// `aud` is not this server.
    Audience,
    /// `exp` has passed.
    Expired,
    /// `exp` lies too far behind `nbf`.
    Lifetime,
    /// `nbf` or `iat` lies too far ahead.
    FromFuture,
    /// It is good once, and may have been used before the memory of used objects began.
    PredatesMemory,
    /// `nbf` lies too long ago.
    TooOld,
    /// It holds another request object, or the address of one (RFC 9101 section 4).
    Nested,
    /// A parameter in it has another type than it may have.
    Parameter,
}

impl RequestObjectRefused {
    /// A stable name, for programs and events.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "request_object_malformed",
            Self::Type => "request_object_type",
            Self::Algorithm => "request_object_algorithm",
            Self::UnknownKey => "request_object_unknown_key",
            Self::Signature => "request_object_signature",
            Self::Claim(_) => "request_object_claim",
            Self::Client => "request_object_client",
            Self::Subject => "request_object_subject",
            Self::Audience => "request_object_audience",
            Self::Expired => "request_object_expired",
            Self::Lifetime => "request_object_lifetime",
            Self::FromFuture => "request_object_from_future",
            Self::PredatesMemory => "request_object_predates_memory",
            Self::TooOld => "request_object_too_old",
            Self::Nested => "request_object_nested",
            Self::Parameter => "request_object_parameter",
        }
    }

    /// A fixed sentence for the wire.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Malformed => "The request object is not a compact JWS.",
            Self::Type => "The typ of the request object is another kind's.",
            Self::Algorithm => "The request object is not signed by an algorithm that the client may use.",
            Self::UnknownKey => "The client has no key that the request object could be verified with.",
            Self::Signature => "The signature of the request object is not the client's.",
            Self::Claim(name) => match name.as_bytes() {
                b"exp" => "The request object has no usable exp.",
                b"iat" => "The request object has no usable iat.",
                b"nbf" => "The request object has no usable nbf.",
                b"aud" => "The request object has no usable aud.",
                b"iss" => "The request object has no usable iss.",
                b"client_id" => "The request object has no usable client_id.",
                b"jti" => "The request object has no usable jti.",
                _ => "A claim of the request object is missing or of another type.",
            },
            Self::Client => "The request object names another client.",
            Self::Subject => "The sub of the request object is the client, as in a client assertion.",
            Self::Audience => "The aud of the request object is not this issuer.",
            Self::Expired => "The request object has expired.",
            Self::Lifetime => "The request object lives longer than 60 minutes.",
            Self::FromFuture => "The request object is not valid yet.",
            Self::PredatesMemory => {
                "The request object may have been used before the server started; sign a new one."
            }
            Self::TooOld => "The nbf of the request object lies more than 60 minutes back.",
            Self::Nested => "The request object holds a request or a request_uri.",
            Self::Parameter => "A parameter in the request object is of another type.",
        }
    }
}

impl From<RequestObjectRefused> for AuthorizationError {
    fn from(refused: RequestObjectRefused) -> Self {
        Self::RequestObject { reason: refused.reason(), sentence: refused.sentence() }
    }
}

/// Verifies a request object of `client` with `keys`, its registered ones or those that the caller fetched from
/// its `jwks_uri`; after [`RequestObjectRefused::UnknownKey`] the caller may fetch them anew and try again.
///
/// # Errors
/// [`RequestObjectRefused`] for the first rule that is broken.
pub fn verify_request_object(
    jwt: &str,
    client: &ClientMetadata,
    keys: &JwkSet,
    policy: &RequestObjectPolicy<'_>,
    cryptography: &dyn Cryptography,
) -> Result<VerifiedRequestObject, RequestObjectRefused> {
    let registered = client.authorization.request_object_algorithm;
    let verified = verify_request_claims(jwt, &client.client_id, registered, keys, policy, cryptography)?;
    let named = text(&verified.claims, "client_id")?;
    match named {
        None if policy.rules != RequestObjectRules::OpenId => {
            return Err(RequestObjectRefused::Claim("client_id")); // RFC 9101 section 5
        }
        Some(other) if other != client.client_id => return Err(RequestObjectRefused::Client),
        _ => {}
    }
    if ["request", "request_uri"].iter().any(|name| verified.claims.contains_key(*name)) {
        return Err(RequestObjectRefused::Nested);
    }
    let parameters = AuthorizationParameters::from_claims(&verified.claims)
        .map_err(|_| RequestObjectRefused::Parameter)?;
    Ok(VerifiedRequestObject { parameters, identifier: verified.identifier, expires_at: verified.expires_at })
}

/// Verifies what request objects and signed authentication requests (CIBA Core section 7.1.1) have in common:
/// type, signature, issuer, audience and times. `registered` is the client's own algorithm, if it has one.
///
/// # Errors
/// [`RequestObjectRefused`] for the first rule that is broken.
pub fn verify_request_claims(
    jwt: &str,
    client_id: &str,
    registered: Option<RequestObjectAlgorithm>,
    keys: &JwkSet,
    policy: &RequestObjectPolicy<'_>,
    cryptography: &dyn Cryptography,
) -> Result<VerifiedRequestClaims, RequestObjectRefused> {
    if jwt.len() > MAXIMUM_REQUEST_OBJECT {
        return Err(RequestObjectRefused::Malformed);
    }
    let unsigned = unsigned_payload(jwt);
    let claims = match unsigned {
        Some(payload) => {
            let allowed = policy.unsigned && registered == Some(RequestObjectAlgorithm::Unsigned);
            if !allowed {
                return Err(RequestObjectRefused::Algorithm); // JAR-10-01
            }
            read_claims(payload)?
        }
        None => verify_signature(jwt, registered, keys, policy, cryptography)?,
    };
    require_parties(&claims, client_id, policy)?;
    let identifier = text(&claims, "jti")?.map(String::from);
    if identifier.as_ref().is_some_and(|identifier| identifier.len() > MAXIMUM_IDENTIFIER) {
        return Err(RequestObjectRefused::Claim("jti"));
    }
    let identifier = identifier.filter(|_| unsigned.is_none());
    let expires_at = require_times(&claims, identifier.is_some(), policy)?;
    // What is remembered until it expires must not be remembered for ever: no longer than the strictest rules let
    // anything live.
    let latest = policy.now.plus(MAXIMUM_LIFETIME.saturating_add(MAXIMUM_SKEW.saturating_mul(2)));
    if identifier.is_some() && expires_at.is_some_and(|expires_at| expires_at > latest) {
        return Err(RequestObjectRefused::Lifetime);
    }
    Ok(VerifiedRequestClaims { claims, identifier, expires_at })
}

/// The payload of an unsecured JWS (RFC 7515 appendix A.5): two segments, an empty third, `alg` `none`.
fn unsigned_payload(jwt: &str) -> Option<&str> {
    let (header, payload) = jwt.strip_suffix('.')?.split_once('.')?;
    if payload.contains('.') {
        return None;
    }
    let header = json::parse_object(&base64url::decode(header).ok()?).ok()?;
    let harmless = !header.contains_key("crit") && !header.contains_key("b64");
    (header.get("alg")? == "none" && harmless).then_some(payload)
}

fn verify_signature(
    jwt: &str,
    registered: Option<RequestObjectAlgorithm>,
    keys: &JwkSet,
    policy: &RequestObjectPolicy<'_>,
    cryptography: &dyn Cryptography,
) -> Result<Map<String, Value>, RequestObjectRefused> {
    let malformed = RequestObjectRefused::Malformed;
    let jws = CompactJws::split(jwt, MAXIMUM_REQUEST_OBJECT).map_err(|_| malformed)?;
    let header = UnverifiedHeader::read(&jws).map_err(|_| malformed)?;
    require_type(header.typ.as_deref())?;
    let may = |algorithm: &SignatureAlgorithm| {
        policy.algorithms.contains(*algorithm)
            && registered.is_none_or(|registered| registered == RequestObjectAlgorithm::Signed(*algorithm))
    };
    let algorithm = header.alg.as_deref().and_then(SignatureAlgorithm::from_name).filter(may);
    let algorithm = algorithm.ok_or(RequestObjectRefused::Algorithm)?;
    let signature = base64url::decode(jws.signature).map_err(|_| malformed)?;
    let mut candidates = keys.candidates(header.key_id.as_deref(), algorithm).take(MAXIMUM_TRIALS).peekable();
    if candidates.peek().is_none() {
        return Err(RequestObjectRefused::UnknownKey);
    }
    let message = jws.signing_input.as_bytes();
    candidates
        .find(|jwk| cryptography.verify_signature(algorithm, &jwk.key, message, &signature).is_ok())
        .ok_or(RequestObjectRefused::Signature)?;
    read_claims(jws.payload)
}

/// FMS-REQ-05: the registered type, the general one, or none; never another kind's (RFC 8725 section 3.12).
fn require_type(typ: Option<&str>) -> Result<(), RequestObjectRefused> {
    match typ {
        None | Some("oauth-authz-req+jwt" | "application/oauth-authz-req+jwt" | "JWT" | "jwt") => Ok(()),
        Some(_) => Err(RequestObjectRefused::Type),
    }
}

fn require_parties(
    claims: &Map<String, Value>,
    client_id: &str,
    policy: &RequestObjectPolicy<'_>,
) -> Result<(), RequestObjectRefused> {
    let demanded = policy.rules == RequestObjectRules::MessageSigning;
    match text(claims, "iss")? {
        None if demanded => return Err(RequestObjectRefused::Claim("iss")),
        Some(issuer) if issuer != client_id => return Err(RequestObjectRefused::Client),
        _ => {}
    }
    if claims.get("sub").is_some_and(|subject| subject == client_id) {
        return Err(RequestObjectRefused::Subject);
    }
    // FMS-REQ-02: the issuer, or a list that holds it.
    match claims.get("aud") {
        None if demanded => Err(RequestObjectRefused::Claim("aud")),
        None => Ok(()),
        Some(Value::String(audience)) if audience == policy.issuer => Ok(()),
        Some(Value::Array(several)) if several.iter().any(|audience| audience == policy.issuer) => Ok(()),
        Some(_) => Err(RequestObjectRefused::Audience),
    }
}

/// FMS-REQ-03, FMS-REQ-04, FSP-AS-13; JAR-X-01 for an object that is `good_once`. Returns `exp`.
fn require_times(
    claims: &Map<String, Value>,
    good_once: bool,
    policy: &RequestObjectPolicy<'_>,
) -> Result<Option<UnixTime>, RequestObjectRefused> {
    let now = policy.now;
    let (not_before, expires_at) = (date(claims, "nbf")?, date(claims, "exp")?);
    if policy.rules == RequestObjectRules::MessageSigning {
        let not_before = not_before.ok_or(RequestObjectRefused::Claim("nbf"))?;
        let expires_at = expires_at.ok_or(RequestObjectRefused::Claim("exp"))?;
        let allowed = MAXIMUM_LIFETIME.saturating_add(MAXIMUM_SKEW);
        if not_before < now.minus(allowed) {
            return Err(RequestObjectRefused::TooOld);
        }
        if expires_at > not_before.plus(allowed) {
            return Err(RequestObjectRefused::Lifetime);
        }
    }
    if expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(RequestObjectRefused::Expired);
    }
    let issued_at = date(claims, "iat")?;
    let since = policy.accepted_since.filter(|_| good_once);
    let latest = require_remembered(since, issued_at.max(not_before), now, MAXIMUM_SKEW);
    let latest = latest.map_err(|reason| match reason {
        NotRemembered::Undated => RequestObjectRefused::Claim("iat"),
        NotRemembered::Predates => RequestObjectRefused::PredatesMemory,
    })?;
    if [not_before, issued_at].into_iter().flatten().any(|time| time > latest) {
        return Err(RequestObjectRefused::FromFuture);
    }
    Ok(expires_at)
}

fn read_claims(payload: &str) -> Result<Map<String, Value>, RequestObjectRefused> {
    let payload = base64url::decode(payload).map_err(|_| RequestObjectRefused::Malformed)?;
    json::parse_object(&payload).map_err(|_| RequestObjectRefused::Malformed)
}

fn text<'c>(
    claims: &'c Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'c str>, RequestObjectRefused> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(RequestObjectRefused::Claim(name)),
    }
}

fn date(claims: &Map<String, Value>, name: &'static str) -> Result<Option<UnixTime>, RequestObjectRefused> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    NumericDate::deserialize(value).map(|date| Some(date.0)).map_err(|_| RequestObjectRefused::Claim(name))
}

#[cfg(test)]
#[path = "request_object_tests.rs"]
mod tests;
