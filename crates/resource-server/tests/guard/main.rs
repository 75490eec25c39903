//! The guard as a tower layer, whole: real keys and signatures, a real authorization server over TLS, and a
//! clock that is moved by hand. Each test is named after the rule that somebody else's verifier broke.

#![expect(clippy::unwrap_used, reason = "a test that can't go on must stop")]

#[path = "../world/mod.rs"]
mod world;

mod bindings;
mod corpus;
mod issuers;
mod nonces;
mod proxies;
mod replay;
mod routes;

use std::sync::Arc;

use axum::body::Body;
use bindery_core::resource::AuthorizedRequest;
use bindery_http::{EdgePolicy, ManualClock};
use bindery_resource_server::configuration::GuardParts;
use bindery_resource_server::{Guard, GuardConfiguration, GuardLayer, Tolerated};
use bindery_store::ReplayStore;
use bindery_store::memory::ReplayMemory;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::{Layer as _, ServiceExt as _};

use world::{Authority, Issuer, Notes, START, configuration, old_memory};

/// A guard, its authorization server, its clock and its notes.
pub(crate) struct Scene<R = ReplayMemory> {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) authority: Authority,
    pub(crate) issuer: Issuer,
    pub(crate) notes: Arc<Notes>,
    pub(crate) guard: Guard<R>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with("", "")
    }

    /// `options` and `tables` are of the guard's configuration.
    pub(crate) fn with(options: &str, tables: &str) -> Self {
        Self::with_store(options, tables, old_memory())
    }
}

impl<R: ReplayStore> Scene<R> {
    pub(crate) fn with_store(options: &str, tables: &str, replay: R) -> Self {
        let authority = Authority::new();
        let issuer = Issuer::start(&authority);
        let clock = Arc::new(ManualClock::new(START));
        let notes = Arc::new(Notes::default());
        let settings = configuration(options, &format!("{}\n{tables}", issuer.table()));
        let guard = settings.into_guard(parts(&authority, &clock, &notes, replay)).unwrap();
        Self { clock, authority, issuer, notes, guard }
    }

    /// Another guard of the same estate, as another process would be.
    pub(crate) fn another<S: ReplayStore>(&self, settings: GuardConfiguration, replay: S) -> Guard<S> {
        settings.into_guard(parts(&self.authority, &self.clock, &self.notes, replay)).unwrap()
    }

    /// The same estate behind proxies.
    pub(crate) fn behind(&self, edge: EdgePolicy) -> Guard {
        let settings = configuration("", &self.issuer.table());
        let parts = parts(&self.authority, &self.clock, &self.notes, old_memory());
        settings.into_guard(GuardParts { edge, ..parts }).unwrap()
    }

    pub(crate) async fn call(&self, request: http::request::Builder) -> Answer {
        call(&self.guard, request).await
    }
}

fn parts<R>(authority: &Authority, clock: &Arc<ManualClock>, notes: &Arc<Notes>, replay: R) -> GuardParts<R> {
    GuardParts {
        replay,
        clock: Arc::clone(clock) as _,
        edge: EdgePolicy::direct(),
        http_client: authority.http_client(),
        observer: Some(Arc::clone(notes) as _),
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The machine-readable reason, or what the application said.
    pub(crate) fn reason(&self) -> &str {
        self.body["reason"].as_str().or(self.body.as_str()).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn nonce(&self) -> &str {
        assert_eq!(self.headers.get_all("dpop-nonce").iter().count(), 1, "{self:?}");
        self.header("dpop-nonce")
    }

    pub(crate) fn challenges(&self) -> Vec<&str> {
        self.headers.get_all("www-authenticate").iter().map(|value| value.to_str().unwrap()).collect()
    }
}

/// Sends a request through the layer to an application that says whether it was told an identity, and sets
/// a nonce of its own.
pub(crate) async fn call<R: ReplayStore>(guard: &Guard<R>, request: http::request::Builder) -> Answer {
    let application = tower::service_fn(|request: Request<Body>| async move {
        let said = match request.extensions().get::<AuthorizedRequest>() {
            Some(authorized) => format!("\"{}\"", authorized.binding().name()),
            None if request.extensions().get::<Tolerated>().is_some() => "\"tolerated\"".into(),
            None => "\"open\"".to_owned(),
        };
        Ok(http::Response::builder()
            .header("dpop-nonce", "of-the-application")
            .header("cache-control", "public, max-age=600")
            .body(Body::from(said))
            .unwrap())
    });
    let service = GuardLayer::new(guard.clone()).layer(application);
    let response = service.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Answer { status: parts.status, headers: parts.headers, body }
}
