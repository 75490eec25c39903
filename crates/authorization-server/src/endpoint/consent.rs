//! `/consent`: a person sees who asks for what, and allows or denies it. All or nothing: what is shown is what
//! is granted. The words on the page are the operator's or ours; those of the client are marked off and
//! escaped (RFC 9396 section 12, FSP-AS-27).

use axum::extract::{Request, State};
use axum::response::Response;
use bindery_core::oauth::authorization_request::AuthorizationError;

use crate::interaction::{self, Interaction, PageFault};
use crate::people::browser;
use crate::people::form::{self, Purpose};
use crate::people::model::{ConsentPage, shown};
use crate::people::submission::Submission;
use crate::people::{client_card, pages, session};
use crate::server::{AuthorizationServer, Server};

pub(crate) const PATH: &str = "/consent";

/// The page.
pub(crate) async fn show(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match page(server, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn page(server: &Server, request: Request) -> Result<Response, Response> {
    let submission = Submission::of_query(server, PATH, request)?;
    let interaction = load(server, &submission).await?;
    if interaction.state.login.is_none() {
        return Ok(interaction::advance(server, interaction, &submission.headers, submission.now).await);
    }
    let Some(browser) = browser::of_request(server, &submission.headers) else {
        return Err(PageFault::OtherBrowser.page(server, &submission.headers));
    };
    let session = session::current(server, &submission.headers, submission.now).await;
    let session = session
        .map_err(|error| PageFault::store("find_session", &error).page(server, &submission.headers))?;
    let ask = &interaction.state.ask;
    let locale = submission.locale(server, &ask.ui_locales);
    let people = &server.people;
    let page = ConsentPage {
        client: client_card::card(&interaction.client.metadata, &locale),
        account: session.map(|session| shown(session.account_name(), 80)),
        scopes: people.meanings.scopes(&ask.scope, &locale),
        claims: client_card::claims(ask, &locale),
        details: people.meanings.details(&ask.authorization_details, &locale),
        resources: ask.resources.iter().map(|resource| shown(resource, usize::MAX)).collect(),
        return_host: interaction.redirect_uri().and_then(client_card::return_host),
        binding_message: interaction.binding_message().map(|message| shown(message, 64)),
        message: None,
        action: people.address(PATH),
        interaction: interaction.id.clone(),
        form_token: form::token(&browser.form_key(), Purpose::Consent(&interaction.id)),
        forms: interaction.form_targets(server),
    };
    Ok(pages::show(server, &page, &locale))
}

/// The form.
pub(crate) async fn submit(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match decide(server, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn decide(server: &Server, request: Request) -> Result<Response, Response> {
    let submission = Submission::of_form(server, PATH, request).await?;
    let id = submission.form.get("interaction").unwrap_or_default();
    submission.require_browser(server, Purpose::Consent(id))?;
    let interaction = load(server, &submission).await?;
    let Submission { headers, now, form, .. } = &submission;
    if interaction.state.login.is_none() {
        return Ok(interaction::advance(server, interaction, headers, *now).await);
    }
    Ok(match form.get("action") {
        Some("allow") => {
            let scope = interaction.state.ask.scope.clone();
            let details = interaction.state.ask.authorization_details.clone();
            interaction::allow(server, interaction, &scope, details, headers, *now).await
        }
        Some("deny") => {
            interaction::deny(server, interaction, AuthorizationError::AccessDenied, headers, *now).await
        }
        // Neither button: nothing was decided.
        _ => PageFault::Malformed.page(server, headers),
    })
}

async fn load(server: &Server, submission: &Submission) -> Result<Interaction, Response> {
    let id = submission.form.get("interaction").unwrap_or_default();
    let loaded = interaction::load(server, id, &submission.headers, submission.now).await;
    loaded.map_err(|fault| fault.page(server, &submission.headers))
}
