//! The contract suite on SQLite, and what only this backend promises: two processes on one file, a file
//! that goes away, files that can't be opened, records that can't be read.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::replay::{ReplayEntry, ReplayKind, ReplayOutcome};
use bindery_core::time::UnixTime;
use serde_json::json;
use sqlx::Connection as _;
use tempfile::TempDir;

use super::*;
use crate::authorization::{AuthorizationStore, ClientStore as _, PendingStore as _};
use crate::contract::{self, Backend};
use crate::error::StoreError;
use crate::record::ClientRecord;
use crate::replay::ReplayStore as _;

struct File(TempDir);

impl File {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("bindery.db")
    }

    async fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.path(), SqliteOptions::default()).await.unwrap()
    }

    async fn raw(&self) -> sqlx::SqliteConnection {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.path());
        sqlx::SqliteConnection::connect_with(&options).await.unwrap()
    }
}

impl Backend for File {
    const DURABLE: bool = true;

    async fn open(&self) -> Arc<dyn AuthorizationStore> {
        Arc::new(self.store().await)
    }
}

contract::suite!(contract_suite, File::new());

const NOW: UnixTime = UnixTime::from_seconds(1_750_000_000);

fn client(client_id: &str) -> ClientRecord {
    ClientRecord {
        client_id: client_id.to_owned(),
        metadata: json!({}),
        secret_sha256: None,
        disabled: false,
        created_at: NOW,
        updated_at: NOW,
        registration: json!({}),
        revision: 0,
    }
}

