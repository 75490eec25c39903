//! `/approve`: a person who is signed in is asked what a client wants of them that has no browser of theirs (CIBA
//! Core section 8). What is asked and answered is an interaction like any other; only the one person whom the
//! client named can answer. With `request`, a link leads to one request: whoever follows it signs in first, as
//! anywhere, and whoever is not the person gets no further.

use axum::extract::{Request, State};
use axum::response::Response;

use http::StatusCode;

use crate::decoupled::backchannel;
use crate::interaction::{self, PageFault};
use crate::people::model::DonePage;
use crate::people::submission::Submission;
use crate::people::{LoginPlace, pages, session};
use crate::server::{AuthorizationServer, Server};

pub(crate) const PATH: &str = "/approve";

/// Where a person answers the request of that name, below the issuer.
pub(crate) fn link(name: &str) -> String {
    format!("{PATH}?request={name}")
}

/// The question that is named or has waited longest, or a page that says that there is none.
pub(crate) async fn show(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match page(server, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn page(server: &Server, request: Request) -> Result<Response, Response> {
    let submission = Submission::of_query(server, PATH, request)?;
    let Submission { headers, now, .. } = &submission;
    let failed = |operation| move |error| PageFault::store(operation, &error).page(server, headers);
    let waiting = match submission.form.get("request") {
        Some(name) => {
            backchannel::waiting_by_name(server, name, *now).await.map_err(failed("find_pending"))?
        }
        None => {
            let session = session::current(server, headers, *now).await.map_err(failed("find_session"))?;
            let Some(session) = session else { return Ok(sign_in(server, &submission)) };
            let waiting = backchannel::waiting_for(server, session.subject(), *now).await;
            waiting.map_err(failed("list_waiting"))?.into_iter().next()
        }
    };
    Ok(match waiting {
        Some(waiting) => interaction::begin(server, waiting.into_beginning(), headers, *now).await,
        None => {
            let page = DonePage { title: "approval_none_title", text: "approval_none" };
            pages::show(server, &page, &submission.locale(server, &[]))
        }
    })
}

/// Where an application signs people in, it leads them here by the name of a request.
fn sign_in(server: &Server, submission: &Submission) -> Response {
    match server.people.settings.login {
        LoginPlace::Builtin => pages::see_other(&server.people.address(crate::endpoint::login::PATH)),
        _ => pages::error(server, &submission.headers, &[], StatusCode::NOT_FOUND, "application_login"),
    }
}
