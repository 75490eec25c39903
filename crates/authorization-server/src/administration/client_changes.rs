//! Changes of a client in the store. A change is written only over the state that was read and judged: whoever
//! names an older state is refused, and two administrators at once, at whatever nodes, never overwrite each
//! other unseen. What a change lets through is what the server itself would accept of a new client.

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use bindery_core::encoding::base64url;
use bindery_core::time::UnixTime;
use bindery_store::authorization::ClientUpdate;
use bindery_store::record::{BarredClientRecord, ClientRecord};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::body::{self, Answer, JsonBody};
use super::client_view::ClientView;
use super::clients::tagged;
use super::door::Administrator;
use super::entity_tag;
use super::problem::{Kind, Problem};
use crate::client_registry::Configured;
use crate::event::AuditEvent;
use crate::registration::enrolment::{self, new_secret, wants_secret};
use crate::registration::{Facts, FormerSecret, enrol};
use crate::server::{AuthorizationServer, Server};

/// The longest time for which an old secret may go on beside the new one, in seconds.
const LONGEST_OVERLAP: i64 = 90 * 24 * 3600;

/// Members that a policy replaces.
const POLICY: [&str; 6] = [
    "sender_constraint",
    "sender_constraint_reason",
    "sender_constraint_until",
    "dpop_bound_access_tokens",
    "tls_client_certificate_bound_access_tokens",
    "profile",
];

/// What a client must prove, and by which profile it is judged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    /// `dpop`, `mtls`, `any`, `both`, or `none` with a reason and an end.
    sender_constraint: Option<String>,
    /// Why the client may have bearer tokens.
    sender_constraint_reason: Option<String>,
    /// The day on which that ends, as `2027-03-31`, or seconds since 1970.
    #[schema(value_type = Option<String>)]
    sender_constraint_until: Option<Value>,
    /// A profile that is stricter than the server's.
    profile: Option<String>,
}

/// How a secret is replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SecretRotation {
    /// Until when the present secret goes on beside the new one, in seconds since 1970; at most 90 days.
    /// Without it the present secret ends at once.
    keep_old_until: Option<i64>,
}

/// A new secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SecretRotated {
    /// The secret, shown this once.
    client_secret: String,
    /// Until when the former secret is good as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    former_secret_until: Option<i64>,
}

/// Replaces a client's registration. Its secret stays, as long as it authenticates with one.
#[utoipa::path(put, path = "/clients/{client_id}", operation_id = "replaceClient", tag = "clients",
    params(("client_id" = String, Path, description = "The client"),
        ("If-Match" = String, Header, description = "The ETag of the state to change, or *")),
    request_body(content = Object, description = "The whole registration"),
    responses((status = 200, description = "Changed", body = ClientView)))]
pub(super) async fn replace(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
    JsonBody(members): JsonBody<Map<String, Value>>,
) -> Result<Response, Problem> {
    let server = &*server.0;
    let record = changeable(server, &client_id, &headers).await?;
    let changed = with_members(server, &record, members)?;
    save(server, changed, "replaced", &administrator).await
}

/// Changes some members of a client's registration (RFC 7396): a member that is null is taken away.
#[utoipa::path(patch, path = "/clients/{client_id}", operation_id = "patchClient", tag = "clients",
    params(("client_id" = String, Path, description = "The client"),
        ("If-Match" = String, Header, description = "The ETag of the state to change, or *")),
    request_body(content = Object, content_type = "application/merge-patch+json", description = "The changes"),
    responses((status = 200, description = "Changed", body = ClientView)))]
pub(super) async fn patch(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Path(client_id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let server = &*server.0;
    let (parts, body) = request.into_parts();
    let changes = body::read(&parts.headers, body, "application/merge-patch+json").await?;
    let record = changeable(server, &client_id, &parts.headers).await?;
    let mut metadata = record.metadata.clone();
    merge(&mut metadata, Value::Object(changes));
    let members = metadata.as_object().cloned().unwrap_or_default();
    let changed = with_members(server, &record, members)?;
    save(server, changed, "patched", &administrator).await
}

/// RFC 7396 section 2.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(members) = target.as_object_mut() else { return };
    for (name, value) in changes {
        match value {
            Value::Null => {
                members.remove(&name);
            }
            value => merge(members.entry(name).or_insert(Value::Null), value),
        }
    }
}

/// Says what a client must prove. An exception (`none`) has a reason and an end, and stops at that end.
#[utoipa::path(put, path = "/clients/{client_id}/policy", operation_id = "setClientPolicy", tag = "clients",
    params(("client_id" = String, Path, description = "The client"),
        ("If-Match" = String, Header, description = "The ETag of the state to change, or *")),
    request_body = Policy, responses((status = 200, description = "Changed", body = ClientView)))]
