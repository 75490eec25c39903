//! Clients: those of the configuration file, to be read, and those of the store. A registration is judged by
//! the rules that the server runs on before it is stored, so that what is here is what works. Secrets are
//! shown once, when they are made; the store has their digests.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use bindery_store::record::ClientRecord;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::body::Answer;
use super::entity_tag;
use super::page::{Asked, Page, PageAsked};
use super::problem::Problem;
use crate::server::AuthorizationServer;

/// A client as administrators see it.
#[derive(Debug, Serialize)]
pub(super) struct ClientView {
    /// `client_id`.
    client_id: String,
    /// The registration, without secrets.
    metadata: Value,
    /// Whether it has a secret.
    has_secret: bool,
    /// A disabled client can't authenticate, and what it holds is dead.
    disabled: bool,
    /// When it was registered, in seconds since 1970.
    created_at: i64,
    /// When it was changed last, in seconds since 1970.
    updated_at: i64,
}

impl ClientView {
    fn of(record: ClientRecord) -> Self {
        Self {
            client_id: record.client_id,
            metadata: record.metadata,
            has_secret: record.secret_sha256.is_some(),
            disabled: record.disabled,
            created_at: record.created_at.as_seconds(),
            updated_at: record.updated_at.as_seconds(),
        }
    }
}

pub(super) async fn list(
    State(server): State<AuthorizationServer>,
    Asked(page): Asked<PageAsked>,
) -> Result<Answer<Page<ClientView>>, Problem> {
    let limit = page.limit()?;
    let after = page.after.unwrap_or_default();
    let records = server.0.store.list_clients().await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
    let items = records.into_iter().filter(|record| record.client_id > after).take(wanted);
    let items = items.map(ClientView::of).collect();
    Ok(Answer(StatusCode::OK, Page::cut(items, limit, |client: &ClientView| client.client_id.clone())))
}

pub(super) async fn find(
    State(server): State<AuthorizationServer>,
    Path(client_id): Path<String>,
) -> Result<Response, Problem> {
    let record = server.0.store.find_client(&client_id).await?;
    let record = record.ok_or_else(|| Problem::not_found("client", "/clients"))?;
    let view = ClientView::of(record);
    let tag = entity_tag::of(&view);
    let mut response = Answer(StatusCode::OK, view).into_response();
    entity_tag::set(&mut response, &tag);
    Ok(response)
}
