//! The key in `jwk` (steps 5, 7 and 12): private, weak, misspelled, or not the token's.

use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_crypto::SigningKey;
use serde_json::{Value, json};

use crate::world::{File, Object, World, object};

pub(crate) fn keys(world: &World) -> File {
    let mut file = File::new(
        "proof_keys",
        "RFC 9449 section 4.3 steps 5, 7 and 12, RFC 7518 section 6, RFC 8037 section 2",
        "The key in jwk: public, strong, of the algorithm's kind, spelled one way, and the token's own.",
    );
    for (name, key, token) in [
        ("P-256", &world.client, "bound"),
        ("Ed25519", &world.ed25519, "bound_ed25519"),
        ("P-384", &world.es384, "bound_es384"),
        ("RSA of 2048 bits with PS256", &world.rsa, "bound_rsa"),
    ] {
        let proof = world.proof_by(key, &world.tokens[token], |_, _| {});
        file.case(name, "accepted", json!({"token": token, "proof": proof}));
    }
    let named = world.proof_by(&world.ed25519, &world.tokens["bound_ed25519"], |header, _| {
        header.insert("alg".into(), "Ed25519".into());
    });
    file.case("Ed25519 under its newer name", "accepted", json!({"token": "bound_ed25519", "proof": named}));
    let rs256 = SigningKey::from_pkcs8_der(SignatureAlgorithm::Rs256, &world.rsa.to_pkcs8_der()).unwrap();
    let proof = world.proof_by(&rs256, &world.tokens["bound_rsa"], |_, _| {});
    file.case(
        "RS256 where the policy lists it",
        "accepted",
        json!({"token": "bound_rsa", "proof": proof, "policy": {"algorithms": ["RS256"]}}),
    );
    file.case("RS256 where it does not", "proof_algorithm", json!({"token": "bound_rsa", "proof": proof}));
    file.proof(
        "a good proof by another key",
        "proof_key_mismatch",
        world.proof_by(&world.stranger, world.bound(), |_, _| {}),
    );
    file.proof(
        "a good proof by a key of another kind",
        "proof_key_mismatch",
        world.proof_by(&world.ed25519, world.bound(), |_, _| {}),
    );
    private_members(world, &mut file);
    elliptic(world, &mut file);
    edwards(world, &mut file);
    rsa(world, &mut file);
    usage(world, &mut file);
    file
}

fn edit_key(world: &World, key: &SigningKey, token: &str, edit: impl FnOnce(&mut Object)) -> Value {
    world.proof_by(key, &world.tokens[token], |header, _| edit(header["jwk"].as_object_mut().unwrap()))
}

fn private_members(world: &World, file: &mut File) {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let proof =
            edit_key(world, &world.client, "bound", |jwk| drop(jwk.insert(member.into(), "AA".into())));
        file.proof(format!("EC key with `{member}`"), "proof_key", proof);
    }
    for value in [json!(null), json!(""), json!([]), json!(0)] {
        let name = format!("EC key with `d` of {value}");
        file.proof(
            name,
            "proof_key",
            edit_key(world, &world.client, "bound", |jwk| drop(jwk.insert("d".into(), value))),
        );
    }
    for (name, key, token) in [("OKP", &world.ed25519, "bound_ed25519"), ("RSA", &world.rsa, "bound_rsa")] {
        let proof = edit_key(world, key, token, |jwk| drop(jwk.insert("d".into(), "AA".into())));
        file.case(format!("{name} key with `d`"), "proof_key", json!({"token": token, "proof": proof}));
    }
    let oct = world.proof(|header, _| drop(header.insert("jwk".into(), json!({"kty": "oct", "k": "AA"}))));
    file.proof("symmetric key", "proof_key", oct);
}

