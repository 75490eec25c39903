//! The routes: every endpoint below the issuer's path, the metadata document at its well-known place, and a
//! health probe. What is routed here is what metadata advertises; a path that is not here is not found.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use bindery_core::oauth::client_backchannel::CIBA_GRANT;
use bindery_core::oauth::metadata::{openid_configuration_path, well_known_path};
use bindery_core::oauth::polling::DEVICE_CODE_GRANT;
use bindery_http::cors::CorsLayer;
use http::Method;

use crate::admission::admit;
use crate::endpoint::{
    authorize, backchannel_authentication, device_authorization, end_session, health, introspection, jwks,
    metadata, pushed_authorization_request as pushed, registration, revocation, token, userinfo,
};
use crate::observation::observe;
use crate::server::AuthorizationServer;
use crate::settings::Settings;
use crate::{administration, people};

/// One endpoint below the issuer.
pub(crate) struct Endpoint {
    /// The member of the metadata document.
    pub(crate) member: &'static str,
    /// The path below the issuer.
    pub(crate) path: &'static str,
    /// Whether clients authenticate there, so that its URL may be an assertion's audience.
    pub(crate) authenticates: bool,
    /// Whether it has an alias for callers with certificates (RFC 8705 section 5).
    pub(crate) aliased: bool,
    /// Whether it is there at all.
    pub(crate) on: fn(&Settings) -> bool,
}

impl Endpoint {
    const fn of_clients(member: &'static str, path: &'static str) -> Self {
        Self { member, path, authenticates: true, aliased: true, on: |_| true }
    }

    const fn open(member: &'static str, path: &'static str) -> Self {
        Self { member, path, authenticates: false, aliased: false, on: |_| true }
    }

    const fn when(self, on: fn(&Settings) -> bool) -> Self {
        Self { on, ..self }
    }
}

/// The endpoints that metadata names.
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::open("authorization_endpoint", authorize::PATH).when(has_redirects),
    Endpoint::of_clients("pushed_authorization_request_endpoint", pushed::PATH).when(has_redirects),
    Endpoint::of_clients("device_authorization_endpoint", device_authorization::PATH).when(has_devices),
    Endpoint::of_clients("backchannel_authentication_endpoint", backchannel_authentication::PATH)
        .when(has_backchannel),
    Endpoint::of_clients("token_endpoint", token::PATH),
    Endpoint::of_clients("introspection_endpoint", introspection::PATH),
    Endpoint::of_clients("revocation_endpoint", revocation::PATH),
    Endpoint { aliased: true, ..Endpoint::open("userinfo_endpoint", userinfo::PATH) }
        .when(|settings| settings.rules.server().openid),
    Endpoint::open("end_session_endpoint", end_session::PATH).when(signs_people_out),
    Endpoint::open("jwks_uri", jwks::PATH),
    Endpoint::open("registration_endpoint", registration::PATH).when(registration::is_on),
];

/// Probes, at the root whatever the issuer's path: who asks them knows no issuer.
pub(crate) const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// Whether people are asked anything.
pub(crate) fn has_people(settings: &Settings) -> bool {
    has_redirects(settings) || has_devices(settings) || has_backchannel(settings)
}

/// Whether browsers come with requests of clients.
pub(crate) fn has_redirects(settings: &Settings) -> bool {
    settings.grants.contains(&"authorization_code")
}

/// Whether clients may ask for the end of a session (OpenID Connect RP-Initiated Logout 1.0).
pub(crate) fn signs_people_out(settings: &Settings) -> bool {
    has_people(settings) && settings.rules.server().openid
}

fn has_devices(settings: &Settings) -> bool {
    settings.grants.contains(&DEVICE_CODE_GRANT)
}

pub(crate) fn has_backchannel(settings: &Settings) -> bool {
    settings.grants.contains(&CIBA_GRANT)
}

pub(crate) fn router(server: &AuthorizationServer) -> Router {
    let settings = &server.0.settings;
    let below = |path: &str| format!("{}{path}", settings.internal_path);
    let mut router = Router::new()
        .route(&below(token::PATH), post(token::answer))
        .route(&below(introspection::PATH), post(introspection::answer))
        .route(&below(revocation::PATH), post(revocation::answer))
        .route(&below(jwks::PATH), get(jwks::answer))
        .route(&well_known_path(&settings.issuer_path), get(metadata::answer))
        .merge(registration::routes(server, &settings.internal_path))
        .merge(administration::routes(server, &settings.internal_path));
    if has_redirects(settings) {
        router = router.route(&below(pushed::PATH), post(pushed::answer));
    }
    if has_devices(settings) {
        router = router.route(&below(device_authorization::PATH), post(device_authorization::answer));
    }
    if has_backchannel(settings) {
        let path = below(backchannel_authentication::PATH);
        router = router.route(&path, post(backchannel_authentication::answer));
    }
    if settings.rules.server().openid {
        router = router
            .route(&below(userinfo::PATH), get(userinfo::answer).post(userinfo::answer))
            .route(&openid_configuration_path(&settings.issuer_path), get(metadata::answer));
    }
    let admit = || from_fn_with_state(server.clone(), admit);
    router = router.layer(admit());
    // What browser clients call may be read by scripts of other origins; what people see may not.
    if let Some(origins) = &settings.cors {
        router = router.layer(CorsLayer::new(origins.clone(), &[Method::GET, Method::POST]));
    }
    router = router.route("/healthz", get(health::live)).route("/readyz", get(health::ready));
    let mut pages = Router::new();
    if has_redirects(settings) {
        pages = pages.route(&below(authorize::PATH), get(authorize::answer).post(authorize::answer));
    }
    if has_people(settings) {
        pages = pages.merge(people::routes::routes(&settings.internal_path));
    }
    if signs_people_out(settings) {
        let path = below(end_session::PATH);
        pages = pages.route(&path, get(end_session::answer).post(end_session::answer));
    }
    router
        .merge(pages.layer(admit()))
        .with_state(server.clone())
        .layer(from_fn_with_state(server.clone(), observe))
}
