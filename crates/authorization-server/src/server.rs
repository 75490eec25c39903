//! The running server: what the configuration, the store and the keys make together. Starting checks
//! everything that can be checked; afterwards a request can only be refused for its own faults or because
//! the store can't be asked.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::time::UnixTime;
use bindery_crypto::chain::TrustAnchors;
use bindery_crypto::seal::Sealer;
use bindery_http::{Clock, EdgePolicy};
use bindery_store::{AuthorizationStore, StoreError};

use crate::audit::AuditLog;
use crate::bearer_exceptions::BearerExceptions;
use crate::blocked_keys::BlockedKeys;
use crate::client_keys::{ClientKeyCache, KeySetFetcher};
use crate::client_registry::ClientRegistry;
use crate::configuration::{ConfigurationInvalid, ServerConfiguration, TrustAnchorsConfiguration, invalid};
use crate::cookie_keys::CookieKeys;
use crate::decoupled::ping::Ping;
use crate::delivery;
use crate::encryption_keys::EncryptionKeyRing;
use crate::event::AuditEvent;
use crate::health::StoreAnswers;
use crate::key_schedule::Schedule;
use crate::key_sealing::SealingKey;
use crate::limits::Limits;
use crate::logout::delivery::SessionOver;
use crate::metrics::{IssuerMetrics, Metrics};
use crate::nonce_keys::NonceKeys;
use crate::outbound::{HttpOutbound, Outbound};
use crate::people::People;
use crate::proof_memory::ProofMemory;
use crate::registration::population::{self, Registrations};
use crate::settings::Settings;
use crate::signing_keys::SigningKeyRing;
use crate::start::StartFailed;
use crate::subject::PairwiseKeys;

/// How often [`AuthorizationServer::maintain`] is run by [`AuthorizationServer::spawn_maintenance`].
const MAINTENANCE: Duration = Duration::from_secs(30);

/// How often it is asked what operators have blocked and barred: so late a theft is stopped at the other processes.
const HEED: Duration = Duration::from_secs(5);

/// How often messages that failed are looked at again.
const DELIVERY: Duration = Duration::from_secs(10);

/// What a server is made of, beside its configuration.
pub struct ServerParts {
    /// The store.
    pub store: Arc<dyn AuthorizationStore>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The key that seals keys at rest.
    pub sealing_key: SealingKey,
    /// Whom the edge believes about certificates.
    pub edge: EdgePolicy,
    /// Fetches key sets of clients with `jwks_uri`; without it such clients are refused.
    pub key_fetcher: Option<Arc<dyn KeySetFetcher>>,
    /// Sends requests to where clients wish: request objects by reference, notifications. Without it whatever
    /// needs one is refused.
    pub outbound: Option<Arc<dyn Outbound>>,
    /// Whether client certificates can reach the server: a listener asks for them, or a trusted proxy forwards
    /// them. Where they can't, nothing that needs one is advertised.
    pub takes_certificates: bool,
    /// Whether other processes can use the same store at the same time.
    pub store_is_shared: bool,
    /// Where requests are counted; issuers of one process share one.
    pub metrics: Metrics,
}

impl ServerParts {
    /// Parts for a server that clients reach directly, at a listener that asks for certificates, and that
    /// fetches no key sets.
    #[must_use]
    pub fn new(store: Arc<dyn AuthorizationStore>, clock: Arc<dyn Clock>, sealing_key: SealingKey) -> Self {
        let edge = EdgePolicy::direct();
        Self {
            store,
            clock,
            sealing_key,
            edge,
            key_fetcher: None,
            outbound: None,
            takes_certificates: true,
            store_is_shared: false,
            metrics: Metrics::new(),
        }
    }

    /// Lets the server fetch key sets as `client_keys` of its configuration says.
    ///
    /// # Errors
    /// [`ConfigurationInvalid`] about an option of `client_keys`.
    pub fn fetching_keys(
        mut self,
        configuration: &ServerConfiguration,
    ) -> Result<Self, ConfigurationInvalid> {
        let keys = &configuration.client_keys;
        if keys.fetch {
            let outbound = Arc::new(HttpOutbound::new(keys)?);
            self.key_fetcher = Some(outbound.clone());
            self.outbound = Some(outbound);
        }
        Ok(self)
    }
}

