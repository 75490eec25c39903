//! The outer form: the JOSE header, the compact serialisation, the `DPoP` and `Authorization` header lines.

use bindery_core::encoding::base64url;
use serde_json::{Value, json};

use crate::world::{File, World, sign};

pub(crate) fn header(world: &World) -> File {
    let mut file = File::new(
        "proof_header",
        "RFC 9449 section 4.3 steps 1 to 5 and 7",
        "The DPoP header line, the compact serialisation, and the members typ, alg, jwk, crit and b64.",
    );
    accepted(world, &mut file);
    types_and_algorithms(world, &mut file);
    extensions_and_json(world, &mut file);
    serialisations(world, &mut file);
    file
}

fn accepted(world: &World, file: &mut File) {
    file.proof("good proof", "accepted", world.proof(|_, _| {}));
    for (name, member, value) in [
        ("unknown member", "extra", json!({"a": [1, null]})),
        ("kid that looks like a path", "kid", json!("../../etc/passwd")),
        ("jku that nobody follows", "jku", json!("https://evil.example/jwks")),
        ("x5u that nobody follows", "x5u", json!("https://evil.example/x5u")),
        ("x5c that nobody believes", "x5c", json!(["AA=="])),
        ("cty", "cty", json!("JWT")),
    ] {
        file.proof(name, "accepted", world.proof(|header, _| drop(header.insert(member.into(), value))));
    }
    let (header, claims) = (world.header(&world.client), world.claims(world.bound()));
    let spaced = serde_json::to_string_pretty(&header).unwrap();
    file.proof("white space inside the header JSON", "accepted", world.proof_of(spaced, claims.clone()));
    let reordered = format!(r#"{{"jwk":{},"alg":"ES256","typ":"dpop+jwt"}}"#, header["jwk"]);
    file.proof("another member order", "accepted", world.proof_of(reordered, claims.clone()));
    let escaped = format!(r#"{{"jwk":{},"alg":"ES256","ty\u0070":"dpop\u002bjwt"}}"#, header["jwk"]);
    file.proof("escapes that mean the same", "accepted", world.proof_of(escaped, claims));
}

fn types_and_algorithms(world: &World, file: &mut File) {
    let mut edit = |name: String, member: &str, value: Option<Value>, expect: &str| {
        let proof = world.proof(|header, _| match value {
            Some(value) => drop(header.insert(member.into(), value)),
            None => drop(header.remove(member)),
        });
        file.proof(name, expect, proof);
    };
    edit("typ missing".into(), "typ", None, "proof_incomplete");
    edit("alg missing".into(), "alg", None, "proof_incomplete");
    edit("jwk missing".into(), "jwk", None, "proof_incomplete");
    for typ in
        ["JWT", "at+jwt", "jwt", "DPoP+JWT", "dpop+JWT", "application/dpop+jwt", "dpop+jwt ", " dpop+jwt", ""]
    {
        edit(format!("typ `{typ}`"), "typ", Some(typ.into()), "proof_type");
    }
    for value in [json!(1), json!(null), json!(["dpop+jwt"]), json!({}), json!(true)] {
        edit(format!("typ of another JSON type: {value}"), "typ", Some(value.clone()), "proof_malformed");
        edit(format!("alg of another JSON type: {value}"), "alg", Some(value), "proof_malformed");
    }
    for alg in [
        "none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "es256", "ES256 ", "ES256K", "ES512",
        "RS384", "RS512", "PS384", "PS512", "RSA-OAEP", "dir", "ECDH-ES", "Ed448", "A256GCM",
    ] {
        edit(format!("alg `{alg}`"), "alg", Some(alg.into()), "proof_algorithm");
    }
    edit("alg RS256, which the policy does not list".into(), "alg", Some("RS256".into()), "proof_algorithm");
    for alg in ["ES384", "PS256", "EdDSA", "Ed25519"] {
        edit(format!("alg {alg} with a P-256 key"), "alg", Some(alg.into()), "proof_key_algorithm");
    }
    for value in [json!(null), json!("key"), json!([]), json!(1)] {
        edit(format!("jwk of another JSON type: {value}"), "jwk", Some(value), "proof_malformed");
    }
    edit("jwk empty".into(), "jwk", Some(json!({})), "proof_key");
    edit("jwk is a whole set".into(), "jwk", Some(json!({"keys": []})), "proof_key");
    for (name, key) in [("Ed25519", &world.ed25519), ("P-384", &world.es384), ("RSA", &world.rsa)] {
        let proof =
            world.proof_by(key, world.bound(), |header, _| drop(header.insert("alg".into(), "ES256".into())));
        file.proof(format!("alg ES256 with a key of kind {name}"), "proof_key_algorithm", proof);
    }
}

fn extensions_and_json(world: &World, file: &mut File) {
    for (name, member, value) in [
        ("crit with an unknown name", "crit", json!(["x"])),
        ("crit with a known claim's name", "crit", json!(["exp"])),
        ("crit empty", "crit", json!([])),
        ("crit no array", "crit", json!("exp")),
        ("crit null", "crit", json!(null)),
        ("b64 false", "b64", json!(false)),
        ("b64 true", "b64", json!(true)),
    ] {
        file.proof(
            name,
            "proof_malformed",
            world.proof(|header, _| drop(header.insert(member.into(), value))),
        );
    }
    let jwk = world.header(&world.client)["jwk"].to_string();
    let members: Vec<_> = (0..129).map(|index| format!(r#""m{index}":0"#)).collect();
    for (name, header) in [
        ("typ twice", format!(r#"{{"typ":"dpop+jwt","typ":"dpop+jwt","alg":"ES256","jwk":{jwk}}}"#)),
        (
            "alg twice, once as none",
            format!(r#"{{"typ":"dpop+jwt","alg":"none","alg":"ES256","jwk":{jwk}}}"#),
        ),
        ("jwk twice", format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk},"jwk":{jwk}}}"#)),
        (
            "a member twice by way of an escape",
            format!(r#"{{"typ":"dpop+jwt","t\u0079p":"JWT","alg":"ES256","jwk":{jwk}}}"#),
        ),
        (
            "a member twice inside an unknown one",
            format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk},"x":{{"a":1,"a":2}}}}"#),
        ),
        (
            "a member twice inside jwk",
            r#"{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","kty":"EC"}}"#.into(),
        ),
        ("data after the header object", format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk}}}{{}}"#)),
        ("header is an array", "[]".into()),
        ("header is a string", r#""dpop+jwt""#.into()),
        ("header is null", "null".into()),
        ("header is not JSON", "typ=dpop+jwt".into()),
        ("header with a trailing comma", format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk},}}"#)),
        ("header with a comment", format!(r#"{{"typ":"dpop+jwt",/**/"alg":"ES256","jwk":{jwk}}}"#)),
        ("NUL in a header string", format!(r#"{{"typ":"dpop+jwt\u0000","alg":"ES256","jwk":{jwk}}}"#)),
        (
            "byte order mark before the header",
            format!("\u{feff}{{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":{jwk}}}"),
        ),
        (
            "nesting 200 deep",
            format!(
                r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk},"x":{}{}}}"#,
                "[".repeat(200),
                "]".repeat(200)
            ),
        ),
        (
            "more than 128 members",
            format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk},"x":{{{}}}}}"#, members.join(",")),
        ),
    ] {
        file.proof(name, "proof_malformed", world.proof_of(header, world.claims(world.bound())));
    }
    let empty = world.proof_of(json!({}), world.claims(world.bound()));
    file.proof("empty header object", "proof_incomplete", empty);
}

