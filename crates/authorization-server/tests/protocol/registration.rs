//! Dynamic registration (RFC 7591, RFC 7592): what a stranger may register, what he may not, and that nobody
//! but the holder of the registration access token reads, changes or removes a client.

use axum::body::Body;
use bindery_crypto::SigningKey;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::administration::{ADMIN, ask, setup};
use crate::support::{API, Answer, Call, ISSUER, START, Setup, World, key, merge};

/// What strangers may register where their clients may be machines too.
pub(crate) const GRANTS: [&str; 3] = ["authorization_code", "refresh_token", "client_credentials"];

pub(crate) fn open() -> Setup {
    let mut setup = setup();
    setup.configuration["registration"] =
        json!({"access": "open", "audiences": [API], "grants": GRANTS, "scope": "read write bindery:admin"});
    setup
}

fn guarded() -> Setup {
    let mut setup = open();
    setup.configuration["registration"]["access"] = json!("initial_access_token");
    setup
}

/// Machines alone: no redirect URI is needed, and a token can be asked for at once.
pub(crate) fn machine() -> Value {
    json!({"grant_types": ["client_credentials"], "client_name": "A machine"})
}

fn with(changes: &Value) -> Value {
    let mut asked = machine();
    merge(&mut asked, changes);
    asked
}

impl World {
    pub(crate) async fn send_json(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = match body {
            None => Body::empty(),
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
        };
        self.dispatch(request.body(body).unwrap(), None).await
    }

    pub(crate) async fn register(&self, asked: &Value) -> Answer {
        self.send_json(Method::POST, "/register", None, Some(asked)).await
    }

    /// A token by the secret that registration gave.
    pub(crate) async fn token_of(&self, registered: &Value, key: &SigningKey) -> Answer {
        let id = registered["client_id"].as_str().unwrap();
        let secret = registered["client_secret"].as_str().unwrap();
        self.send(Call::token("client_credentials").basic(id, secret).dpop(self.proof(key))).await
    }
}

/// The path and the token by which a client manages itself.
pub(crate) fn management(registered: &Value) -> (String, String) {
    let uri = registered["registration_client_uri"].as_str().unwrap();
    let token = registered["registration_access_token"].as_str().unwrap();
    (uri.strip_prefix(ISSUER).unwrap().to_owned(), token.to_owned())
}

#[tokio::test]
async fn a_registered_client_is_told_everything_that_was_registered_and_works() {
    let world = open().start().await;
    let registered = world.register(&machine()).await.is(201);
    for (member, value) in [
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("grant_types", json!(["client_credentials"])),
        ("response_types", json!([])),
        ("scope", json!("read write")),
        ("client_name", json!("A machine")),
        ("client_secret_expires_at", json!(0)),
        ("client_id_issued_at", json!(world.now())),
    ] {
        assert_eq!(registered[member], value, "{member}: {registered}");
    }
    for hidden in ["audiences", "client_secret_sha256", "registration"] {
        assert!(registered.get(hidden).is_none(), "{hidden}");
    }
    let issued = world.token_of(&registered, &key()).await.ok();
    assert_eq!(issued["token_type"], "DPoP");
    let (path, token) = management(&registered);
    let read = world.send_json(Method::GET, &path, Some(&token), None).await.is(200);
    assert_eq!(read["client_id"], registered["client_id"]);
    assert!(read.get("client_secret").is_none());
    assert_eq!(read["registration_access_token"], token);
}

#[tokio::test]
async fn the_identifier_is_never_the_clients_choice() {
    let world = open().start().await;
    let asked = with(&json!({"client_id": "alice", "client_secret": "mine", "client_id_issued_at": 1}));
    let registered = world.register(&asked).await.is(201);
    assert_ne!(registered["client_id"], "alice");
    assert_eq!(registered["client_id"].as_str().unwrap().len(), 22);
    assert_ne!(registered["client_secret"], "mine");
    let other = world.register(&asked).await.is(201);
    assert_ne!(registered["client_id"], other["client_id"]);
}

