//! The resolved posture of an issuer: what its profile, its options and its clients make together, as one value
//! that is printed at start, served to administrators and compared with another one. It is read from what the
//! server runs on, never from the file that somebody wrote, and holds no secret and no key.

use std::collections::BTreeMap;
use std::fmt;

use bindery_core::client_auth::ClientAuthMethod;
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::sender_constraint::{BearerException, SenderConstraint};
use bindery_store::{AuthorizationStore, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::configuration::{NoncePolicy, ReplayPlace};
use crate::router::ENDPOINTS;
use crate::server::AuthorizationServer;

mod comparison;
mod readable;
mod risks;

pub use comparison::Difference;

/// Everything that one process serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posture {
    /// One for each issuer, in the order of the configuration.
    pub issuers: Vec<IssuerPosture>,
}

/// What holds at one issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerPosture {
    /// The issuer identifier.
    pub issuer: String,
    /// The name of its profile.
    pub profile: String,
    /// The rules that hold for every client, by the names of [`ProfileRules`](crate::ProfileRules).
    pub rules: Map<String, Value>,
    /// Grant types that are on.
    pub grant_types: Vec<String>,
    /// Algorithms by what they sign: the server's own keys, client assertions, proofs.
    pub algorithms: BTreeMap<String, Vec<String>>,
    /// How proofs are judged; nothing where DPoP is off.
    pub dpop: Option<DpopPosture>,
    /// Whether client certificates can reach the server.
    pub takes_certificates: bool,
    /// Lifetimes in seconds, by the names of their options.
    pub lifetimes: BTreeMap<String, u64>,
    /// Endpoint URLs, by their names in metadata.
    pub endpoints: BTreeMap<String, String>,
    /// The same at the base that asks for certificates.
    pub mtls_endpoints: BTreeMap<String, String>,
    /// How many processes serve it.
    pub replicas: u32,
    /// Clients, counted.
    pub clients: ClientCounts,
    /// Who may have tokens without confirmation, why and until when.
    pub exceptions: Vec<Exception>,
    /// What an attacker would look at first, each with a stable name.
    pub risks: Vec<Risk>,
}

/// How proofs are judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DpopPosture {
    /// `required` or `optional`.
    pub nonce: String,
    /// Seconds that a proof may be old.
    pub past: u32,
    /// Seconds that it may lie ahead.
    pub future: u32,
    /// Where used proofs are remembered: `memory` or `store`.
    pub replay: String,
}

/// Clients by what they prove and how they authenticate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCounts {
    /// Clients that may ask for tokens.
    pub enabled: u64,
    /// Clients that are disabled.
    pub disabled: u64,
    /// Those of them that the configuration file has and an operator disabled beside it, by `client_id`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub barred: Vec<String>,
    /// Clients of the store whose registration the profile has no room for: they get nothing.
    pub unusable: u64,
    /// Enabled clients by sender constraint.
    pub by_sender_constraint: BTreeMap<String, u64>,
    /// Enabled clients by authentication method.
    pub by_authentication: BTreeMap<String, u64>,
}

/// Bearer tokens that are allowed, for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// The client; nothing where it is the issuer's exception.
    pub client_id: Option<String>,
    /// The operator's reason.
    pub reason: String,
    /// The first second without, as NumericDate.
    pub until: i64,
}

/// Something that is allowed and makes a theft easier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// Its stable name.
    pub name: String,
    /// What it means here, in one sentence.
    pub meaning: String,
    /// What to do about it.
    pub remedy: String,
}

impl AuthorizationServer {
    /// The posture as it is now, with the clients of the configuration and of the store.
    ///
    /// # Errors
    /// [`StoreError`] when the clients can't be read.
    pub async fn posture(&self) -> Result<IssuerPosture, StoreError> {
        self.posture_on(&*self.0.store).await
    }

