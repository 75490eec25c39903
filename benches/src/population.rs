//! 256 clients, each with an ES256 key and a DPoP-bound ES256 access token of one issuer, and a guard that
//! trusts that issuer. Proofs are made ahead of the measurement.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::crypto::{Cryptography, MacKey, Sha256Digest, SignatureInvalid};
use bindery_core::dpop::proof_builder::{ProofClaims, unsigned_proof};
use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use bindery_core::jose::jwk::{JwkSet, PublicKey};
use bindery_core::jose::jws::{attach_signature, signing_input};
use bindery_core::replay::{ReplayEntry, ReplayKind};
use bindery_core::time::UnixTime;
use bindery_core::token::access_token::{TrustedIssuer, UnverifiedAccessToken, VerifiedAccessToken};
use bindery_crypto::{AwsLc, Signer as _, SigningKey};
use bindery_http::{EdgePolicy, ManualClock};
use bindery_resource_server::configuration::GuardParts;
use bindery_resource_server::{Guard, GuardConfiguration};
use bindery_store::memory::ReplayMemory;
use serde_json::{Value, json};

/// The URI that all proofs are for.
pub const TARGET: &str = "https://api.example.com/orders/4711/lines";
const CLIENTS: usize = 256;
/// The time at which everything happens.
pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_750_000_000);

/// A token with a proof for it.
pub struct ProvenRequest {
    /// The value of `Authorization`.
    pub authorization: String,
    /// The token's SHA-256.
    pub token_hash: Sha256Digest,
    /// The value of `DPoP`.
    pub proof: String,
    /// The proof's key as an uncompressed point.
    pub point: [u8; 65],
}

/// All clients.
pub struct Population {
    keys: Vec<SigningKey>,
    tokens: Vec<String>,
    issuer: SigningKey,
}

impl Population {
    /// Makes keys and tokens.
    #[must_use]
    pub fn new() -> Self {
        let key = || SigningKey::generate(SignatureAlgorithm::Es256).unwrap_or_else(|_| unreachable!());
        let issuer = key();
        let keys: Vec<_> = (0..CLIENTS).map(|_| key()).collect();
        let tokens = keys.iter().enumerate().map(|(index, key)| access_token(&issuer, index, key)).collect();
        Self { keys, tokens, issuer }
    }

    /// `count` requests with fresh proofs, the clients taking turns.
    #[must_use]
    pub fn requests(&self, count: usize) -> Vec<ProvenRequest> {
        (0..count).map(|index| self.request(index)).collect()
    }

    fn request(&self, index: usize) -> ProvenRequest {
        let (key, token) = (&self.keys[index % CLIENTS], &self.tokens[index % CLIENTS]);
        let token_hash = AwsLc.sha256(&[token.as_bytes()]);
        let identifier = bindery_crypto::random_identifier().unwrap_or_default();
        let claims = ProofClaims {
            identifier: &identifier,
            method: "GET",
            target: TARGET,
            issued_at: NOW,
            access_token_hash: Some(&token_hash),
            nonce: None,
        };
        let input = unsigned_proof(key.public_key(), key.algorithm(), &claims);
        let signature = key.sign(&input).unwrap_or_default();
        let PublicKey::EcP256(point) = *key.public_key() else { unreachable!() };
        let proof = attach_signature(input, &signature);
        ProvenRequest { authorization: format!("DPoP {token}"), token_hash, proof, point }
    }

    /// The issuer, as a resource server trusts it.
    #[must_use]
    pub fn trusted_issuer(&self) -> TrustedIssuer {
        TrustedIssuer {
            issuer: "https://login.example.com".into(),
            audiences: vec!["https://api.example.com".into()],
            algorithms: AlgorithmSet::DEFAULT,
            clock_skew: Duration::from_secs(30),
        }
    }

