//! `/device`: a person types the code that a device shows, compares, and says whether the device shall be connected
//! (RFC 8628 sections 3.3 and 5.4). Only after that does anybody sign in or consent. A link that brings the code
//! along saves the typing and nothing else.

use axum::extract::{Request, State};
use axum::response::Response;
use bindery_http::{Peer, client_address};
use http::StatusCode;

use crate::decoupled::device::{self, UserCodeRefused, WaitingDevice};
use crate::interaction::{self, Beginning, PageFault};
use crate::observation::refused;
use crate::people::browser::{self, Browser};
use crate::people::form::{self, Purpose};
use crate::people::model::{DeviceConfirmPage, DevicePage, DonePage, shown};
use crate::people::submission::Submission;
use crate::people::{client_card, pages};
use crate::server::{AuthorizationServer, Server};

pub(crate) const PATH: &str = "/device";

/// The longest code that is shown again, in characters.
const CODE: usize = 16;

/// The page.
pub(crate) async fn show(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    let submission = match Submission::of_query(server, PATH, request) {
        Ok(submission) => submission,
        Err(page) => return page,
    };
    let Ok(browser) = browser::identify(server, &submission.headers) else {
        return PageFault::Unavailable.page(server, &submission.headers);
    };
    let page = ask_for_code(server, &submission, &browser, None);
    pages::with_cookie(page, browser.set_cookie)
}

/// The form: first with a code, then with the person's word that the device is theirs.
pub(crate) async fn submit(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match answer(server, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn answer(server: &Server, request: Request) -> Result<Response, Response> {
    let peer = request.extensions().get::<Peer>();
    let address = peer.and_then(|peer| client_address(peer, request.headers(), &server.edge));
    let submission = Submission::of_form(server, PATH, request).await?;
    let browser = submission.require_browser(server, Purpose::Device)?;
    let typed = submission.form.get("user_code").unwrap_or_default();
    let found = device::find(server, typed, address, submission.now).await;
    let waiting = match found {
        Ok(waiting) => waiting,
        Err(refused) => return Ok(ask_for_code(server, &submission, &browser, Some(refused))),
    };
    Ok(match submission.form.get("action") {
        Some("confirm") => {
            let beginning =
                Beginning { purpose: waiting.purpose(), client: waiting.client, ask: waiting.ask };
            interaction::begin(server, beginning, &submission.headers, submission.now).await
        }
        Some("deny") => {
            let denied = waiting.deny(server, submission.now).await;
            denied.map_err(|fault| fault.page(server, &submission.headers))?;
            let page = DonePage { title: "device_denied_title", text: "device_denied" };
            pages::show(server, &page, &submission.locale(server, &[]))
        }
        _ => compare(server, &submission, &browser, &waiting),
    })
}

fn ask_for_code(
    server: &Server,
    submission: &Submission,
    browser: &Browser,
    cause: Option<UserCodeRefused>,
) -> Response {
    let (status, message) = match cause {
        None => (StatusCode::OK, None),
        Some(UserCodeRefused::Unknown) => (StatusCode::OK, Some("device_unknown")),
        Some(UserCodeRefused::TooMany) => (StatusCode::TOO_MANY_REQUESTS, Some("device_too_many")),
        Some(UserCodeRefused::Unavailable) => {
            return PageFault::Unavailable.page(server, &submission.headers);
        }
    };
    let page = DevicePage {
        message,
        action: server.people.address(PATH),
        form_token: form::token(&browser.form_key(), Purpose::Device),
        user_code: shown(submission.form.get("user_code").unwrap_or_default(), CODE),
    };
    let shown = pages::show_as(server, status, &page, &submission.locale(server, &[]));
    match message {
        Some(message) => refused(shown, message),
        None => shown,
    }
}

fn compare(server: &Server, submission: &Submission, browser: &Browser, waiting: &WaitingDevice) -> Response {
    let locale = submission.locale(server, &waiting.ask.ui_locales);
    let page = DeviceConfirmPage {
        client: client_card::card(&waiting.client.metadata, &locale),
        user_code: waiting.user_code.to_string(),
        scopes: server.people.meanings.scopes(&waiting.ask.scope, &locale),
        action: server.people.address(PATH),
        form_token: form::token(&browser.form_key(), Purpose::Device),
    };
    pages::show(server, &page, &locale)
}
