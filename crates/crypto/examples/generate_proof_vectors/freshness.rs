//! Nonces (step 10), and replay: what must pass once and what must not be spent early.

use bindery_core::encoding::base64url;
use serde_json::{Value, json};

use crate::proof_signature::negated;
use crate::world::{BASE, File, NOW, World, signature_of, text_of, with_signature};

pub(crate) fn nonce(world: &World) -> File {
    let mut file = File::new(
        "nonce",
        "RFC 9449 section 4.3 step 10, sections 8, 9 and 11.3",
        "A nonce is one that this server made no longer than 300 s ago, and is there when it must be.",
    );
    let with = |nonce: &str| world.proof(|_, claims| drop(claims.insert("nonce".into(), nonce.into())));
    let required = json!({"nonce": "required"});
    let mut demand = |name: &str, expect: &str, proof: Value| {
        file.case(format!("required: {name}"), expect, json!({"proof": proof, "policy": required}));
    };
    demand("absent", "nonce_missing", world.proof(|_, _| {}));
    demand("fresh", "accepted", with(&world.nonce_at(NOW)));
    demand("300 s old", "accepted", with(&world.nonce_at(NOW - 300)));
    demand("301 s old", "nonce_stale", with(&world.nonce_at(NOW - 301)));
    demand("a day old", "nonce_stale", with(&world.nonce_at(NOW - 86_400)));
    demand("by a node whose clock is 5 s ahead", "accepted", with(&world.nonce_at(NOW + 5)));
    demand("6 s ahead", "nonce_unknown", with(&world.nonce_at(NOW + 6)));
    demand("far ahead", "nonce_unknown", with(&world.nonce_at(NOW + 86_400)));
    demand("made with the previous key", "accepted", with(&world.nonce(NOW, 1, BASE)));
    demand("made with the previous key, too old", "nonce_stale", with(&world.nonce(NOW - 301, 1, BASE)));
    demand("made with a key that has left the ring", "nonce_unknown", with(&world.nonce(NOW, 2, BASE)));
    demand(
        "of another server with the same keys",
        "nonce_unknown",
        with(&world.nonce(NOW, 0, "https://as.example")),
    );
    demand(
        "of a server whose name starts like ours",
        "nonce_unknown",
        with(&world.nonce(NOW, 0, "https://api.example/")),
    );
    let good = world.nonce_at(NOW);
    let bytes = base64url::decode(&good).unwrap();
    for (name, index) in
        [("key id", 0), ("time", 3), ("randomness", 8), ("MAC's first byte", 14), ("MAC's last byte", 29)]
    {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        demand(&format!("{name} changed"), "nonce_unknown", with(&base64url::encode(changed)));
    }
    let mut other_id = bytes.clone();
    other_id[0] = 2;
    demand("labelled with another key of the ring", "nonce_unknown", with(&base64url::encode(other_id)));
    for (name, text) in [
        ("cut short", good[..39].to_owned()),
        ("one character more", format!("{good}A")),
        ("padded", format!("{good}=")),
        ("with a space", format!("{good} ")),
        ("in quotes", format!("\"{good}\"")),
        ("in lower case", good.to_ascii_lowercase()),
        ("twice", format!("{good}{good}")),
        ("of an OpenID provider", "n-0S6_WzA2Mj".into()),
        ("null as text", "null".into()),
        ("zeros", "A".repeat(40)),
        ("of 4 kB", "<A*4000>".into()),
    ] {
        demand(name, "nonce_unknown", with(&text));
    }
    for (name, iat) in [
        ("a day behind", NOW - 86_400),
        ("a day ahead", NOW + 86_400),
        ("at the smallest integer", i64::MIN),
        ("at the largest integer", i64::MAX),
    ] {
        let proof = world.proof(|_, claims| {
            claims.insert("iat".into(), iat.into());
            claims.insert("nonce".into(), world.nonce_at(NOW).into());
        });
        demand(&format!("fresh, with the client's clock {name}"), "accepted", proof);
    }
    file.case("optional: absent", "accepted", json!({"proof": world.proof(|_, _| {})}));
    file.case("optional: fresh", "accepted", json!({"proof": with(&world.nonce_at(NOW))}));
    file.case("optional: unknown", "nonce_unknown", json!({"proof": with("unknown")}));
    file.case("optional: stale", "nonce_stale", json!({"proof": with(&world.nonce_at(NOW - 301))}));
    file.case(
        "never given: whatever is sent",
        "accepted",
        json!({"proof": with("unknown"), "policy": {"nonce": "never"}}),
    );
    for (name, since, expect) in [
        ("before the nonce", NOW - 1, "accepted"),
        ("with the nonce", NOW, "proof_predates_memory"),
        ("after the nonce", NOW + 1, "proof_predates_memory"),
    ] {
        let policy = json!({"nonce": "required", "accepted_since": since});
        file.case(
            format!("memory began {name}"),
            expect,
            json!({"proof": with(&world.nonce_at(NOW)), "policy": policy}),
        );
    }
    file
}