impl fmt::Debug for ServerParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerParts").field("edge", &self.edge).finish_non_exhaustive()
    }
}

/// One issuer, ready to serve. Cheap to clone.
#[derive(Clone)]
pub struct AuthorizationServer(pub(crate) Arc<Server>);

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer").field("issuer", &self.0.settings.issuer).finish_non_exhaustive()
    }
}

pub(crate) struct Server {
    pub(crate) settings: Arc<Settings>,
    pub(crate) store: Arc<dyn AuthorizationStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) edge: EdgePolicy,
    pub(crate) takes_certificates: bool,
    pub(crate) clients: ClientRegistry,
    pub(crate) client_keys: ClientKeyCache,
    pub(crate) outbound: Option<Arc<dyn Outbound>>,
    pub(crate) trust_anchors: AnchorSets,
    pub(crate) signing_keys: SigningKeyRing,
    pub(crate) encryption_keys: EncryptionKeyRing,
    pub(crate) nonce_keys: NonceKeys,
    pub(crate) cookie_keys: CookieKeys,
    pub(crate) proof_memory: ProofMemory,
    pub(crate) blocked_keys: BlockedKeys,
    pub(crate) bearer_exceptions: BearerExceptions,
    pub(crate) registrations: Registrations,
    pub(crate) audit: AuditLog,
    pub(crate) people: People,
    pub(crate) pairwise_keys: PairwiseKeys,
    pub(crate) metrics: IssuerMetrics,
    /// Rung when clients are to be told of the end of a session.
    pub(crate) news: tokio::sync::Notify,
    pub(crate) limits: Limits,
    pub(crate) store_answers: StoreAnswers,
    sealer: Sealer,
}

impl Server {
    /// The life of this issuer's keys.
    pub(crate) fn key_schedule(&self) -> Schedule<'_> {
        Schedule {
            store: &*self.store,
            sealer: &self.sealer,
            algorithms: &self.settings.key_algorithms,
            times: &self.settings.keys,
            audit: &self.audit,
        }
    }

    /// Does what is due to the keys, and uses them as they then are.
    pub(crate) async fn take_over_keys(&self, now: UnixTime) -> Result<(), StartFailed> {
        let records = self.key_schedule().maintain(now).await?;
        let (sealer, settings) = (&self.sealer, &*self.settings);
        self.signing_keys.take_over(&records, sealer, &settings.signing_algorithms, &settings.keys, now)?;
        self.encryption_keys.take_over(&records, sealer)
    }
}

