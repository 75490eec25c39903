//! The contract suite on a real PostgreSQL, and what only this backend promises: nodes that start at once,
//! connections that are lost, servers that can't be trusted, passwords that stay hidden.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::replay::{ReplayEntry, ReplayKind, ReplayOutcome};
use bindery_core::time::UnixTime;
use futures_util::future::join_all;
use sqlx::{AssertSqlSafe, Connection as _};

use super::fixture::PostgresServer;
use super::*;
use crate::authorization::{AuthorizationStore, ClientStore as _, PendingStore as _};
use crate::contract::{self, Backend};
use crate::error::StoreError;
use crate::replay::ReplayStore as _;

struct Schema(PostgresOptions);

impl Backend for Schema {
    const DURABLE: bool = true;

    async fn open(&self) -> Arc<dyn AuthorizationStore> {
        Arc::new(PostgresStore::open(&self.0).await.unwrap())
    }
}

contract::suite!(contract_suite, if PostgresServer::shared().map(|server| Schema(server.fresh_schema())));

const NOW: UnixTime = UnixTime::from_seconds(1_750_000_000);

fn entry(identifier: &str) -> ReplayEntry<'_> {
    ReplayEntry {
        kind: ReplayKind::ClientAssertion,
        owner: b"client",
        target: ("", ""),
        identifier,
        expires_at: NOW.plus(Duration::from_secs(60)),
    }
}

async fn open(options: &PostgresOptions) -> PostgresStore {
    PostgresStore::open(options).await.unwrap()
}

async fn raw(server: &PostgresServer, options: &PostgresOptions) -> sqlx::PgConnection {
    let driver = PostgresOptions::new(server.url(), &options.schema).to_driver().unwrap();
    sqlx::PgConnection::connect_with(&driver).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_start_at_once_agree_on_the_tables_and_share_everything() {
    let Some(server) = PostgresServer::shared() else { return };
    let options = server.fresh_schema();
    assert!(!PostgresStore::exists(&options).await.unwrap());
    let nodes = join_all((0..8).map(|_| open(&options))).await;
    for jti in 0..50 {
        let jti = format!("{jti}");
        let outcomes = join_all(nodes.iter().map(|node| node.check_and_insert(entry(&jti), NOW))).await;
        let granted = outcomes.iter().filter(|outcome| **outcome == ReplayOutcome::Inserted).count();
        let refused = outcomes.iter().filter(|outcome| **outcome == ReplayOutcome::Duplicate).count();
        assert_eq!((granted, refused), (1, 7), "{outcomes:?}");
    }
    assert!(PostgresStore::exists(&options).await.unwrap());
    nodes[0].insert_client(&contract::samples::client("c")).await.unwrap();
    assert!(nodes[7].find_client("c").await.unwrap().is_some());
    assert_eq!(nodes[0].claims_since(), None);
}

/// An issuer has a schema of its own, and nothing leads from one to another.
#[tokio::test]
async fn nothing_in_one_schema_is_seen_from_another() {
    let Some(server) = PostgresServer::shared() else { return };
    let (one, two) = (open(&server.fresh_schema()).await, open(&server.fresh_schema()).await);
    one.insert_client(&contract::samples::client("c")).await.unwrap();
    assert_eq!(one.claim_once(entry("x"), NOW).await, ReplayOutcome::Inserted);
    assert_eq!(two.find_client("c").await.unwrap(), None);
    assert_eq!(two.claim_once(entry("x"), NOW).await, ReplayOutcome::Inserted);
}

/// DPOP-11.1-12 between nodes: the copy arrives while another node purges the original.
#[tokio::test]
async fn a_claim_that_is_being_purged_by_another_node_is_not_granted_again() {
    let Some(server) = PostgresServer::shared() else { return };
    let options = server.fresh_schema();
    let store = open(&options).await;
    assert_eq!(store.claim_once(entry("x"), NOW).await, ReplayOutcome::Inserted);
    let mut other = raw(server, &options).await;
    let mut purging = other.begin().await.unwrap();
    let expires_at = entry("x").expires_at.as_seconds();
    let note = "UPDATE claim_memory SET dropped_through = $1";
    sqlx::query(note).bind(expires_at).execute(&mut *purging).await.unwrap();
    sqlx::query("DELETE FROM claims").execute(&mut *purging).await.unwrap();
    let copy = {
        let store = store.clone();
        tokio::spawn(async move { store.claim_once(entry("x"), NOW).await })
    };
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                   AND query LIKE 'INSERT INTO claims%'";
    let mut watcher = raw(server, &options).await;
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut watcher).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    purging.commit().await.unwrap();
    assert_eq!(copy.await.unwrap(), ReplayOutcome::Duplicate);
    assert_eq!(store.claim_once(entry("x"), NOW).await, ReplayOutcome::Duplicate);
}