pub(crate) fn replay(world: &World) -> File {
    let mut file = File::new(
        "replay",
        "RFC 9449 section 11.1",
        "Every proof passes once while it could pass at all, and a request that fails spends nothing.",
    );
    let claim = |name: &'static str, value: Value| {
        move |_: &mut crate::world::Object, claims: &mut crate::world::Object| {
            drop(claims.insert(name.into(), value))
        }
    };
    let step = |expect: &str| json!({"expect": expect});
    let at = |now: i64, expect: &str| json!({"now": now, "expect": expect});
    let mut sequence = |name: &str, mut members: Value, requests: Vec<Value>| {
        members["requests"] = requests.into();
        let last = members["requests"].as_array().and_then(|all| all.last()).unwrap()["expect"]
            .as_str()
            .unwrap()
            .to_owned();
        file.case(name, &last, members);
    };
    let proof = || json!({"proof": world.proof(|_, _| {})});
    sequence("the same proof twice", proof(), vec![step("accepted"), step("proof_replayed")]);
    sequence(
        "the same proof five times",
        proof(),
        vec![
            step("accepted"),
            step("proof_replayed"),
            step("proof_replayed"),
            step("proof_replayed"),
            step("proof_replayed"),
        ],
    );
    let edge = json!({"proof": world.proof(claim("iat", (NOW + 30).into()))});
    sequence(
        "a proof from the future at every edge of its window",
        edge,
        vec![
            at(NOW - 1, "proof_from_future"),
            at(NOW, "accepted"),
            at(NOW + 30, "proof_replayed"),
            at(NOW + 60, "proof_replayed"),
            at(NOW + 89, "proof_replayed"),
            at(NOW + 90, "proof_replayed"),
            at(NOW + 91, "proof_expired"),
        ],
    );
    let last = json!({"proof": world.proof(|_, _| {})});
    sequence(
        "first used in the last second of its window",
        last,
        vec![at(NOW + 60, "accepted"), at(NOW + 60, "proof_replayed"), at(NOW + 61, "proof_expired")],
    );
    let nonce = world.proof(|_, claims| {
        claims.insert("nonce".into(), world.nonce_at(NOW).into());
        claims.insert("iat".into(), (NOW - 5000).into());
    });
    sequence(
        "with a nonce, for as long as the nonce lives",
        json!({"proof": nonce, "policy": {"nonce": "required"}}),
        vec![
            at(NOW, "accepted"),
            at(NOW + 61, "proof_replayed"),
            at(NOW + 299, "proof_replayed"),
            at(NOW + 300, "proof_replayed"),
            at(NOW + 301, "nonce_stale"),
        ],
    );
    let given = world.nonce_at(NOW);
    let with_nonce =
        || json!({"proof": world.proof(claim("nonce", given.clone().into())), "expect": "accepted"});
    sequence(
        "one nonce, many proofs",
        json!({"policy": {"nonce": "required"}}),
        vec![with_nonce(), with_nonce(), with_nonce()],
    );
    let fixed = |changes: &[(&str, Value)]| {
        let changes = changes.to_vec();
        world.proof(move |_, claims| {
            claims.insert("jti".into(), "one-identifier".into());
            claims.extend(changes.into_iter().map(|(name, value)| (name.to_owned(), value)));
        })
    };
    sequence(
        "the same jti signed again later",
        json!({}),
        vec![
            json!({"proof": fixed(&[]), "expect": "accepted"}),
            json!({"proof": fixed(&[("iat", (NOW + 1).into())]), "expect": "proof_replayed"}),
            json!({"proof": fixed(&[("extra", 1.into())]), "expect": "proof_replayed"}),
            json!({"proof": fixed(&[("htu", format!("{BASE}/resource?other=1").into())]), "expect": "proof_replayed"}),
        ],
    );
    sequence(
        "the same jti for another resource",
        json!({}),
        vec![
            json!({"proof": fixed(&[]), "expect": "accepted"}),
            json!({"proof": fixed(&[("htu", format!("{BASE}/other").into())]), "path": "/other", "expect": "accepted"}),
        ],
    );
    let stranger = world.token(|_, claims| claims["cnf"] = json!({"jkt": world.stranger.thumbprint()}));
    let theirs = world.proof_by(&world.stranger, &text_of(&stranger), |_, claims| {
        drop(claims.insert("jti".into(), "one-identifier".into()))
    });
    sequence(
        "the same jti by another key",
        json!({}),
        vec![
            json!({"token": stranger, "proof": theirs, "expect": "accepted"}),
            json!({"proof": fixed(&[]), "expect": "accepted"}),
        ],
    );
    let good = world.proof(|_, _| {});
    let signature = signature_of(&good);
    let other_s = with_signature(&good, &[&signature[..32], &negated(&signature[32..])].concat());
    sequence(
        "the other s of the same ECDSA signature",
        json!({}),
        vec![
            json!({"proof": good, "expect": "accepted"}),
            json!({"proof": other_s, "expect": "proof_replayed"}),
        ],
    );
    burnt_early(world, &mut file);
    file
}