    /// Every client's token, verified, by its digest: what a guard keeps in its cache.
    #[must_use]
    pub fn verified_tokens(&self) -> HashMap<Sha256Digest, Arc<VerifiedAccessToken>> {
        let issuers = [self.trusted_issuer()];
        let keys = JwkSet::parse(self.jwks().as_bytes()).unwrap_or_default();
        let verify = |token: &String| {
            let digest = AwsLc.sha256(&[token.as_bytes()]);
            let (parsed, issuer) = UnverifiedAccessToken::parse(token, digest, &issuers).ok()?;
            let verified = parsed.verify(keys.keys.iter(), issuer, NOW, &AwsLc).ok()?;
            Some((digest, Arc::new(verified)))
        };
        self.tokens.iter().filter_map(verify).collect()
    }

    /// The issuer's JWK set.
    #[must_use]
    pub fn jwks(&self) -> String {
        let mut jwk = self.issuer.public_key().to_jwk();
        jwk.insert("kid".into(), "1".into());
        json!({ "keys": [jwk] }).to_string()
    }
}

impl Default for Population {
    fn default() -> Self {
        Self::new()
    }
}

fn access_token(issuer: &SigningKey, index: usize, key: &SigningKey) -> String {
    let header = json!({"typ": "at+jwt", "alg": "ES256", "kid": "1"});
    let claims = json!({
        "iss": "https://login.example.com", "aud": "https://api.example.com", "sub": format!("user-{index}"),
        "client_id": "shop", "scope": "orders.read orders.write", "jti": base64url::encode(index.to_be_bytes()),
        "iat": NOW.as_seconds(), "exp": NOW.as_seconds() + 300, "cnf": {"jkt": key.thumbprint().to_string()},
    });
    let input = signing_input(header.to_string().as_bytes(), Value::to_string(&claims).as_bytes());
    let signature = issuer.sign(&input).unwrap_or_default();
    attach_signature(input, &signature)
}

/// A replay memory with `live` entries in it, as after a while of traffic; no proof is older than it.
#[must_use]
pub fn busy_memory(live: usize) -> ReplayMemory {
    let memory = ReplayMemory::new(live * 2, UnixTime::from_seconds(0), [7; 16]);
    for index in 0..live {
        let entry = ReplayEntry {
            kind: ReplayKind::DpopProof,
            owner: &[1; 32],
            target: (TARGET, ""),
            identifier: &index.to_string(),
            expires_at: NOW.plus(Duration::from_secs(index as u64 % 60)),
        };
        let _ = memory.insert_if_absent(&entry, NOW);
    }
    memory
}

/// A guard that trusts the population's issuer, with everything on that is on by default.
#[must_use]
pub fn guard(population: &Population, replay: ReplayMemory) -> Guard {
    let directory = std::env::temp_dir();
    let jwks = directory.join(format!("bindery-bench-jwks-{}.json", std::process::id()));
    let configuration = format!(
        r#"
        public_urls = ["https://api.example.com"]
        [[issuer]]
        issuer = "https://login.example.com"
        audiences = ["https://api.example.com"]
        jwks_file = "{}"
        [[route]]
        path = "/orders"
        scope = "orders.read"
        "#,
        jwks.display()
    );
    let written = std::fs::write(&jwks, population.jwks());
    let guard = written.ok().and_then(|()| {
        let configuration: GuardConfiguration = toml::from_str(&configuration).ok()?;
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http_client = bindery_resource_server::outbound::http_client_builder().build().ok()?;
        let parts = GuardParts {
            replay,
            clock: Arc::new(ManualClock::new(NOW)),
            edge: EdgePolicy::direct(),
            http_client,
            observer: None,
        };
        configuration.into_guard(parts).ok()
    });
    let _ = std::fs::remove_file(&jwks);
    guard.unwrap_or_else(|| unreachable!("the benchmark's own configuration is good"))
}

/// Our cryptography with the signature check left out, to see what everything else costs.
pub struct SignatureSkipped;

impl Cryptography for SignatureSkipped {
    fn sha256(&self, parts: &[&[u8]]) -> Sha256Digest {
        AwsLc.sha256(parts)
    }

    fn hmac_sha256(&self, key: &MacKey, parts: &[&[u8]]) -> Sha256Digest {
        AwsLc.hmac_sha256(key, parts)
    }

    fn verify_signature(
        &self,
        _: SignatureAlgorithm,
        _: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureInvalid> {
        std::hint::black_box((message, signature));
        Ok(())
    }
}
