//! How values of strangers are shown to people: escaped for a terminal, shortened, times with their distance
//! from now, and never a whole token, proof, signature or private key.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::{Map, Value};

use super::{Decoded, Explanation, Subject};
use crate::encoding::base64url;
use crate::rejection::Rejection;
use crate::time::UnixTime;

/// The longest value that is shown, in characters.
const LONGEST: usize = 200;

/// Escapes everything that a terminal could act on or that could pass for something else (controls,
/// bidirectional marks), and cuts what is long.
#[must_use]
pub fn for_terminal(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (index, character) in text.chars().enumerate() {
        if index == LONGEST {
            shown.push_str(&format!("… ({} characters)", text.chars().count()));
            break;
        }
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// The first twelve characters and the length: enough to find it again, not enough to use it.
#[must_use]
pub fn excerpt(text: &str) -> String {
    let length = text.chars().count();
    // Of a short secret twelve characters are too much.
    let start: String = text.chars().take(if length < 36 { length / 3 } else { 12 }).collect();
    format!("{}… ({length} characters)", for_terminal(&start))
}

/// A time in RFC 3339 form, with its distance from `now`.
#[must_use]
pub fn moment(at: UnixTime, now: UnixTime) -> String {
    format!("{} ({})", date(at), distance(at, now))
}

fn date(at: UnixTime) -> String {
    u64::try_from(at.as_seconds())
        .ok()
        .and_then(|seconds| der::DateTime::from_unix_duration(Duration::from_secs(seconds)).ok())
        .map_or_else(|| format!("{at} seconds"), |date| date.to_string())
}

fn distance(at: UnixTime, now: UnixTime) -> String {
    let seconds = now.seconds_since(at);
    let span = span(seconds.unsigned_abs());
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("{span} ago"),
        _ => format!("{span} ahead"),
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..1_000 => format!("{seconds} s"),
        1_000..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A URI without its query, which may hold a secret.
pub(super) fn uri(uri: &str) -> String {
    match uri.find(['?', '#']) {
        Some(end) => format!("{}{}…", for_terminal(&uri[..end]), &uri[end..=end]),
        None => for_terminal(uri),
    }
}

/// What the operator is told, with times that people read.
pub(super) fn facts(rejection: &Rejection) -> String {
    match rejection {
        Rejection::ProofExpired { issued_at, now, past } => {
            format!("iat is {}; accepted are at most {past} s", moment(*issued_at, *now))
        }
        Rejection::ProofFromFuture { issued_at, now, future } => {
            format!("iat is {}; accepted are at most {future} s", moment(*issued_at, *now))
        }
        Rejection::TokenExpired { expired_at, now } => format!("exp was {}", moment(*expired_at, *now)),
        Rejection::ProofKeyMismatch { proven, bound } => {
            format!("the token names key {bound}, the proof was made by {proven}")
        }
        other => other.to_string(),
    }
}

/// The JSON object inside a segment, read leniently: padding and the standard alphabet are forgiven, since
/// what can't be accepted can still be shown.
pub(super) fn object(segment: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&bytes(segment)?).ok()
}

/// The bytes of a segment, read as leniently.
pub(super) fn bytes(segment: &str) -> Option<Vec<u8>> {
    let plain: String = segment
        .chars()
        .filter(|character| *character != '=')
        .map(|character| match character {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    base64url::decode(&plain).ok()
}

/// Adds the members of a decoded object to the explanation, by name.
pub(super) fn decoded(
    explanation: &mut Explanation,
    subject: Subject,
    part: &'static str,
    object: &Map<String, Value>,
    now: UnixTime,
) {
    let mut members: Vec<_> =
        object.iter().map(|(name, member)| (for_terminal(name), value(name, member, now))).collect();
    members.sort();
    explanation.decoded.push(Decoded { subject, part, members });
}

/// One value: times said, keys named, texts that look like tokens shortened.
fn value(name: &str, member: &Value, now: UnixTime) -> String {
    match member {
        Value::Number(number) if matches!(name, "iat" | "exp" | "nbf" | "auth_time" | "updated_at") => {
            match number.as_i64() {
                Some(seconds) => format!("{number} = {}", moment(UnixTime::from_seconds(seconds), now)),
                None => number.to_string(),
            }
        }
        other => nested(other, 0),
    }
}

fn nested(member: &Value, depth: usize) -> String {
    match member {
        Value::String(text) => format!("\"{}\"", plain(text)),
        Value::Array(_) | Value::Object(_) if depth > 3 => "…".to_owned(),
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(|value| nested(value, depth + 1)).collect();
            cut(format!("[{}]", values.join(", ")))
        }
        Value::Object(members) => {
            let is_key = members.contains_key("kty");
            let mut shown: Vec<_> = members
                .iter()
                .map(|(name, value)| match name.as_str() {
                    "d" | "p" | "q" | "dp" | "dq" | "qi" | "oth" | "k" if is_key => {
                        format!("{name}: (private, not shown)")
                    }
                    _ => format!("{}: {}", for_terminal(name), nested(value, depth + 1)),
                })
                .collect();
            shown.sort();
            cut(format!("{{{}}}", shown.join(", ")))
        }
        other => other.to_string(),
    }
}

/// Text that could be a credential (a JWS inside a claim) is shortened, a URI loses its query.
fn plain(text: &str) -> String {
    if text.starts_with("eyJ") && text.len() > 36 {
        excerpt(text)
    } else if text.contains("://") {
        uri(text)
    } else {
        for_terminal(text)
    }
}

/// What was escaped before is only cut.
fn cut(shown: String) -> String {
    if shown.chars().count() <= LONGEST * 2 {
        return shown;
    }
    let start: String = shown.chars().take(LONGEST * 2).collect();
    format!("{start}…")
}
