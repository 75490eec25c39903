//! The administration API, below `/admin/v1` of the issuer: clients, grants, sessions, keys, posture, audit.
//! Every request passes [`door`], which takes a sender-constrained token of ours and nothing else; no handler
//! is reachable around it. What changes a client names the state it was read in (`If-Match`), and every
//! refusal is a [`problem::Problem`] that names member, rule and remedy.

mod accounts;
mod audit;
mod blocked_keys;
mod body;
mod client_changes;
mod client_view;
mod clients;
mod door;
mod entity_tag;
mod grants;
mod initial_access_tokens;
mod keys;
mod offboarding;
mod openapi;
mod page;
mod posture;
mod problem;
mod sessions;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;

use crate::server::AuthorizationServer;

pub use openapi::document as openapi_document;

/// The path below the issuer. The issuer and this path together are the audience of administration tokens.
pub(crate) const PATH: &str = "/admin/v1";

/// The scope that may read and change everything here.
pub(crate) const SCOPE: &str = "bindery:admin";

/// The scope that may read everything here.
pub(crate) const READ_SCOPE: &str = "bindery:admin:read";

/// Who acts, in the audit, when it is whoever holds the store itself.
pub(crate) const COMMAND_LINE: &str = "(command line)";

/// The API behind its door, under `base`.
pub(crate) fn routes(server: &AuthorizationServer, base: &str) -> Router<AuthorizationServer> {
    operations(base).route_layer(from_fn_with_state(server.clone(), door::guard))
}

/// The same API without its door, at [`PATH`] alone, for the command line on the machine of the store: who
/// holds the store and its key file needs no token. Never to be served at a listener.
pub(crate) fn local(server: &AuthorizationServer) -> Router {
    let administrator = door::Administrator::local();
    operations("").layer(axum::Extension(administrator)).with_state(server.clone())
}

/// The table of operations: a line here is a route and a page of the OpenAPI document.
macro_rules! operations {
    ($($path:literal => $($method:ident $module:ident $(:: $handler:ident)+),+;)*) => {
        fn operations(base: &str) -> Router<AuthorizationServer> {
            Router::new()$(.route(
                &format!("{base}{PATH}{}", $path),
                MethodRouter::new()$(.$method($module$(::$handler)+))+,
            ))*
        }

        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($($module$(::$handler)+),+),*))]
        struct Operations;
    };
}

operations! {
    "/openapi.json" => get openapi::show;
    "/clients" => get clients::list, post clients::create;
    "/clients/{client_id}" => get clients::find, put client_changes::replace, patch client_changes::patch,
        delete client_changes::delete;
    "/clients/{client_id}/disable" => post client_changes::disable;
    "/clients/{client_id}/enable" => post client_changes::enable;
    "/clients/{client_id}/secret" => post client_changes::rotate_secret;
    "/clients/{client_id}/policy" => put client_changes::set_policy;
    "/clients/{client_id}/offboard" => post offboarding::offboard;
    "/clients/{client_id}/verification" => get offboarding::verify;
    "/grants" => get grants::list, post grants::provision, delete grants::revoke_many;
    "/grants/{grant_id}" => get grants::find, delete grants::revoke;
    "/sessions" => get sessions::list;
    "/sessions/{session_id}" => delete sessions::end;
    "/accounts" => get accounts::list;
    "/accounts/{subject}/disable" => post accounts::disable;
    "/accounts/{subject}/enable" => post accounts::enable;
    "/keys" => get keys::list;
    "/keys/rotate" => post keys::rotate;
    "/keys/{key_id}/retire" => post keys::retire;
    "/blocked-keys" => get blocked_keys::list, post blocked_keys::block;
    "/blocked-keys/{thumbprint}" => delete blocked_keys::unblock;
    "/initial-access-tokens" => get initial_access_tokens::list, post initial_access_tokens::create;
    "/initial-access-tokens/{id}" => delete initial_access_tokens::revoke;
    "/posture" => get posture::show;
    "/audit" => get audit::list;
}
