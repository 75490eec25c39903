//! What a stranger may say of its client (RFC 7591 section 2, OpenID Connect Dynamic Client Registration
//! 1.0): known members in, those of the operator out, defaults filled in, so that the answer shows what was
//! registered. Unknown members are ignored, as the RFC demands; audiences, exceptions and trust are the
//! operator's to give, and no stranger ever gets a scope of the administration.

use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::client_registration_request::{OPERATOR_MEMBERS, parse_registration};
use bindery_core::oauth::sender_constraint::SenderConstraint;
use bindery_store::record::ClientRecord;
use serde_json::{Map, Value, json};

use super::RegistrationRefused;
use super::narrowed::Narrowed;
use crate::settings::Settings;

/// The namespace of the administration's scope values.
const ADMINISTRATION: &str = "bindery:";

/// A refused request, by the codes of RFC 7591 section 3.2.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DynamicRefused {
    /// `invalid_redirect_uri`.
    RedirectUri(RegistrationRefused),
    /// `invalid_client_metadata`.
    Metadata(RegistrationRefused),
    /// `invalid_software_statement`: it is none.
    SoftwareStatementMalformed,
    /// `unapproved_software_statement`: nobody is trusted for it.
    SoftwareStatement,
}

impl From<RegistrationRefused> for DynamicRefused {
    fn from(fault: RegistrationRefused) -> Self {
        match fault.member.as_str() {
            "redirect_uris" => Self::RedirectUri(fault),
            _ => Self::Metadata(fault),
        }
    }
}

impl DynamicRefused {
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::RedirectUri(_) => "invalid_redirect_uri",
            Self::Metadata(_) => "invalid_client_metadata",
            Self::SoftwareStatementMalformed => "invalid_software_statement",
            Self::SoftwareStatement => "unapproved_software_statement",
        }
    }

    /// The rule, without anything that the caller wrote.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::RedirectUri(fault) | Self::Metadata(fault) => {
                format!("{}: {}", plain(&fault.member), plain(&fault.rule))
            }
            Self::SoftwareStatementMalformed => "software_statement: it is not a signed JWT".into(),
            Self::SoftwareStatement => {
                "software_statement: nobody is trusted to vouch for clients here".into()
            }
        }
    }

    /// The facts, for the operator.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::RedirectUri(fault) | Self::Metadata(fault) => fault.to_string(),
            other => other.sentence(),
        }
    }
}

/// Leaves out everything in quotes, where our rules cite what they were given, and every character that an
/// `error_description` has no room for (RFC 6749 section 5.2).
fn plain(text: &str) -> String {
    let mut kept = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for character in text.chars() {
        match (quoted, escaped, character) {
            (true, true, _) => escaped = false,
            (true, false, '\\') => escaped = true,
            (_, _, '"') => {
                quoted = !quoted;
                if quoted {
                    kept.push_str("it");
                }
            }
            (false, _, ' '..='!' | '#'..='[' | ']'..='~') => kept.push(character),
            _ => {}
        }
    }
    kept
}

/// The members of a registration as it will be stored, of what a stranger asked for: what the server gives
/// and what the operator has said of the client before (`kept`) win over what is asked.
///
/// # Errors
/// [`DynamicRefused`].
pub(crate) fn members_of(
    asked: &Map<String, Value>,
    client_id: &str,
    secret_sha256: Option<String>,
    kept: Map<String, Value>,
    narrowed: &Narrowed,
    settings: &Settings,
) -> Result<Map<String, Value>, DynamicRefused> {
    require_no_software_statement(asked)?;
    let mut asked = asked.clone();
    // RFC 7591 section 3.2.1: a null value counts as left out.
    asked.retain(|_, value| !value.is_null());
    require_names_for_people(&asked)?;
    require_consistent_types(&mut asked)?;
    narrowed.require(&mut asked)?;
    let mut given = kept;
    given.insert("client_id".into(), client_id.into());
    given.extend(secret_sha256.map(|digest| ("client_secret_sha256".to_owned(), digest.into())));
    given.insert("scope".into(), offered_scope(&asked, narrowed, settings)?.into());
    let audiences = match settings.registration.audiences.as_slice() {
        [] => &settings.resources,
        audiences => audiences,
    };
    if !audiences.is_empty() {
        given.entry("audiences").or_insert_with(|| json!(audiences));
    }
    let grants = offered_grants(narrowed, settings);
    let registration = parse_registration(&asked, &given, &grants)
        .map_err(|fault| DynamicRefused::from(RegistrationRefused::from(fault)))?;
    let mut members = registration.members;
    members.entry("application_type").or_insert_with(|| "web".into());
    Ok(members)
}

/// DCR-3-01: a statement is worth what its issuer is, and no issuer is trusted here.
fn require_no_software_statement(asked: &Map<String, Value>) -> Result<(), DynamicRefused> {
    match asked.get("software_statement") {
        None => Ok(()),
        Some(Value::String(jwt)) if jwt.bytes().filter(|byte| *byte == b'.').count() == 2 => {
            Err(DynamicRefused::SoftwareStatement)
        }
        Some(_) => Err(DynamicRefused::SoftwareStatementMalformed),
    }
}

