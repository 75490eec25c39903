//! Forms that only our own pages can send: a token made from the browser's cookie and what the form is about,
//! and, where the browser tells, that the request came from our own origin. Changes are made by POST alone.

use bindery_core::crypto::{Cryptography as _, MacKey};
use bindery_core::encoding::base64url;
use bindery_crypto::{AwsLc, equal_in_constant_time};
use http::HeaderMap;
use http::header::ORIGIN;

use crate::server::Server;

/// What a form is about; a token for one is none for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose<'a> {
    /// Signing in within the interaction of that id.
    Login(&'a str),
    /// Consent within the interaction of that id.
    Consent(&'a str),
    /// The code of a device.
    Device,
    /// The account page; made from the session, so it ends with it.
    Account,
    /// Signing out; the request's id where a client asked for it.
    Logout(&'a str),
}

/// The form did not come from our page in this browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forged {
    /// Its origin is another site's.
    Origin,
    /// Its token is missing or another's.
    Token,
}

impl Purpose<'_> {
    fn parts(&self) -> (&'static [u8], &[u8]) {
        match self {
            Self::Login(id) => (b"login\0", id.as_bytes()),
            Self::Consent(id) => (b"consent\0", id.as_bytes()),
            Self::Device => (b"device\0", b""),
            Self::Account => (b"account\0", b""),
            Self::Logout(id) => (b"logout\0", id.as_bytes()),
        }
    }
}

/// The token for a form.
pub(crate) fn token(key: &MacKey, purpose: Purpose<'_>) -> String {
    let (name, id) = purpose.parts();
    base64url::encode(AwsLc.hmac_sha256(key, &[name, id]))
}

/// The form's token is the one that our page had.
///
/// # Errors
/// [`Forged`] when it is not.
pub(crate) fn require_token(key: &MacKey, purpose: Purpose<'_>, given: Option<&str>) -> Result<(), Forged> {
    let expected = token(key, purpose);
    match given {
        Some(given) if equal_in_constant_time(given.as_bytes(), expected.as_bytes()) => Ok(()),
        _ => Err(Forged::Token),
    }
}

/// What the browser says of the origin does not contradict that the form is ours. `Origin: null` says
/// nothing: browsers send it from our own pages, because these give no referrer (Fetch standard, section
/// "append a request Origin header"); the token decides then.
///
/// # Errors
/// [`Forged::Origin`] when it came from elsewhere.
pub(crate) fn require_own_origin(server: &Server, headers: &HeaderMap) -> Result<(), Forged> {
    let site: Vec<_> = headers.get_all("sec-fetch-site").iter().collect();
    match site.as_slice() {
        [] => {}
        [one] if *one == "same-origin" || *one == "none" => {}
        _ => return Err(Forged::Origin),
    }
    let origin: Vec<_> = headers.get_all(ORIGIN).iter().collect();
    match origin.as_slice() {
        [] => Ok(()),
        [one] if *one == "null" || *one == server.people.origin.as_str() => Ok(()),
        _ => Err(Forged::Origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_one_browser_and_one_purpose() {
        let (key, other) = (MacKey::new([1; 32]), MacKey::new([2; 32]));
        let given = token(&key, Purpose::Login("a"));
        assert_eq!(require_token(&key, Purpose::Login("a"), Some(&given)), Ok(()));
        for (key, purpose) in [
            (&other, Purpose::Login("a")),
            (&key, Purpose::Login("b")),
            (&key, Purpose::Consent("a")),
            (&key, Purpose::Logout("a")),
            (&key, Purpose::Account),
        ] {
            assert_eq!(require_token(key, purpose, Some(&given)), Err(Forged::Token), "{purpose:?}");
        }
        for wrong in [None, Some(""), Some(&given[1..])] {
            assert_eq!(require_token(&key, Purpose::Login("a"), wrong), Err(Forged::Token));
        }
    }
}
