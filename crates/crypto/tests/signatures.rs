//! Signing and verifying with every algorithm: what one half makes the other accepts, and nothing that
//! differs from it by a bit, a form, a key or a name.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict")]

use std::sync::{Arc, LazyLock};

use bindery_core::crypto::{Cryptography as _, SignatureInvalid};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::{PublicKey, RsaPublicKey};
use bindery_crypto::{AwsLc, Signer, SigningKey};

const MESSAGE: &[u8] = b"eyJ0eXAiOiJkcG9wK2p3dCJ9.eyJqdGkiOiIxIn0";

static KEYS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| {
    SignatureAlgorithm::ALL.into_iter().map(|algorithm| SigningKey::generate(algorithm).unwrap()).collect()
});

fn verify(key: &SigningKey, message: &[u8], signature: &[u8]) -> Result<(), SignatureInvalid> {
    AwsLc.verify_signature(key.algorithm(), key.public_key(), message, signature)
}

#[test]
fn every_algorithm_verifies_what_it_signed() {
    for key in &*KEYS {
        let signature = key.sign(MESSAGE).unwrap();
        verify(key, MESSAGE, &signature).unwrap();
        let length = match key.algorithm() {
            SignatureAlgorithm::Es256 | SignatureAlgorithm::EdDsa => 64,
            SignatureAlgorithm::Es384 => 96,
            _ => 256,
        };
        assert_eq!(signature.len(), length, "{key:?}");
        verify(key, b"", &key.sign(b"").unwrap()).unwrap();
    }
}

#[test]
fn refuses_a_signature_with_any_bit_changed() {
    for key in &*KEYS {
        let signature = key.sign(MESSAGE).unwrap();
        for bit in 0..signature.len() * 8 {
            let mut changed = signature.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verify(key, MESSAGE, &changed), Err(SignatureInvalid), "{key:?} bit {bit}");
        }
    }
}

#[test]
fn refuses_a_message_with_any_bit_changed() {
    for key in &*KEYS {
        let signature = key.sign(MESSAGE).unwrap();
        for bit in 0..MESSAGE.len() * 8 {
            let mut changed = MESSAGE.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verify(key, &changed, &signature), Err(SignatureInvalid), "{key:?} bit {bit}");
        }
    }
}

#[test]
fn refuses_a_signature_of_another_length() {
    for key in &*KEYS {
        let signature = key.sign(MESSAGE).unwrap();
        for length in 0..signature.len() {
            assert_eq!(verify(key, MESSAGE, &signature[..length]), Err(SignatureInvalid), "{key:?} {length}");
        }
        let longer = [&signature[..], &[0]].concat();
        assert_eq!(verify(key, MESSAGE, &longer), Err(SignatureInvalid), "{key:?}");
        let padded = [&[0], &signature[..]].concat();
        assert_eq!(verify(key, MESSAGE, &padded), Err(SignatureInvalid), "{key:?}");
    }
}

#[test]
fn refuses_signatures_of_zeros_of_ones_and_halves_of_zero() {
    for key in &*KEYS {
        let signature = key.sign(MESSAGE).unwrap();
        let half = signature.len() / 2;
        let zero_first = [&vec![0; half], &signature[half..]].concat();
        let zero_second = [&signature[..half], &vec![0; half]].concat();
        for forged in [vec![0; signature.len()], vec![0xff; signature.len()], zero_first, zero_second] {
            assert_eq!(verify(key, MESSAGE, &forged), Err(SignatureInvalid), "{key:?}");
        }
    }
}

#[test]
fn refuses_every_algorithm_but_the_one_that_signed() {
    for key in &*KEYS {
        let signature = key.sign(MESSAGE).unwrap();
        for algorithm in SignatureAlgorithm::ALL {
            let verdict = AwsLc.verify_signature(algorithm, key.public_key(), MESSAGE, &signature);
            assert_eq!(verdict.is_ok(), algorithm == key.algorithm(), "{key:?} as {algorithm}");
        }
    }
}

#[test]
fn refuses_another_key_of_the_same_kind() {
    for key in &*KEYS {
        let other = SigningKey::generate(key.algorithm()).unwrap();
        let signature = other.sign(MESSAGE).unwrap();
        assert_eq!(verify(key, MESSAGE, &signature), Err(SignatureInvalid), "{key:?}");
    }
}

