//! The clients that the server knows: those of the configuration, read-only and first, and those of the
//! store, read anew for every request, so that disabling one takes effect at once. A record that breaks
//! the rules is no client.

use std::collections::HashMap;
use std::sync::Arc;

use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::AlgorithmSet;
use bindery_core::oauth::client_metadata::{ClientKeys, ClientMetadata, ClientMetadataInvalid};
use bindery_core::oauth::sender_constraint::{BearerException, SenderConstraint};
use bindery_store::record::ClientRecord;
use bindery_store::{AuthorizationStore, StoreError};
use serde_json::{Map, Value};

use crate::audit::AuditLog;
use crate::configuration::{ConfigurationInvalid, invalid};
use crate::event::AuditEvent;
use crate::grant;
use crate::profile::Profile;

/// A client and its state.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its registration.
    pub metadata: ClientMetadata,
    /// Whether the operator has disabled it.
    pub disabled: bool,
}

pub(crate) struct ClientRegistry {
    configured: HashMap<String, Arc<Client>>,
    store: Arc<dyn AuthorizationStore>,
    profile: Profile,
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
        profile: Profile,
        algorithms: AlgorithmSet,
        can_fetch_keys: bool,
        audit: &AuditLog,
    ) -> Result<Self, ConfigurationInvalid> {
        let mut clients = HashMap::new();
        for (index, members) in configured.iter().enumerate() {
            let client = configured_client(index, members)?;
            profile.require_client(&client.metadata)?;
            let client_id = client.metadata.client_id.clone();
            if !can_fetch_keys && matches!(client.metadata.keys, ClientKeys::Uri(_)) {
                return Err(invalid(
                    format!("client {client_id}: jwks_uri"),
                    "",
                    "this server was started without a way to fetch key sets",
                    "set `client_keys.fetch = true`, or register the keys themselves as `jwks`",
                ));
            }
            require_algorithm(&client.metadata, algorithms)?;
            report_exception(&client.metadata, audit);
            if clients.insert(client_id.clone(), Arc::new(client)).is_some() {
                let rule = "two clients have this name";
                return Err(invalid(
                    format!("client[{index}].client_id"),
                    client_id,
                    rule,
                    "rename one of them",
                ));
            }
        }
        Ok(Self { configured: clients, store, profile })
    }

    /// The client of that name, disabled or not.
    pub(crate) async fn find(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        if let Some(client) = self.configured.get(client_id) {
            return Ok(Some(Arc::clone(client)));
        }
        let Some(record) = self.store.find_client(client_id).await? else { return Ok(None) };
        Ok(self.read(&record).map(Arc::new))
    }

    fn read(&self, record: &ClientRecord) -> Option<Client> {
        let mut members = record.metadata.as_object()?.clone();
        members.insert("client_id".into(), record.client_id.clone().into());
        if let Some(digest) = &record.secret_sha256 {
            members.insert("client_secret_sha256".into(), base64url::encode(digest).into());
        }
        let metadata = parse(&members).map_err(|reason| reason.to_string());
        let metadata = metadata.and_then(|metadata| {
            self.profile.require_client(&metadata).map_err(|reason| reason.to_string())?;
            Ok(metadata)
        });
        match metadata {
            Ok(metadata) => Some(Client { metadata, disabled: record.disabled }),
            Err(reason) => {
                AuditEvent::ClientUnusable { client_id: &record.client_id, reason: &reason }.trace();
                None
            }
        }
    }

    /// Scope values and audiences of the configured clients, for metadata.
    pub(crate) fn configured(&self) -> impl Iterator<Item = &Client> {
        self.configured.values().map(|client| &**client)
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

fn configured_client(index: usize, members: &Map<String, Value>) -> Result<Client, ConfigurationInvalid> {
    let mut members = members.clone();
    let disabled = match members.remove("disabled") {
        None => false,
        Some(Value::Bool(disabled)) => disabled,
        Some(other) => {
            let option = format!("client[{index}].disabled");
            return Err(invalid(option, other, "it is neither true nor false", "write it without quotes"));
        }
    };
    let name = members.get("client_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let metadata = parse(&members).map_err(|fault| ConfigurationInvalid {
        option: format!("client[{index}].{}", fault.member),
        value: if name.is_empty() { name } else { format!("(client {name})") },
        rule: fault.rule,
        remedy: fault.remedy,
    })?;
    Ok(Client { metadata, disabled })
}
