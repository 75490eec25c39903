//! Hashes and MACs against the published examples, and the two ways to hash against each other.

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn sha256_gives_the_digests_of_fips_180() {
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(AwsLc.sha256(&[b"abc"]).to_vec(), bytes(abc));
    assert_eq!(AwsLc.sha256(&[b"a", b"", b"bc"]).to_vec(), bytes(abc));
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(AwsLc.sha256(&[]).to_vec(), bytes(empty));
    assert_eq!(AwsLc.sha256(&[b"", b""]).to_vec(), bytes(empty));
}

#[test]
fn sha256_of_parts_is_that_of_their_concatenation_at_every_length() {
    let message: Vec<u8> = (0..2000_u16).map(|index| index.to_le_bytes()[0]).collect();
    for length in [1, JOINED - 1, JOINED, JOINED + 1, 2000] {
        let whole = AwsLc.sha256(&[&message[..length]]);
        for cut in [0, 1, length / 2, length] {
            assert_eq!(AwsLc.sha256(&[&message[..cut], &message[cut..length]]), whole, "{length} {cut}");
        }
    }
}

#[test]
fn hmac_sha256_gives_the_value_of_rfc_2104_over_the_concatenation() {
    // RFC 4231 section 4.2, whose 20-byte key is padded with zeros to the block size, as HMAC itself does.
    let mut key = [0; 32];
    key[..20].fill(0x0b);
    let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
    let key = MacKey::new(key);
    assert_eq!(AwsLc.hmac_sha256(&key, &[b"Hi There"]).to_vec(), bytes(expected));
    assert_eq!(AwsLc.hmac_sha256(&key, &[b"Hi", b" ", b"There"]).to_vec(), bytes(expected));
}
