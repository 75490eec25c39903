//! Reads `WWW-Authenticate`: every challenge of every line, by the grammar of RFC 9110 section 11.6.1, with
//! several schemes in one line, quoted strings that hold commas and escapes, and token68.
//! Unknown schemes and parameters are kept and mean nothing (DPOP-7.1-08). What a server writes here is a
//! request, never a reason to weaken how a token is presented.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// The longest line that is read; real ones have a few hundred bytes.
pub const MAXIMUM_LINE: usize = 16 * 1024;
/// The most challenges that are read from one response.
pub const MAXIMUM_CHALLENGES: usize = 32;
/// The most parameters that are kept for one challenge.
const MAXIMUM_PARAMETERS: usize = 32;

/// One challenge: a scheme with either parameters or a token68.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    scheme: String,
    token68: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The scheme as the server wrote it.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether the scheme is `name`; case does not count (RFC 9110 section 11.1).
    #[must_use]
    pub fn has_scheme(&self, name: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(name)
    }

    /// The token68, for schemes that use it.
    #[must_use]
    pub fn token68(&self) -> Option<&str> {
        self.token68.as_deref()
    }

    /// The value of the parameter called `name`, unquoted; case of the name does not count. A parameter
    /// that occurs twice has no value, since two readers could take two different ones.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut found = self.parameters.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// The `error` parameter (RFC 6750 section 3.1, RFC 9449 section 7.1).
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.parameter("error")
    }
}

/// Every challenge in a response, over all `WWW-Authenticate` lines, in order. A line that breaks the
/// grammar gives the challenges before the break; the other lines still count.
#[must_use]
pub fn parse_challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let mut challenges = Vec::new();
    for line in headers.get_all(WWW_AUTHENTICATE) {
        if let Ok(text) = line.to_str() {
            parse_line(text, &mut challenges);
        }
    }
    challenges
}

/// Reads one field line and appends its challenges.
pub fn parse_line(line: &str, challenges: &mut Vec<Challenge>) {
    if line.len() > MAXIMUM_LINE {
        return;
    }
    let mut rest = Cursor { text: line };
    while challenges.len() < MAXIMUM_CHALLENGES {
        rest.skip_list_gap();
        let Some(challenge) = rest.challenge() else { return };
        challenges.push(challenge);
        // Between two challenges there is a comma, or the line has ended or is broken.
        rest.skip_spaces();
        if !rest.text.is_empty() && !rest.text.starts_with(',') {
            return;
        }
    }
}

/// What is left of a line.
#[derive(Clone, Copy)]
struct Cursor<'t> {
    text: &'t str,
}

impl<'t> Cursor<'t> {
    fn challenge(&mut self) -> Option<Challenge> {
        let scheme = self.token()?.to_owned();
        let mut challenge = Challenge { scheme, token68: None, parameters: Vec::new() };
        if !self.skip_spaces() {
            return Some(challenge);
        }
        if let Some((name, value)) = self.parameter() {
            challenge.parameters.push((name, value));
            self.further_parameters(&mut challenge.parameters);
        } else {
            challenge.token68 = self.token68();
        }
        Some(challenge)
    }

    /// Parameters after a comma; stops before a comma that is followed by a new scheme.
    fn further_parameters(&mut self, parameters: &mut Vec<(String, String)>) {
        loop {
            let mut ahead = *self;
            ahead.skip_spaces();
            if !ahead.text.starts_with(',') {
                return;
            }
            ahead.skip_list_gap();
            let Some(parameter) = ahead.parameter() else { return };
            *self = ahead;
            if parameters.len() < MAXIMUM_PARAMETERS {
                parameters.push(parameter);
            }
        }
    }

    /// `name BWS "=" BWS ( token / quoted-string )`; leaves the cursor where it was when it is not one.
    fn parameter(&mut self) -> Option<(String, String)> {
        let mut ahead = *self;
        let name = ahead.token()?;
        ahead.skip_spaces();
        ahead.text = ahead.text.strip_prefix('=')?;
        ahead.skip_spaces();
        let value = match ahead.text.strip_prefix('"') {
            Some(quoted) => ahead.quoted(quoted)?,
            None => ahead.token()?.to_owned(),
        };
        // `QQ==` is a token68, not a parameter called `QQ`: a value must end where the parameter ends.
        if !matches!(ahead.text.bytes().next(), None | Some(b',' | b' ' | b'\t')) {
            return None;
        }
        *self = ahead;
        Some((name.to_owned(), value))
    }

    fn quoted(&mut self, text: &'t str) -> Option<String> {
        let mut value = String::new();
        let mut characters = text.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.text = &text[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                _ => value.push(character),
            }
        }
        None
    }

    fn token(&mut self) -> Option<&'t str> {
        self.take(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    }

    fn token68(&mut self) -> Option<String> {
        let mut ahead = *self;
        let start = ahead.text;
        ahead.take(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))?;
        ahead.text = ahead.text.trim_start_matches('=');
        let value = &start[..start.len() - ahead.text.len()];
        *self = ahead;
        Some(value.to_owned())
    }

    fn take(&mut self, belongs: impl Fn(u8) -> bool) -> Option<&'t str> {
        let end = self.text.bytes().position(|byte| !belongs(byte)).unwrap_or(self.text.len());
        if end == 0 {
            return None;
        }
        let (taken, rest) = self.text.split_at(end);
        self.text = rest;
        Some(taken)
    }

    /// Skips spaces and tabs; says whether there were any.
    fn skip_spaces(&mut self) -> bool {
        let before = self.text.len();
        self.text = self.text.trim_start_matches([' ', '\t']);
        self.text.len() < before
    }

    /// Skips the commas and spaces between list members; empty members are allowed (RFC 9110 section 5.6.1).
    fn skip_list_gap(&mut self) {
        self.text = self.text.trim_start_matches([' ', '\t', ',']);
    }
}

#[cfg(test)]
#[path = "challenge_tests.rs"]
mod tests;
