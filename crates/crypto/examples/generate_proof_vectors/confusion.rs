//! Every kind of JWT in the place of another.

use serde_json::{Value, json};

use crate::access_token::{change, proven};
use crate::world::{BASE, File, ISSUER, NOW, Object, World, object, sign, text_of};

/// `typ` and the claims that make each kind of JWT what it is.
fn kinds(world: &World) -> Vec<(&'static str, Option<&'static str>, Object)> {
    let now = NOW;
    vec![
        (
            "client assertion",
            Some("JWT"),
            object(
                json!({"iss": "client-1", "sub": "client-1", "aud": ISSUER, "jti": "a", "iat": now, "exp": now + 60}),
            ),
        ),
        (
            "client assertion of the newer type",
            Some("client-authentication+jwt"),
            object(
                json!({"iss": "client-1", "sub": "client-1", "aud": ISSUER, "jti": "a", "iat": now, "exp": now + 60}),
            ),
        ),
        (
            "ID token",
            Some("JWT"),
            object(
                json!({"iss": ISSUER, "sub": "user", "aud": "client-1", "nonce": "n", "iat": now, "exp": now + 60}),
            ),
        ),
        (
            "ID token without typ",
            None,
            object(
                json!({"iss": ISSUER, "sub": "user", "aud": "client-1", "nonce": "n", "iat": now, "exp": now + 60}),
            ),
        ),
        (
            "logout token",
            Some("logout+jwt"),
            object(
                json!({"iss": ISSUER, "sub": "user", "aud": "client-1", "jti": "l", "iat": now, "exp": now + 60, "events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
            ),
        ),
        (
            "introspection response",
            Some("token-introspection+jwt"),
            object(json!({"iss": ISSUER, "aud": BASE, "iat": now, "token_introspection": {"active": true}})),
        ),
        (
            "request object",
            Some("oauth-authz-req+jwt"),
            object(
                json!({"iss": "client-1", "aud": ISSUER, "client_id": "client-1", "iat": now, "exp": now + 60}),
            ),
        ),
        (
            "authorization response",
            Some("JWT"),
            object(json!({"iss": ISSUER, "aud": "client-1", "code": "c", "exp": now + 60})),
        ),
        (
            "security event token",
            Some("secevent+jwt"),
            object(json!({"iss": ISSUER, "aud": BASE, "jti": "s", "iat": now, "events": {}})),
        ),
        ("access token", Some("at+jwt"), world.token_claims()),
        ("DPoP proof", Some("dpop+jwt"), world.claims(world.bound())),
    ]
}

pub(crate) fn confusion(world: &World) -> File {
    let mut file = File::new(
        "confusion",
        "RFC 8725 section 3.12, RFC 9449 section 11.5, RFC 9068 section 4",
        "Every kind of JWT presented as proof and as access token: as it is, and with all claims but the type right.",
    );
    proven(world, &mut file, "each in its place", "accepted", world.token(|_, _| {}));
    for (name, typ, claims) in kinds(world) {
        let typed = |mut header: Object| {
            change(&mut header, "typ", typ.map(Value::from));
            Value::Object(header)
        };
        let merged = |mut base: Object| {
            for (name, value) in &claims {
                base.entry(name.clone()).or_insert_with(|| value.clone());
            }
            Value::Object(base)
        };
        let expect = if typ.is_some() { "proof_type" } else { "proof_incomplete" };
        if typ != Some("dpop+jwt") {
            let plain =
                sign(&world.client, typed(world.header(&world.client)), Value::Object(claims.clone()));
            file.proof(format!("{name} as proof"), expect, plain);
            let dressed =
                sign(&world.client, typed(world.header(&world.client)), merged(world.claims(world.bound())));
            file.proof(format!("{name} as proof, with every claim of a proof"), expect, dressed);
        }
        if typ != Some("at+jwt") {
            let plain = sign(&world.issuer, typed(world.token_header()), Value::Object(claims.clone()));
            proven(world, &mut file, format!("{name} as access token"), "token_type", plain);
            let dressed = sign(&world.issuer, typed(world.token_header()), merged(world.token_claims()));
            proven(
                world,
                &mut file,
                format!("{name} as access token, with every claim of one"),
                "token_type",
                dressed,
            );
        }
    }
    let proof = world.proof(|_, _| {});
    file.case("the proof as its own access token", "token_type", {
        let own = world.proof_by(&world.client, &text_of(&proof), |_, _| {});
        json!({"token": proof, "proof": own})
    });
    file.case("the access token as its own proof", "proof_type", json!({"dpop": ["<token>"]}));
    file
}
