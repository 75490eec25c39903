//! What the OpenID Connect plans ask (basic, config, form post, dynamic, RP-initiated and back-channel logout),
//! asked of an issuer of the profile `openid`, but for the response types that OAuth 2.1 removed.

mod basic;
mod claims;
mod discovery;
mod dynamic;
mod logout;
mod relying_party;
mod site;

use std::future::Future;
use std::sync::Arc;

use tokio::task::JoinSet;

use site::Site;

/// Runs every module of a table at once and reports everything that failed.
async fn run(modules: Vec<(&'static str, JoinSetTask)>) {
    let wanted = std::env::var("CERTIFY_MODULE").unwrap_or_default();
    let mut running = JoinSet::new();
    let mut names = std::collections::HashMap::new();
    for (name, module) in modules.into_iter().filter(|(name, _)| name.contains(&wanted)) {
        names.insert(running.spawn(module).id(), name);
    }
    let mut failures = Vec::new();
    while let Some(ended) = running.join_next_with_id().await {
        if let Err(error) = ended {
            failures.push(format!("{}: {}", names[&error.id()], crate::run::message(&*error.into_panic())));
        }
    }
    failures.sort();
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

type JoinSetTask = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tasks from functions that take `&Site`.
macro_rules! tasks {
    ($site:expr, [$($module:ident :: $name:ident),+ $(,)?]) => {
        vec![$({
            let site: Arc<Site> = Arc::clone(&$site);
            let task: JoinSetTask = Box::pin(async move { $module::$name(&site).await });
            (stringify!($name), task)
        }),+]
    };
}

fn with_site<Running: Future<Output = ()>>(form_post: bool, modules: impl FnOnce(Arc<Site>) -> Running) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let site = Arc::new(Site::start(form_post).await);
        modules(site).await;
    });
}

/// The basic plan's modules, which the form post plan repeats with every answer posted.
async fn basic_modules(site: Arc<Site>) {
    run(tasks!(
        site,
        [
            basic::code_flow_gives_an_id_token_and_userinfo,
            basic::missing_response_type_is_refused,
            basic::request_without_nonce_succeeds,
            basic::scope_words_may_stand_in_any_order,
            basic::display_and_locales_and_hints_are_taken,
            basic::unknown_parameters_are_ignored,
            basic::login_is_asked_again_with_prompt_login,
            basic::nobody_is_signed_in_with_prompt_none,
            basic::somebody_is_signed_in_with_prompt_none,
            basic::old_login_is_not_enough_for_max_age_1,
            basic::young_login_is_enough_for_max_age_10000,
            basic::id_token_hint_names_the_person,
            basic::one_of_the_acr_values_is_reached,
            basic::code_is_good_once,
            basic::unregistered_redirect_uri_is_refused_on_a_page,
            basic::request_is_taken_by_post,
            basic::client_secret_post_is_taken,
            basic::request_object_is_taken_or_refused_as_a_whole,
            basic::code_challenge_is_taken,
            basic::refresh_keeps_the_person,
            claims::scope_profile_brings_its_claims,
            claims::scope_email_brings_its_claims,
            claims::scope_address_brings_its_claims,
            claims::scope_phone_brings_its_claims,
            claims::all_scopes_bring_all_claims,
            claims::essential_name_is_given,
            claims::userinfo_is_given_by_get_and_post_and_for_a_token_in_the_form,
            claims::userinfo_without_a_token_is_refused,
        ]
    ))
    .await;
}

#[test]
fn certifies_openid_connect_basic() {
    with_site(false, basic_modules);
}

#[test]
fn certifies_openid_connect_form_post() {
    with_site(true, basic_modules);
}

#[test]
fn certifies_openid_connect_discovery() {
    with_site(false, |site| {
        run(tasks!(
            site,
            [
                discovery::metadata_says_what_is_certified,
                discovery::key_set_is_sound,
                discovery::rotated_keys_stand_beside_the_old_ones,
            ]
        ))
    });
}

#[test]
fn certifies_openid_connect_dynamic_registration() {
    with_site(false, |site| {
        run(tasks!(
            site,
            [
                dynamic::registered_client_signs_people_in,
                dynamic::registered_client_with_keys_signs_people_in,
                dynamic::registration_with_a_fragment_is_refused,
                dynamic::registration_shows_logo_policy_and_terms,
                dynamic::registered_signed_userinfo_is_signed,
                dynamic::redirect_uri_query_must_match,
                dynamic::missing_redirect_uri_is_refused_on_a_page,
                dynamic::assertion_for_the_issuer_is_taken,
                dynamic::keys_are_fetched_and_fetched_anew_when_they_changed,
                dynamic::signed_request_object_is_fetched,
                dynamic::unsigned_request_object_is_not_advertised,
                dynamic::sector_must_list_the_redirect_uris,
                dynamic::refresh_is_for_the_client_it_was_given_to,
            ]
        ))
    });
}

#[test]
fn certifies_openid_connect_logout() {
    with_site(false, |site| {
        run(tasks!(
            site,
            [
                logout::logout_leads_back_with_state,
                logout::logout_without_state_leads_back,
                logout::logout_without_anything_ends_here,
                logout::logout_with_state_alone_ends_here,
                logout::logout_with_a_hint_alone_ends_here,
                logout::logout_without_a_hint_never_leads_back,
                logout::logout_to_an_unregistered_uri_ends_here,
                logout::logout_with_a_changed_hint_ends_here,
                logout::session_is_over_after_logout,
                logout::back_channel_logout_token_is_sound,
            ]
        ))
    });
}