#[test]
fn refuses_a_valid_ecdsa_signature_in_der() {
    let key = &KEYS[0];
    let signature = key.sign(MESSAGE).unwrap();
    let integer = |number: &[u8]| {
        let trimmed: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
        let sign = if trimmed[0] > 0x7f { vec![0] } else { vec![] };
        let body = [sign, trimmed].concat();
        [vec![2, u8::try_from(body.len()).unwrap()], body].concat()
    };
    let body = [integer(&signature[..32]), integer(&signature[32..])].concat();
    let der = [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat();
    assert_eq!(verify(key, MESSAGE, &der), Err(SignatureInvalid));
}

#[test]
fn refuses_ec_keys_off_the_curve_and_in_other_point_forms() {
    for key in KEYS.iter().filter(|key| key.algorithm().name().starts_with("ES")) {
        let signature = key.sign(MESSAGE).unwrap();
        let judge = |change: fn(&mut [u8])| {
            let mut public = key.public_key().clone();
            match &mut public {
                PublicKey::EcP256(point) => change(point),
                PublicKey::EcP384(point) => change(point),
                _ => unreachable!("only EC keys are here"),
            }
            AwsLc.verify_signature(key.algorithm(), &public, MESSAGE, &signature)
        };
        assert_eq!(judge(|_| ()), Ok(()));
        assert_eq!(judge(|point| *point.last_mut().unwrap() ^= 1), Err(SignatureInvalid), "off the curve");
        assert_eq!(judge(|point| point[1..].fill(0)), Err(SignatureInvalid), "the origin");
        assert_eq!(judge(|point| point[1..].fill(0xff)), Err(SignatureInvalid), "beyond the field");
        for form in [0, 2, 3, 5, 6, 7] {
            let mut public = key.public_key().clone();
            match &mut public {
                PublicKey::EcP256(point) => point[0] = form,
                PublicKey::EcP384(point) => point[0] = form,
                _ => unreachable!("only EC keys are here"),
            }
            let verdict = AwsLc.verify_signature(key.algorithm(), &public, MESSAGE, &signature);
            assert_eq!(verdict, Err(SignatureInvalid), "form {form}");
        }
    }
}

/// With a key of low order, `R` = the identity and `S` = 0 satisfy the equation of RFC 8032 for many messages.
#[test]
fn refuses_low_order_ed25519_keys_and_low_order_r() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let forged = [identity, [0; 32]].concat();
    for low in [identity, [0; 32]] {
        let verdict =
            AwsLc.verify_signature(SignatureAlgorithm::EdDsa, &PublicKey::Ed25519(low), MESSAGE, &forged);
        assert_eq!(verdict, Err(SignatureInvalid));
    }
    let key = &KEYS[1];
    assert_eq!(key.algorithm(), SignatureAlgorithm::EdDsa);
    assert_eq!(verify(key, MESSAGE, &forged), Err(SignatureInvalid));
}

#[test]
fn refuses_an_rsa_exponent_that_the_library_does_not_take() {
    let key = KEYS.iter().find(|key| key.algorithm() == SignatureAlgorithm::Ps256).unwrap();
    let PublicKey::Rsa(rsa) = key.public_key() else { unreachable!("PS256 has an RSA key") };
    let wide = RsaPublicKey::new(rsa.modulus().to_vec(), vec![1, 0, 0, 0, 0, 0, 0, 1]).unwrap();
    let signature = key.sign(MESSAGE).unwrap();
    let verdict = AwsLc.verify_signature(
        SignatureAlgorithm::Ps256,
        &PublicKey::Rsa(Box::new(wide)),
        MESSAGE,
        &signature,
    );
    assert_eq!(verdict, Err(SignatureInvalid));
}

/// A key in a device: the trait needs nothing of `SigningKey` (DPOP-11.4-01).
#[test]
fn a_hardware_key_fits_behind_the_signer_trait() {
    struct Device(SigningKey);
    impl Signer for Device {
        fn algorithm(&self) -> SignatureAlgorithm {
            SignatureAlgorithm::Es256
        }
        fn public_key(&self) -> &PublicKey {
            self.0.public_key()
        }
        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, bindery_crypto::SigningFailed> {
            self.0.sign(message)
        }
    }
    let device = Device(SigningKey::generate(SignatureAlgorithm::Es256).unwrap());
    let thumbprint = device.0.thumbprint();
    let signer: Arc<dyn Signer> = Arc::new(device);
    let signature = signer.sign(MESSAGE).unwrap();
    AwsLc.verify_signature(signer.algorithm(), signer.public_key(), MESSAGE, &signature).unwrap();
    assert_eq!(signer.thumbprint(), thumbprint);
}
