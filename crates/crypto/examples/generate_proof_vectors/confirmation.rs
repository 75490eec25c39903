//! The confirmation claim: its shapes, certificates, and the answers of an introspection endpoint.

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_crypto::AwsLc;
use serde_json::{Value, json};

use crate::access_token::proven;
use crate::world::{BASE, File, ISSUER, NOW, OTHER_ISSUER, World, object, sign};

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
