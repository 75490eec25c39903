//! Configurations that would not do what they seem to are refused, and the message names the option.

use super::*;

fn configuration(tables: &str) -> GuardConfiguration {
    let issuer = "[[issuer]]\nissuer = \"https://as.example\"\naudiences = [\"https://api.example\"]";
    toml::from_str(&format!("public_urls = [\"https://api.example\"]\n{issuer}\n{tables}")).unwrap()
}

fn routes(tables: &str) -> Result<RouteTable, String> {
    configuration(tables).route_table(&ProofPolicy::default()).map_err(|refused| refused.to_string())
}

#[test]
fn refuses_two_routes_of_which_one_would_silently_decide() {
    let twice = |first: &str, second: &str| routes(&format!("[[route]]\n{first}\n[[route]]\n{second}\n"));
    for (first, second) in [
        ("path = \"/a\"\nmode = \"observe\"", "path = \"/a\""),
        ("path = \"/a\"\nmode = \"observe\"", "path = \"/a/\""),
        ("path = \"/a\"\nmethods = [\"GET\", \"PUT\"]", "path = \"/a\"\nmethods = [\"PUT\"]"),
    ] {
        let refused = twice(first, second).unwrap_err();
        assert!(refused.starts_with("route.path = \"/a"), "{refused}");
    }
    for (first, second) in [
        ("path = \"/a\"", "path = \"/a/b\""),
        ("path = \"/a\"", "path = \"/a\"\nmethods = [\"PUT\"]"),
        ("path = \"/a\"\nmethods = [\"GET\"]", "path = \"/a\"\nmethods = [\"PUT\"]"),
    ] {
        assert!(twice(first, second).is_ok(), "{first} {second}");
    }
}

#[test]
fn refuses_a_scope_that_would_break_out_of_the_challenge() {
    for scope in ["read\\\"", "a\\\\b", "r\\u00e9ad", "read\\twrite"] {
        let refused = routes(&format!("[[route]]\npath = \"/a\"\nscope = \"{scope}\"\n")).unwrap_err();
        assert!(refused.starts_with("route.scope = "), "{refused}");
    }
    assert!(routes("[[route]]\npath = \"/a\"\nscope = \"read write:all\"\n").is_ok());
}

#[test]
fn refuses_nonce_keys_that_would_never_judge() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key");
    std::fs::write(&file, base64url::encode([7; 32])).unwrap();
    let ring = |ids: &[u8]| {
        let table = |id| format!("[[nonce_key]]\nid = {id}\nfile = \"{}\"\n", file.display());
        configuration(&ids.iter().map(table).collect::<String>()).nonce_ring()
    };
    assert!(ring(&[1, 2, 3, 4]).is_ok());
    for ids in [&[1, 1][..], &[1, 2, 1], &[1, 2, 3, 4, 5]] {
        let refused = ring(ids).unwrap_err().to_string();
        assert!(refused.starts_with("nonce_key.id = "), "{refused}");
    }
}

#[test]
fn refuses_two_tables_of_one_issuer() {
    let again = "[[issuer]]\nissuer = \"https://as.example\"\naudiences = [\"https://other.example\"]";
    let refused = configuration(again).trusted_issuers().unwrap_err().to_string();
    assert!(refused.contains("issuer.issuer") && refused.contains("one [[issuer]]"), "{refused}");
}
