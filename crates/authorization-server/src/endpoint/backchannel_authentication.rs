//! The backchannel authentication endpoint (CIBA Core section 7): a client names a person and what it wants of them,
//! and hears later what the person said elsewhere. The person is not asked here, and nothing of theirs is told.

use axum::extract::{Request, State};
use axum::response::Response;
use bindery_core::oauth::authorization_request::AuthorizationParameters;
use bindery_core::oauth::backchannel_request::{BackchannelRefused, BackchannelRequest, asked, members_of};
use bindery_core::oauth::client_authorization::RequestObjectAlgorithm;
use bindery_core::oauth::client_backchannel::{BackchannelMetadata, CIBA_GRANT, TokenDelivery};
use bindery_core::oauth::form::Form;
use bindery_core::oauth::request_object::{
    RequestObjectPolicy, RequestObjectRefused, RequestObjectRules, VerifiedRequestClaims,
    verify_request_claims,
};
use bindery_core::oauth::token_error::TokenError;
use bindery_core::oauth::token_request::ClientParameters;
use bindery_core::replay::ReplayOutcome;
use bindery_core::time::UnixTime;
use bindery_core::token::confirmation::Confirmation;
use bindery_crypto::AwsLc;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{FormRequest, Refusal, json as json_answer};
use crate::authorization::request::claim_identifier;
use crate::client_registry::Client;
use crate::decoupled::{self, backchannel};
use crate::event::AuditEvent;
use crate::server::{AuthorizationServer, Server, unavailable};
use crate::{authenticate, binding};

pub(crate) const PATH: &str = "/bc-authorize";

pub(crate) async fn answer(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match respond(server, request).await {
        Ok(answer) => json_answer(StatusCode::OK, answer.to_string().into_bytes()),
        Err(refusal) => refusal.answer(server),
    }
}

async fn respond(server: &Server, request: Request) -> Result<Value, Refusal> {
    let received = FormRequest::receive(server, request).await?;
    let now = received.arrived_at;
    let presented = received.presented(server)?;
    let form = Form::parse_repeating(received.body(), &AuthorizationParameters::REPEATING);
    let form = form.map_err(TokenError::Form)?;
    // The nonce is judged before the assertion is spent (DPOP-5-15).
    let evidence = binding::establish(server, &presented, now)?;
    let parameters = ClientParameters::read(&form);
    let authentication = authenticate::client(server, PATH, &presented, &parameters, now).await;
    let (_, client) = authentication.require()?;
    let client_id = &client.metadata.client_id;
    let outcome = async {
        let registered = client.metadata.backchannel.as_ref();
        let uses = client.metadata.grant_types.iter().any(|grant| grant == CIBA_GRANT);
        let registered = registered.filter(|_| uses).ok_or(TokenError::UnauthorizedClient)?;
        let members = members(server, &form, &client, registered, now).await?;
        let pinged = matches!(registered.delivery, TokenDelivery::Ping(_));
        let request = BackchannelRequest::parse(&members, pinged)?;
        let ask = decoupled::ask(server, &asked(&members)?, &client.metadata)?;
        if !ask.scope.contains("openid") {
            return Err(BackchannelRefused::NotOpenid.into());
        }
        let person = backchannel::person(server, &client, &request.hint).await;
        let person = person.map_err(|error| unavailable("find_account", &error))?;
        let person = person.ok_or(BackchannelRefused::UnknownPerson)?;
        backchannel::require_welcome(server, &client, &request, &person, now).await?;
        let person = person.subject;
        let proven = evidence.spend_proof(server, now).await?;
        let bound_to = proven.and_then(|jkt| Confirmation::Dpop(jkt).to_claim());
        server.audit.record(AuditEvent::BackchannelRequested { client_id, subject: &person });
        Ok(backchannel::begin(server, &client, &request, (ask, person, bound_to), now).await?)
    };
    let begun = outcome.await.inspect_err(|refusal: &Refusal| {
        server.audit.record(AuditEvent::BackchannelRefused { client_id, reason: refusal.reason() });
    })?;
    Ok(json!({
        "auth_req_id": begun.auth_req_id.as_str(),
        "expires_in": begun.expires_in,
        "interval": server.settings.ciba.interval,
    }))
}

/// The parameters: of the form, or of the signed request, which then counts alone (CIBA Core section 7.1.1).
async fn members(
    server: &Server,
    form: &Form,
    client: &Client,
    registered: &BackchannelMetadata,
    now: UnixTime,
) -> Result<Map<String, Value>, Refusal> {
    let rules = server.settings.rules.of_client(&client.metadata);
    match form.get("request") {
        None if registered.request_algorithm.is_some() || rules.signed_backchannel_requests() => {
            Err(BackchannelRefused::SignedRequestRequired.into())
        }
        None => Ok(members_of(form)),
        Some(jwt) => {
            let verified = verify(server, jwt, client, registered, now).await.map_err(|refused| {
                let client_id = &client.metadata.client_id;
                server.audit.record(AuditEvent::RequestObjectRefused { client_id, reason: refused.reason() });
                Refusal::SignedRequest(refused)
            })?;
            spend(server, client, &verified, now).await?;
            Ok(verified.claims)
        }
    }
}

async fn verify(
    server: &Server,
    jwt: &str,
    client: &Client,
    registered: &BackchannelMetadata,
    now: UnixTime,
) -> Result<VerifiedRequestClaims, RequestObjectRefused> {
    let metadata = &client.metadata;
    let policy = RequestObjectPolicy {
        issuer: &server.settings.issuer,
        now,
        algorithms: server.settings.rules.of_client(metadata).algorithms,
        // Issuer, audience and a short life are demanded of every signed authentication request.
        rules: RequestObjectRules::MessageSigning,
        accepted_since: server.store.claims_since(),
        unsigned: false,
    };
    let algorithm = registered.request_algorithm.map(RequestObjectAlgorithm::Signed);
    let decided = server.decide_by_keys(metadata, now, |keys| {
        verify_request_claims(jwt, &metadata.client_id, algorithm, keys, &policy, &AwsLc)
    });
    let verified = decided.await?;
    // CIBA Core section 7.1.1 demands it beside `nbf`.
    if !verified.claims.contains_key("iat") {
        return Err(RequestObjectRefused::Claim("iat"));
    }
    Ok(verified)
}

/// CIBA Core section 7.1.1: a signed request names itself, and is good once.
async fn spend(
    server: &Server,
    client: &Client,
    verified: &VerifiedRequestClaims,
    now: UnixTime,
) -> Result<(), Refusal> {
    let (Some(identifier), Some(expires_at)) = (&verified.identifier, verified.expires_at) else {
        return Err(BackchannelRefused::Replayed.into());
    };
    match claim_identifier(server, client, PATH, (identifier, expires_at), now).await {
        ReplayOutcome::Inserted => Ok(()),
        ReplayOutcome::Duplicate => Err(BackchannelRefused::Replayed.into()),
        ReplayOutcome::Full | ReplayOutcome::Unavailable => Err(TokenError::Unavailable.into()),
    }
}
