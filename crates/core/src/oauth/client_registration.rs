//! The members of a client registration that need more than a type: one function for each, each with its own
//! rule. What must hold between members is judged in `client_metadata`.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde_json::Value;

use super::client_members::Reader;
use super::client_metadata::{ClientKeys, ClientMetadataInvalid, PreviousSecret, invalid};
use super::scope::Scope;
use super::sender_constraint::{BearerException, SenderConstraint};
use crate::client_auth::ClientAuthMethod;
use crate::client_auth::registered_certificate::confirm_certificate_key;
use crate::crypto::Sha256Digest;
use crate::encoding::base64url;
use crate::jose::algorithm::SignatureAlgorithm;
use crate::jose::jwk::{Jwk, JwkInvalid, JwkSet};
use crate::mtls::subject::{SubjectKind, SubjectRule};
use crate::time::UnixTime;

pub(super) fn client_id(reader: &mut Reader<'_>) -> Result<String, ClientMetadataInvalid> {
    let id = reader.text("client_id")?.ok_or_else(|| {
        invalid("client_id", "every client has an identifier", "set it, such as \"payroll-batch\"")
    })?;
    // RFC 6749 appendix A.1 allows VSCHAR; the cap keeps it fit for logs and indexes.
    if id.is_empty() || id.len() > 256 || !id.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        return Err(invalid(
            "client_id",
            "it is not 1 to 256 printable ASCII characters (RFC 6749 appendix A.1)",
            "choose another identifier",
        ));
    }
    Ok(id.into())
}

pub(super) fn authentication(reader: &mut Reader<'_>) -> Result<ClientAuthMethod, ClientMetadataInvalid> {
    let names = ClientAuthMethod::names();
    let name = reader.one_of("token_endpoint_auth_method", &names)?;
    // RFC 7591 section 2: the default is client_secret_basic.
    Ok(name.and_then(ClientAuthMethod::from_name).unwrap_or(ClientAuthMethod::ClientSecretBasic))
}

pub(super) fn grant_types(
    reader: &mut Reader<'_>,
    grants: &[&str],
) -> Result<Vec<String>, ClientMetadataInvalid> {
    let said = reader.texts("grant_types")?.ok_or_else(|| {
        invalid(
            "grant_types",
            "a client says which grants it uses",
            format!("list some of {grants:?}, or [] for a client that only introspects"),
        )
    })?;
    match said.iter().find(|grant| !grants.contains(&grant.as_str())) {
        Some(unknown) => Err(invalid(
            "grant_types",
            format!("the server has no grant type {unknown:?}"),
            format!("choose among {grants:?}"),
        )),
        None => Ok(said),
    }
}

pub(super) fn scope(reader: &mut Reader<'_>) -> Result<Scope, ClientMetadataInvalid> {
    Scope::parse(reader.text("scope")?.unwrap_or_default()).map_err(|_| {
        invalid(
            "scope",
            "it is not a list of tokens with single spaces between (RFC 6749 section 3.3)",
            "write it like \"orders.read orders.write\"",
        )
    })
}

pub(super) fn keys(reader: &mut Reader<'_>) -> Result<ClientKeys, ClientMetadataInvalid> {
    let uri = reader.https_url("jwks_uri")?;
    let inline = reader.value("jwks");
    match (inline, uri) {
        (Some(_), Some(_)) => Err(invalid(
            "jwks_uri",
            "`jwks` and `jwks_uri` exclude each other (RFC 7591 section 2)",
            "keep one of them",
        )),
        (None, None) => Ok(ClientKeys::None),
        (None, Some(uri)) => Ok(ClientKeys::Uri(uri)),
        (Some(value), None) => inline_keys(value).map(|set| ClientKeys::Inline(Arc::new(set))),
    }
}

fn inline_keys(value: &Value) -> Result<JwkSet, ClientMetadataInvalid> {
    let text = serde_json::to_vec(value).unwrap_or_default();
    let set = JwkSet::parse(&text).map_err(|reason| {
        invalid("jwks", reason.to_string(), "write it like {\"keys\": [{\"kty\": \"EC\", ..}]}")
    })?;
    // Keys for other uses may stand beside ours; a broken or private one must not (DCR-2-05).
    let broken = set
        .skipped
        .iter()
        .find(|(_, reason)| !matches!(reason, JwkInvalid::UnsupportedKind | JwkInvalid::NotForVerifying(_)));
    if let Some((index, reason)) = broken {
        return Err(invalid(
            "jwks",
            format!("key {index}: {reason}"),
            "register the public key alone, whole",
        ));
    }
    for (index, jwk) in set.keys.iter().enumerate() {
        if let Some(leaf) = jwk.certificates.first() {
            confirm_certificate_key(leaf, &jwk.key).map_err(|reason| {
                invalid(
                    "jwks",
                    format!("key {index}: {reason}"),
                    "put the key's own certificate first in `x5c`",
                )
            })?;
        }
        let twin = |other: &&Jwk| other.key_id.is_some() && other.key_id == jwk.key_id;
        if set.keys[..index].iter().any(|other| twin(&other)) {
            return Err(invalid("jwks", "two keys have the same `kid`", "give each key its own `kid`"));
        }
    }
    Ok(set)
}

