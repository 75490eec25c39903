//! Talks to the authorization server: fetches its metadata, sends token requests, answers nonce challenges
//! and clock differences. Each attempt is built anew; each challenge is answered a bounded number of times.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderMap, StatusCode};

use crate::clock::{ClockOffset, ServerClocks};
use crate::configuration::ClientConfiguration;
use crate::error::{Blame, ConfigurationInvalid, Error, MetadataRefused, TokenRefused};
use crate::metadata::{self, AuthorizationServerMetadata, MAXIMUM_BODY, metadata_urls};
use crate::nonce::{NonceCache, ServerNonce, ServerRole};
use crate::origin::{Origin, OriginInvalid};
use crate::secret::Secret;
use crate::token::TokenBinding;
use crate::token_request::{TokenRequest, TokenRequestTarget, build_token_request};
use crate::token_response::{GrantedToken, TokenVerdict, judge_token_response};

/// How many new nonces of one server are tried for one request.
pub(crate) const MAXIMUM_NONCES: usize = 2;
/// How long metadata is believed before it is fetched again.
const METADATA_LIFETIME: Duration = Duration::from_secs(3600);
const TIMEOUT: Duration = Duration::from_secs(30);

/// The authorization server's side of a token source.
pub(crate) struct Exchange {
    pub(crate) configuration: ClientConfiguration,
    http: reqwest::Client,
    metadata: Mutex<Option<(Arc<AuthorizationServerMetadata>, Duration)>>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Exchange {
    pub(crate) fn new(configuration: ClientConfiguration) -> Result<Self, Error> {
        let http = configuration
            .http_client_builder()?
            .timeout(TIMEOUT)
            .build()
            .map_err(|_| ConfigurationInvalid::HttpClient)?;
        Ok(Self { configuration, http, metadata: Mutex::default() })
    }

    /// Asks for a token until it is granted, refused, or the nonces run out.
    pub(crate) async fn request_token(
        &self,
        binding: &TokenBinding,
        resource: Option<&str>,
        refresh_token: Option<&Secret>,
        nonces: &NonceCache,
        clocks: &ServerClocks,
    ) -> Result<GrantedToken, Error> {
        let metadata = self.metadata().await?;
        let endpoint = metadata.token_endpoint(self.configuration.identity().is_some());
        let origin = self.origin(endpoint, "token_endpoint")?;
        let refused = |reason| Error::Token { origin: origin.clone(), reason };
        let dpop = match binding {
            TokenBinding::Dpop { signer } => Some(&**signer),
            TokenBinding::Mtls => None,
        };
        let mut nonce = nonces.current(ServerRole::AuthorizationServer, &origin);
        let (mut new_nonces, mut corrected) = (0, false);
        loop {
            let offset = clocks.offset(&origin);
            let now = offset.applied_to(self.configuration.clock.now());
            let target =
                TokenRequestTarget { endpoint, resource, refresh_token, dpop, nonce: nonce.as_ref(), now };
            let request = build_token_request(&self.configuration, &target)?;
            let answer = self.send(&origin, request).await?;
            nonces.learn(ServerRole::AuthorizationServer, &origin, &answer.headers);
            let verdict =
                judge_token_response(answer.status, &answer.headers, &answer.body, binding.scheme());
            let measured = self.learn_clock(clocks, &origin, &answer.headers, &verdict);
            match verdict {
                Ok(TokenVerdict::Granted(token)) => return Ok(token),
                Ok(TokenVerdict::NonceDemanded(new)) => {
                    nonce = Some(next_nonce(nonce.as_ref(), new, &mut new_nonces).map_err(refused)?);
                }
                // FSP-C-13: refused, perhaps for its time; asked again once, when the time would be another.
                Err(reason) if may_be_the_clock(&reason) && !corrected && measured.differs_from(offset) => {
                    corrected = true;
                    nonce = nonces.current(ServerRole::AuthorizationServer, &origin);
                }
                Err(reason) => return Err(refused(reason)),
            }
        }
    }

    fn learn_clock(
        &self,
        clocks: &ServerClocks,
        origin: &Origin,
        headers: &HeaderMap,
        verdict: &Result<TokenVerdict, TokenRefused>,
    ) -> ClockOffset {
        let refused = verdict.as_ref().is_err_and(may_be_the_clock);
        clocks.learn(origin, headers, self.configuration.clock.now(), refused)
    }

    /// The metadata: what is in hand while it is young, else fetched; and when fetching fails, what is in hand.
    pub(crate) async fn metadata(&self) -> Result<Arc<AuthorizationServerMetadata>, Error> {
        let now = self.configuration.clock.monotonic();
        let held = self.metadata.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((metadata, fetched_at)) = &held
            && now < fetched_at.saturating_add(METADATA_LIFETIME)
        {
            return Ok(Arc::clone(metadata));
        }
        match (self.discover().await, held) {
            (Ok(metadata), _) => {
                let metadata = Arc::new(metadata);
                let mut held = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
                *held = Some((Arc::clone(&metadata), now));
                Ok(metadata)
            }
            (Err(error), Some((metadata, _))) if error.blame() == Blame::Network => {
                tracing::warn!(%error, "the metadata could not be renewed; the known one is used on");
                Ok(metadata)
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn discover(&self) -> Result<AuthorizationServerMetadata, Error> {
        let configuration = &self.configuration;
        let origin = &configuration.issuer_origin;
        let refused = |reason| Error::Metadata { issuer: configuration.issuer.clone(), reason };
        let mut last = MetadataRefused::Status(404);
        for url in metadata_urls(&configuration.issuer_url) {
            let request = self.http.get(url).header(http::header::ACCEPT, "application/json");
            let answer = receive(origin, request).await?;
            let judged = metadata::judge(
                &configuration.issuer,
                answer.status,
                &answer.headers,
                &answer.body,
                configuration.plain_http,
            );
            match judged {
                Err(absent @ MetadataRefused::Status(404)) => last = absent,
                judged => {
                    let metadata = judged.map_err(refused)?;
                    metadata.require_support(configuration).map_err(refused)?;
                    return Ok(metadata);
                }
            }
        }
        Err(refused(last))
    }

    async fn send(&self, origin: &Origin, request: TokenRequest) -> Result<Answer, Error> {
        let TokenRequest { endpoint, headers, body } = request;
        receive(origin, self.http.post(endpoint).headers(headers).body(String::clone(&body))).await
    }

    fn origin(&self, endpoint: &url::Url, name: &'static str) -> Result<Origin, Error> {
        let refused = |reason: OriginInvalid| Error::Metadata {
            issuer: self.configuration.issuer.clone(),
            reason: MetadataRefused::Endpoint { endpoint: name, reason },
        };
        Origin::within(endpoint, self.configuration.plain_http).map_err(refused)
    }
}

/// Sends, and reads a body of bounded size. What is longer is cut off and fails as JSON.
async fn receive(origin: &Origin, request: reqwest::RequestBuilder) -> Result<Answer, Error> {
    let unreachable = |source: reqwest::Error| Error::Unreachable {
        origin: origin.clone(),
        source: Arc::new(source.without_url()),
    };
    let mut response = request.send().await.map_err(unreachable)?;
    let mut body = BytesMut::new();
    while body.len() <= MAXIMUM_BODY {
        let Some(chunk) = response.chunk().await.map_err(unreachable)? else { break };
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status: response.status(), headers: response.headers().clone(), body: body.into() })
}

/// DPOP-5-16: one new attempt for one new nonce, and not for ever.
pub(crate) fn next_nonce(
    sent: Option<&ServerNonce>,
    new: ServerNonce,
    count: &mut usize,
) -> Result<ServerNonce, TokenRefused> {
    *count += 1;
    if sent == Some(&new) {
        Err(TokenRefused::NonceUnchanged)
    } else if *count > MAXIMUM_NONCES {
        Err(TokenRefused::NonceLimit)
    } else {
        Ok(new)
    }
}

/// Proofs and assertions both carry our time; the codes don't say whether it was the time.
fn may_be_the_clock(reason: &TokenRefused) -> bool {
    matches!(reason, TokenRefused::Answered { code, .. } if code == "invalid_dpop_proof" || code == "invalid_client")
}
