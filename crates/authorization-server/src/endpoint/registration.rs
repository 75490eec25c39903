//! Dynamic client registration and its management (RFC 7591, RFC 7592): a client registers itself where the
//! operator allows it, with an initial access token or without, and reads, changes and removes its own
//! registration with the registration access token that it got. Tokens are known by digest alone; one that
//! does not open the client gets one answer, whatever the reason (RFC 7592 section 2.1).

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use bindery_core::encoding::json as strict_json;
use bindery_crypto::{random_identifier, random_token};
use bindery_http::{Peer, identity_headers, render};
use bindery_store::StoreError;
use bindery_store::authorization::ClientUpdate;
use bindery_store::record::ClientRecord;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{BodyUnreadable, read_capped};
use crate::ATTEMPTS;
use crate::configuration::RegistrationAccess;
use crate::event::AuditEvent;
use crate::observation::refused;
use crate::registration::dynamic::{self, DynamicRefused};
use crate::registration::enrolment::{self, digest_text, new_secret, wants_secret};
use crate::registration::narrowed::Narrowed;
use crate::registration::{Facts, RegistrationRefused, initial_access_token, population, sector_identifier};
use crate::server::{AuthorizationServer, Server};
use crate::settings::Settings;

pub(crate) const PATH: &str = "/register";

/// The longest registration.
const MAXIMUM: usize = 64 * 1024;

/// The longest token that is looked up; ours have 43 characters.
const MAXIMUM_TOKEN: usize = 512;

/// Whether clients register themselves at all.
pub(crate) fn is_on(settings: &Settings) -> bool {
    settings.rules.server().registration != RegistrationAccess::Closed
}

/// The endpoint and those of each client, under `base`; none where registration is closed.
pub(crate) fn routes(server: &AuthorizationServer, base: &str) -> Router<AuthorizationServer> {
    if !is_on(&server.0.settings) {
        return Router::new();
    }
    Router::new()
        .route(&format!("{base}{PATH}"), post(register))
        .route(&format!("{base}{PATH}/{{client_id}}"), get(read).put(replace).delete(remove))
}