pub(super) async fn set_policy(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
    JsonBody(policy): JsonBody<Policy>,
) -> Result<Response, Problem> {
    let server = &*server.0;
    let record = changeable(server, &client_id, &headers).await?;
    let mut members = record.metadata.as_object().cloned().unwrap_or_default();
    for name in POLICY {
        members.remove(name);
    }
    let said = [
        ("sender_constraint", policy.sender_constraint.map(Value::from)),
        ("sender_constraint_reason", policy.sender_constraint_reason.map(Value::from)),
        ("sender_constraint_until", policy.sender_constraint_until),
        ("profile", policy.profile.map(Value::from)),
    ];
    members.extend(said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let changed = with_members(server, &record, members)?;
    save(server, changed, "policy", &administrator).await
}

/// Disables a client: it can't authenticate any more, and what it holds is dead at once. One of the configuration
/// file stays disabled, whatever the file says, until it is enabled here.
#[utoipa::path(post, path = "/clients/{client_id}/disable", operation_id = "disableClient", tag = "clients",
    params(("client_id" = String, Path, description = "The client")),
    responses((status = 200, description = "Disabled", body = ClientView)))]
pub(super) async fn disable(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Path(client_id): Path<String>,
) -> Result<Response, Problem> {
    let server = &*server.0;
    if server.clients.find_configured(&client_id).is_some() {
        let reason = format!("disabled by {}", administrator.name);
        bar(server, &client_id, reason, false).await?;
        return configured_changed(server, &client_id, "disabled", &administrator);
    }
    // Nothing is judged: whatever the client is at that moment, it is disabled.
    server.store.disable_client(&client_id, server.clock.now()).await?;
    let record = find(server, &client_id).await?;
    Ok(changed(server, record, "disabled", &administrator))
}

/// Enables a disabled client. One of the store that was offboarded stays disabled for ever.
#[utoipa::path(post, path = "/clients/{client_id}/enable", operation_id = "enableClient", tag = "clients",
    params(("client_id" = String, Path, description = "The client")),
    responses((status = 200, description = "Enabled", body = ClientView)))]
pub(super) async fn enable(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Path(client_id): Path<String>,
) -> Result<Response, Problem> {
    let server = &*server.0;
    if server.clients.barred.find(&client_id).is_some() {
        server.clients.barred.unbar(&*server.store, &client_id).await?;
    }
    if let Some(configured) = server.clients.find_configured(&client_id) {
        if configured.client.disabled {
            // The bar is gone, if there was one; what the file says stays.
            return Err(Configured.into());
        }
        return configured_changed(server, &client_id, "enabled", &administrator);
    }
    let mut record = find(server, &client_id).await?;
    if Facts::of(&record).offboarded_at().is_some() {
        return Err(Problem::new(
            Kind::Conflict,
            "the client was offboarded, and its keys are blocked",
            "register a new client with new keys",
        ));
    }
    record.disabled = false;
    save(server, record, "enabled", &administrator).await
}

/// Gives a client a new secret.
#[utoipa::path(post, path = "/clients/{client_id}/secret", operation_id = "rotateClientSecret", tag = "clients",
    params(("client_id" = String, Path, description = "The client")), request_body = SecretRotation,
    responses((status = 200, description = "The new secret", body = SecretRotated)))]
pub(super) async fn rotate_secret(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Path(client_id): Path<String>,
    JsonBody(rotation): JsonBody<SecretRotation>,
) -> Result<Answer<SecretRotated>, Problem> {
    let server = &*server.0;
    let now = server.clock.now();
    server.clients.require_changeable(&client_id)?;
    let mut record = find(server, &client_id).await?;
    let members = record.metadata.as_object().cloned().unwrap_or_default();
    let Some(old) = record.secret_sha256.filter(|_| wants_secret(&members)) else {
        return Err(Problem::new(
            Kind::Conflict,
            "the client does not authenticate with a secret",
            "change its `jwks` to replace its keys",
        ));
    };
    let until = rotation.keep_old_until.map(|until| require_overlap(until, now)).transpose()?;
    let mut facts = Facts::of(&record);
    facts.former_secret = until.map(|until| FormerSecret::new(&old, until));
    let secret = new_secret()?;
    record.secret_sha256 = base64url::decode_array(&enrolment::digest_text(&secret)).ok();
    record.registration = facts.to_value();
    save(server, record, "secret", &administrator).await?;
    let former_secret_until = until.map(UnixTime::as_seconds);
    Ok(Answer(StatusCode::OK, SecretRotated { client_secret: secret.to_string(), former_secret_until }))
}

fn require_overlap(until: i64, now: UnixTime) -> Result<UnixTime, Problem> {
    let until = UnixTime::from_seconds(until);
    match until.seconds_since(now) {
        1..=LONGEST_OVERLAP => Ok(until),
        _ => Err(Problem::new(
            Kind::InvalidMember,
            "it does not lie within the next 90 days",
            "leave it out to end the old secret at once",
        )
        .about("keep_old_until")),
    }
}

/// Removes a client and all that it holds.
#[utoipa::path(delete, path = "/clients/{client_id}", operation_id = "deleteClient", tag = "clients",
    params(("client_id" = String, Path, description = "The client"),
        ("If-Match" = String, Header, description = "The ETag of the state to remove, or *")),
    responses((status = 204, description = "Removed")))]
