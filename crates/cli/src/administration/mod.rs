//! How commands reach the administration interface of a server: in this process, on the store of its
//! configuration file, or at a running server over TLS with a bound token. Both speak the same requests to the
//! same operations, so a command has one body and one output.

mod remote;

use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use axum::Router;
use axum::body::{Body, to_bytes};
use bindery_authorization_server::AuthorizationServer;
use clap::Args;
use http::{Method, Request, StatusCode};
use serde_json::{Map, Value};
use tower::ServiceExt as _;

use crate::command::server::ServerFile;
use remote::Remote;

/// The longest answer that is read.
const MAXIMUM_ANSWER: usize = 16 * 1024 * 1024;

/// Where the server is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which server")]
pub(crate) struct Place {
    /// The server's configuration file: works on its store, whether the server runs or not
    #[arg(long, value_name = "TOML", env = "BINDERY_SERVER_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// Which issuer, when several are configured
    #[arg(long, value_name = "URL", global = true)]
    issuer: Option<String>,
    /// The issuer identifier of a running server: works through its administration interface, not on a file
    #[arg(long, value_name = "URL", env = "BINDERY_SERVER", global = true)]
    server: Option<String>,
    /// The client that administers, with scope bindery:admin
    #[arg(
        long = "client-id",
        id = "administrator",
        value_name = "CLIENT",
        env = "BINDERY_ADMIN_CLIENT_ID",
        global = true
    )]
    administrator: Option<String>,
    /// Its private key (PKCS#8 PEM) for private_key_jwt
    #[arg(
        long = "key",
        id = "administrator_key",
        value_name = "PEM",
        env = "BINDERY_ADMIN_KEY",
        global = true
    )]
    administrator_key: Option<PathBuf>,
    /// Its certificate (PEM), to authenticate with and to bind the token to
    #[arg(long = "certificate", id = "administrator_certificate", value_name = "PEM", global = true)]
    administrator_certificate: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long = "certificate-key", id = "administrator_certificate_key", value_name = "PEM", global = true)]
    administrator_certificate_key: Option<PathBuf>,
    /// Trust only these certification authorities (PEM); the system's without it
    #[arg(long, value_name = "PEM", global = true)]
    ca: Option<PathBuf>,
}

/// The interface, reached.
pub(crate) struct Administration {
    way: Way,
}

enum Way {
    Local { server: Box<AuthorizationServer>, router: Router },
    Remote(Box<Remote>),
}

/// What an operation answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// The `ETag`, if there is one.
    pub(crate) tag: Option<String>,
    pub(crate) body: Value,
}

/// A refusal of the interface (RFC 9457), with what the reader can do.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    text: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refusal {}

impl Place {
    /// The issuer that is administered, where it is known without asking: for probes of its endpoints.
    pub(crate) fn ca(&self) -> Option<&PathBuf> {
        self.ca.as_ref()
    }

    /// Reaches the interface.
    pub(crate) async fn open(&self) -> anyhow::Result<Administration> {
        let way = match &self.server {
            Some(server) => Way::Remote(Box::new(Remote::open(self, server)?)),
            None => self.open_local().await?,
        };
        Ok(Administration { way })
    }

    async fn open_local(&self) -> anyhow::Result<Way> {
        let config = self.config.as_ref().context(
            "--config is missing: name the server's configuration file, or set BINDERY_SERVER_CONFIG; --server names \
             a running one",
        )?;
        let file = ServerFile::read(config)?;
        let issuer = file.issuer(self.issuer.as_deref())?;
        if !issuer.store.is_durable() {
            bail!(
                "{} keeps its store in memory, so there is nothing to change; set [store] path, or name the running \
                 server with --server",
                config.display()
            );
        }
        let store = issuer.store.open().await?;
        let server = issuer.start(store).await?;
        let router = server.dangerous_unguarded_administration();
        Ok(Way::Local { server: Box::new(server), router })
    }
}

impl Administration {
    /// Asks for an operation. `path` is below the interface, its segments encoded by [`segment`].
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Reply> {
        self.call_with(method, path, body, None, "application/json").await
    }

    /// A change that names the state that it was made for.
    pub(crate) async fn change(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        tag: &str,
        media_type: &'static str,
    ) -> anyhow::Result<Reply> {
        self.call_with(method, path, body, Some(tag), media_type).await
    }

