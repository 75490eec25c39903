//! Presentation rules, with no cryptography; whole authentications are tested through the authorization server.

use super::*;
use crate::encoding;
use crate::fake_cryptography::FakeCryptography;
use crate::oauth::client_metadata::ClientKeys;
use crate::oauth::form::Form;
use crate::oauth::token_request::ClientParameters;
use alloc::vec;

fn parse(
    authorization: &[&str],
    body: &str,
) -> Result<Option<PresentedCredentials>, ClientAuthenticationFailure> {
    PresentedCredentials::parse(
        authorization,
        &ClientParameters::read(&Form::parse(body.as_bytes()).unwrap()),
    )
}

#[test]
fn nothing_presented_is_absent_and_not_failed() {
    assert!(parse(&[], "scope=a").unwrap().is_none());
}

#[test]
fn more_than_one_method_is_refused_even_if_each_is_well_formed() {
    let basic = "Basic YTpi";
    for (authorization, body) in [
        (vec![basic], "client_secret=b"),
        (vec![basic], "client_assertion=x"),
        (vec![basic, basic], ""),
        (vec![], "client_secret=b&client_assertion=x"),
        (vec![basic], "client_assertion_type=x"),
    ] {
        assert_eq!(
            parse(&authorization, body).err(),
            Some(ClientAuthenticationFailure::SeveralMethods),
            "{body}"
        );
    }
}

#[test]
fn basic_is_decoded_strictly_and_both_halves_are_form_decoded() {
    let presented = parse(&["basic YSUzQWI6YytkJTI1"], "").unwrap().unwrap();
    assert_eq!(presented.client_id(), "a:b");
    assert!(matches!(presented.credential(), Credential::Secret(secret) if secret.as_str() == "c d%"));
    for value in
        ["Basic", "Basic  YTpi", "Basic YTpi ", "Basic YTpi\t", "Basic YQ==", "Basic Y!pi", "Basic YTolMA=="]
    {
        assert!(parse(&[value], "").is_err(), "{value}");
    }
    assert_eq!(parse(&["Bearer x"], "").err(), Some(ClientAuthenticationFailure::UnsupportedMethod));
}

#[test]
fn client_id_must_agree_with_the_credential() {
    assert_eq!(
        parse(&["Basic YTpi"], "client_id=x").err(),
        Some(ClientAuthenticationFailure::ClientIdMismatch)
    );
    assert!(parse(&["Basic YTpi"], "client_id=a").is_ok());
}

#[test]
fn a_secret_in_the_body_is_a_credential_of_its_own_kind_and_needs_its_client() {
    let presented = parse(&[], "client_id=a&client_secret=b").unwrap().unwrap();
    assert_eq!(presented.client_id(), "a");
    assert!(matches!(presented.credential(), Credential::PostedSecret(secret) if secret.as_str() == "b"));
    assert_eq!(parse(&[], "client_secret=b").err(), Some(ClientAuthenticationFailure::ClientIdMissing));
}

#[test]
fn a_secret_counts_only_where_the_client_is_registered_to_send_it() {
    let digest = encoding::base64url::encode(FakeCryptography.sha256(&[b"b"]));
    let client = |method: &str| {
        registered(&alloc::format!(
            r#"{{"client_id":"a","grant_types":[],"token_endpoint_auth_method":"{method}",
                 "client_secret_sha256":"{digest}"}}"#
        ))
    };
    let outcome = |client: &ClientMetadata, authorization: &[&str], body: &str| {
        let presented = parse(authorization, body).unwrap().unwrap();
        let keys = JwkSet::default();
        let registered = RegisteredClient { metadata: client, keys: &keys, disabled: false };
        verify(&presented, Some(&registered), &context(0, &FakeCryptography)).map(|_| ())
    };
    let (basic, post) = (client("client_secret_basic"), client("client_secret_post"));
    assert_eq!(outcome(&basic, &["Basic YTpi"], ""), Ok(()));
    assert_eq!(outcome(&post, &[], "client_id=a&client_secret=b"), Ok(()));
    let wrong = |outcome: Result<(), ClientAuthenticationFailure>| {
        matches!(outcome, Err(ClientAuthenticationFailure::WrongMethod { .. }))
    };
    assert!(wrong(outcome(&basic, &[], "client_id=a&client_secret=b")));
    assert!(wrong(outcome(&post, &["Basic YTpi"], "")));
    let bad = Err(ClientAuthenticationFailure::Secret);
    assert_eq!(outcome(&post, &[], "client_id=a&client_secret=c"), bad);
}

#[test]
fn a_replaced_secret_counts_until_its_own_end() {
    let digest = |secret: &str| encoding::base64url::encode(FakeCryptography.sha256(&[secret.as_bytes()]));
    let client = registered(&alloc::format!(
        r#"{{"client_id":"a","grant_types":[],"client_secret_sha256":"{}",
             "previous_client_secret_sha256":"{}","previous_client_secret_until":100}}"#,
        digest("new"),
        digest("b")
    ));
    let outcome = |now: i64| {
        let presented = parse(&["Basic YTpi"], "").unwrap().unwrap();
        let keys = JwkSet::default();
        let registered = RegisteredClient { metadata: &client, keys: &keys, disabled: false };
        verify(&presented, Some(&registered), &context(now, &FakeCryptography)).map(|_| ())
    };
    assert_eq!(outcome(99), Ok(()));
    assert_eq!(outcome(100), Err(ClientAuthenticationFailure::Secret));
}

