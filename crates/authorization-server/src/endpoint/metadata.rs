//! The metadata document (RFC 8414), from the tables that the server runs on: routes, grants, methods,
//! algorithms. Nothing in it is written by hand (ASM-X-01).

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use bindery_core::client_auth::ClientAuthMethod;
use bindery_core::oauth::metadata::AuthorizationServerMetadata;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};

use super::json;
use crate::router::ENDPOINTS;
use crate::server::{AuthorizationServer, Server};

pub(crate) async fn answer(State(server): State<AuthorizationServer>) -> Response {
    let mut response = json(StatusCode::OK, document(&server.0));
    let headers = response.headers_mut();
    headers.remove(http::header::PRAGMA);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

fn document(server: &Server) -> Vec<u8> {
    let settings = &server.settings;
    let urls = |base: &String, aliased: bool| -> Vec<(&'static str, String)> {
        let wanted = ENDPOINTS.iter().filter(|endpoint| endpoint.authenticates || !aliased);
        wanted.map(|endpoint| (endpoint.member, format!("{base}{}", endpoint.path))).collect()
    };
    let scopes: BTreeSet<String> =
        server.clients.configured().flat_map(|client| client.metadata.scope.iter().map(Into::into)).collect();
    let mut client_authentication = settings.rules.server().client_authentication_names();
    if !server.takes_certificates {
        let by_certificate = [ClientAuthMethod::TlsClientAuth, ClientAuthMethod::SelfSignedTlsClientAuth];
        client_authentication.retain(|name| by_certificate.iter().all(|method| method.name() != *name));
    }
    AuthorizationServerMetadata {
        issuer: &settings.issuer,
        endpoints: &settings.base_urls.first().map(|base| urls(base, false)).unwrap_or_default(),
        mtls_aliases: &settings.base_urls.get(1).map(|base| urls(base, true)).unwrap_or_default(),
        grant_types: &settings.grants,
        client_authentication: &client_authentication,
        assertion_algorithms: settings.assertion_algorithms,
        dpop_algorithms: settings.dpop_algorithms,
        certificate_bound: server.takes_certificates && settings.rules.server().sender_constraints.mtls,
        scopes: &scopes.into_iter().collect::<Vec<_>>(),
    }
    .render()
}
