//! OpenID Connect and signed messages through the router: who must sign in again, what userinfo says to whom,
//! request objects and signed responses. Each test is named after the rule that a wrong server would break.

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::token::confirmation::Confirmation;
use bindery_crypto::{AwsLc, SigningKey};
use bindery_http::Clock as _;
use http::Request;
use serde_json::{Value, json};

use crate::authorization::{CALLBACK, authorize, challenge, sign_in, world, world_from, world_with};
use crate::browser::{Browser, Page};
use crate::support::{Call, ISSUER, START, World, claims, form, key, merge, sign};

impl World {
    /// A request object of `web` that asks for what [`World::push`] asks for.
    fn request_object(&self, changes: &Value) -> String {
        let now = self.clock.now().as_seconds();
        let mut claims = json!({
            "iss": "web", "aud": ISSUER, "client_id": "web", "nbf": now, "exp": now + 300, "response_type": "code",
            "redirect_uri": CALLBACK, "scope": "openid read", "state": "the state", "nonce": "the nonce",
            "code_challenge": challenge(), "code_challenge_method": "S256",
        });
        merge(&mut claims, changes);
        let header = json!({"alg": "ES256", "typ": "oauth-authz-req+jwt"});
        sign(&self.assertion_key, &header, &claims)
    }

    fn push_object(&self, object: &str) -> Call {
        Call::to("/par").assertion(self.assertion("web")).with("request", object)
    }

    /// Opens a pushed request with these further parameters.
    async fn open(&self, browser: &Browser<'_>, further: &[(&str, &str)]) -> Page {
        let mut push = self.push("web");
        for (name, value) in further {
            push = push.with(name, *value);
        }
        let request_uri = self.pushed(push).await;
        browser.get(&authorize("web", &request_uri)).await
    }

    /// Userinfo for `token`, with a proof by `key` if there is one.
    async fn userinfo(&self, scheme: &str, token: &str, key: Option<&SigningKey>) -> (u16, Value) {
        let mut request = Request::get("/userinfo").header("authorization", format!("{scheme} {token}"));
        if let Some(key) = key {
            let hash = AwsLc.sha256(&[token.as_bytes()]);
            let now = self.clock.now().as_seconds();
            let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.public_key().to_jwk()});
            let proof = json!({
                "jti": self.unique(), "htm": "GET", "htu": format!("{ISSUER}/userinfo"), "iat": now,
                "ath": base64url::encode(hash),
            });
            request = request.header("dpop", sign(key, &header, &proof));
        }
        let answer = self.dispatch(request.body(axum::body::Body::empty()).unwrap(), None).await;
        (answer.status.as_u16(), answer.body)
    }
}

#[tokio::test]
async fn prompt_none_shows_no_page_and_says_what_was_missing() {
    let world = world().await;
    let browser = Browser::new(&world);
    let page = world.open(&browser, &[("prompt", "none")]).await;
    assert_eq!(page.answer("error").as_deref(), Some("login_required"));
    let login = world.open(&browser, &[]).await;
    sign_in(&browser, &login).await;
    let page = world.open(&browser, &[("prompt", "none")]).await;
    assert_eq!(page.answer("error").as_deref(), Some("consent_required"));
    let consent = world.open(&browser, &[]).await;
    browser.press(&consent, "allow", &[]).await;
    let page = world.open(&browser, &[("prompt", "none")]).await;
    assert!(page.answer("code").is_some(), "signed in and allowed before: silent");
}

#[tokio::test]
async fn prompt_login_and_an_old_login_ask_for_the_password_again() {
    let world = world().await;
    let browser = Browser::new(&world);
    let login = world.open(&browser, &[]).await;
    let consent = sign_in(&browser, &login).await;
    browser.press(&consent, "allow", &[]).await;
    assert!(world.open(&browser, &[]).await.answer("code").is_some());
    let again = world.open(&browser, &[("prompt", "login")]).await;
    assert!(again.element("password").is_some());
    assert!(sign_in(&browser, &again).await.answer("code").is_some());
    world.advance(30);
    assert!(world.open(&browser, &[("max_age", "10000")]).await.answer("code").is_some());
    let old = world.open(&browser, &[("max_age", "10")]).await;
    assert!(old.element("password").is_some());
    let code = sign_in(&browser, &old).await.answer("code").unwrap();
    let tokens = world.send(world.redeem("web", &code, &key())).await.ok();
    let signed_in = claims(&tokens["id_token"])["auth_time"].as_i64().unwrap();
    assert!(signed_in >= world.clock.now().as_seconds() - 1);
}

