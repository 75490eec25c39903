//! The server as a resource server of its own tokens: userinfo, the interaction API, the administration. The
//! checks are those of every guard, `bindery_core::resource::step`, in the same order; our own keys and our
//! own store answer what a guard must fetch. A bound token never passes as a bearer token, revocation and
//! a disabled client count at once (INT-2-04), and a proof is good once (RFC 9449 section 11.1).

use bindery_core::oauth::subject::client_subject;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use bindery_core::crypto::Sha256Digest;
use bindery_core::dpop::nonce::{DpopNonce, NonceTime};
use bindery_core::encoding::{base64url, json};
use bindery_core::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use bindery_core::oauth::introspection::IntrospectionResponse;
use bindery_core::rejection::Rejection;
use bindery_core::resource::AuthorizedRequest;
use bindery_core::resource::challenge::{self, ChallengeContext};
use bindery_core::resource::presentation::{RequestFacts, scheme_of};
use bindery_core::resource::step::{
    self, AcceptedMechanisms, NeedsReplayCheck, ResourceIdentity, Started, Step,
};
use bindery_core::time::UnixTime;
use bindery_core::token::access_token::{MAXIMUM_TOKEN, TrustedIssuer, VerifiedAccessToken};
use bindery_core::token::confirmation::Confirmation;
use bindery_crypto::AwsLc;
use bindery_http::presented::{self, Presented};
use bindery_http::{Peer, identity_headers, render};
use bindery_store::authorization::Revocation;
use http::request::Parts;
use serde_json::Value;

use crate::client_registry::Client;
use crate::event::AuditEvent;
use crate::observation::refused;
use crate::server::Server;
use crate::{binding, issued_token};

/// How far another node of the same issuer may be ahead.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// What an endpoint demands of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand<'a> {
    /// The endpoint's name in events, such as `/userinfo`.
    pub(crate) endpoint: &'static str,
    /// Every scope value that the token must have.
    pub(crate) scope: &'a [&'a str],
    /// A scope value that stands for all of those.
    pub(crate) implied_by: Option<&'a str>,
    /// Whom the token must be for.
    pub(crate) audience: Audience<'a>,
    /// What becomes of tokens without `cnf`.
    pub(crate) unbound: Unbound,
    /// For whom the token may speak.
    pub(crate) speaker: Speaker<'a>,
}

/// For whom a token may speak (`sub`).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Speaker<'a> {
    /// Anybody.
    Anybody,
    /// The client itself, or one of these people. A scope names what a client may do, never which of the people
    /// who sign in through it may do it.
    ClientOr(&'a [String]),
}

/// Whom a token must be for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Audience<'a> {
    /// One of these names (RFC 9068 section 4).
    OneOf(&'a [&'a str]),
    /// Any: userinfo takes what we issued, the scope `openid` decides (OpenID Connect Core section 5.3).
    OurTokens,
}

/// What becomes of tokens without `cnf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unbound {
    /// Refused, whatever exception the client has (design rule 7).
    Refused,
    /// Accepted while the client's exception lasts, and not a second longer.
    WithinException,
}

/// A request whose sender holds the key of a live token of ours that allows what is demanded.
#[derive(Debug)]
#[must_use]
pub(crate) struct Admission {
    /// The token and what was proven.
    pub(crate) request: AuthorizedRequest,
    /// The client that the token was issued to.
    pub(crate) client: Arc<Client>,
    next_nonce: Option<DpopNonce>,
}

impl Admission {
    /// Adds the client's next nonce, when the one that it used grows old (RFC 9449 section 8.2).
    pub(crate) fn dress(&self, response: &mut Response) {
        if let Some(nonce) = &self.next_nonce {
            render::set_dpop_nonce(response.headers_mut(), nonce.as_str());
        }
    }
}

/// Strips what the sender may not say of itself, reads what it presents, and verifies it.
///
/// # Errors
/// The finished answer; what it says is decided by [`challenge`].
pub(crate) async fn verify(
    server: &Server,
    parts: &mut Parts,
    demand: &Demand<'_>,
    now: UnixTime,
) -> Result<Admission, Response> {
    let peer = parts.extensions.get::<Peer>().cloned();
    identity_headers::strip_untrusted(&mut parts.headers, peer.as_ref(), &server.edge).report(peer.as_ref());
    match presented::from_request(parts, &server.edge) {
        Ok(presented) => verify_presented(server, &presented, demand, now).await,
        Err(rejection) => Err(refuse(server, &rejection.into(), None, demand, now)),
    }
}

