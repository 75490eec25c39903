//! The table of profiles: each is stricter than the one before it, in every answer.

use bindery_core::oauth::sender_constraint::SenderConstraint;

use super::*;

#[test]
fn a_stricter_profile_is_never_laxer_in_anything() {
    for (lax, strict) in Profile::ALL
        .iter()
        .flat_map(|one| Profile::ALL.map(|two| (*one, two)))
        .filter(|(one, two)| one <= two)
    {
        let (lax, strict) = (lax.rules(), strict.rules());
        let met = lax.stricter(&strict);
        let openid_algorithm = met.default_id_token_algorithm;
        assert_eq!(met, ProfileRules { default_id_token_algorithm: openid_algorithm, ..strict.clone() });
        assert_eq!(met.stricter(&lax), met);
    }
}

#[test]
fn fapi_knows_no_rs256_no_secret_no_public_client_and_no_bearer_token() {
    for profile in Profile::ALL.into_iter().filter(|profile| profile.is_fapi()) {
        let rules = profile.rules();
        assert_eq!(rules.algorithms.to_string(), "ES256 EdDSA PS256");
        assert_eq!(
            rules.client_authentication_names(),
            ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"]
        );
        assert_eq!(rules.bearer, BearerRule::Never);
        assert_eq!(rules.pkce, PkceRule::Always);
        assert!(rules.require_pushed_authorization_requests && !rules.refresh_token_rotation);
        assert!(rules.maximum_code_lifetime <= 60 && rules.maximum_request_uri_lifetime < 600);
    }
}

#[test]
fn what_the_server_does_not_know_narrows_what_a_client_leaves_open() {
    let dpop = SenderConstraints { dpop: true, mtls: false };
    let mtls = SenderConstraints { dpop: false, mtls: true };
    let both = SenderConstraints { dpop: true, mtls: true };
    let neither = SenderConstraints { dpop: false, mtls: false };
    for (constraints, wanted, expected) in [
        (dpop, SenderConstraint::Any, Some(SenderConstraint::Dpop)),
        (mtls, SenderConstraint::Any, Some(SenderConstraint::Mtls)),
        (both, SenderConstraint::Any, Some(SenderConstraint::Any)),
        (both, SenderConstraint::Both, Some(SenderConstraint::Both)),
        (dpop, SenderConstraint::Mtls, None),
        (dpop, SenderConstraint::Both, None),
        (mtls, SenderConstraint::Dpop, None),
        (mtls, SenderConstraint::Both, None),
        (neither, SenderConstraint::Any, None),
    ] {
        assert_eq!(constraints.narrow(&wanted), expected, "{constraints:?} {wanted:?}");
    }
}
