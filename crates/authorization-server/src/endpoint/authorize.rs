//! The authorization endpoint (RFC 6749 section 3.1, OpenID Connect Core section 3.1.2): finds the request that
//! the browser carries, pushed, signed or plain, and hands it to `interaction`. With a pushed request nothing
//! else in the query counts (PAR-X-01). It redirects nowhere that was not validated for this client.

use axum::extract::{Request, State};
use axum::response::Response;
use bindery_core::oauth::authorization_request::{
    AuthorizationError, AuthorizationParameters, AuthorizationRefused, AuthorizationRequest,
};
use bindery_core::oauth::form::{Form, MAXIMUM_FORM};
use bindery_core::time::UnixTime;
use http::{HeaderMap, Method};
use std::sync::Arc;

use super::read_capped;
use crate::authorization::by_reference;
use crate::authorization::pushed::{self, PushedState, REQUEST_URI_PREFIX};
use crate::authorization::request::{self, Channel};
use crate::authorization::response::{self, Outcome};
use crate::client_registry::Client;
use crate::event::AuditEvent;
use crate::interaction::{self, Beginning, PageFault, Purpose};
use crate::server::{AuthorizationServer, Server};

pub(crate) const PATH: &str = "/authorize";

/// The longest `client_id` that is looked up, in bytes.
const MAXIMUM_CLIENT_ID: usize = 256;

pub(crate) async fn answer(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    let (parts, body) = request.into_parts();
    let body = match parts.method {
        // A browser that trickles its form does not hold a place for ever.
        Method::POST => read_capped(body, MAXIMUM_FORM).await.map(Some),
        _ => Ok(None),
    };
    let form = match body {
        Ok(Some(body)) => Form::parse_repeating(&body, &AuthorizationParameters::REPEATING),
        Ok(None) => {
            let query = parts.uri.query().unwrap_or_default();
            Form::parse_repeating(query.as_bytes(), &AuthorizationParameters::REPEATING)
        }
        Err(_) => return PageFault::Malformed.page(server, &parts.headers),
    };
    let Ok(form) = form else { return PageFault::Malformed.page(server, &parts.headers) };
    // Only now: a form may take a while, and a request_uri may expire in it.
    respond(server, &form, &parts.headers, server.clock.now()).await
}

async fn respond(server: &Server, form: &Form, headers: &HeaderMap, now: UnixTime) -> Response {
    let client = match find_client(server, form).await {
        Ok(client) => client,
        Err(fault) => return fault.page(server, headers),
    };
    let opened = match form.get("request_uri") {
        Some(uri) if uri.starts_with(REQUEST_URI_PREFIX) => open_pushed(server, uri, &client, now).await,
        _ => open_carried(server, form, &client, now).await,
    };
    match opened {
        Ok(beginning) => interaction::begin(server, beginning, headers, now).await,
        Err(Refusal::Page(fault)) => fault.page(server, headers),
        Err(Refusal::Client(refused)) => refuse(server, &client, &refused, headers, now).await,
    }
}

enum Refusal {
    /// Nowhere to answer to.
    Page(PageFault),
    /// The client is told, if there is a place.
    Client(AuthorizationRefused),
}

async fn find_client(server: &Server, form: &Form) -> Result<Arc<Client>, PageFault> {
    let client_id =
        form.get("client_id").filter(|id| id.len() <= MAXIMUM_CLIENT_ID).ok_or(PageFault::Client)?;
    let found = server.clients.find(client_id).await;
    let found = found.map_err(|error| PageFault::store("find_client", &error))?;
    let may = |client: &Arc<Client>| {
        !client.disabled && client.metadata.grant_types.iter().any(|grant| grant == "authorization_code")
    };
    found.filter(may).ok_or(PageFault::Client)
}

/// PAR-2.2-02, PAR-4-03: the client's own, in time, not answered yet.
async fn open_pushed(
    server: &Server,
    uri: &str,
    client: &Arc<Client>,
    now: UnixTime,
) -> Result<Beginning, Refusal> {
    let found = pushed::find(server, uri, now).await;
    let found = found.map_err(|_| Refusal::Page(PageFault::Unavailable))?;
    let found = found.filter(|found| found.client_id == client.metadata.client_id);
    let found = found.ok_or(Refusal::Page(PageFault::RequestUri))?;
    let return_to = Some(found.request.return_to.clone());
    match found.state {
        PushedState::Open => {}
        PushedState::Expired | PushedState::Answered => {
            let error = AuthorizationError::RequestUri;
            return Err(Refusal::Client(AuthorizationRefused { error, return_to }));
        }
    }
    Ok(Beginning {
        client: Arc::clone(client),
        ask: found.request.ask.clone(),
        purpose: Purpose::Redirect {
            request: Box::new(found.request),
            pushed: Some(pushed::digest_text(&found.digest)),
        },
    })
}

/// A request that the browser itself carries, where the profile and the client let it.
async fn open_carried(
    server: &Server,
    form: &Form,
    client: &Arc<Client>,
    now: UnixTime,
) -> Result<Beginning, Refusal> {
    let metadata = &client.metadata;
    let rules = server.settings.rules.of_client(metadata);
    let told = |error| Refusal::Client(request::refuse(server, form, client, error));
    if rules.require_pushed_authorization_requests || metadata.authorization.require_pushed {
        // Told at the client's own redirect URI, if the request names it rightly (PAR-5-01).
        return Err(told(AuthorizationError::PushedRequestRequired));
    }
    if let Some(uri) = form.get("request_uri") {
        let object = by_reference::fetch(server, uri, client).await.map_err(told)?;
        let read = request::read_object(server, &object, client, Channel::Browser, now).await;
        return read.map(|request| begin_with(client, request)).map_err(Refusal::Client);
    }
    let read = request::read(server, form, client, Channel::Browser, now).await;
    read.map(|request| begin_with(client, request)).map_err(Refusal::Client)
}

fn begin_with(client: &Arc<Client>, request: AuthorizationRequest) -> Beginning {
    Beginning {
        client: Arc::clone(client),
        ask: request.ask.clone(),
        purpose: Purpose::Redirect { request: Box::new(request), pushed: None },
    }
}

async fn refuse(
    server: &Server,
    client: &Client,
    refused: &AuthorizationRefused,
    headers: &HeaderMap,
    now: UnixTime,
) -> Response {
    let AuthorizationRefused { error, return_to } = refused;
    server.audit.record(AuditEvent::AuthorizationRefused {
        client_id: &client.metadata.client_id,
        subject: None,
        reason: error.reason(),
    });
    let Some(return_to) = return_to else {
        return PageFault::Request(error.reason()).page(server, headers);
    };
    let outcome = Outcome::Refused(*error);
    match response::render(server, &client.metadata, return_to, outcome, headers, now).await {
        Ok(response) => response,
        Err(_) => PageFault::Unavailable.page(server, headers),
    }
}