pub(super) fn assertion_algorithm(
    reader: &mut Reader<'_>,
) -> Result<Option<SignatureAlgorithm>, ClientMetadataInvalid> {
    reader.algorithm("token_endpoint_auth_signing_alg")
}

/// Exactly one subject, or none at all for the methods that have none (MTLS-2.1-02).
pub(super) fn tls_subject(reader: &mut Reader<'_>) -> Result<Option<SubjectRule>, ClientMetadataInvalid> {
    let mut found: Option<(SubjectKind, &str)> = None;
    for kind in SubjectKind::ALL {
        let Some(value) = reader.text(kind.metadata_name())? else { continue };
        if let Some((first, _)) = found.replace((kind, value)) {
            return Err(invalid(
                kind.metadata_name(),
                format!(
                    "exactly one subject may be registered, and `{}` is there too",
                    first.metadata_name()
                ),
                "keep the one that your CA vouches for (RFC 8705 section 2.1.2)",
            ));
        }
    }
    let Some((kind, value)) = found else { return Ok(None) };
    SubjectRule::parse(kind, value).map(Some).map_err(|reason| {
        invalid(kind.metadata_name(), reason.to_string(), "correct the value (RFC 8705 section 2.1.2)")
    })
}

pub(super) fn secret_digest(
    reader: &mut Reader<'_>,
    name: &'static str,
) -> Result<Option<Sha256Digest>, ClientMetadataInvalid> {
    let Some(text) = reader.text(name)? else { return Ok(None) };
    base64url::decode_array(text).map(Some).map_err(|_| {
        invalid(
            name,
            "it is not 43 characters of base64url",
            "register base64url(SHA-256(secret)), never the secret itself",
        )
    })
}

/// Both or neither: a replaced secret without an end would live for ever.
pub(super) fn previous_secret(
    reader: &mut Reader<'_>,
) -> Result<Option<PreviousSecret>, ClientMetadataInvalid> {
    let digest = secret_digest(reader, "previous_client_secret_sha256")?;
    match (digest, reader.date("previous_client_secret_until")?) {
        (None, None) => Ok(None),
        (Some(digest), Some(until)) => Ok(Some(PreviousSecret { digest, until })),
        _ => Err(invalid(
            "previous_client_secret_until",
            "a replaced secret and its end stand together",
            "set both or neither",
        )),
    }
}

/// AMB-06: the two standard flags and our one word must tell the same story.
pub(super) fn sender_constraint(reader: &mut Reader<'_>) -> Result<SenderConstraint, ClientMetadataInvalid> {
    let dpop = reader.boolean("dpop_bound_access_tokens")?.unwrap_or(false);
    let mtls = reader.boolean("tls_client_certificate_bound_access_tokens")?.unwrap_or(false);
    let said = reader.one_of("sender_constraint", &["dpop", "mtls", "any", "both", "none"])?;
    let reason = reader.text("sender_constraint_reason")?;
    let until = reader.date("sender_constraint_until")?;
    let flags = "dpop_bound_access_tokens and tls_client_certificate_bound_access_tokens";
    let constraint = match (said, dpop, mtls) {
        (Some("both"), _, _) => SenderConstraint::Both,
        (None, true, true) => {
            return Err(invalid(
                "dpop_bound_access_tokens",
                format!("{flags} are both true, and it is not said that tokens shall name both keys"),
                "set `sender_constraint = \"both\"`, or keep one of the two",
            ));
        }
        (None | Some("dpop"), true, false) | (Some("dpop"), false, false) => SenderConstraint::Dpop,
        (None | Some("mtls"), false, true) | (Some("mtls"), false, false) => SenderConstraint::Mtls,
        (None | Some("any"), false, false) => SenderConstraint::Any,
        (Some("none"), false, false) => return bearer_exception(reason, until),
        (Some(word), ..) => {
            return Err(invalid(
                "sender_constraint",
                format!("{word:?} contradicts {flags}"),
                "keep `sender_constraint` and remove the flags",
            ));
        }
    };
    if reason.is_some() || until.is_some() {
        return Err(invalid(
            if reason.is_some() { "sender_constraint_reason" } else { "sender_constraint_until" },
            "it belongs to the exception `sender_constraint = \"none\"` alone",
            "remove it",
        ));
    }
    Ok(constraint)
}

fn bearer_exception(
    reason: Option<&str>,
    until: Option<UnixTime>,
) -> Result<SenderConstraint, ClientMetadataInvalid> {
    let rule = "a client without sender constraint is an exception with a reason and an end";
    match (reason.filter(|reason| !reason.trim().is_empty()), until) {
        (Some(reason), Some(until)) => {
            Ok(SenderConstraint::None(BearerException { reason: reason.into(), until }))
        }
        (None, _) => {
            Err(invalid("sender_constraint_reason", rule, "say why the client can't prove a key yet"))
        }
        (_, None) => {
            Err(invalid("sender_constraint_until", rule, "set the day it ends, like \"2027-03-31\""))
        }
    }
}