impl AuthorizationServer {
    /// Checks the configuration, loads the keys or makes them at the first start, and opens for requests.
    ///
    /// # Errors
    /// [`StartFailed`] names what must be mended.
    pub async fn start(configuration: &ServerConfiguration, parts: ServerParts) -> Result<Self, StartFailed> {
        let settings = Arc::new(configuration.settings()?);
        settings.require_parts(&parts)?;
        let now = parts.clock.now();
        let people = People::new(&configuration.people, &settings)?;
        let metrics = parts.metrics.of(&settings.issuer);
        let audit = AuditLog::new(&configuration.audit, &parts.store, &parts.clock, &metrics);
        let limits = Limits::new(&configuration.limits, &parts.clock)?;
        let client_keys = ClientKeyCache::new(parts.key_fetcher, settings.fetch_times);
        let trust_anchors = AnchorSets::load(&configuration.trust_anchors)?;
        let store = parts.store;
        let clients = ClientRegistry::new(
            &configuration.client,
            Arc::clone(&store),
            Arc::clone(&settings),
            client_keys.can_fetch(),
            &audit,
        )?;
        trust_anchors.require_for(&clients)?;
        let sealer = parts.sealing_key.sealer();
        let pairwise_keys = PairwiseKeys::derive(&parts.sealing_key, &settings.issuer);
        let rotation = Duration::from_secs(u64::from(settings.dpop.nonce_key_rotation));
        let nonce_keys = NonceKeys::load(&*store, &sealer, rotation, now).await?;
        let cookie_keys = CookieKeys::load(&*store, &sealer, settings.keys.cookie_rotation, now).await?;
        let proof_memory = ProofMemory::new(&settings.dpop, &store, now)?;
        let blocked_keys = BlockedKeys::load(&*store).await?;
        clients.barred.refresh(&*store).await?;
        let server = Server {
            settings,
            store,
            clock: parts.clock,
            edge: parts.edge,
            takes_certificates: parts.takes_certificates,
            clients,
            client_keys,
            outbound: parts.outbound,
            trust_anchors,
            signing_keys: SigningKeyRing::default(),
            encryption_keys: EncryptionKeyRing::default(),
            nonce_keys,
            cookie_keys,
            proof_memory,
            blocked_keys,
            bearer_exceptions: BearerExceptions::default(),
            registrations: Registrations::default(),
            audit,
            people,
            pairwise_keys,
            metrics,
            news: tokio::sync::Notify::new(),
            limits,
            store_answers: StoreAnswers::default(),
            sealer,
        };
        server.take_over_keys(now).await?;
        server.audit.record(AuditEvent::ServerStarted { issuer: &server.settings.issuer });
        Ok(Self(Arc::new(server)))
    }

    /// All endpoints, for any listener; see [`crate`] for the order of checks. The listener puts a
    /// [`bindery_http::Peer`] into each request's extensions.
    pub fn router(&self) -> axum::Router {
        crate::router::router(self)
    }

    /// The administration interface without its door, for the command line on the machine that holds the store
    /// and its key file. Whoever reaches it may do everything: never serve it at a listener.
    pub fn dangerous_unguarded_administration(&self) -> axum::Router {
        crate::administration::local(self)
    }

    /// Waits out the second in which a replay memory without disk began. Nonces count in seconds, and one
    /// that an earlier process made in this very second must not look younger than the memory
    /// (DPOP-11.1-11). Call it before listening: a nonce of that second is not accepted.
    pub async fn ready(&self) {
        let since = self.0.proof_memory.accepted_since();
        while since.is_some_and(|since| self.0.clock.now() <= since) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The issuer identifier.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.settings.issuer
    }

    /// The JWK set that resource servers fetch, for guards in the same process.
    #[must_use]
    pub fn jwk_set(&self) -> serde_json::Value {
        let (signing, encryption) = (self.0.signing_keys.current(), self.0.encryption_keys.current());
        let keys = [signing.published(), encryption.published()].concat();
        serde_json::json!({ "keys": keys })
    }

    /// The keys under which what a browser holds is sealed.
    #[must_use]
    pub fn cookie_keys(&self) -> &CookieKeys {
        &self.0.cookie_keys
    }

    /// Rotates keys when due, takes over what other processes or the operator did with keys, and
    /// removes what has expired.
    ///
    /// # Errors
    /// [`StartFailed`] when the store can't be asked; the server goes on with what it has.
    pub async fn maintain(&self) -> Result<(), StartFailed> {
        let server = &self.0;
        let now = server.clock.now();
        // Each is tried whatever becomes of the others: a key that can't be opened must not let the store grow.
        let nonces = server.nonce_keys.refresh(&*server.store, &server.sealer, now).await;
        let cookies = server.cookie_keys.refresh(&*server.store, &server.sealer, now).await;
        let signing = server.take_over_keys(now).await;
        let blocked = self.heed_operators().await;
        let unused = population::maintain(server, now).await;
        let exceptions = server.bearer_exceptions.maintain(server, now).await;
        server.limits.maintain();
        let expired = server.store.purge_expired(now).await;
        let audited = server.audit.purge(&*server.store, now).await;
        expired?;
        audited?;
        nonces?;
        cookies?;
        blocked?;
        unused?;
        exceptions?;
        signing
    }

