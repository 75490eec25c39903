//! `bindery client`: the clients that the authorization server keeps in its store. Registrations are read by
//! the same parser as the server's, so what is added here is what the server accepts. Secrets are drawn
//! here, shown once, and stored as digests.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bindery_authorization_server::{client_registry, provision};
use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_core::jose::thumbprint::JwkThumbprint;
use bindery_core::mtls::certificate::CertificateThumbprint;
use bindery_core::token::confirmation::Confirmation;
use bindery_crypto::{AwsLc, random_token};
use bindery_http::{Clock as _, SystemClock};
use bindery_store::AuthorizationStore;
use bindery_store::record::ClientRecord;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::Status;
use super::server::{IssuerFile, ServerFile};
use crate::settings::read_file;

/// Changes the clients in the store of a server's configuration. The server may be running.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The server's configuration file
    #[arg(long, value_name = "TOML", env = "BINDERY_SERVER_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// Whose clients, when several issuers are configured
    #[arg(long, value_name = "URL", global = true)]
    issuer: Option<String>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Register a client
    Add(Box<Add>),
    /// List the clients of the store, one line each
    List,
    /// Show one client's registration
    Show {
        /// The client
        client_id: String,
    },
    /// Disable a client: it can't authenticate any more, and what it holds stops working
    Disable {
        /// The client
        client_id: String,
    },
    /// Give a client a grant for a person: prints a refresh token, once
    Grant(Grant),
}

#[derive(Debug, Args)]
struct Add {
    /// The client identifier
    client_id: String,
    /// none, client_secret_basic, private_key_jwt, tls_client_auth or self_signed_tls_client_auth
    #[arg(long, value_name = "METHOD")]
    auth: Option<String>,
    /// A grant type: client_credentials or refresh_token; may be repeated
    #[arg(long = "grant-type", value_name = "TYPE")]
    grant_types: Vec<String>,
    /// All scope values that the client may have, separated by spaces
    #[arg(long)]
    scope: Option<String>,
    /// An audience that its tokens are for; may be repeated
    #[arg(long = "audience", value_name = "AUDIENCE")]
    audiences: Vec<String>,
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
    /// Any other member of the registration, as NAME=VALUE (VALUE as JSON, or as text); may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE")]
    members: Vec<String>,
    /// File with the registration as a JSON object; the other options add to it
    #[arg(long, value_name = "JSON")]
    metadata: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Grant {
    /// The client
    client_id: String,
    /// The person whom the grant is from
    #[arg(long)]
    subject: String,
    /// The granted scope; all of the client's without it
    #[arg(long, default_value = "")]
    scope: String,
    /// Thumbprint of the DPoP key that the refresh token is bound to from birth (RFC 7638, SHA-256)
    // One in 64 begins with a hyphen.
    #[arg(
        long,
        value_name = "THUMBPRINT",
        allow_hyphen_values = true,
        conflicts_with = "certificate_thumbprint"
    )]
    key_thumbprint: Option<String>,
    /// Thumbprint of the certificate that it is bound to (x5t#S256)
    #[arg(long, value_name = "THUMBPRINT", allow_hyphen_values = true)]
    certificate_thumbprint: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, out: &mut dyn Write) -> anyhow::Result<Status> {
    super::log_to_stderr("warn");
    let config = arguments
        .config
        .context("--config is missing: name the server's configuration file, or set BINDERY_SERVER_CONFIG")?;
    let file = ServerFile::read(&config)?;
    let file = file.issuer(arguments.issuer.as_deref())?;
    if !file.store.is_durable() {
        bail!(
            "{} keeps its store in memory, so there is nothing to change; set [store] path",
            config.display()
        );
    }
    let store = file.store.open().await?;
    match arguments.action {
        Action::Add(add) => register(file, &*store, &add, out).await,
        Action::List => list(&*store, out).await,
        Action::Show { client_id } => show(&*store, &client_id, out).await,
        Action::Disable { client_id } => disable(&*store, &client_id, out).await,
        Action::Grant(grant) => give(file, store, &grant, out).await,
    }
}

