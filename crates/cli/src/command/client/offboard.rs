//! `bindery client offboard`: ends a client for ever and proves it. The server says way by way what it would
//! answer; with the client's own credentials, its real endpoints are asked as well. The exit status is 0 only
//! when nothing works any more and everything could be asked.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bindery_client::{
    ClientAuthentication, ClientConfiguration, ClientIdentity, Error, Grant, Secret, SenderConstraint,
    TokenRefused, TokenSource, TrustRoots,
};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_crypto::SigningKey;
use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::missing;
use crate::administration::{Administration, Place, segment};
use crate::command::Status;
use crate::command::request::{refused, signing_key};
use crate::settings::{read_file, read_secret};

#[derive(Debug, Args)]
pub(super) struct Offboard {
    /// The client
    client_id: String,
    /// Why, for those who find it later
    #[arg(long, default_value = "offboarded by the operator")]
    reason: String,
    /// Change nothing; only say what still works
    #[arg(long)]
    verify: bool,
    /// Also try the running server's token endpoint with the client's private key (PKCS#8 PEM)
    #[arg(long, value_name = "PEM", group = "probe")]
    probe_key: Option<PathBuf>,
    /// Also try it with the client's secret
    #[arg(long, value_name = "FILE", group = "probe")]
    probe_secret_file: Option<PathBuf>,
    /// Also try it with the client's certificate (PEM)
    #[arg(long, value_name = "PEM", requires = "probe_certificate_key", group = "probe")]
    probe_certificate: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "PEM", requires = "probe_certificate")]
    probe_certificate_key: Option<PathBuf>,
    /// Try it with this refresh token too
    #[arg(long, value_name = "FILE")]
    probe_refresh_token_file: Option<PathBuf>,
    /// The key (PKCS#8 PEM) that the refresh token is bound to; a new one without it
    #[arg(long, value_name = "PEM")]
    probe_dpop_key: Option<PathBuf>,
}

/// One way in, as it is printed.
struct Line {
    what: String,
    works: bool,
    detail: String,
}

pub(super) async fn run(
    server: &Administration,
    place: &Place,
    offboard: &Offboard,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    let client = segment(&offboard.client_id);
    let not_there = |error| missing(error, &offboard.client_id);
    let verification = if offboard.verify {
        let reply = server.call(Method::GET, &format!("/clients/{client}/verification"), None).await;
        reply.map_err(not_there)?.body
    } else {
        let body = json!({ "reason": offboard.reason });
        let reply = server.call(Method::POST, &format!("/clients/{client}/offboard"), Some(&body)).await;
        let done = reply.map_err(not_there)?.body;
        let blocked = done["blocked_keys"].as_array().map_or(0, Vec::len);
        writeln!(
            out,
            "{}: {} grants revoked, {blocked} keys and certificates blocked, {} consents forgotten",
            offboard.client_id, done["grants_revoked"], done["consents_removed"]
        )?;
        done["verification"].clone()
    };
    let mut lines: Vec<Line> = verification["checks"].as_array().into_iter().flatten().map(line).collect();
    lines.extend(probe(server.issuer(), place, offboard).await?);
    for line in &lines {
        let verdict = if line.works { "STILL WORKS" } else { "closed" };
        writeln!(out, "{:<28} {verdict:<12} {}", line.what, line.detail)?;
    }
    if let Some(end) = verification["self_contained_tokens_end_at"].as_i64() {
        writeln!(out, "guards that verify tokens without asking accept old ones until {end}")?;
    }
    if lines.iter().any(|line| line.works) {
        writeln!(out, "something of {} still works", offboard.client_id)?;
        return Ok(Status::Refused);
    }
    writeln!(out, "nothing of {} works any more", offboard.client_id)?;
    Ok(Status::Done)
}

fn line(check: &Value) -> Line {
    let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
    // What can't be read was not shown to be closed.
    Line { what: text("what"), works: check["works"].as_bool().unwrap_or(true), detail: text("detail") }
}

