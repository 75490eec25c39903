//! What the server counts, for Prometheus. Labels are our own words and the issuer's name, never anything that a
//! client sent, so that the number of series is bounded by the code. Counting never waits for anything but
//! other counting. Families and labels are explained in docs/operations.md; a test compares the names.

mod labels;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::event::{AuditEvent, EVENTS};
use labels::{
    EndpointLabels, EventLabels, FailureLabels, IssuerLabels, KeyLabels, LimitLabels, RequestLabels,
    StoreLabels, TokenLabels,
};

/// Upper bounds of the durations, in seconds: from a metadata document to a store that hangs.
const DURATIONS: [f64; 13] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// How often each event happened in this process, in the order of the catalogue. Events may come from where no
/// issuer is known, so these belong to the process.
static EVENT_COUNTS: LazyLock<(Family<EventLabels, Counter>, Vec<Counter>)> = LazyLock::new(|| {
    let family = Family::<EventLabels, Counter>::default();
    let counters = EVENTS.iter().map(|event| family.get_or_create_owned(&EventLabels { event: event.name }));
    let counters = counters.collect();
    (family, counters)
});

static STORE_ERRORS: LazyLock<Family<StoreLabels, Counter>> = LazyLock::new(Family::default);

/// Counts an event at its place in the catalogue.
pub(crate) fn count_event(place: usize, event: &AuditEvent<'_>) {
    if let Some(counter) = EVENT_COUNTS.1.get(place) {
        counter.inc();
    }
    if let AuditEvent::StoreFailed { operation, .. } = event {
        STORE_ERRORS.get_or_create(&StoreLabels { operation }).inc();
    }
}

type Durations = Family<EndpointLabels, Histogram, fn() -> Histogram>;

/// The counters of all issuers of a process. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    durations: Durations,
    tokens_issued: Family<TokenLabels, Counter>,
    proofs_refused: Family<FailureLabels, Counter>,
    client_authentication_failures: Family<FailureLabels, Counter>,
    rate_limited: Family<LimitLabels, Counter>,
    audit_queue: Family<IssuerLabels, Gauge>,
    audit_lost: Family<IssuerLabels, Counter>,
    replay_entries: Family<IssuerLabels, Gauge>,
    replay_bound: Family<IssuerLabels, Gauge>,
    key_age: Family<KeyLabels, Gauge>,
    bearer_exceptions: Family<IssuerLabels, Gauge>,
    bearer_exception_ends: Family<IssuerLabels, Gauge>,
}

impl Metrics {
    /// Counters that begin at zero, but for those of the process.
    #[must_use]
    pub fn new() -> Self {
        let inner = Inner {
            registry: Mutex::new(Registry::default()),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            tokens_issued: Family::default(),
            proofs_refused: Family::default(),
            client_authentication_failures: Family::default(),
            rate_limited: Family::default(),
            audit_queue: Family::default(),
            audit_lost: Family::default(),
            replay_entries: Family::default(),
            replay_bound: Family::default(),
            key_age: Family::default(),
            bearer_exceptions: Family::default(),
            bearer_exception_ends: Family::default(),
        };
        inner.register();
        Self(Arc::new(inner))
    }

    /// Adds families of the caller's own, such as those of its listeners. Their names get the prefix `bindery_`.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        self.0.with_registry(add);
    }

    /// All families in the OpenMetrics text format, served as [`Self::CONTENT_TYPE`].
    ///
    /// # Errors
    /// When a value can't be formatted, which does not happen.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let registry = self.0.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut page = String::with_capacity(16 * 1024);
        text::encode(&mut page, &registry)?;
        Ok(page)
    }

    /// The media type of [`Self::render`].
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    pub(crate) fn of(&self, issuer: &str) -> IssuerMetrics {
        IssuerMetrics { all: self.clone(), issuer: issuer.into(), endpoints: Arc::default() }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Inner {
    fn with_registry(&self, add: impl FnOnce(&mut Registry)) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        add(registry.sub_registry_with_prefix("bindery"));
    }

    /// Counters get the suffix `_total` by their format.
    fn register(&self) {
        self.with_registry(|own| {
            own.register(
                "requests",
                "Answered requests by endpoint, status and reason",
                self.requests.clone(),
            );
            own.register(
                "request_duration_seconds",
                "From the last header to the answer",
                self.durations.clone(),
            );
            own.register(
                "tokens_issued",
                "Access tokens by grant, binding and method",
                self.tokens_issued.clone(),
            );
            own.register(
                "proofs_refused",
                "DPoP proofs and bound tokens that were refused",
                self.proofs_refused.clone(),
            );
            own.register(
                "client_authentication_failures",
                "Failed client authentications by check",
                self.client_authentication_failures.clone(),
            );
            own.register("rate_limited", "Requests refused by a rate limit", self.rate_limited.clone());
            own.register(
                "audit_queue_entries",
                "Audit records that wait for the store",
                self.audit_queue.clone(),
            );
            own.register(
                "audit_records_lost",
                "Audit records that were logged but never stored",
                self.audit_lost.clone(),
            );
            own.register(
                "replay_memory_entries",
                "Live entries of the proof memory of this process",
                self.replay_entries.clone(),
            );
            own.register("replay_memory_bound", "How many it can hold", self.replay_bound.clone());
            own.register("key_age_seconds", "Age of the newest key of each kind", self.key_age.clone());
            own.register(
                "bearer_exceptions",
                "Clients that may hold bearer tokens now",
                self.bearer_exceptions.clone(),
            );
            own.register(
                "bearer_exception_ends_seconds",
                "When the next of these exceptions ends, Unix time",
                self.bearer_exception_ends.clone(),
            );
            own.register("events", "Audit events by name", EVENT_COUNTS.0.clone());
            own.register(
                "store_errors",
                "Calls that the store did not answer, by operation",
                STORE_ERRORS.clone(),
            );
        });
    }
}

