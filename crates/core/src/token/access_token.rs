//! Verified access tokens: JWTs by RFC 9068 section 4, opaque ones by RFC 7662 section 2.2. The type says
//! that issuer, signature (or the authorization server's word), audience and claims were checked; there is
//! no way to read `cnf` of an unverified token. Whether the sender holds the key is confirmed elsewhere.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::{Map, Value};

use crate::crypto::{Cryptography, Sha256Digest};
use crate::encoding::json;
use crate::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use crate::jose::jwk::Jwk;
use crate::jose::jws::{CompactJws, JoseHeader, JwsMalformed};
use crate::rejection::{Claimed, Rejection};
use crate::time::UnixTime;
use crate::token::confirmation::{Confirmation, ConfirmationInvalid};

/// The longest access token that is parsed, in bytes.
pub const MAXIMUM_TOKEN: usize = 16 * 1024;

/// What a resource server accepts from one authorization server.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    /// The issuer identifier, compared code point by code point (RFC 8414 section 4).
    pub issuer: String,
    /// The audiences that name this resource server; a token must carry one of them (RFC 9068 section 4).
    pub audiences: Vec<String>,
    /// The algorithms that the issuer signs with.
    pub algorithms: AlgorithmSet,
    /// How far this issuer's clock may be ahead, for `nbf` and `iat`. `exp` has no grace.
    pub clock_skew: Duration,
}

/// A JWT access token whose form has been read and whose issuer is on the allow-list; its signature is not
/// verified yet, so nothing of its content can be reached but what choosing the key needs.
#[derive(Debug)]
pub struct UnverifiedAccessToken<'t> {
    jws: CompactJws<'t>,
    algorithm: SignatureAlgorithm,
    key_id: Option<String>,
    claims: Map<String, Value>,
    digest: Sha256Digest,
}

impl<'t> UnverifiedAccessToken<'t> {
    /// Reads the form of a JWT access token and finds its issuer among `issuers`.
    ///
    /// # Errors
    /// A [`Rejection`] when the token is malformed, of another type, or of an issuer that is not trusted.
    pub fn parse<'i>(
        token: &'t str,
        digest: Sha256Digest,
        issuers: &'i [TrustedIssuer],
    ) -> Result<(Self, &'i TrustedIssuer), Rejection> {
        let jws = CompactJws::split(token, MAXIMUM_TOKEN).map_err(Rejection::TokenMalformed)?;
        let header_text = jws.decode_header().map_err(Rejection::TokenMalformed)?;
        let header = JoseHeader::parse(&header_text).map_err(Rejection::TokenMalformed)?;
        require_type(&header)?;
        let payload = jws.decode_payload().map_err(Rejection::TokenMalformed)?;
        let claims = json::parse_object(&payload)
            .map_err(|reason| Rejection::TokenMalformed(JwsMalformed::Payload(reason)))?;
        let issuer = require_issuer(&claims, issuers)?;
        let algorithm = require_algorithm(&header, issuer.algorithms)?;
        let key_id = header.kid().map(Into::into);
        Ok((Self { jws, algorithm, key_id, claims, digest }, issuer))
    }

    /// `kid`, for choosing among the issuer's own keys.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The algorithm that the signature claims, already accepted from this issuer.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Verifies the signature with one of the issuer's `keys` and then the claims (RFC 9068 section 4).
    ///
    /// # Errors
    /// A [`Rejection`] about the token.
    pub fn verify<'k>(
        self,
        keys: impl Iterator<Item = &'k Jwk>,
        issuer: &TrustedIssuer,
        now: UnixTime,
        cryptography: &dyn Cryptography,
    ) -> Result<VerifiedAccessToken, Rejection> {
        verify_signature(&self.jws, self.algorithm, keys, cryptography)?;
        VerifiedAccessToken::from_claims(self.claims, self.digest, issuer, now, Source::Jwt)
    }
}

enum Source {
    Jwt,
    Introspection,
}

/// An access token that was verified: by its issuer's signature, or by its issuer's word.
#[derive(Clone, Debug)]
pub struct VerifiedAccessToken {
    digest: Sha256Digest,
    issuer: Box<str>,
    subject: Option<Box<str>>,
    client_id: Option<Box<str>>,
    scope: Box<str>,
    identifier: Option<Box<str>>,
    validity: Validity,
    confirmation: Confirmation,
    claims: Map<String, Value>,
}