#[tokio::test]
async fn prompt_consent_asks_again_what_was_allowed_before() {
    let world = world().await;
    let browser = Browser::new(&world);
    let login = world.open(&browser, &[]).await;
    let consent = sign_in(&browser, &login).await;
    browser.press(&consent, "allow", &[]).await;
    let page = world.open(&browser, &[("prompt", "consent")]).await;
    assert!(page.element("allow").is_some());
}

#[tokio::test]
async fn an_essential_acr_that_nobody_can_reach_is_refused() {
    let world = world().await;
    let browser = Browser::new(&world);
    let wish = json!({"id_token": {"acr": {"essential": true, "values": ["urn:unknown"]}}}).to_string();
    let page = world.open(&browser, &[("claims", &wish)]).await;
    let page = match page.left_for {
        Some(_) => page,
        None => sign_in(&browser, &page).await,
    };
    assert_eq!(page.answer("error").as_deref(), Some("unmet_authentication_requirements"));
}

#[tokio::test]
async fn userinfo_refuses_a_bound_token_without_its_key() {
    let world = world().await;
    let (own, other) = (key(), key());
    let code = world.code(world.push("web")).await;
    let tokens = world.send(world.redeem("web", &code, &own)).await.ok();
    let token = tokens["access_token"].as_str().unwrap();
    let (status, said) = world.userinfo("DPoP", token, Some(&own)).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(said["sub"], claims(&tokens["id_token"])["sub"]);
    assert_eq!(said.get("name"), None, "the scope was openid alone");
    assert_eq!(world.userinfo("Bearer", token, None).await.0, 401);
    assert_eq!(world.userinfo("DPoP", token, None).await.0, 401);
    assert_eq!(world.userinfo("DPoP", token, Some(&other)).await.0, 401);
}

#[tokio::test]
async fn a_refreshed_id_token_keeps_the_person_and_the_time_and_drops_the_nonce() {
    let world = world().await;
    let code = world.code(world.push("web")).await;
    let first = world.send(world.redeem("web", &code, &key())).await.ok();
    world.advance(100);
    let refresh = world.refresh("web", first["refresh_token"].as_str().unwrap());
    // A confidential client may change its key (DPOP-5-08).
    let second = world.send(refresh.assertion(world.assertion("web")).dpop(world.proof(&key()))).await.ok();
    let (before, after) = (claims(&first["id_token"]), claims(&second["id_token"]));
    for same in ["iss", "sub", "aud", "auth_time", "sid"] {
        assert_eq!(before.get(same), after.get(same), "{same}");
    }
    assert!(after["iat"].as_i64() > before["iat"].as_i64());
    assert!(!after.contains_key("nonce"));
}

#[tokio::test]
async fn two_sectors_see_another_subject_for_the_same_person() {
    let world = world_with(json!({"subject_type": "pairwise"})).await;
    let code = world.code(world.push("web")).await;
    let tokens = world.send(world.redeem("web", &code, &key())).await.ok();
    let public = crate::authorization::world().await;
    let code = public.code(public.push("web")).await;
    let open = public.send(public.redeem("web", &code, &key())).await.ok();
    let (hidden, shown) = (claims(&tokens["id_token"]), claims(&open["id_token"]));
    assert_ne!(hidden["sub"], shown["sub"]);
    assert_eq!(hidden["sub"].as_str().unwrap().len(), 43);
    assert_eq!(hidden["sub"], claims(&tokens["access_token"])["sub"], "no token tells the person's own name");
}

#[tokio::test]
async fn only_what_the_request_object_says_counts() {
    let world = world().await;
    let request_uri = world.pushed(world.push_object(&world.request_object(&json!({})))).await;
    let browser = Browser::new(&world);
    let page = world.walk(&browser, "web", &request_uri).await;
    assert_eq!(page.answer("state").as_deref(), Some("the state"));
    let beside = world.push_object(&world.request_object(&json!({}))).with("scope", "write");
    world.send(beside).await.error(400, "invalid_request");
}

