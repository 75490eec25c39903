//! `[trusted_proxies]` as it is written in a file, one form for every server that may stand behind a proxy,
//! and its making into an [`EdgePolicy`]. Without the table nobody is believed (CC-4-01).

use bindery_core::mtls::certificate::CertificateThumbprint;
use serde::Deserialize;

use crate::client_address::AddressHeader;
use crate::edge_policy::{EdgePolicy, HeaderNameInvalid};
use crate::trusted_proxy::{TrustedProxies, TrustedProxiesInvalid, TrustedProxySettings, VerificationHeader};

/// Proxies that end TLS in front of a server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedProxiesConfiguration {
    /// The header format that they write.
    pub format: String,
    /// The addresses and networks that they connect from.
    #[serde(default)]
    pub networks: Vec<String>,
    /// The thumbprints (`x5t#S256`) of their own certificates.
    #[serde(default)]
    pub proxy_certificates: Vec<String>,
    /// The header in which they name the address of the client: `x-forwarded-for`, `forwarded` or `none`.
    #[serde(default)]
    pub address_header: Option<String>,
    /// Another name for the format's certificate header.
    #[serde(default)]
    pub certificate_header: Option<String>,
    /// Another name for the format's chain header.
    #[serde(default)]
    pub chain_header: Option<String>,
    /// Another name for the format's verification header, or `none` if the proxies send none.
    #[serde(default)]
    pub verification_header: Option<String>,
}

impl TrustedProxiesConfiguration {
    /// The proxies that it lists.
    ///
    /// # Errors
    /// [`TrustedProxiesInvalid`] names the value, the rule and the remedy.
    pub fn trusted_proxies(&self) -> Result<TrustedProxies, TrustedProxiesInvalid> {
        let certificates = self.proxy_certificates.iter().map(|text| {
            CertificateThumbprint::parse(text)
                .map_err(|_| TrustedProxiesInvalid::ProxyCertificate(text.clone()))
        });
        TrustedProxies::new(TrustedProxySettings {
            format: self.format.clone(),
            networks: self.networks.clone(),
            proxy_certificates: certificates.collect::<Result<_, _>>()?,
            address_header: match self.address_header.as_deref() {
                None => AddressHeader::default(),
                Some(name) => AddressHeader::from_name(name)
                    .ok_or_else(|| TrustedProxiesInvalid::AddressHeader(name.to_owned()))?,
            },
            certificate_header: self.certificate_header.clone(),
            chain_header: self.chain_header.clone(),
            verification_header: match self.verification_header.as_deref() {
                None => VerificationHeader::Usual,
                Some("none") => VerificationHeader::NotSent,
                Some(name) => VerificationHeader::Named(name.to_owned()),
            },
        })
    }
}

/// Whom a server believes, and which headers it strips beside the known ones.
///
/// # Errors
/// [`EdgePolicyInvalid`] names the option that is wrong.
pub fn edge_policy(
    trusted_proxies: Option<&TrustedProxiesConfiguration>,
    strip_headers: &[String],
) -> Result<EdgePolicy, EdgePolicyInvalid> {
    let edge = match trusted_proxies {
        None => EdgePolicy::direct(),
        Some(configured) => EdgePolicy::behind(configured.trusted_proxies()?),
    };
    Ok(edge.also_stripping(strip_headers)?)
}

/// Which of the edge's options is wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EdgePolicyInvalid {
    /// The table.
    #[error("trusted_proxies: {0}")]
    TrustedProxies(#[from] TrustedProxiesInvalid),
    /// The list of further headers.
    #[error("strip_headers: {0}")]
    StripHeaders(#[from] HeaderNameInvalid),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(members: serde_json::Value) -> TrustedProxiesConfiguration {
        serde_json::from_value(members).unwrap()
    }

    #[test]
    fn refusals_name_the_option_and_the_value() {
        use serde_json::json;
        for (members, part) in [
            (json!({"format": "nginx"}), "no proxy is listed"),
            (json!({"format": "caddy", "networks": ["10.0.0.1"]}), "`caddy`"),
            (json!({"format": "nginx", "networks": ["0.0.0.0/0"]}), "0.0.0.0/0"),
            (json!({"format": "nginx", "proxy_certificates": ["x"]}), "x5t#S256"),
        ] {
            let error = edge_policy(Some(&read(members)), &[]).unwrap_err().to_string();
            assert!(error.starts_with("trusted_proxies: ") && error.contains(part), "{error}");
        }
        let error = edge_policy(None, &["a b".into()]).unwrap_err().to_string();
        assert!(error.starts_with("strip_headers: ") && error.contains("`a b`"), "{error}");
        let unknown = serde_json::from_str::<TrustedProxiesConfiguration>(r#"{"format":"x","network":"y"}"#);
        assert!(unknown.is_err());
    }

    #[test]
    fn without_the_table_nobody_is_believed() {
        assert!(edge_policy(None, &[]).unwrap().trusted_proxies().is_none());
        let listed = read(serde_json::json!({"format": "nginx", "networks": ["10.0.0.1"]}));
        assert!(edge_policy(Some(&listed), &[]).unwrap().trusted_proxies().is_some());
    }
}
