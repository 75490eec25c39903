//! What a proof says of the request: `htm` and `htu` (steps 8 and 9).

use serde_json::json;

use crate::world::{BASE, File, World};

pub(crate) fn method(world: &World) -> File {
    let mut file =
        File::new("htm", "RFC 9449 section 4.3 step 8", "htm is the method of the request, byte for byte.");
    for (method, htm, expect) in [
        ("GET", "GET", "accepted"),
        ("HEAD", "HEAD", "accepted"),
        ("POST", "POST", "accepted"),
        ("PURGE", "PURGE", "accepted"),
        ("get", "get", "accepted"),
        ("M-SEARCH", "M-SEARCH", "accepted"),
        ("GET", "get", "proof_method"),
        ("GET", "Get", "proof_method"),
        ("get", "GET", "proof_method"),
        ("GET", "HEAD", "proof_method"),
        ("HEAD", "GET", "proof_method"),
        ("POST", "PUT", "proof_method"),
        ("POST", "GET", "proof_method"),
        ("DELETE", "GET", "proof_method"),
        ("OPTIONS", "GET", "proof_method"),
        ("GET", "GET ", "proof_method"),
        ("GET", " GET", "proof_method"),
        ("GET", "GET\n", "proof_method"),
        ("GET", "GETS", "proof_method"),
        ("GET", "GE", "proof_method"),
        ("GET", "GET,POST", "proof_method"),
        ("GET", "*", "proof_method"),
        ("GET", "\u{ff27}\u{ff25}\u{ff34}", "proof_method"),
    ] {
        let proof = world.proof(|_, claims| drop(claims.insert("htm".into(), htm.into())));
        file.case(format!("{method} with htm {htm:?}"), expect, json!({"method": method, "proof": proof}));
    }
    file
}

