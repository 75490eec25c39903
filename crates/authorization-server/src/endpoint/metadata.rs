//! The metadata document (RFC 8414), from the tables that the server runs on: routes, grants, methods,
//! algorithms. Nothing in it is written by hand (ASM-X-01).

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use bindery_core::client_auth::ClientAuthMethod;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::encryption::{ContentEncryption, KeyManagement};
use bindery_core::oauth::metadata::AuthorizationServerMetadata;
use bindery_core::oauth::pkce;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};

use super::json;
use crate::profile::ProfileRules;
use crate::router::{ENDPOINTS, has_backchannel, has_people, has_redirects};
use crate::server::{AuthorizationServer, Server};
use crate::settings::Settings;

pub(crate) async fn answer(State(server): State<AuthorizationServer>) -> Response {
    let mut response = json(StatusCode::OK, document(&server.0));
    let headers = response.headers_mut();
    headers.remove(http::header::PRAGMA);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

fn document(server: &Server) -> Vec<u8> {
    let settings = &server.settings;
    let urls = |base: &String, aliases: bool| -> Vec<(&'static str, String)> {
        let wanted = ENDPOINTS.iter().filter(|endpoint| (endpoint.on)(settings));
        let wanted = wanted.filter(|endpoint| endpoint.aliased || !aliases);
        wanted.map(|endpoint| (endpoint.member, format!("{base}{}", endpoint.path))).collect()
    };
    let mut scopes: BTreeSet<String> = settings.scopes.keys().cloned().collect();
    scopes
        .extend(server.clients.configured().flat_map(|client| client.metadata.scope.iter().map(Into::into)));
    let mut client_authentication = settings.rules.server().client_authentication_names();
    if !server.takes_certificates {
        let by_certificate = [ClientAuthMethod::TlsClientAuth, ClientAuthMethod::SelfSignedTlsClientAuth];
        client_authentication.retain(|name| by_certificate.iter().all(|method| method.name() != *name));
    }
    let (lists, flags) = further(server);
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
        response_types: match has_redirects(settings) {
            true => &settings.rules.server().response_types,
            false => &[],
        },
        lists: &lists,
        flags: &flags,
    }
    .render()
}