#[tokio::test]
async fn a_server_that_crashes_forgets_no_answer_and_is_found_again() {
    let Some(server) = PostgresServer::start() else { return };
    let store = open(&server.fresh_schema()).await;
    assert_eq!(store.claim_once(entry("x"), NOW).await, ReplayOutcome::Inserted);
    store.insert_client(&contract::samples::client("c")).await.unwrap();
    server.crash_and_restart();
    let mut attempts = 0;
    let found = loop {
        attempts += 1;
        match store.find_client("c").await {
            Ok(found) => break found,
            // The connections that were idle are lost; each is noticed once.
            Err(error) => assert!(matches!(error, StoreError::Unavailable { .. }) && attempts < 9, "{error}"),
        }
    };
    assert!(found.is_some());
    store.check().await.unwrap();
    assert_eq!(store.claim_once(entry("x"), NOW).await, ReplayOutcome::Duplicate);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_a_start_on_it_names_the_remedy() {
    let Some(server) = PostgresServer::start() else { return };
    let options = server.fresh_schema();
    let store = open(&options).await;
    let url = server.url();
    drop(server);
    let outcome = loop {
        match store.find_client("c").await {
            Ok(found) => assert_eq!(found, None),
            Err(error) => break error,
        }
    };
    assert!(matches!(outcome, StoreError::Unavailable { .. }), "{outcome}");
    assert_eq!(store.claim_once(entry("x"), NOW).await, ReplayOutcome::Unavailable);
    assert!(store.check().await.is_err());
    let error = PostgresStore::open(&PostgresOptions::new(url, "bindery")).await.unwrap_err().to_string();
    assert!(error.contains("schema `bindery`") && error.contains("check that the server runs"), "{error}");
}

/// Five seconds, as the timeouts say; nothing waits for ever for another node.
#[tokio::test]
async fn a_row_that_another_node_holds_too_long_is_unavailable_and_nothing_is_changed() {
    let Some(server) = PostgresServer::shared() else { return };
    let options = server.fresh_schema();
    let store = open(&options).await;
    let client = contract::samples::client("c");
    store.insert_client(&client).await.unwrap();
    let mut other = raw(server, &options).await;
    let mut holding = other.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM clients FOR UPDATE").execute(&mut *holding).await.unwrap();
    let held = store.disable_client("c", NOW).await;
    assert!(matches!(held, Err(StoreError::Unavailable { .. })), "{held:?}");
    holding.rollback().await.unwrap();
    assert_eq!(store.find_client("c").await.unwrap(), Some(client));
    store.disable_client("c", NOW).await.unwrap();
}

#[tokio::test]
async fn tables_of_a_newer_version_are_not_touched() {
    let Some(server) = PostgresServer::shared() else { return };
    let options = server.fresh_schema();
    open(&options).await.close().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'of the future', true, '', 0)";
    sqlx::query(newer).execute(&mut raw(server, &options).await).await.unwrap();
    let error = PostgresStore::open(&options).await.unwrap_err().to_string();
    assert!(error.contains("tables must be those of this version"), "{error}");
}

/// The role that Bindery uses needs nothing but its schema.
#[tokio::test]
async fn a_role_that_may_not_create_schemas_uses_the_one_that_was_made_for_it() {
    let Some(server) = PostgresServer::shared() else { return };
    let options = server.fresh_schema();
    let schema = &options.schema;
    let mut administrator = raw(server, &options).await;
    for statement in [
        format!("CREATE ROLE role_of_{schema} LOGIN"),
        format!("CREATE SCHEMA {schema} AUTHORIZATION role_of_{schema}"),
        "REVOKE CREATE ON DATABASE postgres FROM PUBLIC".to_owned(),
    ] {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut administrator).await.unwrap();
    }
    let url = server.url().replace("bindery@", &format!("role_of_{schema}@"));
    open(&PostgresOptions::new(&url, schema)).await.check().await.unwrap();
    let error = PostgresStore::open(&PostgresOptions::new(&url, "another")).await.unwrap_err().to_string();
    assert!(error.contains("permission denied") && error.contains("may create the schema"), "{error}");
}

#[tokio::test]
async fn refuses_a_server_that_answers_before_it_remembers() {
    let Some(server) = PostgresServer::shared() else { return };
    let options = server.fresh_schema();
    let role = format!("forgetful_{}", options.schema);
    let mut administrator = raw(server, &options).await;
    for statement in [
        format!("CREATE ROLE {role} LOGIN SUPERUSER"),
        format!("ALTER ROLE {role} SET synchronous_commit = off"),
    ] {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut administrator).await.unwrap();
    }
    let url = server.url().replace("bindery@", &format!("{role}@"));
    let error = PostgresStore::open(&PostgresOptions::new(url, "forgetful")).await.unwrap_err().to_string();
    assert!(error.contains("`synchronous_commit` is off"), "{error}");
}