#[tokio::test]
async fn rejects_request_object_of_another_key_client_audience_or_time() {
    let world = world().await;
    let now = world.clock.now().as_seconds();
    for changes in [
        json!({"aud": "https://evil.example"}),
        json!({"client_id": "other-web"}),
        json!({"iss": "other-web"}),
        json!({"exp": now - 100}),
        json!({"request_uri": "https://client.example/object"}),
        json!({"sub": "web"}),
    ] {
        let object = world.request_object(&changes);
        let answer = world.send(world.push_object(&object)).await;
        assert_eq!(answer.status, 400, "{changes}");
        assert_eq!(answer.body["error"], "invalid_request_object", "{changes}: {}", answer.body);
    }
    let claims = json!({"iss": "web", "aud": ISSUER, "client_id": "web", "nbf": now, "exp": now + 300});
    let forged = sign(&key(), &json!({"alg": "ES256"}), &claims);
    world.send(world.push_object(&forged)).await.error(400, "invalid_request_object");
}

#[tokio::test]
async fn a_request_object_that_names_itself_is_good_once() {
    let world = world().await;
    let object = world.request_object(&json!({"jti": "once"}));
    world.pushed(world.push_object(&object)).await;
    world.send(world.push_object(&object)).await.error(400, "invalid_request_object");
}

#[tokio::test]
async fn a_signed_response_holds_everything_and_stands_alone() {
    let world = world().await;
    for (mode, separator) in [("jwt", '?'), ("query.jwt", '?'), ("fragment.jwt", '#')] {
        let browser = Browser::new(&world);
        let request_uri = world.pushed(world.push("web").with("response_mode", mode)).await;
        let page = world.walk(&browser, "web", &request_uri).await;
        let left_for = page.left_for.unwrap();
        let (_, rest) = left_for.split_once(separator).unwrap();
        let response = rest.split('&').find_map(|pair| pair.strip_prefix("response=")).unwrap();
        for plain in ["code=", "state=", "iss=", "error="] {
            assert!(!left_for.contains(plain), "{plain} stands outside");
        }
        let said = claims(&json!(response));
        assert_eq!((said["iss"].as_str(), said["aud"].as_str()), (Some(ISSUER), Some("web")));
        assert_eq!(said["state"], "the state");
        let lives = said["exp"].as_i64().unwrap() - world.clock.now().as_seconds();
        assert!((10..=600).contains(&lives));
        world.send(world.redeem("web", said["code"].as_str().unwrap(), &key())).await.ok();
    }
}

#[tokio::test]
async fn a_form_post_response_is_a_page_that_works_without_script() {
    let world = world().await;
    for mode in ["form_post", "form_post.jwt"] {
        let browser = Browser::new(&world);
        let request_uri = world.pushed(world.push("web").with("response_mode", mode)).await;
        let page = world.walk_to_page(&browser, "web", &request_uri).await;
        assert_eq!(page.left_for, None);
        let callback = CALLBACK.replace('&', "&amp;");
        assert!(page.html.contains(&callback) || page.html.contains(&callback.replace('/', "&#x2f;")));
        let field = if mode == "form_post" { "name=\"code\"" } else { "name=\"response\"" };
        assert!(page.html.contains(field), "{}", page.html);
        assert!(page.html.contains("<button") || page.html.contains("type=\"submit\""));
    }
}

impl World {
    async fn walk_to_page(&self, browser: &Browser<'_>, client_id: &str, request_uri: &str) -> Page {
        let login = browser.get(&authorize(client_id, request_uri)).await;
        let consent = sign_in(browser, &login).await;
        match consent.element("allow") {
            Some(_) => browser.press(&consent, "allow", &[]).await,
            None => consent,
        }
    }
}

#[tokio::test]
async fn rejects_a_signed_userinfo_answer_as_id_token_hint() {
    let world = world_with(json!({"userinfo_signed_response_alg": "ES256"})).await;
    let own = key();
    let code = world.code(world.push("web")).await;
    let tokens = world.send(world.redeem("web", &code, &own)).await.ok();
    let (_, said) = world.userinfo("DPoP", tokens["access_token"].as_str().unwrap(), Some(&own)).await;
    assert_eq!(claims(&said)["aud"], "web", "signed, for the client, with the person's name");
    let ask = |hint: &Value| format!("/end_session?id_token_hint={}", hint.as_str().unwrap());
    let browser = Browser::new(&world);
    assert_eq!(browser.get(&ask(&said)).await.status, 400);
    assert_eq!(browser.get(&ask(&tokens["id_token"])).await.status, 200);
}

