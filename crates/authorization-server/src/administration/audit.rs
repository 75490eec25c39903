//! The audit trail: what happened, in order, by event, client, subject and time. Read-only: nobody removes a
//! record through here.

use axum::extract::State;
use bindery_core::time::UnixTime;
use bindery_store::record::{AuditFilter, AuditRecord};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::body::Answer;
use super::page::{self, Asked, Page};
use super::problem::Problem;
use crate::server::AuthorizationServer;

/// An audited event. The catalogue in `docs/audit-events.md` says what each one and its fields mean.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(super) struct AuditView {
    /// Its place in the order of events.
    sequence: u64,
    /// When it happened, in seconds since 1970.
    at: i64,
    /// Its name in the catalogue.
    event: String,
    /// The client that it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// The subject that it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// Its own fields.
    #[schema(value_type = Object)]
    fields: Value,
}

impl From<AuditRecord> for AuditView {
    fn from(record: AuditRecord) -> Self {
        Self {
            sequence: record.sequence,
            at: record.at.as_seconds(),
            event: record.event,
            client_id: record.client_id,
            subject: record.subject,
            fields: record.fields,
        }
    }
}

/// Which events are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditAsked {
    /// Only what comes after this `sequence`: the `next` of the page before.
    after: Option<u64>,
    /// The most items, 1 to 500; 100 without it.
    limit: Option<u32>,
    /// Those of this name.
    event: Option<String>,
    /// Those that concern this client.
    client_id: Option<String>,
    /// Those that concern this subject.
    subject: Option<String>,
    /// Those of this second and later, in seconds since 1970.
    since: Option<i64>,
    /// Those before this second.
    until: Option<i64>,
}

/// Lists audited events, in the order in which they happened.
#[utoipa::path(get, path = "/audit", operation_id = "listAuditEvents", tag = "audit", params(AuditAsked),
    responses((status = 200, description = "One page", body = Page<AuditView>)))]
pub(super) async fn list(
    State(server): State<AuthorizationServer>,
    Asked(asked): Asked<AuditAsked>,
) -> Result<Answer<Page<AuditView>>, Problem> {
    let limit = page::limit(asked.limit)?;
    let filter = AuditFilter {
        event: asked.event,
        client_id: asked.client_id,
        subject: asked.subject,
        since: asked.since.map(UnixTime::from_seconds),
        until: asked.until.map(UnixTime::from_seconds),
    };
    let records = server.0.store.list_audit(&filter, asked.after, limit.saturating_add(1)).await?;
    let items = records.into_iter().map(AuditView::from).collect();
    Ok(Answer(StatusCode::OK, Page::cut(items, limit, |event: &AuditView| event.sequence.to_string())))
}
