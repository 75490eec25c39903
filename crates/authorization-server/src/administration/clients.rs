//! Clients: those of the configuration file, to be read, and those of the store. A registration is judged by
//! the rules that the server runs on before it is stored, so that what is here is what works. Secrets are
//! shown once, when they are made; the store has their digests.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::body::{Answer, JsonBody};
use super::client_view::ClientView;
use super::door::Administrator;
use super::entity_tag;
use super::page::{self, Asked, Page};
use super::problem::{Kind, Problem};
use crate::event::AuditEvent;
use crate::registration::{Facts, enrol};
use crate::server::AuthorizationServer;

/// Which clients are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ClientsAsked {
    /// Only what comes after this `client_id`: the `next` of the page before.
    after: Option<String>,
    /// The most items, 1 to 500; 100 without it.
    limit: Option<u32>,
    /// Those with this `sender_constraint` alone; `none` lists the bearer exceptions.
    sender_constraint: Option<String>,
}

/// A client that was just registered.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClientCreated {
    /// The client.
    client: ClientView,
    /// Its secret, shown this once, if it authenticates with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

/// Lists clients, by `client_id`.
#[utoipa::path(get, path = "/clients", operation_id = "listClients", tag = "clients", params(ClientsAsked),
    responses((status = 200, description = "One page", body = Page<ClientView>)))]
pub(super) async fn list(
    State(server): State<AuthorizationServer>,
    Asked(asked): Asked<ClientsAsked>,
) -> Result<Answer<Page<ClientView>>, Problem> {
    let limit = page::limit(asked.limit)?;
    let mut all: BTreeMap<String, ClientView> = server
        .0
        .store
        .list_clients()
        .await?
        .into_iter()
        .map(|record| (record.client_id.clone(), ClientView::of(record)))
        .collect();
    // A client of the configuration stands before one of the same name in the store.
    all.extend(server.0.clients.configured_clients().map(|configured| {
        (configured.client.metadata.client_id.clone(), ClientView::of_configured(configured))
    }));
    let bar = |client_id: &str| server.0.clients.barred.find(client_id);
    let after = asked.after.unwrap_or_default();
    let wanted = |client: &ClientView| match &asked.sender_constraint {
        None => true,
        Some(constraint) => {
            client.metadata.get("sender_constraint").and_then(Value::as_str) == Some(constraint)
        }
    };
    let items = all.into_values().filter(|client| client.client_id > after && wanted(client));
    let items = items.take(page::one_more(limit)).map(|client| {
        let bar = bar(&client.client_id);
        client.under(bar)
    });
    let items = items.collect();
    Ok(Answer(StatusCode::OK, Page::cut(items, limit, |client: &ClientView| client.client_id.clone())))
}

/// Shows one client, with the `ETag` that a change of it must name.
#[utoipa::path(get, path = "/clients/{client_id}", operation_id = "getClient", tag = "clients",
    params(("client_id" = String, Path, description = "The client")),
    responses((status = 200, description = "The client", body = ClientView,
        headers(("ETag" = String, description = "Names this state, for If-Match")))))]
pub(super) async fn find(
    State(server): State<AuthorizationServer>,
    Path(client_id): Path<String>,
) -> Result<Response, Problem> {
    let view = match server.0.clients.find_configured(&client_id) {
        Some(configured) => ClientView::of_configured(configured),
        None => {
            let record = server.0.store.find_client(&client_id).await?;
            ClientView::of(record.ok_or_else(|| Problem::not_found("client", "/clients"))?)
        }
    };
    Ok(tagged(StatusCode::OK, view.under(server.0.clients.barred.find(&client_id))))
}

/// Registers a client. The body is its registration (RFC 7591 section 2, and this server's members) with the
/// `client_id` that it shall have. A client that authenticates with a secret gets one, unless it brings
/// `client_secret_sha256`.
#[utoipa::path(post, path = "/clients", operation_id = "createClient", tag = "clients",
    request_body(content = Object, description = "The registration"),
    responses((status = 201, description = "Registered", body = ClientCreated,
        headers(("ETag" = String, description = "Names this state, for If-Match")))))]
pub(super) async fn create(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    JsonBody(members): JsonBody<Map<String, Value>>,
) -> Result<Response, Problem> {
    let server = &*server.0;
    let now = server.clock.now();
    let facts = Facts::registered_by(&administrator.name);
    let enrolment = enrol(server, members, &facts, now)?;
    let client_id = enrolment.record.client_id.as_str();
    server.clients.require_changeable(client_id)?;
    if server.clients.barred.find(client_id).is_some() {
        let rule = "a client of this name was disabled, and the name would be too";
        return Err(Problem::new(Kind::Conflict, rule, "enable it first, or choose another name"));
    }
    server.store.insert_client(&enrolment.record).await?;
    server.audit.record(AuditEvent::ClientRegistered {
        client_id,
        method: enrolment.metadata.authentication.name(),
        sender_constraint: enrolment.metadata.sender_constraint.name(),
        initial_access_token: None,
        administrator: Some(&administrator.name),
    });
    let client_secret = enrolment.secret.as_ref().map(|secret| secret.to_string());
    let client = ClientView::of(enrolment.record);
    let tag = client.tag();
    let mut response = Answer(StatusCode::CREATED, ClientCreated { client, client_secret }).into_response();
    entity_tag::set(&mut response, &tag);
    Ok(response)
}

/// A client with its tag.
pub(super) fn tagged(status: StatusCode, view: ClientView) -> Response {
    let tag = view.tag();
    let mut response = Answer(status, view).into_response();
    entity_tag::set(&mut response, &tag);
    response
}
