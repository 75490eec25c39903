//! Offboarding: a client is disabled for ever, its grants are revoked, its keys and certificates blocked, its
//! consents forgotten; and then the server is asked, way by way, whether anything of it still works. The
//! answer is not assumed from what was just done, but read back from the state that requests are judged by.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Path, State};
use bindery_core::oauth::client_metadata::ClientKeys;
use bindery_core::time::UnixTime;
use bindery_core::token::confirmation::Confirmation;
use bindery_store::authorization::{ClientUpdate, Revocation};
use bindery_store::record::{BlockedKeyRecord, BlockedKind, GrantFilter, GrantRecord};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::blocked_keys::{BlockedKeyView, require_reason};
use super::body::{Answer, JsonBody};
use super::client_changes;
use super::door::Administrator;
use super::problem::{Kind, Problem};
use crate::ATTEMPTS;
use crate::blocked_keys::{Thumbprint, thumbprints_of};
use crate::client_registry::Client;
use crate::event::AuditEvent;
use crate::registration::Facts;
use crate::server::{AuthorizationServer, Server};

/// How many grants are read at a time.
const PAGE: u32 = 500;

/// Why a client is offboarded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Offboarding {
    /// The reason, for those who find it later.
    reason: String,
}

/// What was done to a client.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Offboarded {
    /// Grants that were alive and are revoked.
    grants_revoked: u64,
    /// Consents that were forgotten.
    consents_removed: u64,
    /// Keys and certificates that are blocked now.
    blocked_keys: Vec<BlockedKeyView>,
    /// Whether anything still works.
    verification: Verification,
}

/// Whether anything of a client still works.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Verification {
    /// The client.
    client_id: String,
    /// Whether nothing works any more.
    nothing_works: bool,
    /// Way by way.
    checks: Vec<Check>,
    /// From this second on, in seconds since 1970, no self-contained access token of the client is valid at
    /// guards that verify without asking.
    self_contained_tokens_end_at: i64,
}

/// One way in, tried.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Check {
    /// The way.
    what: &'static str,
    /// Whether it is still open.
    works: bool,
    /// What was found, and where it is open what to do.
    detail: String,
}

/// Offboards a client: disables it for ever, revokes its grants, blocks its keys and certificates, and
/// verifies that nothing of it works any more.
#[utoipa::path(post, path = "/clients/{client_id}/offboard", operation_id = "offboardClient", tag = "clients",
    params(("client_id" = String, Path, description = "The client")), request_body = Offboarding,
    responses((status = 200, description = "What was done, and whether anything still works", body = Offboarded)))]
pub(super) async fn offboard(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Path(client_id): Path<String>,
    JsonBody(offboarding): JsonBody<Offboarding>,
) -> Result<Answer<Offboarded>, Problem> {
    let server = &*server.0;
    require_reason(&offboarding.reason)?;
    let now = server.clock.now();
    // First the client, so that nothing new is issued while the rest is done.
    let client = disable(server, &client_id, &offboarding.reason, now).await?;
    let keys = keys_of(server, client.as_deref(), &client_id, now).await?;
    let records: Vec<_> = keys.iter().map(|key| blocked(key, &client_id, &offboarding.reason, now)).collect();
    server.blocked_keys.block(&*server.store, &records).await?;
    let filter = GrantFilter { client_id: Some(client_id.clone()), ..GrantFilter::default() };
    let grants_revoked = server.store.revoke_grants(&filter, now).await?;
    let consents_removed = server.store.remove_consents(None, Some(&client_id)).await?;
    let verification = verification(server, &client_id, &keys, now).await?;
    server.audit.record(AuditEvent::ClientOffboarded {
        client_id: &client_id,
        reason: &offboarding.reason,
        grants_revoked,
        keys_blocked: u64::try_from(records.len()).unwrap_or(u64::MAX),
        nothing_works: verification.nothing_works,
        administrator: &administrator.name,
    });
    let blocked_keys = records.into_iter().map(BlockedKeyView::from).collect();
    Ok(Answer(StatusCode::OK, Offboarded { grants_revoked, consents_removed, blocked_keys, verification }))
}

/// Verifies, without changing anything, whether anything of a client still works.
#[utoipa::path(get, path = "/clients/{client_id}/verification", operation_id = "verifyOffboarding",
    tag = "clients", params(("client_id" = String, Path, description = "The client")),
    responses((status = 200, description = "Whether anything still works", body = Verification)))]