#[tokio::test]
async fn a_stranger_registers_no_privilege() {
    let world = open().start().await;
    let asked = with(&json!({
        "scope": "read bindery:admin openid unheard-of", "audiences": [ADMIN], "introspection_audiences": [API],
        "sender_constraint": "none", "sender_constraint_reason": "please", "sender_constraint_until": START + 9999,
        "trust_anchors": "other", "consent": "implied", "unbound_refresh": "bind_first_proof",
        "unknown_member": {"a": 1},
    }));
    let registered = world.register(&asked).await.is(201);
    assert_eq!(registered["scope"], "read");
    for dropped in ["audiences", "sender_constraint", "trust_anchors", "consent", "unknown_member"] {
        assert!(registered.get(dropped).is_none(), "{dropped}: {registered}");
    }
    let id = registered["client_id"].as_str().unwrap();
    let secret = registered["client_secret"].as_str().unwrap();
    let bearer = world.send(Call::token("client_credentials").basic(id, secret)).await;
    assert_eq!(bearer.status, 400, "{}", bearer.body);
    let call = Call::token("client_credentials").basic(id, secret).with("resource", ADMIN);
    world.send(call.dpop(world.proof(&key()))).await.error(400, "invalid_target");
    let access = world.token_of(&registered, &key()).await.ok()["access_token"].as_str().unwrap().to_owned();
    let call = Call::to("/introspect").with("token", &access).basic(id, secret);
    // Its own tokens it may ask about, nobody else's.
    assert_eq!(world.send(call).await.ok()["active"], true);
}

#[tokio::test]
async fn rejects_metadata_by_the_codes_of_the_rfc_and_repeats_nothing_of_it() {
    let world = open().start().await;
    let public = key().public_key().to_jwk();
    for (changes, code) in [
        (json!({"grant_types": ["authorization_code"]}), "invalid_redirect_uri"),
        (
            json!({"grant_types": ["authorization_code"], "redirect_uris": ["http://evil.example/<cb>"]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"grant_types": ["authorization_code"], "redirect_uris": ["https://a.example/#f"]}),
            "invalid_redirect_uri",
        ),
        (json!({"grant_types": ["evil-grant"]}), "invalid_client_metadata"),
        (json!({"grant_types": "client_credentials"}), "invalid_client_metadata"),
        (json!({"response_types": ["code"]}), "invalid_client_metadata"),
        (
            json!({"grant_types": ["authorization_code"], "redirect_uris": ["https://a.example/cb"], "response_types": ["token"]}),
            "invalid_client_metadata",
        ),
        (json!({"token_endpoint_auth_method": "private_key_jwt"}), "invalid_client_metadata"),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [public]}, "jwks_uri": "https://a.example/k"}),
            "invalid_client_metadata",
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}}),
            "invalid_client_metadata",
        ),
        (
            json!({"jwks_uri": "http://a.example/k", "token_endpoint_auth_method": "private_key_jwt"}),
            "invalid_client_metadata",
        ),
        (json!({"token_endpoint_auth_method": "none"}), "invalid_client_metadata"),
        (json!({"client_name": "a\u{202e}\n\u{0}"}), "invalid_client_metadata"),
        (json!({"logo_uri": "http://evil.example/logo.png"}), "invalid_client_metadata"),
        (json!({"policy_uri": "javascript:alert(1)"}), "invalid_client_metadata"),
        (json!({"scope": ["read"]}), "invalid_client_metadata"),
        (json!({"software_statement": "eyJ.evil.sig"}), "unapproved_software_statement"),
        (json!({"software_statement": {"evil": 1}}), "invalid_software_statement"),
    ] {
        let answer = world.register(&with(&changes)).await;
        answer.error(400, code);
        let description = answer.body["error_description"].as_str().unwrap();
        assert!(!answer.body.to_string().contains("evil"), "{}", answer.body);
        let allowed = |byte: u8| (0x20..=0x7e).contains(&byte) && byte != b'"' && byte != b'\\';
        assert!(description.bytes().all(allowed), "{description}");
    }
    for (content_type, body) in
        [("text/plain", "{}"), ("application/json", "[]"), ("application/json", "{\"a\":1,\"a\":2}")]
    {
        let request =
            Request::post("/register").header("content-type", content_type).body(Body::from(body)).unwrap();
        world.dispatch(request, None).await.error(400, "invalid_client_metadata");
    }
}

