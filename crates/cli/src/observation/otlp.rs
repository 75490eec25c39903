//! Traces: one span per request, sent in batches to an OTLP/HTTP collector by the product's own HTTP client, so
//! that TLS and cryptography are those of everything else. A collector that is slow or gone costs spans, never
//! requests. Callers' trace identifiers are read only when the operator trusts them.

use std::time::Duration;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use bindery_authorization_server::SPANS;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;

use super::ObservationSettings;

/// How long one delivery may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long the last delivery may hold up the end of the process.
const FAREWELL: Duration = Duration::from_secs(5);

/// Where OTLP/HTTP takes spans, below the collector's base URL (OTLP specification, "OTLP/HTTP Request").
const PATH: &str = "/v1/traces";

/// The way to the collector.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Checks the options about traces.
    pub(super) fn check(settings: &ObservationSettings) -> anyhow::Result<()> {
        let Some(url) = &settings.otlp else {
            for (option, is_set) in [
                ("otlp_ca_file", settings.otlp_ca_file.is_some()),
                ("trust_traceparent", settings.trust_traceparent),
            ] {
                if is_set {
                    bail!(
                        "{option} of [observation]: without `otlp` there are no traces; name the collector"
                    );
                }
            }
            return Ok(());
        };
        let wrong =
            || format!("otlp of [observation] = {url}: write a base URL like \"http://collector:4318\"");
        let parsed = reqwest::Url::parse(url).with_context(wrong)?;
        let plain = parsed.query().is_none() && parsed.fragment().is_none();
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() || !plain {
            bail!(wrong());
        }
        if !(0.0..=1.0).contains(&settings.trace_ratio) {
            bail!("trace_ratio of [observation] = {}: it is not between 0 and 1", settings.trace_ratio);
        }
        Ok(())
    }

    /// Starts the exporter when a collector is configured; the options were checked.
    pub(super) fn begin(settings: &ObservationSettings) -> anyhow::Result<Option<Self>> {
        let Some(url) = &settings.otlp else { return Ok(None) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(TIMEOUT)
            .with_endpoint(format!("{}{PATH}", url.trim_end_matches('/')))
            .with_http_client(Collector::new(settings)?)
            .build()
            .context("otlp of [observation]: the exporter can't be made")?;
        let resource = Resource::builder_empty()
            .with_attribute(opentelemetry::KeyValue::new("service.name", "bindery"))
            .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.trace_ratio)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .with_sampler(sampler)
            .build();
        if settings.trust_traceparent {
            opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        }
        Ok(Some(Self { provider }))
    }

    /// Takes the spans of requests and nothing else.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("bindery"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target() == SPANS))
    }

    /// Sends what is still here.
    pub(crate) async fn finish(self) {
        let sent = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(FAREWELL)).await;
        if !matches!(sent, Ok(Ok(()))) {
            tracing::warn!("the last traces did not reach the collector");
        }
    }
}

/// Sends batches. The exporter's own thread has no reactor, so the work is done on the runtime.
#[derive(Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
}

impl Collector {
    fn new(settings: &ObservationSettings) -> anyhow::Result<Self> {
        let mut builder =
            reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
        if let Some(path) = &settings.otlp_ca_file {
            let pem = crate::settings::read_file("otlp_ca_file of [observation]", path)?;
            for authority in reqwest::Certificate::from_pem_bundle(&pem)
                .context("otlp_ca_file of [observation]: it is not PEM certificates")?
            {
                builder = builder.add_root_certificate(authority);
            }
        }
        let client = builder.build().context("the HTTP client of the traces can't be made")?;
        let runtime = Handle::try_current().context("traces need the asynchronous runtime")?;
        Ok(Self { client, runtime })
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let request: reqwest::Request = request.try_into()?;
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let answer = client.execute(request).await?;
            let status = answer.status();
            // What a collector says beyond its status is of no use and of any length.
            let mut response = http::Response::new(Bytes::new());
            *response.status_mut() = status;
            Ok::<_, reqwest::Error>(response)
        });
        Ok(sent.await??)
    }
}
