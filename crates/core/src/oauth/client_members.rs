//! Reading the members of a client registration by type, and noticing those that nobody read. Types are
//! exact: a boolean in quotes is not a boolean (DPOP-5.2-01).

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde_json::{Map, Value};

use super::authorization_request::is_language_tag;
use super::client_metadata::{ClientMetadataInvalid, invalid};
use super::client_openid::ResponseEncryption;
use super::redirect_uri::{ApplicationType, require_redirect_uri};
use crate::jose::algorithm::SignatureAlgorithm;
use crate::jose::encryption::{ContentEncryption, KeyManagement};
use crate::time::UnixTime;

/// The longest text member, in bytes.
const MAXIMUM_TEXT: usize = 4096;
/// The longest list member.
const MAXIMUM_LIST: usize = 100;

pub(super) struct Reader<'m> {
    members: &'m Map<String, Value>,
    read: Vec<String>,
}

impl<'m> Reader<'m> {
    pub(super) const fn new(members: &'m Map<String, Value>) -> Self {
        Self { members, read: Vec::new() }
    }

    pub(super) fn value(&mut self, name: &'static str) -> Option<&'m Value> {
        self.mark_read(name);
        self.members.get(name)
    }

    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<&'m str>, ClientMetadataInvalid> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= MAXIMUM_TEXT => Ok(Some(text)),
            Some(_) => Err(invalid(name, "it is not a text of at most 4096 bytes", "write it in quotes")),
        }
    }

    pub(super) fn texts(&mut self, name: &'static str) -> Result<Option<Vec<String>>, ClientMetadataInvalid> {
        let wrong = || invalid(name, "it is not a list of at most 100 texts", "write it like [\"a\", \"b\"]");
        let Some(value) = self.value(name) else { return Ok(None) };
        let values = value.as_array().filter(|values| values.len() <= MAXIMUM_LIST).ok_or_else(wrong)?;
        let text = |value: &Value| {
            let text = value.as_str().filter(|text| !text.is_empty() && text.len() <= MAXIMUM_TEXT);
            text.map(Into::into).ok_or_else(wrong)
        };
        values.iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, ClientMetadataInvalid> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(invalid(name, "it is neither true nor false", "write it without quotes")),
        }
    }

    pub(super) fn one_of(
        &mut self,
        name: &'static str,
        words: &[&str],
    ) -> Result<Option<&'m str>, ClientMetadataInvalid> {
        match self.text(name)? {
            Some(word) if !words.contains(&word) => Err(invalid(
                name,
                format!("{word:?} is not a value of it"),
                format!("choose among {words:?}"),
            )),
            word => Ok(word),
        }
    }

    /// A day, whose first second in UTC is meant, or a NumericDate.
    pub(super) fn date(&mut self, name: &'static str) -> Result<Option<UnixTime>, ClientMetadataInvalid> {
        let wrong = || {
            invalid(name, "it is neither a day nor a number of seconds", "write it in quotes, \"2027-03-31\"")
        };
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => parse_day(text).map(Some).ok_or_else(wrong),
            Some(value) => value.as_i64().map(UnixTime::from_seconds).map(Some).ok_or_else(wrong),
        }
    }

    /// A switch that is off unless it is said.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, ClientMetadataInvalid> {
        Ok(self.boolean(name)?.unwrap_or(false))
    }

    pub(super) fn seconds(&mut self, name: &'static str) -> Result<Option<u64>, ClientMetadataInvalid> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| {
                invalid(name, "it is not a whole number of seconds", "write it like 3600, without quotes")
            }),
        }
    }

    pub(super) fn algorithm(
        &mut self,
        name: &'static str,
    ) -> Result<Option<SignatureAlgorithm>, ClientMetadataInvalid> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        SignatureAlgorithm::from_name(text).map(Some).ok_or_else(|| {
            let known = SignatureAlgorithm::ALL.map(SignatureAlgorithm::name);
            invalid(
                name,
                format!("{text:?} is not an asymmetric algorithm that we know"),
                format!("choose among {known:?}"),
            )
        })
    }

    pub(super) fn https_url(&mut self, name: &'static str) -> Result<Option<String>, ClientMetadataInvalid> {
        let Some(url) = self.text(name)? else { return Ok(None) };
        require_https(name, url)?;
        Ok(Some(url.into()))
    }

    pub(super) fn https_urls(&mut self, name: &'static str) -> Result<Vec<String>, ClientMetadataInvalid> {
        let urls = self.texts(name)?.unwrap_or_default();
        for url in &urls {
            require_https(name, url)?;
        }
        Ok(urls)
    }

    /// How an answer is encrypted to the client. An `alg` without `enc` means what OpenID Connect says it means.
    pub(super) fn encryption(
        &mut self,
        key_management: &'static str,
        content: &'static str,
    ) -> Result<Option<ResponseEncryption>, ClientMetadataInvalid> {
        let known = KeyManagement::ALL.map(KeyManagement::name);
        let algorithm = self.one_of(key_management, &known)?.and_then(KeyManagement::from_name);
        let known = ContentEncryption::ALL.map(ContentEncryption::name);
        let said = self.one_of(content, &known)?.and_then(ContentEncryption::from_name);
        match (algorithm, said) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(invalid(
                content,
                format!("it means nothing without `{key_management}`"),
                format!("set `{key_management}` too, or remove it"),
            )),
            (Some(key_management), said) => Ok(Some(ResponseEncryption {
                key_management,
                content: said.unwrap_or(ContentEncryption::A128CbcHs256),
            })),
        }
    }

    /// The text members that have a language tag behind their name, in three parts; none is marked as read.
    pub(super) fn tagged(&self) -> Result<Vec<(&'m str, &'m str, &'m str)>, ClientMetadataInvalid> {
        let tagged = self.members.iter().filter_map(|(name, value)| {
            let (member, tag) = name.split_once('#')?;
            Some((name, member, tag, value))
        });
        tagged
            .map(|(name, member, tag, value)| match value {
                Value::String(text) if text.len() <= MAXIMUM_TEXT && is_language_tag(tag) => {
                    Ok((member, tag, text.as_str()))
                }
                _ => Err(invalid(
                    name,
                    "it is not a text with a language tag behind its name (RFC 7591 section 2.2)",
                    "write it like \"client_name#de\": \"..\"",
                )),
            })
            .collect()
    }

    pub(super) fn mark_read(&mut self, name: &str) {
        self.read.push(name.into());
    }

    /// The names that nobody asked for.
    pub(super) fn unread(&self) -> impl Iterator<Item = &'m str> {
        self.members.keys().map(String::as_str).filter(|name| !self.read.iter().any(|read| read == name))
    }

    pub(super) fn require_nothing_left(&self) -> Result<(), ClientMetadataInvalid> {
        match self.unread().next() {
            None => Ok(()),
            Some(name) => Err(invalid(
                name,
                "it is not a member of a client registration that we act on",
                "correct its spelling or remove it",
            )),
        }
    }
}

