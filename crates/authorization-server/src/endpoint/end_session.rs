//! `/end_session`, where clients send a browser to sign its person out (OpenID Connect RP-Initiated Logout 1.0),
//! and the page where people are asked. A GET changes something only when an ID token of the client names this
//! very session; every other wish is confirmed by a form of ours.

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::Response;
use bindery_core::oauth::form::{Form, MAXIMUM_FORM};
use bindery_core::time::UnixTime;
use http::{HeaderMap, Method};

use crate::event::AuditEvent;
use crate::interaction::PageFault;
use crate::logout::{self, LogoutRequest};
use crate::people::form::{self, Forged, Purpose};
use crate::people::model::{DonePage, LogoutPage};
use crate::people::session::{self, Session};
use crate::people::{browser, client_card, pages};
use crate::server::{AuthorizationServer, Server};

/// Where clients send browsers.
pub(crate) const PATH: &str = "/end_session";
/// Where people are asked whether they agree.
pub(crate) const PAGE: &str = "/end_session/confirm";

/// `/end_session`, by GET and POST (section 2).
pub(crate) async fn answer(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    let now = server.clock.now();
    let posted = request.method() == Method::POST;
    let (headers, form) = match received(request).await {
        Ok(received) => received,
        Err((headers, fault)) => return fault.page(server, &headers),
    };
    let outcome = async {
        let request = LogoutRequest::read(server, &form).await?;
        if posted {
            // A form of the client's comes without our cookies (SameSite=Lax); the browser's next GET has them.
            let sealed = request.seal(server, now)?;
            return Ok(pages::see_other(&format!("{}?request={sealed}", server.people.address(PAGE))));
        }
        respond(server, &request, &headers, now).await
    };
    outcome.await.unwrap_or_else(|fault: PageFault| fault.page(server, &headers))
}

/// The question, or that nobody is signed in.
pub(crate) async fn ask(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    let now = server.clock.now();
    let (headers, form) = match received(request).await {
        Ok(received) => received,
        Err((headers, fault)) => return fault.page(server, &headers),
    };
    let outcome = async { respond(server, &carried(server, &form, now)?, &headers, now).await };
    outcome.await.unwrap_or_else(|fault: PageFault| fault.page(server, &headers))
}

/// The person's answer.
pub(crate) async fn confirmed(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    let now = server.clock.now();
    let (headers, form) = match received(request).await {
        Ok(received) => received,
        Err((headers, fault)) => return fault.page(server, &headers),
    };
    let outcome = async {
        require_own_form(server, &form, &headers)?;
        let request = carried(server, &form, now)?;
        if form.get("action") != Some("logout") {
            let still = DonePage { title: "logout_title", text: "logged_in_still" };
            return Ok(pages::show(server, &still, &pages::locale(server, &request.ui_locales, &headers)));
        }
        end(server, &request, &headers, now, true).await
    };
    outcome.await.unwrap_or_else(|fault: PageFault| fault.page(server, &headers))
}

async fn received(request: Request) -> Result<(HeaderMap, Form), (HeaderMap, PageFault)> {
    let (parts, body) = request.into_parts();
    let form = match parts.method {
        Method::POST => match to_bytes(body, MAXIMUM_FORM).await {
            Ok(body) => Form::parse(&body),
            Err(_) => return Err((parts.headers, PageFault::Malformed)),
        },
        _ => Form::parse(parts.uri.query().unwrap_or_default().as_bytes()),
    };
    match form {
        Ok(form) => Ok((parts.headers, form)),
        Err(_) => Err((parts.headers, PageFault::Malformed)),
    }
}

/// The client's request that the page carries, or the person's own.
fn carried(server: &Server, form: &Form, now: UnixTime) -> Result<LogoutRequest, PageFault> {
    match form.get("request").filter(|sealed| !sealed.is_empty()) {
        Some(sealed) => LogoutRequest::open(server, sealed, now),
        None => Ok(LogoutRequest::default()),
    }
}

async fn respond(
    server: &Server,
    request: &LogoutRequest,
    headers: &HeaderMap,
    now: UnixTime,
) -> Result<Response, PageFault> {
    let session = session::current(server, headers, now).await;
    match session.map_err(|error| PageFault::store("find_session", &error))? {
        None => end(server, request, headers, now, request.is_vouched_for()).await,
        Some(session) if request.means(server, &session).await? => {
            end(server, request, headers, now, true).await
        }
        Some(session) => question(server, request, &session, headers, now).await,
    }
}

/// Ends the browser's session, whatever is left of it, and sends the browser on when it `may_leave`: when the
/// person or an ID token has vouched for the request.
async fn end(
    server: &Server,
    request: &LogoutRequest,
    headers: &HeaderMap,
    now: UnixTime,
    may_leave: bool,
) -> Result<Response, PageFault> {
    let ended = session::end(server, headers, now).await;
    let (ended, cookie) = ended.map_err(|error| PageFault::store("end_session", &error))?;
    if let Some(session) = &ended {
        server.audit.record(AuditEvent::SessionEnded {
            subject: &session.subject,
            session_id: &session.session_id,
            reason: "logout",
        });
        let told = logout::session_over(server, session, now).await;
        told.map_err(|error| PageFault::store("session_over", &error))?;
    }
    let response = match request.destination().filter(|_| may_leave) {
        Some(destination) => pages::see_other(&destination),
        None => {
            let over = DonePage { title: "logged_out_title", text: "logged_out" };
            pages::show(server, &over, &pages::locale(server, &request.ui_locales, headers))
        }
    };
    Ok(pages::with_cookie(response, cookie))
}

/// Nobody is signed out because a page somewhere has a link to here.
async fn question(
    server: &Server,
    request: &LogoutRequest,
    session: &Session,
    headers: &HeaderMap,
    now: UnixTime,
) -> Result<Response, PageFault> {
    let locale = pages::locale(server, &request.ui_locales, headers);
    let client = match &request.client_id {
        None => None,
        Some(client_id) => {
            let found = server.clients.find(client_id).await;
            found.map_err(|error| PageFault::store("find_client", &error))?
        }
    };
    let sealed = match request.client_id.is_some() {
        true => Some(request.seal(server, now)?),
        false => None,
    };
    let browser = browser::identify(server, headers).map_err(|_| PageFault::Unavailable)?;
    let page = LogoutPage {
        client: client.map(|client| client_card::card(&client.metadata, &locale)),
        account: Some(session.account_name().to_owned()),
        action: server.people.address(PAGE),
        form_token: form::token(&browser.form_key(), purpose(sealed.as_deref())),
        request: sealed,
        forms: pages::form_targets(server, &request.return_to.iter().map(String::as_str).collect::<Vec<_>>()),
    };
    Ok(pages::with_cookie(pages::show(server, &page, &locale), browser.set_cookie))
}

fn purpose(sealed: Option<&str>) -> Purpose<'_> {
    Purpose::Logout(sealed.unwrap_or_default())
}

fn require_own_form(server: &Server, form: &Form, headers: &HeaderMap) -> Result<(), PageFault> {
    let judged = form::require_own_origin(server, headers).and_then(|()| {
        let browser = browser::known(server, headers).ok_or(Forged::Token)?;
        form::require_token(&browser.form_key(), purpose(form.get("request")), form.get("form_token"))
    });
    judged.map_err(|forged| {
        let reason = match forged {
            Forged::Origin => "origin",
            Forged::Token => "token",
        };
        server.audit.record(AuditEvent::FormForged { page: "logout", reason });
        PageFault::Forged
    })
}
