//! A client as administrators see it: its registration and its state, never a secret or a digest of one.

use bindery_store::record::{BarredClientRecord, ClientRecord};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::entity_tag;
use crate::client_registry::ConfiguredClient;
use crate::registration::Facts;

/// Where a client is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Source {
    /// In the store: it can be changed here.
    Store,
    /// In the configuration file: it is changed there, but for its state, which can be set here.
    Configuration,
}

/// A client.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Client)]
pub(super) struct ClientView {
    /// `client_id`.
    pub(super) client_id: String,
    /// Where it is registered.
    pub(super) source: Source,
    /// The registration (RFC 7591 section 2, and this server's members), without secrets.
    #[schema(value_type = Object)]
    pub(super) metadata: Value,
    /// Whether it has a secret.
    pub(super) has_secret: bool,
    /// A disabled client can't authenticate, and what it holds is dead.
    pub(super) disabled: bool,
    /// When it was registered, in seconds since 1970; absent for clients of the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_at: Option<i64>,
    /// When it was changed last, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) updated_at: Option<i64>,
    /// Who registered it; absent when it registered itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) registered_by: Option<String>,
    /// The initial access token that it registered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) initial_access_token: Option<String>,
    /// Until when the secret before the present one is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) former_secret_until: Option<i64>,
    /// It registered itself and is removed at this second if it is not used before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unused_until: Option<i64>,
    /// Why it is disabled, where somebody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) disabled_because: Option<String>,
    /// When it was offboarded; it never comes back, unless the configuration file has it and it is enabled again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offboarded_at: Option<i64>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offboarded_because: Option<String>,
    /// Which state of the record this is. Two changes within a second differ in it, secrets too.
    #[serde(skip)]
    revision: u64,
}

impl ClientView {
    pub(super) fn of(record: ClientRecord) -> Self {
        let facts = Facts::of(&record);
        Self {
            client_id: record.client_id,
            source: Source::Store,
            metadata: record.metadata,
            has_secret: record.secret_sha256.is_some(),
            disabled: record.disabled,
            created_at: Some(record.created_at.as_seconds()),
            updated_at: Some(record.updated_at.as_seconds()),
            former_secret_until: facts.former_secret.as_ref().map(|secret| secret.until().as_seconds()),
            unused_until: facts.unused_until().map(bindery_core::time::UnixTime::as_seconds),
            offboarded_at: facts.offboarded_at().map(bindery_core::time::UnixTime::as_seconds),
            offboarded_because: facts.offboarded_because,
            disabled_because: None,
            registered_by: facts.registered_by,
            initial_access_token: facts.initial_access_token,
            revision: record.revision,
        }
    }

    pub(super) fn of_configured(configured: &ConfiguredClient) -> Self {
        let mut members = configured.members.clone();
        for hidden in ["client_id", "client_secret_sha256", "disabled", "previous_client_secret_sha256"] {
            members.remove(hidden);
        }
        Self {
            client_id: configured.client.metadata.client_id.clone(),
            source: Source::Configuration,
            metadata: Value::Object(members),
            has_secret: configured.client.metadata.secret_digest.is_some(),
            disabled: configured.client.disabled,
            created_at: None,
            updated_at: None,
            registered_by: None,
            initial_access_token: None,
            former_secret_until: None,
            unused_until: None,
            offboarded_at: None,
            offboarded_because: None,
            disabled_because: None,
            revision: 0,
        }
    }

    /// The same under a bar: what an operator said wins over the file.
    pub(super) fn under(mut self, bar: Option<BarredClientRecord>) -> Self {
        let Some(bar) = bar else { return self };
        self.disabled = true;
        self.updated_at = Some(bar.barred_at.as_seconds());
        match bar.offboarded {
            true => {
                self.offboarded_at = Some(bar.barred_at.as_seconds());
                self.offboarded_because = Some(bar.reason);
            }
            false => self.disabled_because = Some(bar.reason),
        }
        self
    }

    /// The tag of this state of the client.
    pub(super) fn tag(&self) -> String {
        entity_tag::of(&(self, self.revision))
    }
}