impl VerifiedAccessToken {
    /// Takes the answer of an introspection endpoint that the caller asked over an authenticated TLS
    /// connection of `issuer` (RFC 7662 section 2.2).
    ///
    /// # Errors
    /// [`Rejection::TokenInactive`] unless `active` is `true`, or a rejection about the answer's claims.
    pub fn from_introspection(
        answer: &[u8],
        digest: Sha256Digest,
        issuer: &TrustedIssuer,
        now: UnixTime,
    ) -> Result<Self, Rejection> {
        let claims = json::parse_object(answer).map_err(|_| Rejection::IntrospectionUnavailable)?;
        if claims.get("active") != Some(&Value::Bool(true)) {
            return Err(Rejection::TokenInactive);
        }
        if claims.get("iss").is_some_and(|claimed| claimed.as_str() != Some(&issuer.issuer)) {
            return Err(Rejection::TokenClaim("iss"));
        }
        // RFC 9449 section 6.2: a token that is said to be DPoP-bound has a `cnf`; one that lost it on the way
        // must not become bearer.
        let is_dpop = |kind: &Value| kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("DPoP"));
        if claims.get("token_type").is_some_and(is_dpop) && !claims.contains_key("cnf") {
            return Err(Rejection::ConfirmationUnenforceable(ConfirmationInvalid::NothingEnforceable));
        }
        Self::from_claims(claims, digest, issuer, now, Source::Introspection)
    }

    fn from_claims(
        claims: Map<String, Value>,
        digest: Sha256Digest,
        issuer: &TrustedIssuer,
        now: UnixTime,
        source: Source,
    ) -> Result<Self, Rejection> {
        if matches!(source, Source::Jwt) {
            require_claims(&claims)?;
        }
        confirm_audience(&claims, issuer)?;
        let validity = Validity::read(&claims, issuer.clock_skew)?;
        let token = Self {
            digest,
            issuer: issuer.issuer.as_str().into(),
            subject: text(&claims, "sub")?.map(Into::into),
            client_id: text(&claims, "client_id")?.map(Into::into),
            scope: text(&claims, "scope")?.unwrap_or_default().into(),
            identifier: text(&claims, "jti")?.map(Into::into),
            validity,
            confirmation: Confirmation::parse(claims.get("cnf"))
                .map_err(Rejection::ConfirmationUnenforceable)?,
            claims,
        };
        token.require_valid_at(now)?;
        Ok(token)
    }

    /// Requires that the token is valid at `now`; asked again whenever a cached token is used.
    ///
    /// # Errors
    /// [`Rejection::TokenExpired`] or [`Rejection::TokenNotYetValid`].
    pub fn require_valid_at(&self, now: UnixTime) -> Result<(), Rejection> {
        self.validity.require_at(now)
    }

    /// SHA-256 of the token's text: the only token that this value speaks for.
    #[must_use]
    pub const fn digest(&self) -> &Sha256Digest {
        &self.digest
    }

    /// The issuer identifier.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `sub`.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// `client_id`.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// `jti`.
    #[must_use]
    pub fn identifier(&self) -> Option<&str> {
        self.identifier.as_deref()
    }

    /// `scope` as issued, space-separated.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Whether the scope holds the value `wanted`.
    #[must_use]
    pub fn has_scope(&self, wanted: &str) -> bool {
        self.scope.split(' ').any(|value| value == wanted)
    }

    /// `exp`.
    #[must_use]
    pub const fn expires_at(&self) -> UnixTime {
        self.validity.expires_at
    }

    /// The key or keys that the sender must hold.
    #[must_use]
    pub const fn confirmation(&self) -> Confirmation {
        self.confirmation
    }

    /// Any other claim.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }
}

/// RFC 9068 section 4: no other kind of JWT passes for an access token (JBCP-3.12-01).
pub(crate) fn require_type(header: &JoseHeader<'_>) -> Result<(), Rejection> {
    match header.typ() {
        Some("at+jwt" | "application/at+jwt") => Ok(()),
        _ => Err(Rejection::TokenType),
    }
}

/// `iss` is on the allow-list (JBCP-3.8-01).
pub(crate) fn require_issuer<'i>(
    claims: &Map<String, Value>,
    issuers: &'i [TrustedIssuer],
) -> Result<&'i TrustedIssuer, Rejection> {
    let Some(Value::String(claimed)) = claims.get("iss") else {
        return Err(Rejection::TokenClaim("iss"));
    };
    issuers
        .iter()
        .find(|issuer| issuer.issuer == *claimed)
        .ok_or_else(|| Rejection::TokenIssuer(Claimed::new(claimed)))
}

