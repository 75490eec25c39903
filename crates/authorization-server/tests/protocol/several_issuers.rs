//! Two issuers in one process, with the same clients under the same names and keys: nothing that one of them made
//! is worth anything at the other, and two that can't be told apart don't start.

use std::time::Duration;

use bindery_authorization_server::{AuthorizationServer, Issuers, SealingKey, ServerConfiguration};
use bindery_crypto::SigningKey;
use serde_json::{Value, json};

use crate::authorization::{CALLBACK, PASSWORD, VERIFIER};
use crate::browser::Browser;
use crate::configuration::{parts, store};
use crate::metadata::get_from;
use crate::support::{Call, ISSUER, SECRET, Setup, World, claims, dpop_binding, key};

const OTHER: &str = "https://id.example/other";

/// The same configuration twice, but for issuer and profile, behind one router.
async fn two() -> (World, World) {
    two_with(json!({})).await
}

async fn two_with(dpop: Value) -> (World, World) {
    let (mut first, mut second) = (Setup::new(), Setup::new());
    first.configuration["dpop"] = dpop;
    first.configuration["openid"] = true.into();
    let jwks = json!({"keys": [first.assertion_key.public_key().to_jwk()]});
    first.configuration["client"].as_array_mut().unwrap().push(json!({
        "client_id": "web", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "consent": "implied",
        "grant_types": ["authorization_code"], "redirect_uris": [CALLBACK], "scope": "openid read",
        "audiences": [crate::support::API],
    }));
    second.configuration = first.configuration.clone();
    let der = first.assertion_key.to_pkcs8_der();
    second.assertion_key = SigningKey::from_pkcs8_der(first.assertion_key.algorithm(), &der).unwrap();
    second.configuration["issuer"] = json!(OTHER);
    second.configuration["mtls_base_url"] = json!("https://mtls.id.example/other");
    second.configuration["profile"] = json!("openid");
    let (mut first, mut second) = (first.start().await, second.start().await);
    let issuers = Issuers::new(vec![first.server.clone(), second.server.clone()]).unwrap();
    first.router = issuers.router();
    second.router = issuers.router();
    (first, second)
}

/// A call to the first issuer, or to the second.
fn at(issuer: &str, path: &str) -> Call {
    let below = issuer.strip_prefix("https://id.example").unwrap();
    Call::to(&format!("{below}{path}")).header("host", "id.example")
}

fn request(world: &World, issuer: &str) -> Call {
    at(issuer, "/token")
        .with("grant_type", "client_credentials")
        .assertion(world.assertion_with("jwt-client", &json!({"aud": issuer})))
}

#[tokio::test]
async fn each_issuer_answers_at_its_own_place_with_its_own_keys_and_rules() {
    let (world, _) = two().await;
    let own = key();
    for (issuer, document) in [
        (ISSUER, "/.well-known/oauth-authorization-server"),
        (OTHER, "/.well-known/oauth-authorization-server/other"),
    ] {
        let (status, metadata) = get_from(&world, "id.example", document).await;
        assert_eq!((status, metadata["issuer"].as_str()), (200, Some(issuer)));
        let proof = world.proof_with(&own, &format!("{issuer}/token"), None);
        world.send(request(&world, issuer).dpop(proof)).await.ok();
    }
    let keys = |(_, set): (u16, Value)| -> Vec<Value> {
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
    };
    let first = keys(get_from(&world, "id.example", "/jwks").await);
    let second = keys(get_from(&world, "id.example", "/other/jwks").await);
    assert_eq!((first.len(), second.len()), (1, 2), "the profile openid has an RS256 key besides");
    assert!(first.iter().all(|key| !second.contains(key)));
    for (host, path, status) in [
        ("mtls.id.example", "/other/jwks", 200),
        ("ID.example:443", "/jwks", 200),
        ("id.example", "/otherwise/jwks", 404),
        ("elsewhere.example", "/jwks", 421),
        ("id.example:8443", "/jwks", 421),
        ("elsewhere.example", "/healthz", 200),
    ] {
        assert_eq!(get_from(&world, host, path).await.0, status, "{host}{path}");
    }
    let unnamed = Call::to("/token").with("grant_type", "client_credentials");
    assert_eq!(world.send(unnamed).await.status.as_u16(), 400);
}

