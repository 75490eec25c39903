//! The issuer's keys: which one signs, what is published, and that no key of another algorithm stands in.

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_core::jose::jws::CompactJws;
use bindery_crypto::AwsLc;
use bindery_store::memory::{MemoryStore, ReplayMemory};

use super::*;
use crate::audit::AuditLog;
use crate::key_schedule::{KeysConfiguration, Schedule};

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

async fn keys(algorithms: &[SignatureAlgorithm]) -> Arc<SigningKeys> {
    let store = MemoryStore::new(ReplayMemory::new(10, NOW, [7; 16]));
    let sealer = Sealer::new([3; 32]);
    let times = KeysConfiguration::default().times(std::time::Duration::from_secs(300)).unwrap();
    let all: Vec<_> = algorithms.iter().copied().map(KeyAlgorithm::Signature).collect();
    let audit = AuditLog::forgetful();
    let schedule =
        Schedule { store: &store, sealer: &sealer, algorithms: &all, times: &times, audit: &audit };
    let records = schedule.maintain(NOW).await.unwrap();
    let ring = SigningKeyRing::default();
    ring.take_over(&records, &sealer, algorithms, &times, NOW).unwrap();
    ring.current()
}

fn header(jws: &str) -> Value {
    serde_json::from_slice(&base64url::decode(jws.split('.').next().unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn each_algorithm_signs_with_its_own_key_and_none_is_the_first_configured() {
    let keys = keys(&SignatureAlgorithm::ALL).await;
    let claims = Map::from_iter([("sub".to_owned(), json!("alice"))]);
    let first = keys.sign_as(None, Some("at+jwt"), &claims).unwrap();
    assert_eq!((&header(&first)["alg"], &header(&first)["typ"]), (&json!("ES256"), &json!("at+jwt")));
    for algorithm in SignatureAlgorithm::ALL {
        let jws = keys.sign_as(Some(algorithm), None, &claims).unwrap();
        let header = header(&jws);
        assert_eq!((&header["alg"], header.get("typ")), (&json!(algorithm.name()), None));
        let parts = CompactJws::split(&jws, 4096).unwrap();
        let mut candidates = keys.public_keys().candidates(header["kid"].as_str(), algorithm);
        let key = &candidates.next().unwrap().key;
        let signature = base64url::decode(parts.signature).unwrap();
        AwsLc.verify_signature(algorithm, key, parts.signing_input.as_bytes(), &signature).unwrap();
        assert!(candidates.next().is_none(), "one key of that name");
    }
}

#[tokio::test]
async fn refuses_an_algorithm_that_the_issuer_has_no_key_of() {
    let keys = keys(&[SignatureAlgorithm::Ps256]).await;
    let refused = keys.sign_as(Some(SignatureAlgorithm::Rs256), None, &Map::new());
    // The same kind of key: it must not sign in another scheme (RFC 8725 section 3.1).
    assert_eq!(refused, Err(SigningUnavailable::NoSuchKey(SignatureAlgorithm::Rs256)));
}

#[tokio::test]
async fn every_published_key_has_a_kid_of_its_own_an_alg_and_a_use() {
    let keys = keys(&SignatureAlgorithm::ALL).await;
    let members = |name: &str| -> std::collections::BTreeSet<String> {
        let keys = keys.published().iter();
        keys.map(|key| key[name].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((members("kid").len(), members("alg").len()), (5, 5));
    assert_eq!(members("use").into_iter().collect::<Vec<_>>(), ["sig"]);
}
