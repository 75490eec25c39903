//! AWS Application Load Balancer: percent-encoded PEM in which `+`, `=` and `/` stay as they are. In verify
//! mode the leaf alone; in passthrough mode the whole chain, leaf first, with nothing verified but the
//! handshake's proof of possession - enough for a thumbprint, never enough for `tls_client_auth`.

use super::{Forwarded, ForwardedInvalid, ForwardedValues, HeaderFormat, decode};

pub(super) const VERIFY: HeaderFormat = HeaderFormat {
    name: "aws_alb",
    certificate_header: "x-amzn-mtls-clientcert-leaf",
    chain_header: None,
    verification_header: None,
    parse: parse_leaf,
};

pub(super) const PASSTHROUGH: HeaderFormat = HeaderFormat {
    name: "aws_alb_passthrough",
    certificate_header: "x-amzn-mtls-clientcert",
    chain_header: None,
    verification_header: None,
    parse: parse_chain,
};

fn parse_leaf(values: &ForwardedValues<'_>) -> Result<Option<Forwarded>, ForwardedInvalid> {
    let Some(certificate) = values.one_certificate()? else { return Ok(None) };
    decode::single_pem(&decode::percent(certificate)?).map(Some)
}

fn parse_chain(values: &ForwardedValues<'_>) -> Result<Option<Forwarded>, ForwardedInvalid> {
    let Some(chain) = values.one_certificate()? else { return Ok(None) };
    decode::leaf_first(decode::pem(&decode::percent(chain)?)?).map(Some)
}
