//! The claims of a proof: presence, JSON types, sizes (step 3), `ath` (step 12), its own limits, and time
//! (step 11).

use bindery_core::encoding::base64url;
use serde_json::{Value, json};

use crate::world::{File, NOW, World, hash};

pub(crate) fn claims(world: &World) -> File {
    let mut file = File::new(
        "proof_claims",
        "RFC 9449 section 4.3 steps 2, 3 and 12",
        "Every required claim is there, of the right JSON type, of sensible size, and ath is the token's hash.",
    );
    let edit = |name: &str, value: Option<Value>| {
        world.proof(|_, claims| match value {
            Some(value) => drop(claims.insert(name.into(), value)),
            None => drop(claims.remove(name)),
        })
    };
    file.proof("good claims", "accepted", world.proof(|_, _| {}));
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        file.proof(format!("{name} missing"), "proof_incomplete", edit(name, None));
    }
    for name in ["jti", "htm", "htu", "nonce"] {
        file.proof(format!("{name} empty"), "proof_incomplete", edit(name, Some("".into())));
    }
    for name in ["jti", "htm", "htu", "ath", "nonce"] {
        for value in [json!(1), json!(null), json!(true), json!(["x"]), json!({"x": 1})] {
            file.proof(format!("{name} is {value}"), "proof_malformed", edit(name, Some(value)));
        }
    }
    for name in ["iat", "exp", "nbf"] {
        for value in [json!("1800000000"), json!(null), json!(true), json!([NOW]), json!({})] {
            file.proof(format!("{name} is {value}"), "proof_malformed", edit(name, Some(value)));
        }
    }
    identifiers(world, &mut file);
    token_hashes(world, &mut file);
    json_texts(world, &mut file);
    for (name, claim, value, expect) in [
        ("exp ahead", "exp", NOW + 60, "accepted"),
        ("exp passed within the grace", "exp", NOW - 30, "accepted"),
        ("exp passed", "exp", NOW - 31, "proof_own_limits"),
        ("exp at the smallest integer", "exp", i64::MIN, "proof_own_limits"),
        ("exp at the largest integer", "exp", i64::MAX, "accepted"),
        ("nbf passed", "nbf", NOW - 60, "accepted"),
        ("nbf ahead within the grace", "nbf", NOW + 30, "accepted"),
        ("nbf ahead", "nbf", NOW + 31, "proof_own_limits"),
        ("nbf at the largest integer", "nbf", i64::MAX, "proof_own_limits"),
        ("nbf at the smallest integer", "nbf", i64::MIN, "accepted"),
    ] {
        file.proof(name, expect, edit(claim, Some(value.into())));
    }
    let late = world.proof(|_, claims| {
        claims.insert("iat".into(), (NOW - 61).into());
        claims.insert("exp".into(), (NOW + 3600).into());
    });
    file.proof("exp far ahead does not widen the window", "proof_expired", late);
    let extra = world.proof(|_, claims| {
        claims.extend(crate::world::object(
            json!({"iss": "x", "aud": ["y"], "sub": null, "extra": {"a": [1.5]}}),
        ));
    });
    file.proof("unknown claims", "accepted", extra);
    file
}

fn identifiers(world: &World, file: &mut File) {
    let mut jti = |name: &str, value: String, expect: &str| {
        file.proof(
            format!("jti {name}"),
            expect,
            world.proof(|_, claims| drop(claims.insert("jti".into(), value.into()))),
        );
    };
    jti("of one byte", "a".into(), "accepted");
    jti("of 255 bytes", "<A*255>".into(), "accepted");
    jti("of 256 bytes", "<A*256>".into(), "accepted");
    jti("of 257 bytes", "<A*257>".into(), "proof_incomplete");
    jti("of 100 kB", "<A*100000>".into(), "proof_malformed");
    jti("in Unicode", "\u{e9}\u{1f511}\u{202e}".into(), "accepted");
    jti("with quotes, backslashes and a line break", "\"\\\n".into(), "accepted");
    jti("of 257 bytes in fewer characters", "\u{1f511}".repeat(65), "proof_incomplete");
    jti("with NUL", "a\u{0}".into(), "proof_malformed");
}

fn token_hashes(world: &World, file: &mut File) {
    let good = hash(world.bound());
    let bytes = base64url::decode(&good).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let standard = good.replace('-', "+").replace('_', "/");
    for (name, value) in [
        ("empty", String::new()),
        ("padded", format!("{good}=")),
        ("in hexadecimal", hex),
        ("in standard base64 with padding", format!("{standard}=")),
        ("in lower case", good.to_ascii_lowercase()),
        ("with a space", format!("{good} ")),
        ("cut short", good[..42].into()),
        ("cut to 128 bits", base64url::encode(&bytes[..16])),
        ("of another token", hash("another")),
        ("of the token with its scheme", hash(&format!("DPoP {}", world.bound()))),
        ("of the decoded hash again", hash(&good)),
        ("the token itself", world.bound().into()),
    ] {
        let expect = "proof_token_hash";
        file.proof(
            format!("ath {name}"),
            expect,
            world.proof(|_, claims| drop(claims.insert("ath".into(), value.into()))),
        );
    }
}