    /// Waits until the audit records of everything that was answered are stored, or given up. Call it after the
    /// last request, before the process ends.
    pub async fn flush_audit(&self) {
        self.0.audit.flush().await;
    }

    /// Tells clients of sessions that are over, as far as an attempt is due
    /// (OpenID Connect Back-Channel Logout 1.0).
    ///
    /// # Errors
    /// [`StoreError`] when the store can't be asked; the messages wait there.
    pub async fn deliver_logouts(&self) -> Result<(), StoreError> {
        delivery::deliver_due::<SessionOver>(&self.0, self.0.clock.now()).await
    }

    /// Tells clients that their persons have answered, as far as an attempt is due (CIBA Core section 10.2).
    ///
    /// # Errors
    /// [`StoreError`] when the store can't be asked; the pings wait there.
    pub async fn deliver_pings(&self) -> Result<(), StoreError> {
        delivery::deliver_due::<Ping>(&self.0, self.0.clock.now()).await
    }

    /// Runs [`Self::maintain`] every half minute, asks every five seconds what operators have blocked, and runs
    /// [`Self::deliver_logouts`] and [`Self::deliver_pings`] when there is something to tell, until the returned
    /// task is dropped or aborted.
    pub fn spawn_maintenance(&self) -> tokio::task::JoinHandle<()> {
        let server = self.clone();
        tokio::spawn(async move {
            tokio::join!(
                server.maintain_for_ever(),
                server.deliver_for_ever(),
                server.heed_operators_for_ever()
            );
        })
    }

    async fn deliver_for_ever(&self) {
        let mut ticks = tokio::time::interval(DELIVERY);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.0.news.notified() => {}
            }
            let server = self.clone();
            // Side by side: a client that answers slowly holds up none of the other kind.
            let delivered = async move { tokio::join!(server.deliver_logouts(), server.deliver_pings()) };
            let (logouts, pings) = match survive(delivered).await {
                Ok(delivered) => delivered,
                Err(panicked) => {
                    self.0.audit.record(AuditEvent::MaintenanceFailed { error: &panicked });
                    continue;
                }
            };
            for (operation, delivered) in [("deliver_logouts", logouts), ("deliver_pings", pings)] {
                if let Err(error) = delivered {
                    AuditEvent::StoreFailed { operation, error: &error }.trace();
                }
            }
        }
    }

    /// Takes over which keys are blocked and which clients are barred, also by other processes on the same store.
    async fn heed_operators(&self) -> Result<(), StoreError> {
        let server = &self.0;
        let keys = server.blocked_keys.refresh(&*server.store).await;
        let clients = server.clients.barred.refresh(&*server.store).await;
        keys.and(clients)
    }

    async fn heed_operators_for_ever(&self) {
        let mut ticks = tokio::time::interval(HEED);
        loop {
            ticks.tick().await;
            let server = self.clone();
            match survive(async move { server.heed_operators().await }).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    AuditEvent::StoreFailed { operation: "heed_operators", error: &error }.trace();
                }
                Err(panicked) => self.0.audit.record(AuditEvent::MaintenanceFailed { error: &panicked }),
            }
        }
    }

    async fn maintain_for_ever(&self) {
        let mut ticks = tokio::time::interval(MAINTENANCE);
        loop {
            ticks.tick().await;
            let server = self.clone();
            match survive(async move { server.maintain().await }).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => self.0.audit.record(AuditEvent::MaintenanceFailed { error: &error }),
                Err(panicked) => self.0.audit.record(AuditEvent::MaintenanceFailed { error: &panicked }),
            }
        }
    }
}

impl Server {
    /// What a client's ID tokens are signed with: its own choice, the profile's usual one, the server's first
    /// (OIDC-15-01). The last two only as far as they sign already.
    pub(crate) fn id_token_algorithm(&self, client: &ClientMetadata) -> SignatureAlgorithm {
        let keys = self.signing_keys.current();
        let usual = || {
            let usual = self.settings.rules.of_client(client).default_id_token_algorithm;
            usual.filter(|usual| keys.algorithms().any(|algorithm| algorithm == *usual))
        };
        let first = || keys.algorithms().next();
        let said = client.openid.id_token_algorithm.or_else(usual).or_else(first);
        said.unwrap_or(SignatureAlgorithm::Es256)
    }
}