#[tokio::test]
async fn an_assertion_for_one_issuer_authenticates_at_no_other() {
    let (world, _) = two().await;
    for (here, there) in [(ISSUER, OTHER), (OTHER, ISSUER)] {
        for audience in [here.to_owned(), format!("{here}/token")] {
            let assertion = world.assertion_with("jwt-client", &json!({"aud": audience}));
            let call = at(there, "/token").with("grant_type", "client_credentials").assertion(assertion);
            let proof = world.proof_with(&key(), &format!("{there}/token"), None);
            world.send(call.dpop(proof)).await.error(401, "invalid_client");
        }
    }
}

#[tokio::test]
async fn a_proof_for_one_issuer_is_none_for_the_other() {
    let (world, _) = two().await;
    let own = key();
    for (here, there) in [(ISSUER, OTHER), (OTHER, ISSUER)] {
        let proof = world.proof_with(&own, &format!("{here}/token"), None);
        world.send(request(&world, there).dpop(proof)).await.error(400, "invalid_dpop_proof");
    }
}

#[tokio::test]
async fn a_nonce_of_one_issuer_is_none_of_the_other() {
    let (world, _) = two_with(json!({"nonce": "required"})).await;
    let own = key();
    let proof = |issuer: &str, nonce: Option<&str>| world.proof_with(&own, &format!("{issuer}/token"), nonce);
    let nonce = world.send(request(&world, ISSUER).dpop(proof(ISSUER, None))).await.nonce();
    world.send(request(&world, ISSUER).dpop(proof(ISSUER, Some(&nonce)))).await.ok();
    let strange = world.send(request(&world, OTHER).dpop(proof(OTHER, Some(&nonce)))).await;
    strange.error(400, "use_dpop_nonce");
    let other = strange.nonce();
    world.send(request(&world, OTHER).dpop(proof(OTHER, Some(&other)))).await.ok();
    world.send(request(&world, ISSUER).dpop(proof(ISSUER, Some(&other)))).await.error(400, "use_dpop_nonce");
}

#[tokio::test]
async fn a_token_of_one_issuer_is_unknown_to_the_other() {
    let (first, second) = two().await;
    let own = key();
    for format in ["jwt-client", "jwt-opaque"] {
        for (world, here, there) in [(&first, ISSUER, OTHER), (&second, OTHER, ISSUER)] {
            let assertion = world.assertion_with(format, &json!({"aud": here}));
            let call = at(here, "/token").with("grant_type", "client_credentials").assertion(assertion);
            let proof = world.proof_with(&own, &format!("{here}/token"), None);
            let body = world.send(call.dpop(proof)).await.ok();
            let token = body["access_token"].as_str().unwrap();
            let ask = |issuer| at(issuer, "/introspect").with("token", token).basic("api", SECRET);
            assert_eq!(world.send(ask(here)).await.ok()["active"], true);
            assert_eq!(world.send(ask(there)).await.ok(), json!({"active": false}));
            // Revoking it at the wrong place changes nothing.
            let assertion = world.assertion_with(format, &json!({"aud": there}));
            let revoke = at(there, "/revoke").with("token", token).assertion(assertion);
            assert_eq!(world.send(revoke).await.status.as_u16(), 200);
            assert_eq!(world.send(ask(here)).await.ok()["active"], true);
        }
    }
}

#[tokio::test]
async fn a_refresh_token_of_one_issuer_is_worth_nothing_at_the_other() {
    let (first, second) = two().await;
    let own = key();
    for (world, here, there) in [(&first, ISSUER, OTHER), (&second, OTHER, ISSUER)] {
        let token = world.provision("public-client", dpop_binding(&own)).await;
        let refresh = |issuer: &str| {
            at(issuer, "/token")
                .with("grant_type", "refresh_token")
                .with("client_id", "public-client")
                .with("refresh_token", &token)
                .dpop(world.proof_with(&own, &format!("{issuer}/token"), None))
        };
        world.send(refresh(there)).await.error(400, "invalid_grant");
        world.send(refresh(here)).await.ok();
    }
}