fn json_texts(world: &World, file: &mut File) {
    let claims = || json!(world.claims(world.bound())).to_string();
    let inside = || {
        let text = claims();
        text[1..text.len() - 1].to_owned()
    };
    let header = || world.header(&world.client);
    let members: Vec<_> = (0..125).map(|index| format!(r#""m{index}":0"#)).collect();
    for (name, payload, expect) in [
        ("another order and white space", format!("\n{{ {} }}\t", inside()), "accepted"),
        ("htm twice", format!(r#"{{{},"htm":"GET"}}"#, inside()), "proof_malformed"),
        ("jti twice", format!(r#"{{"jti":"a",{}}}"#, inside()), "proof_malformed"),
        ("iat twice by way of an escape", format!(r#"{{{},"\u0069at":1}}"#, inside()), "proof_malformed"),
        ("an unknown claim twice", format!(r#"{{{},"x":1,"x":1}}"#, inside()), "proof_malformed"),
        (
            "a member twice inside an unknown claim",
            format!(r#"{{{},"x":[{{"a":1,"a":1}}]}}"#, inside()),
            "proof_malformed",
        ),
        ("NUL in an unknown claim", format!(r#"{{{},"x":"\u0000"}}"#, inside()), "proof_malformed"),
        ("lone surrogate", format!(r#"{{{},"x":"\ud800"}}"#, inside()), "proof_malformed"),
        ("more than 128 claims", format!("{{{},{}}}", inside(), members.join(",")), "proof_malformed"),
        ("data after the object", format!("{}x", claims()), "proof_malformed"),
        ("an array", format!("[{}]", claims()), "proof_malformed"),
        ("null", "null".into(), "proof_malformed"),
        ("not JSON", "jti=1".into(), "proof_malformed"),
        ("cut short", claims()[..20].into(), "proof_malformed"),
        ("an empty object", "{}".into(), "proof_incomplete"),
        ("a number that is no JSON", format!(r#"{{{},"x":01}}"#, inside()), "proof_malformed"),
        ("NaN", format!(r#"{{{},"x":NaN}}"#, inside()), "proof_malformed"),
        ("a control character in a string", format!("{{{},\"x\":\"\u{1}\"}}", inside()), "proof_malformed"),
    ] {
        file.proof(format!("payload: {name}"), expect, world.proof_of(header(), payload));
    }
}

pub(crate) fn time(world: &World) -> File {
    let mut file = File::new(
        "proof_time",
        "RFC 9449 section 4.3 step 11 and section 11.1",
        "iat lies at most 60 s back and 30 s ahead, and after the memory that would know a replay.",
    );
    let at = |iat: Value| world.proof(|_, claims| drop(claims.insert("iat".into(), iat)));
    for (name, iat, expect) in [
        ("now", NOW, "accepted"),
        ("1 s ago", NOW - 1, "accepted"),
        ("10 s ago", NOW - 10, "accepted"),
        ("59 s ago", NOW - 59, "accepted"),
        ("60 s ago", NOW - 60, "accepted"),
        ("61 s ago", NOW - 61, "proof_expired"),
        ("62 s ago", NOW - 62, "proof_expired"),
        ("an hour ago", NOW - 3600, "proof_expired"),
        ("1 s ahead", NOW + 1, "accepted"),
        ("10 s ahead", NOW + 10, "accepted"),
        ("29 s ahead", NOW + 29, "accepted"),
        ("30 s ahead", NOW + 30, "accepted"),
        ("31 s ahead", NOW + 31, "proof_from_future"),
        ("an hour ahead", NOW + 3600, "proof_from_future"),
        ("in milliseconds", NOW * 1000, "proof_from_future"),
        ("zero", 0, "proof_expired"),
        ("negative", -1, "proof_expired"),
        ("the smallest integer", i64::MIN, "proof_expired"),
        ("the largest integer", i64::MAX, "proof_from_future"),
    ] {
        file.proof(format!("iat {name}"), expect, at(iat.into()));
    }
    for (text, expect) in [
        ("1800000000.0", "accepted"),
        ("1.8e9", "accepted"),
        ("1800000030.9", "accepted"),
        ("1800000031.0", "proof_from_future"),
        ("1799999940.0", "accepted"),
        ("1799999939.9", "proof_expired"),
        ("18446744073709551615", "proof_from_future"),
        ("99999999999999999999999999", "proof_from_future"),
        ("-99999999999999999999999999", "proof_expired"),
        ("1e300", "proof_from_future"),
        ("-1e300", "proof_expired"),
        ("1e-300", "proof_expired"),
        ("-0", "proof_expired"),
        ("1e400", "proof_malformed"),
        ("+1800000000", "proof_malformed"),
        ("0x6b49d200", "proof_malformed"),
        ("Infinity", "proof_malformed"),
    ] {
        let mut claims = world.claims(world.bound());
        claims.insert("iat".into(), "IAT".into());
        let payload = Value::Object(claims).to_string().replace("\"IAT\"", text);
        file.proof(
            format!("iat written {text}"),
            expect,
            world.proof_of(world.header(&world.client), payload),
        );
    }
    for (name, since, expect) in [
        ("began with the epoch", 0, "accepted"),
        ("began 31 s before iat", NOW - 31, "accepted"),
        (
            "began 30 s before iat: such a proof could have been used before",
            NOW - 30,
            "proof_predates_memory",
        ),
        ("began at iat", NOW, "proof_predates_memory"),
        ("began after iat", NOW + 1, "proof_predates_memory"),
        ("begins at the largest integer", i64::MAX, "proof_predates_memory"),
    ] {
        let members = json!({"proof": at(NOW.into()), "policy": {"accepted_since": since}});
        file.case(format!("memory {name}"), expect, members);
    }
    file.case(
        "old proof and young memory: age comes first",
        "proof_expired",
        json!({"proof": at((NOW - 61).into()), "policy": {"accepted_since": NOW - 10}}),
    );
    file
}
