//! Judges the answer of a token endpoint (RFC 6749 section 5). A token of another type than the one that was
//! asked for is thrown away: that is a downgrade, not a success (DPOP-5-10). Error texts of the server are
//! cleaned before anybody sees them.

use std::time::Duration;

use bindery_core::encoding::json::parse_object;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use crate::error::TokenRefused;
use crate::metadata::{MAXIMUM_BODY, is_json};
use crate::nonce::ServerNonce;
use crate::secret::Secret;
use crate::wire_text::{error_code, printable};

/// The longest access or refresh token that is taken.
pub(crate) const MAXIMUM_TOKEN: usize = 16 * 1024;

/// What a token endpoint's answer means.
#[derive(Debug)]
pub enum TokenVerdict {
    /// A token of the right type.
    Granted(GrantedToken),
    /// `use_dpop_nonce`: ask again with this nonce, a new proof and a new assertion (RFC 9449 section 8).
    NonceDemanded(ServerNonce),
}

/// A successful token response.
#[derive(Debug)]
pub struct GrantedToken {
    /// The access token; its text is fit for a header.
    pub access_token: Secret,
    /// How long it is good for, when the server said it.
    pub expires_in: Option<Duration>,
    /// A new refresh token, when there is one.
    pub refresh_token: Option<Secret>,
    /// The granted scope, when it was said.
    pub scope: Option<String>,
}

/// Judges an answer to a request for a token of type `expected`: `DPoP`, or `Bearer` for certificate-bound ones.
///
/// # Errors
/// [`TokenRefused`] for error responses, downgrades and malformed answers.
pub fn judge_token_response(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    expected: &'static str,
) -> Result<TokenVerdict, TokenRefused> {
    let members = (body.len() <= MAXIMUM_BODY && is_json(headers)).then(|| parse_object(body).ok()).flatten();
    if status != StatusCode::OK {
        return judge_error(status, headers, members.as_ref());
    }
    let members =
        members.ok_or(TokenRefused::Malformed("it is not one strict JSON object of bounded size"))?;
    let token_type =
        text(&members, "token_type")?.ok_or(TokenRefused::Malformed("there is no `token_type`"))?;
    // RFC 6749 section 5.1: the type is compared without regard to case.
    if !token_type.eq_ignore_ascii_case(expected) {
        return Err(TokenRefused::Downgraded { expected });
    }
    let access_token =
        text(&members, "access_token")?.ok_or(TokenRefused::Malformed("there is no `access_token`"))?;
    if access_token.len() > MAXIMUM_TOKEN || !is_token68(access_token) {
        return Err(TokenRefused::Malformed(
            "the `access_token` can't be sent in a header (RFC 6750 section 2.1)",
        ));
    }
    let refresh_token = match text(&members, "refresh_token")? {
        Some(token) if token.is_empty() || token.len() > MAXIMUM_TOKEN => {
            return Err(TokenRefused::Malformed("the `refresh_token` is empty or too long"));
        }
        token => token.map(Secret::from),
    };
    let expires_in = match members.get("expires_in") {
        None => None,
        Some(seconds) => Some(Duration::from_secs(
            seconds.as_u64().ok_or(TokenRefused::Malformed("`expires_in` is not a number of seconds"))?,
        )),
    };
    let scope = text(&members, "scope")?.map(str::to_owned);
    Ok(TokenVerdict::Granted(GrantedToken {
        access_token: access_token.into(),
        expires_in,
        refresh_token,
        scope,
    }))
}

fn judge_error(
    status: StatusCode,
    headers: &HeaderMap,
    members: Option<&Map<String, Value>>,
) -> Result<TokenVerdict, TokenRefused> {
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(|seconds: u32| Duration::from_secs(seconds.into()));
    let said = |name: &str| members.and_then(|members| members.get(name)).and_then(Value::as_str);
    let Some(code) = said("error").and_then(error_code) else {
        return Err(TokenRefused::Status { status: status.as_u16(), retry_after });
    };
    if code == "use_dpop_nonce" {
        let nonce = ServerNonce::from_headers(headers).ok_or(TokenRefused::NonceMissing)?;
        return Ok(TokenVerdict::NonceDemanded(nonce));
    }
    let description = said("error_description").map(printable);
    Err(TokenRefused::Answered { status: status.as_u16(), code, description, retry_after })
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Result<Option<&'m str>, TokenRefused> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(TokenRefused::Malformed("a member that must be a string is none")),
    }
}

/// RFC 6750 section 2.1, `b64token`.
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[cfg(test)]
#[path = "token_response_tests.rs"]
mod tests;
