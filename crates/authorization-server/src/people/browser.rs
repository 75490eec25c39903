//! Which browser it is: a random cookie that says nothing of the person. What a browser began, only that
//! browser may continue, so nobody can be made to finish what an attacker started (login and consent CSRF),
//! and nobody can finish what was begun elsewhere.

use bindery_core::crypto::{Cryptography as _, MacKey};
use bindery_core::encoding::base64url;
use bindery_crypto::{AwsLc, RandomUnavailable, random_token};
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use super::cookies;
use crate::server::Server;

/// A browser that brought its cookie, or has just been given one.
pub(crate) struct Browser {
    secret: Zeroizing<String>,
    /// Names the browser in what is stored about it; from it the cookie can't be found.
    pub(crate) id: String,
    /// For the answer, when the cookie is new.
    pub(crate) set_cookie: Option<HeaderValue>,
}

impl Browser {
    fn new(secret: Zeroizing<String>, set_cookie: Option<HeaderValue>) -> Self {
        let id = base64url::encode(AwsLc.sha256(&[b"bindery browser\0", secret.as_bytes()]));
        Self { secret, id, set_cookie }
    }

    /// The key from which this browser's form tokens are made.
    pub(crate) fn form_key(&self) -> MacKey {
        MacKey::new(AwsLc.sha256(&[b"bindery form key\0", self.secret.as_bytes()]))
    }
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Browser").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The browser by its cookie, if it brought one.
pub(crate) fn of_request(server: &Server, headers: &HeaderMap) -> Option<Browser> {
    cookies::read(headers, &server.people.cookies.browser).map(|secret| Browser::new(secret, None))
}

/// The browser by its cookie, or by a new one, which the caller puts into the answer.
///
/// # Errors
/// [`RandomUnavailable`] when no cookie can be drawn.
pub(crate) fn identify(server: &Server, headers: &HeaderMap) -> Result<Browser, RandomUnavailable> {
    if let Some(browser) = of_request(server, headers) {
        return Ok(browser);
    }
    let secret = Zeroizing::new(random_token()?);
    let set_cookie = cookies::set(&server.people.cookies.browser, &secret).ok_or(RandomUnavailable)?;
    Ok(Browser::new(secret, Some(set_cookie)))
}
