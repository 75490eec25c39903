//! Authorization server metadata (RFC 8414, RFC 8705 sections 3.3 and 5, RFC 9449 section 5.1). The values
//! come from the tables that the server runs on, so what is advertised is what is done (ASM-X-01); members
//! without a value are left out (RFC 8414 section 3.2).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Map, Value};

use crate::jose::algorithm::AlgorithmSet;

/// What an issuer says of itself.
#[derive(Clone, Debug)]
pub struct AuthorizationServerMetadata<'a> {
    /// `issuer`.
    pub issuer: &'a str,
    /// Endpoint members by name, such as `token_endpoint`, with their URLs.
    pub endpoints: &'a [(&'static str, String)],
    /// `mtls_endpoint_aliases`, by the same names; empty when the same host asks for certificates.
    pub mtls_aliases: &'a [(&'static str, String)],
    /// `grant_types_supported`.
    pub grant_types: &'a [&'static str],
    /// Client authentication methods, for every endpoint that authenticates.
    pub client_authentication: &'a [&'static str],
    /// Algorithms of client assertions.
    pub assertion_algorithms: AlgorithmSet,
    /// Algorithms of DPoP proofs; empty when DPoP is off.
    pub dpop_algorithms: AlgorithmSet,
    /// Whether tokens are bound to certificates where the client uses one.
    pub certificate_bound: bool,
    /// `scopes_supported`.
    pub scopes: &'a [String],
    /// `response_types_supported`; empty without an authorization endpoint.
    pub response_types: &'a [&'static str],
    /// Further members that are lists of texts, by their registered names. Empty ones are left out.
    pub lists: &'a [(&'static str, Vec<String>)],
    /// Further members that are true or false, by their registered names.
    pub flags: &'a [(&'static str, bool)],
}

/// The endpoints at which clients authenticate, by the prefix of their metadata members.
const AUTHENTICATING: [&str; 3] = ["token", "introspection", "revocation"];

impl AuthorizationServerMetadata<'_> {
    /// The JSON document.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut members = Map::new();
        members.insert("issuer".into(), self.issuer.into());
        members.extend(self.endpoints.iter().map(|(name, url)| ((*name).into(), url.clone().into())));
        // RFC 8414 section 2 requires the member; without an authorization endpoint it has no values.
        let response_types = self.response_types.iter().map(|name| Value::from(*name)).collect();
        members.insert("response_types_supported".into(), Value::Array(response_types));
        list(&mut members, "grant_types_supported".into(), self.grant_types);
        list(&mut members, "scopes_supported".into(), self.scopes);
        let assertions = names(self.assertion_algorithms);
        for endpoint in AUTHENTICATING {
            list(
                &mut members,
                alloc::format!("{endpoint}_endpoint_auth_methods_supported"),
                self.client_authentication,
            );
            list(
                &mut members,
                alloc::format!("{endpoint}_endpoint_auth_signing_alg_values_supported"),
                &assertions,
            );
        }
        list(&mut members, "dpop_signing_alg_values_supported".into(), &names(self.dpop_algorithms));
        if self.certificate_bound {
            members.insert("tls_client_certificate_bound_access_tokens".into(), true.into());
        }
        for (name, values) in self.lists {
            list(&mut members, (*name).into(), values);
        }
        members.extend(self.flags.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        if !self.mtls_aliases.is_empty() {
            let aliases: Map<String, Value> =
                self.mtls_aliases.iter().map(|(name, url)| ((*name).into(), url.clone().into())).collect();
            members.insert("mtls_endpoint_aliases".into(), aliases.into());
        }
        serde_json::to_vec_pretty(&members).unwrap_or_default()
    }
}

/// The path of the metadata document for an issuer: the well-known name goes between host and path
/// (RFC 8414 section 3.1).
#[must_use]
pub fn well_known_path(issuer_path: &str) -> String {
    alloc::format!("/.well-known/oauth-authorization-server{}", issuer_path.trim_end_matches('/'))
}

/// The path of the OpenID Connect discovery document: the well-known name goes after the issuer's path (OpenID
/// Connect Discovery section 4).
#[must_use]
pub fn openid_configuration_path(issuer_path: &str) -> String {
    alloc::format!("{}/.well-known/openid-configuration", issuer_path.trim_end_matches('/'))
}

fn names(algorithms: AlgorithmSet) -> Vec<&'static str> {
    algorithms.iter().map(crate::jose::algorithm::SignatureAlgorithm::name).collect()
}

fn list<T: AsRef<str>>(members: &mut Map<String, Value>, name: String, values: &[T]) {
    if !values.is_empty() {
        members.insert(name, values.iter().map(|value| Value::from(value.as_ref())).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_name_goes_between_host_and_path() {
        assert_eq!(well_known_path(""), "/.well-known/oauth-authorization-server");
        assert_eq!(well_known_path("/"), "/.well-known/oauth-authorization-server");
        assert_eq!(well_known_path("/tenant/a"), "/.well-known/oauth-authorization-server/tenant/a");
        assert_eq!(openid_configuration_path("/tenant/a"), "/tenant/a/.well-known/openid-configuration");
    }
}
