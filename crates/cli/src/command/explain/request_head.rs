//! The head of a request as people have it at hand: copied from a log, or from `curl -v` with its marks. The
//! reading forgives what copying does (line ends, marks) and nothing that a server would see.

use anyhow::{Context as _, bail};
use bindery_core::explain::for_terminal;
use bindery_core::time::UnixTime;

/// A note on how the text was read: a hint's name and text.
pub(super) type Note = (&'static str, String);

/// The note that the URL was made from the Host header.
pub(super) const HOST_TAKEN: &str = "host_taken";

/// What the checks need of a request.
pub(super) struct RequestHead {
    pub(super) method: String,
    pub(super) url: Url,
    pub(super) authorization: Vec<String>,
    pub(super) dpop: Vec<String>,
    /// The `Date` of the answer, if the text has the answer, too.
    pub(super) answered_at: Option<UnixTime>,
    pub(super) notes: Vec<Note>,
}

/// Origin and path of a URL, as written.
pub(super) struct Url {
    /// `https://host:port`.
    pub(super) origin: String,
    /// The path, `/` if there is none.
    pub(super) path: String,
    /// Whether the query has `access_token`.
    pub(super) token_in_query: bool,
}

impl Url {
    /// Reads an absolute URL.
    pub(super) fn parse(url: &str) -> anyhow::Result<Self> {
        let (scheme, rest) = url.split_once("://").with_context(|| {
            format!("the URL {} is not absolute; write https://host/path", for_terminal(url))
        })?;
        let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        Ok(Self::of(&format!("{scheme}://{authority}"), target))
    }

    fn of(origin: &str, target: &str) -> Self {
        let target = target.split('#').next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            origin: origin.into(),
            path: if path.is_empty() { "/".into() } else { path.into() },
            token_in_query: query.split('&').any(|pair| pair.split('=').next() == Some("access_token")),
        }
    }
}

/// The method and target of a request line, with the version or without it.
fn request_line(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let is_method =
        !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    let version = words.next();
    let is_target = target.starts_with('/') || target.contains("://") || target == "*";
    (is_method
        && is_target
        && version.is_none_or(|version| version.starts_with("HTTP/"))
        && words.next().is_none())
    .then_some((method, target))
}

impl RequestHead {
    /// Whether the text looks like a request and not like a token.
    pub(super) fn is_likely(text: &str) -> bool {
        let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default();
        request_line(first).is_some() || text.lines().any(|line| line.starts_with("> "))
    }

    /// Reads a request head; of several in one `curl -v` output, the last.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let text = text.trim_start_matches('\u{feff}');
        if text.trim().is_empty() {
            bail!("the request is empty; its first line must be like `GET /path HTTP/1.1`");
        }
        let marked = text.lines().any(|line| line.starts_with("> "));
        let mut sent: Vec<&str> = Vec::new();
        let mut received: Vec<&str> = Vec::new();
        let mut requests = 0;
        for line in text.lines().map(|line| line.trim_end_matches('\r')) {
            let line = match (marked, line.strip_prefix("> ")) {
                (true, Some(line)) => line,
                (true, None) => {
                    received.extend(line.strip_prefix("< "));
                    continue;
                }
                (false, _) if line.is_empty() && !sent.is_empty() => break,
                (false, _) => line,
            };
            if line.is_empty() {
                continue;
            }
            if marked && request_line(line).is_some() {
                requests += 1;
                sent.clear();
                received.clear();
            }
            sent.push(line);
        }
        let mut head = Self::from_lines(&sent)?;
        head.read_answer(&received);
        if requests > 1 {
            head.notes.insert(
                0,
                ("several_requests", format!("The text holds {requests} requests; this is the last.")),
            );
        }
        Ok(head)
    }

    fn from_lines(lines: &[&str]) -> anyhow::Result<Self> {
        let first = lines.first().copied().unwrap_or_default();
        let Some((method, target)) = request_line(first) else {
            bail!("the first line is not a request line; it must be like `GET /path HTTP/1.1`");
        };
        let mut headers: Vec<(String, String)> = Vec::new();
        let mut notes = Vec::new();
        for line in &lines[1..] {
            if line.starts_with([' ', '\t']) && !headers.is_empty() {
                if let Some((_, value)) = headers.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                notes.push((
                    "folded_line",
                    "A header goes on over a line break, which servers refuse.".to_owned(),
                ));
            } else {
                headers.push(header(line)?);
            }
        }
        let url = match target.contains("://") {
            true => Url::parse(target)?,
            false => {
                let host = headers.iter().find(|(name, _)| name == "host" || name == ":authority");
                let Some((_, host)) = host else {
                    bail!("the request has no Host header, so its URL is not known; add `Host: ..`");
                };
                notes.push((
                    HOST_TAKEN,
                    format!(
                        "The URL's host {} is the Host header's. A guard never trusts that: it compares htu with its \
                         configured public_urls; give those with --public-url.",
                        for_terminal(host)
                    ),
                ));
                Url::of(&format!("https://{host}"), target)
            }
        };
        Ok(Self::new(method, url, headers, notes))
    }

    /// Takes the request from the command line.
    pub(super) fn from_arguments(method: &str, url: &str, headers: &[String]) -> anyhow::Result<Self> {
        let headers = headers.iter().map(|line| header(line)).collect::<anyhow::Result<_>>()?;
        Ok(Self::new(method, Url::parse(url)?, headers, Vec::new()))
    }

    fn new(method: &str, url: Url, headers: Vec<(String, String)>, notes: Vec<Note>) -> Self {
        let mut head = Self {
            method: method.into(),
            url,
            authorization: Vec::new(),
            dpop: Vec::new(),
            answered_at: None,
            notes,
        };
        for (name, value) in headers {
            match name.as_str() {
                "authorization" => head.authorization.push(value),
                "dpop" => head.dpop.push(value),
                _ => {}
            }
        }
        head
    }

    /// What the server answered, where `curl -v` shows it.
    fn read_answer(&mut self, lines: &[&str]) {
        for line in lines {
            let Ok((name, value)) = header(line) else { continue };
            match name.as_str() {
                "date" => {
                    self.answered_at = httpdate::parse_http_date(&value)
                        .ok()
                        .and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok())
                        .and_then(|since| i64::try_from(since.as_secs()).ok())
                        .map(UnixTime::from_seconds);
                }
                "www-authenticate" => {
                    self.notes.push(("answer", format!("The server answered: {}", for_terminal(&value))));
                }
                _ => {}
            }
        }
    }
}

/// `Name: value`, white space around the value cut as HTTP does (RFC 9110 section 5.5).
fn header(line: &str) -> anyhow::Result<(String, String)> {
    // An HTTP/2 pseudo-header begins with the colon that others have in the middle.
    let from = usize::from(line.starts_with(':'));
    let colon = line[from..].find(':').map(|at| at + from);
    let Some(colon) = colon.filter(|colon| !line[..*colon].contains(' ')) else {
        // The line may be a token that lost its name, so it is not shown.
        bail!("a line of {} characters is no header; write `Name: value`", line.chars().count());
    };
    Ok((line[..colon].to_ascii_lowercase(), line[colon + 1..].trim_matches([' ', '\t']).to_owned()))
}
