//! HAProxy and the OpenShift router: `%[ssl_c_der,base64]`, the bare base64 of the leaf's DER, and
//! `%[ssl_c_verify]`, where `0` means verified. The chain (`ssl_c_chain_der`) is one blob of concatenated
//! DER. Caddy's `certificate_der_base64` and Cloudflare's legacy header are written the same way.

use alloc::vec::Vec;

use super::{Forwarded, ForwardedInvalid, ForwardedValues, HeaderFormat, decode, one};

pub(super) const FORMAT: HeaderFormat = HeaderFormat {
    name: "haproxy",
    certificate_header: "x-ssl-client-der",
    chain_header: Some("x-ssl-client-chain"),
    verification_header: Some("x-ssl-client-verify"),
    parse,
};

fn parse(values: &ForwardedValues<'_>) -> Result<Option<Forwarded>, ForwardedInvalid> {
    let chain = one(values.chain)?.filter(|chain| !chain.is_empty());
    let Some(certificate) = values.one_certificate()? else {
        return if chain.is_none() { Ok(None) } else { Err(ForwardedInvalid::ChainWithoutCertificate) };
    };
    if values.one_verification()?.is_some_and(|result| result != "0") {
        return Err(ForwardedInvalid::NotVerified);
    }
    let leaf = decode::base64(certificate.as_bytes())?;
    let mut intermediates = match chain {
        Some(chain) => decode::concatenated(&decode::base64(chain.as_bytes())?)?,
        None => Vec::new(),
    };
    // HAProxy's chain sample repeats the leaf in some versions; elsewhere in the chain it has no place.
    if intermediates.first() == Some(&leaf) {
        intermediates.remove(0);
    }
    decode::forwarded(leaf, intermediates).map(Some)
}
