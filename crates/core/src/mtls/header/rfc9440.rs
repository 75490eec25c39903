//! RFC 9440: `Client-Cert` is one structured-field byte sequence with the leaf in DER; `Client-Cert-Chain`
//! a list of them, without the leaf, in the order of the handshake. Envoy, Cloudflare and Google Cloud can
//! send it. Parameters, tokens and strings are refused: this field has none (CC-2.1-01).

use alloc::vec::Vec;

use super::{Forwarded, ForwardedInvalid, ForwardedValues, HeaderFormat, MAXIMUM_INTERMEDIATES, decode, one};

pub(super) const FORMAT: HeaderFormat = HeaderFormat {
    name: "rfc9440",
    certificate_header: "client-cert",
    chain_header: Some("client-cert-chain"),
    verification_header: None,
    parse,
};

fn parse(values: &ForwardedValues<'_>) -> Result<Option<Forwarded>, ForwardedInvalid> {
    // Unlike the product headers, an empty field is no way to say "none" here (RFC 9440 section 2.2).
    let Some(leaf) = one(values.certificate)? else {
        return if values.chain.is_empty() {
            Ok(None)
        } else {
            Err(ForwardedInvalid::ChainWithoutCertificate)
        };
    };
    let leaf = byte_sequence(leaf)?;
    let mut intermediates = Vec::new();
    // The list may be split over lines (RFC 9440 section 2.3, RFC 8941 section 4.2).
    for line in values.chain {
        for member in decode::ascii(line)?.split(',') {
            if intermediates.len() == MAXIMUM_INTERMEDIATES {
                return Err(ForwardedInvalid::TooLarge);
            }
            intermediates.push(byte_sequence(member)?);
        }
    }
    decode::forwarded(leaf, intermediates).map(Some)
}

/// `:base64:` (RFC 8941 section 3.3.5).
fn byte_sequence(text: &str) -> Result<Vec<u8>, ForwardedInvalid> {
    let inner = text.trim_matches(' ').strip_prefix(':').and_then(|text| text.strip_suffix(':'));
    let inner = inner.filter(|text| !text.is_empty()).ok_or(ForwardedInvalid::NotThisFormat)?;
    if inner.contains(',') {
        return Err(ForwardedInvalid::Repeated);
    }
    decode::base64(inner.as_bytes())
}