#[tokio::test]
async fn an_initial_access_token_registers_as_many_clients_as_it_may_and_until_it_ends() {
    let world = guarded().start().await;
    let nobody = world.register(&machine()).await;
    nobody.error(401, "invalid_token");
    assert_eq!(nobody.headers["www-authenticate"], "Bearer");
    let operator = world.operator("operator").await;
    let make = async |body: Value| {
        let made =
            world.administer(&operator, ask(Method::POST, "/initial-access-tokens", body)).await.is(201);
        (made["initial_access_token"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
    };
    let register = async |token: &str, asked: Value| {
        world.send_json(Method::POST, "/register", Some(token), Some(&asked)).await
    };
    let (token, id) = make(json!({"label": "partner", "uses": 2})).await;
    // A request that is refused costs no use.
    register(&token, with(&json!({"grant_types": ["x"]}))).await.error(400, "invalid_client_metadata");
    let first = register(&token, machine()).await.is(201);
    let shown =
        world.get(&operator, &format!("/clients/{}", first["client_id"].as_str().unwrap())).await.is(200);
    assert_eq!(shown["initial_access_token"], id.as_str());
    let listed = world.get(&operator, "/initial-access-tokens").await.is(200);
    assert_eq!(
        (&listed["items"][0]["uses_left"], &listed["items"][0]["label"]),
        (&json!(1), &json!("partner"))
    );
    assert!(!listed.to_string().contains(&token));
    register(&token, machine()).await.is(201);
    register(&token, machine()).await.error(401, "invalid_token");

    let (short, _) = make(json!({"label": "short", "expires_in": 10})).await;
    world.advance(10);
    register(&short, machine()).await.error(401, "invalid_token");

    let (revoked, id) = make(json!({"label": "mistake", "uses": 5})).await;
    let revoke = crate::administration::Ask::new(Method::DELETE, &format!("/initial-access-tokens/{id}"));
    assert_eq!(world.administer(&operator, revoke).await.status, 204);
    let refused = register(&revoked, machine()).await;
    refused.error(401, "invalid_token");
    assert_eq!(refused.headers["www-authenticate"], "Bearer error=\"invalid_token\"");
    // No other kind of token opens the endpoint: not one of an administrator, bound as it is.
    register(&operator.token, machine()).await.error(401, "invalid_token");
}

#[tokio::test]
async fn of_many_at_once_no_more_register_than_the_token_allows() {
    let world = std::sync::Arc::new(guarded().start().await);
    let operator = world.operator("operator").await;
    let body = json!({"label": "race", "uses": 3});
    let made = world.administer(&operator, ask(Method::POST, "/initial-access-tokens", body)).await.is(201);
    let token = made["initial_access_token"].as_str().unwrap().to_owned();
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (world, token) = (world.clone(), token.clone());
        racing.spawn(async move {
            world.send_json(Method::POST, "/register", Some(&token), Some(&machine())).await.status.as_u16()
        });
    }
    let statuses = racing.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 3, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 401)), "{statuses:?}");
}

#[tokio::test]
async fn nobody_manages_a_client_without_its_token() {
    let world = open().start().await;
    let registered = world.register(&machine()).await.is(201);
    let other = world.register(&machine()).await.is(201);
    let (path, token) = management(&registered);
    let (other_path, _) = management(&other);
    let unknown = "/register/AAAAAAAAAAAAAAAAAAAAAA".to_owned();
    for (path, token) in
        [(&other_path, token.as_str()), (&path, "wrong"), (&unknown, token.as_str()), (&path, "")]
    {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = world.send_json(method, path, Some(token), Some(&machine())).await;
            answer.error(401, "invalid_token");
        }
    }
    let missing = world.send_json(Method::GET, &path, None, None).await;
    missing.error(401, "invalid_token");
    // The client's own access token is no registration access token.
    let access = world.token_of(&registered, &key()).await.ok()["access_token"].as_str().unwrap().to_owned();
    world.send_json(Method::GET, &path, Some(&access), None).await.error(401, "invalid_token");
}

