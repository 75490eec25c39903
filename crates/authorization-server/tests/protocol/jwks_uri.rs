//! Key sets over real HTTPS, from the client's server to the token: keys and self-signed certificates change
//! there, nothing changes here, and strangers cause no flood (MTLS-2.2-03, -04).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::routing::get;
use axum::{Json, Router};
use bindery_authorization_server::{ClientKeysConfiguration, HttpOutbound};
use bindery_crypto::SigningKey;
use bindery_http::listener::{Limits, Listener};
use bindery_http::tls::ServerTls;
use bindery_http::{ClientCertificates, Clock as _};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};

use crate::support::{Answer, Call, ISSUER, Setup, World, certificate, certificate_jwk, key, sign};

/// A client's own server, and an authorization server that knows nothing of its keys but where they are.
struct Estate {
    world: World,
    keys: Arc<Mutex<Vec<Value>>>,
    fetches: Arc<AtomicUsize>,
}

impl Estate {
    async fn start(method: &str) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let tls = ServerTls::from_pem(
            cert.pem().as_bytes(),
            signing_key.serialize_pem().as_bytes(),
            ClientCertificates::NotAsked,
        );
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = Listener::tls(address, tls.unwrap(), Limits::default()).unwrap();
        let uri = format!("https://localhost:{}/jwks", listener.local_address().port());
        let (keys, fetches) = (Arc::<Mutex<Vec<Value>>>::default(), Arc::<AtomicUsize>::default());
        let (served, counted) = (Arc::clone(&keys), Arc::clone(&fetches));
        let answer = get(async move || {
            counted.fetch_add(1, Ordering::SeqCst);
            Json(json!({ "keys": *served.lock().unwrap() }))
        });
        tokio::spawn(listener.serve(Router::new().route("/jwks", answer)));

        let roots = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(roots.path(), cert.pem()).unwrap();
        let configuration = ClientKeysConfiguration {
            roots_file: Some(roots.path().to_owned()),
            dangerous_private_hosts: vec!["localhost".into()],
            ..ClientKeysConfiguration::default()
        };
        let mut setup = Setup::new();
        setup.key_fetcher = Some(Arc::new(HttpOutbound::new(&configuration).unwrap()));
        setup.configuration["client"].as_array_mut().unwrap().push(json!({
            "client_id": "serving", "token_endpoint_auth_method": method, "jwks_uri": uri,
            "grant_types": ["client_credentials"], "audiences": ["https://api.example"],
        }));
        Self { world: setup.start().await, keys, fetches }
    }

    fn serve(&self, keys: Vec<Value>) {
        *self.keys.lock().unwrap() = keys;
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// A token request with an assertion signed by `key` under the name `kid`.
    async fn assert(&self, kid: &str, key: &SigningKey) -> Answer {
        let now = self.world.clock.now().as_seconds();
        let claims = json!({
            "iss": "serving", "sub": "serving", "aud": ISSUER, "jti": self.world.unique(), "iat": now,
            "exp": now + 60,
        });
        let assertion = sign(key, &json!({"alg": "ES256", "kid": kid}), &claims);
        let proof = self.world.proof(&crate::support::key());
        self.world.send(Call::token("client_credentials").assertion(assertion).dpop(proof)).await
    }
}

fn named(kid: &str, key: &SigningKey) -> Value {
    let mut jwk = key.public_key().to_jwk();
    jwk.insert("kid".into(), kid.into());
    jwk.into()
}

#[tokio::test]
async fn assertion_keys_rotate_by_jwks_uri_and_both_are_good_while_both_are_served() {
    let estate = Estate::start("private_key_jwt").await;
    let (old, new) = (key(), key());
    estate.serve(vec![named("old", &old)]);
    estate.assert("old", &old).await.ok();
    estate.assert("old", &old).await.ok();
    assert_eq!(estate.fetches(), 1);
    estate.serve(vec![named("old", &old), named("new", &new)]);
    estate.world.advance(30);
    estate.assert("new", &new).await.ok();
    estate.assert("old", &old).await.ok();
    assert_eq!(estate.fetches(), 2);
    estate.serve(vec![named("new", &new)]);
    estate.world.advance(300);
    estate.assert("old", &old).await.error(401, "invalid_client");
    estate.assert("new", &new).await.ok();
}

#[tokio::test]
async fn a_flood_of_unknown_keys_causes_one_fetch() {
    let estate = Estate::start("private_key_jwt").await;
    let (own, stranger) = (key(), key());
    estate.serve(vec![named("own", &own)]);
    estate.assert("own", &own).await.ok();
    estate.world.advance(30);
    let flood = (0..40).map(|index| {
        let (estate, stranger) = (&estate, &stranger);
        async move { estate.assert(&format!("unknown-{index}"), stranger).await }
    });
    for answer in futures_util::future::join_all(flood).await {
        answer.error(401, "invalid_client");
    }
    assert_eq!(estate.fetches(), 2);
    estate.assert("own", &own).await.ok();
    assert_eq!(estate.fetches(), 2);
}

#[tokio::test]
async fn requests_that_come_together_wait_for_one_first_fetch() {
    let estate = Estate::start("private_key_jwt").await;
    let own = key();
    estate.serve(vec![named("own", &own)]);
    let together = (0..8).map(|_| estate.assert("own", &own));
    for answer in futures_util::future::join_all(together).await {
        answer.ok();
    }
    assert_eq!(estate.fetches(), 1);
}

#[tokio::test]
async fn self_signed_certificates_rotate_by_jwks_uri() {
    let estate = Estate::start("self_signed_tls_client_auth").await;
    let [old, new] = ["old", "new"].map(|name| certificate(name, Vec::new(), None).0);
    let request = async |certificate| {
        let call = Call::token("client_credentials").with("client_id", "serving").certificate(certificate);
        estate.world.send(call).await
    };
    estate.serve(vec![certificate_jwk(&old)]);
    request(&old).await.ok();
    request(&new).await.error(401, "invalid_client");
    estate.serve(vec![certificate_jwk(&old), certificate_jwk(&new)]);
    estate.world.advance(30);
    request(&new).await.ok();
    request(&old).await.ok();
    estate.serve(vec![certificate_jwk(&new)]);
    estate.world.advance(300);
    request(&old).await.error(401, "invalid_client");
    request(&new).await.ok();
}
