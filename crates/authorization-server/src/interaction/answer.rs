//! Takes the step that was judged: sends the browser to a page, or gives the answer. An interaction is ended
//! before its answer is given, and a pushed request with it, so that there is one answer however often a form is
//! sent (PAR-4-02).

use axum::response::Response;
use bindery_core::oauth::authorization_request::{AuthorizationError, AuthorizationRequest};
use bindery_core::time::UnixTime;
use http::HeaderMap;

use super::judge::Step;
use super::{Interaction, PageFault, Purpose, parse_digest};
use crate::authorization::code::CodeRecord;
use crate::authorization::pushed::{self, Ending};
use crate::authorization::response::{self, Outcome};
use crate::event::{AuditEvent, Words};
use crate::grant::details::GrantDetails;
use crate::people::pages;
use crate::server::Server;

/// Takes `step`.
pub(super) async fn take(
    server: &Server,
    interaction: Interaction,
    step: Step,
    headers: &HeaderMap,
    now: UnixTime,
) -> Response {
    let error = match step {
        Step::Login => return to_page(server, "/login", &interaction.id),
        Step::Consent => return to_page(server, "/consent", &interaction.id),
        Step::Finish => None,
        Step::Refuse(error) => Some(error),
    };
    match finish(server, &interaction, error, headers, now).await {
        Ok(response) => response,
        Err(fault) => fault.page(server, headers),
    }
}

fn to_page(server: &Server, page: &str, id: &str) -> Response {
    pages::see_other(&server.people.address(&format!("{page}?interaction={id}")))
}

async fn finish(
    server: &Server,
    interaction: &Interaction,
    error: Option<AuthorizationError>,
    headers: &HeaderMap,
    now: UnixTime,
) -> Result<Response, PageFault> {
    interaction.end(server, now).await?;
    match &interaction.state.purpose {
        Purpose::Redirect { request, pushed } => {
            let over = end_pushed(server, pushed.as_deref(), now).await?;
            let error = over.or(error);
            redirect(server, interaction, request, error, headers, now).await
        }
    }
}

/// Of two tabs that opened the same pushed request, one gets its answer.
async fn end_pushed(
    server: &Server,
    pushed: Option<&str>,
    now: UnixTime,
) -> Result<Option<AuthorizationError>, PageFault> {
    let Some(text) = pushed else { return Ok(None) };
    let ending = pushed::end(server, &parse_digest(text)?, now).await;
    Ok(match ending.map_err(|error| PageFault::store("spend_pending", &error))? {
        Ending::Ended => None,
        Ending::OverBefore => Some(AuthorizationError::RequestUri),
    })
}

async fn redirect(
    server: &Server,
    interaction: &Interaction,
    request: &AuthorizationRequest,
    error: Option<AuthorizationError>,
    headers: &HeaderMap,
    now: UnixTime,
) -> Result<Response, PageFault> {
    let client = &interaction.client.metadata;
    let code = match error {
        Some(error) => Err(error),
        None => issue_code(server, interaction, request, now).await,
    };
    let outcome = match &code {
        Ok(code) => Outcome::Code(code),
        Err(error) => {
            server.audit.record(AuditEvent::AuthorizationRefused {
                client_id: &client.client_id,
                subject: interaction.state.login.as_ref().map(|login| login.subject.as_str()),
                reason: error.reason(),
            });
            Outcome::Refused(*error)
        }
    };
    let rendered = response::render(server, client, &request.return_to, outcome, headers, now).await;
    rendered.map_err(|_| PageFault::Unavailable)
}

async fn issue_code(
    server: &Server,
    interaction: &Interaction,
    request: &AuthorizationRequest,
    now: UnixTime,
) -> Result<zeroize::Zeroizing<String>, AuthorizationError> {
    let state = &interaction.state;
    let (Some(login), Some(consent)) = (&state.login, &state.consent) else {
        return Err(AuthorizationError::ServerError);
    };
    let details = GrantDetails {
        auth_time: Some(login.auth_time),
        acr: login.acr.clone(),
        amr: login.amr.clone(),
        nonce: request.nonce.clone(),
        authorization_details: consent.details.clone(),
        claims: state.ask.claims.clone(),
        act: None,
    };
    let record = CodeRecord::new(
        request,
        login.subject.clone(),
        login.session_id.clone(),
        consent.scope.clone(),
        details,
    );
    let record = record.map_err(|_| AuthorizationError::ServerError)?;
    let code = record.store(server, now).await.map_err(|_| AuthorizationError::TemporarilyUnavailable)?;
    server.audit.record(AuditEvent::AuthorizationCodeIssued {
        client_id: &record.client_id,
        subject: &record.subject,
        grant_id: &record.grant_id,
        scope: &Words(&record.scope),
    });
    Ok(code)
}
