//! Profiles: the floor below which a server does not go. A profile is closed: a configuration or a client
//! that contradicts it does not start, and the error names the option (design section 6).

use bindery_core::client_auth::ClientAuthMethod;
use bindery_core::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::sender_constraint::SenderConstraint;
use serde::Deserialize;

use crate::configuration::{AssertionAudience, ConfigurationInvalid, invalid};

/// What the server may do at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Profile {
    /// OAuth 2.1 with sender-constrained tokens; exceptions are possible, with reason and end.
    #[default]
    #[serde(rename = "oauth2.1")]
    OAuth21,
    /// FAPI 2.0 Security Profile: confidential clients with keys, every token bound.
    #[serde(rename = "fapi2-security")]
    Fapi2Security,
}

impl Profile {
    pub(crate) fn require_algorithm(
        self,
        option: &str,
        algorithm: SignatureAlgorithm,
    ) -> Result<(), ConfigurationInvalid> {
        if self == Self::Fapi2Security && !self.algorithms().contains(algorithm) {
            return Err(invalid(
                option,
                algorithm,
                "the profile fapi2-security does not allow it (FAPI 2.0 Security Profile section 5.4)",
                "choose PS256, ES256 or EdDSA",
            ));
        }
        Ok(())
    }

    /// What is accepted when nothing is configured.
    pub(crate) const fn algorithms(self) -> AlgorithmSet {
        match self {
            Self::OAuth21 => AlgorithmSet::DEFAULT,
            Self::Fapi2Security => AlgorithmSet::of(&[
                SignatureAlgorithm::Es256,
                SignatureAlgorithm::EdDsa,
                SignatureAlgorithm::Ps256,
            ]),
        }
    }

    pub(crate) fn assertion_audience(
        self,
        said: Option<AssertionAudience>,
    ) -> Result<AssertionAudience, ConfigurationInvalid> {
        match (self, said) {
            (Self::Fapi2Security, Some(AssertionAudience::OwnUrls)) => Err(invalid(
                "assertion_audience",
                "own_urls",
                "the profile fapi2-security accepts the issuer alone, as a string",
                "remove the option",
            )),
            (Self::Fapi2Security, _) => Ok(AssertionAudience::Issuer),
            (Self::OAuth21, said) => Ok(said.unwrap_or(AssertionAudience::OwnUrls)),
        }
    }

    /// The methods that the profile has room for, as metadata advertises them.
    pub(crate) fn client_authentication(self) -> Vec<&'static str> {
        let weak = [ClientAuthMethod::None, ClientAuthMethod::ClientSecretBasic].map(ClientAuthMethod::name);
        let mut names = ClientAuthMethod::names();
        if self == Self::Fapi2Security {
            names.retain(|name| !weak.contains(name));
        }
        names
    }

    /// Refuses a client that the profile has no room for.
    pub(crate) fn require_client(self, client: &ClientMetadata) -> Result<(), ConfigurationInvalid> {
        if self == Self::OAuth21 {
            return Ok(());
        }
        let weak =
            matches!(client.authentication, ClientAuthMethod::None | ClientAuthMethod::ClientSecretBasic);
        if weak {
            return Err(invalid(
                format!("client {}: token_endpoint_auth_method", client.client_id),
                client.authentication,
                "the profile fapi2-security wants private_key_jwt or mutual TLS",
                "register a key or a certificate for the client",
            ));
        }
        if let SenderConstraint::None(_) = client.sender_constraint {
            return Err(invalid(
                format!("client {}: sender_constraint", client.client_id),
                "none",
                "the profile fapi2-security issues no bearer tokens",
                "choose dpop, mtls, any or both",
            ));
        }
        Ok(())
    }
}
