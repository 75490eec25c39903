//! `kill -9` at any moment: whatever a store has answered is there afterwards. The test runs itself as a
//! child that claims and rotates, and prints each answer after it has it; the parent kills it.

#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bindery_core::replay::{ReplayEntry, ReplayKind, ReplayOutcome};
use bindery_core::time::UnixTime;
use bindery_store::authorization::{
    GrantStore as _, PendingStore as _, RefreshTokenState, Rotation, TokenStore as _,
};
use bindery_store::record::{GrantRecord, RefreshTokenRecord};
use bindery_store::sqlite::{SqliteOptions, SqliteStore};

const NOW: UnixTime = UnixTime::from_seconds(1_750_000_000);
const LATER: UnixTime = UnixTime::from_seconds(1_750_000_600);
const FILE: &str = "BINDERY_DURABILITY_TEST_FILE";
const ROUND: &str = "BINDERY_DURABILITY_TEST_ROUND";

fn entry(identifier: &str) -> ReplayEntry<'_> {
    ReplayEntry {
        kind: ReplayKind::ClientAssertion,
        owner: b"client",
        target: ("", ""),
        identifier,
        expires_at: LATER,
    }
}

fn digest(name: &str) -> [u8; 32] {
    let mut digest = [0; 32];
    digest[..name.len()].copy_from_slice(name.as_bytes());
    digest
}

fn token(name: &str, grant_id: &str) -> RefreshTokenRecord {
    RefreshTokenRecord {
        token_sha256: digest(name),
        grant_id: grant_id.to_owned(),
        client_id: "client".to_owned(),
        issued_at: NOW,
        expires_at: LATER,
        spent_at: None,
        successor: None,
    }
}

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, SqliteOptions::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_dash_nine_loses_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bindery.db");
    let mut answers = Vec::new();
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["answers_until_killed", "--exact", "--ignored", "--nocapture"])
            .env(FILE, &path)
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut heard = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let Ok(line) = line else { break };
            let Some((_, answer)) = line.split_once("answered ") else { continue };
            answers.push(answer.to_owned());
            heard += 1;
            if heard == 150 + 50 * round {
                child.kill().unwrap(); // SIGKILL; what is still in the pipe was answered too.
            }
        }
        assert!(heard >= 150 + 50 * round, "the child stopped by itself after {heard} answers");
        assert!(!child.wait().unwrap().success());
    }
    let store = open(&path).await;
    for answer in answers {
        match answer.split_once(' ').unwrap() {
            ("claimed", jti) => assert_eq!(store.claim_once(entry(jti), NOW).await, ReplayOutcome::Duplicate),
            (_, name) => {
                let state = store.find_refresh_token(&digest(name), NOW, Duration::ZERO).await.unwrap();
                assert!(matches!(state, RefreshTokenState::Reused { .. }), "{name}: {state:?}");
            }
        }
    }
}

/// The child: eight tasks that claim, and one that rotates, until the parent kills them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs only as the child of kill_dash_nine_loses_no_answer"]
async fn answers_until_killed() {
    let Ok(path) = std::env::var(FILE) else { return };
    let round = std::env::var(ROUND).unwrap();
    let store = open(Path::new(&path)).await;
    for task in 0..8 {
        let (store, round) = (store.clone(), round.clone());
        tokio::spawn(async move {
            for n in 0.. {
                let jti = format!("{round}/{task}/{n}");
                assert_eq!(store.claim_once(entry(&jti), NOW).await, ReplayOutcome::Inserted);
                say(&format!("claimed {jti}"));
            }
        });
    }
    let grant_id = format!("grant {round}");
    let grant = GrantRecord {
        grant_id: grant_id.clone(),
        client_id: "client".to_owned(),
        subject: "client".to_owned(),
        scope: vec![],
        audience: vec![],
        bound_to: None,
        session_id: None,
        details: serde_json::json!({}),
        created_at: NOW,
        expires_at: LATER,
        revoked_at: None,
    };
    store.insert_grant(&grant).await.unwrap();
    let name = |n: u64| format!("{round}/token {n}");
    store.insert_refresh_token(&token(&name(0), &grant_id)).await.unwrap();
    for n in 0.. {
        let new = token(&name(n + 1), &grant_id);
        let rotation =
            store.rotate_refresh_token(&digest(&name(n)), &new, NOW, Duration::ZERO).await.unwrap();
        assert!(matches!(rotation, Rotation::Rotated { .. }), "{rotation:?}");
        say(&format!("rotated {}", name(n)));
    }
}

/// One line, whole, at once.
fn say(answer: &str) {
    std::io::stdout().write_all(format!("answered {answer}\n").as_bytes()).unwrap();
}
