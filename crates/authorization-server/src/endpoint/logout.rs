//! `/logout`: a person signs out of this browser. The session ends at once and its cookie is removed; a
//! foreign page can't do it, because the form's token is the browser's own.

use axum::extract::{Request, State};
use axum::response::Response;

use crate::interaction::PageFault;
use crate::people::browser;
use crate::people::form::{self, Purpose};
use crate::people::model::{DonePage, LogoutPage, shown};
use crate::people::submission::Submission;
use crate::people::{pages, session};
use crate::server::{AuthorizationServer, Server};

pub(crate) const PATH: &str = "/logout";

/// The question.
pub(crate) async fn show(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match page(server, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn page(server: &Server, request: Request) -> Result<Response, Response> {
    let submission = Submission::of_query(server, PATH, request)?;
    let locale = submission.locale(server, &[]);
    let session = session::current(server, &submission.headers, submission.now).await;
    let session = session
        .map_err(|error| PageFault::store("find_session", &error).page(server, &submission.headers))?;
    let Some(session) = session else {
        let page = DonePage { title: "logged_out_title", text: "logged_out" };
        return Ok(pages::show(server, &page, &locale));
    };
    let browser = browser::identify(server, &submission.headers);
    let browser = browser.map_err(|_| PageFault::Unavailable.page(server, &submission.headers))?;
    let page = LogoutPage {
        account: Some(shown(session.account_name(), 80)),
        action: server.people.address(PATH),
        form_token: form::token(&browser.form_key(), Purpose::Logout("")),
        ..LogoutPage::default()
    };
    Ok(pages::with_cookie(pages::show(server, &page, &locale), browser.set_cookie))
}

/// The answer.
pub(crate) async fn submit(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match sign_out(server, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn sign_out(server: &Server, request: Request) -> Result<Response, Response> {
    let submission = Submission::of_form(server, PATH, request).await?;
    submission.require_browser(server, Purpose::Logout(""))?;
    let locale = submission.locale(server, &[]);
    if submission.form.get("action") == Some("stay") {
        let page = DonePage { title: "logout_title", text: "logged_in_still" };
        return Ok(pages::show(server, &page, &locale));
    }
    let ended = session::end(server, &submission.headers, submission.now).await;
    let (_, cookie) =
        ended.map_err(|error| PageFault::store("end_session", &error).page(server, &submission.headers))?;
    let page = DonePage { title: "logged_out_title", text: "logged_out" };
    Ok(pages::with_cookie(pages::show(server, &page, &locale), cookie))
}
