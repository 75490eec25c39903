//! The encodings that the formats share: percent-encoding, PEM armour, base64, and the last step from
//! bytes to "this is one certificate". One spelling per value wherever the format leaves us the choice;
//! `+` is never a space, because that silently breaks certificates and hides a second decoder.

use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::{Decode as _, Encode as _, Reader as _};

use super::{Forwarded, ForwardedInvalid, MAXIMUM_INTERMEDIATES, MAXIMUM_VALUE};
use crate::mtls::certificate::MAXIMUM_CERTIFICATE;

/// Printable ASCII of bounded length.
pub(super) fn ascii(value: &[u8]) -> Result<&str, ForwardedInvalid> {
    if value.len() > MAXIMUM_VALUE {
        return Err(ForwardedInvalid::TooLarge);
    }
    match core::str::from_utf8(value) {
        Ok(text) if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) => Ok(text),
        _ => Err(ForwardedInvalid::NotText),
    }
}

/// Decodes `%XX` and nothing else (RFC 3986 section 2.1).
pub(super) fn percent(text: &str) -> Result<Vec<u8>, ForwardedInvalid> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || {
                    let byte = bytes.next().ok_or(ForwardedInvalid::NotThisFormat)?;
                    char::from(byte).to_digit(16).ok_or(ForwardedInvalid::NotThisFormat)
                };
                (digit()? * 16 + digit()?) as u8
            }
            _ => byte,
        });
    }
    Ok(decoded)
}

/// Standard base64 with padding, canonical.
pub(super) fn base64(text: &[u8]) -> Result<Vec<u8>, ForwardedInvalid> {
    STANDARD.decode(text).map_err(|_| ForwardedInvalid::NotThisFormat)
}

/// One or more PEM certificates, nothing before, between or after them but one line end each.
pub(super) fn pem(text: &[u8]) -> Result<Vec<Vec<u8>>, ForwardedInvalid> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut rest = core::str::from_utf8(text).map_err(|_| ForwardedInvalid::NotThisFormat)?;
    let mut certificates = Vec::new();
    while !rest.is_empty() || certificates.is_empty() {
        if certificates.len() > MAXIMUM_INTERMEDIATES {
            return Err(ForwardedInvalid::TooLarge);
        }
        let body = rest.strip_prefix(BEGIN).and_then(line_end).ok_or(ForwardedInvalid::NotThisFormat)?;
        let (body, after) = body.split_once(END).ok_or(ForwardedInvalid::NotThisFormat)?;
        let text: Vec<u8> = body.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
        certificates.push(base64(&text)?);
        rest =
            if after.is_empty() { after } else { line_end(after).ok_or(ForwardedInvalid::NotThisFormat)? };
    }
    Ok(certificates)
}

fn line_end(text: &str) -> Option<&str> {
    text.strip_prefix('\n').or_else(|| text.strip_prefix("\r\n"))
}

/// Cuts concatenated DER structures apart.
pub(super) fn concatenated(der: &[u8]) -> Result<Vec<Vec<u8>>, ForwardedInvalid> {
    let invalid = |_| ForwardedInvalid::NotACertificate;
    let mut reader = der::SliceReader::new(der).map_err(invalid)?;
    let mut parts = Vec::new();
    while !reader.is_finished() {
        if parts.len() > MAXIMUM_INTERMEDIATES {
            return Err(ForwardedInvalid::TooLarge);
        }
        let part = der::asn1::AnyRef::decode(&mut reader).map_err(invalid)?;
        parts.push(part.to_der().map_err(invalid)?);
    }
    Ok(parts)
}

/// The last step of every parser: each member must be one X.509 certificate and nothing more.
pub(super) fn forwarded(leaf: Vec<u8>, intermediates: Vec<Vec<u8>>) -> Result<Forwarded, ForwardedInvalid> {
    if intermediates.len() > MAXIMUM_INTERMEDIATES {
        return Err(ForwardedInvalid::TooLarge);
    }
    for certificate in core::iter::once(&leaf).chain(&intermediates) {
        if certificate.len() > MAXIMUM_CERTIFICATE {
            return Err(ForwardedInvalid::TooLarge);
        }
        x509_cert::Certificate::from_der(certificate).map_err(|_| ForwardedInvalid::NotACertificate)?;
    }
    Ok(Forwarded { leaf, intermediates })
}

/// [`forwarded`], for formats that write the whole chain in one value, leaf first.
pub(super) fn leaf_first(mut chain: Vec<Vec<u8>>) -> Result<Forwarded, ForwardedInvalid> {
    if chain.is_empty() {
        return Err(ForwardedInvalid::NotACertificate);
    }
    let intermediates = chain.split_off(1);
    forwarded(chain.pop().unwrap_or_default(), intermediates)
}

/// [`forwarded`], for formats that write the leaf alone in PEM.
pub(super) fn single_pem(text: &[u8]) -> Result<Forwarded, ForwardedInvalid> {
    let mut certificates = pem(text)?;
    if certificates.len() > 1 {
        return Err(ForwardedInvalid::Repeated);
    }
    forwarded(certificates.pop().unwrap_or_default(), Vec::new())
}