    /// The posture with the clients of another store than the server's own: what it would be there.
    ///
    /// # Errors
    /// [`StoreError`] when the clients can't be read.
    pub async fn posture_on(&self, store: &dyn AuthorizationStore) -> Result<IssuerPosture, StoreError> {
        let server = &self.0;
        let settings = &server.settings;
        let mut clients = Clients::default();
        let barred = store.list_barred_clients().await?;
        let is_barred = |client_id: &str| barred.iter().any(|bar| bar.client_id == client_id);
        for client in server.clients.configured() {
            let client_id = &client.metadata.client_id;
            if is_barred(client_id) {
                clients.counts.barred.push(client_id.clone());
            }
            clients.count(&client.metadata, client.disabled || is_barred(client_id));
        }
        clients.counts.barred.sort_unstable();
        for record in store.list_clients().await? {
            // A client of the configuration hides one of the same name in the store.
            if server.clients.configured().any(|client| client.metadata.client_id == record.client_id) {
                continue;
            }
            match server.clients.read(&record) {
                Some(client) => {
                    clients.count(&client.metadata, client.disabled || is_barred(&record.client_id));
                }
                None => clients.counts.unusable += 1,
            }
        }
        let issuer_exception = settings.bearer.as_ref().map(|exception| Exception {
            client_id: None,
            reason: exception.reason.clone(),
            until: exception.until.as_seconds(),
        });
        clients.exceptions.sort_by(|one, other| one.client_id.cmp(&other.client_id));
        // Clients that the issuer's exception covers are not named one by one.
        clients.exceptions.retain(|exception| {
            issuer_exception
                .as_ref()
                .is_none_or(|all| (&all.reason, all.until) != (&exception.reason, exception.until))
        });
        let mut posture = self.resolved();
        posture.risks = risks::of(server, &clients.counts, &clients.exceptions);
        posture.exceptions = issuer_exception.into_iter().chain(clients.exceptions).collect();
        posture.clients = clients.counts;
        Ok(posture)
    }

    /// Everything but clients.
    fn resolved(&self) -> IssuerPosture {
        let server = &self.0;
        let settings = &server.settings;
        let rules = settings.rules.server();
        let constraints = rules.sender_constraints;
        let names = |list: Vec<&'static str>| list.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let own = settings.signing_algorithms.iter().map(|algorithm| algorithm.name()).collect();
        let endpoints = |base: Option<&String>, aliases: bool| -> BTreeMap<String, String> {
            let there = ENDPOINTS.iter().filter(|endpoint| (endpoint.on)(settings));
            let wanted = there.filter(|endpoint| endpoint.aliased || !aliases);
            let at = |base: &String| {
                wanted
                    .map(|endpoint| (endpoint.member.to_owned(), format!("{base}{}", endpoint.path)))
                    .collect()
            };
            base.map(at).unwrap_or_default()
        };
        IssuerPosture {
            issuer: settings.issuer.clone(),
            profile: rules.profile.name().into(),
            rules: match serde_json::to_value(rules) {
                Ok(Value::Object(members)) => members,
                _ => Map::new(),
            },
            grant_types: names(settings.grants.clone()),
            algorithms: BTreeMap::from([
                ("own_keys".into(), names(own)),
                (
                    "client_assertions".into(),
                    names(settings.assertion_algorithms.iter().map(|algorithm| algorithm.name()).collect()),
                ),
                (
                    "dpop_proofs".into(),
                    names(settings.dpop_algorithms.iter().map(|algorithm| algorithm.name()).collect()),
                ),
            ]),
            dpop: constraints.dpop.then(|| DpopPosture {
                nonce: match settings.dpop.nonce {
                    NoncePolicy::Required => "required".into(),
                    NoncePolicy::Optional => "optional".into(),
                },
                past: settings.dpop.past,
                future: settings.dpop.future,
                replay: match settings.dpop.replay {
                    ReplayPlace::Memory => "memory".into(),
                    ReplayPlace::Store => "store".into(),
                },
            }),
            takes_certificates: server.takes_certificates,
            lifetimes: settings.lifetimes(),
            endpoints: endpoints(settings.base_urls.first(), false),
            mtls_endpoints: endpoints(settings.base_urls.get(1), true),
            replicas: settings.replicas,
            clients: ClientCounts::default(),
            exceptions: Vec::new(),
            risks: Vec::new(),
        }
    }
}

#[derive(Default)]
struct Clients {
    counts: ClientCounts,
    exceptions: Vec<Exception>,
}

impl Clients {
    fn count(&mut self, client: &ClientMetadata, disabled: bool) {
        if disabled {
            self.counts.disabled += 1;
            return;
        }
        self.counts.enabled += 1;
        let constraint = client.sender_constraint.name();
        *self.counts.by_sender_constraint.entry(constraint.into()).or_default() += 1;
        *self.counts.by_authentication.entry(client.authentication.name().into()).or_default() += 1;
        if let SenderConstraint::None(BearerException { reason, until }) = &client.sender_constraint {
            self.exceptions.push(Exception {
                client_id: Some(client.client_id.clone()),
                reason: reason.clone(),
                until: until.as_seconds(),
            });
        }
    }
}

impl ClientCounts {
    fn with_secrets(&self) -> u64 {
        [ClientAuthMethod::ClientSecretBasic, ClientAuthMethod::ClientSecretPost]
            .iter()
            .map(|method| self.by_authentication.get(method.name()).copied().unwrap_or(0))
            .sum()
    }
}

impl fmt::Display for Posture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, issuer) in self.issuers.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{issuer}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "posture_tests.rs"]
mod tests;
