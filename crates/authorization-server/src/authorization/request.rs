//! From what a client sent to a validated authorization request: plain parameters, or a signed request object
//! whose claims are then the only parameters there are (RFC 9101 section 6.3, PAR-3-01, JAR-6.3-01). The rules
//! are the profile's and the client's, whichever is stricter.

use bindery_core::client_auth::AuthenticatedClient;
use bindery_core::oauth::authorization_request::{
    AuthorizationError, AuthorizationParameters, AuthorizationPolicy, AuthorizationRefused,
    AuthorizationRequest, ResponseMode, validate,
};
use bindery_core::oauth::form::Form;
use bindery_core::oauth::request_object::{RequestObjectPolicy, verify_request_object};
use bindery_core::replay::{ReplayEntry, ReplayKind, ReplayOutcome};
use bindery_core::time::UnixTime;
use bindery_crypto::AwsLc;

use crate::client_registry::Client;
use crate::encryption::decrypt_request_object;
use crate::event::AuditEvent;
use crate::server::Server;

/// Parameters by which a client authenticates at PAR; they may stand beside a request object (RFC 9126 section 3).
const BESIDE_REQUEST_OBJECT: [&str; 5] =
    ["client_id", "client_secret", "client_assertion", "client_assertion_type", "request"];

/// JAR-X-01: an object that names itself is good once.
const REPLAYED: AuthorizationError = AuthorizationError::RequestObject {
    reason: "request_object_replayed",
    sentence: "The request object was used before.",
};

/// JAR-6.1: encrypted to a key that is none of ours, or in a way that we don't take.
const UNDECIPHERABLE: AuthorizationError = AuthorizationError::RequestObject {
    reason: "request_object_undecipherable",
    sentence: "The request object can't be decrypted.",
};

/// How the request came.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Channel<'a> {
    /// Pushed by a client that was authenticated, or by a public one.
    Pushed(&'a AuthenticatedClient),
    /// Through the browser.
    Browser,
}

/// Reads and validates the request in `form`.
///
/// # Errors
/// [`AuthorizationRefused`], with a place to answer to if that can be trusted.
pub(crate) async fn read(
    server: &Server,
    form: &Form,
    client: &Client,
    channel: Channel<'_>,
    now: UnixTime,
) -> Result<AuthorizationRequest, AuthorizationRefused> {
    let metadata = &client.metadata;
    let rules = server.settings.rules.of_client(metadata);
    if let Some(object) = form.get("request") {
        // PAR-3-01: what stands beside a pushed object would be half a request.
        let beside = form.names().any(|name| !BESIDE_REQUEST_OBJECT.contains(&name));
        if matches!(channel, Channel::Pushed(_)) && beside {
            return Err(untold(AuthorizationError::ParameterMalformed("request")));
        }
        let read = read_object(server, object, client, channel, now).await;
        // An object that can't be believed says nothing of where to answer; the query may (OIDC-6-01).
        return read.map_err(|refused| match (channel, refused.return_to) {
            (Channel::Browser, None) => refuse(server, form, client, refused.error),
            (_, return_to) => AuthorizationRefused { error: refused.error, return_to },
        });
    }
    let required =
        rules.require_signed_request_object || metadata.authorization.require_signed_request_object;
    // PAR-2-03 comes first: `request_uri` in a pushed request has its own error.
    if required && form.get("request_uri").is_none() {
        return Err(refuse(server, form, client, AuthorizationError::SignedRequestRequired));
    }
    let parameters = AuthorizationParameters::from_form(form).map_err(untold)?;
    judge(server, &parameters, client, channel)
}

/// Reads and validates a request object; its claims are the only parameters that count (JAR-6.3-01).
///
/// # Errors
/// As [`read`].
pub(crate) async fn read_object(
    server: &Server,
    object: &str,
    client: &Client,
    channel: Channel<'_>,
    now: UnixTime,
) -> Result<AuthorizationRequest, AuthorizationRefused> {
    let parameters = verify(server, object, client, now).await.map_err(untold)?;
    judge(server, &parameters, client, channel)
}

