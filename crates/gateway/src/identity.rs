//! The verified identity as the application reads it: `Bindery-*` headers, set only here, after every header
//! of that family and its `_` twins was removed from the request. A request that was merely tolerated
//! carries `Bindery-Mode` and no identity.

use bindery_core::resource::AuthorizedRequest;
use bindery_core::resource::ProvenBinding;
use bindery_resource_server::Mode;
use http::{HeaderMap, HeaderName, HeaderValue};

/// `sub` of the token.
pub const SUBJECT: HeaderName = HeaderName::from_static("bindery-subject");
/// `client_id` of the token.
pub const CLIENT_ID: HeaderName = HeaderName::from_static("bindery-client-id");
/// `scope` of the token, separated by spaces.
pub const SCOPE: HeaderName = HeaderName::from_static("bindery-scope");
/// `iss` of the token.
pub const ISSUER: HeaderName = HeaderName::from_static("bindery-issuer");
/// What was proven: `dpop`, `mtls`, `dpop+mtls` or `bearer`.
pub const BINDING: HeaderName = HeaderName::from_static("bindery-binding");
/// The RFC 7638 thumbprint of the DPoP key, if one was proven.
pub const KEY_THUMBPRINT: HeaderName = HeaderName::from_static("bindery-key-thumbprint");
/// The SHA-256 thumbprint of the client certificate (`x5t#S256`), if one was proven.
pub const CERTIFICATE_THUMBPRINT: HeaderName = HeaderName::from_static("bindery-certificate-thumbprint");
/// How the route is guarded: `enforce`, `warn` or `observe`. Without the other headers nothing was proven.
pub const MODE: HeaderName = HeaderName::from_static("bindery-mode");

/// Sets the mode, and the identity if there is one.
pub(crate) fn set(headers: &mut HeaderMap, mode: Mode, request: Option<&AuthorizedRequest>) {
    headers.insert(MODE, HeaderValue::from_static(mode.name()));
    let Some(request) = request else { return };
    let token = request.token();
    let mut text = |name: HeaderName, text: Option<&str>, keep_spaces: bool| {
        if let Some(value) = text.and_then(|text| HeaderValue::from_str(&encode(text, keep_spaces)).ok()) {
            headers.insert(name, value);
        }
    };
    text(SUBJECT, token.subject(), false);
    text(CLIENT_ID, token.client_id(), false);
    text(SCOPE, Some(token.scope()).filter(|scope| !scope.is_empty()), true);
    text(ISSUER, Some(token.issuer()), false);
    text(BINDING, Some(request.binding().name()), false);
    let (key, certificate) = match request.binding() {
        ProvenBinding::Dpop(key) => (Some(key), None),
        ProvenBinding::Mtls(certificate) => (None, Some(certificate)),
        ProvenBinding::Both(key, certificate) => (Some(key), Some(certificate)),
        ProvenBinding::Bearer => (None, None),
    };
    text(KEY_THUMBPRINT, key.map(|key| key.to_string()).as_deref(), false);
    text(CERTIFICATE_THUMBPRINT, certificate.map(|certificate| certificate.to_string()).as_deref(), false);
}

/// Percent-encodes every byte that is not visible ASCII, and `%` itself, so that the application can decode
/// without doubt and no value can end the header. Spaces stay only between scope values.
fn encode(text: &str, keep_spaces: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if (byte.is_ascii_graphic() && byte != b'%') || (byte == b' ' && keep_spaces) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for digit in [byte >> 4, byte & 0xf] {
                encoded.push(char::from_digit(digit.into(), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_not_visible_ascii_are_percent_encoded_and_end_no_header() {
        assert_eq!(encode("alice", false), "alice");
        assert_eq!(encode("a b", false), "a%20b");
        assert_eq!(encode("read write", true), "read write");
        assert_eq!(encode("100%\r\nBindery-Mode: x", false), "100%25%0D%0ABindery-Mode:%20x");
        assert_eq!(encode("zo\u{eb}", true), "zo%C3%AB");
        assert!(HeaderValue::from_str(&encode("\u{0}\u{7f}\u{1f600}", true)).is_ok());
    }
}
