//! Attacks on authorization requests: where answers go, who may use a pushed request, what leaks on the way,
//! parameters that occur twice or in two places. Each test is named after the rule that stops the attack.

use serde_json::json;

use crate::authorization::{CALLBACK, authorize, challenge, sign_in, world, world_with};
use crate::browser::Browser;
use crate::support::{Call, ISSUER, World, sign};

/// Redirect URIs that are not the registered one, each by another trick.
const TRICKS: [&str; 24] = [
    "https://client.example/callback",
    "https://client.example/callback?registered=1&more=2",
    "https://client.example/callback?registered=1#fragment",
    "https://client.example/Callback?registered=1",
    "https://client.example/callback/?registered=1",
    "https://client.example/callback/../callback?registered=1",
    "https://client.example/callback/..;/evil?registered=1",
    "https://client.example/%63allback?registered=1",
    "https://client.example//callback?registered=1",
    "https://client.example:443/callback?registered=1",
    "https://client.example:8443/callback?registered=1",
    "https://CLIENT.example/callback?registered=1",
    "HTTPS://client.example/callback?registered=1",
    "http://client.example/callback?registered=1",
    "https://client.example.evil.example/callback?registered=1",
    "https://evil.example/callback?registered=1",
    "https://client.example@evil.example/callback?registered=1",
    "https://evil.example@client.example/callback?registered=1",
    "https://a@b@client.example/callback?registered=1",
    "https://client.example\\@evil.example/callback?registered=1",
    "https://client.example/callback?registered=1\r\nSet-Cookie: a=b",
    "//client.example/callback?registered=1",
    "javascript:alert(1)//https://client.example/callback?registered=1",
    "https://*.example/callback?registered=1",
];

/// CVE-2020-15234, CVE-2024-8883, CVE-2026-3872, CVE-2026-7504.
#[tokio::test]
async fn rejects_every_redirect_uri_that_is_not_the_registered_one_byte_for_byte() {
    let world = world().await;
    for trick in TRICKS {
        let push = Call::to("/par")
            .assertion(world.assertion("web"))
            .with("response_type", "code")
            .with("redirect_uri", trick)
            .with("scope", "read")
            .with("code_challenge", challenge())
            .with("code_challenge_method", "S256");
        let answer = world.send(push).await;
        assert_eq!(answer.status, 400, "{trick}: {}", answer.body);
        assert!(!answer.body.to_string().contains("evil"), "nothing that was sent comes back");
        // And through the browser, where there is nowhere else to answer to: a page.
        let query = crate::support::form(&[
            ("client_id".into(), "web".into()),
            ("response_type".into(), "code".into()),
            ("redirect_uri".into(), trick.into()),
            ("scope".into(), "read".into()),
            ("code_challenge".into(), challenge()),
            ("code_challenge_method".into(), "S256".into()),
        ]);
        let page = Browser::new(&world).get(&format!("/authorize?{query}")).await;
        assert_eq!(page.left_for, None, "{trick}");
        assert!(page.element("oauth-error").is_some(), "{trick}: {}", page.html);
    }
}

/// CVE-2026-44681: no fault sends the browser anywhere before client and redirect URI were found to belong together.
#[tokio::test]
async fn a_request_that_is_refused_before_its_redirect_uri_was_judged_redirects_nowhere() {
    let world = world().await;
    let evil = "https%3A%2F%2Fevil.example%2F";
    for query in [
        format!("client_id=unknown&response_type=code&redirect_uri={evil}"),
        format!("client_id=web&response_type=token&redirect_uri={evil}"),
        format!("client_id=web&response_type=code&scope=unknown&redirect_uri={evil}"),
        format!("client_id=web&response_type=code&prompt=none&redirect_uri={evil}"),
        format!("client_id=web&request_uri=urn:ietf:params:oauth:request_uri:unknown&redirect_uri={evil}"),
        format!("client_id=web&client_id=web&response_type=code&redirect_uri={evil}"),
        format!("client_id=web&request=not-a-jwt&redirect_uri={evil}"),
        format!("client_id=jwt-client&response_type=code&redirect_uri={evil}"),
        format!("response_type=code&redirect_uri={evil}"),
    ] {
        let page = Browser::new(&world).get(&format!("/authorize?{query}")).await;
        assert_eq!(page.left_for, None, "{query}");
        assert!(page.status.is_client_error(), "{query}: {}", page.status);
        assert!(!page.html.contains("evil.example"), "{query}: {}", page.html);
    }
}

