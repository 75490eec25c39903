//! The administration API, below `/admin/v1` of the issuer: clients, grants, sessions, keys, posture, audit.
//! Every request passes [`door`], which takes a sender-constrained token of ours and nothing else; no handler
//! is reachable around it. What changes a client names the state it was read in (`If-Match`), and every
//! refusal is a [`problem::Problem`] that names member, rule and remedy.

#![expect(dead_code, reason = "operations that change something come next")]

mod body;
mod clients;
mod door;
mod entity_tag;
mod page;
mod problem;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use crate::server::AuthorizationServer;

/// The path below the issuer. The issuer and this path together are the audience of administration tokens.
pub(crate) const PATH: &str = "/admin/v1";

/// The scope that may read and change everything here.
pub(crate) const SCOPE: &str = "bindery:admin";

/// The scope that may read everything here.
pub(crate) const READ_SCOPE: &str = "bindery:admin:read";

/// The API behind its door, under `base`.
pub(crate) fn routes(server: &AuthorizationServer, base: &str) -> Router<AuthorizationServer> {
    operations(base).route_layer(from_fn_with_state(server.clone(), door::guard))
}

fn operations(base: &str) -> Router<AuthorizationServer> {
    let at = |path: &str| format!("{base}{PATH}{path}");
    Router::new()
        .route(&at("/clients"), get(clients::list))
        .route(&at("/clients/{client_id}"), get(clients::find))
}
