//! A form that one of our pages sent, or a page's own query: read with a cap and a deadline, and, where it is
//! a POST, refused when the browser says that another site sent it.

#![expect(clippy::result_large_err, reason = "the error is the answer itself")]

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bindery_core::crypto::MacKey;
use bindery_core::oauth::form::{Form, MAXIMUM_FORM};
use bindery_core::time::UnixTime;
use http::HeaderMap;

use super::browser::{self, Browser};
use super::form::{self, Forged, Purpose};
use super::locale::Locale;
use super::pages;
use crate::endpoint::{read_capped, require_form};
use crate::event::AuditEvent;
use crate::interaction::PageFault;
use crate::server::Server;

/// A request to a page.
pub(crate) struct Submission {
    pub(crate) headers: HeaderMap,
    pub(crate) form: Form,
    /// The page's name in events.
    page: &'static str,
    pub(crate) now: UnixTime,
}

impl Submission {
    /// Reads the query of a GET.
    ///
    /// # Errors
    /// The error page.
    pub(crate) fn of_query(server: &Server, page: &'static str, request: Request) -> Result<Self, Response> {
        let (parts, _) = request.into_parts();
        match Form::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            Ok(form) => Ok(Self { headers: parts.headers, form, page, now: server.clock.now() }),
            Err(_) => Err(PageFault::Malformed.page(server, &parts.headers)),
        }
    }

    /// Reads the form of a POST that our own page sent.
    ///
    /// # Errors
    /// The error page.
    pub(crate) async fn of_form(
        server: &Server,
        page: &'static str,
        request: Request,
    ) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let headers = parts.headers;
        if let Err(forged) = form::require_own_origin(server, &headers) {
            return Err(refuse_forged(server, page, forged, &headers));
        }
        match read(&headers, body).await {
            Some(form) => Ok(Self { headers, form, page, now: server.clock.now() }),
            None => Err(PageFault::Malformed.page(server, &headers)),
        }
    }

    /// The browser whose form this is: its token is the one that our page gave it.
    ///
    /// # Errors
    /// The error page, when the browser brought no cookie or the token is not its own.
    pub(crate) fn require_browser(&self, server: &Server, purpose: Purpose<'_>) -> Result<Browser, Response> {
        let Some(browser) = browser::of_request(server, &self.headers) else {
            return Err(PageFault::OtherBrowser.page(server, &self.headers));
        };
        self.require_token(server, &browser.form_key(), purpose)?;
        Ok(browser)
    }

    /// The form's token was made with `key`.
    ///
    /// # Errors
    /// The error page.
    pub(crate) fn require_token(
        &self,
        server: &Server,
        key: &MacKey,
        purpose: Purpose<'_>,
    ) -> Result<(), Response> {
        form::require_token(key, purpose, self.form.get("form_token"))
            .map_err(|forged| refuse_forged(server, self.page, forged, &self.headers))
    }

    /// The language for the answer.
    pub(crate) fn locale(&self, server: &Server, ui_locales: &[String]) -> Locale {
        pages::locale(server, ui_locales, &self.headers)
    }
}

async fn read(headers: &HeaderMap, body: Body) -> Option<Form> {
    require_form(headers).ok()?;
    let body = read_capped(body, MAXIMUM_FORM).await.ok()?;
    Form::parse(&body).ok()
}

fn refuse_forged(server: &Server, page: &'static str, forged: Forged, headers: &HeaderMap) -> Response {
    let reason = match forged {
        Forged::Origin => "origin",
        Forged::Token => "token",
    };
    server.audit.record(AuditEvent::FormForged { page, reason });
    PageFault::Forged.page(server, headers)
}
