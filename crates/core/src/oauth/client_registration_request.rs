//! A registration by the client itself (RFC 7591, OpenID Connect Dynamic Client Registration 1.0): what a stranger
//! asks for, with what the server gives. Members that we don't know are dropped and named (section 2); members
//! that only an operator may say are dropped likewise, so that nobody registers himself a privilege.

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Map, Value, json};

use super::client_members::Reader;
use super::client_metadata::{ClientMetadata, ClientMetadataInvalid};

/// The members that only an operator may say: they widen what a client may do, or lessen what it must prove.
pub const OPERATOR_MEMBERS: [&str; 17] = [
    "access_token_format",
    "audiences",
    "client_id",
    "client_secret_sha256",
    "consent",
    "disabled",
    "introspection_audiences",
    "previous_client_secret_sha256",
    "previous_client_secret_until",
    "profile",
    "refresh_token_rotation",
    "sender_constraint",
    "sender_constraint_reason",
    "sender_constraint_until",
    "token_exchange",
    "trust_anchors",
    "unbound_refresh",
];

/// A registration that may be stored.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Its meaning.
    pub metadata: ClientMetadata,
    /// Its members, defaults filled in and dropped ones left out: what is stored and echoed. The digests of
    /// secrets among them are for the store alone.
    pub members: Map<String, Value>,
    /// The names of the members that were dropped.
    pub ignored: Vec<String>,
}

/// Reads what a client asks for in `asked`; `given` are the members that the server sets itself, such as
/// `client_id`, the secret's digest, and the audiences and scope that registered clients get. They win.
///
/// # Errors
/// [`ClientMetadataInvalid`] for the first rule that is broken.
pub fn parse_registration(
    asked: &Map<String, Value>,
    given: &Map<String, Value>,
    grants: &[&str],
) -> Result<Registration, ClientMetadataInvalid> {
    let mut members = defaults();
    let mut ignored = Vec::new();
    for (name, value) in asked {
        // RFC 7592 section 2.2: null is a way to say nothing.
        if value.is_null() {
            members.remove(name);
        } else if OPERATOR_MEMBERS.contains(&name.as_str()) {
            ignored.push(name.clone());
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    members.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
    let mut reader = Reader::new(&members);
    let metadata = ClientMetadata::read(&mut reader, grants)?;
    let unknown: Vec<String> = reader.unread().map(Into::into).collect();
    for name in &unknown {
        members.remove(name);
    }
    ignored.extend(unknown);
    Ok(Registration { metadata, members, ignored })
}

/// RFC 7591 section 2.
fn defaults() -> Map<String, Value> {
    match json!({
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
    }) {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