/// The counters of one issuer.
#[derive(Clone)]
pub(crate) struct IssuerMetrics {
    all: Metrics,
    issuer: Arc<str>,
    endpoints: Arc<RwLock<HashMap<Box<str>, Endpoint>>>,
}

/// What the ordinary request needs, found by one look-up.
#[derive(Clone)]
struct Endpoint {
    name: Arc<str>,
    done: Counter,
    duration: Histogram,
}

impl IssuerMetrics {
    /// Counts an answer. `route` is the pattern of the route that answered, or nothing when none did; `name`
    /// makes of it what the label says. Both are words of the code.
    pub(crate) fn answered(
        &self,
        route: Option<&str>,
        name: impl FnOnce(&str) -> String,
        status: u16,
        reason: &'static str,
        took: Duration,
    ) {
        let endpoint = self.endpoint(route.unwrap_or("unmatched"), name);
        endpoint.duration.observe(took.as_secs_f64());
        if status == 200 && reason.is_empty() {
            endpoint.done.inc();
        } else {
            let issuer = Arc::clone(&self.issuer);
            let labels = RequestLabels { issuer, endpoint: endpoint.name, status, reason };
            self.all.0.requests.get_or_create(&labels).inc();
        }
    }

    fn endpoint(&self, route: &str, name: impl FnOnce(&str) -> String) -> Endpoint {
        if let Some(known) = self.endpoints.read().unwrap_or_else(PoisonError::into_inner).get(route) {
            return known.clone();
        }
        let issuer = || Arc::clone(&self.issuer);
        let name: Arc<str> = name(route).into();
        let all = &self.all.0;
        let labels = RequestLabels { issuer: issuer(), endpoint: name.clone(), status: 200, reason: "" };
        let done = all.requests.get_or_create_owned(&labels);
        let labels = EndpointLabels { issuer: issuer(), endpoint: name.clone() };
        let duration = all.durations.get_or_create_owned(&labels);
        let endpoint = Endpoint { name, done, duration };
        let mut endpoints = self.endpoints.write().unwrap_or_else(PoisonError::into_inner);
        endpoints.insert(route.into(), endpoint.clone());
        endpoint
    }

    /// Counts what an event says beyond its own name.
    pub(crate) fn observe(&self, event: &AuditEvent<'_>) {
        let issuer = || Arc::clone(&self.issuer);
        let all = &self.all.0;
        match *event {
            AuditEvent::TokenIssued { grant_type, binding, method, .. } => {
                let labels = TokenLabels { issuer: issuer(), grant_type, binding, method };
                all.tokens_issued.get_or_create(&labels).inc();
            }
            AuditEvent::DpopProofRefused { endpoint, reason, .. }
            | AuditEvent::ResourceRequestRefused { endpoint, reason, .. } => {
                let labels = FailureLabels { issuer: issuer(), endpoint, reason };
                all.proofs_refused.get_or_create(&labels).inc();
            }
            AuditEvent::ClientAuthenticationFailed { endpoint, reason, .. } => {
                let labels = FailureLabels { issuer: issuer(), endpoint, reason };
                all.client_authentication_failures.get_or_create(&labels).inc();
            }
            _ => {}
        }
    }

    pub(crate) fn all(&self) -> Metrics {
        self.all.clone()
    }

    fn own(&self) -> IssuerLabels {
        IssuerLabels { issuer: Arc::clone(&self.issuer) }
    }

    /// A request was refused by the limit of that name.
    pub(crate) fn limited(&self, limit: &'static str) {
        let labels = LimitLabels { issuer: Arc::clone(&self.issuer), limit };
        self.all.0.rate_limited.get_or_create(&labels).inc();
    }

    /// The counter of audit records that never reached the store.
    pub(crate) fn audit_lost(&self) -> Counter {
        self.all.0.audit_lost.get_or_create_owned(&self.own())
    }

    /// Takes note of how things stand; called before each reading.
    pub(crate) fn sample(&self, sample: &Sample) {
        let own = self.own();
        let all = &self.all.0;
        let gauges = [
            (&all.audit_queue, Some(sample.audit_queue)),
            (&all.replay_entries, sample.replay_entries),
            (&all.replay_bound, sample.replay_bound),
            (&all.bearer_exceptions, Some(sample.bearer_exceptions)),
            (&all.bearer_exception_ends, sample.bearer_exception_ends),
        ];
        for (family, value) in gauges {
            if let Some(value) = value {
                family.get_or_create(&own).set(value);
            }
        }
        for (key, age) in &sample.key_ages {
            let labels = KeyLabels { issuer: Arc::clone(&self.issuer), key };
            all.key_age.get_or_create(&labels).set(*age);
        }
    }
}

/// How things stand at one moment.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) audit_queue: i64,
    /// Nothing when used proofs are remembered in the store.
    pub(crate) replay_entries: Option<i64>,
    pub(crate) replay_bound: Option<i64>,
    /// Kind of key and seconds since its newest was made.
    pub(crate) key_ages: Vec<(&'static str, i64)>,
    pub(crate) bearer_exceptions: i64,
    pub(crate) bearer_exception_ends: Option<i64>,
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