pub(super) async fn verify(
    State(server): State<AuthorizationServer>,
    Path(client_id): Path<String>,
) -> Result<Answer<Verification>, Problem> {
    let server = &*server.0;
    let now = server.clock.now();
    let client = server.clients.find(&client_id).await?;
    let keys = keys_of(server, client.as_deref(), &client_id, now).await?;
    Ok(Answer(StatusCode::OK, verification(server, &client_id, &keys, now).await?))
}

/// Disables the client in the store and marks it; one of the configuration file by its name.
async fn disable(
    server: &Server,
    client_id: &str,
    reason: &str,
    now: UnixTime,
) -> Result<Option<std::sync::Arc<Client>>, Problem> {
    let client = server.clients.find(client_id).await?;
    if server.clients.require_changeable(client_id).is_err() {
        client_changes::bar(server, client_id, reason.to_owned(), true).await?;
        return Ok(client);
    }
    for _ in 0..ATTEMPTS {
        let mut record = client_changes::find(server, client_id).await?;
        let mut facts = Facts::of(&record);
        facts.forget_registration_access_token();
        facts.former_secret = None;
        facts.set_unused_until(None);
        facts.set_offboarded(now, reason);
        record.registration = facts.to_value();
        record.disabled = true;
        record.updated_at = now;
        if server.store.update_client(&record).await? == ClientUpdate::Updated {
            return Ok(client);
        }
    }
    Err(Problem::new(Kind::Conflict, "the client is being changed all the time", "repeat the request"))
}

/// The keys and certificates that the client authenticates with, and those that its live grants are bound to.
async fn keys_of(
    server: &Server,
    client: Option<&Client>,
    client_id: &str,
    now: UnixTime,
) -> Result<Vec<Thumbprint>, Problem> {
    let mut keys = Vec::new();
    if let Some(client) = client.filter(|client| !matches!(client.metadata.keys, ClientKeys::None)) {
        // A key set that can't be fetched any more verifies nothing either.
        if let Ok(set) = server.client_keys.keys(&client.metadata, now, false).await {
            keys.extend(thumbprints_of(&set));
        }
    }
    for grant in all_grants(server, client_id).await? {
        let confirmation = Confirmation::parse(grant.bound_to.as_ref()).unwrap_or(Confirmation::Unbound);
        keys.extend(confirmation.dpop().map(Thumbprint::Dpop));
        keys.extend(confirmation.mtls().map(Thumbprint::Certificate));
    }
    let named: BTreeMap<String, Thumbprint> = keys.into_iter().map(|key| (name(&key), key)).collect();
    Ok(named.into_values().collect())
}

async fn all_grants(server: &Server, client_id: &str) -> Result<Vec<GrantRecord>, Problem> {
    let filter = GrantFilter { client_id: Some(client_id.into()), ..GrantFilter::default() };
    let mut all: Vec<GrantRecord> = Vec::new();
    loop {
        let after = all.last().map(|grant| grant.grant_id.clone());
        let page = server.store.list_grants(&filter, after.as_deref(), PAGE).await?;
        let last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        all.extend(page);
        if last {
            return Ok(all);
        }
    }
}

fn name(key: &Thumbprint) -> String {
    match key {
        Thumbprint::Dpop(jkt) => jkt.to_string(),
        Thumbprint::Certificate(x5t) => x5t.to_string(),
    }
}

fn blocked(key: &Thumbprint, client_id: &str, reason: &str, now: UnixTime) -> BlockedKeyRecord {
    BlockedKeyRecord {
        thumbprint: name(key),
        kind: match key {
            Thumbprint::Dpop(_) => BlockedKind::Dpop,
            Thumbprint::Certificate(_) => BlockedKind::Certificate,
        },
        client_id: Some(client_id.into()),
        reason: format!("offboarded: {reason}"),
        blocked_at: now,
    }
}

