//! Strict `application/x-www-form-urlencoded` bodies (RFC 6749 appendix B, sections 3.1 and 3.2): one size
//! cap, every parameter at most once, UTF-8 without NUL, no percent sign that encodes nothing. A parameter
//! without a value counts as omitted. Values may be secrets: they are wiped on drop and never shown.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

/// The largest form body that is parsed, in bytes.
pub const MAXIMUM_FORM: usize = 64 * 1024;
/// The most parameters that one form may have.
pub const MAXIMUM_PARAMETERS: usize = 64;

/// The parameters of a request body.
#[derive(Clone, Default)]
pub struct Form(Vec<(String, Zeroizing<String>)>);

/// Why a body is not a form that we read. No variant carries the caller's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormInvalid {
    /// Longer than [`MAXIMUM_FORM`]; nothing was parsed.
    TooLong,
    /// More than [`MAXIMUM_PARAMETERS`].
    TooMany,
    /// A parameter occurs twice (RFC 6749 section 3.2).
    Duplicate,
    /// A percent sign without two hexadecimal digits, or a byte that must be encoded.
    Encoding,
    /// The decoded bytes are not UTF-8.
    NotUtf8,
    /// A name or a value holds NUL.
    Nul,
}

impl fmt::Display for FormInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

impl FormInvalid {
    /// A fixed sentence for the wire.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::TooLong => "The request body is longer than 64 KiB.",
            Self::TooMany => "The request has too many parameters.",
            Self::Duplicate => "A request parameter occurs more than once.",
            Self::Encoding => "The request body is not application/x-www-form-urlencoded.",
            Self::NotUtf8 => "A request parameter is not UTF-8.",
            Self::Nul => "A request parameter holds a NUL character.",
        }
    }
}

impl Form {
    /// Parses a whole body.
    ///
    /// # Errors
    /// [`FormInvalid`] names the rule that the body breaks.
    pub fn parse(body: &[u8]) -> Result<Self, FormInvalid> {
        Self::parse_repeating(body, &[])
    }

    /// Parses a whole body or query in which the parameters named in `repeating` may occur several times, such
    /// as `resource` (RFC 8707 section 2). [`Self::get`] finds the first of them, [`Self::all`] each.
    ///
    /// # Errors
    /// [`FormInvalid`] names the rule that the body breaks.
    pub fn parse_repeating(body: &[u8], repeating: &[&str]) -> Result<Self, FormInvalid> {
        if body.len() > MAXIMUM_FORM {
            return Err(FormInvalid::TooLong);
        }
        let mut parameters: Vec<(String, Zeroizing<String>)> = Vec::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            let name = decode_component(name)?;
            let seen = parameters.iter().any(|(seen, _)| *seen == *name);
            if seen && !repeating.contains(&name.as_str()) {
                return Err(FormInvalid::Duplicate);
            }
            if parameters.len() == MAXIMUM_PARAMETERS {
                return Err(FormInvalid::TooMany);
            }
            parameters.push((String::clone(&name), decode_component(value)?));
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter; `None` when it is missing or empty (RFC 6749 section 3.2).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(parameter, _)| parameter == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Every value of a parameter that may repeat, in order, without the empty ones.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let of_name = self.0.iter().filter(move |(parameter, _)| parameter == name);
        of_name.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The names of all parameters, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The form with these parameters alone.
    #[must_use]
    pub fn keeping(&self, names: &[&str]) -> Self {
        Self(self.0.iter().filter(|(name, _)| names.contains(&name.as_str())).cloned().collect())
    }
}

/// Names only: any value may be a secret.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Decodes one name or value: `+` is a space, `%hh` a byte, and what a form must encode may not stand bare.
///
/// # Errors
/// [`FormInvalid`] for a bad escape, a control character or non-ASCII byte, bytes that aren't UTF-8, or NUL.
pub fn decode_component(text: &[u8]) -> Result<Zeroizing<String>, FormInvalid> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (rest.next().and_then(hexadecimal), rest.next().and_then(hexadecimal)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(FormInvalid::Encoding),
            },
            0x21..=0x7e => *byte,
            _ => return Err(FormInvalid::Encoding),
        });
    }
    if bytes.contains(&0) {
        return Err(FormInvalid::Nul);
    }
    match core::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.into())),
        Err(_) => Err(FormInvalid::NotUtf8),
    }
}

fn hexadecimal(byte: &u8) -> Option<u8> {
    (*byte as char).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_a_parameter_that_occurs_twice_in_any_spelling() {
        for body in ["a=1&a=1", "a=1&%61=2", "a&a=1", "a=&a="] {
            assert_eq!(Form::parse(body.as_bytes()).err(), Some(FormInvalid::Duplicate), "{body}");
        }
    }

    #[test]
    fn rejects_bad_escapes_bare_bytes_nul_and_other_encodings() {
        for (body, reason) in [
            (&b"a=%"[..], FormInvalid::Encoding),
            (b"a=%4", FormInvalid::Encoding),
            (b"a=%zz", FormInvalid::Encoding),
            (b"a=b c", FormInvalid::Encoding),
            (b"a=b\r\n", FormInvalid::Encoding),
            (b"a=\xc3\xa9", FormInvalid::Encoding),
            (b"a=\0", FormInvalid::Encoding),
            (b"a=%00", FormInvalid::Nul),
            (b"%00=a", FormInvalid::Nul),
            (b"a=%ff", FormInvalid::NotUtf8),
            (b"a=%c0%af", FormInvalid::NotUtf8),
        ] {
            assert_eq!(Form::parse(body).err(), Some(reason), "{body:?}");
        }
    }

    #[test]
    fn rejects_a_body_or_a_parameter_count_over_the_cap() {
        assert_eq!(Form::parse(&[b'a'; MAXIMUM_FORM + 1]).err(), Some(FormInvalid::TooLong));
        let body: String = (0..=MAXIMUM_PARAMETERS).map(|index| alloc::format!("p{index}=1&")).collect();
        assert_eq!(Form::parse(body.as_bytes()).err(), Some(FormInvalid::TooMany));
    }

    #[test]
    fn a_parameter_without_a_value_is_omitted_and_others_decode() {
        let form = Form::parse(b"scope=a+b%20c&empty=&bare&u=%C3%A9").unwrap();
        assert_eq!(form.get("scope"), Some("a b c"));
        assert_eq!(form.get("u"), Some("\u{e9}"));
        assert_eq!((form.get("empty"), form.get("bare"), form.get("none")), (None, None, None));
    }

    #[test]
    fn a_form_never_shows_its_values() {
        let form = Form::parse(b"client_secret=hunter2").unwrap();
        assert!(!alloc::format!("{form:?}").contains("hunter2"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused_and_what_is_parsed_is_unambiguous(body: Vec<u8>) {
            if let Ok(form) = Form::parse(&body) {
                let mut names: Vec<_> = form.0.iter().map(|(name, _)| name).collect();
                names.sort();
                names.dedup();
                proptest::prop_assert_eq!(names.len(), form.0.len());
            }
        }

        #[test]
        fn what_is_percent_encoded_comes_back(text in "[^\0]{0,40}") {
            let encoded: String = text.bytes().map(|byte| alloc::format!("%{byte:02x}")).collect();
            let decoded = decode_component(encoded.as_bytes()).unwrap();
            proptest::prop_assert_eq!(decoded.as_str(), text.as_str());
        }
    }
}