/// CVE-2026-9689.
#[tokio::test]
async fn rejects_every_parameter_of_a_request_that_occurs_twice() {
    let world = world().await;
    for name in ["response_type", "redirect_uri", "scope", "state", "nonce", "code_challenge", "client_id"] {
        let push = world.push("web").with("client_id", "web").with(name, "web");
        world.send(push).await.error(400, "invalid_request");
    }
    let request_uri = world.pushed(world.push("web")).await;
    let twice = format!("{}&client_id=other-web", authorize("web", &request_uri));
    let page = Browser::new(&world).get(&twice).await;
    assert!(page.left_for.is_none() && page.status.is_client_error());
}

/// CVE-2024-4540: nothing of a pushed request is in what the browser carries.
#[tokio::test]
async fn nothing_of_a_pushed_request_reaches_cookies_addresses_or_the_login_page() {
    let world = world().await;
    let secrets = ["the state", "the+state", "the%20state", "the nonce", "the+nonce", &challenge()];
    let request_uri = world.pushed(world.push("web")).await;
    let page = Browser::new(&world).get(&format!("/authorize?client_id=web&request_uri={request_uri}")).await;
    let cookies: Vec<_> = page.headers.get_all("set-cookie").iter().collect();
    for secret in secrets {
        assert!(!page.html.contains(secret) && !page.url.contains(secret), "{secret}");
        assert!(cookies.iter().all(|cookie| !cookie.to_str().unwrap().contains(secret)), "{secret}");
    }
}

/// Request swapping: the pushed request of one client under the name of another, and the other way round.
#[tokio::test]
async fn a_request_uri_works_for_the_client_that_pushed_it_alone() {
    let world = world().await;
    let mine = world.pushed(world.push("web")).await;
    for client_id in ["other-web", "jwt-client", "unknown", ""] {
        let page = Browser::new(&world).get(&authorize(client_id, &mine)).await;
        assert!(page.left_for.is_none() && page.element("oauth-error").is_some(), "{client_id}");
    }
    let page = world.walk(&Browser::new(&world), "web", &mine).await;
    assert!(page.answer("code").is_some(), "those attempts burnt nothing");
}

#[tokio::test]
async fn a_made_up_request_uri_is_refused_on_a_page() {
    let world = world().await;
    let real = world.pushed(world.push("web")).await;
    let mut changed = real.clone();
    changed.pop();
    let long = format!("urn:ietf:params:oauth:request_uri:{}", "a".repeat(10_000));
    for made_up in [changed.as_str(), "urn:ietf:params:oauth:request_uri:", long.as_str()] {
        let page = Browser::new(&world).get(&authorize("web", made_up)).await;
        assert!(page.left_for.is_none() && page.element("oauth-error").is_some(), "{made_up}");
    }
    // Not one of ours: a reference that the client would have had to register.
    let page = Browser::new(&world).get(&authorize("web", &real.to_uppercase())).await;
    assert!(page.answer("code").is_none() && page.element("username").is_none());
}

/// Mix-up (RFC 9207): every answer, good or bad, says who gives it.
#[tokio::test]
async fn every_answer_names_its_issuer() {
    let world = world().await;
    let browser = Browser::new(&world);
    let good = world.walk(&browser, "web", &world.pushed(world.push("web")).await).await;
    assert_eq!(good.answer("iss").as_deref(), Some(ISSUER));
    let nobody = world.pushed(world.push("web").with("prompt", "none")).await;
    let bad = Browser::new(&world).get(&authorize("web", &nobody)).await;
    assert_eq!(bad.answer("error").as_deref(), Some("login_required"));
    assert_eq!(bad.answer("iss").as_deref(), Some(ISSUER));
}

