//! The key in `jwk` (steps 5 and 7) and the signature (step 6).

use bindery_core::crypto::{Cryptography as _, MacKey};
use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_crypto::{AwsLc, Signer as _, SigningKey};
use serde_json::{Value, json};

use crate::world::{File, Object, World, object, sign, signature_of, signing_input, with, with_signature};

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

pub(crate) fn signature(world: &World) -> File {
    let mut file = File::new(
        "proof_signature",
        "RFC 9449 section 4.3 step 6, RFC 7518 section 3, RFC 8037 section 3.1",
        "The signature verifies with the proof's own key, in the one encoding that RFC 7518 names.",
    );
    changed_messages(world, &mut file);
    ecdsa(world, &mut file);
    other_algorithms(world, &mut file);
    file
}

fn changed_messages(world: &World, file: &mut File) {
    let good = world.proof(|_, _| {});
    file.proof("good signature", "accepted", good.clone());
    let mut header = good["header"].clone();
    header["kid"] = "added".into();
    file.proof("header changed after signing", "proof_signature", with(&good, "header", header));
    let mut payload = good["payload"].clone();
    payload["jti"] = "another".into();
    file.proof("payload changed after signing", "proof_signature", with(&good, "payload", payload));
    let spaced = format!("{} ", good["payload"]);
    file.proof("payload the same but for a space", "proof_signature", with(&good, "payload", spaced));
    let mut header = good["header"].clone();
    header["jwk"] = json!(world.stranger.public_key().to_jwk());
    file.proof("jwk exchanged after signing", "proof_signature", with(&good, "header", header));
    let stranger = sign(&world.stranger, good["header"].clone(), good["payload"].clone());
    file.proof("signed by another key than jwk", "proof_signature", stranger);
    let other = world.proof(|_, _| {});
    file.proof("signature of another proof", "proof_signature", with_signature(&good, &signature_of(&other)));
}

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// `ORDER - number`: the other `s` of the same ECDSA signature.
pub(crate) fn negated(number: &[u8]) -> Vec<u8> {
    let mut difference = vec![0; 32];
    let mut borrow = 0;
    for index in (0..32).rev() {
        let value = i16::from(ORDER[index]) - i16::from(number[index]) - borrow;
        borrow = i16::from(value < 0);
        difference[index] = u8::try_from(value.rem_euclid(256)).unwrap();
    }
    difference
}

fn der_integer(number: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    if digits.first().is_none_or(|byte| *byte >= 0x80) {
        digits.insert(0, 0);
    }
    [vec![2, u8::try_from(digits.len()).unwrap()], digits].concat()
}