fn judge(
    server: &Server,
    parameters: &AuthorizationParameters,
    client: &Client,
    channel: Channel<'_>,
) -> Result<AuthorizationRequest, AuthorizationRefused> {
    let metadata = &client.metadata;
    let rules = server.settings.rules.of_client(metadata);
    let modes: Vec<_> =
        rules.response_modes.iter().filter_map(|name| ResponseMode::from_name(name)).collect();
    let policy = AuthorizationPolicy {
        issuer: &server.settings.issuer,
        openid: rules.openid,
        pkce: rules.pkce.into(),
        // Who has authenticated answers for where the code goes (RFC 9126 section 2.4).
        pushed: matches!(channel, Channel::Pushed(authenticated) if !authenticated.is_public()),
        redirect_uri_required: rules.require_pushed_authorization_requests,
        unregistered_redirect_uri: rules.unregistered_redirect_uri,
        response_modes: &modes,
        signed_response_required: rules.require_signed_response,
        detail_types: &server.settings.detail_types,
        resources: &server.settings.resources,
    };
    let mut request = validate(parameters, metadata, &policy)?;
    if !rules.claims_parameter {
        // How a person signs in may still be asked for; what the person is may not.
        request.ask.claims.userinfo.clear();
        request.ask.claims.id_token.retain(|name, _| name == "acr" || name == "auth_time");
    }
    Ok(request)
}

/// Refuses with `error`, at the redirect URI if the request in `form` names one that is the client's.
pub(crate) fn refuse(
    server: &Server,
    form: &Form,
    client: &Client,
    error: AuthorizationError,
) -> AuthorizationRefused {
    let return_to = match AuthorizationParameters::from_form(form) {
        Err(_) => None,
        Ok(parameters) => match judge(server, &parameters, client, Channel::Browser) {
            Ok(request) => Some(request.return_to),
            Err(refused) => refused.return_to,
        },
    };
    AuthorizationRefused { error, return_to }
}

const fn untold(error: AuthorizationError) -> AuthorizationRefused {
    AuthorizationRefused { error, return_to: None }
}

/// RFC 9101 section 6: signed by this client, for this issuer, now; once, where it names itself.
async fn verify(
    server: &Server,
    object: &str,
    client: &Client,
    now: UnixTime,
) -> Result<AuthorizationParameters, AuthorizationError> {
    let metadata = &client.metadata;
    let rules = server.settings.rules.of_client(metadata);
    let object = &*decrypt_request_object(server, object).map_err(|_| {
        let reason = UNDECIPHERABLE.reason();
        server.audit.record(AuditEvent::RequestObjectRefused { client_id: &metadata.client_id, reason });
        UNDECIPHERABLE
    })?;
    let policy = RequestObjectPolicy {
        issuer: &server.settings.issuer,
        now,
        algorithms: rules.algorithms,
        rules: rules.request_object_rules(),
        accepted_since: server.store.claims_since(),
        unsigned: rules.unsigned_request_objects(),
    };
    let verified = server
        .decide_by_keys(metadata, now, |keys| verify_request_object(object, metadata, keys, &policy, &AwsLc));
    let verified = verified.await.map_err(|refused| {
        let client_id = &metadata.client_id;
        server.audit.record(AuditEvent::RequestObjectRefused { client_id, reason: refused.reason() });
        AuthorizationError::RequestObject { reason: refused.reason(), sentence: refused.sentence() }
    })?;
    if let (Some(identifier), Some(expires_at)) = (&verified.identifier, verified.expires_at) {
        match claim_identifier(server, client, "", (identifier, expires_at), now).await {
            ReplayOutcome::Inserted => {}
            // JAR-X-01.
            ReplayOutcome::Duplicate => return Err(REPLAYED),
            ReplayOutcome::Full | ReplayOutcome::Unavailable => {
                return Err(AuthorizationError::TemporarilyUnavailable);
            }
        }
    }
    Ok(verified.parameters)
}

/// An object that names itself is good once, among its client's own, at the endpoints of one `place` (JAR-X-01).
pub(crate) async fn claim_identifier(
    server: &Server,
    client: &Client,
    place: &str,
    (identifier, expires_at): (&str, UnixTime),
    now: UnixTime,
) -> ReplayOutcome {
    let entry = ReplayEntry {
        kind: ReplayKind::RequestObject,
        owner: client.metadata.client_id.as_bytes(),
        target: (place, ""),
        identifier,
        expires_at,
    };
    server.store.claim_once(entry, now).await
}