/// Why a request was refused.
enum Refused {
    /// No token was sent where one is needed.
    TokenMissing,
    /// The token opens nothing, or not this.
    Token,
    /// The body is no JSON object that can be read.
    Body(&'static str),
    /// What it says is refused.
    Metadata(DynamicRefused),
    /// More clients wait to be used than may.
    Full,
    /// It can't be decided.
    Unavailable,
}

impl From<DynamicRefused> for Refused {
    fn from(refused: DynamicRefused) -> Self {
        Self::Metadata(refused)
    }
}

impl From<RegistrationRefused> for Refused {
    fn from(refused: RegistrationRefused) -> Self {
        Self::Metadata(refused.into())
    }
}

/// POST: registers a client (RFC 7591 section 3.1).
async fn register(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    let answered = try_register(server, request).await;
    answered.unwrap_or_else(|refused| refuse(server, &refused, None))
}

async fn try_register(server: &Server, request: Request) -> Result<Response, Refused> {
    let access = server.settings.rules.server().registration;
    let (parts, body) = received(server, request);
    let token = bearer(&parts.headers)?;
    let now = server.clock.now();
    if access == RegistrationAccess::InitialAccessToken || token.is_some() {
        let token = token.as_deref().ok_or(Refused::TokenMissing)?;
        let known = initial_access_token::find(&*server.store, token, now).await;
        known.map_err(|error| unavailable(server, "find_pending", &error))?.ok_or(Refused::Token)?;
    }
    let asked = read_members(&parts.headers, body).await?;
    let now = server.clock.now();
    population::require_room(server)?;
    // Never the client's choice: it could look like a person's subject (FSP-S-07).
    let client_id = random_identifier().map_err(|_| Refused::Unavailable)?;
    let secret = if wants_secret(&asked) { Some(new_secret()?) } else { None };
    let digest = secret.as_deref().map(|secret| digest_text(secret));
    let members =
        dynamic::members_of(&asked, &client_id, digest, Map::new(), &Narrowed::default(), &server.settings)?;
    sector_identifier::require_listed(&members, server.outbound.as_deref()).await?;
    let access_token = Zeroizing::new(random_token().map_err(|_| Refused::Unavailable)?);
    let mut facts = Facts::default();
    facts.set_registration_access_token(&access_token);
    facts.set_unused_until(population::unused_until(server, now));
    let enrolment = enrolment::enrol(server, members, &facts, now)?;
    let mut record = enrolment.record;
    // Last, so that a request that is refused costs no use.
    if let Some(token) = token.as_deref() {
        let spent = initial_access_token::spend(&*server.store, token, now).await;
        let spent = spent.map_err(|error| unavailable(server, "spend_pending", &error))?;
        facts.initial_access_token = Some(spent.ok_or(Refused::Token)?.id);
        record.registration = facts.to_value();
    }
    let stored = server.store.insert_client(&record).await;
    stored.map_err(|error| unavailable(server, "insert_client", &error))?;
    server.registrations.note_registration();
    server.audit.record(AuditEvent::ClientRegistered {
        client_id: &record.client_id,
        method: enrolment.metadata.authentication.name(),
        sender_constraint: enrolment.metadata.sender_constraint.name(),
        initial_access_token: facts.initial_access_token.as_deref(),
        administrator: None,
    });
    let mut document = dynamic::document(&record, &enrolment.metadata);
    add_credentials(server, &mut document, &record, &access_token, secret.as_ref());
    Ok(render::json(StatusCode::CREATED, &Value::Object(document)))
}

/// GET: the registration as it is (RFC 7592 section 2.1).
async fn read(
    State(server): State<AuthorizationServer>,
    Path(client_id): Path<String>,
    request: Request,
) -> Response {
    let server = &*server.0;
    let answered = async {
        let (parts, _) = received(server, request);
        let (record, token) = open(server, &client_id, &parts.headers).await?;
        show(server, &record, &token, None)
    };
    answered.await.unwrap_or_else(|refused| refuse(server, &refused, Some(&client_id)))
}

/// PUT: replaces the registration (RFC 7592 section 2.2). Keys that are not in it any more verify nothing
/// from the next request on. The registration access token is replaced with it.
async fn replace(
    State(server): State<AuthorizationServer>,
    Path(client_id): Path<String>,
    request: Request,
) -> Response {
    let server = &*server.0;
    let answered = try_replace(server, &client_id, request).await;
    answered.unwrap_or_else(|refused| refuse(server, &refused, Some(&client_id)))
}

async fn try_replace(server: &Server, client_id: &str, request: Request) -> Result<Response, Refused> {
    let (parts, body) = received(server, request);
    open(server, client_id, &parts.headers).await?;
    let asked = read_members(&parts.headers, body).await?;
    for _ in 0..ATTEMPTS {
        // Whoever held the token before another change of the same client replaced it holds nothing now.
        let (record, _) = open(server, client_id, &parts.headers).await?;
        if let Some(answer) = replace_read(server, &record, &asked).await? {
            return Ok(answer);
        }
    }
    Err(Refused::Unavailable)
}

/// Replaces the registration that was read; `None` when it is not the client's registration any more.
async fn replace_read(
    server: &Server,
    record: &ClientRecord,
    asked: &Map<String, Value>,
) -> Result<Option<Response>, Refused> {
    require_own_names(asked, record)?;
    let now = server.clock.now();
    let client_id = record.client_id.as_str();
    let kept = dynamic::operators_own(record);
    let (secret, digest) = match (wants_secret(asked), record.secret_sha256) {
        (false, _) => (None, None),
        (true, Some(digest)) => (None, Some(bindery_core::encoding::base64url::encode(digest))),
        (true, None) => {
            let secret = new_secret()?;
            let digest = digest_text(&secret);
            (Some(secret), Some(digest))
        }
    };
    let mut facts = Facts::of(record);
    let members = dynamic::members_of(asked, client_id, digest, kept, &facts.narrowed, &server.settings)?;
    sector_identifier::require_listed(&members, server.outbound.as_deref()).await?;
    let access_token = Zeroizing::new(random_token().map_err(|_| Refused::Unavailable)?);
    facts.set_registration_access_token(&access_token);
    if !wants_secret(&members) {
        facts.former_secret = None;
    }
    let enrolment = enrolment::enrol(server, members, &facts, now)?;
    let (created_at, revision) = (record.created_at, record.revision);
    let changed = ClientRecord { created_at, revision, ..enrolment.record };
    let stored = server.store.update_client(&changed).await;
    match stored.map_err(|error| unavailable(server, "update_client", &error))? {
        ClientUpdate::Updated => {}
        ClientUpdate::Stale => return Ok(None),
    }
    server.audit.record(AuditEvent::ClientChanged { client_id, change: "replaced", administrator: None });
    show(server, &changed, &access_token, secret.as_ref()).map(Some)
}

/// DELETE: removes the client and all that it holds (RFC 7592 section 2.3).
async fn remove(
    State(server): State<AuthorizationServer>,
    Path(client_id): Path<String>,
    request: Request,
) -> Response {
    let server = &*server.0;
    let answered = async {
        let (parts, _) = received(server, request);
        open(server, &client_id, &parts.headers).await?;
        // Whatever state it is in: its own word is enough.
        let done = server.store.delete_client(&client_id, None).await;
        let _removed = done.map_err(|error| unavailable(server, "delete_client", &error))?;
        server.audit.record(AuditEvent::ClientDeleted { client_id: &client_id, administrator: None });
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
        render::forbid_storing(response.headers_mut());
        Ok(response)
    };
    answered.await.unwrap_or_else(|refused| refuse(server, &refused, Some(&client_id)))
}

fn received(server: &Server, request: Request) -> (Parts, axum::body::Body) {
    let (mut parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().cloned();
    identity_headers::strip_untrusted(&mut parts.headers, peer.as_ref(), &server.edge).report(peer.as_ref());
    (parts, body)
}

/// The client, if the request holds its registration access token and it is not disabled.
async fn open(
    server: &Server,
    client_id: &str,
    headers: &HeaderMap,
) -> Result<(ClientRecord, Zeroizing<String>), Refused> {
    let token = bearer(headers)?.ok_or(Refused::TokenMissing)?;
    let found = server.store.find_client(client_id).await;
    let found = found.map_err(|error| unavailable(server, "find_client", &error))?;
    let record = found.filter(|record| !record.disabled).ok_or(Refused::Token)?;
    Facts::of(&record).require_registration_access_token(&token).map_err(|_| Refused::Token)?;
    Ok((record, token))
}

/// RFC 6750 section 2.1: one header, one scheme, one token. A token of another kind opens nothing here.
fn bearer(headers: &HeaderMap) -> Result<Option<Zeroizing<String>>, Refused> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refused::Token);
    }
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Refused::Token)?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.len() > MAXIMUM_TOKEN {
        return Err(Refused::Token);
    }
    Ok(Some(Zeroizing::new(token.to_owned())))
}