/// What people will read of a client has no control characters and one line.
fn require_names_for_people(members: &Map<String, Value>) -> Result<(), DynamicRefused> {
    for (name, value) in members.iter().filter(|(name, _)| name.starts_with("client_name")) {
        let fits = value.as_str().is_some_and(|text| {
            !text.is_empty() && text.chars().count() <= 120 && !text.chars().any(char::is_control)
        });
        if !fits {
            return Err(DynamicRefused::Metadata(RegistrationRefused::new(
                name.split('#').next().unwrap_or_default(),
                "it is not a text of 1 to 120 characters without control characters",
                "choose a name that people will recognise",
            )));
        }
    }
    Ok(())
}

/// RFC 7591 section 2.1: each response type has its grant, and each grant its response type (DCR-2-02). A
/// client without the grant, which says nothing of response types, has none.
fn require_consistent_types(asked: &mut Map<String, Value>) -> Result<(), DynamicRefused> {
    let codes = asked.get("grant_types").is_none_or(|grants| names(grants, "authorization_code"));
    if !codes {
        asked.entry("response_types").or_insert_with(|| json!([]));
    }
    let answers = asked.get("response_types").is_none_or(|types| names(types, "code"));
    match (codes, answers) {
        (true, true) | (false, false) => Ok(()),
        (true, false) => Err(DynamicRefused::Metadata(RegistrationRefused::new(
            "response_types",
            "the grant authorization_code needs the response type code, and there is no other (RFC 7591 section 2.1)",
            "register [\"code\"]",
        ))),
        (false, true) => Err(DynamicRefused::Metadata(RegistrationRefused::new(
            "grant_types",
            "the response type code needs the grant authorization_code (RFC 7591 section 2.1)",
            "name it among the grant types",
        ))),
    }
}

fn names(list: &Value, word: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|value| value == word))
}

/// The grant types that a client may ask for: those that registration offers, or those that an administrator
/// said.
fn offered_grants<'a>(narrowed: &Narrowed, settings: &'a Settings) -> Vec<&'a str> {
    let said = narrowed.words("grant_types");
    let is_offered = |name: &str| match &said {
        Some(said) => said.contains(&name),
        None => settings.registration.grants.iter().any(|offered| offered == name),
    };
    settings.grants.iter().copied().filter(|name| is_offered(name)).collect()
}

/// A stranger gets what registration offers of what it asked for, and all of it when it did not ask
/// (RFC 7591 section 2: the server may replace values, and the answer says what was registered). Where an
/// administrator has said the client's scope, that is what is offered.
fn offered_scope(
    asked: &Map<String, Value>,
    narrowed: &Narrowed,
    settings: &Settings,
) -> Result<String, DynamicRefused> {
    let configured = settings.registration.scope.as_deref();
    let offered: Vec<&str> = match (narrowed.words("scope"), configured) {
        (Some(said), _) => said,
        (None, Some(scope)) => scope.split(' ').filter(|value| !value.is_empty()).collect(),
        (None, None) => settings.scopes.keys().map(String::as_str).collect(),
    };
    let offered = offered.into_iter().filter(|value| !value.starts_with(ADMINISTRATION));
    let kept: Vec<&str> = match asked.get("scope") {
        None => offered.collect(),
        Some(Value::String(asked)) => {
            let asked: Vec<&str> = asked.split(' ').collect();
            offered.filter(|value| asked.contains(value)).collect()
        }
        Some(_) => {
            return Err(DynamicRefused::Metadata(RegistrationRefused::new(
                "scope",
                "it is not a text",
                "write it like \"orders.read orders.write\"",
            )));
        }
    };
    Ok(kept.join(" "))
}

/// What the operator has said of a client, which no update by the client touches.
pub(crate) fn operators_own(record: &ClientRecord) -> Map<String, Value> {
    let mut members = record.metadata.as_object().cloned().unwrap_or_default();
    members.retain(|name, _| OPERATOR_MEMBERS.contains(&name.as_str()));
    members
}

/// The registered metadata as its client sees it (RFC 7591 section 3.2.1): everything that was registered,
/// and what its tokens will be bound to, whether it asked for that or not.
pub(crate) fn document(record: &ClientRecord, metadata: &ClientMetadata) -> Map<String, Value> {
    let mut members = record.metadata.as_object().cloned().unwrap_or_default();
    members.retain(|name, _| !OPERATOR_MEMBERS.contains(&name.as_str()));
    let (dpop, mtls) = match &metadata.sender_constraint {
        SenderConstraint::Dpop => (true, false),
        SenderConstraint::Mtls => (false, true),
        SenderConstraint::Both => (true, true),
        SenderConstraint::Any | SenderConstraint::None(_) => (false, false),
    };
    for (name, bound) in
        [("dpop_bound_access_tokens", dpop), ("tls_client_certificate_bound_access_tokens", mtls)]
    {
        if bound || members.contains_key(name) {
            members.insert(name.into(), bound.into());
        }
    }
    members.insert("client_id".into(), record.client_id.clone().into());
    members.insert("client_id_issued_at".into(), record.created_at.as_seconds().into());
    members
}
