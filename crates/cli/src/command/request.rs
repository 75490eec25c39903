//! `bindery request`: one request with a bound token. Everything difficult (the token, the proof, nonces,
//! refresh, the clock) is `bindery-client`'s; here are only arguments and output.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use bindery_client::{
    BoundMiddleware, ClientAuthentication, ClientConfiguration, ClientIdentity, ConfigurationInvalid, Grant,
    Secret, SenderConstraint, TokenSource, TrustRoots,
};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_crypto::{Signer, SigningKey};
use clap::Args;
use http::{HeaderName, HeaderValue, Method};

use super::Status;
use crate::settings::{read_file, read_secret};

/// Gets a bound token and sends one request with it. Exit status 0 for an answer below 400, 1 for an answer
/// of 400 and above, 2 when there was no answer.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The method, as sent
    #[arg(required_unless_present = "print_token")]
    method: Option<String>,
    /// The https URL
    #[arg(required_unless_present = "print_token")]
    url: Option<String>,
    /// The issuer identifier of the authorization server
    #[arg(long, env = "BINDERY_ISSUER")]
    issuer: String,
    /// The client identifier
    #[arg(long, env = "BINDERY_CLIENT_ID")]
    client_id: String,
    /// Private key (PKCS#8 PEM) for private_key_jwt
    #[arg(long, value_name = "PEM", group = "authentication")]
    assertion_key: Option<PathBuf>,
    /// The key id under which the assertion key is registered
    // Often a thumbprint, and one in 64 of those begins with a hyphen.
    #[arg(long, requires = "assertion_key", allow_hyphen_values = true)]
    key_id: Option<String>,
    /// File with the client secret, for client_secret_basic
    #[arg(long, value_name = "FILE", group = "authentication")]
    secret_file: Option<PathBuf>,
    /// Client certificate (PEM): for tls_client_auth, and to bind the token to
    #[arg(long, value_name = "PEM", requires = "certificate_key")]
    certificate: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "PEM", requires = "certificate")]
    certificate_key: Option<PathBuf>,
    /// Private key (PKCS#8 PEM) for DPoP; a new one is made without it
    #[arg(long, value_name = "PEM")]
    dpop_key: Option<PathBuf>,
    /// File with a refresh token to use in place of client credentials
    #[arg(long, value_name = "FILE")]
    refresh_token_file: Option<PathBuf>,
    /// Scope to ask for
    #[arg(long)]
    scope: Option<String>,
    /// Resource indicator to ask the token for (RFC 8707)
    #[arg(long)]
    resource: Option<String>,
    /// Trust only these certification authorities (PEM); the system's without it
    #[arg(long, value_name = "PEM")]
    ca: Option<PathBuf>,
    /// A request header, as `Name: value`; may be repeated
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// The request body; `@file` reads one
    #[arg(short, long)]
    data: Option<String>,
    /// Print the response's status line and headers before its body
    #[arg(short, long)]
    include: bool,
    /// Print the access token instead of sending a request
    #[arg(long, conflicts_with_all = ["method", "url"])]
    print_token: bool,
}