fn serialisations(world: &World, file: &mut File) {
    let unsigned = world.proof(|header, _| drop(header.insert("alg".into(), "none".into())));
    file.case(
        "alg none with an empty third segment",
        "proof_malformed",
        json!({"proof": unsigned, "dpop": ["<header>.<payload>."]}),
    );
    for (name, dpop, expect) in [
        ("no DPoP header", json!([]), "proof_missing"),
        ("empty DPoP header", json!([""]), "proof_malformed"),
        ("two equal DPoP headers", json!(["<proof>", "<proof>"]), "proof_duplicate"),
        ("two different DPoP headers", json!(["<proof>", "a.b.c"]), "proof_duplicate"),
        ("an empty DPoP header beside a good one", json!(["<proof>", ""]), "proof_duplicate"),
        ("two proofs in one line", json!(["<proof>, <proof>"]), "proof_malformed"),
        ("two proofs in one line without space", json!(["<proof>,<proof>"]), "proof_malformed"),
        ("trailing comma", json!(["<proof>,"]), "proof_malformed"),
        ("space before", json!([" <proof>"]), "proof_malformed"),
        ("space after", json!(["<proof> "]), "proof_malformed"),
        ("tab after", json!(["<proof>\t"]), "proof_malformed"),
        ("quoted", json!(["\"<proof>\""]), "proof_malformed"),
        ("with a scheme in front", json!(["DPoP <proof>"]), "proof_malformed"),
        ("with a parameter behind", json!(["<proof>; v=1"]), "proof_malformed"),
        ("two segments", json!(["<header>.<payload>"]), "proof_malformed"),
        ("four segments", json!(["<header>.<payload>.<signature>."]), "proof_malformed"),
        ("five segments, like a JWE", json!(["<header>.<payload>.<signature>.AA.AA"]), "proof_malformed"),
        ("detached payload", json!(["<header>..<signature>"]), "proof_malformed"),
        ("empty header segment", json!([".<payload>.<signature>"]), "proof_malformed"),
        (
            "JSON serialisation",
            json!([r#"{"protected":"<header>","payload":"<payload>","signature":"<signature>"}"#]),
            "proof_malformed",
        ),
        ("padded header", json!(["<header>=.<payload>.<signature>"]), "proof_malformed"),
        ("padded payload", json!(["<header>.<payload>==.<signature>"]), "proof_malformed"),
        ("padded signature", json!(["<header>.<payload>.<signature>=="]), "proof_malformed"),
        ("line break in the header segment", json!(["<header>\n.<payload>.<signature>"]), "proof_malformed"),
        ("percent-encoded dots", json!(["<header>%2E<payload>%2E<signature>"]), "proof_malformed"),
        ("non-ASCII", json!(["<header>.<payload>.<signature>\u{e9}"]), "proof_malformed"),
        ("NUL", json!(["<proof>\u{0}"]), "proof_malformed"),
        ("64 KiB", json!(["<A*65536>"]), "proof_malformed"),
        ("one byte longer than 8 KiB", json!(["<A*8189>.A.A"]), "proof_malformed"),
        ("garbage", json!(["garbage"]), "proof_malformed"),
    ] {
        file.case(name, expect, json!({"proof": world.proof(|_, _| {}), "dpop": dpop}));
    }
    let bad_utf8 = base64url::encode(b"{\"typ\":\"dpop+jwt\xff\"}");
    file.case(
        "header is not UTF-8",
        "proof_malformed",
        json!({"proof": world.proof(|_, _| {}), "dpop": [format!("{bad_utf8}.<payload>.<signature>")]}),
    );
    file.case(
        "standard base64 alphabet",
        "proof_malformed",
        json!({"proof": world.proof(|_, _| {}), "dpop": ["<header>.<payload>.+/<signature>"]}),
    );
    // A header of 3n+1 bytes ends in two characters of which the last carries four zero bits.
    let padded = format!("{}{}", json!(world.header(&world.client)), " ".repeat(2));
    let length = padded.len() % 3;
    let header = format!("{padded}{}", " ".repeat((4 - length) % 3));
    let text = base64url::encode(&header);
    let last = text.chars().last().unwrap();
    let twisted =
        format!("{}{}", &text[..text.len() - 1], char::from(u8::try_from(u32::from(last)).unwrap() + 1));
    let proof = sign(&world.client, header.into(), Value::Object(world.claims(world.bound())));
    file.case(
        "trailing bits that are not zero",
        "proof_malformed",
        json!({"proof": proof, "dpop": [format!("{twisted}.<payload>.<signature>")]}),
    );
}

pub(crate) fn authorization(world: &World) -> File {
    let mut file = File::new(
        "authorization_header",
        "RFC 9449 sections 7.1 and 7.2, RFC 6750 section 2, RFC 9110 section 11",
        "How the access token is presented: one header line, one known scheme, one space, one token68.",
    );
    let good = || world.proof(|_, _| {});
    for (name, values, expect) in [
        ("scheme as registered", json!(["DPoP <token>"]), "accepted"),
        ("scheme in lower case", json!(["dpop <token>"]), "accepted"),
        ("scheme in upper case", json!(["DPOP <token>"]), "accepted"),
        ("scheme in odd case", json!(["dPoP <token>"]), "accepted"),
        ("no Authorization header", json!([]), "no_credentials"),
        ("empty Authorization header", json!([""]), "no_credentials"),
        ("another scheme", json!(["Basic dXNlcjpwYXNz"]), "no_credentials"),
        ("a scheme that only starts like ours", json!(["DPoPx <token>"]), "no_credentials"),
        ("the token alone", json!(["<token>"]), "no_credentials"),
        ("scheme and no token", json!(["DPoP"]), "authorization_malformed"),
        ("scheme, space and no token", json!(["DPoP "]), "authorization_malformed"),
        ("Bearer and no token", json!(["Bearer"]), "authorization_malformed"),
        ("two spaces", json!(["DPoP  <token>"]), "authorization_malformed"),
        ("tab for space", json!(["DPoP\t<token>"]), "authorization_malformed"),
        ("tab for space under Bearer", json!(["Bearer\t<token>"]), "authorization_malformed"),
        ("tab and space", json!(["DPoP\t <token>"]), "authorization_malformed"),
        ("space and tab", json!(["DPoP \t<token>"]), "authorization_malformed"),
        ("line break for space", json!(["DPoP\n<token>"]), "authorization_malformed"),
        ("space after the token", json!(["DPoP <token> "]), "authorization_malformed"),
        ("tab after the token", json!(["DPoP <token>\t"]), "authorization_malformed"),
        ("two tokens", json!(["DPoP <token> <token>"]), "authorization_malformed"),
        ("comma list of credentials", json!(["DPoP <token>, DPoP <token>"]), "authorization_malformed"),
        ("comma list of both schemes", json!(["DPoP <token>, Bearer <token>"]), "authorization_malformed"),
        ("comma without space", json!(["DPoP <token>,<token>"]), "authorization_malformed"),
        ("quoted token", json!(["DPoP \"<token>\""]), "authorization_malformed"),
        ("token as a parameter", json!(["DPoP token=\"<token>\""]), "authorization_malformed"),
        ("non-ASCII token", json!(["DPoP <token>\u{e9}"]), "authorization_malformed"),
        ("zero-width space before the token", json!(["DPoP \u{200b}<token>"]), "authorization_malformed"),
        ("NUL in the token", json!(["DPoP <token>\u{0}"]), "authorization_malformed"),
        ("only padding", json!(["DPoP ==="]), "authorization_malformed"),
        ("padding in the middle", json!(["DPoP a=b"]), "authorization_malformed"),
        ("percent-encoded token", json!(["DPoP %41"]), "authorization_malformed"),
        ("token longer than 16 KiB", json!(["DPoP <A*16385>"]), "authorization_malformed"),
        ("64 KiB", json!(["DPoP <A*65536>"]), "authorization_malformed"),
        ("64 KiB of spaces and more", json!(["Basic <A*65536>"]), "authorization_malformed"),
        ("two equal headers", json!(["DPoP <token>", "DPoP <token>"]), "duplicate_credentials"),
        ("both schemes in two headers", json!(["DPoP <token>", "Bearer <token>"]), "duplicate_credentials"),
        ("another scheme beside ours", json!(["DPoP <token>", "Basic AA"]), "duplicate_credentials"),
        ("an empty header beside ours", json!(["DPoP <token>", ""]), "duplicate_credentials"),
        ("padding added to the token", json!(["DPoP <token>="]), "proof_token_hash"),
        ("bound token as Bearer beside a good proof", json!(["Bearer <token>"]), "bound_token_as_bearer"),
        ("bound token as bearer in lower case", json!(["bearer <token>"]), "bound_token_as_bearer"),
        ("bound token as BEARER in upper case", json!(["BEARER <token>"]), "bound_token_as_bearer"),
    ] {
        file.case(name, expect, json!({"proof": good(), "authorization": values}));
    }
    let bearer =
        json!({"authorization": ["Bearer <token>"], "policy": {"mechanisms": ["dpop", "mtls", "bearer"]}});
    let with = |changes: Value| {
        let mut members = bearer.clone();
        members.as_object_mut().unwrap().extend(crate::world::object(changes));
        members
    };
    file.case(
        "bound token as Bearer without proof",
        "bound_token_as_bearer",
        json!({"authorization": ["Bearer <token>"]}),
    );
    file.case(
        "bound token as Bearer where bearer tokens are accepted",
        "bound_token_as_bearer",
        bearer.clone(),
    );
    file.case(
        "bound token as Bearer where DPoP is off",
        "bound_token_as_bearer",
        with(json!({"policy": {"mechanisms": ["bearer"]}})),
    );
    file.case("unbound token as Bearer", "unbound_token", with(json!({"token": "unbound", "policy": {}})));
    file.case(
        "unbound token as Bearer where bearer tokens are accepted",
        "accepted",
        with(json!({"token": "unbound"})),
    );
    file.case(
        "bound token as Bearer with two proofs",
        "proof_duplicate",
        with(json!({"proof": good(), "dpop": ["<proof>", "<proof>"]})),
    );
    let unbound = world.proof_by(&world.client, &world.tokens["unbound"], |_, _| {});
    file.case(
        "unbound token under DPoP",
        "unbound_token_as_dpop",
        json!({"token": "unbound", "proof": unbound}),
    );
    let unbound = world.proof_by(&world.client, &world.tokens["unbound"], |_, _| {});
    file.case(
        "unbound token under DPoP where bearer tokens are accepted",
        "unbound_token_as_dpop",
        json!({"token": "unbound", "proof": unbound, "policy": {"mechanisms": ["dpop", "bearer"]}}),
    );
    file.case("proof without token", "no_credentials", json!({"proof": good(), "authorization": []}));
    file.case("token without proof", "proof_missing", json!({}));
    file.case(
        "scheme DPoP where DPoP is off",
        "mechanism_not_accepted",
        json!({"proof": good(), "policy": {"mechanisms": ["mtls"]}}),
    );
    file.case(
        "token in the query alone",
        "token_in_query",
        json!({"authorization": [], "token_in_query": true}),
    );
    file.case(
        "token in the query beside a good request",
        "token_in_query",
        json!({"proof": good(), "token_in_query": true}),
    );
    file
}
