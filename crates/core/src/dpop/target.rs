//! Comparison of `htu` with the request's public URI (RFC 9449 section 4.3 step 9): syntax- and scheme-based
//! normalisation of RFC 3986 sections 6.2.2 and 6.2.3 and nothing more. The expected URI comes from
//! configured public bases, never from a Host or X-Forwarded header (DPOP-4.3-16). Paths are not folded:
//! case, trailing slash, `//` and `%2F` count (DPOP-4.3-15).

use alloc::string::String;
use core::fmt;
use core::net::Ipv6Addr;

/// A base URI under which clients see this server: https origin and path prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicBase {
    /// Normalised origin and prefix, without trailing slash.
    uri: String,
    /// How much of `uri` is the origin.
    origin_length: usize,
    /// The path prefix that this server sees in place of the public one.
    internal_prefix: String,
}

impl PublicBase {
    /// Reads `https://host[:port][/prefix]`. A trailing slash is ignored.
    ///
    /// # Errors
    /// [`TargetInvalid`] unless it is an absolute https URI without user information, query and fragment.
    pub fn parse(uri: &str) -> Result<Self, TargetInvalid> {
        if uri.contains(['?', '#']) {
            return Err(TargetInvalid::QueryOrFragment);
        }
        let mut normal = NormalUri::parse(uri)?;
        while normal.text.len() > normal.origin_length && normal.text.ends_with('/') {
            normal.text.pop();
        }
        Ok(Self { uri: normal.text, origin_length: normal.origin_length, internal_prefix: String::new() })
    }

    /// Says that a proxy replaces the public path prefix by `internal_prefix` (such as `/internal`) before
    /// the request arrives here. Without this call it is taken to remove the public prefix.
    #[must_use]
    pub fn replacing(mut self, internal_prefix: &str) -> Self {
        self.internal_prefix = internal_prefix.trim_end_matches('/').into();
        self
    }

    /// The base as configured, normalised and without trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.uri
    }

    /// The origin alone: `https://host[:port]`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.uri[..self.origin_length]
    }

    /// The part of the arriving path that follows the internal prefix, if this base can stand for it.
    fn public_rest<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.internal_prefix.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

/// The URIs that a request may be called by: its path under each configured base.
#[derive(Clone, Copy, Debug)]
pub struct TargetUri<'a> {
    /// The configured public bases (DPOP-4.3-17).
    pub bases: &'a [PublicBase],
    /// The path as it arrived, percent-encoding untouched, without query.
    pub path: &'a str,
}

impl TargetUri<'_> {
    /// Confirms that `claimed` names this request, query and fragment ignored.
    ///
    /// # Errors
    /// [`TargetRefused`] when it is no comparable URI, or another one.
    pub fn confirm(&self, claimed: &str) -> Result<(), TargetRefused> {
        let claimed = super::proof_builder::without_query(claimed);
        if self.bases.iter().any(|base| self.is_spelled(base, claimed)) {
            return Ok(());
        }
        let claimed = NormalUri::parse(claimed).map_err(TargetRefused::Invalid)?;
        for base in self.bases {
            if self.under(base).is_some_and(|expected| expected.text == claimed.text) {
                return Ok(());
            }
        }
        Err(TargetRefused::Another)
    }

    /// The usual case without allocation: the claim is spelled exactly as base and path. Equal texts have
    /// equal normal forms, and the base is https without user information, so nothing else needs a look.
    fn is_spelled(&self, base: &PublicBase, claimed: &str) -> bool {
        match (claimed.strip_prefix(base.as_str()), base.public_rest(self.path)) {
            (Some(claimed_rest), Some(rest)) => !rest.is_empty() && claimed_rest == rest,
            _ => false,
        }
    }

    fn under(&self, base: &PublicBase) -> Option<NormalUri> {
        let rest = base.public_rest(self.path)?;
        NormalUri::parse(&alloc::format!("{}{rest}", base.as_str())).ok()
    }

    /// The URIs that would be accepted, one for each base that can stand for the path, in normal form.
    pub(crate) fn accepted(&self) -> impl Iterator<Item = String> {
        self.bases.iter().filter_map(|base| self.under(base)).map(|uri| uri.text)
    }

    /// The URI under the first base, for the operator.
    #[must_use]
    pub fn first(&self) -> String {
        self.bases
            .iter()
            .find_map(|base| self.under(base))
            .map_or_else(|| alloc::format!("(no public base stands for) {}", self.path), |uri| uri.text)
    }
}