/// Verifies what was read before from a request whose headers were stripped, for endpoints that read more
/// of it themselves.
///
/// # Errors
/// As [`verify`].
pub(crate) async fn verify_presented(
    server: &Server,
    presented: &Presented<'_>,
    demand: &Demand<'_>,
    now: UnixTime,
) -> Result<Admission, Response> {
    let facts = presented.facts(now);
    admit(server, &facts, demand).await.map_err(|rejection| {
        server.audit.record(AuditEvent::ResourceRequestRefused {
            endpoint: demand.endpoint,
            reason: rejection.reason(),
            blame: rejection.blame().name(),
            detail: &rejection,
        });
        refuse(server, &rejection, Some(&facts), demand, now)
    })
}

async fn admit(
    server: &Server,
    facts: &RequestFacts<'_>,
    demand: &Demand<'_>,
) -> Result<Admission, Rejection> {
    let settings = &server.settings;
    let identity = ResourceIdentity {
        bases: settings.bases.clone(),
        issuers: Vec::new(),
        nonce_scope: settings.issuer.clone(),
    };
    let policy = policy(server, demand);
    let ring = server.nonce_keys.ring();
    let started = step::start(facts, &identity, &policy, Some(&ring), &AwsLc)?;
    let (token, pending) = verify_token(server, started, facts, demand.audience).await?;
    let client = require_live(server, &token, facts.now).await?;
    if let Some(proof) = pending.proof() {
        binding::require_algorithm(server, &client.metadata, proof)?;
    }
    let nonce_time = pending.proof().and_then(|proof| proof.nonce_time());
    let outcome = match pending.replay_entry() {
        Some(entry) => {
            let now = facts.now.max(server.clock.now());
            Some(server.proof_memory.insert(entry, now).await)
        }
        None => None,
    };
    let request = pending.complete(outcome)?;
    let implied = demand.implied_by.is_some_and(|scope| request.token().has_scope(scope));
    let request = request.require_scope(if implied { &[] } else { demand.scope })?;
    require_speaker(request.token().subject(), &client, demand.speaker)?;
    let next_nonce = next_nonce(server, nonce_time, facts.now);
    Ok(Admission { request, client, next_nonce })
}

fn policy(server: &Server, demand: &Demand<'_>) -> step::ResourcePolicy {
    step::ResourcePolicy {
        proof: binding::policy(&server.settings, server.proof_memory.accepted_since()),
        mechanisms: AcceptedMechanisms {
            dpop: true,
            mtls: true,
            dangerous_bearer: demand.unbound == Unbound::WithinException,
        },
    }
}

/// A JWT by our own keys, an opaque token by our own store.
async fn verify_token(
    server: &Server,
    started: Started<'_>,
    facts: &RequestFacts<'_>,
    audience: Audience<'_>,
) -> Result<(Arc<VerifiedAccessToken>, NeedsReplayCheck), Rejection> {
    let digest = *started.token_digest();
    let issuers = [trusted(server, claimed_audience(facts), audience)];
    match started.examine(&issuers, true)? {
        Step::NeedsKey(step) => step.resolve(server.signing_keys.current().public_keys(), &AwsLc),
        Step::NeedsIntrospection(step) => {
            let (answer, audiences) = own_word(server, digest, facts.now).await?;
            step.resolve(&answer, &trusted(server, audiences, audience))
        }
    }
}

/// Ourselves, as an issuer that is trusted for these audiences.
fn trusted(server: &Server, own: Vec<String>, audience: Audience<'_>) -> TrustedIssuer {
    TrustedIssuer {
        issuer: server.settings.issuer.clone(),
        audiences: match audience {
            Audience::OneOf(names) => names.iter().map(|name| (*name).into()).collect(),
            Audience::OurTokens => own,
        },
        // Whatever a published key of ours signs with, also one that signs no more: guards still accept it.
        algorithms: AlgorithmSet::of(&SignatureAlgorithm::ALL),
        clock_skew: CLOCK_SKEW,
    }
}

/// `aud` as an unverified JWT claims it, for [`Audience::OurTokens`] alone; nothing else is read from it.
fn claimed_audience(facts: &RequestFacts<'_>) -> Vec<String> {
    let payload = facts
        .authorization
        .first()
        .filter(|value| value.len() <= MAXIMUM_TOKEN + 8)
        .and_then(|value| core::str::from_utf8(value).ok())
        .and_then(|value| value.split('.').nth(1))
        .and_then(|payload| base64url::decode(payload).ok());
    let claims = payload.and_then(|payload| json::parse_object(&payload).ok());
    issued_token::audience(claims.as_ref().and_then(|claims| claims.get("aud")))
}