#[test]
fn a_password_is_in_no_text() {
    let mut options = PostgresOptions::new("postgres://user:PASSWORD@db.example/bindery", "issuer");
    options.password = Some("OTHERWORD".to_owned());
    let url = "postgres://user:PASSWORD@db.example/bindery";
    let bad =
        ["?sslmode=require", "?passwd=PASSWORD", "?password=PASSWORD", "?sslmode=PASSWORD", "?port=PASSWORD"];
    let mut texts = vec![format!("{options:?}"), options.name()];
    for bad in bad {
        let error = PostgresOptions::new(format!("{url}{bad}"), "issuer").to_driver().unwrap_err();
        texts.push(format!("{error} {error:?}"));
    }
    for bad in
        ["PASSWORD", "postgres://u:PASSWORD@[/x", "mysql://u:PASSWORD@h/d", "postgres://u:PASSWORD@h:99999/d"]
    {
        let error = PostgresOptions::new(bad, "issuer").to_driver().unwrap_err();
        texts.push(format!("{error} {error:?}"));
    }
    for text in texts {
        assert!(!text.contains("PASSWORD") && !text.contains("OTHERWORD"), "{text}");
        assert!(text.contains("issuer"), "{text}");
    }
}

#[test]
fn refuses_names_of_schemas_that_are_not_plain() {
    let long = "x".repeat(64);
    for name in ["", "Bindery", "a-b", "a b", "1st", "pg_temp", "a\"; DROP SCHEMA public", "ä", &long] {
        let error = PostgresOptions::new("postgres://localhost/x", name).to_driver().unwrap_err();
        assert!(error.to_string().contains("a schema's name must be"), "{error}");
    }
    for name in ["bindery", "_a1", &long[1..]] {
        PostgresOptions::new("postgres://localhost/x", name).to_driver().unwrap();
    }
}

#[test]
fn a_server_elsewhere_must_show_who_it_is() {
    use sqlx::postgres::PgSslMode;
    let driver = |url: &str| PostgresOptions::new(url, "bindery").to_driver();
    for url in
        ["postgres://db.example/x", "postgres://db.example/x?sslmode=verify-full", "postgres://192.0.2.1/x"]
    {
        assert!(matches!(driver(url).unwrap().get_ssl_mode(), PgSslMode::VerifyFull), "{url}");
    }
    for mode in ["disable", "allow", "prefer", "require", "verify-ca"] {
        let url = format!("postgres://db.example/x?sslmode={mode}");
        let error = driver(&url).unwrap_err().to_string();
        assert!(error.contains("verify-full") && error.contains("dangerous_unverified_server"), "{error}");
        let dangerous =
            PostgresOptions { dangerous_unverified_server: true, ..PostgresOptions::new(&url, "bindery") };
        dangerous.to_driver().unwrap();
    }
    for url in
        ["postgres://localhost/x?sslmode=disable", "postgres://127.0.0.1/x", "postgres://u@x/y?host=/run"]
    {
        driver(url).unwrap();
    }
}

/// The certificate's name and its authority are both looked at.
#[tokio::test]
async fn a_server_is_trusted_for_its_certificate_and_for_nothing_else() {
    let Some(server) = PostgresServer::start() else { return };
    let authority = || {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        rcgen::CertifiedIssuer::self_signed(parameters, key).unwrap()
    };
    let (ours, other) = (authority(), authority());
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &ours).unwrap();
    let port = server.restart_with_tls(&leaf.pem(), &key.serialize_pem());
    let directory = tempfile::tempdir().unwrap();
    for (name, authority) in [("ours", &ours), ("other", &other)] {
        std::fs::write(directory.path().join(name), authority.pem()).unwrap();
    }
    let url = |host: &str, authority: Option<&str>| {
        let root = authority.map(|name| format!("&sslrootcert={}", directory.path().join(name).display()));
        let root = root.unwrap_or_default();
        format!("postgres://bindery@{host}:{port}/postgres?sslmode=verify-full{root}")
    };
    let open = async |url: String| PostgresStore::open(&PostgresOptions::new(url, "bindery")).await;
    open(url("localhost", Some("ours"))).await.unwrap().check().await.unwrap();
    for distrusted in
        [url("localhost", Some("other")), url("localhost", None), url("127.0.0.1", Some("ours"))]
    {
        let error = open(distrusted).await.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
    }
}