async fn read_members(headers: &HeaderMap, body: axum::body::Body) -> Result<Map<String, Value>, Refused> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let essence = match (types.next(), types.next()) {
        (Some(value), None) => {
            value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim()
        }
        _ => "",
    };
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Refused::Body("The body is not application/json."));
    }
    let text = read_capped(body, MAXIMUM).await.map_err(|reason| {
        Refused::Body(match reason {
            BodyUnreadable::TooLong => "The body is longer than 64 KiB.",
            BodyUnreadable::TooSlow => "The body did not arrive in time.",
        })
    })?;
    strict_json::parse_object(&text).map_err(|_| Refused::Body("The body is not one JSON object."))
}

/// RFC 7592 section 2.2: an update names the client, may repeat its secret, and says nothing that is ours.
fn require_own_names(asked: &Map<String, Value>, record: &ClientRecord) -> Result<(), Refused> {
    const OURS: [&str; 4] = [
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ];
    let wrong = |member: &str, rule: &str| {
        Err(RegistrationRefused::new(member, rule, "see RFC 7592 section 2.2").into())
    };
    if let Some(ours) = OURS.into_iter().find(|name| asked.contains_key(*name)) {
        return wrong(ours, "the server alone says it (RFC 7592 section 2.2)");
    }
    if asked.get("client_id").and_then(Value::as_str) != Some(&record.client_id) {
        return wrong("client_id", "it is not the client that the URI names");
    }
    match (asked.get("client_secret"), &record.secret_sha256) {
        (None, _) => Ok(()),
        (Some(Value::String(secret)), Some(known)) if is_secret(secret, known) => Ok(()),
        _ => wrong("client_secret", "it is not the client's secret, and a client does not choose its own"),
    }
}