/// `alg` is one that this issuer signs with; never `none`, never a MAC.
pub(crate) fn require_algorithm(
    header: &JoseHeader<'_>,
    accepted: AlgorithmSet,
) -> Result<SignatureAlgorithm, Rejection> {
    let name = header.alg().unwrap_or_default();
    SignatureAlgorithm::from_name(name)
        .filter(|algorithm| accepted.contains(*algorithm))
        .ok_or_else(|| Rejection::TokenAlgorithm(Claimed::new(name)))
}

/// One of the issuer's `keys` made the signature; at most four are tried.
pub(crate) fn verify_signature<'k>(
    jws: &CompactJws<'_>,
    algorithm: SignatureAlgorithm,
    keys: impl Iterator<Item = &'k Jwk>,
    cryptography: &dyn Cryptography,
) -> Result<(), Rejection> {
    let signature = jws.decode_signature().map_err(Rejection::TokenMalformed)?;
    let message = jws.signing_input.as_bytes();
    let mut tried = false;
    for jwk in keys.filter(|jwk| jwk.allows(algorithm)).take(4) {
        tried = true;
        if cryptography.verify_signature(algorithm, &jwk.key, message, &signature).is_ok() {
            return Ok(());
        }
    }
    Err(if tried { Rejection::TokenSignature } else { Rejection::TokenKeyUnknown })
}

/// RFC 9068 section 2.2: `sub`, `client_id`, `jti` and `iat` must be there.
pub(crate) fn require_claims(claims: &Map<String, Value>) -> Result<(), Rejection> {
    for name in ["sub", "client_id", "jti"] {
        text(claims, name)?.filter(|value| !value.is_empty()).ok_or(Rejection::TokenClaim(name))?;
    }
    date(claims, "iat")?.ok_or(Rejection::TokenClaim("iat")).map(|_| ())
}

/// `aud` is there and names this resource server (JBCP-3.9-01, RFC 9068 section 4).
pub(crate) fn confirm_audience(claims: &Map<String, Value>, issuer: &TrustedIssuer) -> Result<(), Rejection> {
    let ours = |value: &Value| issuer.audiences.iter().any(|audience| value.as_str() == Some(audience));
    match claims.get("aud") {
        Some(value @ Value::String(_)) if ours(value) => Ok(()),
        Some(Value::Array(values)) if values.iter().all(Value::is_string) && values.iter().any(ours) => {
            Ok(())
        }
        Some(Value::String(_) | Value::Array(_)) => Err(Rejection::TokenAudience),
        _ => Err(Rejection::TokenClaim("aud")),
    }
}

/// The times between which a token is valid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    pub(crate) expires_at: UnixTime,
    pub(crate) not_before: UnixTime,
}

impl Validity {
    /// Reads `exp`, which must be there, and the later of `nbf` and `iat` less the issuer's skew.
    pub(crate) fn read(claims: &Map<String, Value>, clock_skew: Duration) -> Result<Self, Rejection> {
        let expires_at = date(claims, "exp")?.ok_or(Rejection::TokenClaim("exp"))?;
        let starts = [date(claims, "nbf")?, date(claims, "iat")?];
        let start = starts.into_iter().flatten().max();
        Ok(Self { expires_at, not_before: start.map_or(UnixTime::MIN, |at| at.minus(clock_skew)) })
    }

    /// Requires that `now` lies between them; `exp` itself is already too late.
    pub(crate) fn require_at(self, now: UnixTime) -> Result<(), Rejection> {
        if now >= self.expires_at {
            return Err(Rejection::TokenExpired { expired_at: self.expires_at, now });
        }
        if now < self.not_before { Err(Rejection::TokenNotYetValid) } else { Ok(()) }
    }
}

/// A claim that, if it is there, must be text.
pub(crate) fn text<'c>(
    claims: &'c Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'c str>, Rejection> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Rejection::TokenClaim(name)),
    }
}

/// A claim that, if it is there, must be a time.
pub(crate) fn date(claims: &Map<String, Value>, name: &'static str) -> Result<Option<UnixTime>, Rejection> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let date: json::NumericDate =
        serde_json::from_str(&value.to_string()).map_err(|_| Rejection::TokenClaim(name))?;
    Ok(Some(date.0))
}

#[cfg(test)]
#[path = "access_token_tests.rs"]
mod tests;
