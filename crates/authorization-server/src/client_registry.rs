//! The clients that the server knows: those of the configuration, read-only and first, and those of the
//! store, read anew for every request, so that disabling one takes effect at once. A record that breaks
//! the rules is no client.

use std::collections::HashMap;
use std::sync::Arc;

use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::AlgorithmSet;
use bindery_core::oauth::client_backchannel::TokenDelivery;
use bindery_core::oauth::client_metadata::{ClientKeys, ClientMetadata, ClientMetadataInvalid};
use bindery_core::oauth::sender_constraint::{BearerException, SenderConstraint};
use bindery_core::time::UnixTime;
use bindery_store::record::ClientRecord;
use bindery_store::{AuthorizationStore, StoreError};
use serde_json::{Map, Value};

use crate::audit::AuditLog;
use crate::barred_clients::BarredClients;
use crate::configuration::{ConfigurationInvalid, invalid};
use crate::event::AuditEvent;
use crate::grant;
use crate::profile::signed_for;
use crate::registration::Facts;
use crate::settings::Settings;

/// A client and its state.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its registration.
    pub metadata: ClientMetadata,
    /// Whether the operator has disabled it.
    pub disabled: bool,
    /// It registered itself, was never used, and is removed at that second.
    pub(crate) unused_until: Option<UnixTime>,
}

/// A client of the configuration file: what it became, and what was written.
pub(crate) struct ConfiguredClient {
    pub(crate) client: Arc<Client>,
    pub(crate) members: Map<String, Value>,
}

/// The client is set by the configuration file and is changed there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Configured;

pub(crate) struct ClientRegistry {
    configured: HashMap<String, ConfiguredClient>,
    /// Disabled by name.
    pub(crate) barred: BarredClients,
    store: Arc<dyn AuthorizationStore>,
    settings: Arc<Settings>,
}

/// Reads registration members by the rules of this server; what `bindery client add` calls before it stores
/// them.
///
/// # Errors
/// [`ClientMetadataInvalid`] names member, rule and remedy.
pub fn parse(members: &Map<String, Value>) -> Result<ClientMetadata, ClientMetadataInvalid> {
    ClientMetadata::parse(members, &grant::names())
}

impl ClientRegistry {
    /// Checks every `[[client]]`. `disabled = true` is the one member that is no registration member.
    pub(crate) fn new(
        configured: &[Map<String, Value>],
        store: Arc<dyn AuthorizationStore>,
        settings: Arc<Settings>,
        can_fetch_keys: bool,
        audit: &AuditLog,
    ) -> Result<Self, ConfigurationInvalid> {
        let mut clients = HashMap::new();
        for (index, members) in configured.iter().enumerate() {
            let client = configured_client(index, members, &settings)?;
            let client_id = client.metadata.client_id.clone();
            if !can_fetch_keys && matches!(client.metadata.keys, ClientKeys::Uri(_)) {
                return Err(invalid(
                    format!("client {client_id}: jwks_uri"),
                    "",
                    "this server was started without a way to fetch key sets",
                    "set `client_keys.fetch = true`, or register the keys themselves as `jwks`",
                ));
            }
            require_algorithm(&client.metadata, settings.assertion_algorithms)?;
            report_exception(&client.metadata, audit);
            let client = ConfiguredClient { client: Arc::new(client), members: members.clone() };
            if clients.insert(client_id.clone(), client).is_some() {
                let rule = "two clients have this name";
                return Err(invalid(
                    format!("client[{index}].client_id"),
                    client_id,
                    rule,
                    "rename one of them",
                ));
            }
        }
        Ok(Self { configured: clients, barred: BarredClients::default(), store, settings })
    }

    /// The client of that name, disabled or not.
    pub(crate) async fn find(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        if let Some(client) = self.configured.get(client_id) {
            return Ok(Some(self.under_bar(Arc::clone(&client.client))));
        }
        let Some(record) = self.store.find_client(client_id).await? else { return Ok(None) };
        Ok(self.read(&record).map(|client| self.under_bar(Arc::new(client))))
    }

    /// A bar wins over the file and over the record.
    fn under_bar(&self, client: Arc<Client>) -> Arc<Client> {
        match self.barred.find(&client.metadata.client_id) {
            Some(_) if !client.disabled => Arc::new(Client { disabled: true, ..Client::clone(&client) }),
            _ => client,
        }
    }

    /// What a record of the store means here; nothing when the rules have no room for it.
    pub(crate) fn read(&self, record: &ClientRecord) -> Option<Client> {
        let mut members = record.metadata.as_object()?.clone();
        members.insert("client_id".into(), record.client_id.clone().into());
        if let Some(digest) = &record.secret_sha256 {
            members.insert("client_secret_sha256".into(), base64url::encode(digest).into());
        }
        let facts = Facts::of(record);
        if let Some(former) = &facts.former_secret {
            members.insert("previous_client_secret_sha256".into(), former.sha256().into());
            members.insert("previous_client_secret_until".into(), former.until().as_seconds().into());
        }
        match judge(members, &self.settings) {
            Ok(metadata) => {
                Some(Client { metadata, disabled: record.disabled, unused_until: facts.unused_until() })
            }
            Err(reason) => {
                let reason = reason.to_string();
                AuditEvent::ClientUnusable { client_id: &record.client_id, reason: &reason }.trace();
                None
            }
        }
    }

