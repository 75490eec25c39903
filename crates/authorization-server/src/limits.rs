//! Rate limits: how often one address, client, key, account or user code may ask. They keep guessing slow and one
//! caller from starving the others; they prove nothing and replace no check. Memory is bounded whoever asks, and
//! a clock that steps back locks nobody out.
//!
//! To limit something new: a variant of [`Limit`], a line in `LimitsConfiguration`, and
//! `server.limits.require(Limit::Name, &key)?` where the key is known. Keys are hashed and never kept.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use bindery_http::Clock;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::configuration::{ConfigurationInvalid, LimitsConfiguration, RateConfiguration, invalid};

/// The most keys that one limit remembers, about 40 bytes each, before it sees groups instead of keys.
const MOST_KEYS: usize = 100_000;

/// How many groups there are then.
const GROUPS: u64 = 4096;

/// After how many questions the number of keys is counted.
const COUNTED_EVERY: u32 = 1024;

/// How many times one address's rate all those have together whose addresses are unknown.
const TOGETHER: u32 = 10;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// All requests of one address; an IPv6 address stands for its /64.
    Address,
    /// Requests to pages that people sign in at, of one address.
    SignIn,
    /// The same of all whose address is unknown, together: [`TOGETHER`] times as many.
    UnknownSignIn,
    /// Authenticated requests of one client.
    Client,
    /// What strangers may have remembered in the name of a client that did not authenticate: proofs, pushed requests,
    /// device codes, interactions.
    PublicClient,
    /// Proofs by one key.
    Key,
    /// Attempts at one account, by username.
    Account,
    /// Attempts to enter a user code, of one browser or address (RFC 8628 section 5.1).
    UserCode,
}

impl Limit {
    /// The name in configuration and metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::SignIn | Self::UnknownSignIn => "sign_in",
            Self::Client => "client",
            Self::PublicClient => "public_client",
            Self::Key => "key",
            Self::Account => "account",
            Self::UserCode => "user_code",
        }
    }
}

/// A limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) limit: Limit,
    /// Seconds until the next attempt can succeed, at least 1.
    pub(crate) retry_after: u32,
}

/// The limits of one issuer.
pub(crate) struct Limits {
    address: Option<Limiter>,
    sign_in: Option<Limiter>,
    unknown_sign_in: Option<Limiter>,
    client: Option<Limiter>,
    public_client: Option<Limiter>,
    key: Option<Limiter>,
    account: Option<Limiter>,
    user_code: Option<Limiter>,
    hasher: RandomState,
}

