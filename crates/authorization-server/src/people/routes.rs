//! The routes of people's pages and of what these load. A page changes something by POST alone.

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use crate::endpoint::{account, approval, assets, consent, device, end_session, interactions, login, logout};
use crate::server::AuthorizationServer;

type Page = fn() -> MethodRouter<AuthorizationServer>;

/// The pages: a line here is a route, and a place below the issuer where no other issuer may stand.
const PAGES: [(&str, Page); 13] = [
    (assets::PATH, || get(assets::answer)),
    (approval::PATH, || get(approval::show)),
    (device::PATH, || get(device::show).post(device::submit)),
    (login::PATH, || get(login::show).post(login::submit)),
    (login::PASSKEY_PATH, || post(login::begin_passkey)),
    (consent::PATH, || get(consent::show).post(consent::submit)),
    (logout::PATH, || get(logout::show).post(logout::submit)),
    (account::PATH, || get(account::show).post(account::submit)),
    (account::PASSKEY_PATH, || post(account::begin_passkey)),
    (interactions::LIST_PATH, || get(interactions::list)),
    (interactions::PATH, || get(interactions::read).post(interactions::submit)),
    (interactions::RESUME_PATH, || get(interactions::resume)),
    (end_session::PAGE, || get(end_session::ask).post(end_session::confirmed)),
];

/// The pages below `base`.
pub(crate) fn routes(base: &str) -> Router<AuthorizationServer> {
    let at = |router: Router<_>, (path, page): (&str, Page)| router.route(&format!("{base}{path}"), page());
    PAGES.into_iter().fold(Router::new(), at)
}

/// Where the pages are below the issuer, up to what names a thing of its own.
pub(crate) fn places() -> impl Iterator<Item = &'static str> {
    PAGES.into_iter().map(|(path, _)| path.split_once("/{").map_or(path, |(place, _)| place))
}
