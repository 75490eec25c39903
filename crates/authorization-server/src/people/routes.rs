//! The routes of people's pages and of what these load.

use axum::Router;
use axum::routing::get;

use crate::endpoint::assets;
use crate::server::AuthorizationServer;

/// The pages below `base`.
pub(crate) fn routes(base: &str) -> Router<AuthorizationServer> {
    let at = |path: &str| format!("{base}{path}");
    Router::new().route(&at(assets::PATH), get(assets::answer))
}