impl Limits {
    /// Checks the configuration.
    ///
    /// # Errors
    /// [`ConfigurationInvalid`] names the option.
    pub(crate) fn new(
        configuration: &LimitsConfiguration,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, ConfigurationInvalid> {
        let limiter = |limit: Limit, rate: &RateConfiguration| {
            let quota = quota(limit, rate)?;
            let quota = quota.filter(|_| configuration.enabled);
            Ok::<_, ConfigurationInvalid>(quota.map(|quota| Limiter::new(quota, clock)))
        };
        Ok(Self {
            address: limiter(Limit::Address, &configuration.address)?,
            sign_in: limiter(Limit::SignIn, &configuration.sign_in)?,
            unknown_sign_in: limiter(Limit::UnknownSignIn, &together(configuration.sign_in))?,
            client: limiter(Limit::Client, &configuration.client)?,
            public_client: limiter(Limit::PublicClient, &configuration.public_client)?,
            key: limiter(Limit::Key, &configuration.key)?,
            account: limiter(Limit::Account, &configuration.account)?,
            user_code: limiter(Limit::UserCode, &configuration.user_code)?,
            hasher: RandomState::new(),
        })
    }

    /// Counts one attempt of `key` and requires that it is within the limit.
    ///
    /// # Errors
    /// [`TooMany`] says when to come again; the attempt must have no other effect.
    pub(crate) fn require<K: Hash + ?Sized>(&self, limit: Limit, key: &K) -> Result<(), TooMany> {
        let Some(limiter) = self.limiter(limit) else { return Ok(()) };
        let hash = self.hasher.hash_one(key);
        limiter.require(limit, hash, || hash % GROUPS)
    }

    /// The same for an address.
    ///
    /// # Errors
    /// [`TooMany`].
    pub(crate) fn require_address(&self, limit: Limit, address: IpAddr) -> Result<(), TooMany> {
        let Some(limiter) = self.limiter(limit) else { return Ok(()) };
        let hash = |network: (bool, u128)| self.hasher.hash_one(network);
        limiter.require(limit, hash(network(address, 32, 64)), || hash(network(address, 16, 32)))
    }

    /// Forgets who has not asked for a while.
    pub(crate) fn maintain(&self) {
        let all = [
            &self.address,
            &self.sign_in,
            &self.unknown_sign_in,
            &self.client,
            &self.public_client,
            &self.key,
            &self.account,
            &self.user_code,
        ];
        for limiter in all.into_iter().flatten() {
            limiter.make_room();
        }
    }

    const fn limiter(&self, limit: Limit) -> Option<&Limiter> {
        match limit {
            Limit::Address => self.address.as_ref(),
            Limit::SignIn => self.sign_in.as_ref(),
            Limit::UnknownSignIn => self.unknown_sign_in.as_ref(),
            Limit::Client => self.client.as_ref(),
            Limit::PublicClient => self.public_client.as_ref(),
            Limit::Key => self.key.as_ref(),
            Limit::Account => self.account.as_ref(),
            Limit::UserCode => self.user_code.as_ref(),
        }
    }
}

/// The network that an address stands for: whoever has an IPv6 address has its /64.
fn network(address: IpAddr, length_v4: u32, length_v6: u32) -> (bool, u128) {
    match address.to_canonical() {
        IpAddr::V4(address) => (false, u128::from(u32::from(address) >> (32 - length_v4))),
        IpAddr::V6(address) => (true, u128::from(address) >> (128 - length_v6)),
    }
}

struct Limiter {
    inner: RateLimiter<u64, DashMapStateStore<u64>, LimitClock, NoOpMiddleware<Nanos>>,
    clock: LimitClock,
    asked: AtomicU32,
    /// There are more keys than we remember: groups of them share a limit.
    crowded: AtomicBool,
}

impl Limiter {
    fn new(quota: Quota, clock: &Arc<dyn Clock>) -> Self {
        let clock = LimitClock(Arc::clone(clock));
        Self {
            inner: RateLimiter::dashmap_with_clock(quota, clock.clone()),
            clock,
            asked: AtomicU32::new(0),
            crowded: AtomicBool::new(false),
        }
    }

    fn require(&self, limit: Limit, key: u64, group: impl FnOnce() -> u64) -> Result<(), TooMany> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % COUNTED_EVERY == COUNTED_EVERY - 1
            && self.inner.len() > MOST_KEYS
        {
            self.make_room();
        }
        let key = if self.crowded.load(Ordering::Relaxed) { group() } else { key };
        self.inner.check_key(&key).map(|_| ()).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
            TooMany { limit, retry_after: u32::try_from(seconds).unwrap_or(u32::MAX) }
        })
    }

    fn make_room(&self) {
        self.inner.retain_recent();
        self.crowded.store(self.inner.len() > MOST_KEYS, Ordering::Relaxed);
        self.inner.shrink_to_fit();
    }
}

/// The server's clock, by the one of its times that never steps back.
#[derive(Clone)]
struct LimitClock(Arc<dyn Clock>);

impl governor::clock::Clock for LimitClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        // A clock at the end of time must not end the process; there is room left to add to it.
        let nanoseconds = u64::try_from(self.0.monotonic().as_nanos()).unwrap_or(u64::MAX);
        Nanos::new(nanoseconds.min(u64::MAX / 2))
    }
}

/// The rate of many who can't be told apart, from that of one.
fn together(one: RateConfiguration) -> RateConfiguration {
    RateConfiguration {
        per_second: (one.per_second * f64::from(TOGETHER)).min(1_000_000.0),
        burst: one.burst.saturating_mul(TOGETHER),
    }
}

/// Nothing where the rate is 0: no limit.
fn quota(limit: Limit, rate: &RateConfiguration) -> Result<Option<Quota>, ConfigurationInvalid> {
    let option = || format!("limits.{}", limit.name());
    if rate.per_second == 0.0 {
        return Ok(None);
    }
    let rule = "a rate is between 0.001 and 1000000 per second, or 0 for no limit";
    let wrong = || invalid(option(), rate.per_second, rule, "write it like { per_second = 5, burst = 20 }");
    if !(0.001..=1_000_000.0).contains(&rate.per_second) {
        return Err(wrong());
    }
    let burst = NonZeroU32::new(rate.burst).ok_or_else(|| {
        invalid(option(), rate.burst, "a burst of 0 lets nobody in", "allow at least one request at once")
    })?;
    let quota = Quota::with_period(Duration::from_secs_f64(1.0 / rate.per_second)).ok_or_else(wrong)?;
    Ok(Some(quota.allow_burst(burst)))
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
