//! The routes: every endpoint below the issuer's path, the metadata document at its well-known place, and a
//! health probe. What is routed here is what metadata advertises; a path that is not here is not found.

use axum::Router;
use axum::routing::{get, post};
use bindery_core::oauth::metadata::well_known_path;
use bindery_http::cors::CorsLayer;
use http::Method;

use crate::administration;
use crate::endpoint::{health, introspection, jwks, metadata, revocation, token};
use crate::people;
use crate::server::AuthorizationServer;

/// One endpoint below the issuer.
pub(crate) struct Endpoint {
    /// The member of the metadata document.
    pub(crate) member: &'static str,
    /// The path below the issuer.
    pub(crate) path: &'static str,
    /// Whether clients authenticate there, so that it has an alias for those with certificates.
    pub(crate) authenticates: bool,
}

/// The endpoints that metadata names.
pub(crate) const ENDPOINTS: [Endpoint; 4] = [
    Endpoint { member: "token_endpoint", path: token::PATH, authenticates: true },
    Endpoint { member: "introspection_endpoint", path: introspection::PATH, authenticates: true },
    Endpoint { member: "revocation_endpoint", path: revocation::PATH, authenticates: true },
    Endpoint { member: "jwks_uri", path: jwks::PATH, authenticates: false },
];

/// Probes, at the root whatever the issuer's path: who asks them knows no issuer.
pub(crate) const PROBES: [&str; 1] = ["/healthz"];

pub(crate) fn router(server: &AuthorizationServer) -> Router {
    let settings = &server.0.settings;
    let below = |path: &str| format!("{}{path}", settings.internal_path);
    let router = Router::new()
        .route(&below(token::PATH), post(token::answer))
        .route(&below(introspection::PATH), post(introspection::answer))
        .route(&below(revocation::PATH), post(revocation::answer))
        .route(&below(jwks::PATH), get(jwks::answer))
        .route(&well_known_path(&settings.issuer_path), get(metadata::answer))
        .route("/healthz", get(health::answer))
        .merge(administration::routes(server, &settings.internal_path))
        .with_state(server.clone());
    let router = match &settings.cors {
        Some(origins) => router.layer(CorsLayer::new(origins.clone(), &[Method::GET, Method::POST])),
        None => router,
    };
    // Pages are for people: no other origin's script reads them.
    router.merge(people::routes::routes(&settings.internal_path).with_state(server.clone()))
}
