//! Several processes on one store, racing for the same code, claim and refresh token: one wins. The test runs
//! itself as children that all begin at one word, each with connections of its own.

#![cfg(all(feature = "sqlite", feature = "postgres"))]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bindery_core::replay::ReplayOutcome;
use futures_util::future::join_all;

use crate::authorization::{AuthorizationStore, RefreshTokenState, Rotation, Spending};
use crate::contract::samples::{at, claim, digest, grant, pending, refresh_token};
use crate::postgres::fixture::PostgresServer;
use crate::postgres::{PostgresOptions, PostgresStore};
use crate::record::PendingKind::AuthorizationCode;
use crate::record::PendingRecord;
use crate::sqlite::{SqliteOptions, SqliteStore};

const PLACE: &str = "BINDERY_RACE_TEST_PLACE";
const NAME: &str = "BINDERY_RACE_TEST_NAME";
const PROCESSES: usize = 4;
const THINGS: usize = 40;
const GRACE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn of_processes_that_race_on_one_file_one_wins_each_thing() {
    let directory = tempfile::tempdir().unwrap();
    race(directory.path().join("bindery.db").to_str().unwrap()).await;
}

#[tokio::test]
async fn of_processes_that_race_on_one_database_one_wins_each_thing() {
    let Some(server) = PostgresServer::shared() else { return };
    let PostgresOptions { url, schema, .. } = server.fresh_schema();
    race(&format!("{url}#{schema}")).await;
}

/// A file's path, or a database's URL with the schema behind a `#`.
async fn open(place: &str) -> Arc<dyn AuthorizationStore> {
    match place.split_once('#') {
        Some((url, schema)) => {
            Arc::new(PostgresStore::open(&PostgresOptions::new(url, schema)).await.unwrap())
        }
        None => Arc::new(SqliteStore::open(Path::new(place), SqliteOptions::default()).await.unwrap()),
    }
}

async fn race(place: &str) {
    let mut children = (0..PROCESSES).map(|name| child(place, name)).collect::<Vec<_>>();
    let mut outputs = Vec::new();
    for child in &mut children {
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().ends_with("racer is ready")), "a child did not start");
        outputs.push(lines);
    }
    let store = open(place).await;
    for n in 0..THINGS {
        let code = PendingRecord { alias_sha256: None, ..pending(AuthorizationCode, &format!("code {n}")) };
        store.insert_pending(&code).await.unwrap();
        let (old, token) = (format!("old {n}"), format!("token {n}"));
        store.provision_grant(&grant(&old), Some(&refresh_token(&token, &old))).await.unwrap();
    }
    for child in &mut children {
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }
    let mut won = Vec::new();
    for (child, lines) in children.iter_mut().zip(outputs) {
        won.extend(
            lines.map_while(Result::ok).filter_map(|line| Some(line.split_once("won ")?.1.to_owned())),
        );
        assert!(child.wait().unwrap().success());
    }
    won.sort();
    let mut expected = Vec::new();
    for n in 0..THINGS {
        for kind in ["claim", "code", "token"] {
            expected.push(format!("{kind} {n}"));
        }
    }
    expected.sort();
    assert_eq!(won, expected, "each thing was won once, by one process");

    let mut grants = store.list_grants(&Default::default(), None, 1_000).await.unwrap();
    grants.retain(|grant| grant.grant_id.starts_with("code "));
    assert_eq!(grants.len(), THINGS, "one grant for each code");
    for n in 0..THINGS {
        let spent = store.find_refresh_token(&digest(&format!("token {n}")), at(1), GRACE).await.unwrap();
        let RefreshTokenState::SpentWithinGrace { successor, .. } = spent else { panic!("{spent:?}") };
        let heir = store.find_refresh_token(&successor, at(1), GRACE).await.unwrap();
        assert!(matches!(heir, RefreshTokenState::Live { .. }), "{heir:?}");
    }
}

fn child(place: &str, name: usize) -> Child {
    let test = "processes_tests::races_for_everything_when_told";
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env(PLACE, place)
        .env(NAME, name.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The child: asks for everything at once, and prints what it was given.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs only as the child of the races"]
async fn races_for_everything_when_told() {
    let Ok(place) = std::env::var(PLACE) else { return };
    let name = std::env::var(NAME).unwrap();
    let store = open(&place).await;
    say("racer is ready");
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
    join_all((0..THINGS).map(|n| ask(store.clone(), n, &name))).await;
}

async fn ask(store: Arc<dyn AuthorizationStore>, n: usize, name: &str) {
    let (code, token) = (format!("code {n}"), format!("token {n}"));
    let given = format!("{code} by {name}");
    let (grant, first) = (grant(&given), refresh_token(&format!("{n} of {name}"), &given));
    let key = digest(&code);
    match store.redeem_pending(AuthorizationCode, &key, at(1), &grant, Some(&first)).await.unwrap() {
        Spending::Spent(_) => say(&format!("won {code}")),
        spending => assert!(matches!(spending, Spending::SpentBefore(_)), "{spending:?}"),
    }
    match store.claim_once(claim(&format!("claim {n}"), at(60)), at(1)).await {
        ReplayOutcome::Inserted => say(&format!("won claim {n}")),
        outcome => assert_eq!(outcome, ReplayOutcome::Duplicate),
    }
    let heir = refresh_token(&format!("heir {n} {name}"), &format!("old {n}"));
    match store.rotate_refresh_token(&digest(&token), &heir, at(1), GRACE).await.unwrap() {
        Rotation::Rotated { .. } => say(&format!("won {token}")),
        Rotation::Refused(state) => {
            assert!(matches!(state, RefreshTokenState::SpentWithinGrace { .. }), "{state:?}");
        }
    }
}

/// One line, whole, at once.
fn say(text: &str) {
    std::io::stdout().write_all(format!("{text}\n").as_bytes()).unwrap();
}
