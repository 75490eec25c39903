//! A proof passes once, wherever and whenever it is sent again (RFC 9449 section 11.1).

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;
use bindery_http::{Clock, ManualClock};
use bindery_resource_server::configuration::GuardParts;
use bindery_store::ReplayStore;
use bindery_store::memory::ReplayMemory;
use http::StatusCode;

use crate::world::{Client, START, configuration, memory_since, with_proof};
use crate::{Scene, call};

#[tokio::test]
async fn refuses_the_same_proof_twice() {
    let scene = Scene::new();
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let proof = client.proof("GET", "/items", &token);
    assert_eq!(scene.call(with_proof("/items", &token, &proof)).await.reason(), "dpop");
    let again = scene.call(with_proof("/items", &token, &proof)).await;
    assert_eq!((again.status, again.reason()), (StatusCode::UNAUTHORIZED, "proof_replayed"));
    // A query does not make it another request.
    let again = scene.call(with_proof("/items?x=1", &token, &proof)).await;
    assert_eq!(again.reason(), "proof_replayed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lets_exactly_one_of_a_hundred_concurrent_copies_pass() {
    let scene = Scene::new();
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let proof = client.proof("GET", "/items", &token);
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let (guard, token, proof) = (scene.guard.clone(), token.clone(), proof.clone());
            tokio::spawn(async move { call(&guard, with_proof("/items", &token, &proof)).await.status })
        })
        .collect();
    let mut passed = 0;
    for call in calls {
        passed += usize::from(call.await.unwrap() == StatusCode::OK);
    }
    assert_eq!(passed, 1);
}

#[tokio::test]
async fn refuses_a_replay_at_every_second_from_the_earliest_to_the_latest_acceptance() {
    // From the future by 30 s to the past by 60 s: the first use at the earliest second, then each second.
    let scene = Scene::new();
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let issued_at = START.plus(Duration::from_secs(30));
    let proof = client.proof_with("GET", "/items", &token, None, "one", issued_at);
    assert_eq!(scene.call(with_proof("/items", &token, &proof)).await.status, StatusCode::OK);
    for second in 0..=95 {
        scene.clock.set(START.plus(Duration::from_secs(second)));
        let again = scene.call(with_proof("/items", &token, &proof)).await;
        let expected = if second <= 90 { "proof_replayed" } else { "proof_expired" };
        assert_eq!(again.reason(), expected, "after {second} s");
    }
}

