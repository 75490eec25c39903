//! The compact JWS serialization (RFC 7515 section 7.1) and its header, and nothing else: no JSON
//! serialization, no detached or unencoded payload (`b64`), no `crit` that we don't know, no second
//! spelling (DPOP-4.2-12..14). Splitting and header reading verify nothing; what they return is a claim.

use alloc::vec::Vec;

use serde::de::MapAccess;
use smallvec::SmallVec;

use super::jwk::JwkMembers;
use crate::encoding::base64url;
use crate::encoding::json::{self, JsonInvalid, Members, Nested, Text};

/// Room for a decoded segment of usual size on the stack.
pub(crate) type Segment = SmallVec<[u8; 768]>;

/// Three segments of a compact JWS, still encoded.
#[derive(Clone, Copy)]
pub struct CompactJws<'t> {
    /// `header.payload`, the text that is signed.
    pub signing_input: &'t str,
    /// The first segment.
    pub header: &'t str,
    /// The second segment.
    pub payload: &'t str,
    /// The third segment.
    pub signature: &'t str,
}

/// The text is not a compact JWS; the reason is a fixed sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwsMalformed {
    /// Longer than the caller allows; nothing was parsed.
    TooLong,
    /// Not exactly three non-empty segments.
    Segments,
    /// A segment is not canonical base64url.
    Encoding,
    /// The header is not a strict JSON object.
    Header(JsonInvalid),
    /// The payload is not a strict JSON object, or a claim has the wrong type.
    Payload(JsonInvalid),
    /// The header names a critical extension, or an unencoded payload (RFC 7515 section 4.1.11, RFC 7797).
    Critical,
}

impl core::fmt::Display for JwsMalformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooLong => f.write_str("it is longer than allowed"),
            Self::Segments => f.write_str("it is not three non-empty segments joined by dots"),
            Self::Encoding => f.write_str("a segment is not canonical base64url without padding"),
            Self::Header(reason) => write!(f, "its header: {reason}"),
            Self::Payload(reason) => write!(f, "its payload: {reason}"),
            Self::Critical => f.write_str("its header has `crit` or `b64`, which we do not support"),
        }
    }
}

/// Its size alone: whoever reads the whole text can use it.
impl core::fmt::Debug for CompactJws<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "CompactJws({} bytes, redacted)", self.signing_input.len() + 1 + self.signature.len())
    }
}

impl<'t> CompactJws<'t> {
    /// Splits `text`, which may have at most `maximum` bytes.
    ///
    /// # Errors
    /// [`JwsMalformed`] when it is longer or not three non-empty segments.
    pub fn split(text: &'t str, maximum: usize) -> Result<Self, JwsMalformed> {
        if text.len() > maximum {
            return Err(JwsMalformed::TooLong);
        }
        let mut dots = memchr::memchr_iter(b'.', text.as_bytes());
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(JwsMalformed::Segments);
        };
        let (header, payload, signature) = (&text[..first], &text[first + 1..second], &text[second + 1..]);
        if header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(JwsMalformed::Segments);
        }
        let signing_input = &text[..second];
        Ok(Self { signing_input, header, payload, signature })
    }

    pub(crate) fn decode_header(&self) -> Result<Segment, JwsMalformed> {
        base64url::decode_small(self.header).map_err(|_| JwsMalformed::Encoding)
    }

    pub(crate) fn decode_payload(&self) -> Result<Segment, JwsMalformed> {
        base64url::decode_small(self.payload).map_err(|_| JwsMalformed::Encoding)
    }

    pub(crate) fn decode_signature(&self) -> Result<SmallVec<[u8; 128]>, JwsMalformed> {
        base64url::decode_small(self.signature).map_err(|_| JwsMalformed::Encoding)
    }
}

/// The header members that we act on. `jku`, `x5u`, `x5c` and the rest are read past and never followed
/// (JBCP-3.10-01, DPOP-4.2-18).
#[derive(Default)]
pub(crate) struct JoseHeader<'de> {
    pub(crate) typ: Option<Text<'de>>,
    pub(crate) alg: Option<Text<'de>>,
    pub(crate) kid: Option<Text<'de>>,
    /// The embedded key: meaningful in a DPoP proof alone; every other JWT kind must ignore it.
    pub(crate) jwk: Option<JwkMembers<'de>>,
    critical: bool,
}

impl<'de> JoseHeader<'de> {
    pub(crate) fn parse(text: &'de [u8]) -> Result<Self, JwsMalformed> {
        let mut header = Self::default();
        json::read_object(text, &mut header).map_err(JwsMalformed::Header)?;
        if header.critical { Err(JwsMalformed::Critical) } else { Ok(header) }
    }

    pub(crate) fn typ(&self) -> Option<&str> {
        self.typ.as_ref().map(|text| &*text.0)
    }

    pub(crate) fn alg(&self) -> Option<&str> {
        self.alg.as_ref().map(|text| &*text.0)
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_ref().map(|text| &*text.0)
    }
}

impl<'de> Members<'de> for JoseHeader<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "typ" => json::once(&mut self.typ, map),
            "alg" => json::once(&mut self.alg, map),
            "kid" => json::once(&mut self.kid, map),
            "jwk" => {
                let mut members = JwkMembers::default();
                map.next_value_seed(Nested(&mut members))?;
                match self.jwk.replace(members) {
                    None => Ok(true),
                    Some(_) => Err(json::occurs_twice()),
                }
            }
            // We know no critical extension, so any `crit`, and `b64` with it, refuses the JWS.
            "crit" | "b64" => {
                self.critical = true;
                Ok(false)
            }
            _ => Ok(false),
        }
    }
}

/// What a signed JWT of any kind says of itself before anything is verified; for choosing the key and for
/// `bindery explain`, never for a decision.
#[derive(Clone, Debug, Default)]
pub struct UnverifiedHeader {
    /// `typ`, as written.
    pub typ: Option<alloc::string::String>,
    /// `alg`, as written.
    pub alg: Option<alloc::string::String>,
    /// `kid`, as written.
    pub key_id: Option<alloc::string::String>,
}

impl UnverifiedHeader {
    /// Reads the header of `jws`.
    ///
    /// # Errors
    /// [`JwsMalformed`] when the header is not strict.
    pub fn read(jws: &CompactJws<'_>) -> Result<Self, JwsMalformed> {
        let text = jws.decode_header()?;
        let header = JoseHeader::parse(&text)?;
        let own = |text: Option<&str>| text.map(Into::into);
        Ok(Self { typ: own(header.typ()), alg: own(header.alg()), key_id: own(header.kid()) })
    }
}

/// Joins a header and a payload into the text that is to be signed.
#[must_use]
pub fn signing_input(header: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut text = base64url::encode(header).into_bytes();
    text.push(b'.');
    text.extend_from_slice(base64url::encode(payload).as_bytes());
    text
}

/// Appends the signature to a signing input: the whole compact JWS.
#[must_use]
pub fn attach_signature(mut signing_input: Vec<u8>, signature: &[u8]) -> alloc::string::String {
    signing_input.push(b'.');
    signing_input.extend_from_slice(base64url::encode(signature).as_bytes());
    alloc::string::String::from_utf8(signing_input).unwrap_or_default()
}

#[cfg(test)]
#[path = "jws_tests.rs"]
mod tests;
