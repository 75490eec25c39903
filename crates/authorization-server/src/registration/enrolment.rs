//! From the members of a registration to what is stored of it. The one judgment for every way in: the rules
//! of registration, the issuer's profile, and what this process can do for such a client.

use std::fmt;

use bindery_core::client_auth::ClientAuthMethod;
use bindery_core::crypto::Cryptography as _;
use bindery_core::oauth::client_metadata::{ClientKeys, ClientMetadata, ClientMetadataInvalid};
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, random_token};
use bindery_store::record::ClientRecord;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::Facts;
use crate::client_registry;
use crate::configuration::ConfigurationInvalid;
use crate::server::Server;

/// A registration that can't be used: member, rule, remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegistrationRefused {
    pub(crate) member: String,
    pub(crate) rule: String,
    pub(crate) remedy: String,
}

impl RegistrationRefused {
    pub(crate) fn new(member: &str, rule: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { member: member.into(), rule: rule.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for RegistrationRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}; {}", self.member, self.rule, self.remedy)
    }
}

impl From<ClientMetadataInvalid> for RegistrationRefused {
    fn from(fault: ClientMetadataInvalid) -> Self {
        Self { member: fault.member, rule: fault.rule, remedy: fault.remedy }
    }
}

impl From<ConfigurationInvalid> for RegistrationRefused {
    fn from(fault: ConfigurationInvalid) -> Self {
        // "client payroll: jwks" is about `jwks`; whose it is, the caller knows.
        let member = fault.option.rsplit(": ").next().unwrap_or_default().to_owned();
        Self { member, rule: fault.rule, remedy: fault.remedy }
    }
}

/// A client that may be stored, and its secret, which nobody will see again.
pub(crate) struct Enrolment {
    pub(crate) record: ClientRecord,
    pub(crate) metadata: ClientMetadata,
    pub(crate) secret: Option<Zeroizing<String>>,
}

/// Holds the members against everything that the server demands of a client and makes its record. A client
/// that authenticates with a secret and brings no digest of one gets a secret.
///
/// # Errors
/// [`RegistrationRefused`] names member, rule and remedy.
pub(crate) fn enrol(
    server: &Server,
    mut members: Map<String, Value>,
    facts: &Facts,
    now: UnixTime,
) -> Result<Enrolment, RegistrationRefused> {
    let secret = match wants_secret(&members) && !members.contains_key("client_secret_sha256") {
        true => Some(new_secret()?),
        false => None,
    };
    if let Some(secret) = &secret {
        members.insert("client_secret_sha256".into(), digest_text(secret).into());
    }
    let metadata = judge(server, members.clone())?;
    members.remove("client_secret_sha256");
    members.remove("client_id");
    let record = ClientRecord {
        client_id: metadata.client_id.clone(),
        metadata: Value::Object(members),
        secret_sha256: metadata.secret_digest,
        disabled: false,
        created_at: now,
        updated_at: now,
        registration: facts.to_value(),
        revision: 0,
    };
    Ok(Enrolment { record, metadata, secret })
}

/// Judges members, `client_id` and, if there is a secret, `client_secret_sha256` among them.
///
/// # Errors
/// [`RegistrationRefused`] names member, rule and remedy.
pub(crate) fn judge(
    server: &Server,
    members: Map<String, Value>,
) -> Result<ClientMetadata, RegistrationRefused> {
    let metadata = client_registry::judge(members, &server.settings)?;
    if matches!(metadata.keys, ClientKeys::Uri(_)) && !server.client_keys.can_fetch() {
        return Err(RegistrationRefused::new(
            "jwks_uri",
            "this server has no way to fetch key sets",
            "register the keys themselves as `jwks`",
        ));
    }
    let wants_anchors = metadata.authentication == ClientAuthMethod::TlsClientAuth;
    if wants_anchors && server.trust_anchors.of(metadata.trust_anchors.as_deref()).is_none() {
        return Err(RegistrationRefused::new(
            "trust_anchors",
            "its certificates can't be verified: it names no set of the server, or there is not just one",
            "name a set of the server's configuration, or use self_signed_tls_client_auth",
        ));
    }
    server.blocked_keys.require_unblocked_keys(&metadata)?;
    Ok(metadata)
}

/// RFC 7591 section 2: without the member the method is `client_secret_basic`.
pub(crate) fn wants_secret(members: &Map<String, Value>) -> bool {
    let method = members.get("token_endpoint_auth_method");
    method.is_none_or(|method| matches!(method.as_str(), Some("client_secret_basic" | "client_secret_post")))
}

/// A secret of 256 random bits.
///
/// # Errors
/// [`RegistrationRefused`] when the machine's random source fails.
pub(crate) fn new_secret() -> Result<Zeroizing<String>, RegistrationRefused> {
    random_token().map(Zeroizing::new).map_err(|_| {
        RegistrationRefused::new(
            "client_secret",
            "the machine's random source fails",
            "repeat the request later",
        )
    })
}

pub(crate) fn digest_text(secret: &str) -> String {
    bindery_core::encoding::base64url::encode(AwsLc.sha256(&[secret.as_bytes()]))
}