async fn register(
    file: &IssuerFile,
    store: &dyn AuthorizationStore,
    add: &Add,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    let mut members = add.members()?;
    // What the registration means without the member is the parser's word: RFC 7591 section 2.
    let method = members.get("token_endpoint_auth_method").map_or(Some("client_secret_basic"), Value::as_str);
    let secret = match method {
        Some("client_secret_basic") if !members.contains_key("client_secret_sha256") => {
            let secret = random_token()?;
            let digest = AwsLc.sha256(&[secret.as_bytes()]);
            members.insert("client_secret_sha256".into(), base64url::encode(digest).into());
            Some(secret)
        }
        _ => None,
    };
    let client = client_registry::parse(&members).with_context(|| format!("client {:?}", add.client_id))?;
    file.try_client(&members).await.with_context(|| format!("client {:?}", add.client_id))?;
    let now = SystemClock.now();
    members.remove("client_secret_sha256");
    let record = ClientRecord {
        client_id: client.client_id.clone(),
        metadata: Value::Object(members),
        secret_sha256: client.secret_digest,
        disabled: false,
        created_at: now,
        updated_at: now,
        registration: serde_json::json!({}),
    };
    store.insert_client(&record).await.with_context(|| {
        format!(
            "client {:?} was not added; choose another identifier, `bindery client list` names those in use",
            client.client_id
        )
    })?;
    writeln!(out, "{:#}", shown(&record))?;
    if let Some(secret) = secret {
        // Not part of the document above: this is the only time that it is seen.
        writeln!(out, "client_secret {secret}")?;
        let _ = writeln!(std::io::stderr(), "The secret is shown this once; the store has only its digest.");
    }
    Ok(Status::Done)
}

async fn list(store: &dyn AuthorizationStore, out: &mut dyn Write) -> anyhow::Result<Status> {
    for client in store.list_clients().await? {
        let text = |name: &str, default: &'static str| {
            client.metadata.get(name).and_then(Value::as_str).unwrap_or(default).to_owned()
        };
        writeln!(
            out,
            "{:<32} {:<30} {:<8} {}",
            client.client_id,
            text("token_endpoint_auth_method", "client_secret_basic"),
            text("sender_constraint", "any"),
            if client.disabled { "disabled" } else { "active" }
        )?;
    }
    Ok(Status::Done)
}

async fn show(
    store: &dyn AuthorizationStore,
    client_id: &str,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    match store.find_client(client_id).await? {
        Some(client) => {
            writeln!(out, "{:#}", shown(&client))?;
            Ok(Status::Done)
        }
        None => bail!("there is no client {client_id:?} in the store; `bindery client list` names them all"),
    }
}

async fn disable(
    store: &dyn AuthorizationStore,
    client_id: &str,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    store.disable_client(client_id, SystemClock.now()).await.with_context(|| {
        format!("client {client_id:?} was not disabled; `bindery client list` names the clients of the store")
    })?;
    writeln!(out, "disabled {client_id}")?;
    Ok(Status::Done)
}

async fn give(
    file: &IssuerFile,
    store: Arc<dyn AuthorizationStore>,
    grant: &Grant,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    const WANTED: &str = "a thumbprint is 43 characters of base64url, SHA-256";
    let bound_to = match (&grant.key_thumbprint, &grant.certificate_thumbprint) {
        (Some(text), _) => Confirmation::Dpop(
            JwkThumbprint::parse(text)
                .ok()
                .with_context(|| format!("--key-thumbprint {text:?}: {WANTED}"))?,
        ),
        (None, Some(text)) => Confirmation::Mtls(
            CertificateThumbprint::parse(text)
                .ok()
                .with_context(|| format!("--certificate-thumbprint {text:?}: {WANTED}"))?,
        ),
        (None, None) => Confirmation::Unbound,
    };
    let server = file.start(store).await?;
    let provisioned =
        provision::grant(&server, &grant.client_id, &grant.subject, &grant.scope, bound_to).await?;
    writeln!(out, "grant_id {}", provisioned.grant_id)?;
    writeln!(out, "refresh_token {}", &*provisioned.refresh_token)?;
    Ok(Status::Done)
}

/// A client as it is shown: its registration and its state, never its secret's digest.
fn shown(client: &ClientRecord) -> Value {
    json!({
        "client_id": client.client_id,
        "metadata": client.metadata,
        "has_secret": client.secret_sha256.is_some(),
        "disabled": client.disabled,
        "created_at": client.created_at.as_seconds(),
        "updated_at": client.updated_at.as_seconds(),
    })
}

impl Add {
    fn members(&self) -> anyhow::Result<Map<String, Value>> {
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
        for (name, values) in [("grant_types", &self.grant_types), ("audiences", &self.audiences)] {
            if !values.is_empty() {
                members.insert(name.into(), json!(values));
            }
        }
        if let Some(path) = &self.jwks {
            members.insert("jwks".into(), Value::Object(parse_object("--jwks", path)?));
        }
        for member in &self.members {
            let (name, value) = member
                .split_once('=')
                .with_context(|| format!("--set {member:?}: write it as NAME=VALUE"))?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            members.insert(name.to_owned(), value);
        }
        Ok(members)
    }
}

fn parse_object(option: &str, path: &std::path::Path) -> anyhow::Result<Map<String, Value>> {
    let text = read_file(option, path)?;
    bindery_core::encoding::json::parse_object(&text)
        .map_err(|reason| anyhow::anyhow!("{option} {}: not a JSON object: {reason}", path.display()))
}