async fn verification(
    server: &Server,
    client_id: &str,
    keys: &[Thumbprint],
    now: UnixTime,
) -> Result<Verification, Problem> {
    let grants = all_grants(server, client_id).await?;
    let checks = vec![
        authentication(server, client_id).await?,
        refresh_tokens(&grants, now),
        access_tokens(server, &grants).await?,
        consents(server, client_id, &grants).await?,
        registration(server, client_id).await?,
        blocked_everywhere(server, keys).await?,
    ];
    let record = server.store.find_client(client_id).await?;
    let barred_at = server.clients.barred.find(client_id).map(|bar| bar.barred_at);
    let offboarded_at = record.and_then(|record| Facts::of(&record).offboarded_at()).or(barred_at);
    let offboarded_at = offboarded_at.unwrap_or(now);
    Ok(Verification {
        client_id: client_id.into(),
        nothing_works: checks.iter().all(|check| !check.works),
        checks,
        self_contained_tokens_end_at: offboarded_at.plus(server.settings.access_token_lifetime).as_seconds(),
    })
}

/// No method authenticates a client that is disabled or not there, at any endpoint.
async fn authentication(server: &Server, client_id: &str) -> Result<Check, Problem> {
    let found = server.clients.find(client_id).await?;
    let works = found.as_ref().is_some_and(|client| !client.disabled);
    let detail = match (&found, server.clients.require_changeable(client_id)) {
        (None, _) => "there is no such client".into(),
        (Some(client), _) if client.disabled => {
            format!("{} is refused at every endpoint: the client is disabled", client.metadata.authentication)
        }
        (Some(_), Err(_)) => {
            "the configuration file has the client: offboard or disable it, or remove it there and restart"
                .into()
        }
        (Some(_), Ok(())) => "the client is not disabled: offboard it".into(),
    };
    Ok(Check { what: "client authentication", works, detail })
}

/// A refresh token lives as long as its grant.
fn refresh_tokens(grants: &[GrantRecord], now: UnixTime) -> Check {
    let live = grants.iter().filter(|grant| grant.revoked_at.is_none() && now < grant.expires_at).count();
    Check {
        what: "refresh tokens",
        works: live > 0,
        detail: format!("of {} grants {live} are alive", grants.len()),
    }
}

/// What introspection, userinfo and this interface would say of tokens under the client's grants.
async fn access_tokens(server: &Server, grants: &[GrantRecord]) -> Result<Check, Problem> {
    let mut accepted = 0;
    for grant in grants {
        if server.store.find_revocation("", Some(&grant.grant_id)).await? == Revocation::NotRevoked {
            accepted += 1;
        }
    }
    Ok(Check {
        what: "access tokens under grants",
        works: accepted > 0,
        detail: format!("tokens of {accepted} of {} grants would be accepted", grants.len()),
    })
}

async fn consents(server: &Server, client_id: &str, grants: &[GrantRecord]) -> Result<Check, Problem> {
    let mut subjects: Vec<&str> = grants.iter().map(|grant| grant.subject.as_str()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let mut kept = 0;
    for subject in subjects {
        if server.store.find_consent(subject, client_id).await?.is_some() {
            kept += 1;
        }
    }
    Ok(Check { what: "remembered consents", works: kept > 0, detail: format!("{kept} are remembered") })
}

/// The client can't read or change its own registration (RFC 7592).
async fn registration(server: &Server, client_id: &str) -> Result<Check, Problem> {
    let record = server.store.find_client(client_id).await?;
    let works =
        record.is_some_and(|record| !record.disabled && Facts::of(&record).has_registration_access_token());
    let detail =
        if works { "its registration access token is good" } else { "no token opens its registration" };
    Ok(Check { what: "registration management", works, detail: detail.into() })
}

/// Every key is blocked in the store and in this process.
async fn blocked_everywhere(server: &Server, keys: &[Thumbprint]) -> Result<Check, Problem> {
    let mut open = Vec::new();
    for key in keys {
        let here = match key {
            Thumbprint::Dpop(jkt) => server.blocked_keys.require_unblocked(Some(jkt), None),
            Thumbprint::Certificate(x5t) => server.blocked_keys.require_unblocked(None, Some(x5t)),
        };
        if here.is_ok() || server.store.find_blocked_key(&name(key)).await?.is_none() {
            open.push(name(key));
        }
    }
    Ok(Check {
        what: "keys and certificates",
        works: !open.is_empty(),
        detail: match open.as_slice() {
            [] => format!("{} are blocked", keys.len()),
            open => format!("not blocked: {}", open.join(", ")),
        },
    })
}
