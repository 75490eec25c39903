//! `htu` under- and over-normalisation, one spelling each.

use super::*;
use proptest::prelude::*;

fn confirm(base: &str, path: &str, claimed: &str) -> Result<(), TargetRefused> {
    let bases = [PublicBase::parse(base).unwrap()];
    TargetUri { bases: &bases, path }.confirm(claimed)
}

#[test]
fn accepts_every_spelling_that_rfc_3986_calls_equal() {
    for (base, path, claimed) in [
        ("https://h.example", "/p", "https://h.example/p"),
        ("https://h.example", "/p", "https://h.example/p?a=1#f"),
        ("https://h.example", "/p", "HTTPS://H.EXAMPLE/p"),
        ("https://h.example", "/p", "https://h.example:443/p"),
        ("https://h.example", "/p", "https://h.example:/p"),
        ("https://h.example:8443", "/p", "https://h.example:8443/p"),
        ("https://h.example", "/a/b~", "https://h.example/a/./b%7e"),
        ("https://h.example", "/a/b~", "https://h.example/a/x/../b%7E"),
        ("https://h.example", "/%2fx", "https://h.example/%2Fx"),
        ("https://h.example", "/x", "https://h.example/%78"),
        ("https://h.example", "/", "https://h.example"),
        ("https://h.example", "/", "https://h.example/"),
        ("https://h.example", "/", "https://h.example?q"),
        ("https://h.example/", "/p", "https://h.example/p"),
        ("https://h.example/svc1/", "/p", "https://h.example/svc1/p"),
        ("https://h.example/svc1", "/", "https://h.example/svc1/"),
        ("https://[::1]:8443", "/p", "https://[0:0:0:0:0:0:0:1]:8443/p"),
        ("https://xn--bcher-kva.example", "/p", "https://XN--bcher-kva.example/p"),
    ] {
        assert_eq!(confirm(base, path, claimed), Ok(()), "{claimed} for {base} {path}");
    }
}

#[test]
fn rejects_every_spelling_that_names_another_resource() {
    for (path, claimed) in [
        ("/p", "https://h.example/p/"),
        ("/p/", "https://h.example/p"),
        ("/p", "https://h.example/P"),
        ("/p", "https://h.example//p"),
        ("//p", "https://h.example/p"),
        ("/a/b", "https://h.example/a%2Fb"),
        ("/p", "https://h.example:8443/p"),
        ("/p", "https://h.example.evil/p"),
        ("/p", "https://h.example./p"),
        ("/p", "https://other.example/p"),
        ("/p", "https://h.example/p;x=1"),
        ("/p", "https://h.example/p%00"),
        ("/svc1/p", "https://h.example/p"),
    ] {
        assert_eq!(
            confirm("https://h.example", path, claimed),
            Err(TargetRefused::Another),
            "{claimed} for {path}"
        );
    }
}

#[test]
fn rejects_what_is_no_comparable_uri() {
    use TargetInvalid as I;
    for (claimed, reason) in [
        ("http://h.example/p", I::NotHttps),
        ("/p", I::NotHttps),
        ("", I::NotHttps),
        ("https:/h.example/p", I::NotHttps),
        ("h.example/p", I::NotHttps),
        ("urn:x", I::NotHttps),
        ("https://h.example@evil.example/p", I::UserInformation),
        ("https://user:pw@h.example/p", I::UserInformation),
        ("https:///p", I::Host),
        ("https://:443/p", I::Host),
        ("https://h%2eexample/p", I::Host),
        ("https://[::1/p", I::Host),
        ("https://[v1.x]/p", I::Host),
        ("https://h.example:99999/p", I::Port),
        ("https://h.example:4x/p", I::Port),
        ("https://[::1]x/p", I::Port),
        ("https://h.example\\p", I::Character),
        ("https://h.example/p q", I::Character),
        ("https://h.example/p\n", I::Character),
        ("https://b\u{fc}cher.example/p", I::Character),
        ("https://h.example/%", I::PercentEncoding),
        ("https://h.example/%4", I::PercentEncoding),
        ("https://h.example/%zz", I::PercentEncoding),
    ] {
        assert_eq!(
            confirm("https://h.example", "/p", claimed),
            Err(TargetRefused::Invalid(reason)),
            "{claimed}"
        );
    }
}

#[test]
fn a_proxy_that_replaces_the_prefix_is_followed_and_nothing_else_is() {
    let bases = [PublicBase::parse("https://h.example/public").unwrap().replacing("/internal")];
    let request = |path| TargetUri { bases: &bases, path };
    assert_eq!(request("/internal/x").confirm("https://h.example/public/x"), Ok(()));
    assert_eq!(request("/internal").confirm("https://h.example/public"), Ok(()));
    assert_eq!(request("/x").confirm("https://h.example/public/x"), Err(TargetRefused::Another));
    assert_eq!(request("/internalx").confirm("https://h.example/publicx"), Err(TargetRefused::Another));
    assert_eq!(request("/internal/x").confirm("https://h.example/internal/x"), Err(TargetRefused::Another));
}

#[test]
fn any_listed_alias_is_accepted_and_no_other_host() {
    let bases = [
        PublicBase::parse("https://a.example").unwrap(),
        PublicBase::parse("https://mtls.a.example").unwrap(),
    ];
    let request = TargetUri { bases: &bases, path: "/t" };
    assert_eq!(request.confirm("https://a.example/t"), Ok(()));
    assert_eq!(request.confirm("https://mtls.a.example/t"), Ok(()));
    assert_eq!(request.confirm("https://b.example/t"), Err(TargetRefused::Another));
    assert_eq!(request.first(), "https://a.example/t");
}

#[test]
fn a_base_with_query_fragment_user_or_without_https_is_refused() {
    for base in ["https://h/?q", "https://h/#f", "https://u@h", "http://h", "h", "https://"] {
        assert!(PublicBase::parse(base).is_err(), "{base}");
    }
}

proptest! {
    #[test]
    fn never_panics_and_a_second_normalisation_changes_nothing(text in "\\PC{0,64}") {
        if let Ok(uri) = NormalUri::parse(&alloc::format!("https://h/{text}")) {
            let again = NormalUri::parse(&uri.text).map(|uri| uri.text);
            prop_assert_eq!(again, Ok(uri.text));
        }
    }

    #[test]
    fn the_allocation_free_path_never_accepts_what_normalisation_refuses(path in "/[a-zA-Z0-9%/.~_-]{0,24}") {
        let bases = [PublicBase::parse("https://h.example/a").unwrap()];
        let request = TargetUri { bases: &bases, path: &path };
        let claimed = alloc::format!("https://h.example/a{path}");
        if request.is_spelled(&bases[0], &claimed)
            && let (Ok(left), Some(right)) = (NormalUri::parse(&claimed), request.under(&bases[0]))
        {
            prop_assert_eq!(left.text, right.text);
        }
    }
}
