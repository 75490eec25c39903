//! Comparison of secrets whose time depends on their length alone, never on where they first differ.

/// Whether `left` and `right` are the same bytes, in time that depends on their lengths alone.
///
/// For secrets and for what is derived from them: client secrets, token digests, MACs. Lengths are not
/// hidden; compare digests when a length is a secret.
#[must_use]
pub fn equal_in_constant_time(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_of_equal_length_alone_are_equal() {
        assert!(equal_in_constant_time(b"", b""));
        assert!(equal_in_constant_time(b"secret", b"secret"));
        for other in [&b"secres"[..], b"Secret", b"secre", b"secrets", b""] {
            assert!(!equal_in_constant_time(b"secret", other));
        }
    }
}
