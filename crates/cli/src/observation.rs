//! `[observation]`: what the operator sees of a process. Logs go to stderr, metrics to a listener of their own,
//! traces to a collector. None of it is ever served where clients connect, and none of it holds a token, a
//! proof or a secret: spans have the attributes of `bindery_authorization_server::SPANS` and no others.

mod operator_listener;
mod otlp;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

pub(crate) use operator_listener::{Observed, ObservedServers, OperatorListener};
pub(crate) use otlp::Traces;

/// The variable that overrides `log_level`.
const LOG: &str = "BINDERY_LOG";

/// The table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ObservationSettings {
    /// What is logged, such as `info` or `warn,bindery_http=debug`; `BINDERY_LOG` overrides it.
    log_level: String,
    /// How it is written.
    log_format: LogFormat,
    /// Where metrics and the state of the server are read, over plain HTTP; not for the public.
    metrics: Option<SocketAddr>,
    /// The base URL of an OTLP/HTTP collector; without it there are no traces.
    otlp: Option<String>,
    /// The PEM file of the authorities that vouch for the collector, when the machine doesn't know them.
    otlp_ca_file: Option<PathBuf>,
    /// The share of requests that are traced, 0 to 1.
    trace_ratio: f64,
    /// Whether traces continue those of callers (W3C `traceparent`). Whoever can send requests can then choose
    /// trace identifiers and have everything traced.
    trust_traceparent: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LogFormat {
    /// One readable line per event.
    #[default]
    Text,
    /// One JSON object per event.
    Json,
}

impl Default for ObservationSettings {
    fn default() -> Self {
        Self {
            log_level: "info".into(),
            log_format: LogFormat::Text,
            metrics: None,
            otlp: None,
            otlp_ca_file: None,
            trace_ratio: 1.0,
            trust_traceparent: false,
        }
    }
}

impl ObservationSettings {
    /// Checks the options and begins to log, and to trace when a collector is named. Call it once, on the runtime.
    pub(crate) fn begin(&self) -> anyhow::Result<Option<Traces>> {
        self.check()?;
        let traces = Traces::begin(self)?;
        let level = self.filter()?;
        match &traces {
            // One filter for all is cheaper than one for each layer.
            None => install(tracing_subscriber::registry().with(level).with(self.log())),
            Some(traces) => install(
                tracing_subscriber::registry().with(traces.layer()).with(self.log().with_filter(level)),
            ),
        }
        Ok(traces)
    }

    /// The same for a process that makes no traces.
    pub(crate) fn begin_untraced(&self) -> anyhow::Result<()> {
        if self.otlp.is_some() {
            bail!("otlp of [observation]: only `bindery server` makes traces; leave it out");
        }
        self.begin().map(|_| ())
    }

    /// Checks the options without any effect.
    fn check(&self) -> anyhow::Result<()> {
        self.filter()?;
        Traces::check(self)
    }

    fn filter(&self) -> anyhow::Result<EnvFilter> {
        if let Ok(filter) = EnvFilter::try_from_env(LOG) {
            return Ok(filter);
        }
        EnvFilter::try_new(&self.log_level).with_context(|| {
            format!(
                "log_level of [observation] = {}: it is no filter; write `info`, or `warn,bindery_http=debug`",
                self.log_level
            )
        })
    }

    fn log<S>(&self) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
    {
        use std::io::IsTerminal as _;
        // A file or a collector wants no colours.
        let lines = fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
        match self.log_format {
            LogFormat::Text => lines.boxed(),
            LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
        }
    }

    /// The listener for metrics and readiness, if one is configured.
    pub(crate) fn operator_listener(&self) -> anyhow::Result<Option<OperatorListener>> {
        self.metrics.map(OperatorListener::bind).transpose()
    }
}

/// A second subscriber in one process is a test's; the first one stays.
fn install(subscriber: impl SubscriberInitExt) {
    let _ = subscriber.try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_option_is_named() {
        let read = |text: &str| toml::from_str::<ObservationSettings>(text).unwrap();
        for (text, option) in [
            ("log_level = \"bindery=loud=very\"", "log_level"),
            ("otlp = \"collector:4318\"", "otlp"),
            ("otlp = \"http://collector:4318/?a=b\"", "otlp"),
            ("otlp = \"http://collector:4318\"\ntrace_ratio = 1.5", "trace_ratio"),
            ("otlp_ca_file = \"/nowhere\"", "otlp_ca_file"),
            ("trust_traceparent = true", "trust_traceparent"),
        ] {
            let error = read(text).check().unwrap_err().to_string();
            assert!(error.starts_with(option), "{text}: {error}");
        }
        read("log_format = \"json\"\nlog_level = \"warn,bindery_http=debug\"").check().unwrap();
        assert!(toml::from_str::<ObservationSettings>("log_fromat = \"json\"").is_err());
    }
}
