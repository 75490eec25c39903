//! The routes of people's pages and of what these load. A page changes something by POST alone.

use axum::Router;
use axum::routing::{get, post};

use crate::endpoint::{account, approval, assets, consent, device, interactions, login, logout};
use crate::server::AuthorizationServer;

/// The pages below `base`.
pub(crate) fn routes(base: &str) -> Router<AuthorizationServer> {
    let at = |path: &str| format!("{base}{path}");
    Router::new()
        .route(&at(assets::PATH), get(assets::answer))
        .route(&at(approval::PATH), get(approval::show))
        .route(&at(device::PATH), get(device::show).post(device::submit))
        .route(&at(login::PATH), get(login::show).post(login::submit))
        .route(&at(login::PASSKEY_PATH), post(login::begin_passkey))
        .route(&at(consent::PATH), get(consent::show).post(consent::submit))
        .route(&at(logout::PATH), get(logout::show).post(logout::submit))
        .route(&at(account::PATH), get(account::show).post(account::submit))
        .route(&at(account::PASSKEY_PATH), post(account::begin_passkey))
        .route(&at(interactions::LIST_PATH), get(interactions::list))
        .route(&at(interactions::PATH), get(interactions::read).post(interactions::submit))
        .route(&at(interactions::RESUME_PATH), get(interactions::resume))
}