    async fn call_with(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        tag: Option<&str>,
        media_type: &'static str,
    ) -> anyhow::Result<Reply> {
        let reply = match &self.way {
            Way::Local { router, .. } => local(router, method, path, body, tag, media_type).await?,
            Way::Remote(remote) => remote.call(method, path, body, tag, media_type).await?,
        };
        if reply.status.is_success() {
            return Ok(reply);
        }
        Err(refusal(&reply).into())
    }

    /// Every item of a list, page by page.
    pub(crate) async fn list(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut query: Vec<(&str, String)> = query.to_vec();
            query.push(("limit", "500".into()));
            query.extend(after.take().map(|after| ("after", after)));
            let reply = self.call(Method::GET, &with_query(path, &query), None).await?;
            items.extend(reply.body["items"].as_array().cloned().unwrap_or_default());
            match reply.body["next"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => return Ok(items),
            }
        }
    }

    /// The issuer.
    pub(crate) fn issuer(&self) -> &str {
        match &self.way {
            Way::Local { server, .. } => server.issuer(),
            Way::Remote(remote) => remote.issuer(),
        }
    }

    /// Lets what was recorded reach the store before the process ends.
    pub(crate) async fn close(self) {
        if let Way::Local { server, .. } = self.way {
            server.flush_audit().await;
        }
    }
}

async fn local(
    router: &Router,
    method: Method,
    path: &str,
    body: Option<&Value>,
    tag: Option<&str>,
    media_type: &'static str,
) -> anyhow::Result<Reply> {
    let mut request = Request::builder().method(method).uri(format!("/admin/v1{path}"));
    if let Some(tag) = tag {
        request = request.header("if-match", tag);
    }
    let body = match body {
        Some(body) => {
            request = request.header("content-type", media_type);
            Body::from(body.to_string())
        }
        None => Body::empty(),
    };
    let response = router.clone().oneshot(request.body(body)?).await?;
    let (parts, body) = response.into_parts();
    let tag = parts.headers.get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let bytes = to_bytes(body, MAXIMUM_ANSWER).await.context("the answer is too long")?;
    Ok(Reply { status: parts.status, tag, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
}

/// What a refusal says: member, rule and remedy, or the OAuth error of the door.
fn refusal(reply: &Reply) -> Refusal {
    let text = |name: &str| reply.body[name].as_str();
    let text = match (text("rule"), text("remedy"), text("error")) {
        (Some(rule), Some(remedy), _) => match text("member") {
            Some(member) => format!("`{member}`: {rule}; {remedy}"),
            None => format!("{rule}; {remedy}"),
        },
        (_, _, Some(error)) => format!(
            "the server refused the request: {error}: {}; the administering client needs the scope bindery:admin \
             and a token for the audience <issuer>/admin/v1",
            text("error_description").unwrap_or_default()
        ),
        _ => format!("the server answered {} without saying why", reply.status),
    };
    Refusal { status: reply.status, text }
}

/// The status of the refusal behind an error, if one is.
pub(crate) fn refused_with(error: &anyhow::Error) -> Option<StatusCode> {
    error.downcast_ref::<Refusal>().map(|refusal| refusal.status)
}

/// A name as one path segment.
pub(crate) fn segment(name: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes()
        .map(|byte| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn with_query(path: &str, query: &[(&str, String)]) -> String {
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", segment(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// Only the parameters that were said.
pub(crate) fn said<'a>(pairs: &[(&'a str, &Option<String>)]) -> Vec<(&'a str, String)> {
    pairs.iter().filter_map(|(name, value)| Some((*name, (*value).clone()?))).collect()
}

/// A point in time as people say it: seconds since 1970, a day (`2027-03-31`), or a span from now (`36h`,
/// `30d`, `45m`, `90s`).
pub(crate) fn parse_time(option: &str, text: &str, now: i64) -> anyhow::Result<i64> {
    if let Some(day) = bindery_core::oauth::client_metadata::parse_day(text) {
        return Ok(day.as_seconds());
    }
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(seconds);
    }
    parse_span(option, text).map(|span| now.saturating_add(span))
}

/// A span as people say it: `36h`, `30d`, `45m`, `90s`.
pub(crate) fn parse_span(option: &str, text: &str) -> anyhow::Result<i64> {
    let wrong = || anyhow!("{option} {text:?}: write a span like 30d, 36h, 45m or 90s");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return Err(wrong()),
    };
    let count: i64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    Ok(count.saturating_mul(factor))
}

/// Members for a body, those without a value left out.
pub(crate) fn members(pairs: Vec<(&str, Option<Value>)>) -> Value {
    let present = pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect::<Map<String, Value>>())
}
