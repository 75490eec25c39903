//! A bound token works for the holder of its key alone, and never as bearer (RFC 9449 section 7.2, RFC 8705
//! section 3, RFC 7800): presentation, confirmation, certificates.

use http::StatusCode;
use serde_json::{Value, json};

use crate::world::{Client, Issued, as_bearer, peer, with_proof};
use crate::{Answer, Scene};

const ENFORCED: &str = "
[[route]]
path = \"/dpop\"
mechanisms = [\"dpop\"]
[[route]]
path = \"/mtls\"
mechanisms = [\"mtls\"]
[[route]]
path = \"/bearer\"
mechanisms = [\"dpop\", \"mtls\", \"dangerous_bearer\"]
[[route]]
path = \"/bearer-only\"
mechanisms = [\"dangerous_bearer\"]
[[route]]
path = \"/scoped\"
methods = [\"GET\"]
scope = \"read\"
";
const PATHS: [&str; 7] = ["/", "/dpop", "/mtls", "/bearer", "/bearer-only", "/scoped", "/scoped/below"];

#[tokio::test]
async fn refuses_a_bound_token_as_bearer_on_every_enforced_route() {
    let scene = Scene::with("", ENFORCED);
    let client = Client::new(&scene.clock);
    let certificate = scene.authority.issue("client.example");
    let token = scene.issuer.token(client.cnf());
    let both = json!({"jkt": client.jkt(), "x5t#S256": certificate.thumbprint()});
    let doubly_bound = scene.issuer.token(Some(both));
    for path in PATHS {
        for token in [&token, &doubly_bound] {
            let answer = scene.call(as_bearer(path, token, None)).await;
            assert_eq!(
                (answer.status, answer.reason()),
                (StatusCode::UNAUTHORIZED, "bound_token_as_bearer"),
                "{path}"
            );
            // The right certificate does not stand in for the missing proof, nor does a proof beside Bearer.
            let answer = scene.call(as_bearer(path, token, Some(&certificate))).await;
            assert_eq!(answer.reason(), "bound_token_as_bearer", "{path}");
            let proof = client.proof("GET", path, token);
            let answer = scene.call(as_bearer(path, token, None).header("dpop", proof)).await;
            assert_eq!(answer.reason(), "bound_token_as_bearer", "{path}");
        }
    }
}

#[tokio::test]
async fn a_mechanism_that_is_turned_off_refuses_its_tokens() {
    let scene = Scene::with("", ENFORCED);
    let client = Client::new(&scene.clock);
    let certificate = scene.authority.issue("client.example");
    let dpop = scene.issuer.token(client.cnf());
    let mtls = scene.issuer.token(Some(json!({"x5t#S256": certificate.thumbprint()})));
    for path in ["/mtls", "/bearer-only"] {
        assert_eq!(scene.call(client.get(path, &dpop)).await.reason(), "mechanism_not_accepted", "{path}");
    }
    for path in ["/dpop", "/bearer-only"] {
        let answer = scene.call(as_bearer(path, &mtls, Some(&certificate))).await;
        assert_eq!(answer.reason(), "mechanism_not_accepted", "{path}");
    }
}

#[tokio::test]
async fn a_certificate_bound_token_needs_its_certificate_in_the_handshake() {
    let scene = Scene::new();
    let (own, other) = (scene.authority.issue("client.example"), scene.authority.issue("client.example"));
    let token = scene.issuer.token(Some(json!({"x5t#S256": own.thumbprint()})));
    assert_eq!(scene.call(as_bearer("/", &token, Some(&own))).await.reason(), "mtls");
    let refused = [(None, "certificate_missing"), (Some(&other), "certificate_mismatch")];
    for (certificate, reason) in refused {
        let answer = scene.call(as_bearer("/", &token, certificate)).await;
        assert_eq!((answer.status, answer.reason()), (StatusCode::UNAUTHORIZED, reason));
    }
    // The token is in the cache by now; its binding is not.
    let answer = scene.call(as_bearer("/", &token, Some(&other))).await;
    assert_eq!(answer.reason(), "certificate_mismatch");
    // Nor does somebody's proof replace the certificate.
    let client = Client::new(&scene.clock);
    assert_eq!(scene.call(client.get("/", &token)).await.reason(), "unbound_token_as_dpop");
}

#[tokio::test]
async fn a_request_without_a_peer_has_no_certificate() {
    let scene = Scene::new();
    let own = scene.authority.issue("client.example");
    let token = scene.issuer.token(Some(json!({"x5t#S256": own.thumbprint()})));
    let request = http::Request::get("/").header("authorization", format!("Bearer {token}"));
    assert_eq!(scene.call(request).await.reason(), "certificate_missing");
}

#[tokio::test]
async fn a_doubly_bound_token_needs_both_keys() {
    let scene = Scene::new();
    let (client, stranger) = (Client::new(&scene.clock), Client::new(&scene.clock));
    let (own, other) = (scene.authority.issue("a.example"), scene.authority.issue("b.example"));
    let token = scene.issuer.token(Some(json!({"jkt": client.jkt(), "x5t#S256": own.thumbprint()})));
    let send =
        |client: &Client, certificate: Option<&Issued>| client.get("/", &token).extension(peer(certificate));
    assert_eq!(scene.call(send(&client, Some(&own))).await.reason(), "dpop+mtls");
    assert_eq!(scene.call(send(&client, None)).await.reason(), "certificate_missing");
    assert_eq!(scene.call(send(&client, Some(&other))).await.reason(), "certificate_mismatch");
    assert_eq!(scene.call(send(&stranger, Some(&own))).await.reason(), "proof_key_mismatch");
}

#[tokio::test]
async fn certificate_headers_of_a_client_are_no_certificate() {
    let scene = Scene::new();
    let own = scene.authority.issue("client.example");
    let token = scene.issuer.token(Some(json!({"x5t#S256": own.thumbprint()})));
    let pem = own.certificate.replace('\n', "%0A");
    let encoded = format!(":{}:", bindery_core::encoding::base64url::encode(&own.der));
    for (name, value) in [
        ("client-cert", encoded.as_str()),
        ("client_cert", &encoded),
        ("x-forwarded-client-cert", &format!("Cert=\"{pem}\"")),
        ("x-ssl-client-cert", &pem),
        ("ssl-client-cert", &pem),
        ("x-amzn-mtls-clientcert", &pem),
        ("x-forwarded-tls-client-cert", &pem),
        ("X-SSL_Client-Cert", &pem),
    ] {
        let answer = scene.call(as_bearer("/", &token, None).header(name, value)).await;
        assert_eq!(answer.reason(), "certificate_missing", "{name}");
    }
}

#[tokio::test]
async fn a_confirmation_that_names_nothing_enforceable_is_refused_never_bearer() {
    let scene = Scene::with("", ENFORCED);
    let client = Client::new(&scene.clock);
    let jkt = client.jkt();
    let certificate = scene.authority.issue("client.example");
    for cnf in [
        json!({}),
        json!(null),
        json!("text"),
        json!([]),
        json!(1),
        json!({"kid": "1"}),
        json!({"jwk": {}}),
        json!({"x5t": certificate.thumbprint()}),
        json!({"JKT": jkt}),
        json!({"jkt": 1}),
        json!({"jkt": null}),
        json!({"jkt": [jkt]}),
        json!({"jkt": jkt.to_lowercase()}),
        json!({"jkt": format!("{jkt}=")}),
        json!({"jkt": jkt, "x5t#S256": 1}),
        json!({"x5t#S256": hex(&certificate)}),
        json!({"cnf": {"jkt": jkt}}),
    ] {
        let token = scene.issuer.token(Some(cnf.clone()));
        for path in ["/", "/bearer", "/bearer-only"] {
            let answers = [
                scene.call(as_bearer(path, &token, None)).await,
                scene.call(as_bearer(path, &token, Some(&certificate))).await,
                scene.call(client.get(path, &token)).await,
            ];
            assert!(answers.iter().all(|answer| answer.status == StatusCode::UNAUTHORIZED), "{cnf} {path}");
        }
    }
}

fn hex(certificate: &Issued) -> String {
    use bindery_core::crypto::Cryptography as _;
    let digest = bindery_crypto::AwsLc.sha256(&[&certificate.der]);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn an_unbound_token_passes_only_where_bearer_is_dangerously_accepted() {
    let scene = Scene::with("", ENFORCED);
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(None);
    for path in ["/", "/dpop", "/mtls", "/scoped"] {
        assert_eq!(scene.call(as_bearer(path, &token, None)).await.reason(), "unbound_token", "{path}");
    }
    for path in ["/bearer", "/bearer-only"] {
        assert_eq!(scene.call(as_bearer(path, &token, None)).await.reason(), "bearer", "{path}");
    }
    assert_eq!(scene.call(client.get("/bearer", &token)).await.reason(), "unbound_token_as_dpop");
}

#[tokio::test]
async fn another_key_another_method_path_host_or_token_is_refused() {
    let scene = Scene::new();
    let (client, thief) = (Client::new(&scene.clock), Client::new(&scene.clock));
    let token = scene.issuer.token(client.cnf());
    let other = scene.issuer.token(client.cnf());
    let reason = async |proof: String| {
        let answer: Answer = scene.call(with_proof("/items", &token, &proof)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        answer.reason().to_owned()
    };
    assert_eq!(reason(thief.proof("GET", "/items", &token)).await, "proof_key_mismatch");
    assert_eq!(reason(client.proof("POST", "/items", &token)).await, "proof_method");
    assert_eq!(reason(client.proof("get", "/items", &token)).await, "proof_method");
    assert_eq!(reason(client.proof("GET", "/others", &token)).await, "proof_target");
    assert_eq!(reason(client.proof("GET", ":8443/items", &token)).await, "proof_target");
    assert_eq!(reason(client.proof("GET", ".evil.example/items", &token)).await, "proof_target");
    assert_eq!(reason(client.proof("GET", "/items", &other)).await, "proof_token_hash");
}

#[tokio::test]
async fn spoofed_hosts_have_no_effect_on_the_target() {
    let scene = Scene::new();
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let spoofed = |request: http::request::Builder| {
        request
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "http")
            .header("x-forwarded-prefix", "/other")
            .header("x-original-url", "/other")
            .header("forwarded", "host=evil.example;proto=http")
    };
    // The right target stays right, and a proof for the spoofed one stays wrong.
    assert_eq!(scene.call(spoofed(client.get("/items", &token))).await.reason(), "dpop");
    let elsewhere = client.proof_with("GET", "/other", &token, None, "x", crate::START);
    assert_eq!(scene.call(spoofed(with_proof("/items", &token, &elsewhere))).await.reason(), "proof_target");
    // Absolute form: the authority of the request target is the client's word too.
    let proof = client.proof("GET", "/items", &token);
    let absolute = with_proof("https://evil.example/items", &token, &proof);
    assert_eq!(scene.call(absolute).await.reason(), "dpop");
}

#[tokio::test]
async fn credentials_come_once_and_in_the_header() {
    let scene = Scene::new();
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let proof = || client.proof("GET", "/", &token);
    let base = || http::Request::get("/").extension(peer(None));
    let value = |scheme: &str| format!("{scheme}{token}");
    for (request, status, reason) in [
        (base(), 401, ""),
        (base().header("authorization", value("DPoP ")), 401, "proof_missing"),
        (client.get("/", &token).header("dpop", proof()), 401, "proof_duplicate"),
        (client.get("/", &token).header("authorization", value("DPoP ")), 400, "duplicate_credentials"),
        (client.get("/?access_token=x", &token), 400, "token_in_query"),
        (client.get("/?access%5ftoken=x", &token), 400, "token_in_query"),
        (
            base().header("authorization", value("DPoP  ")).header("dpop", proof()),
            400,
            "authorization_malformed",
        ),
        (
            base().header("authorization", value("DPoP\t")).header("dpop", proof()),
            400,
            "authorization_malformed",
        ),
        (with_proof("/", &token, &format!("{0},{0}", proof())), 401, "proof_malformed"),
        (with_proof("/", &token, ""), 401, "proof_malformed"),
        (with_proof("/", &token, &"A".repeat(65_536)), 401, "proof_malformed"),
    ] {
        let shown = format!("{:?}", request.headers_ref().map(|headers| headers.keys().collect::<Vec<_>>()));
        let answer = scene.call(request).await;
        assert_eq!((answer.status.as_u16(), answer.reason()), (status, reason), "{shown}");
    }
    // Scheme names have no case (RFC 9110 section 11.1).
    for scheme in ["dpop ", "DPOP "] {
        let request = base().header("authorization", value(scheme)).header("dpop", proof());
        assert_eq!(scene.call(request).await.reason(), "dpop");
    }
}

#[tokio::test]
async fn challenges_name_the_error_in_the_scheme_that_was_used_and_nothing_of_the_request() {
    let scene = Scene::with(
        "realm = \"orders\"\nresource_metadata = \"https://api.example/.well-known/oauth-protected-resource\"",
        "",
    );
    let none = scene.call(http::Request::get("/").extension(peer(None))).await;
    assert_eq!((none.status, &none.body), (StatusCode::UNAUTHORIZED, &Value::Null));
    assert!(none.challenges().iter().all(|text| !text.contains("error=")), "{none:?}");
    assert!(
        none.challenges()[0].starts_with("DPoP realm=\"orders\",algs=\"")
            || none.challenges()[0].starts_with("DPoP realm=\"orders\", algs=\""),
        "{none:?}"
    );
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let refused = scene.call(as_bearer("/secret-path", &token, None)).await;
    for challenge in refused.challenges() {
        assert_eq!(challenge.contains("error="), challenge.starts_with("Bearer "), "{challenge}");
        assert!(challenge.contains("resource_metadata="));
    }
    let everything = format!("{:?}{}", refused.headers, refused.body);
    for leak in [token.as_str(), "secret-path", "alice", "client-1"] {
        assert!(!everything.contains(leak), "{leak}");
    }
}
