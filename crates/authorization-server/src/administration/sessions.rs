//! Sessions: who is signed in. Ending one signs the person out at this server and revokes what was granted in
//! it.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use bindery_store::record::{GrantFilter, SessionRecord};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::body::{self, Answer};
use super::door::Administrator;
use super::page::{self, Asked, Page};
use super::problem::Problem;
use crate::event::AuditEvent;
use crate::logout;
use crate::server::AuthorizationServer;

/// A session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionView {
    /// `sid`.
    session_id: String,
    /// Who is signed in.
    subject: String,
    /// How: `auth_time`, `acr`, `amr`.
    #[schema(value_type = Object)]
    details: Value,
    /// When it began, in seconds since 1970.
    created_at: i64,
    /// When it ends by itself.
    expires_at: i64,
    /// When it was ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
}

impl From<SessionRecord> for SessionView {
    fn from(record: SessionRecord) -> Self {
        Self {
            session_id: record.session_id,
            subject: record.subject,
            details: record.details,
            created_at: record.created_at.as_seconds(),
            expires_at: record.expires_at.as_seconds(),
            ended_at: record.ended_at.map(bindery_core::time::UnixTime::as_seconds),
        }
    }
}

/// Which sessions are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SessionsAsked {
    /// Only what comes after this `session_id`: the `next` of the page before.
    after: Option<String>,
    /// The most items, 1 to 500; 100 without it.
    limit: Option<u32>,
    /// Those of this subject.
    subject: Option<String>,
}

/// Lists sessions, by `session_id`, whatever their state.
#[utoipa::path(get, path = "/sessions", operation_id = "listSessions", tag = "sessions", params(SessionsAsked),
    responses((status = 200, description = "One page", body = Page<SessionView>)))]
pub(super) async fn list(
    State(server): State<AuthorizationServer>,
    Asked(asked): Asked<SessionsAsked>,
) -> Result<Answer<Page<SessionView>>, Problem> {
    let limit = page::limit(asked.limit)?;
    let (subject, after) = (asked.subject.as_deref(), asked.after.as_deref());
    let records = server.0.store.list_sessions(subject, after, limit.saturating_add(1)).await?;
    let items = records.into_iter().map(SessionView::from).collect();
    Ok(Answer(StatusCode::OK, Page::cut(items, limit, |session: &SessionView| session.session_id.clone())))
}

/// Ends a session and revokes what was granted in it. Ending twice is no error.
#[utoipa::path(delete, path = "/sessions/{session_id}", operation_id = "endSession", tag = "sessions",
    params(("session_id" = String, Path, description = "The session")),
    responses((status = 204, description = "Ended")))]
pub(super) async fn end(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Path(session_id): Path<String>,
) -> Result<Response, Problem> {
    let server = &*server.0;
    let now = server.clock.now();
    let found = server.store.find_session_by_id(&session_id).await?;
    let session = found.ok_or_else(|| Problem::not_found("session", "/sessions"))?;
    if let Some(ended) = server.store.end_session(&session_id, now).await? {
        logout::session_over(server, &ended, now).await?;
    }
    let filter = GrantFilter { session_id: Some(session_id.clone()), ..GrantFilter::default() };
    let revoked = server.store.revoke_grants(&filter, now).await?;
    server.audit.record(AuditEvent::SessionEndedByAdministrator {
        session_id: &session_id,
        subject: &session.subject,
        revoked,
        administrator: &administrator.name,
    });
    Ok(body::no_content())
}
