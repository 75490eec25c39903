//! Token responses, one defect each.

use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::*;
use crate::nonce::DPOP_NONCE;

fn json() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"))])
}

fn judge(status: u16, headers: &HeaderMap, body: &str) -> Result<TokenVerdict, TokenRefused> {
    judge_token_response(StatusCode::from_u16(status).unwrap(), headers, body.as_bytes(), "DPoP")
}

#[test]
fn takes_a_dpop_token_whatever_the_case_of_its_type() {
    for token_type in ["DPoP", "dpop", "DPOP"] {
        let body =
            format!(r#"{{"access_token":"a.b-c","token_type":"{token_type}","expires_in":300,"x":[1]}}"#);
        let Ok(TokenVerdict::Granted(token)) = judge(200, &json(), &body) else { panic!("{token_type}") };
        assert_eq!(token.access_token.expose(), "a.b-c");
        assert_eq!(token.expires_in, Some(Duration::from_secs(300)));
    }
}

#[test]
fn rejects_a_downgrade_to_bearer() {
    for token_type in ["Bearer", "bearer", "DPoP ", "N_A", ""] {
        let body = format!(r#"{{"access_token":"a","token_type":"{token_type}"}}"#);
        let refused = judge(200, &json(), &body).unwrap_err();
        assert_eq!(refused, TokenRefused::Downgraded { expected: "DPoP" }, "{token_type}");
    }
}

#[test]
fn rejects_answers_that_break_the_form() {
    let cases = [
        r#"{"token_type":"DPoP"}"#,
        r#"{"access_token":"a"}"#,
        r#"{"access_token":7,"token_type":"DPoP"}"#,
        r#"{"access_token":"","token_type":"DPoP"}"#,
        r#"{"access_token":"a b","token_type":"DPoP"}"#,
        r#"{"access_token":"a\r\nX: y","token_type":"DPoP"}"#,
        r#"{"access_token":"a","token_type":"DPoP","token_type":"DPoP"}"#,
        r#"{"access_token":"a","token_type":"DPoP","expires_in":-1}"#,
        r#"{"access_token":"a","token_type":"DPoP","expires_in":"300"}"#,
        r#"{"access_token":"a","token_type":"DPoP","refresh_token":""}"#,
        r#"{"access_token":"a","token_type":"DPoP"} x"#,
        "[]",
        "",
    ];
    for body in cases {
        assert!(matches!(judge(200, &json(), body), Err(TokenRefused::Malformed(_))), "{body}");
    }
    let body = r#"{"access_token":"a","token_type":"DPoP"}"#;
    assert!(matches!(judge(200, &HeaderMap::new(), body), Err(TokenRefused::Malformed(_))));
}

#[test]
fn a_nonce_challenge_needs_exactly_one_nonce() {
    let body = r#"{"error":"use_dpop_nonce"}"#;
    assert_eq!(judge(400, &json(), body).unwrap_err(), TokenRefused::NonceMissing);
    let mut headers = json();
    headers.append(DPOP_NONCE, HeaderValue::from_static("n1"));
    assert!(
        matches!(judge(400, &headers, body), Ok(TokenVerdict::NonceDemanded(nonce)) if nonce.as_str() == "n1")
    );
    headers.append(DPOP_NONCE, HeaderValue::from_static("n2"));
    assert_eq!(judge(400, &headers, body).unwrap_err(), TokenRefused::NonceMissing);
}

#[test]
fn an_error_text_never_repeats_what_looks_like_a_credential() {
    let body =
        r#"{"error":"invalid_grant","error_description":"unknown token eyJhbGciOiJFUzI1NiJ9.e30.c2ln here"}"#;
    let refused = judge(400, &json(), body).unwrap_err().to_string();
    assert_eq!(refused, "status 400, error invalid_grant (unknown token [..] here)");
}