/// CVE-2023-6927, CVE-2023-6134: a response mode opens no way around the rules of another.
#[tokio::test]
async fn a_client_gets_no_response_mode_but_its_own() {
    let world = world_with(json!({"response_modes": ["query.jwt", "jwt"]})).await;
    for mode in
        ["query", "fragment", "form_post", "fragment.jwt", "form_post.jwt", "web_message", "JWT", "jwt "]
    {
        let answer = world.send(world.push("web").with("response_mode", mode)).await;
        answer.error(400, "invalid_request");
    }
    let page = world
        .walk(
            &Browser::new(&world),
            "web",
            &world.pushed(world.push("web").with("response_mode", "jwt")).await,
        )
        .await;
    assert!(page.answer("response").is_some() && page.answer("code").is_none());
    // A client that wants signed answers gets no other, whatever it leaves out.
    let answer = world.send(world.push("web")).await;
    if answer.status == 201 {
        let request_uri = answer.body["request_uri"].as_str().unwrap();
        let page = world.walk(&Browser::new(&world), "web", request_uri).await;
        assert!(page.answer("code").is_none(), "a plain answer to a client that registered signed ones");
    }
}

fn object(world: &World, changes: &serde_json::Value) -> String {
    let now = crate::support::START + 100;
    let mut claims = json!({
        "iss": "web", "aud": ISSUER, "client_id": "web", "nbf": now, "exp": now + 300, "jti": world.unique(),
        "response_type": "code", "redirect_uri": CALLBACK, "scope": "read", "state": "s",
        "code_challenge": challenge(), "code_challenge_method": "S256",
    });
    crate::support::merge(&mut claims, changes);
    sign(&world.assertion_key, &json!({"alg": "ES256", "typ": "oauth-authz-req+jwt"}), &claims)
}

/// PAR and request objects (RFC 9126 section 3): the object speaks for the client that authenticated, and alone.
#[tokio::test]
async fn a_request_object_speaks_for_its_own_client_and_nothing_stands_beside_it() {
    let world = world().await;
    let push = |object: String| Call::to("/par").assertion(world.assertion("web")).with("request", object);
    assert_eq!(world.send(push(object(&world, &json!({})))).await.status, 201);
    for changes in [
        json!({"client_id": "other-web"}),
        json!({"iss": "other-web"}),
        json!({"iss": "other-web", "client_id": "other-web"}),
        json!({"client_id": null}),
        json!({"aud": "https://other.example"}),
        json!({"request_uri": "urn:ietf:params:oauth:request_uri:x"}),
        json!({"request": "eyJ"}),
        json!({"sub": "web", "aud": ISSUER, "redirect_uri": "https://evil.example/"}),
    ] {
        let answer = world.send(push(object(&world, &changes))).await;
        assert_eq!(answer.status, 400, "{changes}: {}", answer.body);
    }
    for (name, value) in
        [("redirect_uri", "https://evil.example/"), ("scope", "read write"), ("state", "other")]
    {
        let answer = world.send(push(object(&world, &json!({}))).with(name, value)).await;
        assert_eq!(answer.status, 400, "{name} beside the object");
    }
}

/// HTML in what a client says of a request is text on every page that shows it, and in the form that posts it.
#[tokio::test]
async fn what_a_request_says_is_text_on_every_page() {
    let script = "\"><script>alert(1)</script>";
    let world = world_with(json!({"client_name": script})).await;
    let push = world.push("web").with("login_hint", script).with("response_mode", "form_post");
    let push = push.without("state").with("state", script);
    let browser = Browser::new(&world);
    let login = browser.get(&authorize("web", &world.pushed(push).await)).await;
    let consent = sign_in(&browser, &login).await;
    let posted = browser.press(&consent, "allow", &[]).await;
    for page in [&login, &consent, &posted] {
        assert!(!page.html.contains("<script>alert"), "{}", page.html);
    }
}