/// A request that fails must not spend the identifier of a good one.
fn burnt_early(world: &World, file: &mut File) {
    let jti = |jti: &'static str| {
        move |_: &mut crate::world::Object, claims: &mut crate::world::Object| {
            drop(claims.insert("jti".into(), jti.into()))
        }
    };
    let good = world.proof(jti("spent-early"));
    let mut broken = signature_of(&good);
    broken[40] ^= 1;
    let stranger = world.proof_by(&world.stranger, world.bound(), jti("spent-early"));
    let expired = world.token(|_, claims| claims["exp"] = NOW.into());
    let for_expired = world.proof_by(&world.client, &text_of(&expired), jti("spent-early"));
    for (name, first) in [
        ("a bad signature", json!({"proof": with_signature(&good, &broken), "expect": "proof_signature"})),
        ("another method", json!({"proof": good, "method": "POST", "expect": "proof_method"})),
        ("another path", json!({"proof": good, "path": "/other", "expect": "proof_target"})),
        ("another token", json!({"proof": good, "token": "unbound", "expect": "proof_token_hash"})),
        ("another key", json!({"proof": stranger, "expect": "proof_key_mismatch"})),
        ("an expired token", json!({"proof": for_expired, "token": expired, "expect": "token_expired"})),
        (
            "the scheme Bearer",
            json!({"proof": good, "authorization": ["Bearer <token>"], "expect": "bound_token_as_bearer"}),
        ),
        ("a token in the query", json!({"proof": good, "token_in_query": true, "expect": "token_in_query"})),
    ] {
        let requests = json!([first, {"proof": good, "expect": "accepted"}, {"proof": good, "expect": "proof_replayed"}]);
        file.case(
            format!("a request that fails for {name}, then the good one"),
            "proof_replayed",
            json!({"requests": requests}),
        );
    }
}
