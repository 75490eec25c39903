//! Redirect URIs: which may be registered (RFC 6749 section 3.1.2, RFC 8252 section 7, RFC 9700 sections 2.1 and
//! 2.6), and whether a request names a registered one. Comparison is of bytes, with one exception: the port of
//! a native client's loopback address. Nothing is ever decoded, folded or guessed, and no pattern matches.

use core::fmt;

/// The longest redirect URI, in bytes.
pub const MAXIMUM_REDIRECT_URI: usize = 2048;

/// `application_type` (OpenID Connect Dynamic Client Registration 1.0 section 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApplicationType {
    /// A server, or a page in a browser.
    #[default]
    Web,
    /// An application on the person's own device (RFC 8252).
    Native,
}

/// Why a text can't be a redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectUriInvalid {
    /// Longer than [`MAXIMUM_REDIRECT_URI`].
    TooLong,
    /// Not an absolute URI of ASCII characters (RFC 3986).
    NotAbsolute,
    /// It has a fragment (RFC 6749 section 3.1.2).
    Fragment,
    /// It has user information, by which one host can look like another.
    UserInformation,
    /// http to another host than a loopback address (RFC 9700 section 2.6).
    PlainHttp,
    /// A scheme of its own that is not a native client's or holds no dot (RFC 8252 section 7.1).
    Scheme,
}

impl fmt::Display for RedirectUriInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "it is longer than 2048 bytes",
            Self::NotAbsolute => "it is not an absolute URI (RFC 3986)",
            Self::Fragment => "it has a fragment (RFC 6749 section 3.1.2)",
            Self::UserInformation => "it has user information before the host",
            Self::PlainHttp => "http is for loopback addresses alone (RFC 9700 section 2.6)",
            Self::Scheme => {
                "a scheme of its own is for native clients, in the form com.example.app (RFC 8252 section 7.1)"
            }
        })
    }
}

impl core::error::Error for RedirectUriInvalid {}

/// Requires that `uri` may be a redirect URI of a client of this type.
///
/// # Errors
/// [`RedirectUriInvalid`] names the rule.
pub fn require_redirect_uri(uri: &str, application: ApplicationType) -> Result<(), RedirectUriInvalid> {
    if uri.len() > MAXIMUM_REDIRECT_URI {
        return Err(RedirectUriInvalid::TooLong);
    }
    require_characters(uri)?;
    let (scheme, rest) = uri.split_once(':').ok_or(RedirectUriInvalid::NotAbsolute)?;
    match scheme {
        "https" => authority(rest).map(|_| ()),
        "http" => match authority(rest)? {
            (host, _) if is_loopback(host) || host == "localhost" => Ok(()),
            _ => Err(RedirectUriInvalid::PlainHttp),
        },
        _ if application == ApplicationType::Native && is_reverse_domain(scheme) && !rest.is_empty() => {
            Ok(())
        }
        _ => Err(RedirectUriInvalid::Scheme),
    }
}

/// Whether `given` is `registered`: byte for byte, or, for a native client's `http` URI with a loopback address
/// as its host, with any port (RFC 8252 section 7.3, BCP-2.1-01). Returns `None` when it is not.
#[must_use]
pub fn find_registered<'r>(
    registered: &'r [alloc::string::String],
    given: &str,
    application: ApplicationType,
) -> Option<&'r str> {
    let same_but_port = |uri: &str| {
        application == ApplicationType::Native
            && matches!((loopback_parts(uri), loopback_parts(given)), (Some(a), Some(b)) if a == b)
    };
    registered.iter().map(alloc::string::String::as_str).find(|uri| *uri == given || same_but_port(uri))
}

/// The host of an absolute URI whose rules hold; schemes without authority have none.
pub(super) fn host_of(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once(':')?;
    authority(rest).ok().map(|(host, _)| host)
}

/// ASCII, only what RFC 3986 lets stand in a URI, whole percent escapes, no fragment.
fn require_characters(uri: &str) -> Result<(), RedirectUriInvalid> {
    let bytes = uri.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'#' => return Err(RedirectUriInvalid::Fragment),
            b'%' => {
                let escape = bytes.get(index + 1..index + 3).unwrap_or_default();
                if escape.len() != 2 || !escape.iter().all(u8::is_ascii_hexdigit) {
                    return Err(RedirectUriInvalid::NotAbsolute);
                }
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {}
            other if b"-._~:/?[]@!$&'()*+,;=".contains(other) => {}
            _ => return Err(RedirectUriInvalid::NotAbsolute),
        }
    }
    Ok(())
}

/// Host and port text behind the scheme's colon.
fn authority(rest: &str) -> Result<(&str, Option<&str>), RedirectUriInvalid> {
    let rest = rest.strip_prefix("//").ok_or(RedirectUriInvalid::NotAbsolute)?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let authority = &rest[..end];
    if authority.contains('@') {
        return Err(RedirectUriInvalid::UserInformation);
    }
    let (host, port) = match authority.rfind(']') {
        Some(bracket) => match &authority[bracket + 1..] {
            "" => (authority, None),
            tail => {
                (&authority[..=bracket], Some(tail.strip_prefix(':').ok_or(RedirectUriInvalid::NotAbsolute)?))
            }
        },
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let good_port = port.is_none_or(is_port);
    if !is_host(host) || !good_port { Err(RedirectUriInvalid::NotAbsolute) } else { Ok((host, port)) }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit())
        && !port.starts_with('0')
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Addresses alone: what `localhost` resolves to is somebody else's decision (RFC 8252 section 8.3).
fn is_loopback(host: &str) -> bool {
    host == "[::1]" || host.parse::<core::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Host and everything behind the port, of an `http` URI to a loopback address.
fn loopback_parts(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http:")?;
    let (host, port) = authority(rest).ok()?;
    let skipped = 2 + host.len() + port.map_or(0, |port| port.len() + 1);
    is_loopback(host).then(|| (host, &rest[skipped..]))
}

/// `com.example.app`: starts with a letter, holds a dot, no other characters than a scheme's.
fn is_reverse_domain(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.contains('.')
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
#[path = "redirect_uri_tests.rs"]
mod tests;