/// What our own introspection would answer about an opaque token.
async fn own_word(
    server: &Server,
    digest: Sha256Digest,
    now: UnixTime,
) -> Result<(Vec<u8>, Vec<String>), Rejection> {
    let found = issued_token::find_opaque(server, digest, now).await;
    // The cause is logged where it happened.
    match found.map_err(|_| Rejection::IntrospectionUnavailable)? {
        Some(mut found) => {
            // A JWT says whose grant it belongs to; here the record does.
            found.token.further.extend(found.grant_id.map(|grant_id| ("gid".to_owned(), grant_id.into())));
            let audiences = found.token.audience.clone();
            Ok((IntrospectionResponse::Active(Box::new(found.token)).render(), audiences))
        }
        None => Ok((IntrospectionResponse::Inactive.render(), Vec::new())),
    }
}

/// The token is not revoked, itself or through its grant, its client is there and not disabled, and without
/// `cnf` its client's exception still lasts.
async fn require_live(
    server: &Server,
    token: &VerifiedAccessToken,
    now: UnixTime,
) -> Result<Arc<Client>, Rejection> {
    let unavailable = |operation: &'static str, error: &bindery_store::StoreError| {
        AuditEvent::StoreFailed { operation, error }.trace();
        Rejection::IntrospectionUnavailable
    };
    let client_id = token.client_id().ok_or(Rejection::TokenClaim("client_id"))?;
    let identifier = token.identifier().ok_or(Rejection::TokenClaim("jti"))?;
    let grant_id = token.claim("gid").and_then(Value::as_str);
    let revocation = server.store.find_revocation(identifier, grant_id).await;
    match revocation.map_err(|error| unavailable("find_revocation", &error))? {
        Revocation::NotRevoked => {}
        Revocation::Token | Revocation::Grant => return Err(Rejection::TokenInactive),
    }
    let client = server.clients.find(client_id).await;
    let client = client.map_err(|error| unavailable("find_client", &error))?;
    let client = client.filter(|client| !client.disabled).ok_or(Rejection::TokenInactive)?;
    let blocked = server.blocked_keys.require_unblocked_confirmation(&token.confirmation());
    blocked.map_err(|_| Rejection::TokenInactive)?;
    if token.confirmation() == Confirmation::Unbound {
        issued_token::require_exception(&client.metadata, now).map_err(|_| Rejection::TokenInactive)?;
    }
    Ok(client)
}

fn require_speaker(subject: Option<&str>, client: &Client, wanted: Speaker<'_>) -> Result<(), Rejection> {
    let Speaker::ClientOr(people) = wanted else { return Ok(()) };
    let subject = subject.ok_or(Rejection::TokenClaim("sub"))?;
    let may = subject == client_subject(&client.metadata.client_id)
        || people.iter().any(|person| person == subject);
    if may { Ok(()) } else { Err(Rejection::TokenClaim("sub")) }
}

/// A fresh nonce once the one in use has lived half its life.
fn next_nonce(server: &Server, used: Option<NonceTime>, now: UnixTime) -> Option<DpopNonce> {
    let half_life = Duration::from_secs(u64::from(server.settings.dpop.nonce_lifetime / 2));
    let old = used?.issued_at().plus(half_life) <= now;
    old.then(|| server.nonce_keys.issue(&server.settings.issuer, now).ok()).flatten()
}

fn refuse(
    server: &Server,
    rejection: &Rejection,
    facts: Option<&RequestFacts<'_>>,
    demand: &Demand<'_>,
    now: UnixTime,
) -> Response {
    let policy = policy(server, demand);
    let context = ChallengeContext {
        proof: &policy.proof,
        mechanisms: policy.mechanisms,
        realm: None,
        resource_metadata: None,
        now,
    };
    let answer = challenge::answer(rejection, facts.and_then(scheme_of), &context);
    let nonce = match answer.needs_nonce {
        true => server.nonce_keys.issue(&server.settings.issuer, now).ok(),
        false => None,
    };
    refused(render::error_answer(&answer, nonce.as_ref().map(DpopNonce::as_str)), rejection.reason())
}