fn ecdsa(world: &World, file: &mut File) {
    let good = world.proof(|_, _| {});
    let signature = signature_of(&good);
    let (r, s) = signature.split_at(32);
    let body = [der_integer(r), der_integer(s)].concat();
    let der = [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat();
    let joined = |r: &[u8], s: &[u8]| [r, s].concat();
    let zero = [0; 32];
    let mut one = [0; 32];
    one[31] = 1;
    file.proof(
        "the other s of the same signature (JOSE asks for no low s)",
        "accepted",
        with_signature(&good, &joined(r, &negated(s))),
    );
    for (name, bytes) in [
        ("DER", der),
        ("truncated by one octet", signature[..63].to_vec()),
        ("with one octet more", joined(&signature, &[0])),
        ("with a leading zero octet", joined(&[0], &signature)),
        ("r alone", r.to_vec()),
        ("r and s exchanged", joined(s, r)),
        ("all zero", vec![0; 64]),
        ("r zero", joined(&zero, s)),
        ("s zero", joined(r, &zero)),
        ("r and s one", joined(&one, &one)),
        ("r the order", joined(&ORDER, s)),
        ("s the order", joined(r, &ORDER)),
        ("all ones", vec![0xff; 64]),
        ("96 octets, as ES384 has", vec![1; 96]),
        ("one octet", vec![1]),
    ] {
        file.proof(format!("ECDSA signature: {name}"), "proof_signature", with_signature(&good, &bytes));
    }
    for bit in [0, 7, 255, 256, 300, 511] {
        let mut flipped = signature.clone();
        flipped[bit / 8] ^= 0x80 >> (bit % 8);
        file.proof(
            format!("ECDSA signature: bit {bit} flipped"),
            "proof_signature",
            with_signature(&good, &flipped),
        );
    }
    // A MAC keyed with the public key, as text: keys longer than a block are hashed first (RFC 2104).
    let key = MacKey::new(AwsLc.sha256(&[json!(world.client.public_key().to_jwk()).to_string().as_bytes()]));
    let mut header = good["header"].clone();
    header["alg"] = "HS256".into();
    let mac = AwsLc.hmac_sha256(&key, &[signing_input(&header, &good["payload"]).as_bytes()]);
    file.proof(
        "HS256 keyed with the public key",
        "proof_algorithm",
        with_signature(&with(&good, "header", header), &mac),
    );
    let mac = AwsLc.hmac_sha256(&key, &[signing_input(&good["header"], &good["payload"]).as_bytes()]);
    file.proof("a MAC under the label ES256", "proof_signature", with_signature(&good, &mac));
    let p384 = world.proof_by(&world.es384, &world.tokens["bound_es384"], |_, _| {});
    let mut flipped = signature_of(&p384);
    flipped[95] ^= 1;
    file.case(
        "ES384 signature: last bit flipped",
        "proof_signature",
        json!({"token": "bound_es384", "proof": with_signature(&p384, &flipped)}),
    );
    file.case(
        "ES384 signature: 64 octets",
        "proof_signature",
        json!({"token": "bound_es384", "proof": with_signature(&p384, &flipped[..64])}),
    );
}

fn other_algorithms(world: &World, file: &mut File) {
    let good = world.proof_by(&world.ed25519, &world.tokens["bound_ed25519"], |_, _| {});
    let signature = signature_of(&good);
    let (r, s) = signature.split_at(32);
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut edwards = |name: &str, bytes: Vec<u8>| {
        let members = json!({"token": "bound_ed25519", "proof": with_signature(&good, &bytes)});
        file.case(format!("Ed25519 signature: {name}"), "proof_signature", members);
    };
    edwards("s plus the group's order", [r, &plus_group_order(s)].concat());
    edwards("R the identity, s zero", [identity, [0; 32]].concat());
    edwards("R of small order", [&identity[..], s].concat());
    edwards("R zero", [&[0; 32], s].concat());
    edwards("all zero", vec![0; 64]);
    edwards("truncated", signature[..63].to_vec());
    edwards("last bit flipped", [&signature[..63], &[signature[63] ^ 1]].concat());
    let rs256 = SigningKey::from_pkcs8_der(SignatureAlgorithm::Rs256, &world.rsa.to_pkcs8_der()).unwrap();
    let good = world.proof_by(&world.rsa, &world.tokens["bound_rsa"], |_, _| {});
    let pkcs1 = rs256.sign(signing_input(&good["header"], &good["payload"]).as_bytes()).unwrap();
    file.case(
        "PKCS#1 signature under the label PS256",
        "proof_signature",
        json!({"token": "bound_rsa", "proof": with_signature(&good, &pkcs1)}),
    );
    let labelled = world.proof_by(&rs256, &world.tokens["bound_rsa"], |_, _| {});
    let pss = world.rsa.sign(signing_input(&labelled["header"], &labelled["payload"]).as_bytes()).unwrap();
    file.case("PSS signature under the label RS256", "proof_signature", json!({"token": "bound_rsa", "proof": with_signature(&labelled, &pss), "policy": {"algorithms": ["RS256"]}}));
    let mut rsa = |name: &str, bytes: &[u8]| {
        let members = json!({"token": "bound_rsa", "proof": with_signature(&good, bytes)});
        file.case(format!("RSA signature: {name}"), "proof_signature", members);
    };
    let signature = signature_of(&good);
    rsa("truncated", &signature[..255]);
    rsa("with a leading zero octet", &[&[0], &signature[..]].concat());
    rsa("all zero", &[0; 256]);
    rsa("one", &[&[0; 255][..], &[1]].concat());
}

fn plus_group_order(number: &[u8]) -> Vec<u8> {
    let mut order = [0_u8; 32];
    order[..16].copy_from_slice(&[
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    ]);
    order[31] = 0x10;
    let mut carry = 0;
    number
        .iter()
        .zip(order)
        .map(|(left, right)| {
            let sum = u16::from(*left) + u16::from(right) + carry;
            carry = sum >> 8;
            sum.to_le_bytes()[0]
        })
        .collect()
}
