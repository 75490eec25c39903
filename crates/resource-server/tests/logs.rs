//! Nothing that could be used again is ever written to a log: no token, no proof, no certificate, no secret,
//! at any level. It is a program of its own, because it listens to all events of its process.

#![expect(clippy::unwrap_used, reason = "a test that can't go on must stop")]

#[path = "world/mod.rs"]
#[expect(dead_code, reason = "the guard's other tests use the rest")]
mod world;

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use bindery_http::{Clock as _, EdgePolicy, ManualClock};
use bindery_resource_server::GuardLayer;
use bindery_resource_server::configuration::GuardParts;
use http::StatusCode;
use serde_json::json;
use tower::{Layer as _, ServiceExt as _};

use world::{Authority, Client, Issuer, START, as_bearer, configuration, old_memory, with_proof};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        world::record::log(bytes);
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_token_proof_certificate_or_secret_reaches_a_log() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();

    let authority = Authority::new();
    let issuer = Issuer::start(&authority);
    let clock = Arc::new(ManualClock::new(START));
    let secret = tempfile::tempdir().unwrap();
    let file = secret.path().join("secret");
    std::fs::write(&file, "introspection-secret").unwrap();
    world::record::secret("a client's secret", "introspection-secret");
    let parts = GuardParts {
        replay: old_memory(),
        clock: Arc::clone(&clock) as _,
        edge: EdgePolicy::direct(),
        http_client: authority.http_client(),
        observer: None,
    };
    let routes = "[[route]]\npath = \"/observed\"\nmode = \"observe\"\n";
    let settings = configuration("", &format!("{}{routes}", issuer.introspection_table(&file)));
    let guard = settings.into_guard(parts).unwrap();
    let application = tower::service_fn(|_| async { Ok(http::Response::new(Body::empty())) });
    let service = GuardLayer::new(guard).layer(application);

    let client = Client::new(&clock);
    let thief = Client::new(&clock);
    let certificate = authority.issue("client.example");
    let token = issuer.token(client.cnf());
    let bound = issuer.token(Some(json!({"x5t#S256": certificate.thumbprint()})));
    let opaque = issuer.opaque(json!({"active": false}));
    let proof = client.proof("GET", "/", &token);
    let stolen = thief.proof("GET", "/", &token);
    let late =
        client.proof_with("GET", "/", &token, None, "late", clock.now().minus(std::time::Duration::MAX));
    let requests = [
        with_proof("/", &token, &proof),
        with_proof("/", &token, &proof),
        with_proof("/", &token, &stolen),
        with_proof("/", &token, &late),
        with_proof("/elsewhere", &token, &proof),
        with_proof("/", &token, &format!("{proof}x")),
        with_proof("/", &proof, &token),
        as_bearer("/", &token, None),
        as_bearer("/observed", &token, None),
        as_bearer("/", &bound, None).header("client-cert", &certificate.standard_base64()),
        as_bearer("/", &opaque, None),
        as_bearer(&format!("/?access_token={token}"), &token, None),
        with_proof("/", &opaque, &client.proof("GET", "/", &opaque)),
        as_bearer(&format!("/{}", "a".repeat(5000)), &token, None),
    ];
    let mut statuses = Vec::new();
    for request in requests {
        let request = request.body(Body::empty()).unwrap();
        statuses.push(service.clone().oneshot(request).await.unwrap().status());
    }
    issuer.set_down(true);
    let unknown = "an-opaque-token-nobody-knows";
    world::record::secret("an access token", unknown);
    let request = with_proof("/", unknown, &client.proof("GET", "/", unknown)).body(Body::empty()).unwrap();
    statuses.push(service.clone().oneshot(request).await.unwrap().status());
    assert_eq!(statuses.first(), Some(&StatusCode::OK));
    assert_eq!(statuses.last(), Some(&StatusCode::SERVICE_UNAVAILABLE));

    let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    for event in ["request_admitted", "proof_replayed", "introspection_failed", "removed identity headers"] {
        assert!(text.contains(event), "the log lacks `{event}`");
    }
    let shortened = "a".repeat(150);
    assert!(text.contains(&shortened) && !text.contains(&"a".repeat(200)), "a path is logged whole");
    let signature = |jws: &str| jws.rsplit('.').next().unwrap().to_owned();
    let pem = certificate.standard_base64();
    for (what, secret) in [
        ("token", token.clone()),
        ("token's signature", signature(&token)),
        ("bound token's signature", signature(&bound)),
        ("opaque token", opaque),
        ("unknown token", unknown.to_owned()),
        ("proof's signature", signature(&proof)),
        ("stolen proof's signature", signature(&stolen)),
        ("certificate", pem[pem.len() - 60..].to_owned()),
        ("secret", "introspection-secret".to_owned()),
        ("secret in Basic", "Z3VhcmQ6aW50cm9zcGVjdGlvbi1zZWNyZXQ".to_owned()),
    ] {
        assert!(!text.contains(&secret), "the {what} is in the log");
    }
}
