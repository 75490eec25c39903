//! The signature (step 6): every way in which one can fail to be this key's over this text.

use bindery_core::crypto::{Cryptography as _, MacKey};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_crypto::{AwsLc, Signer as _, SigningKey};
use serde_json::json;

use crate::world::{File, World, sign, signature_of, signing_input, with, with_signature};

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