#[tokio::test]
async fn a_first_use_at_any_second_of_the_window_is_remembered_to_its_end() {
    for first in [0, 1, 29, 30, 59, 89, 90] {
        let scene = Scene::new();
        let client = Client::new(&scene.clock);
        let token = scene.issuer.token(client.cnf());
        let issued_at = START.plus(Duration::from_secs(30));
        let proof = client.proof_with("GET", "/", &token, None, "one", issued_at);
        scene.clock.advance(Duration::from_secs(first));
        assert_eq!(scene.call(with_proof("/", &token, &proof)).await.status, StatusCode::OK, "at {first} s");
        for second in first..=90 {
            scene.clock.set(START.plus(Duration::from_secs(second)));
            let again = scene.call(with_proof("/", &token, &proof)).await;
            assert_eq!(again.reason(), "proof_replayed", "first at {first} s, again at {second} s");
        }
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_does_not_open_the_window_again() {
    let scene = Scene::new();
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let proof = client.proof("GET", "/", &token);
    assert_eq!(scene.call(with_proof("/", &token, &proof)).await.status, StatusCode::OK);
    scene.clock.advance(Duration::from_secs(300));
    // Something else passes, so that the memory has dropped what has expired.
    assert_eq!(scene.call(client.get("/", &token)).await.status, StatusCode::OK);
    scene.clock.set(START);
    assert_eq!(scene.call(with_proof("/", &token, &proof)).await.reason(), "proof_replayed");
}

#[tokio::test]
async fn a_failing_request_does_not_burn_the_identifier_of_a_good_one() {
    let scene = Scene::new();
    let (client, stranger) = (Client::new(&scene.clock), Client::new(&scene.clock));
    let token = scene.issuer.token(client.cnf());
    let other_token = scene.issuer.token(client.cnf());
    let now = scene.clock.now();
    let proof = |client: &Client, token: &str| client.proof_with("GET", "/", token, None, "same", now);
    // The wrong key, the wrong token hash, no access to the route: each with the identifier of the good one.
    let burning = with_proof("/", &token, &proof(&stranger, &token));
    assert_eq!(scene.call(burning).await.reason(), "proof_key_mismatch");
    let burning = with_proof("/", &token, &proof(&client, &other_token));
    assert_eq!(scene.call(burning).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(scene.call(with_proof("/", &token, &proof(&client, &token))).await.reason(), "dpop");
}

#[tokio::test]
async fn one_client_s_identifier_does_not_block_another_s() {
    let scene = Scene::new();
    for _ in 0..2 {
        let client = Client::new(&scene.clock);
        let token = scene.issuer.token(client.cnf());
        let proof = client.proof_with("GET", "/", &token, None, "same", scene.clock.now());
        assert_eq!(scene.call(with_proof("/", &token, &proof)).await.reason(), "dpop");
    }
}

#[tokio::test]
async fn a_live_proof_is_not_forgotten_under_a_flood_of_others() {
    let scene =
        Scene::with_store("", "", ReplayMemory::new(400, START.minus(Duration::from_secs(3600)), [7; 16]));
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let first = client.proof("GET", "/", &token);
    assert_eq!(scene.call(with_proof("/", &token, &first)).await.status, StatusCode::OK);
    let mut full = 0;
    for _ in 0..450 {
        full += usize::from(scene.call(client.get("/", &token)).await.reason() == "replay_store_full");
    }
    assert!(full > 0);
    assert_eq!(scene.call(with_proof("/", &token, &first)).await.reason(), "proof_replayed");
}

#[tokio::test]
async fn a_full_store_refuses_with_503_and_says_when_to_come_again() {
    let scene =
        Scene::with_store("", "", ReplayMemory::new(1, START.minus(Duration::from_secs(3600)), [7; 16]));
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    assert_eq!(scene.call(client.get("/", &token)).await.status, StatusCode::OK);
    let refused = scene.call(client.get("/", &token)).await;
    assert_eq!((refused.status, refused.reason()), (StatusCode::SERVICE_UNAVAILABLE, "replay_store_full"));
    assert_eq!(refused.header("retry-after"), "5");
    assert!(scene.notes.reasons().contains(&"replay_store_full"));
}

/// A store that survives restarts, and that can be made to fail.
struct Shared {
    memory: ReplayMemory,
    outcome: AtomicU8,
}

impl ReplayStore for Shared {
    async fn check_and_insert<'a>(&'a self, entry: ReplayEntry<'a>, now: UnixTime) -> ReplayOutcome {
        match self.outcome.load(Ordering::SeqCst) {
            0 => self.memory.insert_if_absent(&entry, now),
            _ => ReplayOutcome::Unavailable,
        }
    }

    fn accepted_since(&self) -> Option<UnixTime> {
        None
    }
}

fn shared() -> Arc<Shared> {
    Arc::new(Shared { memory: memory_since(UnixTime::MIN), outcome: AtomicU8::new(0) })
}

#[tokio::test]
async fn an_unreachable_store_refuses_with_503_and_tells_the_operator() {
    let store = shared();
    let scene = Scene::with_store("", "", Arc::clone(&store));
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    store.outcome.store(1, Ordering::SeqCst);
    let refused = scene.call(client.get("/", &token)).await;
    let expected = (StatusCode::SERVICE_UNAVAILABLE, "replay_store_unavailable");
    assert_eq!((refused.status, refused.reason()), expected);
    assert_eq!(scene.notes.reasons(), ["replay_store_unavailable"]);
    // A request that was refused for the outage passes once it is over, and was not remembered by halves.
    store.outcome.store(0, Ordering::SeqCst);
    assert_eq!(scene.call(client.get("/", &token)).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_guards_with_one_store_let_one_of_two_copies_pass() {
    let store = shared();
    let scene = Scene::with_store("", "", Arc::clone(&store));
    let settings = crate::configuration("", &scene.issuer.table());
    let second = scene.another(settings, store);
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    for _ in 0..20 {
        let proof = client.proof("GET", "/", &token);
        let request = || with_proof("/", &token, &proof);
        let (one, other) = tokio::join!(call(&scene.guard, request()), call(&second, request()));
        let mut reasons = [one.reason(), other.reason()];
        reasons.sort_unstable();
        assert_eq!(reasons, ["dpop", "proof_replayed"]);
    }
}

/// A clock on which every look takes time.
struct Passing(Arc<ManualClock>, AtomicU64);

impl Clock for Passing {
    fn now(&self) -> UnixTime {
        let now = self.0.now();
        self.0.advance(Duration::from_secs(self.1.load(Ordering::SeqCst)));
        now
    }
}

/// A store that holds nothing any more: whatever could be asked of it has expired.
struct Purged;

impl ReplayStore for Purged {
    async fn check_and_insert<'a>(&'a self, entry: ReplayEntry<'a>, now: UnixTime) -> ReplayOutcome {
        if entry.expires_at < now { ReplayOutcome::Duplicate } else { ReplayOutcome::Inserted }
    }

    fn accepted_since(&self) -> Option<UnixTime> {
        None
    }
}

#[tokio::test]
async fn a_copy_that_outlives_the_memory_of_its_original_while_it_waits_is_refused() {
    let scene = Scene::new();
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let proof = client.proof("GET", "/items", &token);
    let clock = Arc::new(Passing(Arc::clone(&scene.clock), AtomicU64::new(0)));
    let parts = crate::parts(&scene.authority, &scene.clock, &scene.notes, Purged);
    let settings = configuration("", &scene.issuer.table());
    let guard = settings.into_guard(GuardParts { clock: Arc::clone(&clock) as _, ..parts }).unwrap();
    // The last second of the window; by the time that the store is asked, it has passed.
    scene.clock.set(START.plus(Duration::from_secs(60)));
    assert_eq!(call(&guard, with_proof("/items", &token, &proof)).await.reason(), "dpop");
    clock.1.store(1, Ordering::SeqCst);
    let late = call(&guard, with_proof("/items", &token, &proof)).await;
    assert_eq!((late.status, late.reason()), (StatusCode::UNAUTHORIZED, "proof_replayed"));
}
