//! The guard itself: what it was configured to demand, and the memory it needs to decide. One guard serves
//! any number of listeners; it is cheap to clone. It decides; the layer and the gateway carry out.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bindery_core::crypto::MacKey;
use bindery_core::dpop::nonce::{self, DpopNonce, NonceKeyRing, NonceTime};
use bindery_core::rejection::Rejection;
use bindery_core::resource::AuthorizedRequest;
use bindery_core::resource::presentation::RequestFacts;
use bindery_core::resource::step::ResourceIdentity;
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, RandomUnavailable, random_bytes};
use bindery_http::{Clock, EdgePolicy};
use bindery_store::ReplayStore;
use bindery_store::memory::ReplayMemory;
use http::Method;

use crate::introspection::Introspection;
use crate::key_source::IssuerKeys;
use crate::observer::Observer;
use crate::path;
use crate::route::{Mode, Route, RouteTable};
use crate::token_cache::TokenCache;
use crate::verify;

/// What the guard says of one request.
#[derive(Debug)]
#[must_use]
pub enum Decision<'g> {
    /// Everything was proven and is allowed; the request may go on with its verified identity.
    Admitted(Admission),
    /// A rule is broken, and the route only observes or warns: the request may go on, without identity.
    Tolerated {
        /// The route.
        route: &'g Route,
        /// What `enforce` would have refused it for.
        rejection: Rejection,
    },
    /// The request must not go on.
    Refused {
        /// The route, if one was found before the rule was broken.
        route: &'g Route,
        /// The broken rule.
        rejection: Rejection,
    },
}

/// A request that may go on, and what to tell its sender.
#[derive(Debug)]
pub struct Admission {
    /// The verified identity.
    pub request: AuthorizedRequest,
    /// A fresh nonce for the client's next request, when the one that it used grows old (RFC 9449
    /// section 8.2). The response that carries it must not be cached.
    pub next_nonce: Option<DpopNonce>,
    /// How strictly its route is guarded.
    pub mode: Mode,
}

/// The guard. `R` is its replay store.
pub struct Guard<R = ReplayMemory> {
    pub(crate) inner: Arc<Inner<R>>,
}

impl<R> Clone for Guard<R> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

pub(crate) struct Inner<R> {
    pub(crate) identity: ResourceIdentity,
    pub(crate) edge: EdgePolicy,
    pub(crate) routes: RouteTable,
    pub(crate) realm: Option<String>,
    pub(crate) resource_metadata: Option<String>,
    pub(crate) keys: Vec<IssuerKeys>,
    pub(crate) introspection: Option<(usize, Introspection)>,
    pub(crate) tokens: TokenCache,
    pub(crate) replay: R,
    pub(crate) nonces: Nonces,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn Observer>,
}

