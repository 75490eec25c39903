//! How a request presents its access token (RFC 6750 section 2.1, RFC 9449 section 7.1): exactly one
//! `Authorization` header, exactly one space, a known scheme, and for `DPoP` exactly one proof. Tokens in
//! the query are refused. Nothing here looks inside the token or the proof.

use crate::mtls::certificate::PresentedCertificate;
use crate::rejection::Rejection;
use crate::time::UnixTime;
use crate::token::access_token::MAXIMUM_TOKEN;

/// The facts of a request that the checks need; gathered by the HTTP edge, which answers for them.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'r> {
    /// The method, as received.
    pub method: &'r str,
    /// The path, as received and without query.
    pub path: &'r str,
    /// Every value of the `Authorization` header.
    pub authorization: &'r [&'r [u8]],
    /// Every value of the `DPoP` header.
    pub dpop: &'r [&'r [u8]],
    /// Whether the query has an `access_token` parameter.
    pub token_in_query: bool,
    /// The client certificate, or why there is none.
    pub certificate: &'r PresentedCertificate,
    /// The time of arrival.
    pub now: UnixTime,
}

/// The authentication scheme that a request used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `Authorization: Bearer`, for certificate-bound tokens and, where allowed, bearer tokens.
    Bearer,
    /// `Authorization: DPoP`.
    Dpop,
}

/// One token, presented in one way.
#[derive(Clone, Copy)]
pub enum Presentation<'r> {
    /// Under `Bearer`.
    Bearer {
        /// The token.
        token: &'r str,
    },
    /// Under `DPoP`.
    Dpop {
        /// The token.
        token: &'r str,
        /// The value of the one `DPoP` header.
        proof: &'r str,
    },
}

impl<'r> Presentation<'r> {
    /// The access token, as sent.
    #[must_use]
    pub const fn token(&self) -> &'r str {
        match self {
            Self::Bearer { token } | Self::Dpop { token, .. } => token,
        }
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        match self {
            Self::Bearer { .. } => Scheme::Bearer,
            Self::Dpop { .. } => Scheme::Dpop,
        }
    }
}

impl core::fmt::Debug for Presentation<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Presentation({:?}, redacted)", self.scheme())
    }
}

/// Parses the presentation of a request.
///
/// # Errors
/// A [`Rejection`] when there is no token, more than one, or one in a place or form that is not accepted.
pub fn parse<'r>(facts: &RequestFacts<'r>) -> Result<Presentation<'r>, Rejection> {
    require_no_token_in_query(facts)?;
    let value = require_one_authorization(facts)?;
    require_at_most_one_proof(facts)?;
    let (scheme, token) = parse_credentials(value)?.ok_or(Rejection::NoCredentials)?;
    match scheme {
        Scheme::Bearer => Ok(Presentation::Bearer { token }),
        Scheme::Dpop => Ok(Presentation::Dpop { token, proof: require_proof(facts)? }),
    }
}

/// OAuth 2.1 section 5.2, FAPI 2.0: no token in the URI, where logs and caches keep it.
pub(crate) const fn require_no_token_in_query(facts: &RequestFacts<'_>) -> Result<(), Rejection> {
    if facts.token_in_query { Err(Rejection::TokenInQuery) } else { Ok(()) }
}

/// RFC 6750 section 2: one way, one `Authorization` header.
pub(crate) const fn require_one_authorization<'r>(facts: &RequestFacts<'r>) -> Result<&'r [u8], Rejection> {
    match facts.authorization {
        [] => Err(Rejection::NoCredentials),
        [value] => Ok(value),
        _ => Err(Rejection::DuplicateCredentials),
    }
}

/// RFC 9449 section 4.3 step 1: not more than one `DPoP` header.
pub(crate) const fn require_at_most_one_proof(facts: &RequestFacts<'_>) -> Result<(), Rejection> {
    if facts.dpop.len() > 1 { Err(Rejection::ProofDuplicate) } else { Ok(()) }
}

/// RFC 9449 section 7.1: scheme `DPoP` needs a proof.
pub(crate) fn require_proof<'r>(facts: &RequestFacts<'r>) -> Result<&'r str, Rejection> {
    let proof = facts.dpop.first().ok_or(Rejection::ProofMissing)?;
    // A proof is ASCII; anything else is malformed like an empty segment.
    Ok(core::str::from_utf8(proof).unwrap_or(""))
}

/// The scheme that the request used, for choosing the challenge that carries the error.
#[must_use]
pub fn scheme_of(facts: &RequestFacts<'_>) -> Option<Scheme> {
    match facts.authorization {
        [value] => split_scheme(value).and_then(|(scheme, _)| scheme_named(scheme)),
        _ => None,
    }
}

/// `scheme SP token68`; `None` for a scheme that carries no access token.
pub(crate) fn parse_credentials(value: &[u8]) -> Result<Option<(Scheme, &str)>, Rejection> {
    if value.len() > MAXIMUM_TOKEN + 8 {
        return Err(Rejection::AuthorizationMalformed("it is longer than 16 KiB"));
    }
    let Some((scheme, token)) = split_scheme(value) else {
        return match scheme_named(value) {
            Some(_) => Err(Rejection::AuthorizationMalformed("it has a scheme and no token")),
            None => refuse_white_space(value).map(|()| None),
        };
    };
    let Some(scheme) = scheme_named(scheme) else {
        return refuse_white_space(scheme).map(|()| None);
    };
    if token.len() > MAXIMUM_TOKEN {
        return Err(Rejection::AuthorizationMalformed("it is longer than 16 KiB"));
    }
    if !is_token68(token) {
        return Err(Rejection::AuthorizationMalformed(
            "what follows the scheme and one space is not a token68",
        ));
    }
    Ok(core::str::from_utf8(token).ok().map(|token| (scheme, token)))
}

/// "Bearer<TAB>token" is our scheme written wrong, not somebody else's scheme.
fn refuse_white_space(scheme: &[u8]) -> Result<(), Rejection> {
    let ours = [&b"bearer"[..], b"dpop"].iter().any(|name| {
        scheme.len() > name.len()
            && scheme[..name.len()].eq_ignore_ascii_case(name)
            && scheme[name.len()].is_ascii_whitespace()
    });
    if ours {
        return Err(Rejection::AuthorizationMalformed("white space other than one space follows the scheme"));
    }
    Ok(())
}

fn split_scheme(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    Some((&value[..space], &value[space + 1..]))
}

/// Scheme names are compared without case (RFC 9110 section 11.1, DPOP-7.1-02).
fn scheme_named(name: &[u8]) -> Option<Scheme> {
    if name.eq_ignore_ascii_case(b"dpop") {
        Some(Scheme::Dpop)
    } else if name.eq_ignore_ascii_case(b"bearer") {
        Some(Scheme::Bearer)
    } else {
        None
    }
}

/// RFC 9110 section 11.2.
fn is_token68(text: &[u8]) -> bool {
    let body = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    // Folded without a branch, so that many bytes are judged at once: a token is long, and this runs for
    // every request.
    body > 0 && text[..body].iter().fold(true, |all, byte| all & is_token68_byte(*byte))
}

const fn is_token68_byte(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit = byte.wrapping_sub(b'0') < 10;
    let mark =
        (byte == b'-') | (byte == b'.') | (byte == b'_') | (byte == b'~') | (byte == b'+') | (byte == b'/');
    letter | digit | mark
}

#[cfg(test)]
#[path = "presentation_tests.rs"]
mod tests;