/// An https URL that we may call or show; a fragment is allowed where it is a version (`request_uris`).
pub(super) fn require_https(name: &str, url: &str) -> Result<(), ClientMetadataInvalid> {
    let bare = url.split_once('#').map_or(url, |(bare, _)| bare);
    let reason = match require_redirect_uri(bare, ApplicationType::Web) {
        Ok(()) if bare.starts_with("https:") => return Ok(()),
        Ok(()) => "it is not an https URL".into(),
        Err(reason) => reason.to_string(),
    };
    Err(invalid(name, format!("{url:?}: {reason}"), "write it like \"https://client.example/page\""))
}

/// The day of that second in UTC, as [`parse_day`] reads it.
#[must_use]
pub fn format_day(time: UnixTime) -> String {
    // Days since 0000-03-01, in eras of 400 years (Howard Hinnant's civil_from_days).
    let days = time.as_seconds().div_euclid(86_400).saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The first second of the day `YYYY-MM-DD` in UTC (RFC 3339 full-date); nothing when there is no such day.
#[must_use]
pub fn parse_day(text: &str) -> Option<UnixTime> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let number = |range: core::ops::Range<usize>| -> Option<i64> {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Days since 1970-01-01 in the proleptic Gregorian calendar, with years that start in March.
    let shifted = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * shifted + shifted.div_euclid(4) - shifted.div_euclid(100)
        + shifted.div_euclid(400)
        + day_of_year
        - 719_468;
    Some(UnixTime::from_seconds(days * 86_400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_right_and_impossible_ones_refused() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400),
            ("2026-12-31", 1_798_675_200),
            ("1969-12-31", -86_400),
        ] {
            assert_eq!(parse_day(text), Some(UnixTime::from_seconds(seconds)), "{text}");
            assert_eq!(format_day(UnixTime::from_seconds(seconds)), text);
        }
        for text in ["2026-02-29", "2026-13-01", "2026-00-10", "2026-1-1", "2026-04-31", "+026-01-01", ""] {
            assert_eq!(parse_day(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_is_written_as_calendars_do() {
        for (seconds, expected) in [(0, "1970-01-01"), (-1, "1969-12-31"), (1_800_000_000, "2027-01-15")] {
            assert_eq!(format_day(UnixTime::from_seconds(seconds)), expected);
        }
        for text in ["2000-02-29", "2026-12-31", "2027-06-30", "2100-03-01"] {
            assert_eq!(format_day(parse_day(text).unwrap()), text);
        }
    }
}