/// A round panicked; the next one comes all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a panic, which the log before this line tells of")]
struct Panicked;

/// Runs one round in a task of its own, which ends with this future: a panic ends the round and nothing else.
async fn survive<T: Send + 'static>(round: impl Future<Output = T> + Send + 'static) -> Result<T, Panicked> {
    let mut rounds = tokio::task::JoinSet::new();
    rounds.spawn(round);
    match rounds.join_next().await {
        Some(Ok(outcome)) => Ok(outcome),
        Some(Err(_)) | None => Err(Panicked),
    }
}

/// Refuses a request because the store can't decide, and says so to the operator.
pub(crate) fn unavailable(operation: &'static str, error: &StoreError) -> TokenError {
    AuditEvent::StoreFailed { operation, error }.trace();
    TokenError::Unavailable
}

/// The named sets of certification authorities.
pub(crate) struct AnchorSets(HashMap<String, TrustAnchors>);

impl AnchorSets {
    fn load(configured: &[TrustAnchorsConfiguration]) -> Result<Self, ConfigurationInvalid> {
        let mut sets = HashMap::new();
        for set in configured {
            let option = format!("trust_anchors {}", set.name);
            let read = |path: &std::path::Path| {
                std::fs::read(path).map_err(|error| {
                    invalid(&option, path.display(), error.to_string(), "let the server's user read the file")
                })
            };
            let pem = match (&set.file, &set.pem) {
                (Some(path), None) => read(path)?,
                (None, Some(pem)) => pem.clone().into_bytes(),
                _ => {
                    let rule = "it must have exactly one of `file` and `pem`";
                    return Err(invalid(&option, "", rule, "name the PEM file of your CA certificates"));
                }
            };
            let wrong = |reason: String| invalid(&option, "", reason, "give CA certificates in PEM");
            let mut anchors = TrustAnchors::from_pem(&pem).map_err(|reason| wrong(reason.to_string()))?;
            if let Some(path) = &set.revocation_lists {
                let lists = read(path)?;
                anchors =
                    anchors.with_revocation_lists_pem(&lists).map_err(|reason| wrong(reason.to_string()))?;
            }
            if sets.insert(set.name.clone(), anchors).is_some() {
                return Err(invalid(&option, "", "two sets have this name", "rename one of them"));
            }
        }
        Ok(Self(sets))
    }

    /// The set that a client names; without a name, the only one there is (MTLS-7.4-01).
    pub(crate) fn of(&self, name: Option<&str>) -> Option<&TrustAnchors> {
        match name {
            Some(name) => self.0.get(name),
            None if self.0.len() == 1 => self.0.values().next(),
            None => None,
        }
    }

    fn require_for(&self, clients: &ClientRegistry) -> Result<(), ConfigurationInvalid> {
        use bindery_core::client_auth::ClientAuthMethod;
        for client in clients.configured().map(|client| &client.metadata) {
            let wants = client.authentication == ClientAuthMethod::TlsClientAuth;
            if wants && self.of(client.trust_anchors.as_deref()).is_none() {
                return Err(invalid(
                    format!("client {}: trust_anchors", client.client_id),
                    client.trust_anchors.as_deref().unwrap_or_default(),
                    "its certificates can't be verified: it names no set of `[[trust_anchors]]`, or there is not just one",
                    "add the set, and name it in the client",
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_one_round_of_maintenance_and_nothing_else() {
        assert_eq!(survive(async { 7 }).await, Ok(7));
        let panicked = survive(async {
            let nothing: Option<u8> = std::hint::black_box(None);
            nothing.unwrap()
        });
        assert_eq!(panicked.await, Err(Panicked));
        assert_eq!(survive(async { 8 }).await, Ok(8));
    }
}