pub(crate) async fn run(arguments: Arguments, out: &mut dyn Write) -> anyhow::Result<Status> {
    super::log_to_stderr("warn");
    let configuration = configuration(&arguments)?;
    let source = TokenSource::new(configuration.clone()).map_err(with_remedy)?;
    let (Some(method), Some(url)) = (&arguments.method, &arguments.url) else {
        writeln!(out, "{}", source.token().await.map_err(with_remedy)?.expose())?;
        return Ok(Status::Done);
    };
    let http = configuration
        .http_client_builder()
        .map_err(refused)?
        .build()
        .context("the HTTP client can't be made")?;
    let client = reqwest_middleware::ClientBuilder::new(http).with(BoundMiddleware::new(source)).build();
    let method =
        Method::from_bytes(method.as_bytes()).with_context(|| format!("{method:?} is not an HTTP method"))?;
    // The URL may hold what is not for a screen, so it is not repeated.
    let url = reqwest::Url::parse(url).context("URL: write it like https://api.example.com/path")?;
    let mut request = client.request(method, url);
    for header in &arguments.headers {
        let (name, value) = parse_header(header)?;
        request = request.header(name, value);
    }
    if let Some(data) = &arguments.data {
        let body = match data.strip_prefix('@') {
            Some(path) => read_file("--data", path.as_ref())?,
            None => data.clone().into_bytes(),
        };
        request = request.body(body);
    }
    let response = request.send().await.map_err(|error| match bindery_client::Error::of(&error) {
        Some(known) => with_remedy(known.clone()),
        None => error.into(),
    })?;
    let status = response.status();
    if arguments.include {
        writeln!(out, "{:?} {status}", response.version())?;
        for (name, value) in response.headers() {
            writeln!(out, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        writeln!(out)?;
    }
    let mut response = response;
    while let Some(chunk) = response.chunk().await? {
        out.write_all(&chunk)?;
    }
    out.flush()?;
    Ok(if status.is_client_error() || status.is_server_error() { Status::Refused } else { Status::Done })
}

/// The error with what to do about it, which the types of the client crate keep apart.
pub(crate) fn with_remedy(error: bindery_client::Error) -> anyhow::Error {
    anyhow!("{}; {}", super::chain(&error), error.remedy())
}

/// A refused option, with what to do.
pub(crate) fn refused(reason: ConfigurationInvalid) -> anyhow::Error {
    anyhow!("{reason}; {}", reason.remedy())
}

fn configuration(arguments: &Arguments) -> anyhow::Result<ClientConfiguration> {
    let identity = match (&arguments.certificate, &arguments.certificate_key) {
        (Some(certificate), Some(key)) => {
            let chain = read_file("--certificate", certificate)?;
            let identity = ClientIdentity::from_pem(&chain, &read_secret("--certificate-key", key)?);
            Some(identity.map_err(refused).with_context(|| {
                format!("--certificate {} with --certificate-key {}", certificate.display(), key.display())
            })?)
        }
        _ => None,
    };
    let mut builder = ClientConfiguration::builder(&arguments.issuer, &arguments.client_id)
        .authentication(authentication(arguments, identity.clone())?)
        .sender_constraint(sender_constraint(arguments, identity)?);
    if let Some(path) = &arguments.refresh_token_file {
        builder =
            builder.grant(Grant::RefreshToken { initial: Secret::new(text("--refresh-token-file", path)?) });
    }
    if let Some(scope) = &arguments.scope {
        builder = builder.scope(scope);
    }
    if let Some(resource) = &arguments.resource {
        builder = builder.resource(resource);
    }
    if let Some(path) = &arguments.ca {
        let roots = TrustRoots::from_pem(&read_file("--ca", path)?).map_err(refused);
        builder = builder.trust_roots(roots.with_context(|| format!("--ca {}", path.display()))?);
    }
    builder.build().map_err(refused)
}

fn authentication(
    arguments: &Arguments,
    identity: Option<ClientIdentity>,
) -> anyhow::Result<ClientAuthentication> {
    if let Some(path) = &arguments.assertion_key {
        let signer = signing_key("--assertion-key", path)?;
        return Ok(ClientAuthentication::PrivateKeyJwt { signer, key_id: arguments.key_id.clone() });
    }
    if let Some(path) = &arguments.secret_file {
        return Ok(ClientAuthentication::ClientSecretBasic {
            secret: Secret::new(text("--secret-file", path)?),
        });
    }
    Ok(match identity {
        Some(identity) => ClientAuthentication::TlsClientAuth { identity },
        None => ClientAuthentication::None,
    })
}

/// A certificate binds unless a DPoP key is named; without either, a new DPoP key does.
fn sender_constraint(
    arguments: &Arguments,
    identity: Option<ClientIdentity>,
) -> anyhow::Result<SenderConstraint> {
    match (&arguments.dpop_key, identity) {
        (Some(path), _) => Ok(SenderConstraint::Dpop { signer: signing_key("--dpop-key", path)? }),
        (None, Some(identity)) => Ok(SenderConstraint::Mtls { identity }),
        (None, None) if arguments.refresh_token_file.is_some() => {
            bail!(
                "a refresh token of a public client is bound to a key; name that key with --dpop-key or --certificate"
            )
        }
        (None, None) => {
            Ok(SenderConstraint::Dpop { signer: Arc::new(SigningKey::generate(SignatureAlgorithm::Es256)?) })
        }
    }
}

/// A private key of a PEM file.
pub(crate) fn signing_key(option: &str, path: &std::path::Path) -> anyhow::Result<Arc<dyn Signer>> {
    let pem = text(option, path)?;
    let key =
        SigningKey::from_pkcs8_pem(None, &pem).with_context(|| format!("{option} {}", path.display()))?;
    Ok(Arc::new(key))
}

fn text(option: &str, path: &std::path::Path) -> anyhow::Result<String> {
    let bytes = read_secret(option, path)?;
    let text = String::from_utf8(bytes).with_context(|| format!("{option} {}: not text", path.display()))?;
    Ok(text.trim().to_owned())
}

fn parse_header(header: &str) -> anyhow::Result<(HeaderName, HeaderValue)> {
    let (name, value) =
        header.split_once(':').with_context(|| format!("--header {header:?}: write it as `Name: value`"))?;
    let name = HeaderName::from_bytes(name.trim().as_bytes())
        .with_context(|| format!("--header {name:?}: not a header name"))?;
    if ["authorization", "dpop"].contains(&name.as_str()) {
        bail!(
            "--header {name}: bindery sets it, with the bound token and a fresh proof; remove it, or use curl"
        );
    }
    let value = HeaderValue::from_str(value.trim())
        .with_context(|| format!("--header {name}: not a header value"))?;
    Ok((name, value))
}
