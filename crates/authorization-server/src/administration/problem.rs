//! Refusals of the administration API (RFC 9457): a stable type, a title, and where the caller can mend it
//! the member, the rule and the remedy. The readers are administrators who have proven themselves, so the
//! text may say what is wrong; it never holds a secret or a token.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bindery_http::render;
use bindery_store::StoreError;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::client_registry::Configured;
use crate::event::AuditEvent;
use crate::observation::refused;
use crate::registration::RegistrationRefused;

/// The kinds of refusal. The name ends the `type` URI and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    InvalidRequest,
    InvalidMember,
    NotFound,
    Conflict,
    ReadOnly,
    PreconditionRequired,
    PreconditionFailed,
    UnsupportedMediaType,
    Unavailable,
}

impl Kind {
    const fn row(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::InvalidRequest => {
                (StatusCode::BAD_REQUEST, "invalid-request", "The request can't be read.")
            }
            Self::InvalidMember => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid-member", "A member breaks a rule.")
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such thing."),
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "It contradicts what is there."),
            Self::ReadOnly => (StatusCode::CONFLICT, "read-only", "It is set by the configuration file."),
            Self::PreconditionRequired => {
                (StatusCode::PRECONDITION_REQUIRED, "if-match-required", "The state to change must be named.")
            }
            Self::PreconditionFailed => {
                (StatusCode::PRECONDITION_FAILED, "changed-meanwhile", "It was changed meanwhile.")
            }
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "The body has another media type than it must have.",
            ),
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "It can't be decided at the moment.")
            }
        }
    }
}

/// A refusal.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) member: Option<String>,
    pub(crate) rule: String,
    pub(crate) remedy: String,
}

/// A refusal as it is sent (RFC 9457 section 3).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// Names the kind of refusal; stable.
    r#type: String,
    /// The kind in words.
    title: &'static str,
    /// The status code, again.
    status: u16,
    /// What is wrong and what to do.
    detail: String,
    /// The member, parameter or header at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    /// The rule that it breaks.
    rule: String,
    /// What to do.
    remedy: String,
}

impl Problem {
    pub(crate) fn new(kind: Kind, rule: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { kind, member: None, rule: rule.into(), remedy: remedy.into() }
    }

    /// Names the member, parameter or header at fault.
    pub(crate) fn about(mut self, member: impl Into<String>) -> Self {
        self.member = Some(member.into());
        self
    }

    pub(crate) fn not_found(what: &str, list: &str) -> Self {
        Self::new(Kind::NotFound, format!("there is no such {what}"), format!("list them with GET {list}"))
    }

    fn document(self) -> (StatusCode, ProblemDocument) {
        let (status, name, title) = self.kind.row();
        let document = ProblemDocument {
            r#type: format!("urn:bindery:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: format!("{}; {}", self.rule, self.remedy),
            member: self.member,
            rule: self.rule,
            remedy: self.remedy,
        };
        (status, document)
    }
}

impl From<RegistrationRefused> for Problem {
    fn from(fault: RegistrationRefused) -> Self {
        Self::new(Kind::InvalidMember, fault.rule, fault.remedy).about(fault.member)
    }
}

impl From<Configured> for Problem {
    fn from(_: Configured) -> Self {
        Self::new(Kind::ReadOnly, "the configuration file sets this client", "change it there, and restart")
            .about("client_id")
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unknown { record, .. } => {
                Self::new(Kind::NotFound, format!("there is no such {record}"), "look at the list")
            }
            StoreError::Conflict { rule, .. } => {
                Self::new(Kind::Conflict, rule, "choose another name, or look at what is there")
            }
            error => {
                AuditEvent::StoreFailed { operation: "administration", error: &error }.trace();
                Self::new(Kind::Unavailable, "the store does not answer", "repeat the request later")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (_, reason, _) = self.kind.row();
        let (status, document) = self.document();
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        render::forbid_storing(headers);
        refused(response, reason)
    }
}