fn elliptic(world: &World, file: &mut File) {
    let jwk = world.client.public_key().to_jwk();
    let bytes = |name: &str| base64url::decode(jwk[name].as_str().unwrap()).unwrap();
    let mut off_curve = bytes("y");
    off_curve[31] ^= 1;
    let mut long = vec![0];
    long.extend(bytes("x"));
    let x = jwk["x"].as_str().unwrap();
    let hex: String = bytes("x").iter().map(|byte| format!("{byte:02x}")).collect();
    let prime = "_____wAAAAEAAAAAAAAAAAAAAAD_______________8";
    for (name, changes, expect) in [
        ("kty missing", json!({"kty": null}), "proof_malformed"),
        ("kty in lower case", json!({"kty": "ec"}), "proof_key"),
        ("kty unknown", json!({"kty": "AKP"}), "proof_key"),
        ("crv in lower case", json!({"crv": "p-256"}), "proof_key"),
        ("crv P-521", json!({"crv": "P-521"}), "proof_key"),
        ("crv secp256k1", json!({"crv": "secp256k1"}), "proof_key"),
        ("crv P-384 with coordinates of P-256", json!({"crv": "P-384"}), "proof_key"),
        ("kty EC with crv Ed25519", json!({"crv": "Ed25519"}), "proof_key"),
        ("kty OKP with crv P-256", json!({"kty": "OKP"}), "proof_key"),
        ("crv X25519", json!({"kty": "OKP", "crv": "X25519"}), "proof_key"),
        ("crv Ed448", json!({"kty": "OKP", "crv": "Ed448"}), "proof_key"),
        ("x empty", json!({"x": ""}), "proof_key"),
        ("x short", json!({"x": base64url::encode(&bytes("x")[1..])}), "proof_key"),
        ("x with a leading zero octet", json!({"x": base64url::encode(long)}), "proof_key"),
        ("x padded", json!({"x": format!("{x}=")}), "proof_key"),
        ("x in hexadecimal", json!({"x": hex}), "proof_key"),
        ("x a number", json!({"x": 1}), "proof_malformed"),
        ("x an array", json!({"x": [x]}), "proof_malformed"),
        (
            "y of another point: not on the curve",
            json!({"y": base64url::encode(off_curve)}),
            "proof_signature",
        ),
        (
            "x and y zero",
            json!({"x": base64url::encode([0; 32]), "y": base64url::encode([0; 32])}),
            "proof_signature",
        ),
        ("x not below the field's prime", json!({"x": prime}), "proof_signature"),
        ("x and y exchanged", json!({"x": jwk["y"], "y": jwk["x"]}), "proof_signature"),
    ] {
        let proof = edit_key(world, &world.client, "bound", |jwk| jwk.extend(object(changes)));
        file.proof(name, expect, proof);
    }
    for member in ["kty", "crv", "x", "y"] {
        let proof = edit_key(world, &world.client, "bound", |jwk| drop(jwk.remove(member)));
        file.proof(format!("`{member}` absent"), "proof_key", proof);
    }
    // 43 characters carry two bits too many; the last character must end in two zero bits.
    let last = char::from(u8::try_from(u32::from(x.chars().last().unwrap())).unwrap() + 1);
    let twisted = edit_key(world, &world.client, "bound", |jwk| {
        drop(jwk.insert("x".into(), format!("{}{last}", &x[..42]).into()))
    });
    file.proof("x with trailing bits that are not zero", "proof_key", twisted);
}

fn edwards(world: &World, file: &mut File) {
    let mut point = |name: String, bytes: [u8; 32]| {
        let proof = edit_key(world, &world.ed25519, "bound_ed25519", |jwk| {
            drop(jwk.insert("x".into(), base64url::encode(bytes).into()))
        });
        file.case(name, "proof_key", json!({"token": "bound_ed25519", "proof": proof}));
    };
    let order_eight = [
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ];
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let mut prime = minus_one;
    prime[0] = 0xed;
    let mut prime_plus_one = minus_one;
    prime_plus_one[0] = 0xee;
    let mut list = vec![
        ("of order 4", [0; 32]),
        ("of order 1", one),
        ("of order 2", minus_one),
        ("of order 4, not canonical", prime),
        ("of order 1, not canonical", prime_plus_one),
    ];
    for hex in order_eight {
        let bytes: Vec<u8> =
            (0..64).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        list.push((
            if hex.starts_with('2') { "of order 8" } else { "of order 8, another" },
            bytes.try_into().unwrap(),
        ));
    }
    for (name, bytes) in list {
        point(format!("Ed25519 point {name}"), bytes);
        let mut signed = bytes;
        signed[31] |= 0x80;
        point(format!("Ed25519 point {name}, other sign"), signed);
    }
    for (name, text) in [("short", "AAAA"), ("empty", ""), ("padded", "AA=="), ("of 33 octets", "<A*44>")] {
        let proof =
            edit_key(world, &world.ed25519, "bound_ed25519", |jwk| drop(jwk.insert("x".into(), text.into())));
        file.case(
            format!("Ed25519 key {name}"),
            "proof_key",
            json!({"token": "bound_ed25519", "proof": proof}),
        );
    }
}