fn is_secret(secret: &str, known: &bindery_core::crypto::Sha256Digest) -> bool {
    use bindery_core::crypto::Cryptography as _;
    use subtle::ConstantTimeEq as _;
    bindery_crypto::AwsLc.sha256(&[secret.as_bytes()]).ct_eq(known).into()
}

fn show(
    server: &Server,
    record: &ClientRecord,
    access_token: &str,
    secret: Option<&Zeroizing<String>>,
) -> Result<Response, Refused> {
    let metadata = server.clients.read(record).ok_or(Refused::Token)?.metadata;
    let mut document = dynamic::document(record, &metadata);
    add_credentials(server, &mut document, record, access_token, secret);
    Ok(render::json(StatusCode::OK, &Value::Object(document)))
}

/// RFC 7591 section 3.2.1, RFC 7592 section 3. Secrets don't expire by themselves.
fn add_credentials(
    server: &Server,
    document: &mut Map<String, Value>,
    record: &ClientRecord,
    access_token: &str,
    secret: Option<&Zeroizing<String>>,
) {
    if let Some(secret) = secret {
        document.insert("client_secret".into(), secret.as_str().into());
    }
    if record.secret_sha256.is_some() {
        document.insert("client_secret_expires_at".into(), 0.into());
    }
    let base = server.settings.base_urls.first().map(String::as_str).unwrap_or_default();
    let uri = format!("{base}{PATH}/{}", record.client_id);
    document.insert("registration_client_uri".into(), uri.into());
    document.insert("registration_access_token".into(), access_token.into());
}

fn unavailable(server: &Server, operation: &'static str, error: &StoreError) -> Refused {
    server.audit.record(AuditEvent::StoreFailed { operation, error });
    Refused::Unavailable
}

fn refuse(server: &Server, cause: &Refused, client_id: Option<&str>) -> Response {
    let (status, error, description) = match cause {
        Refused::TokenMissing => (StatusCode::UNAUTHORIZED, "invalid_token", "A token is needed.".into()),
        Refused::Token => (StatusCode::UNAUTHORIZED, "invalid_token", "The token opens nothing here.".into()),
        Refused::Body(sentence) => {
            (StatusCode::BAD_REQUEST, "invalid_client_metadata", (*sentence).to_owned())
        }
        Refused::Metadata(refused) => (StatusCode::BAD_REQUEST, refused.code(), refused.sentence()),
        Refused::Full => (
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "Too many registered clients were never used.".into(),
        ),
        Refused::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "It can't be decided at the moment.".into(),
        ),
    };
    let detail = match cause {
        Refused::Metadata(refused) => refused.detail(),
        _ => description.clone(),
    };
    let detail: String = detail.chars().take(300).flat_map(char::escape_debug).collect();
    let claimed: Option<String> =
        client_id.map(|client_id| client_id.chars().take(64).flat_map(char::escape_debug).collect());
    server.audit.record(AuditEvent::RegistrationRefused {
        client_id: claimed.as_deref(),
        error,
        detail: &detail,
    });
    let body = serde_json::json!({ "error": error, "error_description": description });
    let mut response = render::json(status, &body);
    if status == StatusCode::UNAUTHORIZED {
        let challenge = match cause {
            // RFC 6750 section 3.1: no attempt, no error code.
            Refused::TokenMissing => HeaderValue::from_static("Bearer"),
            _ => HeaderValue::from_static("Bearer error=\"invalid_token\""),
        };
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    refused(response, error)
}

impl From<population::Full> for Refused {
    fn from(_: population::Full) -> Self {
        Self::Full
    }
}
