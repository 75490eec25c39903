//! Holds a client's registration against the rules: what the profile has no room for is no client, whether it
//! stands in the configuration, comes from the store or asks to be registered (DCR-2-04).

use std::fmt;

use bindery_core::client_auth::ClientAuthMethod;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::oauth::client_authorization::RequestObjectAlgorithm;
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
        for (member, algorithm) in algorithms_of(&client) {
            if !self.algorithms.contains(algorithm) {
                let rule = format!("the profile {profile} allows {} alone (FSP-CR-01)", self.algorithms);
                return wrong(member, &algorithm, rule, "choose one of them");
            }
        }
        let flow = &client.authorization;
        if self.require_signed_request_object
            && flow.request_object_algorithm == Some(RequestObjectAlgorithm::Unsigned)
        {
            let rule = format!("the profile {profile} refuses unsigned requests (FMS-REQ-01)");
            return wrong("request_object_signing_alg", &"none", rule, "name the client's algorithm");
        }
        if let Some(modes) = &flow.response_modes
            && !modes.iter().any(|mode| self.response_modes.contains(&mode.name()))
        {
            let said = modes.iter().map(|mode| mode.name()).collect::<Vec<_>>().join(", ");
            let rule = format!("the server answers by {} alone", self.response_modes.join(", "));
            return wrong("response_modes", &said, rule, "name one of them");
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

/// Every signature algorithm that a registration names, whoever signs.
fn algorithms_of(client: &ClientMetadata) -> impl Iterator<Item = (&'static str, SignatureAlgorithm)> {
    let request_object = match client.authorization.request_object_algorithm {
        Some(RequestObjectAlgorithm::Signed(algorithm)) => Some(algorithm),
        Some(RequestObjectAlgorithm::Unsigned) | None => None,
    };
    let signed_by_client = [
        ("token_endpoint_auth_signing_alg", client.assertion_algorithm),
        ("request_object_signing_alg", request_object),
        (
            "backchannel_authentication_request_signing_alg",
            client.backchannel.as_ref().and_then(|backchannel| backchannel.request_algorithm),
        ),
    ];
    let signed_by_client = signed_by_client.into_iter().filter_map(|(name, said)| Some((name, said?)));
    signed_by_client.chain(signed_for(client))
}

/// The algorithms with which the client wants to be answered.
pub(crate) fn signed_for(
    client: &ClientMetadata,
) -> impl Iterator<Item = (&'static str, SignatureAlgorithm)> {
    [
        ("id_token_signed_response_alg", client.openid.id_token_algorithm),
        ("userinfo_signed_response_alg", client.openid.userinfo_algorithm),
        ("authorization_signed_response_alg", client.authorization.response_algorithm),
        ("introspection_signed_response_alg", client.introspection.algorithm),
    ]
    .into_iter()
    .filter_map(|(name, said)| Some((name, said?)))
}
