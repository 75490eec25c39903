//! Refresh tokens and keys over time: rotation, pinning, and callers that give up.

use std::sync::{Arc, Mutex};

use bindery_client::{
    Blame, ClientAuthentication, ClientConfiguration, ConfigurationInvalid, Grant, NotKept,
    RefreshTokenKeeper, Secret, SenderConstraint,
};
use serde_json::json;

use crate::server::*;

#[derive(Default)]
struct Keeper(Mutex<Vec<String>>);

#[async_trait::async_trait]
impl RefreshTokenKeeper for Keeper {
    async fn keep(&self, _: &str, refresh_token: &Secret) -> Result<(), NotKept> {
        self.0.lock().unwrap().push(refresh_token.expose().to_owned());
        Ok(())
    }
}

fn rotating(seen: &Seen, count: usize) -> Reply {
    let used = seen.form()["refresh_token"].clone();
    if used != format!("refresh-{count}") {
        return json_reply(400, &[], &json!({"error": "invalid_grant"}));
    }
    let next = format!("refresh-{}", count + 1);
    let body =
        json!({"access_token": token(count), "token_type": "DPoP", "expires_in": 300, "refresh_token": next});
    json_reply(200, &[], &body)
}

fn public(server: &Server) -> bindery_client::ConfigurationBuilder {
    ClientConfiguration::builder(issuer(server), "browser")
        .authentication(ClientAuthentication::None)
        .sender_constraint(SenderConstraint::Dpop { signer: key() })
        .grant(Grant::RefreshToken { initial: "refresh-0".into() })
        .trust_roots(roots())
}

#[tokio::test]
async fn a_public_client_refreshes_with_rotated_tokens_and_one_key() {
    let server = authority(rotating).await;
    let keeper = Arc::new(Keeper::default());
    let source = source(public(&server).refresh_token_keeper(keeper.clone()));
    let mut token = source.token().await.unwrap();
    for _ in 0..4 {
        token = source.replace(&token).await.unwrap();
    }
    let seen = server.seen();
    assert!(seen.iter().all(|seen| seen.form()["client_id"] == "browser"));
    assert!(seen.iter().all(|other| other.key() == seen[0].key()), "DPOP-5-07");
    assert_eq!(*keeper.0.lock().unwrap(), (1..=5).map(|n| format!("refresh-{n}")).collect::<Vec<_>>());
    assert_eq!(source.rotate_dpop_key(key()), Err(ConfigurationInvalid::KeyPinned));
}

#[tokio::test]
async fn two_resources_never_refresh_at_the_same_time() {
    let server = authority(rotating).await;
    let source = source(public(&server).resource("https://a.example/").resource("https://b.example/x"));
    let (a, b) = ("https://a.example/1".parse().unwrap(), "https://b.example/x/2".parse().unwrap());
    let (first, second) = tokio::join!(source.token_for(&a), source.token_for(&b));
    assert_ne!(first.unwrap().expose(), second.unwrap().expose());
    let mut resources: Vec<_> = server.seen().iter().map(|seen| seen.form()["resource"].clone()).collect();
    resources.sort();
    assert_eq!(resources, ["https://a.example/", "https://b.example/x"]);
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_lose_the_rotated_refresh_token() {
    let server = authority(rotating).await;
    let source = source(public(&server));
    let impatient = tokio::spawn({
        let source = source.clone();
        async move { source.token().await }
    });
    eventually(|| impatient.is_finished() || !server.seen().is_empty()).await;
    impatient.abort();
    let token = source.token().await.unwrap();
    source.replace(&token).await.unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_dead_refresh_token_is_blamed_on_the_grant() {
    let server = authority(|_, _| json_reply(400, &[], &json!({"error": "invalid_grant"}))).await;
    let error = source(public(&server)).token().await.unwrap_err();
    assert_eq!(error.blame(), Blame::Grant);
}

#[tokio::test]
async fn a_confidential_client_may_change_its_key_and_old_tokens_keep_theirs() {
    let server = authority(|_, count| granted(count)).await;
    let source = source(confidential(&server));
    let before = source.token().await.unwrap();
    source.rotate_dpop_key(key()).unwrap();
    let after = source.token().await.unwrap();
    assert_ne!(format!("{:?}", before.binding()), format!("{:?}", after.binding()));
    let seen = server.seen();
    assert_ne!(seen[0].key(), seen[1].key());
}
