//! Authenticates the client of a request, at every endpoint by the same rules (MTLS-2-06). Three results,
//! absent, authenticated, failed; failed never falls through. An assertion is spent here, after the proof's
//! nonce was judged and before anything is redeemed.

use std::sync::Arc;

use bindery_core::client_auth::{
    AudiencePolicy, AuthenticatedClient, ChainVerdict, ClientAuthMethod, ClientAuthenticationFailure,
    PresentedCredentials, RegisteredClient, VerificationContext, verify,
};
use bindery_core::mtls::certificate::ClientCertificate;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::oauth::token_request::ClientParameters;
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, chain};
use bindery_http::presented::Presented;

use crate::admission;
use crate::binding;
use crate::client_registry::Client;
use crate::configuration::AssertionAudience;
use crate::event::AuditEvent;
use crate::limits::{Limit, TooMany};
use crate::server::Server;

/// The outcome for one request.
#[derive(Debug)]
pub enum ClientAuthentication {
    /// The request says nothing of a client.
    Absent,
    /// The client is who it says, or a public client that says so.
    Authenticated(AuthenticatedClient, Arc<Client>),
    /// It is not; this is the answer.
    Failed(TokenError),
}

impl ClientAuthentication {
    /// The client, where one is required.
    ///
    /// # Errors
    /// The answer to the request when there is none.
    pub fn require(self) -> Result<(AuthenticatedClient, Arc<Client>), TokenError> {
        match self {
            Self::Authenticated(authenticated, client) => Ok((authenticated, client)),
            Self::Absent => Err(TokenError::ClientAuthentication { basic: false }),
            Self::Failed(error) => Err(error),
        }
    }
}

/// Authenticates the client of a request to `endpoint`, a path below the issuer such as `/token`.
pub(crate) async fn client(
    server: &Server,
    endpoint: &'static str,
    presented: &Presented<'_>,
    parameters: &ClientParameters,
    now: UnixTime,
) -> ClientAuthentication {
    let basic = !presented.authorization.is_empty();
    let failed = |failure: &ClientAuthenticationFailure, claimed: &str| {
        // What a stranger claims to be goes to the log shortened and escaped.
        let client_id: String = claimed.chars().take(64).flat_map(char::escape_debug).collect();
        let reason = failure.reason();
        server.audit.record(AuditEvent::ClientAuthenticationFailed {
            client_id: &client_id,
            endpoint,
            reason,
            detail: failure,
        });
        ClientAuthentication::Failed(failure.to_token_error(basic))
    };
    let authorization: Result<Vec<&str>, _> =
        presented.authorization.iter().map(|value| core::str::from_utf8(value)).collect();
    let Ok(authorization) = authorization else {
        return failed(&ClientAuthenticationFailure::BasicMalformed, "");
    };
    let credentials = match PresentedCredentials::parse(&authorization, parameters) {
        Ok(Some(credentials)) => credentials,
        Ok(None) => return ClientAuthentication::Absent,
        Err(failure) => return failed(&failure, parameters.client_id.as_deref().unwrap_or_default()),
    };
    match confirm(server, &credentials, presented.certificate.certificate(), now).await {
        Ok((authenticated, client)) => match require_rate(server, &authenticated) {
            Ok(()) => ClientAuthentication::Authenticated(authenticated, client),
            Err(too_many) => ClientAuthentication::Failed(too_many.into()),
        },
        Err(failure) => failed(&failure, credentials.client_id()),
    }
}

/// Anybody can say a public client's name, so that only its address and its key are limited: nobody shall use
/// up what others may ask.
fn require_rate(server: &Server, client: &AuthenticatedClient) -> Result<(), TooMany> {
    if client.is_public() {
        return Ok(());
    }
    admission::require(server, Limit::Client, client.client_id(), Some(client.client_id()))
}

async fn confirm(
    server: &Server,
    credentials: &PresentedCredentials,
    certificate: Option<&ClientCertificate>,
    now: UnixTime,
) -> Result<(AuthenticatedClient, Arc<Client>), ClientAuthenticationFailure> {
    const UNAVAILABLE: ClientAuthenticationFailure = ClientAuthenticationFailure::Unavailable;
    let x5t = certificate.map(ClientCertificate::thumbprint);
    // What an operator has blocked authenticates nobody, at any endpoint.
    binding::require_unblocked(server, None, x5t.as_ref())
        .map_err(|_| ClientAuthenticationFailure::CertificateBlocked)?;
    let found = server.clients.find(credentials.client_id()).await.map_err(|error| {
        AuditEvent::StoreFailed { operation: "find_client", error: &error }.trace();
        UNAVAILABLE
    })?;
    let rules = &server.settings.rules;
    let rules = found.as_deref().map_or_else(|| rules.server(), |client| rules.of_client(&client.metadata));
    let context = VerificationContext {
        now,
        cryptography: &AwsLc,
        audience: match rules.assertion_audience {
            AssertionAudience::Issuer => AudiencePolicy::IssuerOnly(&server.settings.issuer),
            AssertionAudience::OwnUrls => AudiencePolicy::OwnUrls(&server.settings.own_urls),
        },
        accepted_since: server.store.claims_since(),
        algorithms: server.settings.assertion_algorithms.intersection(rules.algorithms),
        certificate,
        chain: chain_verdict(server, found.as_deref(), certificate, now),
    };
    let Some(client) = found else {
        let refused = verify(credentials, None, &context).err();
        return Err(refused.unwrap_or(ClientAuthenticationFailure::UnknownClient));
    };
    let verified = server
        .decide_by_keys(&client.metadata, now, |keys| {
            let (metadata, disabled) = (&client.metadata, client.disabled);
            verify(credentials, Some(&RegisteredClient { metadata, keys, disabled }), &context)
        })
        .await?;
    let outcome = match verified.replay_entry() {
        None => None,
        Some(entry) => Some(server.store.claim_once(entry, now).await),
    };
    Ok((verified.settle(outcome)?, client))
}

fn chain_verdict(
    server: &Server,
    client: Option<&Client>,
    certificate: Option<&ClientCertificate>,
    now: UnixTime,
) -> ChainVerdict {
    let (Some(client), Some(certificate)) = (client, certificate) else { return ChainVerdict::NotVerified };
    if client.metadata.authentication != ClientAuthMethod::TlsClientAuth {
        return ChainVerdict::NotVerified;
    }
    let Some(anchors) = server.trust_anchors.of(client.metadata.trust_anchors.as_deref()) else {
        AuditEvent::TrustAnchorsMissing { client_id: &client.metadata.client_id }.trace();
        return ChainVerdict::Refused;
    };
    match chain::verify_client_chain(certificate.leaf(), certificate.intermediates(), anchors, now) {
        Ok(()) => ChainVerdict::Trusted,
        Err(reason) => {
            server.audit.record(AuditEvent::ClientChainRefused {
                client_id: &client.metadata.client_id,
                x5t: &certificate.thumbprint(),
                reason: &reason,
            });
            ChainVerdict::Refused
        }
    }
}
