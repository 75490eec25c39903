//! Why a person sees an error page instead of the next one: fixed causes, never what a request said. The page is
//! shown only where no redirect URI can be trusted; every other refusal goes to the client.

use axum::response::Response;
use bindery_store::StoreError;
use http::{HeaderMap, StatusCode};

use crate::event::AuditEvent;
use crate::people::pages;
use crate::server::Server;

/// The causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageFault {
    /// The request to the page is not one that we read.
    Malformed,
    /// No such interaction.
    Unknown,
    /// It was answered before, has expired, or went on in another tab.
    Over,
    /// Another browser began it.
    OtherBrowser,
    /// The client is unknown or disabled.
    Client,
    /// The request names a `request_uri` that is unknown, used or another client's.
    RequestUri,
    /// The request breaks another rule, and there is nowhere to answer to.
    Request(&'static str),
    /// The form was not sent from our page.
    Forged,
    /// What the decision needs can't be reached.
    Unavailable,
}

impl PageFault {
    pub(crate) fn store(operation: &'static str, error: &StoreError) -> Self {
        crate::server::unavailable(operation, error);
        Self::Unavailable
    }

    /// Stable, for translations and programs.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unknown => "not_found",
            Self::Over => "interaction_expired",
            Self::OtherBrowser => "other_browser",
            Self::Client => "client",
            Self::RequestUri => "invalid_request_uri",
            Self::Request(reason) => reason,
            Self::Forged => "forged_form",
            Self::Unavailable => "temporarily_unavailable",
        }
    }

    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::OtherBrowser | Self::Forged => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(crate) fn page(self, server: &Server, headers: &HeaderMap) -> Response {
        server.audit.record(AuditEvent::ErrorPageShown { reason: self.reason() });
        pages::error(server, headers, &[], self.status(), self.reason())
    }
}
