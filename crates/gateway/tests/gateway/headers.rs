//! What the application is told and what the client is told: verified identities only, no credentials where
//! they are spent, nothing of another hop, one nonce.

use axum::body::Body;
use http::{Request, StatusCode};

use crate::scene::{Answer, Scene, proven};

#[tokio::test]
async fn the_application_reads_who_was_proven_and_no_credentials() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    let request = proven(&client, "GET", "/x", &token).header("proxy-authorization", format!("DPoP {token}"));
    let answer = scene.send(request).await;
    for (name, value) in [
        ("bindery-subject", "alice"),
        ("bindery-client-id", "client-1"),
        ("bindery-scope", "read write"),
        ("bindery-issuer", scene.issuer.url.as_str()),
        ("bindery-binding", "dpop"),
        ("bindery-key-thumbprint", &client.jkt()),
        ("bindery-mode", "enforce"),
    ] {
        assert_eq!(answer.received(name), [value], "{name}");
    }
    for name in ["authorization", "dpop", "proxy-authorization", "bindery-certificate-thumbprint"] {
        assert!(answer.received(name).is_empty(), "{name}");
    }
    assert!(!answer.text.contains(&token));
}

#[tokio::test]
async fn a_certificate_of_the_handshake_is_told_by_its_thumbprint_alone() {
    let scene = Scene::new();
    let own = scene.authority.issue("client.example");
    let token = scene.issuer.token(Some(serde_json::json!({"x5t#S256": own.thumbprint()})));
    let request = || {
        Request::get("/x").header("host", "api.example").header("authorization", format!("Bearer {token}"))
    };
    let mut connection = scene.http1(Some(&own)).await;
    let response = connection.send_request(request().body(Body::empty()).unwrap()).await.unwrap();
    let answer = Answer::of(response).await;
    assert_eq!(answer.received("bindery-binding"), ["mtls"]);
    assert_eq!(answer.received("bindery-certificate-thumbprint"), [own.thumbprint()]);
    assert!(answer.received("authorization").is_empty());
    // The same token from a connection without the certificate, and with its header instead.
    let encoded = own.certificate.replace('\n', "%0A");
    for name in ["client-cert", "x-ssl-client-cert", "x-forwarded-client-cert"] {
        let mut connection = scene.http1(None).await;
        let request = request().header(name, &encoded).body(Body::empty()).unwrap();
        let response = connection.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{name}");
    }
}

#[tokio::test]
async fn where_the_guard_only_watches_the_application_gets_credentials_and_no_identity() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    for path in ["/observed/x", "/warned/x"] {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        let answer = scene.send(request.header("bindery-subject", "admin")).await;
        assert_eq!(answer.received("authorization"), [format!("Bearer {token}")]);
        let told: Vec<_> = answer.json()["headers"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|header| header[0].as_str().unwrap().starts_with("bindery"))
            .cloned()
            .collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0][0], "bindery-mode");
        let reason = if path.starts_with("/warned") { vec!["bound_token_as_bearer"] } else { Vec::new() };
        assert_eq!(answer.all("bindery-would-refuse"), reason);
    }
    // A proven request on such a route: identity and credentials, since the application still checks.
    let answer = scene.send(proven(&client, "GET", "/observed/x", &token)).await;
    assert_eq!(answer.received("bindery-subject"), ["alice"]);
    assert_eq!(answer.received("bindery-mode"), ["observe"]);
    assert_eq!(answer.received("authorization"), [format!("DPoP {token}")]);
    assert_eq!(answer.received("dpop").len(), 1);
}

#[tokio::test]
async fn credentials_are_forwarded_and_identities_kept_back_on_request() {
    let scene = Scene::with("", "forward_credentials = true\nidentity_headers = false\n");
    let (client, token) = scene.client();
    let answer = scene.send(proven(&client, "GET", "/x", &token).header("bindery-subject", "admin")).await;
    assert_eq!(answer.received("authorization"), [format!("DPoP {token}")]);
    assert_eq!(answer.received("dpop").len(), 1);
    assert!(!answer.text.contains("bindery-"));
}