type Lists = Vec<(&'static str, Vec<String>)>;
type Flags = Vec<(&'static str, bool)>;

/// What the document says of requests, responses and identities.
fn further(server: &Server) -> (Lists, Flags) {
    let (mut lists, mut flags) = (Vec::new(), Vec::new());
    let settings = &server.settings;
    let rules = settings.rules.server();
    if rules.require_signed_introspection || !settings.signing_algorithms.is_empty() {
        lists.push(("introspection_signing_alg_values_supported", own(server)));
        lists.extend(encryption(INTROSPECTION, KeyManagement::ALL.into_iter()));
    }
    if has_backchannel(settings) {
        backchannel(settings, rules, &mut lists, &mut flags);
    }
    if has_redirects(settings) {
        requests(server, rules, &mut lists, &mut flags);
    }
    if has_people(settings) && rules.openid {
        identities(server, rules, &mut lists, &mut flags);
    }
    (lists, flags)
}

/// CIBA Core section 4.
fn backchannel(settings: &Settings, rules: &ProfileRules, lists: &mut Lists, flags: &mut Flags) {
    let modes: &[&'static str] = if settings.ciba.ping { &["poll", "ping"] } else { &["poll"] };
    lists.push(("backchannel_token_delivery_modes_supported", owned(modes)));
    let accepted = names(rules.algorithms.iter());
    lists.push(("backchannel_authentication_request_signing_alg_values_supported", accepted));
    flags.push(("backchannel_user_code_parameter_supported", true));
}

/// RFC 9126 section 5, RFC 9101 section 10.5, JARM section 4, RFC 9207 section 3, RFC 9396 section 10.
fn requests(server: &Server, rules: &ProfileRules, lists: &mut Lists, flags: &mut Flags) {
    let settings = &server.settings;
    let accepted = names(rules.algorithms.iter());
    lists.push(("code_challenge_methods_supported", owned(&pkce::METHODS)));
    lists.push(("response_modes_supported", owned(&rules.response_modes)));
    if rules.response_modes.iter().any(|mode| mode.ends_with("jwt")) {
        lists.push(("authorization_signing_alg_values_supported", own(server)));
        lists.extend(encryption(AUTHORIZATION, KeyManagement::ALL.into_iter()));
    }
    lists.push(("request_object_signing_alg_values_supported", accepted));
    if !settings.keys.encryption_algorithms.is_empty() {
        lists.extend(encryption(REQUEST_OBJECT, settings.keys.encryption_algorithms.iter().copied()));
    }
    let types = settings.authorization_details.iter().map(|details| details.kind.clone());
    lists.push(("authorization_details_types_supported", types.collect()));
    flags.extend([
        ("authorization_response_iss_parameter_supported", true),
        ("require_pushed_authorization_requests", rules.require_pushed_authorization_requests),
        ("require_signed_request_object", rules.require_signed_request_object),
        ("request_parameter_supported", true),
        ("request_uri_parameter_supported", rules.request_by_reference),
    ]);
    if rules.request_by_reference {
        // JAR-10-02: never one that the client did not register.
        flags.push(("require_request_uri_registration", true));
    }
}

/// OpenID Connect Discovery section 3.
fn identities(server: &Server, rules: &ProfileRules, lists: &mut Lists, flags: &mut Flags) {
    let settings = &server.settings;
    lists.push(("id_token_signing_alg_values_supported", own(server)));
    lists.push(("userinfo_signing_alg_values_supported", own(server)));
    lists.extend(encryption(ID_TOKEN, KeyManagement::ALL.into_iter()));
    lists.extend(encryption(USERINFO, KeyManagement::ALL.into_iter()));
    let subject_types = settings.subject_types.iter().map(|kind| kind.name().to_owned());
    lists.push(("subject_types_supported", subject_types.collect()));
    let mut claims: BTreeSet<String> =
        ["sub", "auth_time", "acr", "amr"].into_iter().map(str::to_owned).collect();
    claims.extend(settings.scopes.values().flat_map(|scope| scope.claims.iter().cloned()));
    lists.push(("claims_supported", claims.into_iter().collect()));
    lists.push(("acr_values_supported", settings.acr.iter().map(|acr| acr.value.clone()).collect()));
    lists.push(("prompt_values_supported", owned(&["none", "login", "consent", "select_account"])));
    lists.push(("ui_locales_supported", server.people.languages.tags().map(str::to_owned).collect()));
    flags.push(("claims_parameter_supported", rules.claims_parameter));
    // Back-Channel Logout section 2.1; without a way to call clients there is none.
    let calls = server.outbound.is_some();
    flags.extend([("backchannel_logout_supported", calls), ("backchannel_logout_session_supported", calls)]);
}

/// The members for `alg` and `enc` of one kind of message.
type Encryption = [&'static str; 2];

const ID_TOKEN: Encryption =
    ["id_token_encryption_alg_values_supported", "id_token_encryption_enc_values_supported"];
const USERINFO: Encryption =
    ["userinfo_encryption_alg_values_supported", "userinfo_encryption_enc_values_supported"];
const REQUEST_OBJECT: Encryption =
    ["request_object_encryption_alg_values_supported", "request_object_encryption_enc_values_supported"];
const AUTHORIZATION: Encryption =
    ["authorization_encryption_alg_values_supported", "authorization_encryption_enc_values_supported"];
const INTROSPECTION: Encryption =
    ["introspection_encryption_alg_values_supported", "introspection_encryption_enc_values_supported"];

fn encryption(members: Encryption, algorithms: impl Iterator<Item = KeyManagement>) -> Lists {
    let [alg, enc] = members;
    let algorithms = algorithms.map(|algorithm| algorithm.name().to_owned()).collect();
    vec![(alg, algorithms), (enc, owned(&ContentEncryption::ALL.map(ContentEncryption::name)))]
}

/// What the issuer signs with.
fn own(server: &Server) -> Vec<String> {
    names(server.signing_keys.current().algorithms())
}

fn names(algorithms: impl Iterator<Item = SignatureAlgorithm>) -> Vec<String> {
    algorithms.map(|algorithm| algorithm.name().to_owned()).collect()
}

fn owned(names: &[&'static str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
