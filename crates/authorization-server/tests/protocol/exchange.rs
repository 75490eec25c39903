//! Every request that these tests send passes here, so that whatever is secret in it or in its answer is written
//! down for the search of the whole run's logs (`crates/cli/tests/redaction.rs`).

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::{HeaderMap, Request};
use serde_json::Value;
use tower::ServiceExt as _;
use url::form_urlencoded;

#[path = "../../../cli/tests/redaction/record.rs"]
pub(crate) mod record;

/// Parameters of requests, members of answers and parameters of redirects that are as good as what they open.
const SECRET: [&str; 27] = [
    "access_token",
    "actor_token",
    "assertion",
    "auth_req_id",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "device_code",
    "form_token",
    "id_token",
    "id_token_hint",
    "initial_access_token",
    "login_hint_token",
    "logout_token",
    "new_password",
    "password",
    "recovery_code",
    "refresh_token",
    "registration_access_token",
    "request",
    "request_uri",
    "response",
    "secret",
    "subject_token",
    "token",
    "user_code",
];

/// Sends a request, and writes down its secrets and those of the answer.
pub(crate) async fn exchange(router: &Router, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 24).await.unwrap();
    headers(&parts.headers);
    parameters(parts.uri.query().unwrap_or_default().as_bytes());
    payload(&body);
    let request = Request::from_parts(parts, Body::from(body));
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, 1 << 24).await.unwrap();
    headers(&parts.headers);
    payload(&body);
    Response::from_parts(parts, Body::from(body))
}

fn headers(headers: &HeaderMap) {
    for (name, value) in headers {
        let text = String::from_utf8_lossy(value.as_bytes());
        match name.as_str() {
            "authorization" => {
                record::secret("credentials", text.split_once(' ').map_or(&text, |(_, rest)| rest))
            }
            "dpop" if !text.contains("xss-marker") => record::secret("a DPoP proof", &text),
            "cookie" | "set-cookie" => {
                for pair in text.split("; ") {
                    let value = pair
                        .split_once('=')
                        .filter(|(name, _)| name.starts_with("__"))
                        .map(|(_, value)| value);
                    record::secret("a cookie", value.unwrap_or_default());
                }
            }
            "location" => {
                let parameter = text.split_once(['?', '#']).map_or("", |(_, parameters)| parameters);
                parameters(parameter.as_bytes());
            }
            _ => {}
        }
    }
}

fn payload(body: &[u8]) {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => members(&value),
        Err(_) => parameters(body),
    }
}

fn parameters(text: &[u8]) {
    for (name, value) in form_urlencoded::parse(text) {
        secret(&name, &value);
    }
}

fn secret(name: &str, value: &str) {
    // A `request_uri` of a client's own is no secret, and a marker that stands everywhere tells nothing.
    let public = value.starts_with("http") || value.contains("xss-marker");
    // Where a client came from is told by the identifier of its initial access token, which is shorter.
    let identifier = name == "initial_access_token" && value.len() <= 22;
    if SECRET.contains(&name) && !public && !identifier {
        record::secret(name, value);
    }
}

fn members(value: &Value) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                match value {
                    Value::String(text) => secret(name, text),
                    other => members(other),
                }
            }
        }
        Value::Array(array) => array.iter().for_each(members),
        _ => {}
    }
}
