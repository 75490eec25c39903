//! Access tokens: the confirmation claim, RFC 9068, and every other kind of JWT in the wrong place.

use bindery_core::crypto::{Cryptography as _, MacKey};
use bindery_core::encoding::base64url;
use bindery_crypto::{AwsLc, SigningKey};
use serde_json::{Value, json};

use crate::world::{
    BASE, File, ISSUER, NOW, OTHER_ISSUER, Object, World, jws, object, sign, signature_of, signing_input,
    text_of, with, with_signature,
};

/// A case in which the client proves its key for `token`.
fn proven(world: &World, file: &mut File, name: impl Into<String>, expect: &str, token: Value) {
    let proof = world.proof_by(&world.client, &text_of(&token), |_, _| {});
    file.case(name, expect, json!({"token": token, "proof": proof}));
}

pub(crate) fn confirmation(world: &World) -> File {
    let mut file = File::new(
        "confirmation",
        "RFC 7800 section 3.1, RFC 9449 sections 6 and 7, RFC 8705 section 3",
        "Every key that cnf names must be proven; a cnf that names nothing enforceable is never bearer.",
    );
    shapes(world, &mut file);
    certificates(world, &mut file);
    introspection(world, &mut file);
    file
}

fn shapes(world: &World, file: &mut File) {
    let jkt = world.client.thumbprint().to_string();
    let bytes = base64url::decode(&jkt).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let twisted = format!("{}{}", &jkt[..42], char::from(jkt.as_bytes()[42] + 1));
    let jwk = json!(world.client.public_key().to_jwk());
    let mut cnf = |name: &str, value: Value, expect: &str| {
        let token = world.token(|_, claims| drop(claims.insert("cnf".into(), value)));
        proven(world, file, name, expect, token);
    };
    let refused = "confirmation_unenforceable";
    cnf("jkt", json!({"jkt": jkt}), "accepted");
    cnf("jkt beside an unknown member", json!({"jkt": jkt, "other": 1}), "accepted");
    cnf("jkt of another key", json!({"jkt": world.stranger.thumbprint()}), "proof_key_mismatch");
    cnf("empty", json!({}), refused);
    cnf("null", json!(null), refused);
    cnf("a string", json!(jkt), refused);
    cnf("an array", json!([{"jkt": jkt}]), refused);
    cnf("a number", json!(1), refused);
    cnf("true", json!(true), refused);
    cnf("unknown member alone", json!({"kid": "1"}), refused);
    cnf("jwk in place of its thumbprint", json!({"jwk": jwk}), refused);
    cnf("jku", json!({"jku": "https://evil.example/jwks", "kid": "1"}), refused);
    cnf("jkt one level too deep", json!({"cnf": {"jkt": jkt}}), refused);
    cnf("member JKT", json!({"JKT": jkt}), refused);
    cnf("jkt a number", json!({"jkt": 1}), refused);
    cnf("jkt null", json!({"jkt": null}), refused);
    cnf("jkt an array", json!({"jkt": [jkt]}), refused);
    cnf("jkt empty", json!({"jkt": ""}), refused);
    cnf("jkt padded", json!({"jkt": format!("{jkt}=")}), refused);
    cnf("jkt with a space", json!({"jkt": format!("{jkt} ")}), refused);
    cnf("jkt in hexadecimal", json!({"jkt": hex}), refused);
    cnf("jkt cut short", json!({"jkt": &jkt[..42]}), refused);
    cnf("jkt of SHA-1 length", json!({"jkt": base64url::encode(&bytes[..20])}), refused);
    cnf("jkt with trailing bits that are not zero", json!({"jkt": twisted}), refused);
    cnf("x5t, the SHA-1 thumbprint", json!({"x5t": "AAAAAAAAAAAAAAAAAAAAAAAAAAA"}), refused);
    cnf("x5t#s256", json!({"x5t#s256": world.certificate_thumbprint(0)}), refused);
    cnf("x5t#S256 a number beside a good jkt", json!({"jkt": jkt, "x5t#S256": 1}), refused);
    cnf(
        "x5t#S256 padded beside a good jkt",
        json!({"jkt": jkt, "x5t#S256": format!("{}=", world.certificate_thumbprint(0))}),
        refused,
    );
    let swapped: String = jkt
        .chars()
        .map(|letter| {
            if letter.is_ascii_lowercase() {
                letter.to_ascii_uppercase()
            } else {
                letter.to_ascii_lowercase()
            }
        })
        .collect();
    // The last of 43 characters has sixteen values; exchanging its case may leave them.
    let expect = if base64url::decode_array::<32>(&swapped).is_ok() { "proof_key_mismatch" } else { refused };
    cnf("jkt in exchanged case", json!({"jkt": swapped}), expect);
    let twice = json!(world.token_claims())
        .to_string()
        .replace("\"cnf\":", &format!("\"cnf\":{{\"jkt\":\"{}\"}},\"cnf\":", world.stranger.thumbprint()));
    proven(
        world,
        file,
        "cnf twice",
        "token_malformed",
        sign(&world.issuer, json!(world.token_header()), twice.into()),
    );
    let upper = world.token(|_, claims| {
        let cnf = claims.remove("cnf").unwrap();
        claims.insert("CNF".into(), cnf);
    });
    proven(world, file, "CNF", "unbound_token_as_dpop", upper);
}

