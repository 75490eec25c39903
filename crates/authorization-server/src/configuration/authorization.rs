//! The parts of an issuer's configuration that say what may be asked of it and of people: scopes,
//! authentication classes, authorization details, registration, and the ways that open beside the redirect.
//! Values alone; their rules are in `settings`.

use bindery_core::time::UnixTime;
use serde::{Deserialize, Serialize};

/// One confirmation, by its name in `sender_constraints`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenderConstraintName {
    /// DPoP (RFC 9449).
    Dpop,
    /// Client certificates (RFC 8705).
    Mtls,
}

/// `bearer`: why and until when confidential clients of the issuer may have bearer tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BearerConfiguration {
    /// The operator's reason.
    pub reason: String,
    /// The first day without, `YYYY-MM-DD` in UTC.
    pub until: String,
}

/// The exception that `bearer` makes, after its rules were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IssuerBearerException {
    pub(crate) reason: String,
    pub(crate) until: UnixTime,
}

/// `[message_signing]`: each part is on in the profile `fapi2-message-signing` and may be on elsewhere.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MessageSigningConfiguration {
    /// Unsigned authorization requests are refused (FMS-REQ-01).
    pub requests: Option<bool>,
    /// Authorization responses are signed, always (FMS-RES-01).
    pub responses: Option<bool>,
    /// Introspection is answered with a JWT alone (FMS-INT-01).
    pub introspection: Option<bool>,
}

/// Who may register clients at the registration endpoint, from nobody to everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationAccess {
    /// Nobody: there is no such endpoint.
    #[default]
    Closed,
    /// Whoever holds an initial access token (RFC 7591 section 3).
    InitialAccessToken,
    /// Everybody; never under FAPI.
    Open,
}

/// `[registration]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistrationConfiguration {
    /// Who may register.
    pub access: RegistrationAccess,
    /// Grant types that a client may register, at most, of those that are on.
    pub grants: Vec<String>,
    /// The scope that a client may register, at most; without it every scope of this configuration.
    pub scope: Option<String>,
    /// Audiences that a registered client gets; without them the resources of this configuration.
    pub audiences: Vec<String>,
    /// After how many seconds a client that registered itself and was never used is removed; 0 for never.
    pub unused_lifetime: u32,
    /// How many clients that registered themselves may wait to be used for the first time.
    pub unused_clients: u32,
}

impl Default for RegistrationConfiguration {
    fn default() -> Self {
        Self {
            access: RegistrationAccess::Closed,
            grants: vec!["authorization_code".into(), "refresh_token".into()],
            scope: None,
            audiences: Vec::new(),
            unused_lifetime: 30 * 24 * 3600,
            unused_clients: 1000,
        }
    }
}

/// One `[[scope]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeConfiguration {
    /// The scope value.
    pub name: String,
    /// What it means, in a sentence for the person who is asked.
    #[serde(default)]
    pub description: Option<String>,
    /// Claims about the person that come with it, at userinfo.
    #[serde(default)]
    pub claims: Vec<String>,
}

/// One `[[acr]]`: a class and the methods that a login of it needs, all of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcrConfiguration {
    /// The class, as in `acr_values`.
    pub value: String,
    /// Methods that must have been used (RFC 8176), such as `pwd` and `hwk`; none: any login.
    #[serde(default)]
    pub methods: Vec<String>,
}

/// One `[[authorization_details]]`: a type and its members (RFC 9396 section 2).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationDetailsConfiguration {
    /// The type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it means, in a sentence for the person who is asked.
    #[serde(default)]
    pub description: Option<String>,
    /// Members that must be there.
    #[serde(default)]
    pub required: Vec<String>,
    /// Members that may be there; an unknown one is refused (RAR-5-01).
    #[serde(default)]
    pub members: Vec<String>,
}

/// How a person is named to clients (OIDC Core section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// The same to all.
    Public,
    /// Another to each sector.
    Pairwise,
}

impl SubjectType {
    /// The registered name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Pairwise => "pairwise",
        }
    }
}

/// `[device]` (RFC 8628).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceConfiguration {
    /// Lifetime of device and user codes in seconds, 60 to 1800.
    pub lifetime: u32,
    /// Seconds between two polls, 1 to 60.
    pub interval: u32,
}

impl Default for DeviceConfiguration {
    fn default() -> Self {
        Self { lifetime: 600, interval: 5 }
    }
}

/// `[ciba]` (CIBA Core).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CibaConfiguration {
    /// Lifetime of an `auth_req_id` in seconds, 30 to 1800.
    pub lifetime: u32,
    /// Seconds between two polls, 1 to 60.
    pub interval: u32,
    /// Whether clients may be pinged.
    pub ping: bool,
    /// How many requests may wait for one person, 1 to 100; one client has at most half of them, rounded up.
    pub waiting_per_person: u32,
    /// How many requests of one client may wait for anybody, 1 to 1000000.
    pub waiting_per_client: u32,
}

impl Default for CibaConfiguration {
    fn default() -> Self {
        Self { lifetime: 120, interval: 5, ping: true, waiting_per_person: 10, waiting_per_client: 10_000 }
    }
}
