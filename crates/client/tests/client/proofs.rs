//! Proofs as the verifier of this house judges them: every algorithm, odd URLs and methods, many at once.

use std::collections::HashSet;
use std::time::Duration;

use bindery_client::{Clock as _, ProofTarget, SystemClock, build_proof};
use bindery_core::crypto::Cryptography as _;
use bindery_core::dpop::proof::{ProofContext, ProofPolicy, verify_proof};
use bindery_core::dpop::target::{PublicBase, TargetUri};
use bindery_core::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use bindery_crypto::{AwsLc, Signer, SigningKey};
use http::Method;
use url::Url;

use crate::server::*;

fn policy() -> ProofPolicy {
    ProofPolicy { algorithms: AlgorithmSet::of(&SignatureAlgorithm::ALL), ..ProofPolicy::default() }
}

#[test]
fn every_algorithm_makes_proofs_that_pass_and_show_no_private_member() {
    let base = [PublicBase::parse("https://api.example").unwrap()];
    let hash = AwsLc.sha256(&[b"token"]);
    let urls =
        ["https://api.example", "https://API.example:443/a/../b?q=1#f", "https://api.example/%7e/a%2fb;c=d"];
    for algorithm in SignatureAlgorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        for (url, method) in urls.into_iter().flat_map(|url| [(url, "GET"), (url, "get"), (url, "X-OWN")]) {
            let url = Url::parse(url).unwrap();
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let now = SystemClock.now();
            let target =
                ProofTarget { method: &method, url: &url, access_token_hash: Some(&hash), nonce: None, now };
            let proof = build_proof(&key, &target).unwrap();
            assert!(proof.is_sensitive());
            let proof = proof.to_str().unwrap();
            let context = ProofContext {
                method: method.as_str(),
                target: TargetUri { bases: &base, path: url.path() },
                access_token: Some(&hash),
                now: now.plus(Duration::from_secs(1)),
                nonces: None,
            };
            let verified = verify_proof(proof, &policy(), &context, &AwsLc).unwrap();
            assert_eq!(verified.thumbprint(), Signer::thumbprint(&key));
            let jwk = &decoded(proof, 0)["jwk"];
            for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
                assert!(jwk.get(member).is_none(), "{algorithm}: {member}");
            }
        }
    }
}

#[test]
fn no_two_proofs_share_a_jti() {
    let key = SigningKey::generate(SignatureAlgorithm::EdDsa).unwrap();
    let url = Url::parse("https://api.example/").unwrap();
    let now = SystemClock.now();
    let target = ProofTarget { method: &Method::GET, url: &url, access_token_hash: None, nonce: None, now };
    let mut seen = HashSet::new();
    for _ in 0..5_000 {
        let proof = build_proof(&key, &target).unwrap();
        let jti = claims(proof.to_str().unwrap())["jti"].as_str().unwrap().to_owned();
        // 128 random bits (DPOP-4.2-05).
        assert_eq!(jti.len(), 22);
        assert!(seen.insert(jti));
    }
}