    /// Scope values and audiences of the configured clients, for metadata.
    pub(crate) fn configured(&self) -> impl Iterator<Item = &Client> {
        self.configured.values().map(|configured| &*configured.client)
    }

    /// The clients of the configuration as they were written.
    pub(crate) fn configured_clients(&self) -> impl Iterator<Item = &ConfiguredClient> {
        self.configured.values()
    }

    /// The client of the configuration of that name, as the file has it.
    pub(crate) fn find_configured(&self, client_id: &str) -> Option<&ConfiguredClient> {
        self.configured.get(client_id)
    }

    /// Requires that a client of this name is not set by the configuration.
    ///
    /// # Errors
    /// [`Configured`].
    pub(crate) fn require_changeable(&self, client_id: &str) -> Result<(), Configured> {
        if self.configured.contains_key(client_id) { Err(Configured) } else { Ok(()) }
    }
}

fn require_algorithm(client: &ClientMetadata, accepted: AlgorithmSet) -> Result<(), ConfigurationInvalid> {
    match client.assertion_algorithm {
        Some(algorithm) if !accepted.contains(algorithm) => Err(invalid(
            format!("client {}: token_endpoint_auth_signing_alg", client.client_id),
            algorithm,
            format!("the server accepts assertions with {accepted} alone"),
            "name it in `assertion_algorithms`, or let the client sign with another",
        )),
        _ => Ok(()),
    }
}

/// An exception from sender constraint is a risk that the operator is told of at every start.
fn report_exception(client: &ClientMetadata, audit: &AuditLog) {
    if let SenderConstraint::None(BearerException { reason, until }) = &client.sender_constraint {
        audit.record(AuditEvent::BearerException { client_id: &client.client_id, reason, until });
    }
}

/// Holds registration members against everything that this issuer demands of a client: the rules of
/// registration, the grant types that are on, the profile. What a `[[client]]`, a stored record and a
/// registration request all pass through.
///
/// # Errors
/// [`ConfigurationInvalid`] names member, value, rule and remedy.
pub(crate) fn judge(
    mut members: Map<String, Value>,
    settings: &Settings,
) -> Result<ClientMetadata, ConfigurationInvalid> {
    except(&mut members, settings);
    let client_id = members.get("client_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let metadata = parse(&members).map_err(|fault| ConfigurationInvalid {
        option: format!("client {client_id}: {}", fault.member),
        value: String::new(),
        rule: fault.rule,
        remedy: fault.remedy,
    })?;
    if let Some(off) = metadata.grant_types.iter().find(|name| !settings.grants.contains(&name.as_str())) {
        return Err(invalid(
            format!("client {client_id}: grant_types"),
            off,
            "the grant type is off at this server",
            "name it in the server's `grants`, or remove it from the client",
        ));
    }
    let pinged = metadata
        .backchannel
        .as_ref()
        .is_some_and(|backchannel| matches!(backchannel.delivery, TokenDelivery::Ping(_)));
    if pinged && !settings.ciba.ping {
        return Err(invalid(
            format!("client {client_id}: backchannel_token_delivery_mode"),
            "ping",
            "the server pings nobody",
            "set `ciba.ping = true`, or register poll",
        ));
    }
    settings.rules.require_profile(&metadata)?;
    for (member, algorithm) in signed_for(&metadata) {
        if !settings.signing_algorithms.contains(&algorithm) {
            let known: Vec<_> = settings.signing_algorithms.iter().map(|known| known.name()).collect();
            return Err(invalid(
                format!("client {client_id}: {member}"),
                algorithm,
                format!("the server has keys for {} alone", known.join(", ")),
                "choose one of them, or name the algorithm in the server's `signing_algorithms`",
            ));
        }
    }
    let rules = settings.rules.of_client(&metadata);
    rules.require_client(metadata)
}

/// The issuer's own exception covers confidential clients that say nothing of sender constraint.
fn except(members: &mut Map<String, Value>, settings: &Settings) {
    const SAYING: [&str; 3] =
        ["sender_constraint", "dpop_bound_access_tokens", "tls_client_certificate_bound_access_tokens"];
    let Some(exception) = &settings.bearer else { return };
    let says = |name: &&str| members.get(*name).is_some_and(|value| *value != Value::Bool(false));
    let public = members.get("token_endpoint_auth_method").and_then(Value::as_str) == Some("none");
    if public || SAYING.iter().any(says) {
        return;
    }
    members.insert("sender_constraint".into(), "none".into());
    members.insert("sender_constraint_reason".into(), exception.reason.clone().into());
    members.insert("sender_constraint_until".into(), exception.until.as_seconds().into());
}

fn configured_client(
    index: usize,
    members: &Map<String, Value>,
    settings: &Settings,
) -> Result<Client, ConfigurationInvalid> {
    let mut members = members.clone();
    let disabled = match members.remove("disabled") {
        None => false,
        Some(Value::Bool(disabled)) => disabled,
        Some(other) => {
            let option = format!("client[{index}].disabled");
            return Err(invalid(option, other, "it is neither true nor false", "write it without quotes"));
        }
    };
    let named = members.get("client_id").is_some_and(Value::is_string);
    let metadata = judge(members, settings).map_err(|fault| match named {
        true => fault,
        false => ConfigurationInvalid { option: format!("client[{index}]: {}", fault.option), ..fault },
    })?;
    Ok(Client { metadata, disabled, unused_until: None })
}
