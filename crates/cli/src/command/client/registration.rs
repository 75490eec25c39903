//! A registration as options of the command line: the ones that are asked for most, and any other member by
//! name. Whether it holds is the server's word.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_crypto::SigningKey;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::settings::read_file;

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The client identifier
    pub(super) client_id: String,
    /// none, client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth or
    /// self_signed_tls_client_auth
    #[arg(long, value_name = "METHOD")]
    auth: Option<String>,
    /// A grant type, such as client_credentials or authorization_code; may be repeated
    #[arg(long = "grant-type", value_name = "TYPE")]
    grant_types: Vec<String>,
    /// All scope values that the client may have, separated by spaces
    #[arg(long)]
    scope: Option<String>,
    /// An audience that its tokens are for; may be repeated
    #[arg(long = "audience", value_name = "AUDIENCE")]
    audiences: Vec<String>,
    /// Where answers to authorization requests may go; may be repeated
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// dpop, mtls, any, both, or none with a reason and a day
    #[arg(long, value_name = "CONSTRAINT")]
    sender_constraint: Option<String>,
    /// Why the client may have bearer tokens
    #[arg(long, value_name = "WHY")]
    exception_reason: Option<String>,
    /// The day on which that ends, as 2027-03-31
    #[arg(long, value_name = "DAY")]
    exception_until: Option<String>,
    /// File with the client's public keys as a JWK set
    #[arg(long, value_name = "JSON")]
    jwks: Option<PathBuf>,
    /// Make a private key (ES256) for private_key_jwt, write it to this new file, readable by you alone, and register
    /// its public half
    #[arg(long, value_name = "PEM", conflicts_with = "jwks")]
    pub(super) new_key: Option<PathBuf>,
    /// Any other member of the registration, as NAME=VALUE (VALUE as JSON, or as text); may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE")]
    members: Vec<String>,
    /// File with the registration as a JSON object; the other options add to it
    #[arg(long, value_name = "JSON")]
    metadata: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Change {
    /// The client
    pub(super) client_id: String,
    /// A member to set, as NAME=VALUE (VALUE as JSON, or as text); may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// A member to take away; may be repeated
    #[arg(long = "unset", value_name = "NAME")]
    unset: Vec<String>,
    /// File with the client's new public keys as a JWK set
    #[arg(long, value_name = "JSON")]
    jwks: Option<PathBuf>,
}

impl Add {
    /// The registration; with `--new-key` its key is in the file when this returns.
    pub(super) fn members(&self) -> anyhow::Result<Map<String, Value>> {
        let mut members = match &self.metadata {
            Some(path) => parse_object("--metadata", path)?,
            None => Map::new(),
        };
        members.insert("client_id".into(), self.client_id.as_str().into());
        for (name, value) in [
            ("token_endpoint_auth_method", &self.auth),
            ("scope", &self.scope),
            ("sender_constraint", &self.sender_constraint),
            ("sender_constraint_reason", &self.exception_reason),
            ("sender_constraint_until", &self.exception_until),
        ] {
            if let Some(value) = value {
                members.insert(name.into(), value.as_str().into());
            }
        }
        for (name, values) in [
            ("grant_types", &self.grant_types),
            ("audiences", &self.audiences),
            ("redirect_uris", &self.redirect_uris),
        ] {
            if !values.is_empty() {
                members.insert(name.into(), json!(values));
            }
        }
        if let Some(path) = &self.jwks {
            members.insert("jwks".into(), Value::Object(parse_object("--jwks", path)?));
        }
        set(&mut members, &self.members)?;
        if let Some(path) = &self.new_key {
            members.entry("token_endpoint_auth_method").or_insert_with(|| "private_key_jwt".into());
            members.insert("jwks".into(), json!({"keys": [make_key(path)?]}));
        }
        Ok(members)
    }
}

impl Change {
    /// The merge patch (RFC 7396): a member that goes is null.
    pub(super) fn changes(&self) -> anyhow::Result<Value> {
        let mut changes = Map::new();
        if let Some(path) = &self.jwks {
            changes.insert("jwks".into(), Value::Object(parse_object("--jwks", path)?));
            // A merge would keep members of the old set that the new one doesn't have; there are none but `keys`.
        }
        set(&mut changes, &self.set)?;
        for name in &self.unset {
            changes.insert(name.clone(), Value::Null);
        }
        anyhow::ensure!(!changes.is_empty(), "nothing would change: use --set, --unset or --jwks");
        Ok(Value::Object(changes))
    }
}

fn set(members: &mut Map<String, Value>, said: &[String]) -> anyhow::Result<()> {
    for member in said {
        let (name, value) =
            member.split_once('=').with_context(|| format!("--set {member:?}: write it as NAME=VALUE"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        members.insert(name.to_owned(), value);
    }
    Ok(())
}

/// A new key in a new file; gives its public half.
fn make_key(path: &Path) -> anyhow::Result<Map<String, Value>> {
    let key = SigningKey::generate(SignatureAlgorithm::Es256).context("no key can be made")?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(key.to_pkcs8_pem().as_bytes()));
    written.with_context(|| {
        format!("--new-key {}: can't be written; name a file that is not there yet", path.display())
    })?;
    let mut jwk = key.public_key().to_jwk();
    jwk.insert("kid".into(), key.thumbprint().to_string().into());
    jwk.insert("alg".into(), key.algorithm().name().into());
    jwk.insert("use".into(), "sig".into());
    Ok(jwk)
}

fn parse_object(option: &str, path: &Path) -> anyhow::Result<Map<String, Value>> {
    let text = read_file(option, path)?;
    bindery_core::encoding::json::parse_object(&text)
        .map_err(|reason| anyhow::anyhow!("{option} {}: not a JSON object: {reason}", path.display()))
}