fn entry(identifier: &str) -> ReplayEntry<'_> {
    ReplayEntry {
        kind: ReplayKind::DpopProof,
        owner: b"key",
        target: ("https://api.example", "/"),
        identifier,
        expires_at: NOW.plus(Duration::from_secs(60)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_openings_of_one_file_grant_each_claim_once() {
    let file = File::new();
    let (one, two) = tokio::join!(file.store(), file.store());
    let claims = (0..200).map(|n| {
        let (one, two) = (one.clone(), two.clone());
        let jti = format!("jti {n}");
        tokio::spawn(async move {
            tokio::join!(one.check_and_insert(entry(&jti), NOW), two.check_and_insert(entry(&jti), NOW))
        })
    });
    for claim in claims.collect::<Vec<_>>() {
        let outcomes = claim.await.unwrap();
        assert!(
            matches!(
                outcomes,
                (ReplayOutcome::Inserted, ReplayOutcome::Duplicate)
                    | (ReplayOutcome::Duplicate, ReplayOutcome::Inserted)
            ),
            "{outcomes:?}"
        );
    }
    one.insert_client(&client("c")).await.unwrap();
    assert!(two.find_client("c").await.unwrap().is_some());
    assert_eq!(one.accepted_since(), None);
}

#[tokio::test]
async fn a_file_that_was_removed_or_replaced_is_unavailable() {
    for replace in [false, true] {
        let file = File::new();
        let store = file.store().await;
        store.insert_client(&client("c")).await.unwrap();
        std::fs::remove_file(file.path()).unwrap();
        if replace {
            std::fs::write(file.path(), "").unwrap();
        }
        let read = store.find_client("c").await;
        assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{read:?}");
        let write = store.insert_client(&client("d")).await;
        assert!(matches!(write, Err(StoreError::Unavailable { .. })), "{write:?}");
        assert_eq!(store.claim_once(entry("x"), NOW).await, ReplayOutcome::Unavailable);
    }
}

#[tokio::test]
async fn a_writer_that_waits_too_long_for_another_process_is_unavailable_and_recovers() {
    let file = File::new();
    let options = SqliteOptions { busy_timeout: Duration::from_millis(50), ..SqliteOptions::default() };
    let store = SqliteStore::open(&file.path(), options).await.unwrap();
    let mut other = file.raw().await;
    let transaction = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    assert_eq!(store.claim_once(entry("x"), NOW).await, ReplayOutcome::Unavailable);
    assert!(store.find_client("c").await.unwrap().is_none(), "reading goes on");
    transaction.rollback().await.unwrap();
    assert_eq!(store.claim_once(entry("x"), NOW).await, ReplayOutcome::Inserted);
}

#[tokio::test]
async fn a_closed_store_has_folded_its_log_into_the_file() {
    let file = File::new();
    let store = file.store().await;
    store.insert_client(&client("c")).await.unwrap();
    store.close().await;
    let log = file.path().with_extension("db-wal");
    assert!(std::fs::metadata(log).map_or(0, |log| log.len()) == 0);
    assert!(file.store().await.find_client("c").await.unwrap().is_some());
}

#[tokio::test]
async fn an_opening_that_fails_names_the_path_the_rule_and_the_remedy() {
    let file = File::new();
    let nowhere = file.0.path().join("no such directory").join("bindery.db");
    let garbage = file.0.path().join("garbage.db");
    std::fs::write(&garbage, "not a database, but long enough to be looked at as if it were one".repeat(99))
        .unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&garbage, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    for path in [&nowhere, &garbage, &file.0.path().to_owned()] {
        let error = SqliteStore::open(path, SqliteOptions::default()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&path.display().to_string()), "{text}");
        assert!(text.contains("must be") && text.contains("check that"), "{text}");
    }
}

#[tokio::test]
async fn tables_of_a_newer_version_are_not_touched() {
    let file = File::new();
    file.store().await.close().await;
    let mut raw = file.raw().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'of the future', 1, x'00', 0)";
    sqlx::query(newer).execute(&mut raw).await.unwrap();
    let error = SqliteStore::open(&file.path(), SqliteOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("tables must be those of this version"), "{error}");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_corrupt_and_never_a_default() {
    let file = File::new();
    let store = file.store().await;
    store.insert_client(&client("c")).await.unwrap();
    let mut raw = file.raw().await;
    sqlx::query("UPDATE clients SET metadata = '{\"half'").execute(&mut raw).await.unwrap();
    let expected = StoreError::Corrupt { record: "client", name: "c".to_owned(), member: "metadata" };
    assert_eq!(store.find_client("c").await, Err(expected.clone()));
    assert_eq!(store.list_clients().await, Err(expected));
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = File::new();
    let store = file.store().await;
    store.insert_client(&client("c")).await.unwrap();
    for name in ["bindery.db", "bindery.db-wal", "bindery.db-shm"] {
        let mode = std::fs::metadata(file.0.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
}

/// SQLite itself rolls back when the disk is full, and the connection must not stay wedged by that.
#[tokio::test]
async fn a_full_disk_is_unavailable_and_writes_go_on_once_there_is_room() {
    let file = File::new();
    let store = file.store().await;
    store.insert_client(&client("before")).await.unwrap();
    let limit = store.writer.write("limiting", |c| {
        Box::pin(async move {
            sqlx::query("PRAGMA max_page_count = 1")
                .execute(c)
                .await
                .map(|_| ())
                .map_err(sql::unavailable("limiting"))
        })
    });
    limit.await.unwrap();
    let large = ClientRecord { metadata: json!({ "client_name": "x".repeat(100_000) }), ..client("large") };
    let full = store.insert_client(&large).await;
    assert!(matches!(full, Err(StoreError::Unavailable { .. })), "{full:?}");
    store.insert_client(&client("after")).await.unwrap();
    assert_eq!(store.find_client("large").await, Ok(None));
    assert!(store.find_client("before").await.unwrap().is_some());
}

#[cfg(unix)]
#[tokio::test]
async fn refuses_a_file_that_others_than_its_owner_may_use() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = File::new();
    file.store().await.close().await;
    for (mode, opens) in [(0o660, false), (0o602, false), (0o640, false), (0o604, false), (0o600, true)] {
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        match SqliteStore::open(&file.path(), SqliteOptions::default()).await {
            Ok(_) => assert!(opens, "{mode:o}"),
            Err(error) => assert!(!opens && error.to_string().contains("chmod 600"), "{mode:o}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_failed_write_in_a_shared_transaction_takes_no_other_with_it() {
    let file = File::new();
    let store = file.store().await;
    store.insert_client(&client("taken")).await.unwrap();
    let writes = (0..50).map(|n| {
        let store = store.clone();
        let name = if n % 2 == 0 { format!("{n}") } else { "taken".to_owned() };
        async move { store.insert_client(&client(&name)).await.is_ok() }
    });
    let done = futures_util::future::join_all(writes).await;
    assert_eq!(done.iter().filter(|done| **done).count(), 25);
    assert_eq!(store.list_clients().await.unwrap().len(), 26);
}

/// While writes go on, and with all that was answered before.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_made_under_load_is_sound_and_holds_what_was_answered_before() {
    let file = File::new();
    let store = file.store().await;
    for n in 0..20 {
        store.insert_client(&client(&format!("before {n}"))).await.unwrap();
    }
    let writing = {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0.. {
                store.insert_client(&client(&format!("during {n}"))).await.unwrap();
            }
        })
    };
    let copy = File::new();
    back_up(&file.path(), &copy.path()).await.unwrap();
    writing.abort();
    let restored = copy.store().await;
    let clients = restored.list_clients().await.unwrap();
    assert_eq!(clients.iter().filter(|client| client.client_id.starts_with("before")).count(), 20);
    restored.insert_client(&client("after")).await.unwrap();
    assert_eq!(store.find_client("after").await.unwrap(), None, "the copy is another file");
}

#[tokio::test]
async fn a_copy_replaces_no_file_and_is_for_its_owner_alone() {
    let (file, copy) = (File::new(), File::new());
    file.store().await.close().await;
    std::fs::write(copy.path(), "precious").unwrap();
    let error = back_up(&file.path(), &copy.path()).await.unwrap_err().to_string();
    assert!(error.contains("name a file that is not there yet"), "{error}");
    assert_eq!(std::fs::read(copy.path()).unwrap(), b"precious");
    let new = copy.path().with_extension("new");
    let error = back_up(&file.0.path().join("no such file"), &new).await.unwrap_err().to_string();
    assert!(error.contains("no such file") && !new.exists(), "nothing is left behind: {error}");
    assert!(!file.0.path().join("no such file").exists());
    back_up(&file.path(), &new).await.unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&new).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

/// Claims of few things with few expiries, so that all cases meet: new, known, twice at once, expired and
/// claimed anew, purged.
#[tokio::test]
async fn claims_that_are_made_together_are_decided_as_if_each_had_come_alone() {
    let (together, alone) = (File::new(), File::new());
    drop((together.store().await, alone.store().await));
    let (mut together, mut alone) = (together.raw().await, alone.raw().await);
    let mut state = 1_u64;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((state >> 33) % below).unwrap()
    };
    let mut granted = 0;
    for now in 0..200 {
        let claims = (0..draw(40)).map(|_| {
            let fingerprint = [u8::try_from(draw(60)).unwrap(); 16];
            claims::Claim { fingerprint, expires_at: now + draw(9), now }
        });
        let claims = claims.collect::<Vec<_>>();
        let mut outcomes = Vec::new();
        for some in claims.chunks(claims::LARGEST) {
            outcomes.extend(claims::claim_all(&mut together, some).await.unwrap());
        }
        let mut expected = Vec::new();
        for one in &claims {
            expected.push(claims::claim(&mut alone, one).await.unwrap());
        }
        assert_eq!(outcomes, expected, "at {now}");
        granted += outcomes.iter().filter(|outcome| **outcome == ReplayOutcome::Inserted).count();
        if draw(5) == 0 {
            for connection in [&mut together, &mut alone] {
                sql::Purge::Claims.step(connection, now).await.unwrap();
            }
        }
    }
    assert!(granted > 500, "{granted}");
}

/// The others are told as well, and the store goes on.
#[tokio::test]
async fn claims_that_wait_for_a_writer_that_can_not_write_are_all_unavailable() {
    let file = File::new();
    let options = SqliteOptions { busy_timeout: Duration::from_millis(50), ..SqliteOptions::default() };
    let store = SqliteStore::open(&file.path(), options).await.unwrap();
    let mut other = file.raw().await;
    let transaction = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let names = (0..100).map(|n| format!("{n}")).collect::<Vec<_>>();
    let claims = names.iter().map(|name| store.claim_once(entry(name), NOW));
    let outcomes = futures_util::future::join_all(claims).await;
    assert!(outcomes.iter().all(|outcome| *outcome == ReplayOutcome::Unavailable), "{outcomes:?}");
    transaction.rollback().await.unwrap();
    let claims = names.iter().map(|name| store.claim_once(entry(name), NOW));
    let outcomes = futures_util::future::join_all(claims).await;
    assert!(outcomes.iter().all(|outcome| *outcome == ReplayOutcome::Inserted), "{outcomes:?}");
}
