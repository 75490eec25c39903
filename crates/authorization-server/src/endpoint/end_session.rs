//! `/end_session`, where clients send a browser to sign its person out (OpenID Connect RP-Initiated Logout 1.0),
//! and the page where people are asked. A GET changes something only when an ID token of the client names this
//! very session; every other wish is confirmed by a form of ours.

use axum::extract::{Request, State};
use axum::response::Response;
use bindery_core::oauth::form::{Form, MAXIMUM_FORM};
use http::Method;

use super::{read_capped, require_form};
use crate::interaction::PageFault;
use crate::logout::LogoutRequest;
use crate::people::form::{self, Purpose};
use crate::people::model::{DonePage, LogoutPage, shown};
use crate::people::session::{self, Session};
use crate::people::submission::Submission;
use crate::people::{browser, client_card, pages};
use crate::server::{AuthorizationServer, Server};

/// Where clients send browsers.
pub(crate) const PATH: &str = "/end_session";
/// Where people are asked whether they agree.
pub(crate) const PAGE: &str = "/end_session/confirm";

/// What a client asks, by GET and POST (section 2).
pub(crate) async fn answer(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    let outcome = match *request.method() {
        Method::POST => carry_on(server, request).await,
        _ => received(server, request).await,
    };
    outcome.unwrap_or_else(|page| page)
}

async fn received(server: &Server, request: Request) -> Result<Response, Response> {
    let submission = Submission::of_query(server, PATH, request)?;
    let judged = LogoutRequest::read(server, &submission.form).await;
    let request = judged.map_err(|fault| fault.page(server, &submission.headers))?;
    respond(server, &request, &submission).await
}

/// A form of the client's comes without our cookies (SameSite=Lax); the browser's next GET has them.
async fn carry_on(server: &Server, request: Request) -> Result<Response, Response> {
    let now = server.clock.now();
    let (parts, body) = request.into_parts();
    let outcome = async {
        require_form(&parts.headers).map_err(|_| PageFault::Malformed)?;
        let body = read_capped(body, MAXIMUM_FORM).await.map_err(|_| PageFault::Malformed)?;
        let form = Form::parse(&body).map_err(|_| PageFault::Malformed)?;
        let sealed = LogoutRequest::read(server, &form).await?.seal(server, now)?;
        Ok(pages::see_other(&format!("{}?request={sealed}", server.people.address(PAGE))))
    };
    outcome.await.map_err(|fault: PageFault| fault.page(server, &parts.headers))
}

/// The question, or that nobody is signed in.
pub(crate) async fn ask(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    let outcome = async {
        let submission = Submission::of_query(server, PAGE, request)?;
        let request =
            carried(server, &submission).map_err(|fault| fault.page(server, &submission.headers))?;
        respond(server, &request, &submission).await
    };
    outcome.await.unwrap_or_else(|page: Response| page)
}

/// The person's answer.
pub(crate) async fn confirmed(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    let outcome = async {
        let submission = Submission::of_form(server, PAGE, request).await?;
        submission.require_browser(server, purpose(submission.form.get("request")))?;
        let request =
            carried(server, &submission).map_err(|fault| fault.page(server, &submission.headers))?;
        match submission.form.get("action") {
            Some("logout") => end(server, &request, &submission, true).await,
            _ => Ok(done(server, &request, &submission, "logout_title", "logged_in_still")),
        }
    };
    outcome.await.unwrap_or_else(|page: Response| page)
}

/// The client's request that the page carries.
fn carried(server: &Server, submission: &Submission) -> Result<LogoutRequest, PageFault> {
    let sealed = submission.form.get("request").unwrap_or_default();
    LogoutRequest::open(server, sealed, submission.now)
}

async fn respond(
    server: &Server,
    request: &LogoutRequest,
    submission: &Submission,
) -> Result<Response, Response> {
    let page = |fault: PageFault| fault.page(server, &submission.headers);
    let session = session::current(server, &submission.headers, submission.now).await;
    match session.map_err(|error| page(PageFault::store("find_session", &error)))? {
        None => end(server, request, submission, request.is_vouched_for()).await,
        Some(session) if request.means(server, &session).await.map_err(page)? => {
            end(server, request, submission, true).await
        }
        Some(session) => question(server, request, &session, submission).await.map_err(page),
    }
}

/// Ends the browser's session, whatever is left of it, and sends the browser on when it `may_leave`: when the
/// person or an ID token has vouched for the request.
async fn end(
    server: &Server,
    request: &LogoutRequest,
    submission: &Submission,
    may_leave: bool,
) -> Result<Response, Response> {
    let ended = session::end(server, &submission.headers, submission.now).await;
    let (_, cookie) =
        ended.map_err(|error| PageFault::store("end_session", &error).page(server, &submission.headers))?;
    let response = match request.destination().filter(|_| may_leave) {
        Some(destination) => pages::see_other(&destination),
        None => done(server, request, submission, "logged_out_title", "logged_out"),
    };
    Ok(pages::with_cookie(response, cookie))
}

fn done(
    server: &Server,
    request: &LogoutRequest,
    submission: &Submission,
    title: &'static str,
    text: &'static str,
) -> Response {
    let locale = submission.locale(server, &request.ui_locales);
    pages::show(server, &DonePage { title, text }, &locale)
}

/// Nobody is signed out because a page somewhere has a link to here.
async fn question(
    server: &Server,
    request: &LogoutRequest,
    session: &Session,
    submission: &Submission,
) -> Result<Response, PageFault> {
    let locale = submission.locale(server, &request.ui_locales);
    let client = match &request.client_id {
        None => None,
        Some(client_id) => {
            let found = server.clients.find(client_id).await;
            found.map_err(|error| PageFault::store("find_client", &error))?
        }
    };
    let sealed = request.seal(server, submission.now)?;
    let browser = browser::identify(server, &submission.headers).map_err(|_| PageFault::Unavailable)?;
    let targets: Vec<_> = request.return_to.iter().map(String::as_str).collect();
    let page = LogoutPage {
        client: client.map(|client| client_card::card(&client.metadata, &locale)),
        account: Some(shown(session.account_name(), 80)),
        action: server.people.address(PAGE),
        form_token: form::token(&browser.form_key(), purpose(Some(&sealed))),
        request: Some(sealed),
        forms: pages::form_targets(server, &targets),
    };
    Ok(pages::with_cookie(pages::show(server, &page, &locale), browser.set_cookie))
}

fn purpose(sealed: Option<&str>) -> Purpose<'_> {
    Purpose::Logout(sealed.unwrap_or_default())
}