fn context(now: i64, cryptography: &dyn Cryptography) -> VerificationContext<'_> {
    VerificationContext {
        now: UnixTime::from_seconds(now),
        cryptography,
        audience: AudiencePolicy::IssuerOnly("https://id.example"),
        accepted_since: None,
        algorithms: AlgorithmSet::default(),
        certificate: None,
        chain: ChainVerdict::NotVerified,
    }
}

#[test]
fn every_method_is_found_by_its_name_and_no_other_name_is_a_method() {
    for name in ClientAuthMethod::names() {
        assert_eq!(ClientAuthMethod::from_name(name).unwrap().name(), name);
    }
    for name in ["client_secret_jwt", "NONE", ""] {
        assert_eq!(ClientAuthMethod::from_name(name), None);
    }
}

#[test]
fn an_assertion_without_the_stores_answer_authenticates_nobody() {
    let credentials = |assertion| VerifiedCredentials {
        client: AuthenticatedClient { client_id: "c".into(), method: ClientAuthMethod::PrivateKeyJwt },
        assertion,
    };
    let assertion = || Some(AuthenticatedAssertion::for_tests());
    assert!(credentials(assertion()).settle(Some(ReplayOutcome::Inserted)).is_ok());
    for outcome in
        [None, Some(ReplayOutcome::Duplicate), Some(ReplayOutcome::Full), Some(ReplayOutcome::Unavailable)]
    {
        assert!(credentials(assertion()).settle(outcome).is_err(), "{outcome:?}");
    }
    assert!(credentials(None).settle(None).is_ok());
}

/// Counts signatures and digests; none is good.
struct Work(core::sync::atomic::AtomicUsize);

impl Cryptography for Work {
    fn sha256(&self, _: &[&[u8]]) -> crate::crypto::Sha256Digest {
        self.0.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
        [0; 32]
    }

    fn hmac_sha256(&self, _: &crate::crypto::MacKey, _: &[&[u8]]) -> crate::crypto::Sha256Digest {
        [0; 32]
    }

    fn verify_signature(
        &self,
        _: crate::jose::algorithm::SignatureAlgorithm,
        _: &crate::jose::jwk::PublicKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<(), crate::crypto::SignatureInvalid> {
        self.0.fetch_add(1000, core::sync::atomic::Ordering::Relaxed);
        Err(crate::crypto::SignatureInvalid)
    }
}

fn registered(members: &str) -> ClientMetadata {
    let members = crate::encoding::json::parse_object(members.as_bytes()).unwrap();
    ClientMetadata::parse(&members, &[]).unwrap()
}

/// CVE-2026-22746: the time of a refusal does not tell whether there is such a client, nor its method or keys.
#[test]
fn a_refusal_costs_the_same_work_whoever_the_client_is() {
    const KEY: &str =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"1"}"#;
    let (public, secret, key) = (
        registered(r#"{"client_id":"a","grant_types":[],"token_endpoint_auth_method":"none"}"#),
        registered(
            r#"{"client_id":"a","grant_types":[],
                "client_secret_sha256":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}"#,
        ),
        registered(&alloc::format!(
            r#"{{"client_id":"a","grant_types":[],"token_endpoint_auth_method":"private_key_jwt",
                 "jwks":{{"keys":[{KEY}]}}}}"#
        )),
    );
    let assertion = |header: &str| {
        let input = crate::jose::jws::signing_input(header.as_bytes(), br#"{"iss":"a","sub":"a"}"#);
        let assertion = crate::jose::jws::attach_signature(input, &[1; 64]);
        alloc::format!(
            "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={assertion}"
        )
    };
    let assertions = [
        r#"{"typ":"client-authentication+jwt","alg":"EdDSA","kid":"1"}"#,
        r#"{"typ":"client-authentication+jwt","alg":"EdDSA","kid":"2"}"#,
        r#"{"typ":"client-authentication+jwt","alg":"HS256"}"#,
        r#"{"typ":"dpop+jwt","alg":"EdDSA"}"#,
    ]
    .map(|header| (vec![], assertion(header), 1000));
    for (authorization, body, expected) in assertions
        .into_iter()
        .chain([(vec!["Basic YTpi"], String::new(), 1), (vec![], "client_id=a&client_secret=b".into(), 1)])
    {
        let presented = parse(&authorization, &body).unwrap().unwrap();
        for client in [None, Some(&public), Some(&secret), Some(&key)] {
            let work = Work(core::sync::atomic::AtomicUsize::new(0));
            let context = context(0, &work);
            let keys = match client.map(|client| &client.keys) {
                Some(ClientKeys::Inline(keys)) => keys.as_ref().clone(),
                _ => JwkSet::default(),
            };
            let registered =
                client.map(|metadata| RegisteredClient { metadata, keys: &keys, disabled: false });
            verify(&presented, registered.as_ref(), &context).unwrap_err();
            assert_eq!(work.0.into_inner(), expected, "{body} {client:?}");
        }
    }
}