fn rsa(world: &World, file: &mut File) {
    let jwk = world.rsa.public_key().to_jwk();
    let modulus = base64url::decode(jwk["n"].as_str().unwrap()).unwrap();
    let mut zero_first = vec![0];
    zero_first.extend(&modulus);
    let mut even = modulus.clone();
    even[255] &= 0xfe;
    let mut bits_2047 = modulus.clone();
    bits_2047[0] = 0x7f;
    let odd = |length: usize| base64url::encode(vec![0xc5; length]);
    for (name, changes) in [
        ("modulus of 512 bits", json!({"n": odd(64)})),
        ("modulus of 1024 bits", json!({"n": odd(128)})),
        ("modulus of 2047 bits", json!({"n": base64url::encode(bits_2047)})),
        ("modulus of 8200 bits", json!({"n": odd(1025)})),
        ("modulus of 16384 bits", json!({"n": "x<A*2729>Q"})),
        ("modulus even", json!({"n": base64url::encode(even)})),
        ("modulus with a leading zero octet", json!({"n": base64url::encode(zero_first)})),
        ("modulus empty", json!({"n": ""})),
        ("modulus padded", json!({"n": format!("{}=", jwk["n"].as_str().unwrap())})),
        ("exponent 0", json!({"e": "AA"})),
        ("exponent 1", json!({"e": "AQ"})),
        ("exponent 2", json!({"e": "Ag"})),
        ("exponent 65536", json!({"e": "AQAA"})),
        ("exponent with a leading zero octet", json!({"e": "AAEAAQ"})),
        ("exponent empty", json!({"e": ""})),
        ("exponent of 72 bits", json!({"e": "AQAAAAAAAAAB"})),
    ] {
        let proof = edit_key(world, &world.rsa, "bound_rsa", |jwk| jwk.extend(object(changes)));
        file.case(format!("RSA {name}"), "proof_key", json!({"token": "bound_rsa", "proof": proof}));
    }
    let proof = edit_key(world, &world.rsa, "bound_rsa", |jwk| drop(jwk.insert("e".into(), "Aw".into())));
    file.case(
        "RSA exponent 3 in place of the key's own",
        "proof_signature",
        json!({"token": "bound_rsa", "proof": proof}),
    );
}

fn usage(world: &World, file: &mut File) {
    for (name, changes, expect) in [
        ("use sig", json!({"use": "sig"}), "accepted"),
        ("use enc", json!({"use": "enc"}), "proof_key"),
        ("key_ops verify", json!({"key_ops": ["verify"]}), "accepted"),
        ("key_ops sign", json!({"key_ops": ["sign"]}), "proof_key"),
        ("key_ops empty", json!({"key_ops": []}), "proof_key"),
        ("alg of the key itself", json!({"alg": "ES256"}), "accepted"),
        ("alg of another kind of key", json!({"alg": "ES384"}), "proof_key"),
        ("alg of a MAC", json!({"alg": "HS256"}), "proof_key"),
        ("kid", json!({"kid": "1"}), "accepted"),
        ("x5u and x5t", json!({"x5u": "https://evil.example/", "x5t": "AA"}), "accepted"),
        ("x5c of somebody else", json!({"x5c": ["AA=="]}), "accepted"),
        (
            "unknown members that are no part of the thumbprint",
            json!({"a": 1, "ext": true, "z": {"b": []}}),
            "accepted",
        ),
        ("unknown member with a member twice", json!("{\"a\":1,\"a\":2}"), "proof_malformed"),
    ] {
        let proof = if let Value::String(text) = changes {
            let jwk = json!(world.client.public_key().to_jwk()).to_string();
            let jwk = format!("{},\"z\":{text}}}", &jwk[..jwk.len() - 1]);
            world.proof_of(
                format!(r#"{{"alg":"ES256","jwk":{jwk},"typ":"dpop+jwt"}}"#),
                world.claims(world.bound()),
            )
        } else {
            edit_key(world, &world.client, "bound", |jwk| jwk.extend(object(changes)))
        };
        file.proof(format!("jwk with {name}"), expect, proof);
    }
    let pinned =
        edit_key(world, &world.rsa, "bound_rsa", |jwk| drop(jwk.insert("alg".into(), "RS256".into())));
    file.case(
        "jwk pinned to RS256 under PS256",
        "proof_key_algorithm",
        json!({"token": "bound_rsa", "proof": pinned}),
    );
}
