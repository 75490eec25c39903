//! The grammar of `WWW-Authenticate`, by example and by property.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn parse(lines: &[&str]) -> Vec<Challenge> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(line).unwrap());
    }
    parse_challenges(&headers)
}

#[test]
fn finds_both_schemes_in_one_line() {
    let found = parse(&[r#"Bearer, DPoP algs="ES256 EdDSA", error="use_dpop_nonce""#]);
    assert_eq!(found.len(), 2);
    assert!(found[0].has_scheme("bearer"));
    assert_eq!(found[1].parameter("ALGS"), Some("ES256 EdDSA"));
    assert_eq!(found[1].error(), Some("use_dpop_nonce"));
}

#[test]
fn finds_both_schemes_in_two_lines_and_in_either_order() {
    let found = parse(&[r#"DPoP error="use_dpop_nonce""#, r#"Bearer realm="a, b", error=invalid_token"#]);
    assert_eq!(found[0].error(), Some("use_dpop_nonce"));
    assert_eq!(found[1].parameter("realm"), Some("a, b"));
    assert_eq!(found[1].error(), Some("invalid_token"));
}

#[test]
fn a_scheme_inside_a_quoted_string_is_no_scheme() {
    let found = parse(&[r#"Bearer realm="x, DPoP error=\"use_dpop_nonce\"""#]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].parameter("realm"), Some(r#"x, DPoP error="use_dpop_nonce""#));
}

#[test]
fn reads_token68_beside_parameters() {
    let found = parse(&["Negotiate QUJD+/==, Basic realm=\"r\" , ,Other, DPoP"]);
    let schemes: Vec<_> = found.iter().map(Challenge::scheme).collect();
    assert_eq!(schemes, ["Negotiate", "Basic", "Other", "DPoP"]);
    assert_eq!(found[0].token68(), Some("QUJD+/=="));
    assert_eq!(found[1].parameter("realm"), Some("r"));
}

#[test]
fn a_parameter_given_twice_has_no_value() {
    let found = parse(&[r#"DPoP error="use_dpop_nonce", error="invalid_token""#]);
    assert_eq!(found[0].error(), None);
}

#[test]
fn unknown_parameters_are_ignored() {
    let found =
        parse(&[r#"DPoP x-window="60", resource_metadata="https://a/b", error="invalid_token", z=1"#]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].error(), Some("invalid_token"));
}

#[test]
fn a_broken_line_does_not_hide_the_next() {
    let found = parse(&[r#"DPoP error="never closed"#, r#"DPoP error="use_dpop_nonce""#]);
    assert_eq!(found.last().and_then(Challenge::error), Some("use_dpop_nonce"));
}

#[test]
fn bounds_the_number_of_challenges() {
    let line = "A, ".repeat(5000);
    assert_eq!(parse(&[&line]).len(), MAXIMUM_CHALLENGES);
    assert!(parse(&[&"A, ".repeat(6000)]).is_empty());
}

fn quote(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

proptest! {
    #[test]
    fn every_written_challenge_is_read_back(
        challenges in prop::collection::vec(
            ("[A-Za-z][A-Za-z0-9-]{0,8}", prop::collection::btree_map("[a-z_]{1,10}", "[ -~]{0,20}", 0..5)),
            1..6,
        ),
        separator in prop::sample::select(vec![", ", ",", " , ", ",, "]),
        spaced in any::<bool>(),
    ) {
        let equals = if spaced { " = " } else { "=" };
        let written: Vec<String> = challenges.iter().map(|(scheme, parameters)| {
            let inner: Vec<_> =
                parameters.iter().map(|(name, value)| format!("{name}{equals}{}", quote(value))).collect();
            if inner.is_empty() { scheme.clone() } else { format!("{scheme} {}", inner.join(separator)) }
        }).collect();
        let found = parse(&[&written.join(separator)]);
        prop_assert_eq!(found.len(), challenges.len());
        for (found, (scheme, parameters)) in found.iter().zip(&challenges) {
            prop_assert_eq!(found.scheme(), scheme);
            for (name, value) in parameters {
                prop_assert_eq!(found.parameter(name), Some(value.as_str()));
            }
        }
    }

    #[test]
    fn no_line_makes_it_fail(line in "[ -~\t]{0,200}") {
        let mut challenges = Vec::new();
        parse_line(&line, &mut challenges);
        prop_assert!(challenges.len() <= MAXIMUM_CHALLENGES);
    }
}
