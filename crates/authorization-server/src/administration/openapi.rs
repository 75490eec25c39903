//! The OpenAPI 3.1 document of this interface, made from the table of operations and the types that the code
//! reads and writes. Which scope an operation needs follows from its method, by the rule of the door.

use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};
use utoipa::OpenApi as _;

use super::body::Answer;
use super::problem::ProblemDocument;
use super::{Operations, PATH, READ_SCOPE, SCOPE};
use crate::server::AuthorizationServer;

/// The document, as `docs/openapi/admin.json` has it and as `/admin/v1/openapi.json` serves it. `issuer` is
/// the issuer identifier, or a placeholder in the committed document.
#[must_use]
pub fn document(issuer: &str) -> Value {
    let mut document = serde_json::to_value(Operations::openapi()).unwrap_or_default();
    let issuer = issuer.trim_end_matches('/');
    document["info"] = json!({
        "title": "Bindery administration",
        "version": "1",
        "description": "Clients, grants, sessions, keys and audit of one issuer. Every request carries a \
            sender-constrained access token of this issuer, for this audience, with a proof of possession: \
            DPoP (RFC 9449), or a certificate-bound token (RFC 8705) under the scheme Bearer. Bearer tokens \
            are refused, whatever exception their client has.",
        "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
    });
    document["servers"] = json!([{ "url": format!("{issuer}{PATH}") }]);
    document["components"]["securitySchemes"] = json!({
        "dpop": {
            "type": "http", "scheme": "DPoP",
            "description": "A DPoP-bound access token with a proof for this request, `ath` included (RFC 9449 section 7.1)",
        },
        "certificate": {
            "type": "http", "scheme": "bearer",
            "description": "A certificate-bound access token over a connection with that certificate (RFC 8705 section 3)",
        },
    });
    let schema = <ProblemDocument as utoipa::PartialSchema>::schema();
    document["components"]["schemas"]["Problem"] = serde_json::to_value(schema).unwrap_or_default();
    let paths = document["paths"].as_object_mut();
    for (_, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            complete(method, operation);
        }
    }
    document
}

/// What every operation has in common.
fn complete(method: &str, operation: &mut Value) {
    let scope = if method == "get" { READ_SCOPE } else { SCOPE };
    operation["security"] = json!([{ "dpop": [scope] }, { "certificate": [scope] }]);
    let problem =
        json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    for (status, description) in [
        (
            "401",
            "No token, a token that is not alive or not for here, or no proof of possession; see WWW-Authenticate",
        ),
        ("403", "The token's scope does not cover the operation"),
    ] {
        operation["responses"][status] = json!({ "description": description });
    }
    operation["responses"]["default"] = json!({ "description": "Refused (RFC 9457)", "content": problem });
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "getOpenApi", tag = "openapi",
    responses((status = 200, description = "The OpenAPI document", body = Object)))]
pub(super) async fn show(State(server): State<AuthorizationServer>) -> Answer<Value> {
    Answer(StatusCode::OK, document(&server.0.settings.issuer))
}
