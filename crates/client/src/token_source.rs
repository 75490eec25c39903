//! Gets bound tokens, keeps them by resource, and renews them before they expire: one request at a time per
//! resource, one refresh at a time per grant, and nobody's impatience cancels it. What it hands out is
//! bound, or it hands out nothing.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bindery_crypto::{Signer, random_bytes};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use url::Url;

use crate::clock::{ClockOffset, ServerClocks};
use crate::configuration::{ClientAuthentication, ClientConfiguration, Grant, SenderConstraint};
use crate::error::{ConfigurationInvalid, Error, RequestRefused, TokenRefused};
use crate::exchange::Exchange;
use crate::nonce::NonceCache;
use crate::origin::{Origin, PlainHttp};
use crate::secret::Secret;
use crate::token::{BoundToken, Lifetime, TokenBinding};
use crate::token_response::GrantedToken;

/// How long a token is taken to be good when the server does not say: the usual short life.
const UNSAID_LIFETIME: Duration = Duration::from_secs(300);
/// A token is not handed out for its last seconds; it would expire on the way.
const LAST_SECONDS: Duration = Duration::from_secs(2);
/// The earliest renewal before expiry, and as much again at random, so that many clients don't renew at once.
const LARGEST_MARGIN: Duration = Duration::from_secs(30);
/// After a failed renewal the token in hand is used on, and the server left alone for this long.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest that a server's `Retry-After` is heeded.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Obtains and keeps the bound tokens of one client at one authorization server. Clones share everything.
///
/// Must be used within a tokio runtime.
#[derive(Clone)]
pub struct TokenSource(Arc<Inner>);

struct Inner {
    exchange: Exchange,
    nonces: NonceCache,
    clocks: ServerClocks,
    dpop: RwLock<Option<Arc<dyn Signer>>>,
    /// One for each configured resource; a single one when none is configured.
    slots: Vec<Slot>,
    grant: tokio::sync::Mutex<HeldGrant>,
}

type Flight = Shared<BoxFuture<'static, Result<Arc<BoundToken>, Error>>>;

#[derive(Default)]
struct Slot(Mutex<SlotState>);

#[derive(Default)]
struct SlotState {
    token: Option<Arc<BoundToken>>,
    flight: Option<Flight>,
    paused_until: Duration,
    /// What the server said with `Retry-After`, repeated to callers until then instead of asking it again.
    busy: Option<(Duration, Error)>,
    replaced_at: Option<Duration>,
}

impl SlotState {
    fn forget(&mut self, refused: &Arc<BoundToken>) {
        if self.token.as_ref().is_some_and(|token| Arc::ptr_eq(token, refused)) {
            self.token = None;
        }
    }
}

/// The refresh token in use; the lock around it is held during a refresh, so two never race (FSP-C-06).
struct HeldGrant {
    refresh_token: Option<Secret>,
    unkept: bool,
}

impl TokenSource {
    /// A source for `configuration`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Configuration`] when the HTTP client for the authorization server can't be made.
    pub fn new(configuration: ClientConfiguration) -> Result<Self, Error> {
        if configuration.plain_http == PlainHttp::Loopback {
            tracing::warn!(
                issuer = configuration.issuer,
                "plain http to loopback addresses is allowed: for development only"
            );
        }
        let dpop = match &configuration.sender_constraint {
            SenderConstraint::Dpop { signer } => Some(Arc::clone(signer)),
            SenderConstraint::Mtls { .. } => None,
        };
        let refresh_token = match &configuration.grant {
            Grant::RefreshToken { initial } => Some(initial.clone()),
            Grant::ClientCredentials => None,
        };
        let slots = (0..configuration.resources.len().max(1)).map(|_| Slot::default()).collect();
        Ok(Self(Arc::new(Inner {
            nonces: NonceCache::new(),
            clocks: ServerClocks::new(configuration.maximum_clock_correction),
            dpop: RwLock::new(dpop),
            slots,
            grant: tokio::sync::Mutex::new(HeldGrant { refresh_token, unkept: false }),
            exchange: Exchange::new(configuration)?,
        })))
    }

    /// The configuration of this source.
    #[must_use]
    pub fn configuration(&self) -> &ClientConfiguration {
        &self.0.exchange.configuration
    }

    /// A token for a request to `url`: of the configured resource with the longest path that covers it, or
    /// the only token when no resource is configured.
    ///
    /// # Errors
    /// [`RequestRefused`] when `url` is not https or lies outside every resource, else what the server did.
    pub async fn token_for(&self, url: &Url) -> Result<Arc<BoundToken>, Error> {
        self.token_at(self.slot_for(url)?).await
    }

