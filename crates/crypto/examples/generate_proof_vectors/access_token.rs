//! JWT access tokens by RFC 9068, one defect each, every one with a good proof.

use bindery_core::crypto::{Cryptography as _, MacKey};
use bindery_core::encoding::base64url;
use bindery_crypto::{AwsLc, SigningKey};
use serde_json::{Value, json};

use crate::world::{
    BASE, File, ISSUER, NOW, OTHER_ISSUER, Object, World, jws, sign, signature_of, signing_input, text_of,
    with, with_signature,
};

/// A case in which the client proves its key for `token`.
pub(crate) fn proven(world: &World, file: &mut File, name: impl Into<String>, expect: &str, token: Value) {
    let proof = world.proof_by(&world.client, &text_of(&token), |_, _| {});
    file.case(name, expect, json!({"token": token, "proof": proof}));
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

pub(crate) fn change(members: &mut Object, name: &str, value: Option<Value>) {
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