#[tokio::test]
async fn keys_roll_over_with_an_update_and_the_old_ones_are_dead_at_once() {
    let world = open().start().await;
    let (old, new) = (key(), key());
    let asked = |key: &SigningKey| {
        with(
            &json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key.public_key().to_jwk()]}}),
        )
    };
    let registered = world.register(&asked(&old)).await.is(201);
    assert!(
        registered.get("client_secret").is_none() && registered.get("client_secret_expires_at").is_none()
    );
    let id = registered["client_id"].as_str().unwrap().to_owned();
    let try_with = async |signer: &SigningKey| {
        let call = Call::token("client_credentials").assertion(world.assertion_signed_by(signer, &id));
        world.send(call.with("client_id", &id).dpop(world.proof(&key()))).await
    };
    try_with(&old).await.ok();
    let (path, token) = management(&registered);
    let mut update = asked(&new);
    update["client_id"] = json!(id);
    let updated = world.send_json(Method::PUT, &path, Some(&token), Some(&update)).await.is(200);
    try_with(&old).await.error(401, "invalid_client");
    try_with(&new).await.ok();
    // The registration access token was replaced with it.
    let (_, next) = management(&updated);
    assert_ne!(next, token);
    world.send_json(Method::GET, &path, Some(&token), None).await.error(401, "invalid_token");
    world.send_json(Method::GET, &path, Some(&next), None).await.is(200);
}

#[tokio::test]
async fn an_update_replaces_all_but_what_the_operator_has_said() {
    let world = open().start().await;
    let operator = world.operator("operator").await;
    let registered = world.register(&machine()).await.is(201);
    let id = registered["client_id"].as_str().unwrap().to_owned();
    let policy = ask(Method::PUT, &format!("/clients/{id}/policy"), json!({"sender_constraint": "dpop"}));
    world.administer(&operator, policy.header("if-match", "*")).await.is(200);
    let (path, token) = management(&registered);
    let update = |changes: Value| {
        let mut update = json!({"client_id": id, "grant_types": ["client_credentials"], "scope": "read"});
        merge(&mut update, &changes);
        update
    };
    for (changes, member) in [
        (json!({"client_id": "other"}), "client_id"),
        (json!({"client_secret": "wrong"}), "client_secret"),
        (json!({"registration_access_token": token}), "registration_access_token"),
        (json!({"client_secret_expires_at": 0}), "client_secret_expires_at"),
    ] {
        let answer = world.send_json(Method::PUT, &path, Some(&token), Some(&update(changes))).await;
        answer.error(400, "invalid_client_metadata");
        assert!(answer.body["error_description"].as_str().unwrap().starts_with(member), "{}", answer.body);
    }
    let good = update(json!({"client_secret": registered["client_secret"]}));
    let updated = world.send_json(Method::PUT, &path, Some(&token), Some(&good)).await.is(200);
    assert!(updated.get("client_name").is_none());
    assert_eq!(updated["scope"], "read");
    assert_eq!(updated["dpop_bound_access_tokens"], true);
    let shown = world.get(&operator, &format!("/clients/{id}")).await.is(200);
    assert_eq!(shown["metadata"]["sender_constraint"], "dpop");
    assert_eq!(shown["metadata"]["audiences"], json!([API]));
    // Its secret is what it was.
    world.token_of(&registered, &key()).await.ok();
}

#[tokio::test]
async fn a_client_that_is_removed_or_disabled_opens_nothing_any_more() {
    let world = open().start().await;
    let operator = world.operator("operator").await;
    let registered = world.register(&machine()).await.is(201);
    let access = world.token_of(&registered, &key()).await.ok()["access_token"].as_str().unwrap().to_owned();
    let (path, token) = management(&registered);
    let id = registered["client_id"].as_str().unwrap();
    let state = async |word: &str| {
        let ask = crate::administration::Ask::new(Method::POST, &format!("/clients/{id}/{word}"));
        world.administer(&operator, ask).await.is(200);
    };
    state("disable").await;
    world.send_json(Method::GET, &path, Some(&token), None).await.error(401, "invalid_token");
    state("enable").await;
    let removed = world.send_json(Method::DELETE, &path, Some(&token), None).await;
    assert_eq!(removed.status, 204);
    removed.no_store();
    world.send_json(Method::GET, &path, Some(&token), None).await.error(401, "invalid_token");
    world.token_of(&registered, &key()).await.error(401, "invalid_client");
    assert_eq!(world.introspect(&access).await["active"], false);
}

#[tokio::test]
async fn clients_that_nobody_uses_are_removed_and_their_number_is_bounded() {
    let mut setup = open();
    setup.configuration["registration"]["unused_lifetime"] = json!(1000);
    setup.configuration["registration"]["unused_clients"] = json!(3);
    let world = setup.start().await;
    let used = world.register(&machine()).await.is(201);
    let unused = world.register(&machine()).await.is(201);
    world.register(&machine()).await.is(201);
    let full = world.register(&machine()).await;
    full.error(503, "temporarily_unavailable");
    world.token_of(&used, &key()).await.ok();
    world.server.maintain().await.unwrap();
    world.register(&machine()).await.is(201);
    world.advance(1000);
    world.server.maintain().await.unwrap();
    world.token_of(&used, &key()).await.ok();
    world.token_of(&unused, &key()).await.error(401, "invalid_client");
}

