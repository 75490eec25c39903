//! Whether the server can do its work, and how things stand: for load balancers, for whoever reads metrics, and
//! for operators. Who asks in public learns yes or no; which part is at fault is for operators alone.

use std::collections::BTreeMap;
use std::time::Duration;

use bindery_core::time::UnixTime;
use bindery_store::record::SigningKeyState;

use crate::metrics::{Metrics, Sample};
use crate::server::{AuthorizationServer, Server};

/// How long the store may take to say anything at all.
const PATIENCE: Duration = Duration::from_secs(2);

/// For how long it is believed what the store said.
const FRESH: Duration = Duration::from_secs(1);

/// When the store was asked last whether it can read and write, by the clock that never steps back, and what it said.
#[derive(Debug, Default)]
pub(crate) struct StoreAnswers(tokio::sync::Mutex<Option<(Duration, bool)>>);

/// What a server needs to answer requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The store answers.
    pub store: bool,
    /// There is a key to sign with.
    pub signing_keys: bool,
    /// The memory of used proofs has room; when it is full every proof is refused.
    pub replay_memory: bool,
}

impl Readiness {
    /// Each part by name, for operators.
    #[must_use]
    pub const fn parts(self) -> [(&'static str, bool); 3] {
        [("store", self.store), ("signing_keys", self.signing_keys), ("replay_memory", self.replay_memory)]
    }

    /// Requires all of it.
    ///
    /// # Errors
    /// [`NotReady`], which says no more than that.
    pub fn require(self) -> Result<(), NotReady> {
        if self.parts().iter().all(|(_, holds)| *holds) { Ok(()) } else { Err(NotReady) }
    }
}

/// Requests would be refused for want of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotReady;

impl AuthorizationServer {
    /// Whether requests can be answered now. Anybody may ask, as often as he likes: the store is asked once a second
    /// at most, and by one at a time.
    pub async fn readiness(&self) -> Readiness {
        let server = &*self.0;
        let mut known = server.store_answers.0.lock().await;
        let store = match *known {
            Some((asked_at, answers)) if server.clock.monotonic() < asked_at.saturating_add(FRESH) => answers,
            _ => {
                let asked = tokio::time::timeout(PATIENCE, server.store.check()).await;
                let answers = matches!(asked, Ok(Ok(())));
                *known = Some((server.clock.monotonic(), answers));
                answers
            }
        };
        drop(known);
        let (entries, bound) = server.proof_memory.occupancy(server.clock.now()).unwrap_or((0, 1));
        Readiness {
            store,
            signing_keys: !server.signing_keys.current().public_keys().keys.is_empty(),
            replay_memory: entries < bound,
        }
    }

    /// The counters that this server counts in.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.0.metrics.all()
    }

    /// Brings the gauges of [`Metrics`] up to date; call it before each reading.
    pub async fn sample_metrics(&self) {
        let server = &*self.0;
        let now = server.clock.now();
        let mut sample = Sample { key_ages: key_ages(server, now).await, ..Sample::default() };
        sample.audit_queue = i64::try_from(server.audit.waiting()).unwrap_or(i64::MAX);
        if let Some((entries, bound)) = server.proof_memory.occupancy(now) {
            sample.replay_entries = i64::try_from(entries).ok();
            sample.replay_bound = i64::try_from(bound).ok();
        }
        let ends = server.bearer_exceptions.ends(server, now);
        sample.bearer_exceptions = i64::try_from(ends.len()).unwrap_or(i64::MAX);
        sample.bearer_exception_ends = ends.into_iter().min();
        server.metrics.sample(&sample);
    }
}

/// The newest key of each kind. A store that does not answer leaves the gauges as they were.
async fn key_ages(server: &Server, now: UnixTime) -> Vec<(&'static str, i64)> {
    let mut newest = BTreeMap::new();
    let mut note = |kind: &'static str, made: UnixTime| {
        let age = now.seconds_since(made).max(0);
        let known = newest.entry(kind).or_insert(age);
        *known = age.min(*known);
    };
    let signing = tokio::time::timeout(PATIENCE, server.store.list_signing_keys()).await;
    for key in signing.ok().and_then(Result::ok).unwrap_or_default() {
        let algorithm = server.settings.signing_algorithms.iter().find(|known| known.name() == key.algorithm);
        if let Some(algorithm) = algorithm.filter(|_| key.state == SigningKeyState::Active) {
            note(algorithm.name(), key.created_at);
        }
    }
    let nonces = tokio::time::timeout(PATIENCE, server.store.list_nonce_keys()).await;
    for key in nonces.ok().and_then(Result::ok).unwrap_or_default() {
        note("nonce", key.created_at);
    }
    newest.into_iter().collect()
}
