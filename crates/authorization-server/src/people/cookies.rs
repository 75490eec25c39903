//! The three cookies: one binds what a browser began to that browser, one is its session, one says for which
//! accounts somebody signed in with it before. All begin with
//! `__Host-`, so no other host and no unencrypted answer can set them (RFC 6265bis section 4.1.3.2), and end
//! in a digest of the issuer, so that several issuers on one host never read each other's.

use std::time::Duration;

use bindery_core::crypto::Sha256Digest;
use cookie::{Cookie, SameSite};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

/// The longest `Cookie` header that is read, in bytes.
const MAXIMUM_HEADER: usize = 16 * 1024;
/// The length of our values: 256 bits in base64url.
const VALUE_LENGTH: usize = 43;

/// The longest sealed value, in bytes; browsers keep 4 KiB (RFC 6265 section 6.1).
const MAXIMUM_SEALED: usize = 2048;
/// For how long a browser is remembered that was signed in with: four weeks.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(28 * 24 * 3600);

/// The names of this issuer's cookies.
#[derive(Clone, Debug)]
pub(crate) struct CookieNames {
    pub(crate) browser: String,
    pub(crate) session: String,
    pub(crate) known: String,
}

impl CookieNames {
    pub(crate) fn of(issuer_digest: &Sha256Digest) -> Self {
        let suffix: String = issuer_digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            browser: format!("__Host-bindery-browser-{suffix}"),
            session: format!("__Host-bindery-session-{suffix}"),
            known: format!("__Host-bindery-known-{suffix}"),
        }
    }
}

/// The value of the cookie of that name, when it has the form of ours. Two of one name are none: one of
/// them is not the browser's.
pub(crate) fn read(headers: &HeaderMap, name: &str) -> Option<Zeroizing<String>> {
    only(headers, name).filter(|value| value.len() == VALUE_LENGTH)
}

/// The same of a cookie whose value is sealed.
pub(crate) fn read_sealed(headers: &HeaderMap, name: &str) -> Option<Zeroizing<String>> {
    only(headers, name).filter(|value| value.len() <= MAXIMUM_SEALED)
}

fn only(headers: &HeaderMap, name: &str) -> Option<Zeroizing<String>> {
    let lines: Vec<&str> =
        headers.get_all(COOKIE).iter().map(HeaderValue::to_str).collect::<Result<_, _>>().ok()?;
    if lines.iter().map(|line| line.len()).sum::<usize>() > MAXIMUM_HEADER {
        return None;
    }
    let mut values = lines
        .into_iter()
        .flat_map(Cookie::split_parse)
        .flatten()
        .filter(|cookie| cookie.name() == name)
        .map(|cookie| Zeroizing::new(cookie.value().to_owned()));
    let (value, None) = (values.next()?, values.next()) else { return None };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    value.bytes().all(plain).then_some(value)
}

/// `Set-Cookie` for a cookie that ends with the browser: the server decides when a session is over.
pub(crate) fn set(name: &str, value: &str) -> Option<HeaderValue> {
    secret(base(name, value))
}

/// The same for a cookie that outlives the browser by `span`.
pub(crate) fn set_for(name: &str, value: &str, span: Duration) -> Option<HeaderValue> {
    let span = cookie::time::Duration::try_from(span).ok()?;
    secret(base(name, value).max_age(span))
}

fn secret(cookie: cookie::CookieBuilder<'_>) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(&cookie.build().to_string()).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// `Set-Cookie` that removes it.
pub(crate) fn remove(name: &str) -> Option<HeaderValue> {
    let cookie = base(name, "").max_age(cookie::time::Duration::ZERO).build().to_string();
    HeaderValue::from_str(&cookie).ok()
}

fn base<'a>(name: &'a str, value: &'a str) -> cookie::CookieBuilder<'a> {
    // Lax: the client's redirect to us is a top-level GET and must bring the cookies, a foreign POST must not.
    Cookie::build((name, value)).path("/").secure(true).http_only(true).same_site(SameSite::Lax)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO-_";

    fn names() -> CookieNames {
        CookieNames::of(&[7; 32])
    }

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, line.parse().unwrap());
        }
        headers
    }

    #[test]
    fn cookies_are_for_this_host_alone_over_https_and_closed_to_scripts() {
        let name = names().session;
        assert_eq!(
            set(&name, VALUE).unwrap().to_str().unwrap(),
            format!("{name}={VALUE}; HttpOnly; SameSite=Lax; Secure; Path=/")
        );
        assert!(remove(&name).unwrap().to_str().unwrap().contains("Max-Age=0"));
        assert!(format!("{:?}", set(&name, VALUE)).contains("Sensitive"));
        assert!(name.starts_with("__Host-"));
        assert_ne!(CookieNames::of(&[8; 32]).session, name);
    }

    #[test]
    fn reads_its_own_cookie_from_one_line_or_several() {
        let name = names().browser;
        let one = headers(&[&format!("a=b; {name}={VALUE}; c=d")]);
        assert_eq!(read(&one, &name).unwrap().as_str(), VALUE);
        let split = headers(&["a=b", &format!("{name}={VALUE}")]);
        assert_eq!(read(&split, &name).unwrap().as_str(), VALUE);
        assert!(read(&one, &names().session).is_none());
    }

    #[test]
    fn rejects_two_cookies_of_one_name_and_values_that_are_not_ours() {
        let name = names().browser;
        let twice = headers(&[&format!("{name}={VALUE}; {name}={VALUE}")]);
        assert!(read(&twice, &name).is_none());
        for value in ["", "short", &format!("{VALUE}x"), &VALUE.replace('_', "\"")] {
            assert!(read(&headers(&[&format!("{name}={value}")]), &name).is_none(), "{value}");
        }
        let long = format!("a={}; {name}={VALUE}", "x".repeat(MAXIMUM_HEADER));
        assert!(read(&headers(&[&long]), &name).is_none());
    }
}