/// Base, path, `htu`, verdict.
const TARGETS: &[(&str, &str, &str, &str)] = &[
    (BASE, "/resource", "https://api.example/resource", "accepted"),
    (BASE, "/resource", "https://api.example/resource?a=1", "accepted"),
    (BASE, "/resource", "https://api.example/resource#f", "accepted"),
    (BASE, "/resource", "https://api.example/resource?a=1#f", "accepted"),
    (BASE, "/resource", "https://api.example/resource?", "accepted"),
    (BASE, "/resource", "https://api.example/resource?u=https://x@y/", "accepted"),
    (BASE, "/resource", "HTTPS://API.EXAMPLE/resource", "accepted"),
    (BASE, "/resource", "https://Api.Example/resource", "accepted"),
    (BASE, "/resource", "https://api.example:443/resource", "accepted"),
    (BASE, "/resource", "https://api.example:/resource", "accepted"),
    (BASE, "/resource", "https://api.example/%72esource", "accepted"),
    (BASE, "/resource", "https://api.example/./resource", "accepted"),
    (BASE, "/resource", "https://api.example/x/../resource", "accepted"),
    (BASE, "/resource", "https://api.example/x/%2e%2E/resource", "accepted"),
    (BASE, "/%72esource", "https://api.example/resource", "accepted"),
    (BASE, "/a%2fb", "https://api.example/a%2Fb", "accepted"),
    (BASE, "/a%7eb", "https://api.example/a~b", "accepted"),
    (BASE, "/", "https://api.example", "accepted"),
    (BASE, "/", "https://api.example/", "accepted"),
    (BASE, "/", "https://api.example?q", "accepted"),
    (BASE, "//a", "https://api.example//a", "accepted"),
    (BASE, "/a;v=1", "https://api.example/a;v=1", "accepted"),
    ("https://api.example:8443", "/a", "https://api.example:8443/a", "accepted"),
    ("https://api.example/v1", "/a", "https://api.example/v1/a", "accepted"),
    ("https://api.example/v1/", "/", "https://api.example/v1/", "accepted"),
    ("https://xn--bcher-kva.example", "/a", "https://XN--BCHER-kva.example/a", "accepted"),
    ("https://[2001:db8::1]", "/a", "https://[2001:0db8:0:0:0:0:0:1]/a", "accepted"),
    ("https://[2001:db8::1]:8443", "/a", "https://[2001:DB8::1]:8443/a", "accepted"),
    (BASE, "/resource", "https://api.example/resource/", "proof_target"),
    (BASE, "/resource/", "https://api.example/resource", "proof_target"),
    (BASE, "/resource", "https://api.example/Resource", "proof_target"),
    (BASE, "/resource", "https://api.example//resource", "proof_target"),
    (BASE, "//resource", "https://api.example/resource", "proof_target"),
    (BASE, "/resource", "https://api.example/", "proof_target"),
    (BASE, "/resource", "https://api.example", "proof_target"),
    (BASE, "/resource", "https://api.example/other", "proof_target"),
    (BASE, "/resource", "https://api.example/resource/x", "proof_target"),
    (BASE, "/resource", "https://api.example/resource/..", "proof_target"),
    (BASE, "/resource", "https://api.example/..%2fresource", "proof_target"),
    (BASE, "/a/b", "https://api.example/a%2Fb", "proof_target"),
    (BASE, "/a%2Fb", "https://api.example/a/b", "proof_target"),
    (BASE, "/a%252Fb", "https://api.example/a%2Fb", "proof_target"),
    (BASE, "/resource", "https://api.example/resource%00", "proof_target"),
    (BASE, "/resource", "https://api.example/resource%20", "proof_target"),
    (BASE, "/resource", "https://api.example/resource;x=1", "proof_target"),
    (BASE, "/a+b", "https://api.example/a%20b", "proof_target"),
    (BASE, "/resource", "https://api.example:8443/resource", "proof_target"),
    (BASE, "/resource", "https://api.example:80/resource", "proof_target"),
    (BASE, "/resource", "https://api.example./resource", "proof_target"),
    (BASE, "/resource", "https://api.example.evil.example/resource", "proof_target"),
    (BASE, "/resource", "https://evil.example/api.example/resource", "proof_target"),
    (BASE, "/resource", "https://evil.example/resource", "proof_target"),
    (BASE, "/resource", "https://as.example/token", "proof_target"),
    (BASE, "/resource", "https://127.0.0.1/resource", "proof_target"),
    ("https://api.example:8443", "/a", "https://api.example/a", "proof_target"),
    ("https://api.example/v1", "/a", "https://api.example/a", "proof_target"),
    ("https://api.example/v1", "/a", "https://api.example/v2/a", "proof_target"),
    ("https://api.example/v1", "/a", "https://api.example/v1a", "proof_target"),
    ("https://api.example/v1", "/", "https://api.example/v1", "proof_target"),
    ("https://[2001:db8::1]", "/a", "https://[2001:db8::2]/a", "proof_target"),
    (BASE, "/resource", "http://api.example/resource", "proof_target_invalid"),
    (BASE, "/resource", "http://api.example:443/resource", "proof_target_invalid"),
    (BASE, "/resource", "wss://api.example/resource", "proof_target_invalid"),
    (BASE, "/resource", "/resource", "proof_target_invalid"),
    (BASE, "/resource", "resource", "proof_target_invalid"),
    (BASE, "/resource", "//api.example/resource", "proof_target_invalid"),
    (BASE, "/resource", "api.example/resource", "proof_target_invalid"),
    (BASE, "/resource", "https:/api.example/resource", "proof_target_invalid"),
    (BASE, "/resource", "https:api.example/resource", "proof_target_invalid"),
    (BASE, "/resource", "https:///resource", "proof_target_invalid"),
    (BASE, "/resource", "https://:443/resource", "proof_target_invalid"),
    (BASE, "/resource", "https://user@api.example/resource", "proof_target_invalid"),
    (BASE, "/resource", "https://user:pass@api.example/resource", "proof_target_invalid"),
    (BASE, "/resource", "https://@api.example/resource", "proof_target_invalid"),
    (BASE, "/resource", "https://api.example@evil.example/resource", "proof_target_invalid"),
    (BASE, "/resource", "https://evil.example\\@api.example/resource", "proof_target_invalid"),
    (BASE, "/resource", "https://api.example\\resource", "proof_target_invalid"),
    (BASE, "/resource", "https:\\\\api.example\\resource", "proof_target_invalid"),
    (BASE, "/resource", "https://api%2eexample/resource", "proof_target_invalid"),
    (BASE, "/resource", "https://api.example:65536/resource", "proof_target_invalid"),
    (BASE, "/resource", "https://api.example:4x3/resource", "proof_target_invalid"),
    (BASE, "/resource", "https://api.example:-1/resource", "proof_target_invalid"),
    (BASE, "/resource", "https://api.example/%", "proof_target_invalid"),
    (BASE, "/resource", "https://api.example/%7", "proof_target_invalid"),
    (BASE, "/resource", "https://api.example/%zz", "proof_target_invalid"),
    (BASE, "/resource", "https://api.example/%+7", "proof_target_invalid"),
    (BASE, "/resource", " https://api.example/resource", "proof_target_invalid"),
    (BASE, "/resource", "https://api.example/resource ", "proof_target_invalid"),
    (BASE, "/resource", "https://api.example/resource\n", "proof_target_invalid"),
    (BASE, "/resource", "https://api.example/res\u{f6}urce", "proof_target_invalid"),
    (BASE, "/resource", "https://api.ex\u{e4}mple/resource", "proof_target_invalid"),
    (BASE, "/resource", "https://api.example\u{3002}/resource", "proof_target_invalid"),
    (BASE, "/resource", "https://[::1/resource", "proof_target_invalid"),
    (BASE, "/resource", "https://[v1.x]/resource", "proof_target_invalid"),
    (BASE, "/resource", "https://[::1%25eth0]/resource", "proof_target_invalid"),
    (BASE, "/resource", "urn:example:resource", "proof_target_invalid"),
    (BASE, "/resource", "javascript:alert(1)", "proof_target_invalid"),
];

pub(crate) fn target(world: &World) -> File {
    let mut file = File::new(
        "htu",
        "RFC 9449 section 4.3 step 9, RFC 3986 sections 6.2.2 and 6.2.3",
        "htu names the request under a configured public base; normalised by syntax and scheme, not further.",
    );
    for (base, path, htu, expect) in TARGETS {
        let proof = world.proof(|_, claims| drop(claims.insert("htu".into(), (*htu).into())));
        let mut members = json!({"path": path, "proof": proof});
        if *base != BASE {
            members["policy"] = json!({"bases": [base]});
        }
        file.case(format!("{base} {path} with htu {htu:?}"), expect, members);
    }
    for (host, expect) in [("api", "accepted"), ("mtls.api", "accepted"), ("old.api", "proof_target")] {
        let proof = world.proof(|_, claims| {
            drop(claims.insert("htu".into(), format!("https://{host}.example/resource").into()))
        });
        let policy = json!({"bases": [BASE, "https://mtls.api.example"]});
        file.case(format!("two bases, htu of {host}"), expect, json!({"proof": proof, "policy": policy}));
    }
    file
}
