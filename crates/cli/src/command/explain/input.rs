//! Where the text comes from and what it is: a proof, a token, or the head of a request. Everything is bounded
//! before it is looked at, and what is none of the three is refused with the reason.

use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use bindery_core::encoding::base64url;
use bindery_core::explain;
use bindery_core::time::UnixTime;

use super::Arguments;
use super::request_head::RequestHead;

/// The most that is read of any file, in bytes.
const MAXIMUM: u64 = 1024 * 1024;

/// What is to be explained.
pub(super) enum Input {
    Proof(String),
    Token(String),
    Request(Box<RequestHead>),
}

/// Reads what the arguments name.
pub(super) fn read(arguments: &Arguments) -> anyhow::Result<Input> {
    if let Some(path) = &arguments.request {
        let bytes = match path.as_os_str() == "-" {
            true => read_bounded("stdin", std::io::stdin().lock())?,
            false => read_file("--request", path)?,
        };
        let text = text(&path.display().to_string(), bytes)?;
        return Ok(Input::Request(Box::new(RequestHead::parse(&text)?)));
    }
    match (&arguments.input, &arguments.url) {
        (Some(input), _) if input == "-" => {
            let text = text("stdin", read_bounded("stdin", std::io::stdin().lock())?)?;
            classify(&text)
        }
        (Some(input), _) => classify(input),
        (None, Some(url)) => {
            let method = arguments.method.as_deref().unwrap_or("GET");
            Ok(Input::Request(Box::new(RequestHead::from_arguments(method, url, &arguments.headers)?)))
        }
        (None, None) if !arguments.headers.is_empty() => {
            bail!("-H needs the URL of the request; give it with --url https://..")
        }
        (None, None) => {
            bail!(
                "nothing to explain; give a token or a proof, --request FILE, or --url with -H (see --help)"
            )
        }
    }
}

/// Tells a proof from a token from a request by its form.
fn classify(text: &str) -> anyhow::Result<Input> {
    if text.len() as u64 > MAXIMUM {
        bail!("the text has more than {MAXIMUM} bytes; a token has at most 16 KiB");
    }
    if RequestHead::is_likely(text) {
        return Ok(Input::Request(Box::new(RequestHead::parse(text)?)));
    }
    let (bare, _) = explain::pasted(text);
    if bare.is_empty() {
        bail!("the text is empty; give a token or a proof (a shell variable that is not set?)");
    }
    if bare.starts_with(['{', '[']) {
        bail!("this is JSON; give the token itself, as the value of access_token in a token response");
    }
    if bare.starts_with("-----BEGIN") {
        bail!("this is PEM; give a certificate with --certificate FILE beside a token");
    }
    if !bare.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'}' | b'"' | b'<' | b'>'))
    {
        bail!("this is neither a token nor a proof: it holds characters that neither can have");
    }
    if bare.len() < 255 && Path::new(&bare).is_file() {
        bail!(
            "{bare} is a file; read it with `bindery explain - < {bare}`, or a request with --request {bare}"
        );
    }
    Ok(if is_proof(&bare) { Input::Proof(text.into()) } else { Input::Token(text.into()) })
}

/// A proof says so by its `typ`; a broken one by the key in its header.
fn is_proof(text: &str) -> bool {
    segment(text, 0).is_some_and(|header| {
        let typ = header["typ"].as_str().unwrap_or_default();
        typ.eq_ignore_ascii_case("dpop+jwt") || header.get("jwk").is_some()
    })
}

/// Whether the claims of a proof have a nonce.
pub(super) fn has_nonce(proof: &str) -> bool {
    segment(proof, 1).is_some_and(|claims| claims.get("nonce").is_some())
}

/// A segment of a JWS as JSON; padding is forgiven, as this only chooses what to explain.
fn segment(text: &str, index: usize) -> Option<serde_json::Value> {
    let segment = text.split('.').nth(index)?.trim_end_matches('=');
    serde_json::from_slice(&base64url::decode(segment).ok()?).ok()
}

/// Reads the file that `option` names, up to the bound.
pub(super) fn read_file(option: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = format!("{option} {}", path.display());
    let file = std::fs::File::open(path).with_context(|| format!("{shown}: can't be opened"))?;
    read_bounded(&shown, file)
}

fn read_bounded(name: &str, source: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MAXIMUM + 1).read_to_end(&mut bytes).with_context(|| format!("{name}: can't be read"))?;
    if bytes.len() as u64 > MAXIMUM {
        bail!("{name}: has more than {MAXIMUM} bytes; explain reads at most that");
    }
    Ok(bytes)
}

fn text(name: &str, bytes: Vec<u8>) -> anyhow::Result<String> {
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => bail!("{name}: is not text; explain reads a token, a proof, or the head of a request"),
    }
}

/// Seconds since 1970, or RFC 3339.
pub(super) fn parse_time(text: &str) -> anyhow::Result<UnixTime> {
    if let Ok(seconds) = text.parse() {
        return Ok(UnixTime::from_seconds(seconds));
    }
    time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
        .map(|date| UnixTime::from_seconds(date.unix_timestamp()))
        .map_err(|_| anyhow!("--now {text}: not a time; write seconds since 1970 or 2026-01-31T12:00:00Z"))
}
