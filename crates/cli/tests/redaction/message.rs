//! What is secret in a message on the wire: headers, parameters of queries and forms, members of JSON. What passes
//! here is written down as it is; what a test sends on purpose as a marker, and addresses, are not secrets.

use bindery_core::encoding::base64url;
use bindery_core::mtls::header::identity_header;
use http::HeaderMap;
use serde_json::Value;

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

/// Of a request or an answer.
pub(crate) fn headers(headers: &HeaderMap) {
    for (name, value) in headers {
        header(name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
    }
}

pub(crate) fn header(name: &str, text: &str) {
    match name.to_ascii_lowercase().as_str() {
        "authorization" => credentials(text),
        "dpop" if !text.contains("xss-marker") => super::secret("a DPoP proof", text),
        "cookie" | "set-cookie" => {
            for pair in text.split("; ") {
                let value =
                    pair.split_once('=').filter(|(name, _)| name.starts_with("__")).map(|(_, value)| value);
                super::secret("a cookie", value.unwrap_or_default());
            }
        }
        "location" => {
            let parameter = text.split_once(['?', '#']).map_or("", |(_, parameters)| parameters);
            parameters(parameter.as_bytes());
        }
        // Piece by piece: logs may cut it.
        name if identity_header(name).is_some() => {
            for piece in text.as_bytes().chunks(60).filter(|piece| piece.len() == 60) {
                super::secret("a forwarded certificate", &String::from_utf8_lossy(piece));
            }
        }
        _ => {}
    }
}

fn credentials(text: &str) {
    let (scheme, rest) = text.split_once(' ').unwrap_or(("", text));
    super::secret("credentials", rest);
    if scheme.eq_ignore_ascii_case("basic")
        && let Ok(pair) = base64url::decode(&rest.trim_end_matches('=').replace('+', "-").replace('/', "_"))
        && let Some((_, password)) = String::from_utf8_lossy(&pair).split_once(':')
        && !password.contains("xss-marker")
    {
        super::secret("a client's secret", password);
    }
}

/// JSON, or else a form.
pub(crate) fn payload(body: &[u8]) {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => members(&value),
        Err(_) => parameters(body),
    }
}

pub(crate) fn parameters(text: &[u8]) {
    for (name, value) in form_urlencoded::parse(text) {
        parameter(&name, &value);
    }
}

pub(crate) fn parameter(name: &str, value: &str) {
    // A `request_uri` of a client's own is no secret, and a marker that stands everywhere tells nothing.
    let public = value.starts_with("http") || value.contains("xss-marker");
    // Where a client came from is told by the identifier of its initial access token, which is shorter.
    let identifier = name == "initial_access_token" && value.len() <= 22;
    if SECRET.contains(&name) && !public && !identifier {
        super::secret(name, value);
    }
}

fn members(value: &Value) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                match value {
                    Value::String(text) => parameter(name, text),
                    other => members(other),
                }
            }
        }
        Value::Array(array) => array.iter().for_each(members),
        _ => {}
    }
}