    /// The token of the first configured resource, or the only one.
    ///
    /// # Errors
    /// As [`Self::token_for`].
    pub async fn token(&self) -> Result<Arc<BoundToken>, Error> {
        self.token_at(0).await
    }

    /// Another token in place of `refused`, which a resource did not take. When somebody else has replaced
    /// it already, that one is returned and nothing is sent.
    ///
    /// # Errors
    /// As [`Self::token_for`].
    pub async fn replace(&self, refused: &Arc<BoundToken>) -> Result<Arc<BoundToken>, Error> {
        self.0.slots[refused.resource].lock().forget(refused);
        self.token_at(refused.resource).await
    }

    /// The same, but nothing when `refused` is a replacement itself and still new: a resource that takes no
    /// token at all must not turn each of its requests into a token request.
    pub(crate) async fn replace_sparingly(
        &self,
        refused: &Arc<BoundToken>,
    ) -> Result<Option<Arc<BoundToken>>, Error> {
        let now = self.configuration().clock.monotonic();
        {
            let mut state = self.0.slots[refused.resource].lock();
            let current = state.token.as_ref().is_some_and(|token| Arc::ptr_eq(token, refused));
            if current && state.replaced_at.is_some_and(|at| now < at.saturating_add(PAUSE)) {
                return Ok(None);
            }
            if current {
                state.replaced_at = Some(now);
            }
            state.forget(refused);
        }
        self.token_at(refused.resource).await.map(Some)
    }

    /// Uses `signer` for the tokens to come; tokens in hand keep the key that they are bound to (DPOP-K-02).
    ///
    /// # Errors
    /// [`ConfigurationInvalid::KeyPinned`] for a public client with a refresh token, which answers to its
    /// first key alone (DPOP-5-07); [`ConfigurationInvalid::NotDpop`] when tokens are bound to a certificate.
    pub fn rotate_dpop_key(&self, signer: Arc<dyn Signer>) -> Result<(), ConfigurationInvalid> {
        let configuration = self.configuration();
        let public = matches!(configuration.authentication, ClientAuthentication::None);
        if public && matches!(configuration.grant, Grant::RefreshToken { .. }) {
            return Err(ConfigurationInvalid::KeyPinned);
        }
        let mut current = self.0.dpop.write().unwrap_or_else(PoisonError::into_inner);
        if current.is_none() {
            return Err(ConfigurationInvalid::NotDpop);
        }
        *current = Some(signer);
        for slot in &self.0.slots {
            slot.lock().token = None;
        }
        Ok(())
    }

    /// How far the clock of the server of `url` is ahead of ours, as far as it is corrected for.
    #[must_use]
    pub fn clock_offset(&self, url: &Url) -> ClockOffset {
        Origin::within(url, self.plain_http()).map(|origin| self.0.clocks.offset(&origin)).unwrap_or_default()
    }

    /// The nonces of the servers that this source and its middlewares spoke to.
    #[must_use]
    pub fn nonces(&self) -> &NonceCache {
        &self.0.nonces
    }

    /// The clock corrections of those servers.
    #[must_use]
    pub fn clocks(&self) -> &ServerClocks {
        &self.0.clocks
    }

    pub(crate) fn plain_http(&self) -> PlainHttp {
        self.configuration().plain_http
    }

    /// Which resource a request to `url` belongs to.
    pub(crate) fn slot_for(&self, url: &Url) -> Result<usize, RequestRefused> {
        let origin = Origin::within(url, self.plain_http())?;
        let resources = &self.configuration().resources;
        if resources.is_empty() {
            return Ok(0);
        }
        let covering =
            resources.iter().enumerate().filter_map(|(slot, known)| Some((known.covers(url)?, slot)));
        covering.max().map(|(_, slot)| slot).ok_or(RequestRefused::NotAResource { origin })
    }

    async fn token_at(&self, slot: usize) -> Result<Arc<BoundToken>, Error> {
        let now = self.configuration().clock.monotonic();
        let flight = {
            let mut state = self.0.slots[slot].lock();
            let usable = state.token.clone().filter(|token| now + LAST_SECONDS < token.expires_at);
            if let Some(token) = usable {
                // In its last part of life it is used on while a new one is fetched behind it.
                if now >= token.renew_at && now >= state.paused_until {
                    drop(self.flight(&mut state, slot));
                }
                return Ok(token);
            }
            if let Some((_, error)) = state.busy.as_ref().filter(|(until, _)| now < *until) {
                return Err(error.clone());
            }
            self.flight(&mut state, slot)
        };
        flight.await
    }

