//! Configurations that would not do what they seem to are refused, by name.

use super::*;

fn upstream(options: &str) -> UpstreamConfiguration {
    toml::from_str(options).unwrap()
}

fn refusal(options: &str) -> String {
    let upstream = upstream(options);
    let checked = upstream.origin().and_then(|origin| {
        upstream.limits()?;
        upstream.client_tls(&origin.scheme)
    });
    checked.unwrap_err().to_string()
}

#[test]
fn refusals_name_option_value_rule_and_remedy() {
    for (options, parts) in [
        (
            "url = \"ftp://x\"",
            ["upstream.url = \"ftp://x\"", "neither http nor https", "write the application's origin"],
        ),
        ("url = \"/x\"", ["upstream.url", "neither http nor https", "write"]),
        ("url = \"http://a@b\"", ["upstream.url", "user information", "write"]),
        ("url = \"http://b/path\"", ["upstream.url", "path or query", "write"]),
        ("url = \"https://-_-\"", ["upstream.url", "neither a host name nor an address", "write"]),
        (
            "url = \"https://b\"\nhttp2_prior_knowledge = true",
            ["upstream.http2_prior_knowledge", "in the handshake", "leave the option out"],
        ),
        ("url = \"http://b/?x\"", ["upstream.url", "path or query", "write"]),
        ("url = \"https://b\"", ["upstream.roots_file", "named certificates only", "name a PEM file"]),
        (
            "url = \"http://b\"\nroots_file = \"/x\"",
            ["upstream.roots_file = \"/x\"", "over http", "https `upstream.url`"],
        ),
        ("url = \"http://b\"\nhost = \"a/b\"", ["upstream.host = \"a/b\"", "not a host", "write it like"]),
        ("url = \"http://b\"\nhost = \"u@b\"", ["upstream.host", "not a host", "write it like"]),
        (
            "url = \"http://b\"\nresponse_timeout_seconds = 0",
            ["upstream.response_timeout_seconds = \"0\"", "for ever", "between 1 and 3600"],
        ),
        (
            "url = \"http://b\"\nconnect_timeout_seconds = 99999",
            ["upstream.connect_timeout_seconds", "for ever", "between"],
        ),
        ("url = \"https://b\"\nroots_file = \"/no/such\"", ["upstream.roots_file", "/no/such", "PEM"]),
        (
            "url = \"https://b\"\nroots_file = \"/x\"\nkey_file = \"/k\"",
            ["upstream.key_file", "without the other", "PEM"],
        ),
    ] {
        let text = refusal(options);
        for part in parts {
            assert!(text.contains(part), "{options}: {text} lacks {part}");
        }
    }
}

#[test]
fn unknown_options_are_refused() {
    assert!(toml::from_str::<UpstreamConfiguration>("url = \"http://b\"\ntimeout = 5").is_err());
    assert!(toml::from_str::<TrustedProxiesConfiguration>("format = \"x\"\nnetwork = \"y\"").is_err());
}

#[test]
fn the_defaults_keep_credentials_back_and_pass_identities_on() {
    let upstream = upstream("url = \"http://[::1]:8080/\"");
    assert!(upstream.identity_headers && !upstream.forward_credentials);
    let origin = upstream.origin().unwrap();
    assert_eq!((origin.scheme.as_str(), origin.authority.as_str()), ("http", "[::1]:8080"));
    assert_eq!(origin.host, origin.authority);
    assert!(upstream.client_tls(&origin.scheme).is_ok());
}

#[test]
fn trusted_proxies_and_origins_are_checked_before_anything_listens() {
    let guard =
        "public_urls = [\"https://a\"]\n[[guard.issuer]]\nissuer = \"https://i\"\naudiences = [\"a\"]\n";
    let whole = |top: &str, rest: &str| -> GatewayConfiguration {
        toml::from_str(&format!("{top}\n[guard]\n{guard}\n[upstream]\nurl = \"http://b\"\n{rest}")).unwrap()
    };
    let error = whole("", "[trusted_proxies]\nformat = \"nginx\"").edge_policy().unwrap_err().to_string();
    assert!(error.contains("trusted_proxies"), "{error}");
    let error = whole("strip_headers = [\"a b\"]", "").edge_policy().unwrap_err().to_string();
    assert!(error.contains("strip_headers"), "{error}");
    let thumbprint = "[trusted_proxies]\nformat = \"nginx\"\nproxy_certificates = [\"x\"]";
    assert!(whole("", thumbprint).edge_policy().unwrap_err().to_string().contains("x5t#S256"));
    for origins in ["[\"https://a.example/\"]", "[\"*\", \"https://a.example\"]", "[\"null\"]"] {
        let error = whole(&format!("cors_allowed_origins = {origins}"), "").cors().unwrap_err().to_string();
        assert!(error.contains("cors_allowed_origins"), "{error}");
    }
    assert!(whole("cors_allowed_origins = [\"*\"]", "").cors().unwrap().is_some());
}
