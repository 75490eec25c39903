//! Routes: how strictly, which scope, and which paths can be judged at all. What no route matches is
//! enforced.

use http::StatusCode;

use crate::Scene;
use crate::world::{Client, as_bearer, peer, with_proof};

const ROUTES: &str = "
[[route]]
path = \"/observed\"
mode = \"observe\"
[[route]]
path = \"/warned\"
mode = \"warn\"
[[route]]
path = \"/admin\"
scope = \"read admin\"
[[route]]
path = \"/observed/strict\"
mode = \"enforce\"
";

#[tokio::test]
async fn observe_lets_through_warn_says_so_enforce_refuses() {
    let scene = Scene::with("", ROUTES);
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    for (path, status, said, header) in [
        ("/observed", 200, "tolerated", ""),
        ("/observed/x", 200, "tolerated", ""),
        ("/warned", 200, "tolerated", "bound_token_as_bearer"),
        ("/observed/strict", 401, "bound_token_as_bearer", ""),
        ("/observedx", 401, "bound_token_as_bearer", ""),
        ("/", 401, "bound_token_as_bearer", ""),
    ] {
        let answer = scene.call(as_bearer(path, &token, None)).await;
        assert_eq!((answer.status.as_u16(), answer.reason()), (status, said), "{path}");
        assert_eq!(answer.header("bindery-would-refuse"), header, "{path}");
    }
    assert_eq!(scene.notes.reasons(), ["bound_token_as_bearer"; 6]);
    // A proven request is the same everywhere, and no client is warned for nothing.
    for path in ["/observed", "/warned", "/"] {
        let answer = scene.call(client.get(path, &token)).await;
        assert_eq!((answer.reason(), answer.header("bindery-would-refuse")), ("dpop", ""), "{path}");
    }
}

#[tokio::test]
async fn every_scope_value_is_required_and_named() {
    let scene = Scene::with("", ROUTES);
    let client = Client::new(&scene.clock);
    let refused = scene.call(client.get("/admin/users", &scene.issuer.token(client.cnf()))).await;
    assert_eq!((refused.status, refused.reason()), (StatusCode::FORBIDDEN, "insufficient_scope"));
    assert!(refused.challenges().iter().any(|text| text.contains("scope=\"read admin\"")), "{refused:?}");
    for (scope, status) in
        [("read admin", 200), ("admin read write", 200), ("admin", 403), ("readadmin", 403)]
    {
        let mut claims = scene.issuer.claims(client.cnf());
        claims.insert("scope".into(), scope.into());
        let token = scene.issuer.sign(&claims);
        assert_eq!(scene.call(client.get("/admin", &token)).await.status.as_u16(), status, "{scope}");
    }
}

#[tokio::test]
async fn paths_that_two_servers_may_read_differently_are_refused_on_every_route() {
    let scene = Scene::with("", ROUTES);
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    for path in [
        "/observed/../admin",
        "/observed/./x",
        "/observed/%2e%2e/admin",
        "/observed/..;/admin",
        "/observed/.;x/admin",
        "/observed%2fadmin",
        "/observed%2F..%2Fadmin",
        "/observed%5cadmin",
        "/observed//admin",
        "//observed",
        "/observed;/admin/%2e%2e",
        "/observed/%00",
        "/observed/%252e%252e/admin",
        "/observed%3b/admin",
        "/observed/%zz",
    ] {
        let proof = client.proof("GET", path, &token);
        let answer = scene.call(with_proof(path, &token, &proof)).await;
        assert_eq!((answer.status, answer.reason()), (StatusCode::BAD_REQUEST, "ambiguous_path"), "{path}");
    }
    // Encoded letters and matrix parameters do not lead around a route.
    for path in ["/%61dmin", "/admin;x=1", "/admin;/users", "/adm%69n/x"] {
        let answer = scene.call(client.get(path, &token)).await;
        assert_eq!(answer.reason(), "insufficient_scope", "{path}");
    }
}

#[tokio::test]
async fn what_somebody_left_in_the_extensions_is_no_verdict() {
    let scene = Scene::with("", ROUTES);
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let tolerated = bindery_resource_server::Tolerated {
        mode: bindery_resource_server::Mode::Observe,
        rejection: bindery_core::rejection::Rejection::NoCredentials,
    };
    let answer = scene.call(client.get("/", &token).extension(tolerated)).await;
    assert_eq!(answer.reason(), "dpop");
}

#[tokio::test]
async fn other_schemes_are_no_credentials() {
    let scene = Scene::new();
    for value in ["Basic YTpi", "Negotiate x", "token", ""] {
        let request = http::Request::get("/").extension(peer(None)).header("authorization", value);
        assert_eq!(scene.call(request).await.status, StatusCode::UNAUTHORIZED, "{value}");
    }
}

#[tokio::test]
async fn head_needs_what_get_needs() {
    let scene = Scene::with("", "[[route]]\npath = \"/admin\"\nmethods = [\"GET\"]\nscope = \"admin\"\n");
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    for (method, status) in [("GET", 403), ("HEAD", 403), ("POST", 200)] {
        let proof = client.proof(method, "/admin", &token);
        let answer = scene.call(with_proof("/admin", &token, &proof).method(method)).await;
        assert_eq!(answer.status.as_u16(), status, "{method}");
    }
}

/// DPOP-7.1-10: what is meant for a proxy proves nothing to us.
#[tokio::test]
async fn credentials_for_a_proxy_are_no_credentials() {
    let scene = Scene::new();
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let request = http::Request::get("/")
        .extension(peer(None))
        .header("proxy-authorization", format!("DPoP {token}"))
        .header("dpop", client.proof("GET", "/", &token));
    let answer = scene.call(request).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(!answer.headers.contains_key("proxy-authenticate"));
}