/// Asks the real token endpoint, as the client.
async fn probe(issuer: &str, place: &Place, offboard: &Offboard) -> anyhow::Result<Vec<Line>> {
    let Some((authentication, constraint)) = credentials(offboard)? else {
        if offboard.probe_refresh_token_file.is_some() {
            bail!("--probe-refresh-token-file: name the client's credentials too, such as --probe-key");
        }
        return Ok(Vec::new());
    };
    let mut lines = vec![
        attempt("token endpoint", issuer, place, offboard, authentication.clone(), constraint.clone(), None)
            .await?,
    ];
    if let Some(path) = &offboard.probe_refresh_token_file {
        let text = read_secret("--probe-refresh-token-file", path)?;
        let text = String::from_utf8(text).context("--probe-refresh-token-file: not text")?;
        let grant = Grant::RefreshToken { initial: Secret::new(text.trim()) };
        lines.push(
            attempt(
                "refresh at the endpoint",
                issuer,
                place,
                offboard,
                authentication,
                constraint,
                Some(grant),
            )
            .await?,
        );
    }
    Ok(lines)
}

async fn attempt(
    what: &str,
    issuer: &str,
    place: &Place,
    offboard: &Offboard,
    authentication: ClientAuthentication,
    constraint: SenderConstraint,
    grant: Option<Grant>,
) -> anyhow::Result<Line> {
    let mut builder = ClientConfiguration::builder(issuer, &offboard.client_id)
        .authentication(authentication)
        .sender_constraint(constraint);
    if let Some(grant) = grant {
        builder = builder.grant(grant);
    }
    if let Some(path) = place.ca() {
        let roots = TrustRoots::from_pem(&read_file("--ca", path)?).map_err(refused);
        builder = builder.trust_roots(roots.with_context(|| format!("--ca {}", path.display()))?);
    }
    let source = TokenSource::new(builder.build().map_err(refused)?);
    let outcome = match source {
        Ok(source) => source.token().await.map(|_| ()),
        Err(error) => Err(error),
    };
    let (works, detail) = match outcome {
        Ok(()) => (true, format!("{issuer} issued a token")),
        Err(Error::Token { reason, .. }) if is_about_client(&reason) => {
            (false, format!("{issuer} refused: {reason}"))
        }
        // Whoever could not be asked has not refused.
        Err(error) => (true, format!("not shown: {}", crate::command::chain(&error))),
    };
    Ok(Line { what: what.into(), works, detail })
}

/// Whether the refusal is of this client, its key or its grant, and not of the way in which it asked.
fn is_about_client(reason: &TokenRefused) -> bool {
    match reason {
        TokenRefused::Answered { code, description, .. } => match code.as_str() {
            "invalid_client" | "invalid_grant" => true,
            "invalid_dpop_proof" => description.as_ref().is_some_and(|text| text.contains("blocked")),
            _ => false,
        },
        _ => false,
    }
}

fn credentials(offboard: &Offboard) -> anyhow::Result<Option<(ClientAuthentication, SenderConstraint)>> {
    let dpop = || -> anyhow::Result<SenderConstraint> {
        Ok(SenderConstraint::Dpop {
            signer: match &offboard.probe_dpop_key {
                Some(path) => signing_key("--probe-dpop-key", path)?,
                None => Arc::new(SigningKey::generate(SignatureAlgorithm::Es256)?),
            },
        })
    };
    if let Some(path) = &offboard.probe_key {
        let signer = signing_key("--probe-key", path)?;
        return Ok(Some((ClientAuthentication::PrivateKeyJwt { signer, key_id: None }, dpop()?)));
    }
    if let Some(path) = &offboard.probe_secret_file {
        let secret = String::from_utf8(read_secret("--probe-secret-file", path)?);
        let secret = Secret::new(secret.context("--probe-secret-file: not text")?.trim());
        return Ok(Some((ClientAuthentication::ClientSecretBasic { secret }, dpop()?)));
    }
    let (Some(certificate), Some(key)) = (&offboard.probe_certificate, &offboard.probe_certificate_key)
    else {
        return Ok(None);
    };
    let chain = read_file("--probe-certificate", certificate)?;
    let identity = ClientIdentity::from_pem(&chain, &read_secret("--probe-certificate-key", key)?);
    let identity = identity.map_err(refused).context("--probe-certificate")?;
    let authentication = ClientAuthentication::TlsClientAuth { identity: identity.clone() };
    Ok(Some((authentication, SenderConstraint::Mtls { identity })))
}