fn certificates(world: &World, file: &mut File) {
    let bearer = |changes: Value| {
        let mut members = object(json!({"token": "certificate_bound", "authorization": ["Bearer <token>"]}));
        members.extend(object(changes));
        Value::Object(members)
    };
    let registered = json!({"certificate": "registered"});
    file.case("certificate: the token's", "accepted", bearer(registered.clone()));
    file.case("certificate: none", "certificate_missing", bearer(json!({})));
    file.case(
        "certificate: none, where bearer tokens are accepted",
        "certificate_missing",
        bearer(json!({"policy": {"mechanisms": ["dpop", "mtls", "bearer"]}})),
    );
    file.case(
        "certificate: another of the same subject",
        "certificate_mismatch",
        bearer(json!({"certificate": "another"})),
    );
    file.case(
        "certificate: mutual TLS off",
        "mechanism_not_accepted",
        bearer(json!({"certificate": "registered", "policy": {"mechanisms": ["dpop", "bearer"]}})),
    );
    let token = &world.tokens["certificate_bound"];
    let proof = || world.proof_by(&world.client, token, |_, _| {});
    file.case(
        "certificate: the token's, but scheme DPoP",
        "unbound_token_as_dpop",
        json!({"token": "certificate_bound", "certificate": "registered", "proof": proof()}),
    );
    file.case(
        "certificate: the token's, with a proof that nobody asked for",
        "accepted",
        bearer(json!({"certificate": "registered", "proof": proof()})),
    );
    let thumbprint = world.certificate_thumbprint(0);
    let der = &world.certificates[0];
    let hex: String = AwsLc.sha256(&[der]).iter().map(|byte| format!("{byte:02x}")).collect();
    for (name, value) in [
        ("padded", json!(format!("{thumbprint}="))),
        ("in hexadecimal", json!(hex)),
        ("of SHA-1 length", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("a number", json!(1)),
        ("empty", json!("")),
        ("null", json!(null)),
    ] {
        let token = world.token(|_, claims| claims["cnf"] = json!({"x5t#S256": value}));
        let members =
            json!({"token": token, "authorization": ["Bearer <token>"], "certificate": "registered"});
        file.case(format!("x5t#S256 {name}"), "confirmation_unenforceable", members);
    }
    let pem = world.token(|_, claims| {
        claims["cnf"] =
            json!({"x5t#S256": base64url::encode(AwsLc.sha256(&[base64url::encode(der).as_bytes()]))})
    });
    file.case(
        "x5t#S256 of the text in place of the DER",
        "certificate_mismatch",
        json!({"token": pem, "authorization": ["Bearer <token>"], "certificate": "registered"}),
    );
    let both = |changes: Value| {
        let proof = world.proof_by(&world.client, &world.tokens["doubly_bound"], |_, _| {});
        let mut members = object(json!({"token": "doubly_bound", "proof": proof}));
        members.extend(object(changes));
        Value::Object(members)
    };
    file.case("both: both proven", "accepted", both(registered));
    file.case("both: no certificate", "certificate_missing", both(json!({})));
    file.case("both: another certificate", "certificate_mismatch", both(json!({"certificate": "another"})));
    file.case(
        "both: certificate alone, as Bearer",
        "bound_token_as_bearer",
        both(json!({"certificate": "registered", "authorization": ["Bearer <token>"], "dpop": []})),
    );
    file.case(
        "both: mutual TLS off",
        "mechanism_not_accepted",
        both(json!({"certificate": "registered", "policy": {"mechanisms": ["dpop"]}})),
    );
    file.case(
        "both: DPoP off",
        "mechanism_not_accepted",
        both(json!({"certificate": "registered", "policy": {"mechanisms": ["mtls"]}})),
    );
    let stranger = world.proof_by(&world.stranger, &world.tokens["doubly_bound"], |_, _| {});
    file.case(
        "both: another key",
        "proof_key_mismatch",
        both(json!({"certificate": "registered", "proof": stranger})),
    );
}

fn introspection(world: &World, file: &mut File) {
    let jkt = world.client.thumbprint();
    let good = object(
        json!({"active": true, "aud": BASE, "exp": NOW + 60, "client_id": "client-1", "cnf": {"jkt": jkt}}),
    );
    let mut answer = |name: &str, expect: &str, answer: Value| {
        let proof = world.proof_by(&world.client, &world.tokens["opaque"], |_, _| {});
        let members = json!({"token": "opaque", "proof": proof, "introspection": answer});
        file.case(format!("introspection: {name}"), expect, members);
    };
    let edit = |name: &str, value: Option<Value>| {
        let mut changed = good.clone();
        match value {
            Some(value) => drop(changed.insert(name.into(), value)),
            None => drop(changed.remove(name)),
        }
        Value::Object(changed)
    };
    answer("bound", "accepted", Value::Object(good.clone()));
    answer("not active", "token_inactive", json!({"active": false}));
    answer("active missing", "token_inactive", edit("active", None));
    answer("active as text", "token_inactive", edit("active", Some("true".into())));
    answer("active as number", "token_inactive", edit("active", Some(1.into())));
    answer("active null", "token_inactive", edit("active", Some(Value::Null)));
    answer("cnf missing", "unbound_token_as_dpop", edit("cnf", None));
    answer("cnf empty", "confirmation_unenforceable", edit("cnf", Some(json!({}))));
    answer("jkt no string", "confirmation_unenforceable", edit("cnf", Some(json!({"jkt": [jkt]}))));
    answer("jkt beside cnf", "unbound_token_as_dpop", {
        let mut changed = good.clone();
        changed.remove("cnf");
        changed.insert("jkt".into(), json!(jkt));
        Value::Object(changed)
    });
    answer("cnf inside another member", "unbound_token_as_dpop", {
        let mut changed = good.clone();
        let cnf = changed.remove("cnf");
        changed.insert("token".into(), json!({ "cnf": cnf }));
        Value::Object(changed)
    });
    answer(
        "cnf of another key",
        "proof_key_mismatch",
        edit("cnf", Some(json!({"jkt": world.stranger.thumbprint()}))),
    );
    answer("expired", "token_expired", edit("exp", Some(NOW.into())));
    answer("exp missing", "token_claim", edit("exp", None));
    answer("exp as text", "token_claim", edit("exp", Some("1800000060".into())));
    answer("for another audience", "token_audience", edit("aud", Some("https://other.example".into())));
    answer("aud missing", "token_claim", edit("aud", None));
    answer("of another issuer", "token_claim", edit("iss", Some(OTHER_ISSUER.into())));
    answer("of the issuer itself", "accepted", edit("iss", Some(ISSUER.into())));
    answer("not yet valid", "token_not_yet_valid", edit("nbf", Some((NOW + 11).into())));
    answer("not JSON", "introspection_unavailable", "active".into());
    answer("an array", "introspection_unavailable", json!("[]"));
    answer("empty", "introspection_unavailable", "".into());
    let twice = Value::Object(good.clone()).to_string().replacen('{', "{\"active\":false,", 1);
    answer("active twice", "introspection_unavailable", twice.into());
}

pub(crate) fn access_token(world: &World) -> File {
    let mut file = File::new(
        "access_token",
        "RFC 9068 section 4, RFC 8725",
        "JWT access tokens: type, algorithm, issuer, key, signature, audience, times; each with a good proof.",
    );
    members(world, &mut file);
    times(world, &mut file);
    key_choice(world, &mut file);
    forms(world, &mut file);
    file
}

fn members(world: &World, file: &mut File) {
    proven(world, file, "good token", "accepted", world.token(|_, _| {}));
    let mut header = |name: String, member: &str, value: Option<Value>, expect: &str| {
        let token = world.token(|header, _| change(header, member, value));
        proven(world, file, name, expect, token);
    };
    header("typ application/at+jwt".into(), "typ", Some("application/at+jwt".into()), "accepted");
    header("typ missing".into(), "typ", None, "token_type");
    for typ in
        ["JWT", "jwt", "AT+JWT", "at+JWT", "dpop+jwt", "at+jwt ", "", "application/jwt", "secevent+jwt"]
    {
        header(format!("typ `{typ}`"), "typ", Some(typ.into()), "token_type");
    }
    header("typ a number".into(), "typ", Some(1.into()), "token_malformed");
    header("alg missing".into(), "alg", None, "token_algorithm");
    for alg in ["none", "None", "HS256", "HS512", "es256", "RS256", "RS512", "ES256K", "", "dir"] {
        header(format!("alg `{alg}`"), "alg", Some(alg.into()), "token_algorithm");
    }
    for alg in ["ES384", "PS256", "EdDSA"] {
        header(
            format!("alg {alg}, for which the issuer has no key"),
            "alg",
            Some(alg.into()),
            "token_key_unknown",
        );
    }
    header("crit".into(), "crit", Some(json!(["exp"])), "token_malformed");
    header("b64 false".into(), "b64", Some(json!(false)), "token_malformed");
    let mut claim = |name: String, member: &str, value: Option<Value>, expect: &str| {
        let token = world.token(|_, claims| change(claims, member, value));
        proven(world, file, name, expect, token);
    };
    for member in ["iss", "aud", "exp", "iat", "sub", "client_id", "jti"] {
        claim(format!("{member} missing"), member, None, "token_claim");
    }
    for member in ["iss", "aud", "sub", "client_id", "jti"] {
        claim(format!("{member} a number"), member, Some(1.into()), "token_claim");
        claim(format!("{member} null"), member, Some(Value::Null), "token_claim");
    }
    claim("scope a list".into(), "scope", Some(json!(["read"])), "token_claim");
    claim("scope missing".into(), "scope", None, "accepted");
    for issuer in [
        "https://evil.example",
        "https://as.example/",
        "https://AS.example",
        "http://as.example",
        "as.example",
        "https://as.example:443",
        "",
    ] {
        claim(format!("iss `{issuer}`"), "iss", Some(issuer.into()), "token_issuer");
    }
    claim("iss a list".into(), "iss", Some(json!([ISSUER])), "token_claim");
    for (name, aud, expect) in [
        ("aud a list with ours", json!(["https://other.example", BASE]), "accepted"),
        ("aud another", json!("https://other.example"), "token_audience"),
        ("aud with a slash more", json!("https://api.example/"), "token_audience"),
        ("aud that starts with ours", json!("https://api.example.evil.example"), "token_audience"),
        ("aud in upper case", json!("HTTPS://API.EXAMPLE"), "token_audience"),
        ("aud the issuer", json!(ISSUER), "token_audience"),
        ("aud an empty list", json!([]), "token_audience"),
        ("aud empty", json!(""), "token_audience"),
        ("aud ours beside a number", json!([BASE, 1]), "token_audience"),
        ("aud ours one level too deep", json!([[BASE]]), "token_audience"),
        ("aud an object", json!({"0": BASE}), "token_claim"),
    ] {
        claim(name.into(), "aud", Some(aud), expect);
    }
}

fn change(members: &mut Object, name: &str, value: Option<Value>) {
    match value {
        Some(value) => drop(members.insert(name.into(), value)),
        None => drop(members.remove(name)),
    }
}

fn times(world: &World, file: &mut File) {
    for (name, member, value, expect) in [
        ("exp in one second", "exp", json!(NOW + 1), "accepted"),
        ("exp now", "exp", json!(NOW), "token_expired"),
        ("exp passed", "exp", json!(NOW - 1), "token_expired"),
        ("exp zero", "exp", json!(0), "token_expired"),
        ("exp negative", "exp", json!(-1), "token_expired"),
        ("exp the smallest integer", "exp", json!(i64::MIN), "token_expired"),
        ("exp as text", "exp", json!("1800000240"), "token_claim"),
        ("exp null", "exp", Value::Null, "token_claim"),
        ("nbf now", "nbf", json!(NOW), "accepted"),
        ("nbf within the skew", "nbf", json!(NOW + 10), "accepted"),
        ("nbf ahead", "nbf", json!(NOW + 11), "token_not_yet_valid"),
        ("nbf the largest integer", "nbf", json!(i64::MAX), "token_not_yet_valid"),
        ("nbf as text", "nbf", json!("0"), "token_claim"),
        ("iat within the skew", "iat", json!(NOW + 10), "accepted"),
        ("iat ahead", "iat", json!(NOW + 11), "token_not_yet_valid"),
        ("iat as text", "iat", json!("0"), "token_claim"),
    ] {
        let token = world.token(|_, claims| change(claims, member, Some(value)));
        proven(world, file, name, expect, token);
    }
}

fn key_choice(world: &World, file: &mut File) {
    let mut with_kid = |name: String, kid: Option<&str>, expect: &str| {
        let token = world.token(|header, _| change(header, "kid", kid.map(Value::from)));
        proven(world, file, name, expect, token);
    };
    with_kid("kid missing: every key of the issuer is tried".into(), None, "accepted");
    for kid in [
        "unknown",
        "",
        "ISSUER-1",
        "issuer-1 ",
        "../issuer-1",
        "https://evil.example/jwks",
        "' OR '1'='1",
        "/dev/null",
        "other-1",
    ] {
        with_kid(format!("kid `{kid}`"), Some(kid), "token_key_unknown");
    }
    proven(
        world,
        file,
        "kid a number",
        "token_malformed",
        world.token(|header, _| change(header, "kid", Some(1.into()))),
    );
    let forged = |key: &SigningKey, edit: &dyn Fn(&mut Object)| world.token_by(key, |header, _| edit(header));
    proven(world, file, "signed by a stranger", "token_signature", forged(&world.stranger, &|_| {}));
    proven(world, file, "signed by the client", "token_signature", forged(&world.client, &|_| {}));
    proven(
        world,
        file,
        "signed by another trusted issuer",
        "token_signature",
        forged(&world.other_issuer, &|_| {}),
    );
    let theirs = forged(&world.other_issuer, &|header| change(header, "kid", Some("other-1".into())));
    proven(world, file, "signed by another trusted issuer under its own kid", "token_key_unknown", theirs);
    let own = world.token_by(&world.other_issuer, |header, claims| {
        change(header, "kid", Some("other-1".into()));
        change(claims, "iss", Some(OTHER_ISSUER.into()));
    });
    proven(world, file, "the other issuer's own token", "accepted", own);
    let jwk = json!(world.stranger.public_key().to_jwk());
    let embedded = forged(&world.stranger, &|header| change(header, "jwk", Some(jwk.clone())));
    proven(world, file, "signed by the embedded jwk", "token_signature", embedded);
    let embedded = forged(&world.stranger, &|header| {
        change(header, "jwk", Some(jwk.clone()));
        change(header, "kid", None);
    });
    proven(world, file, "signed by the embedded jwk, without kid", "token_signature", embedded);
    for (member, value) in [
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/x5u")),
        ("x5c", json!(["AA=="])),
        ("x5t#S256", json!("AA")),
    ] {
        let token = forged(&world.stranger, &|header| change(header, member, Some(value.clone())));
        proven(world, file, format!("signed by a stranger, with {member}"), "token_signature", token);
        let token = world.token(|header, _| change(header, member, Some(value)));
        proven(world, file, format!("good, with {member} that nobody follows"), "accepted", token);
    }
    let key = MacKey::new(AwsLc.sha256(&[json!(world.issuer.public_key().to_jwk()).to_string().as_bytes()]));
    let mut header = world.token_header();
    header.insert("alg".into(), "HS256".into());
    let (header, claims) = (json!(header), json!(world.token_claims()));
    let mac = AwsLc.hmac_sha256(&key, &[signing_input(&header, &claims).as_bytes()]);
    proven(
        world,
        file,
        "HS256 keyed with the issuer's public key",
        "token_algorithm",
        jws(header, claims, &mac),
    );
}

fn forms(world: &World, file: &mut File) {
    let good = world.token(|_, _| {});
    let signature = signature_of(&good);
    for (name, bytes) in [
        ("signature with its last bit flipped", [&signature[..63], &[signature[63] ^ 1]].concat()),
        ("signature all zero", vec![0; 64]),
        ("signature truncated", signature[..63].to_vec()),
    ] {
        proven(world, file, name, "token_signature", with_signature(&good, &bytes));
    }
    let mut claims = good["payload"].clone();
    claims["scope"] = "read write admin".into();
    proven(world, file, "scope widened after signing", "token_signature", with(&good, "payload", claims));
    let mut claims = good["payload"].clone();
    claims["cnf"] = json!({"jkt": world.stranger.thumbprint()});
    let token = with(&good, "payload", claims);
    let proof = world.proof_by(&world.stranger, &text_of(&token), |_, _| {});
    file.case("bound anew after signing", "token_signature", json!({"token": token, "proof": proof}));
    let header = || json!(world.token_header());
    let text = || json!(world.token_claims()).to_string();
    for (name, payload) in [
        ("a claim twice", text().replacen('{', "{\"aud\":\"x\",", 1)),
        ("a claim twice, deep inside", text().replacen('{', "{\"x\":{\"a\":1,\"a\":1},", 1)),
        ("data after the claims", format!("{} {{}}", text())),
        ("claims an array", "[]".into()),
        ("claims not JSON", "x".into()),
        ("NUL in a claim", text().replacen('{', "{\"x\":\"\\u0000\",", 1)),
    ] {
        proven(world, file, name, "token_malformed", sign(&world.issuer, header(), payload.into()));
    }
    let whole = text_of(&good);
    let parts: Vec<_> = whole.split('.').collect();
    let unsigned_header = base64url::encode(r#"{"alg":"none","typ":"at+jwt"}"#);
    for (name, value) in [
        ("two segments", format!("{}.{}", parts[0], parts[1])),
        ("empty signature", format!("{}.{}.", parts[0], parts[1])),
        ("alg none with an empty signature", format!("{unsigned_header}.{}.", parts[1])),
        ("four segments", format!("{whole}.AA")),
        ("five segments, like a JWE", format!("{whole}.AA.AA")),
        ("an opaque text where nobody introspects", "2YotnFZFEjr1zCsicMWpAA".into()),
        ("padded signature", format!("{whole}==")),
        ("standard base64 alphabet", format!("{}.{}.+/{}", parts[0], parts[1], parts[2])),
        ("dots alone", "..".into()),
    ] {
        let proof = world.proof_by(&world.client, &value, |_, _| {});
        file.case(
            name,
            "token_malformed",
            json!({"authorization": [format!("DPoP {value}")], "proof": proof}),
        );
    }
}

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
