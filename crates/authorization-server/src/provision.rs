//! Grants given by an operator in a person's place, as when clients are moved here from another server: a refresh
//! token for a client and a subject, bound from birth to the key that the operator names (DPOP-5-05, MTLS-4-01).
//! Without a key a public client's grant is unbound, and its policy decides what becomes of it (DPOP-5-12).

use std::fmt;

use bindery_core::oauth::scope::Scope;
use bindery_core::oauth::subject::{NotAPerson, require_person};
use bindery_core::token::confirmation::Confirmation;
use bindery_crypto::random_identifier;
use bindery_store::StoreError;
use bindery_store::record::GrantRecord;
use zeroize::Zeroizing;

use crate::administration::COMMAND_LINE;
use crate::event::{AuditEvent, binding_name};
use crate::grant::new_token;
use crate::server::AuthorizationServer;

/// A provisioned grant.
pub struct ProvisionedGrant {
    /// Names the grant; revoking it ends every token under it.
    pub grant_id: String,
    /// The refresh token; shown once, stored nowhere.
    pub refresh_token: Zeroizing<String>,
}

impl fmt::Debug for ProvisionedGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvisionedGrant").field("grant_id", &self.grant_id).finish_non_exhaustive()
    }
}

/// Why a grant was not given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionRefused {
    /// No usable client of that name.
    #[error(
        "client `{0}` is not registered, is disabled, or has an unusable registration; see `bindery client show`"
    )]
    Client(String),
    /// The client does not use refresh tokens.
    #[error("client `{0}` has no grant type refresh_token; add it to its grant_types")]
    GrantType(String),
    /// The subject can't be a person's.
    #[error("{0}, which is the namespace of clients")]
    Subject(#[from] NotAPerson),
    /// The scope is not the client's.
    #[error("the scope is malformed or exceeds the client's registered scope")]
    Scope,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The machine's random source failed.
    #[error("the machine's random source fails")]
    Random,
}

/// Gives `client_id` a grant for `subject`, and its first refresh token. `scope` is space-separated; empty
/// means all that the client has. `bound_to` names the key from birth; for a confidential client it pins the
/// grant to that key beyond what authentication does (AMB-03).
///
/// # Errors
/// [`ProvisionRefused`] says what to mend.
pub async fn grant(
    server: &AuthorizationServer,
    client_id: &str,
    subject: &str,
    scope: &str,
    bound_to: Confirmation,
) -> Result<ProvisionedGrant, ProvisionRefused> {
    grant_by(server, COMMAND_LINE, client_id, subject, scope, bound_to).await
}

/// The same by an administrator, whom the audit names.
pub(crate) async fn grant_by(
    server: &AuthorizationServer,
    administrator: &str,
    client_id: &str,
    subject: &str,
    scope: &str,
    bound_to: Confirmation,
) -> Result<ProvisionedGrant, ProvisionRefused> {
    let now = server.0.clock.now();
    let client = server.0.clients.find(client_id).await?.filter(|client| !client.disabled);
    let client = client.ok_or_else(|| ProvisionRefused::Client(client_id.into()))?;
    let client = &client.metadata;
    if !client.grant_types.iter().any(|grant| grant == "refresh_token") {
        return Err(ProvisionRefused::GrantType(client_id.into()));
    }
    require_person(subject)?;
    let asked = Scope::parse(scope).map_err(|_| ProvisionRefused::Scope)?;
    asked.require_within(&client.scope).map_err(|_| ProvisionRefused::Scope)?;
    let scope = if asked.is_empty() { &client.scope } else { &asked };
    let record = GrantRecord {
        grant_id: random_identifier().map_err(|_| ProvisionRefused::Random)?,
        client_id: client_id.into(),
        subject: subject.into(),
        scope: scope.iter().map(Into::into).collect(),
        audience: client.audiences.clone(),
        bound_to: bound_to.to_claim(),
        session_id: None,
        details: serde_json::json!({}),
        created_at: now,
        expires_at: now.plus(server.0.settings.refresh_token_lifetime),
        revoked_at: None,
    };
    let (refresh_token, token) = new_token(&record, now).map_err(|_| ProvisionRefused::Random)?;
    server.0.store.provision_grant(&record, Some(&token)).await?;
    server.0.audit.record(AuditEvent::GrantProvisioned {
        client_id,
        subject,
        grant_id: &record.grant_id,
        binding: binding_name(&bound_to),
        administrator,
    });
    Ok(ProvisionedGrant { grant_id: record.grant_id, refresh_token })
}