#[tokio::test]
async fn what_one_issuer_sealed_for_a_browser_opens_at_no_other() {
    let (first, second) = two().await;
    let now = bindery_http::Clock::now(&*first.clock);
    for (here, there) in [(&first, &second), (&second, &first)] {
        let cookie = here.server.cookie_keys().seal("session", b"alice", now).unwrap();
        let age = Duration::from_secs(60);
        assert_eq!(&**here.server.cookie_keys().open("session", &cookie, age, now).unwrap(), b"alice");
        assert!(there.server.cookie_keys().open("session", &cookie, age, now).is_err());
    }
}

#[tokio::test]
async fn issuers_that_cannot_be_told_apart_do_not_start() {
    let started = |issuer: &'static str, options: Value| async move {
        let mut configuration = json!({"issuer": issuer});
        configuration.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        let configuration: ServerConfiguration = serde_json::from_value(configuration).unwrap();
        AuthorizationServer::start(&configuration, parts(SealingKey::ephemeral().unwrap(), &store()))
            .await
            .unwrap()
    };
    let none = json!({});
    for (one, other, options, fits) in [
        ("https://id.example", "https://id.example", none.clone(), false),
        ("https://id.example", "https://ID.example:443", none.clone(), false),
        ("https://id.example", "https://id.example/a", none.clone(), true),
        ("https://id.example/a", "https://id.example/a/b", none.clone(), true),
        ("https://id.example", "https://id.example/token", none.clone(), false),
        ("https://id.example/a", "https://id.example/a/login/b", none.clone(), false),
        ("https://id.example", "https://id.example/tokens", none.clone(), true),
        ("https://id.example", "https://id.example/admin", none.clone(), false),
        ("https://id.example", "https://two.example", json!({"mtls_base_url": "https://id.example"}), false),
        (
            "https://id.example",
            "https://two.example",
            json!({"mtls_base_url": "https://id.example:8443"}),
            true,
        ),
        ("https://id.example/a", "https://id.example/b", json!({"internal_path": "/a"}), false),
    ] {
        for swapped in [false, true] {
            let mut servers = vec![started(one, none.clone()).await, started(other, options.clone()).await];
            if swapped {
                servers.reverse();
            }
            let judged = Issuers::new(servers).map_err(|error| error.to_string());
            assert_eq!(judged.is_ok(), fits, "{one} {other}: {judged:?}");
        }
    }
    assert!(Issuers::new(Vec::new()).is_err());
}

#[tokio::test]
async fn rejects_an_issuer_at_anothers_account_page() {
    let pages = [
        "account",
        "account/passkey",
        "interactions",
        "interactions/7",
        "assets",
        "end_session/confirm",
        "login",
    ];
    for page in pages {
        let mut servers = Vec::new();
        for issuer in ["https://id.example".to_owned(), format!("https://id.example/{page}")] {
            let configuration = serde_json::from_value(json!({"issuer": issuer})).unwrap();
            let parts = parts(SealingKey::ephemeral().unwrap(), &store());
            servers.push(AuthorizationServer::start(&configuration, parts).await.unwrap());
        }
        let error = Issuers::new(servers).expect_err(page).to_string();
        assert!(error.contains("of the outer one"), "{error}");
    }
}

#[tokio::test]
async fn issuers_do_not_share_a_store() {
    let store = store();
    let mut servers = Vec::new();
    for issuer in ["https://one.example", "https://two.example"] {
        let configuration: ServerConfiguration = serde_json::from_value(json!({"issuer": issuer})).unwrap();
        let key = SealingKey::from_file(&sealing_key_file()).unwrap();
        servers.push(AuthorizationServer::start(&configuration, parts(key, &store)).await.unwrap());
    }
    let error = Issuers::new(servers).unwrap_err().to_string();
    assert!(error.contains("store"), "{error}");
}