    /// The request for a token that is under way, begun now if there is none. It runs on a task of its own:
    /// a caller that gives up must not lose a refresh token that the server has already rotated.
    fn flight(&self, state: &mut SlotState, slot: usize) -> Flight {
        if let Some(flight) = state.flight.as_ref().filter(|flight| flight.peek().is_none()) {
            return flight.clone();
        }
        let source = self.clone();
        let task = tokio::spawn(async move { source.fetch(slot).await });
        let flight = task.map(|ended| ended.unwrap_or(Err(Error::Interrupted))).boxed().shared();
        state.flight = Some(flight.clone());
        flight
    }

    async fn fetch(&self, slot: usize) -> Result<Arc<BoundToken>, Error> {
        let fetched = self.obtain(slot).await;
        let now = self.configuration().clock.monotonic();
        let mut state = self.0.slots[slot].lock();
        // Those who wait hold the flight themselves; those who come later begin another.
        state.flight = None;
        state.busy = None;
        match &fetched {
            Ok(token) => state.token = Some(Arc::clone(token)),
            Err(error) => {
                tracing::warn!(%error, remedy = error.remedy(), "no new token");
                let asked_to_wait = error.retry_after().map(|wait| wait.min(LONGEST_PAUSE));
                state.paused_until = now.saturating_add(asked_to_wait.unwrap_or(PAUSE));
                state.busy = asked_to_wait.map(|wait| (now.saturating_add(wait), error.clone()));
            }
        }
        fetched
    }

    async fn obtain(&self, slot: usize) -> Result<Arc<BoundToken>, Error> {
        let configuration = self.configuration();
        let resource = configuration.resources.get(slot).map(|resource| resource.indicator.as_str());
        let binding = match self.0.dpop.read().unwrap_or_else(PoisonError::into_inner).clone() {
            Some(signer) => TokenBinding::Dpop { signer },
            None => TokenBinding::Mtls,
        };
        let asked_at = configuration.clock.monotonic();
        let (nonces, clocks) = (&self.0.nonces, &self.0.clocks);
        let granted = if matches!(configuration.grant, Grant::ClientCredentials) {
            self.0.exchange.request_token(&binding, resource, None, nonces, clocks).await?
        } else {
            let mut grant = self.0.grant.lock().await;
            self.keep(&mut grant, false).await;
            let Some(refresh_token) = grant.refresh_token.clone() else {
                let origin = configuration.issuer_origin.clone();
                return Err(Error::Token { origin, reason: TokenRefused::NoRefreshToken });
            };
            let mut granted = self
                .0
                .exchange
                .request_token(&binding, resource, Some(&refresh_token), nonces, clocks)
                .await?;
            if let Some(rotated) = granted.refresh_token.take() {
                grant.refresh_token = Some(rotated);
                self.keep(&mut grant, true).await;
            }
            granted
        };
        let lifetime = lifetime(asked_at, &granted)?;
        BoundToken::new(granted.access_token, binding, granted.scope, slot, lifetime).map(Arc::new)
    }

    /// Hands the refresh token to the keeper, when it is `new` or was not kept the last time.
    async fn keep(&self, grant: &mut HeldGrant, new: bool) {
        let configuration = self.configuration();
        let Some(keeper) = configuration.refresh_token_keeper.as_ref().filter(|_| new || grant.unkept) else {
            return;
        };
        let Some(token) = &grant.refresh_token else { return };
        grant.unkept = keeper.keep(&configuration.issuer, token).await.is_err();
        if grant.unkept {
            tracing::error!(
                issuer = configuration.issuer,
                "the rotated refresh token was not kept: after a restart this client has to be authorized again"
            );
        }
    }
}

impl Slot {
    fn lock(&self) -> std::sync::MutexGuard<'_, SlotState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Renewal between one and two margins before expiry; the margin is a tenth of the life, 30 seconds at most.
fn lifetime(asked_at: Duration, granted: &GrantedToken) -> Result<Lifetime, Error> {
    let life = granted.expires_in.unwrap_or(UNSAID_LIFETIME);
    let margin = (life / 10).min(LARGEST_MARGIN);
    let part = f64::from(u32::from_be_bytes(random_bytes::<4>()?)) / f64::from(u32::MAX);
    let expires_at = asked_at.saturating_add(life);
    let renew_at = expires_at.saturating_sub(margin + margin.mul_f64(part));
    Ok(Lifetime { renew_at, expires_at })
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenSource").field(self.configuration()).finish()
    }
}