/// Why an `htu` does not name the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetRefused {
    /// It can't be compared.
    Invalid(TargetInvalid),
    /// It names another URI.
    Another,
}

/// Why a text is not a URI that we compare (DPOP-4.3-18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetInvalid {
    /// The scheme is not https, or there is none.
    NotHttps,
    /// User information before the host.
    UserInformation,
    /// No host, or one that is not a host name or address in ASCII form.
    Host,
    /// Not a port number.
    Port,
    /// A backslash, a control character, a space, or a character outside ASCII.
    Character,
    /// A percent sign without two hexadecimal digits.
    PercentEncoding,
    /// Query or fragment where none may be.
    QueryOrFragment,
}

impl fmt::Display for TargetInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotHttps => "it is not an absolute https URI",
            Self::UserInformation => "it has user information",
            Self::Host => "its host is missing or not an ASCII host name or address",
            Self::Port => "its port is not a number below 65536",
            Self::Character => {
                "it has a backslash, control, space, quote, angle bracket or non-ASCII character"
            }
            Self::PercentEncoding => "it has a percent sign without two hexadecimal digits",
            Self::QueryOrFragment => "it has a query or a fragment",
        })
    }
}

/// A URI in normal form.
struct NormalUri {
    text: String,
    origin_length: usize,
}

impl NormalUri {
    fn parse(uri: &str) -> Result<Self, TargetInvalid> {
        if uri.bytes().any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'\\' | b'<' | b'>' | b'"')) {
            return Err(TargetInvalid::Character);
        }
        let rest = match uri.get(..8) {
            Some(scheme) if scheme.eq_ignore_ascii_case("https://") => &uri[8..],
            _ => return Err(TargetInvalid::NotHttps),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let mut text = String::with_capacity(uri.len() + 1);
        text.push_str("https://");
        push_authority(authority, &mut text)?;
        let origin_length = text.len();
        push_path(path, &mut text)?;
        Ok(Self { text, origin_length })
    }
}

/// The normal form in which `uri` is compared, cut after its origin.
pub(crate) fn normal_form(uri: &str) -> Result<(String, String), TargetInvalid> {
    let NormalUri { mut text, origin_length } = NormalUri::parse(uri)?;
    let path = text.split_off(origin_length);
    Ok((text, path))
}

fn push_authority(authority: &str, text: &mut String) -> Result<(), TargetInvalid> {
    if authority.contains('@') {
        return Err(TargetInvalid::UserInformation);
    }
    let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
        let (address, port) = inner.split_once(']').ok_or(TargetInvalid::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| TargetInvalid::Host)?;
        text.push_str(&alloc::format!("[{address}]"));
        (None, port)
    } else {
        let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
        (Some(host), port)
    };
    if let Some(host) = host {
        if host.is_empty()
            || !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        {
            return Err(TargetInvalid::Host);
        }
        text.extend(host.chars().map(|character| character.to_ascii_lowercase()));
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(()),
        Some("") => Ok(()),
        Some(digits) if digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let port: u16 = digits.parse().map_err(|_| TargetInvalid::Port)?;
            if port != 443 {
                text.push_str(&alloc::format!(":{port}"));
            }
            Ok(())
        }
        _ => Err(TargetInvalid::Port),
    }
}

/// Percent-encoding normal form (unreserved decoded, the rest in upper case), then dot segments removed
/// (RFC 3986 section 5.2.4); an empty path becomes `/`.
fn push_path(path: &str, text: &mut String) -> Result<(), TargetInvalid> {
    let start = text.len();
    let mut decoded = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte as char);
            continue;
        }
        let (high, low) = (hex(bytes.next())?, hex(bytes.next())?);
        let value = high << 4 | low;
        if value.is_ascii_alphanumeric() || matches!(value, b'-' | b'.' | b'_' | b'~') {
            decoded.push(value as char);
        } else {
            decoded.push('%');
            for digit in [high, low] {
                decoded.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
    let mut segments = decoded.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                let parent = text[start..].rfind('/').map_or(start, |slash| start + slash);
                text.truncate(parent);
            }
            _ => {
                text.push('/');
                text.push_str(segment);
                continue;
            }
        }
        if last {
            text.push('/');
        }
    }
    if text.len() == start {
        text.push('/');
    }
    Ok(())
}

fn hex(digit: Option<u8>) -> Result<u8, TargetInvalid> {
    let digit =
        digit.and_then(|digit| char::from(digit).to_digit(16)).ok_or(TargetInvalid::PercentEncoding)?;
    u8::try_from(digit).map_err(|_| TargetInvalid::PercentEncoding)
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