impl<R: ReplayStore> Guard<R> {
    /// Decides about one request, and tells the observer.
    pub async fn decide(&self, method: &Method, facts: &RequestFacts<'_>) -> Decision<'_> {
        let inner = &*self.inner;
        let (route, outcome) = match path::parse(facts.path) {
            Ok(form) => {
                let route = inner.routes.find(method, &form);
                (route, self.admit(facts, route).await)
            }
            // A path that can be read in two ways has no route; it is never let through.
            Err(rejection) => {
                let route = inner.routes.fallback();
                inner.observer.rejected(&rejection, Mode::Enforce, facts.method, facts.path);
                return Decision::Refused { route, rejection };
            }
        };
        match outcome {
            Ok(admission) => {
                inner.observer.admitted(&admission.request, route);
                Decision::Admitted(admission)
            }
            Err(rejection) => {
                inner.observer.rejected(&rejection, route.mode, facts.method, facts.path);
                match route.mode {
                    Mode::Enforce => Decision::Refused { route, rejection },
                    Mode::Observe | Mode::Warn => Decision::Tolerated { route, rejection },
                }
            }
        }
    }

    async fn admit(&self, facts: &RequestFacts<'_>, route: &Route) -> Result<Admission, Rejection> {
        let (verified, nonce_time) = verify::verify(&self.inner, facts, route).await?;
        let request = verified.require_scope(&route.scopes)?;
        let next_nonce = self.next_nonce(nonce_time, route, facts.now);
        Ok(Admission { request, next_nonce, mode: route.mode })
    }

    /// A fresh nonce once the one in use has lived half its life.
    fn next_nonce(&self, used: Option<NonceTime>, route: &Route, now: UnixTime) -> Option<DpopNonce> {
        let half_life = route.policy.proof.nonce_lifetime / 2;
        let used = used?;
        (used.issued_at().plus(half_life) <= now).then(|| self.fresh_nonce(now).ok()).flatten()
    }

    /// A nonce of this guard.
    ///
    /// # Errors
    /// [`NonceUnavailable`]; the request is then answered as one that can't be checked.
    pub fn fresh_nonce(&self, now: UnixTime) -> Result<DpopNonce, NonceUnavailable> {
        if self.inner.replay.accepted_since().is_some_and(|since| now <= since) {
            return Err(NonceUnavailable::TooEarly);
        }
        self.inner.nonces.rotate_when_due(now).map_err(|_| NonceUnavailable::Random)?;
        let random = random_bytes().map_err(|_| NonceUnavailable::Random)?;
        let ring = self.inner.nonces.ring.load();
        Ok(nonce::issue(&ring, &self.inner.identity.nonce_scope, now, random, &AwsLc))
    }

    /// Waits out the second in which the replay memory began. Nonces count in seconds, and one that an
    /// earlier process made in this very second must not look younger than the memory (DPOP-11.1-11). Call
    /// it before listening; without it, requests of that second that need a nonce are answered 503.
    pub async fn ready(&self) {
        while self.inner.replay.accepted_since().is_some_and(|since| self.now() <= since) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The routes, for the operator's eyes: the most specific first.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.inner.routes.iter()
    }

    /// The rules by which this guard reads a request's facts.
    #[must_use]
    pub fn edge(&self) -> &EdgePolicy {
        &self.inner.edge
    }

    /// Where used proofs are remembered, for the operator's eyes.
    #[must_use]
    pub fn replay_store(&self) -> &R {
        &self.inner.replay
    }

    /// The time by this guard's clock.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        self.inner.clock.now()
    }
}

/// Why no nonce can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NonceUnavailable {
    /// The system's random source failed.
    #[error("the system's random source failed")]
    Random,
    /// The replay memory began in this very second: see [`Guard::ready`].
    #[error("the replay memory began in this very second")]
    TooEarly,
}

/// The nonce keys of a guard: shared ones that the operator rotates, or its own, rotated by itself.
pub(crate) struct Nonces {
    pub(crate) ring: ArcSwap<NonceKeyRing>,
    own: Option<std::sync::Mutex<OwnKeys>>,
}

struct OwnKeys {
    next_id: u8,
    next_rotation: UnixTime,
}

/// How long a guard's own nonce key makes nonces. It judges for three such spans more.
const ROTATION: Duration = Duration::from_secs(3600);

impl Nonces {
    pub(crate) fn shared(ring: NonceKeyRing) -> Self {
        Self { ring: ArcSwap::from_pointee(ring), own: None }
    }

    pub(crate) fn own(now: UnixTime) -> Result<Self, RandomUnavailable> {
        let ring = NonceKeyRing::new(0, MacKey::new(random_bytes()?));
        let own = OwnKeys { next_id: 1, next_rotation: now.plus(ROTATION) };
        Ok(Self { ring: ArcSwap::from_pointee(ring), own: Some(std::sync::Mutex::new(own)) })
    }

    fn rotate_when_due(&self, now: UnixTime) -> Result<(), RandomUnavailable> {
        let Some(Ok(mut own)) = self.own.as_ref().map(|own| own.lock()) else { return Ok(()) };
        if now >= own.next_rotation {
            let mut ring = NonceKeyRing::clone(&self.ring.load());
            ring.rotate(own.next_id, MacKey::new(random_bytes()?));
            own.next_id = own.next_id.wrapping_add(1);
            own.next_rotation = now.plus(ROTATION);
            self.ring.store(Arc::new(ring));
        }
        Ok(())
    }
}
