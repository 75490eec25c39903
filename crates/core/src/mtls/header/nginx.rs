//! nginx and ingress-nginx: the leaf as percent-encoded PEM (`$ssl_client_escaped_cert`) and, beside it,
//! `$ssl_client_verify`: `SUCCESS`, `NONE` or `FAILED:reason`. There is no variable for the chain. The
//! deprecated `$ssl_client_cert`, with tabs for line ends, is refused.

use super::{Forwarded, ForwardedInvalid, ForwardedValues, HeaderFormat, decode};

pub(super) const FORMAT: HeaderFormat = HeaderFormat {
    name: "nginx",
    certificate_header: "ssl-client-cert",
    chain_header: None,
    verification_header: Some("ssl-client-verify"),
    parse,
};

fn parse(values: &ForwardedValues<'_>) -> Result<Option<Forwarded>, ForwardedInvalid> {
    let Some(certificate) = values.one_certificate()? else { return Ok(None) };
    match values.one_verification()? {
        None | Some("SUCCESS") => {}
        // "No certificate" beside a certificate: somebody else wrote one of the two.
        Some("NONE") => return Err(ForwardedInvalid::Disagreement),
        Some(_) => return Err(ForwardedInvalid::NotVerified),
    }
    decode::single_pem(&decode::percent(certificate)?).map(Some)
}
