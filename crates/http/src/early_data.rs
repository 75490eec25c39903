//! Refuses requests that a proxy received as TLS early data (RFC 8470): whoever saw the first flight can replay
//! it, so nothing that is decided once may be decided on it. Our own listeners read no early data; a proxy in
//! front says so with `Early-Data: 1` and repeats the request after the handshake when it is told 425.

use http::{HeaderMap, HeaderName};

static EARLY_DATA: HeaderName = HeaderName::from_static("early-data");

/// The request came in early data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooEarly;

/// Requires that nobody on the way says that the request came early. Anybody may say it: it only delays the
/// request of whoever does (RFC 8470 section 5.1 lets no value but `1` mean it, and several mean the same).
///
/// # Errors
/// [`TooEarly`]; answer 425 and let the sender repeat itself.
pub fn require_finished_handshake(headers: &HeaderMap) -> Result<(), TooEarly> {
    let early = headers.get_all(&EARLY_DATA).iter().any(|value| value.as_bytes().trim_ascii() == b"1");
    if early { Err(TooEarly) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn rejects_what_came_in_early_data() {
        let mut headers = HeaderMap::new();
        assert_eq!(require_finished_handshake(&headers), Ok(()));
        headers.append("early-data", HeaderValue::from_static("0"));
        assert_eq!(require_finished_handshake(&headers), Ok(()));
        headers.append("early-data", HeaderValue::from_static(" 1"));
        assert_eq!(require_finished_handshake(&headers), Err(TooEarly));
    }
}
