//! What a gateway counts for its operator: answers, decisions by mode and cause, what could not be forwarded,
//! durations. Every label is a word of the code or a status: no caller can make a new series, and nothing of a
//! request is in any of them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bindery_core::rejection::Rejection;
use bindery_core::resource::AuthorizedRequest;
use bindery_resource_server::observer::Observer;
use bindery_resource_server::{Mode, Route};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::answer::Fault;

/// Upper bounds of the durations, in seconds: from a refusal to an application that hangs.
const DURATIONS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StatusLabels {
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AdmissionLabels {
    mode: &'static str,
    binding: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RejectionLabels {
    mode: &'static str,
    blame: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FaultLabels {
    reason: &'static str,
}

/// The counters of a gateway. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct GatewayMetrics(Arc<Inner>);

struct Inner {
    registry: Mutex<Registry>,
    requests: Family<StatusLabels, Counter>,
    durations: Histogram,
    admitted: Family<AdmissionLabels, Counter>,
    rejected: Family<RejectionLabels, Counter>,
    not_forwarded: Family<FaultLabels, Counter>,
    upstream_durations: Histogram,
    open_tunnels: Gauge,
    replay_entries: Gauge,
    replay_bound: Gauge,
}

/// How things stand at one moment.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GatewaySample {
    /// WebSockets that are open.
    pub open_tunnels: usize,
    /// Live entries of the replay memory.
    pub replay_entries: usize,
    /// How many it can hold.
    pub replay_bound: usize,
}

impl GatewaySample {
    /// Of a gateway whose replay memory is the process's own.
    #[must_use]
    pub const fn new(open_tunnels: usize, replay_entries: usize, replay_bound: usize) -> Self {
        Self { open_tunnels, replay_entries, replay_bound }
    }
}

impl Default for GatewayMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for GatewayMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayMetrics").finish_non_exhaustive()
    }
}

impl GatewayMetrics {
    /// Counters that begin at zero.
    #[must_use]
    pub fn new() -> Self {
        let inner = Inner {
            registry: Mutex::default(),
            requests: Family::default(),
            durations: Histogram::new(DURATIONS),
            admitted: Family::default(),
            rejected: Family::default(),
            not_forwarded: Family::default(),
            upstream_durations: Histogram::new(DURATIONS),
            open_tunnels: Gauge::default(),
            replay_entries: Gauge::default(),
            replay_bound: Gauge::default(),
        };
        inner.register();
        Self(Arc::new(inner))
    }

    /// All families in the OpenMetrics text format, with how things stand now.
    ///
    /// # Errors
    /// When a value can't be formatted, which does not happen.
    pub fn render(&self, sample: &GatewaySample) -> Result<String, fmt::Error> {
        let count = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.0.open_tunnels.set(count(sample.open_tunnels));
        self.0.replay_entries.set(count(sample.replay_entries));
        self.0.replay_bound.set(count(sample.replay_bound));
        let registry = self.0.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut page = String::with_capacity(8 * 1024);
        text::encode(&mut page, &registry)?;
        Ok(page)
    }

    pub(crate) fn answered(&self, status: u16, took: Duration) {
        self.0.requests.get_or_create(&StatusLabels { status }).inc();
        self.0.durations.observe(took.as_secs_f64());
    }

    pub(crate) fn not_forwarded(&self, fault: Fault) {
        self.0.not_forwarded.get_or_create(&FaultLabels { reason: fault.reason() }).inc();
    }

    /// How long the application took to begin its answer, or to fail.
    pub(crate) fn upstream(&self, took: Duration) {
        self.0.upstream_durations.observe(took.as_secs_f64());
    }
}

impl Inner {
    /// Counters get the suffix `_total` by their format.
    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let own = registry.sub_registry_with_prefix("bindery_gateway");
        own.register("requests", "Answered requests by status", self.requests.clone());
        own.register(
            "request_duration_seconds",
            "From the head of a request to the head of its answer",
            self.durations.clone(),
        );
        own.register("admitted", "Requests that proved everything", self.admitted.clone());
        own.register(
            "rejections",
            "Requests that broke a rule: refused where the mode is enforce, else let through unproven",
            self.rejected.clone(),
        );
        own.register(
            "not_forwarded",
            "Requests that the gateway answered in the application's place",
            self.not_forwarded.clone(),
        );
        own.register(
            "upstream_duration_seconds",
            "From sending a request on to the head of the application's answer",
            self.upstream_durations.clone(),
        );
        own.register("open_tunnels", "WebSockets that are open", self.open_tunnels.clone());
        own.register(
            "replay_memory_entries",
            "Live entries of the memory of used proofs",
            self.replay_entries.clone(),
        );
        own.register("replay_memory_bound", "How many it can hold", self.replay_bound.clone());
    }
}

/// Counts decisions, and tells them to the next observer.
pub(crate) struct Counting {
    pub(crate) metrics: GatewayMetrics,
    pub(crate) next: Arc<dyn Observer>,
}

impl Observer for Counting {
    fn admitted(&self, request: &AuthorizedRequest, route: &Route) {
        let labels = AdmissionLabels { mode: route.mode.name(), binding: request.binding().name() };
        self.metrics.0.admitted.get_or_create(&labels).inc();
        self.next.admitted(request, route);
    }

    fn rejected(&self, rejection: &Rejection, mode: Mode, method: &str, path: &str) {
        let (blame, reason) = (rejection.blame().name(), rejection.reason());
        let labels = RejectionLabels { mode: mode.name(), blame, reason };
        self.metrics.0.rejected.get_or_create(&labels).inc();
        self.next.rejected(rejection, mode, method, path);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Whoever adds a family tells the operators.
    #[test]
    fn every_family_is_explained_to_operators() {
        // A family without a series is not on the page.
        let metrics = GatewayMetrics::new();
        metrics.answered(200, Duration::ZERO);
        metrics.not_forwarded(Fault::Internal);
        metrics.upstream(Duration::ZERO);
        metrics.0.admitted.get_or_create(&AdmissionLabels { mode: "enforce", binding: "dpop" }).inc();
        let rejected = RejectionLabels { mode: "enforce", blame: "absent", reason: "proof_missing" };
        metrics.0.rejected.get_or_create(&rejected).inc();
        let page = metrics.render(&GatewaySample::new(1, 2, 3)).unwrap();
        let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
        let guide = std::fs::read_to_string(guide).unwrap();
        let mut explained = 0;
        for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, kind) = line.split_once(' ').unwrap();
            let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
            assert!(guide.contains(&format!("`{name}`")), "docs/operations.md doesn't explain {name}");
            explained += 1;
        }
        assert_eq!(explained, 9);
        // And an alert names no family that is not there.
        let word = |character: char| !(character.is_ascii_alphanumeric() || character == '_');
        for word in guide.split(word).filter(|word| word.starts_with("bindery_gateway_")) {
            let family = word.strip_suffix("_total").unwrap_or(word);
            assert!(page.contains(&format!("# TYPE {family} ")), "{word} is no family");
        }
        assert!(page.contains("bindery_gateway_replay_memory_entries 2\n"), "{page}");
    }
}
