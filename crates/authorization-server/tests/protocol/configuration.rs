//! Configurations and stores that must not start, or must come back the same: the error names the option.

use std::sync::Arc;

use bindery_authorization_server::{
    AuthorizationServer, SealingKey, ServerConfiguration, ServerParts, StartFailed,
};
use bindery_core::time::UnixTime;
use bindery_core::token::confirmation::Confirmation;
use bindery_http::ManualClock;
use bindery_store::memory::{MemoryStore, ReplayMemory};
use serde_json::{Value, json};

use crate::support::{SECRET, Setup, world};

pub(crate) fn parts(key: SealingKey, store: &Arc<MemoryStore>) -> ServerParts {
    let clock = Arc::new(ManualClock::new(UnixTime::from_seconds(1_800_000_000)));
    ServerParts::new(store.clone(), clock, key)
}

pub(crate) fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(ReplayMemory::new(1000, UnixTime::from_seconds(0), [1; 16])))
}

pub(crate) async fn start(configuration: Value) -> Result<AuthorizationServer, String> {
    let configuration: ServerConfiguration =
        serde_json::from_value(configuration).map_err(|error| error.to_string())?;
    let started =
        AuthorizationServer::start(&configuration, parts(SealingKey::ephemeral().unwrap(), &store()));
    started.await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_contradiction_does_not_start_and_the_error_names_the_option() {
    for (changes, option) in [
        (json!({"issuer": "http://id.example"}), "issuer"),
        (json!({"issuer": "https://id.example?x"}), "issuer"),
        (json!({"issuer": "https://id.example/a/../b"}), "issuer"),
        (json!({"mtls_base_url": "https://mtls.example/other"}), "mtls_base_url"),
        (json!({"mtls_base_url": "https://id.example"}), "mtls_base_url"),
        (json!({"access_token_lifetime": 0}), "access_token_lifetime"),
        (json!({"access_token_lifetime": 86_400}), "access_token_lifetime"),
        (json!({"access_token_lifetime": 1800}), "access_token_lifetime"),
        (
            json!({"assertion_algorithms": ["PS256"], "client": [{
                "client_id": "a", "grant_types": [], "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_signing_alg": "ES256", "jwks": Setup::new().configuration["client"][0]["jwks"],
            }]}),
            "token_endpoint_auth_signing_alg",
        ),
        (json!({"profile": "fapi2-security", "dpop": {"algorithms": ["ES384"]}}), "dpop.algorithms"),
        (json!({"refresh_grace": 600}), "refresh_grace"),
        (json!({"signing_algorithms": []}), "signing_algorithms"),
        (json!({"signing_algorithms": ["HS256"]}), "signing_algorithms"),
        (json!({"dpop": {"algorithms": ["none"]}}), "dpop.algorithms"),
        (json!({"dpop": {"past": 3000}}), "dpop.past"),
        (json!({"dpop": {"future": 61}}), "dpop.future"),
        (json!({"dpop": {"nonce_key_rotation": 300}}), "dpop.nonce_key_rotation"),
        (json!({"dpop": {"replay_bound": 0}}), "dpop.replay_bound"),
        (json!({"dpop": {"unknown": 1}}), "unknown"),
        (json!({"unknown": 1}), "unknown"),
        (json!({"client_keys": {"cache_lifetime": 5}}), "client_keys.cache_lifetime"),
        (json!({"client_keys": {"refetch_pause": 0}}), "client_keys.refetch_pause"),
        (json!({"client_keys": {"stale_limit": 60}}), "client_keys.stale_limit"),
        (json!({"client_keys": {"allowed_hosts": []}}), "allowed_hosts"),
        (json!({"cors_origins": ["https://app.example/"]}), "cors_origins"),
        (json!({"trust_anchors": []}), "client pki-client: trust_anchors"),
        (json!({"trust_anchors": [{"name": "trusted", "pem": "nonsense"}]}), "trust_anchors trusted"),
        (json!({"profile": "fapi2-security"}), "client jwt-mtls: sender_constraint"),
        (json!({"profile": "fapi2-security", "signing_algorithms": ["RS256"]}), "signing_algorithms"),
        (json!({"profile": "fapi2-security", "assertion_audience": "own_urls"}), "assertion_audience"),
        (json!({"client": [{"client_id": "a", "grant_types": ["password"]}]}), "client a: grant_types"),
        (json!({"client": [{"grant_types": []}]}), "client[0]"),
        (
            json!({"client": [{"client_id": "a", "grant_types": [], "token_endpoint_auth_method": "none"},
                           {"client_id": "a", "grant_types": [], "token_endpoint_auth_method": "none"}]}),
            "client_id",
        ),
        (
            json!({"client": [{"client_id": "a", "grant_types": [], "jwks_uri": "https://c.example/jwks",
                            "token_endpoint_auth_method": "private_key_jwt"}]}),
            "jwks_uri",
        ),
    ] {
        let mut configuration = Setup::new().configuration;
        for (name, value) in changes.as_object().unwrap() {
            configuration[name] = value.clone();
        }
        let error = start(configuration).await.expect_err(&changes.to_string());
        assert!(error.contains(option), "{changes}: {error}");
    }
    start(Setup::new().configuration).await.unwrap();
}

#[tokio::test]
async fn the_configuration_reads_as_toml() {
    let text = format!(
        r#"
        issuer = "https://id.example"
        signing_algorithms = ["ES256"]

        [dpop]
        nonce = "required"

        [[client]]
        client_id = "legacy"
        token_endpoint_auth_method = "client_secret_basic"
        client_secret_sha256 = "{}"
        grant_types = ["client_credentials"]
        audiences = ["https://api.example"]
        sender_constraint = "none"
        sender_constraint_reason = "the vendor ships DPoP in spring"
        sender_constraint_until = "2027-03-31"
        "#,
        bindery_core::encoding::base64url::encode([7; 32])
    );
    let configuration: ServerConfiguration = toml::from_str(&text).unwrap();
    let started =
        AuthorizationServer::start(&configuration, parts(SealingKey::ephemeral().unwrap(), &store()));
    started.await.unwrap();
}

#[tokio::test]
async fn keys_come_back_after_a_restart_and_do_not_open_under_another_sealing_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bindery.key");
    let configuration: ServerConfiguration = serde_json::from_value(Setup::new().configuration).unwrap();
    let store = store();
    let start = |key: SealingKey| AuthorizationServer::start(&configuration, parts(key, &store));
    let first = start(SealingKey::load_or_generate(&path).unwrap()).await.unwrap();
    let again = start(SealingKey::load_or_generate(&path).unwrap()).await.unwrap();
    assert_eq!(first.jwk_set(), again.jwk_set());
    let refused = start(SealingKey::ephemeral().unwrap()).await.unwrap_err();
    assert!(matches!(refused, StartFailed::Key(_)), "{refused}");
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bindery.key");
    SealingKey::load_or_generate(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = SealingKey::from_file(&path).unwrap_err().to_string();
    assert!(error.contains("644") && error.contains("chmod 600"), "{error}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&path, "short").unwrap();
    assert!(SealingKey::from_file(&path).is_err());
}

#[tokio::test]
async fn an_operator_can_grant_only_what_the_client_may_have() {
    let world = world().await;
    let grant = |client: &'static str, subject: &'static str, scope: &'static str| {
        let server = world.server.clone();
        async move {
            let confirmation = Confirmation::Unbound;
            bindery_authorization_server::provision::grant(&server, client, subject, scope, confirmation)
                .await
        }
    };
    assert!(grant("public-client", "alice", "read").await.is_ok());
    assert!(grant("public-client", "alice", "admin").await.is_err());
    assert!(grant("public-client", "", "").await.is_err());
    assert!(grant("public-client", "client:jwt-client", "").await.is_err());
    assert!(grant("nobody", "alice", "").await.is_err());
    assert!(grant("jwt-disabled", "alice", "").await.is_err());
    assert!(grant("api", "alice", "").await.is_err());
    assert!(!SECRET.is_empty());
}
