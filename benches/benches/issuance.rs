//! Token issuance without network: a whole token request through the server's router, from the form to the
//! signed access token, beside the signatures that it can't do without. `cargo bench --bench issuance`.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use axum::body::Body;
use bindery_authorization_server::{AuthorizationServer, SealingKey, ServerConfiguration, ServerParts};
use bindery_benches::{Case, interleaved, print_table};
use bindery_core::crypto::Cryptography as _;
use bindery_core::dpop::proof_builder::{ProofClaims, unsigned_proof};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::PublicKey;
use bindery_core::jose::jws::{attach_signature, signing_input};
use bindery_core::time::UnixTime;
use bindery_crypto::p256::use_tables;
use bindery_crypto::{AwsLc, Signer as _, SigningKey, random_identifier};
use bindery_http::ManualClock;
use bindery_store::memory::{MemoryStore, ReplayMemory};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const STARTED: UnixTime = UnixTime::from_seconds(1_750_000_000);
const NOW: UnixTime = UnixTime::from_seconds(1_750_000_100);
const ROUNDS: usize = 30;
const SLOT: usize = 100;

#[expect(clippy::panic, reason = "a benchmark that measures refusals measures nothing")]
fn main() {
    let key = || SigningKey::generate(SignatureAlgorithm::Es256).unwrap_or_else(|_| unreachable!());
    let (assertion_key, proof_key) = (key(), key());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|_| unreachable!());
    let router = runtime.block_on(server(&assertion_key)).router();
    let forms = RefCell::new(Vec::new());
    let prepare = || {
        *forms.borrow_mut() = (0..2 * SLOT).map(|_| (form(&assertion_key), proof(&proof_key))).collect();
    };

    let message = vec![b'x'; 500];
    let signature = proof_key.sign(&message).unwrap_or_default();
    let PublicKey::EcP256(point) = *proof_key.public_key() else { unreachable!() };
    let answer = |index: usize| {
        let (form, proof) = &forms.borrow()[index];
        let request = Request::post("/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("dpop", proof)
            .body(Body::from(form.clone()))
            .unwrap_or_default();
        let response = runtime.block_on(router.clone().oneshot(request));
        let status = response.map(|response| response.status()).unwrap_or_default();
        if status != StatusCode::OK {
            panic!("{status}");
        }
    };
    let key = PublicKey::EcP256(point);
    let mut cases = [
        Case::new("the signatures alone, without tables: two verifications, one signature", |_| {
            for _ in 0..2 {
                let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point);
                if public.verify(&message, &signature).is_err() {
                    panic!("the signature is good");
                }
            }
            drop(std::hint::black_box(proof_key.sign(&message)));
        }),
        Case::new("the signatures alone, known keys", |_| {
            use_tables(true);
            for _ in 0..2 {
                if AwsLc.verify_signature(SignatureAlgorithm::Es256, &key, &message, &signature).is_err() {
                    panic!("the signature is good");
                }
            }
            drop(std::hint::black_box(proof_key.sign(&message)));
        }),
        Case::new("one signature alone", |_| drop(std::hint::black_box(proof_key.sign(&message)))),
        Case::new("token request: private_key_jwt and DPoP, in memory, without tables", |index| {
            use_tables(false);
            answer(index);
        }),
        Case::new("token request: private_key_jwt and DPoP, in memory, known keys", |index| {
            use_tables(true);
            answer(SLOT + index);
        }),
    ];
    let costs = interleaved(&mut cases, ROUNDS, SLOT, prepare);
    print_table("Token issuance without network (one thread)", &cases, &costs);
}

async fn server(assertion_key: &SigningKey) -> AuthorizationServer {
    let jwk = Value::Object(assertion_key.public_key().to_jwk());
    let configuration: Result<ServerConfiguration, _> = serde_json::from_value(json!({
        "limits": {"enabled": false},
        "issuer": "https://login.example.com",
        "client": [{
            "client_id": "billing",
            "token_endpoint_auth_method": "private_key_jwt",
            "grant_types": ["client_credentials"],
            "scope": "orders.read",
            "audiences": ["https://api.example.com"],
            "sender_constraint": "dpop",
            "jwks": { "keys": [jwk] },
        }],
    }));
    let clock = Arc::new(ManualClock::new(STARTED));
    let store = Arc::new(MemoryStore::new(ReplayMemory::new(1_000_000, STARTED, [7; 16])));
    let sealing = SealingKey::ephemeral().unwrap_or_else(|_| unreachable!());
    let parts = ServerParts::new(store, clock.clone(), sealing);
    let configuration = configuration.unwrap_or_else(|error| unreachable!("{error}"));
    let server = AuthorizationServer::start(&configuration, parts).await;
    // The memories began long ago, so that nothing needs a nonce.
    clock.advance(Duration::from_secs(100));
    server.unwrap_or_else(|error| unreachable!("{error}"))
}

fn form(key: &SigningKey) -> String {
    let header = json!({"alg": "ES256", "typ": "JWT"});
    let claims = json!({
        "iss": "billing", "sub": "billing", "aud": "https://login.example.com",
        "jti": random_identifier().unwrap_or_default(), "iat": NOW.as_seconds(), "exp": NOW.as_seconds() + 60,
    });
    let input = signing_input(header.to_string().as_bytes(), claims.to_string().as_bytes());
    let signature = key.sign(&input).unwrap_or_default();
    format!(
        "grant_type=client_credentials&scope=orders.read&client_assertion_type=\
         urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={}",
        attach_signature(input, &signature)
    )
}

fn proof(key: &SigningKey) -> String {
    let identifier = random_identifier().unwrap_or_default();
    let claims = ProofClaims {
        identifier: &identifier,
        method: "POST",
        target: "https://login.example.com/token",
        issued_at: NOW,
        access_token_hash: None,
        nonce: None,
    };
    let input = unsigned_proof(key.public_key(), key.algorithm(), &claims);
    let signature = key.sign(&input).unwrap_or_default();
    attach_signature(input, &signature)
}