pub(super) async fn delete(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let server = &*server.0;
    let record = changeable(server, &client_id, &headers).await?;
    require_updated(server.store.delete_client(&client_id, Some(record.revision)).await?)?;
    let administrator = Some(administrator.name.as_str());
    server.audit.record(AuditEvent::ClientDeleted { client_id: &client_id, administrator });
    Ok(body::no_content())
}

/// Disables a client of the configuration file by its name.
pub(super) async fn bar(
    server: &Server,
    client_id: &str,
    reason: String,
    offboarded: bool,
) -> Result<(), Problem> {
    let barred_at = server.clock.now();
    // An offboarded client is not made a merely disabled one by whoever comes later.
    if !offboarded && server.clients.barred.find(client_id).is_some_and(|bar| bar.offboarded) {
        return Ok(());
    }
    let record = BarredClientRecord { client_id: client_id.into(), reason, offboarded, barred_at };
    Ok(server.clients.barred.bar(&*server.store, &record).await?)
}

/// Tells of a change of state of a client of the configuration.
fn configured_changed(
    server: &Server,
    client_id: &str,
    change: &'static str,
    administrator: &Administrator,
) -> Result<Response, Problem> {
    let configured = server.clients.find_configured(client_id);
    let configured = configured.ok_or_else(|| Problem::not_found("client", "/clients"))?;
    let administrator = Some(administrator.name.as_str());
    server.audit.record(AuditEvent::ClientChanged { client_id, change, administrator });
    let view = ClientView::of_configured(configured).under(server.clients.barred.find(client_id));
    Ok(tagged(StatusCode::OK, view).into_response())
}

pub(super) async fn find(server: &Server, client_id: &str) -> Result<ClientRecord, Problem> {
    let record = server.store.find_client(client_id).await?;
    record.ok_or_else(|| Problem::not_found("client", "/clients"))
}

/// The record, if it may be changed and is in the state that the request names.
async fn changeable(server: &Server, client_id: &str, headers: &HeaderMap) -> Result<ClientRecord, Problem> {
    server.clients.require_changeable(client_id)?;
    let record = find(server, client_id).await?;
    entity_tag::require_match(headers, &ClientView::of(record.clone()).tag())?;
    Ok(record)
}

/// The record with other members, judged as a new client would be.
fn with_members(
    server: &Server,
    record: &ClientRecord,
    mut members: Map<String, Value>,
) -> Result<ClientRecord, Problem> {
    let named = members.insert("client_id".into(), record.client_id.clone().into());
    if named.is_some_and(|named| named != record.client_id.as_str()) {
        return Err(Problem::new(Kind::InvalidMember, "a client keeps its name", "register another client")
            .about("client_id"));
    }
    match &record.secret_sha256 {
        Some(digest) if wants_secret(&members) && !members.contains_key("client_secret_sha256") => {
            members.insert("client_secret_sha256".into(), base64url::encode(digest).into());
        }
        // A secret that nobody would ever see is no way to authenticate.
        None if wants_secret(&members) && !members.contains_key("client_secret_sha256") => {
            return Err(Problem::new(
                Kind::InvalidMember,
                "the client has no secret yet",
                "bring `client_secret_sha256`, base64url(SHA-256(secret)) of 32 random bytes",
            )
            .about("token_endpoint_auth_method"));
        }
        _ => {}
    }
    let mut facts = Facts::of(record);
    if !wants_secret(&members) {
        facts.former_secret = None;
    }
    if facts.has_registration_access_token() {
        facts.narrowed.note(&record.metadata, &Value::Object(members.clone()));
    }
    let enrolment = enrol(server, members, &facts, server.clock.now())?;
    Ok(ClientRecord {
        disabled: record.disabled,
        created_at: record.created_at,
        revision: record.revision,
        ..enrolment.record
    })
}

/// Writes a change of the state that was read, if that still is the state of the client.
async fn save(
    server: &Server,
    mut record: ClientRecord,
    change: &'static str,
    administrator: &Administrator,
) -> Result<Response, Problem> {
    record.updated_at = server.clock.now();
    require_updated(server.store.update_client(&record).await?)?;
    record.revision = record.revision.saturating_add(1);
    Ok(changed(server, record, change, administrator))
}

fn require_updated(update: ClientUpdate) -> Result<(), Problem> {
    match update {
        ClientUpdate::Updated => Ok(()),
        ClientUpdate::Stale => Err(entity_tag::changed_meanwhile()),
    }
}

/// Tells the audit trail and the administrator.
fn changed(
    server: &Server,
    record: ClientRecord,
    change: &'static str,
    administrator: &Administrator,
) -> Response {
    server.audit.record(AuditEvent::ClientChanged {
        client_id: &record.client_id,
        change,
        administrator: Some(&administrator.name),
    });
    tagged(StatusCode::OK, ClientView::of(record)).into_response()
}
