//! Takes the step that was judged: sends the browser to a page, or gives the answer. A stored interaction
//! is ended before its answer is given, and a pushed request with every answer, so that there is one however often
//! a form is sent or a reference opened (PAR-4-02).

use axum::response::Response;
use bindery_core::oauth::authorization_request::{AuthorizationError, AuthorizationRequest};
use bindery_core::time::UnixTime;
use bindery_crypto::random_identifier;
use bindery_store::record::PendingKind;
use http::HeaderMap;

use super::judge::Step;
use super::{Consent, Interaction, Login, PageFault, Purpose, parse_digest};
use crate::authorization::code::CodeRecord;
use crate::authorization::pushed::{self, Ending};
use crate::authorization::response::{self, Outcome};
use crate::decoupled::{self, Allowed, Answer, DecoupledRequest, backchannel};
use crate::event::{AuditEvent, Words};
use crate::grant::details::GrantDetails;
use crate::people::model::DonePage;
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
    match interaction.end(server, now).await {
        Ok(()) => at_once(server, &interaction, error, headers, now).await,
        Err(fault) => fault.page(server, headers),
    }
}

/// Answers an interaction that is over, or that never had to wait for a person.
pub(super) async fn at_once(
    server: &Server,
    interaction: &Interaction,
    error: Option<AuthorizationError>,
    headers: &HeaderMap,
    now: UnixTime,
) -> Response {
    match finish(server, interaction, error, headers, now).await {
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
    match &interaction.state.purpose {
        Purpose::Redirect { request, pushed } => {
            let over = end_pushed(server, pushed.as_deref(), now).await?;
            let error = over.or(error);
            redirect(server, interaction, request, error, headers, now).await
        }
        Purpose::Device { key } => {
            keep_answer(server, interaction, PendingKind::DeviceCode, key, error, now).await?;
            let (title, text) = match error {
                None => ("device_done_title", "device_done"),
                Some(_) => ("device_denied_title", "device_denied"),
            };
            Ok(pages::show(server, &DonePage { title, text }, &pages::locale(server, &[], headers)))
        }
        Purpose::Backchannel { key, .. } => {
            let kind = PendingKind::BackchannelRequest;
            let request = keep_answer(server, interaction, kind, key, error, now).await?;
            backchannel::notify(server, &parse_digest(key)?, request, now).await;
            let (title, text) = match error {
                None => ("approval_done_title", "approval_done"),
                Some(_) => ("approval_denied_title", "approval_denied"),
            };
            Ok(pages::show(server, &DonePage { title, text }, &pages::locale(server, &[], headers)))
        }
    }
}

/// Keeps the answer for the client, who asks for it.
async fn keep_answer(
    server: &Server,
    interaction: &Interaction,
    kind: PendingKind,
    key: &str,
    error: Option<AuthorizationError>,
    now: UnixTime,
) -> Result<(DecoupledRequest, UnixTime), PageFault> {
    let state = &interaction.state;
    let client_id = interaction.client.metadata.client_id.as_str();
    let answer = match (error, &state.login, &state.consent) {
        (None, Some(login), Some(consent)) => Answer::Allowed(Box::new(Allowed {
            grant_id: random_identifier().map_err(|_| PageFault::Unavailable)?,
            subject: login.subject.clone(),
            session_id: login.session_id.clone(),
            scope: consent.scope.clone(),
            details: granted_details(interaction, login, consent, None),
        })),
        (None, ..) => return Err(PageFault::Unavailable),
        (Some(_), ..) => Answer::Denied,
    };
    let allowed = matches!(answer, Answer::Allowed(_));
    let request = decoupled::answer(server, kind, &parse_digest(key)?, answer, now).await?;
    let subject = state.login.as_ref().map(|login| login.subject.as_str());
    server.audit.record(AuditEvent::DecoupledAnswered { client_id, subject, kind: kind.as_str(), allowed });
    Ok(request)
}

fn granted_details(
    interaction: &Interaction,
    login: &Login,
    consent: &Consent,
    nonce: Option<String>,
) -> GrantDetails {
    GrantDetails {
        auth_time: Some(login.auth_time),
        acr: login.acr.clone(),
        amr: login.amr.clone(),
        nonce,
        authorization_details: consent.details.clone(),
        claims: interaction.state.ask.claims.clone(),
        act: None,
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
    let details = granted_details(interaction, login, consent, request.nonce.clone());
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