#[tokio::test]
async fn forged_identity_headers_never_arrive_however_they_are_spelled() {
    let scene = Scene::with("strip_headers = [\"X-Estate-User\"]\n", "");
    let (client, token) = scene.client();
    let forged = [
        "bindery-subject",
        "Bindery_Subject",
        "BINDERY-SUBJECT",
        "bindery-subject-",
        "bindery_mode",
        "bindery-anything",
        "x-estate-user",
        "X_Estate_User",
        "client-cert",
        "Client_Cert",
        "client-cert-chain",
        "x-forwarded-client-cert",
        "x_forwarded_client_cert",
        "ssl-client-verify",
        "X-SSL-Client-S-DN",
        "x-amzn-mtls-clientcert",
    ];
    for path in ["/x", "/observed/x"] {
        let mut request = proven(&client, "GET", path, &token);
        for name in forged {
            request = request.header(name, "forged");
        }
        let answer = scene.send(request).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.text.contains("forged"), "{}", answer.text);
        assert_eq!(answer.received("bindery-subject"), ["alice"]);
    }
}

#[tokio::test]
async fn a_listed_proxy_speaks_for_a_client_in_its_one_format_and_nothing_of_it_arrives() {
    let listed = "[trusted_proxies]\nformat = \"rfc9440\"\nnetworks = [\"127.0.0.1\"]\n";
    let scene = Scene::with(listed, "");
    let own = scene.authority.issue("client.example");
    let token = scene.issuer.token(Some(serde_json::json!({"x5t#S256": own.thumbprint()})));
    let value = format!(":{}:", own.standard_base64());
    let request = |name: &str| {
        Request::get("/x").header("authorization", format!("Bearer {token}")).header(name, &value)
    };
    let answer = scene.send(request("client-cert").header("x-forwarded-for", "192.0.2.1")).await;
    assert_eq!(answer.received("bindery-certificate-thumbprint"), [own.thumbprint()]);
    assert!(answer.received("client-cert").is_empty());
    assert_eq!(answer.received("x-forwarded-for"), ["192.0.2.1", "127.0.0.1"]);
    for name in ["client_cert", "x-client-cert", "x-ssl-client-cert", "x-forwarded-client-cert"] {
        assert_eq!(scene.send(request(name)).await.status, StatusCode::UNAUTHORIZED, "{name}");
    }
    let twice = request("client-cert").header("client-cert", &value);
    assert_eq!(scene.send(twice).await.status, StatusCode::BAD_REQUEST);
    // The proxy's own certificate is not the client's.
    let request = Request::get("/x").header("host", "a").header("authorization", format!("Bearer {token}"));
    let mut connection = scene.http1(Some(&own)).await;
    let response = connection.send_request(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn identities_that_are_not_plain_text_are_encoded_and_forge_nothing() {
    let scene = Scene::new();
    let (client, _) = scene.client();
    let mut claims = scene.issuer.claims(client.cnf());
    claims.insert("sub".into(), "al\r\nBindery-Mode: observe\r\n\r\nice \u{1f600}%41".into());
    let token = scene.issuer.sign(&claims);
    let answer = scene.send(proven(&client, "GET", "/x", &token)).await;
    let expected = "al%0D%0ABindery-Mode:%20observe%0D%0A%0D%0Aice%20%F0%9F%98%80%2541";
    assert_eq!(answer.received("bindery-subject"), [expected]);
    assert_eq!(answer.received("bindery-mode"), ["enforce"]);
}

#[tokio::test]
async fn what_a_client_says_of_its_way_and_of_other_methods_and_paths_is_replaced() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    let mut request = proven(&client, "GET", "/x", &token);
    for name in [
        "forwarded",
        "x-forwarded-for",
        "X_Forwarded_For",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-real-ip",
        "true-client-ip",
        "x-http-method-override",
        "X_HTTP_Method_Override",
        "x-original-url",
        "x-rewrite-url",
    ] {
        request = request.header(name, "forged");
    }
    let answer = scene.send(request.header("cookie", "a=b").header("x-kept", "1")).await;
    assert!(!answer.text.contains("forged"), "{}", answer.text);
    assert_eq!(answer.received("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(answer.received("x-forwarded-proto"), ["https"]);
    assert_eq!(answer.received("x-forwarded-host"), ["api.example"]);
    assert_eq!(
        (answer.received("cookie"), answer.received("x-kept")),
        (vec!["a=b".into()], vec!["1".into()])
    );
    let host = answer.received("host");
    assert!(host.len() == 1 && host[0].starts_with("127.0.0.1:"), "{host:?}");
}

#[tokio::test]
async fn the_application_s_host_is_configured_and_never_the_client_s() {
    let scene = Scene::with("", "host = \"orders.internal\"\n");
    let (client, token) = scene.client();
    let request = proven(&client, "GET", "/x", &token).header("host", "evil.example");
    let request = request.body(Body::empty()).unwrap();
    let answer = Answer::of(scene.http1(None).await.send_request(request).await.unwrap()).await;
    assert_eq!(answer.received("host"), ["orders.internal"]);
    assert_eq!(answer.received("x-forwarded-host"), ["api.example"]);
}

#[tokio::test]
async fn headers_of_this_hop_end_here() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    let request = proven(&client, "GET", "/x", &token)
        .header("connection", "x-nominated, keep-alive, upgrade, http2-settings, te")
        .header("x-nominated", "1")
        .header("keep-alive", "timeout=5")
        .header("proxy-connection", "keep-alive")
        .header("proxy-authenticate", "DPoP")
        .header("upgrade", "h2c")
        .header("http2-settings", "AAMAAABkAAQAAP__")
        .header("te", "gzip;q=0.5, trailers")
        .header("x-kept", "1");
    let answer = scene.send(request).await;
    for name in [
        "x-nominated",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "upgrade",
        "http2-settings",
        "transfer-encoding",
    ] {
        assert!(answer.received(name).is_empty(), "{name}");
    }
    assert_eq!(answer.received("te"), ["trailers"]);
    assert_eq!(answer.received("connection"), ["te"]);
    assert_eq!(answer.received("x-kept"), ["1"]);
}

#[tokio::test]
async fn a_request_that_nominates_what_the_next_hop_relies_on_is_refused() {
    let scene = Scene::new();
    let (client, token) = scene.client();
    for nominated in [
        "authorization",
        "Authorization",
        "close, DPoP",
        "host",
        "content-length",
        "bindery-subject",
        "Bindery_Mode",
        "x-forwarded-for",
        "client-cert",
        "cookie",
        "\"x-forwarded-for\"",
        "a b",
        ":authority",
    ] {
        for path in ["/x", "/observed/x"] {
            let answer =
                scene.send(proven(&client, "GET", path, &token).header("connection", nominated)).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{nominated}");
        }
    }
    let many = vec!["x"; 40].join(",");
    let answer = scene.send(proven(&client, "GET", "/x", &token).header("connection", many)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

async fn odd(scene: &Scene, path: &str, lines: &str) -> Answer {
    let (client, token) = scene.client();
    let request = proven(&client, "POST", path, &token);
    scene.send_body(request, Body::from(lines.to_owned())).await
}

#[tokio::test]
async fn headers_of_the_inner_hop_do_not_come_back() {
    let scene = Scene::new();
    let lines = "connection: x-nominated, close\nx-nominated: 1\nkeep-alive: timeout=5\n\
                 proxy-authenticate: DPoP\nproxy-connection: close\nbindery-would-refuse: forged\n\
                 bindery-subject: forged\nx-kept: 1\nwww-authenticate: Basic\nset-cookie: a=b\nset-cookie: c=d";
    let answer = odd(&scene, "/odd", lines).await;
    assert_eq!(answer.status, StatusCode::OK);
    for name in [
        "x-nominated",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "bindery-would-refuse",
        "bindery-subject",
    ] {
        assert!(answer.all(name).is_empty(), "{name}");
    }
    assert_eq!(answer.all("set-cookie"), ["a=b", "c=d"]);
    assert_eq!((answer.all("x-kept"), answer.all("www-authenticate")), (vec!["1"], vec!["Basic"]));
}

#[tokio::test]
async fn the_guard_s_nonce_is_the_only_one() {
    let scene = Scene::new();
    let foreign = "dpop-nonce: of-the-application";
    assert!(odd(&scene, "/odd", foreign).await.all("dpop-nonce").is_empty());
    // Where the guard only watches, the application's own checking goes on; two would be one too many.
    assert_eq!(odd(&scene, "/observed/odd", foreign).await.all("dpop-nonce"), ["of-the-application"]);
    let two = format!("{foreign}\n{foreign}");
    assert!(odd(&scene, "/observed/odd", &two).await.all("dpop-nonce").is_empty());

    let (client, token) = scene.client();
    let challenge = scene.send(proven(&client, "GET", "/fresh", &token)).await;
    assert_eq!(challenge.status, StatusCode::UNAUTHORIZED);
    assert_eq!(challenge.all("dpop-nonce").len(), 1);
    scene.clock.advance(std::time::Duration::from_secs(200));
    let proof = client.proof_with_nonce("/fresh", &token, challenge.all("dpop-nonce")[0]);
    let request =
        Request::get("/fresh").header("authorization", format!("DPoP {token}")).header("dpop", proof);
    let answer = scene.send(request).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.all("dpop-nonce").len(), 1);
    assert_eq!(answer.all("cache-control"), ["no-store"]);
}

#[tokio::test]
async fn a_response_to_a_proven_request_is_private_unless_the_application_speaks() {
    let scene = Scene::new();
    assert_eq!(odd(&scene, "/odd", "").await.all("cache-control"), ["private"]);
    let public = odd(&scene, "/odd", "cache-control: public, max-age=60\nvary: accept").await;
    assert_eq!(public.all("cache-control"), ["public, max-age=60"]);
    assert_eq!(public.all("vary"), ["accept"]);
    // CC-2.4-05: what selected the response is not visible to any cache.
    for vary in ["client-cert", "accept, Client-Cert", "Bindery-Subject"] {
        assert_eq!(odd(&scene, "/odd", &format!("vary: {vary}")).await.all("vary"), ["*"], "{vary}");
    }
    let tolerated = scene.send(Request::get("/observed/x")).await;
    assert!(tolerated.all("cache-control").is_empty());
}

#[tokio::test]
async fn pages_of_listed_origins_may_ask_and_read_challenges() {
    let scene = Scene::with("cors_allowed_origins = [\"https://app.example\"]\n", "");
    let preflight = |origin: &'static str| {
        Request::options("/x")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization, dpop")
    };
    let answer = scene.send(preflight("https://app.example")).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.all("access-control-allow-origin"), ["https://app.example"]);
    assert!(answer.all("access-control-allow-headers")[0].contains("dpop"));
    assert_eq!(scene.send(preflight("https://evil.example")).await.status, StatusCode::UNAUTHORIZED);
    let (client, token) = scene.client();
    let request = proven(&client, "GET", "/fresh", &token).header("origin", "https://app.example");
    let challenge = scene.send(request).await;
    assert_eq!(challenge.status, StatusCode::UNAUTHORIZED);
    let exposed = challenge.all("access-control-expose-headers").join(",").to_lowercase();
    assert!(exposed.contains("dpop-nonce") && exposed.contains("www-authenticate"));
}
