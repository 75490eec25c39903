//! `/approve`: a person who is signed in is asked what a client wants of them that has no browser of theirs (CIBA
//! Core section 8). What is asked and answered is an interaction like any other; only the one person whom the
//! client named can answer.

use axum::extract::{Request, State};
use axum::response::Response;

use crate::decoupled::backchannel;
use crate::interaction::{self, PageFault};
use crate::people::model::DonePage;
use crate::people::submission::Submission;
use crate::people::{pages, session};
use crate::server::{AuthorizationServer, Server};

pub(crate) const PATH: &str = "/approve";

/// The first question that waits, or a page that says that none does.
pub(crate) async fn show(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match page(server, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn page(server: &Server, request: Request) -> Result<Response, Response> {
    let submission = Submission::of_query(server, PATH, request)?;
    let Submission { headers, now, .. } = &submission;
    let failed = |fault: PageFault| fault.page(server, headers);
    let session = session::current(server, headers, *now).await;
    let session = session.map_err(|error| failed(PageFault::store("find_session", &error)))?;
    let Some(session) = session else {
        return Ok(pages::see_other(&server.people.address(crate::endpoint::login::PATH)));
    };
    let waiting = backchannel::waiting_for(server, session.subject(), *now).await.map_err(failed)?;
    Ok(match waiting {
        Some(beginning) => interaction::begin(server, beginning, headers, *now).await,
        None => {
            let page = DonePage { title: "approval_none_title", text: "approval_none" };
            pages::show(server, &page, &submission.locale(server, &[]))
        }
    })
}