#[tokio::test]
async fn rejects_a_request_object_that_may_predate_a_volatile_memory() {
    let world = world().await;
    // What this server knew before its start is gone: an object from before it may have been used.
    let object = |second: i64, identifier: &str| {
        let times = json!({"nbf": second, "iat": second, "exp": START + 300, "jti": identifier});
        world.push_object(&world.request_object(&times))
    };
    let refused = world.send(object(START - 10, "once")).await;
    refused.error(400, "invalid_request_object").reason("request_object_predates_memory");
    world.pushed(object(START + 10, "once")).await;
    let undated = world.push_object(&world.request_object(&json!({"jti": "other", "nbf": null})));
    world.send(undated).await.error(400, "invalid_request_object").reason("request_object_claim");
    // One that does not name itself is good as often as it comes, until it expires.
    let nameless = json!({"nbf": START - 10, "iat": START - 10, "exp": START + 300});
    world.pushed(world.push_object(&world.request_object(&nameless))).await;
}

#[tokio::test]
async fn rejects_at_userinfo_a_proof_algorithm_beyond_the_clients_profile() {
    let mut configuration = Value::Null;
    let mut world = world_from(json!({}), |setup| configuration = setup.configuration.clone()).await;
    let own = SigningKey::generate(SignatureAlgorithm::Es384).unwrap();
    let code = world.code(world.push("web")).await;
    let tokens = world.send(world.redeem("web", &code, &own)).await.ok();
    let token = tokens["access_token"].as_str().unwrap();
    let ask = |world: &World| {
        let proof = world.resource_proof(&own, "GET", &format!("{ISSUER}/userinfo"), token);
        let request = Request::get("/userinfo").header("authorization", format!("DPoP {token}"));
        request.header("dpop", proof).body(axum::body::Body::empty()).unwrap()
    };
    assert_eq!(world.dispatch(ask(&world), None).await.status, 200);
    // The client becomes stricter while its token lives.
    let clients = configuration["client"].as_array_mut().unwrap();
    clients.iter_mut().find(|client| client["client_id"] == "web").unwrap()["profile"] =
        "fapi2-security".into();
    world.router = world.another(configuration).await.router();
    world.advance(100);
    world.dispatch(ask(&world), None).await.error(401, "invalid_dpop_proof").reason("proof_algorithm");
}

#[tokio::test]
async fn rejects_a_request_uri_that_expired_while_the_form_arrived() {
    use tower::ServiceExt as _;
    let world = world().await;
    let request_uri = world.pushed(world.push("web")).await;
    let form = form(&[("client_id".into(), "web".into()), ("request_uri".into(), request_uri)]);
    let clock = world.clock.clone();
    let slow = futures_util::stream::once(async move {
        clock.advance(std::time::Duration::from_secs(61));
        Ok::<_, std::convert::Infallible>(form)
    });
    let mut request = Request::post("/authorize")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(axum::body::Body::from_stream(slow))
        .unwrap();
    let peer = bindery_http::Peer::plaintext(std::net::SocketAddr::from(([127, 0, 0, 1], 40_000)));
    request.extensions_mut().insert(peer);
    let response = world.router.clone().oneshot(request).await.unwrap();
    let location = response.headers()["location"].to_str().unwrap();
    assert!(location.contains("error=invalid_request_uri"), "{location}");
}

#[tokio::test]
async fn rejects_an_id_token_without_the_time_that_its_client_requires() {
    for required in [true, false] {
        let world = world_with(json!({"require_auth_time": required})).await;
        let code = world.code(world.push("web")).await;
        let tokens = world.send(world.redeem("web", &code, &key())).await.ok();
        assert!(claims(&tokens["id_token"])["auth_time"].is_i64());
        // Nobody signed in for what an operator gave.
        let given = world.provision("web", Confirmation::Unbound).await;
        let call = world.refresh("web", &given).assertion(world.assertion("web")).dpop(world.proof(&key()));
        let tokens = world.send(call).await.ok();
        assert_eq!(tokens.get("id_token").is_none(), required, "{tokens}");
        assert!(tokens["access_token"].is_string());
    }
}
