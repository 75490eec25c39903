//! Holds a client's registration against the rules: what the profile has no room for is no client, whether it
//! stands in the configuration, comes from the store or asks to be registered (DCR-2-04).

use std::fmt;

use bindery_core::client_auth::ClientAuthMethod;
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::sender_constraint::SenderConstraint;

use super::{BearerRule, ProfileRules};
use crate::configuration::{ConfigurationInvalid, invalid};

impl ProfileRules {
    /// Refuses a client that these rules have no room for, and narrows what it leaves open to what the server
    /// knows: `any` becomes the one confirmation that is on.
    ///
    /// # Errors
    /// [`ConfigurationInvalid`] names member, value, rule and remedy.
    pub(crate) fn require_client(
        &self,
        mut client: ClientMetadata,
    ) -> Result<ClientMetadata, ConfigurationInvalid> {
        self.require_authentication(&client)?;
        let profile = self.profile;
        let wrong = |member: &str, value: &dyn fmt::Display, rule: String, remedy: &str| {
            Err(invalid(format!("client {}: {member}", client.client_id), value, rule, remedy))
        };
        if self.bearer == BearerRule::Never && matches!(client.sender_constraint, SenderConstraint::None(_)) {
            let rule = format!("the profile {profile} issues no bearer tokens (FSP-AS-04)");
            return wrong("sender_constraint", &"none", rule, "choose dpop, mtls, any or both");
        }
        if client.refresh_token_rotation && !self.refresh_token_rotation {
            let rule = format!("the profile {profile} rotates no refresh tokens (FSP-AS-09)");
            return wrong("refresh_token_rotation", &true, rule, "remove it");
        }
        if let Some(algorithm) = client.assertion_algorithm.filter(|one| !self.algorithms.contains(*one)) {
            let rule = format!("the profile {profile} allows {} alone (FSP-CR-01)", self.algorithms);
            return wrong(
                "token_endpoint_auth_signing_alg",
                &algorithm,
                rule,
                "let the client sign with one of them",
            );
        }
        let Some(narrowed) = self.sender_constraints.narrow(&client.sender_constraint) else {
            let known = self.sender_constraints.names().join(" and ");
            let rule = format!("the server knows {known} alone");
            let remedy = "choose what it knows, or name the other in the server's `sender_constraints`";
            return wrong("sender_constraint", &client.sender_constraint.name(), rule, remedy);
        };
        client.sender_constraint = narrowed;
        Ok(client)
    }

    fn require_authentication(&self, client: &ClientMetadata) -> Result<(), ConfigurationInvalid> {
        let method = client.authentication;
        if self.client_authentication.contains(&method)
            && !(self.confidential_clients_only && method == ClientAuthMethod::None)
        {
            return Ok(());
        }
        Err(invalid(
            format!("client {}: token_endpoint_auth_method", client.client_id),
            method,
            format!("the profile {} wants {}", self.profile, self.client_authentication_names().join(", ")),
            "register a key or a certificate for the client",
        ))
    }
}