#[tokio::test]
async fn a_closed_server_has_no_such_endpoint() {
    let world = setup().start().await;
    assert_eq!(world.register(&machine()).await.status, 404);
    let metadata = Request::get("/.well-known/oauth-authorization-server").body(Body::empty()).unwrap();
    assert!(world.dispatch(metadata, None).await.body.get("registration_endpoint").is_none());
    let world = open().start().await;
    let metadata = Request::get("/.well-known/oauth-authorization-server").body(Body::empty()).unwrap();
    let metadata = world.dispatch(metadata, None).await.body;
    assert_eq!(metadata["registration_endpoint"], format!("{ISSUER}/register"));
}

#[tokio::test]
async fn rejects_client_credentials_for_strangers_unless_offered() {
    let mut setup = open();
    setup.configuration["registration"] = json!({"access": "open", "audiences": [API], "scope": "read"});
    let world = setup.start().await;
    world.register(&machine()).await.error(400, "invalid_client_metadata");
    let people = json!({"redirect_uris": ["https://a.example/cb"]});
    let registered = world.register(&people).await.is(201);
    assert_eq!(registered["grant_types"], json!(["authorization_code"]));
    // Nor does an update reach what registration does not offer.
    let (path, token) = management(&registered);
    let mut update = machine();
    update["client_id"] = registered["client_id"].clone();
    let answer = world.send_json(Method::PUT, &path, Some(&token), Some(&update)).await;
    answer.error(400, "invalid_client_metadata");
    // Offered without a scope, such a client would have everything; that does not start.
    let mut setup = open();
    setup.configuration["registration"] = json!({"access": "open", "grants": GRANTS});
    let configuration = serde_json::from_value(setup.configuration.clone()).unwrap();
    let refused = world.try_another(&configuration).await.unwrap_err();
    assert!(refused.to_string().contains("registration.scope"), "{refused}");
}

#[tokio::test]
async fn rejects_an_update_that_widens_what_an_administrator_narrowed() {
    let world = open().start().await;
    let operator = world.operator("operator").await;
    let asked = json!({
        "grant_types": ["authorization_code", "refresh_token"], "scope": "read write",
        "redirect_uris": ["https://a.example/cb", "https://b.example/cb"],
    });
    let registered = world.register(&asked).await.is(201);
    let id = registered["client_id"].as_str().unwrap().to_owned();
    let taken = ask(
        Method::PATCH,
        &format!("/clients/{id}"),
        json!({
            "scope": "read", "grant_types": ["authorization_code"], "redirect_uris": ["https://a.example/cb"],
            "require_pushed_authorization_requests": true,
        }),
    );
    let taken = taken.header("content-type", "application/merge-patch+json").header("if-match", "*");
    world.administer(&operator, taken).await.is(200);
    let (path, token) = management(&registered);
    let put = async |token: &str, changes: Value| {
        let mut update = json!({
            "client_id": id, "scope": "read write", "grant_types": ["authorization_code"],
            "redirect_uris": ["https://a.example/cb"], "require_pushed_authorization_requests": false,
        });
        merge(&mut update, &changes);
        world.send_json(Method::PUT, &path, Some(token), Some(&update)).await
    };
    for (wider, error) in [
        (json!({"grant_types": ["authorization_code", "refresh_token"]}), "invalid_client_metadata"),
        (json!({"redirect_uris": ["https://a.example/cb", "https://b.example/cb"]}), "invalid_redirect_uri"),
    ] {
        put(&token, wider).await.error(400, error);
    }
    let kept = put(&token, json!({})).await.is(200);
    assert_eq!(
        (&kept["scope"], &kept["require_pushed_authorization_requests"]),
        (&json!("read"), &json!(true))
    );
    // Less than was left is the client's own affair, and changes nothing of what was left.
    let (_, token) = management(&kept);
    let less = put(&token, json!({"client_name": "Less"})).await.is(200);
    let (_, token) = management(&less);
    put(&token, json!({"redirect_uris": ["https://c.example/cb"]})).await.error(400, "invalid_redirect_uri");
}
