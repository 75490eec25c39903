//! Traefik 2.9.4 and later (`PassTLSClientCert` with `pem: true`): the base64 bodies of the PEM blocks
//! without armour and line ends, not percent-encoded, joined by commas, leaf first. The escaped form of
//! older releases is refused; its info header never carries a certificate.

use alloc::vec::Vec;

use super::{Forwarded, ForwardedInvalid, ForwardedValues, HeaderFormat, MAXIMUM_INTERMEDIATES, decode};

pub(super) const FORMAT: HeaderFormat = HeaderFormat {
    name: "traefik",
    certificate_header: "x-forwarded-tls-client-cert",
    chain_header: None,
    verification_header: None,
    parse,
};

fn parse(values: &ForwardedValues<'_>) -> Result<Option<Forwarded>, ForwardedInvalid> {
    let Some(chain) = values.one_certificate()? else { return Ok(None) };
    let mut certificates = Vec::new();
    for body in chain.split(',') {
        if certificates.len() > MAXIMUM_INTERMEDIATES {
            return Err(ForwardedInvalid::TooLarge);
        }
        certificates.push(decode::base64(body.as_bytes())?);
    }
    decode::leaf_first(certificates).map(Some)
}