fn sealing_key_file() -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("bindery-issuers-{}.key", std::process::id()));
    SealingKey::load_or_generate(&path).unwrap();
    path
}

/// The code flow at `issuer`, in a browser that may have been at the other one before.
async fn code_at(world: &World, browser: &Browser<'_>, issuer: &str, user: &str) -> String {
    let below = issuer.strip_prefix(ISSUER).unwrap();
    let push = world
        .push("web")
        .replacing("client_assertion", &world.assertion_with("web", &json!({"aud": issuer})))
        .at(&format!("{below}/par"))
        .header("host", "id.example");
    let request_uri = world.pushed(push).await;
    let login = browser.get(&format!("{below}/authorize?client_id=web&request_uri={request_uri}")).await;
    let page = browser.press(&login, "login", &[("username", user), ("password", PASSWORD)]).await;
    assert_eq!(page.answer("iss").as_deref(), Some(issuer), "{:?} {}", page.left_for, page.html);
    page.answer("code").unwrap()
}

fn redeem_at(world: &World, issuer: &str, code: &str) -> Call {
    at(issuer, "/token")
        .with("grant_type", "authorization_code")
        .assertion(world.assertion_with("web", &json!({"aud": issuer})))
        .with("code", code)
        .with("redirect_uri", CALLBACK)
        .with("code_verifier", VERIFIER)
        .dpop(world.proof_with(&key(), &format!("{issuer}/token"), None))
}

#[tokio::test]
async fn codes_pushed_requests_and_sessions_of_one_issuer_are_worth_nothing_at_the_other() {
    let (first, second) = two().await;
    for world in [&first, &second] {
        world.account("alice", PASSWORD).await;
    }
    for (world, here, there) in [(&first, ISSUER, OTHER), (&second, OTHER, ISSUER)] {
        let browser = Browser::new(world);
        let code = code_at(world, &browser, here, "alice").await;
        world.send(redeem_at(world, there, &code)).await.error(400, "invalid_grant");
        let tokens = world.send(redeem_at(world, here, &code)).await.ok();
        assert_eq!(claims(&tokens["id_token"])["iss"], here);
        // The browser brings both issuers' cookies everywhere; signed in is it at one of them.
        let push = |issuer: &str| {
            world
                .push("web")
                .replacing("client_assertion", &world.assertion_with("web", &json!({"aud": issuer})))
                .at(&format!("{}/par", issuer.strip_prefix(ISSUER).unwrap()))
                .header("host", "id.example")
                .with("prompt", "none")
        };
        let path = |issuer: &str, uri: &str| {
            let below = issuer.strip_prefix(ISSUER).unwrap();
            format!("{below}/authorize?client_id=web&request_uri={uri}")
        };
        let own = world.pushed(push(here)).await;
        let foreign = world.pushed(push(there)).await;
        let page = browser.get(&path(there, &own)).await;
        assert!(page.left_for.is_none() && page.element("oauth-error").is_some(), "{}", page.html);
        let page = browser.get(&path(there, &foreign)).await;
        assert_eq!(page.answer("error").as_deref(), Some("login_required"), "{:?}", page.left_for);
        assert!(browser.get(&path(here, &own)).await.answer("code").is_some());
        // Neither does the other issuer believe its ID tokens, nor end its sessions.
        let below = there.strip_prefix(ISSUER).unwrap();
        let hint = tokens["id_token"].as_str().unwrap();
        let page = browser.get(&format!("{below}/end_session?id_token_hint={hint}")).await;
        assert!(page.element("oauth-error").is_some(), "{}", page.html);
        let userinfo = format!("{below}/userinfo");
        let request = http::Request::get(&userinfo)
            .header("host", "id.example")
            .header("authorization", format!("DPoP {}", tokens["access_token"].as_str().unwrap()))
            .body(axum::body::Body::empty())
            .unwrap();
        assert_eq!(world.dispatch(request, None).await.status.as_u16(), 401);
    }
}
