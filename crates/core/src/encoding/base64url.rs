//! Strict base64url without padding (RFC 4648 section 5, RFC 7515 section 2): one spelling for one value.
//! Padding, white space, the standard alphabet and non-zero trailing bits are refused, because a second
//! spelling of the same bytes is a second token, proof or thumbprint to whoever compares strings.

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use smallvec::SmallVec;

/// The text is not canonical unpadded base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBase64Url;

/// Encodes without padding.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes to a vector.
///
/// # Errors
/// [`NotBase64Url`] for anything but the one canonical spelling.
pub fn decode(text: &str) -> Result<Vec<u8>, NotBase64Url> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NotBase64Url)
}

/// Decodes text whose value has exactly `N` bytes, such as a thumbprint or a curve coordinate.
///
/// # Errors
/// [`NotBase64Url`] when the text is not canonical or its value has another length.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], NotBase64Url> {
    let mut bytes = [0; N];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(length) if length == N => Ok(bytes),
        _ => Err(NotBase64Url),
    }
}

/// Encodes 32 bytes, a digest or a coordinate, without touching the heap.
#[must_use]
pub fn encode_digest(digest: &[u8; 32]) -> [u8; 43] {
    let mut text = [0; 43];
    encode_into(digest, &mut text);
    text
}

/// Encodes into `text`, which must have exactly the length of the encoding; the rest stays as it was.
pub(crate) fn encode_into(bytes: &[u8], text: &mut [u8]) {
    let written = URL_SAFE_NO_PAD.encode_slice(bytes, text);
    debug_assert!(written.is_ok(), "the caller sizes the buffer");
}

/// Decodes into a small vector that stays on the stack up to its inline size.
///
/// # Errors
/// [`NotBase64Url`] for anything but the one canonical spelling.
pub(crate) fn decode_small<const N: usize>(text: &str) -> Result<SmallVec<[u8; N]>, NotBase64Url> {
    let mut bytes = SmallVec::new();
    bytes.resize(base64::decoded_len_estimate(text.len()), 0);
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).map_err(|_| NotBase64Url)?;
    bytes.truncate(length);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_every_second_spelling_of_a_value() {
        for text in ["AA==", "AA=", "AB", "A", "A A", "AA\n", "+/8", "\u{e9}AA"] {
            assert_eq!(decode(text), Err(NotBase64Url), "{text:?}");
        }
        assert_eq!(decode("AA"), Ok(alloc::vec![0]));
        assert_eq!(decode("-_8"), Ok(alloc::vec![0xfb, 0xff]));
    }

    #[test]
    fn refuses_a_value_of_another_length() {
        assert_eq!(decode_array::<2>("AA"), Err(NotBase64Url));
        assert_eq!(decode_array::<1>("AA"), Ok([0]));
    }
}
