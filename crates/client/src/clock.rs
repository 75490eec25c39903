//! This machine's clock, and how far each server's `Date` says that it is off (FSP-C-13). A correction is
//! kept by origin, so no server can shift the time that another one is told; it is bounded and can be read.
//! The only place in this crate where time is read.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bindery_core::time::UnixTime;
use http::HeaderMap;
use http::header::{AGE, DATE};
use quick_cache::sync::Cache;

use crate::origin::Origin;

/// Tells the time. Tests move it by hand.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock, which may be wrong; for `iat` and `exp`.
    fn now(&self) -> UnixTime;

    /// Time since some fixed moment, which never runs backwards; for the age of tokens.
    fn monotonic(&self) -> Duration;
}

/// The clocks of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixTime::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}

/// How many seconds a server's clock is ahead of ours; negative when it is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct ClockOffset(i64);

impl ClockOffset {
    /// The seconds to add to our clock.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0
    }

    /// Our time as that server would tell it.
    #[must_use]
    pub const fn applied_to(self, now: UnixTime) -> UnixTime {
        UnixTime::from_seconds(now.as_seconds().saturating_add(self.0))
    }

    /// Whether a proof made with `earlier` could have been refused for its time and one made with `self`
    /// would not be: the difference is more than the resolution of `Date`.
    pub(crate) const fn differs_from(self, earlier: Self) -> bool {
        self.0.saturating_sub(earlier.0).unsigned_abs() > RESOLUTION
    }
}

impl fmt::Display for ClockOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+} s", self.0)
    }
}

/// `Date` counts whole seconds and was written before the response arrived.
const RESOLUTION: u64 = 2;

/// The offsets of the servers that were spoken to.
pub struct ServerClocks {
    offsets: Cache<Origin, ClockOffset>,
    maximum: Duration,
}

impl ServerClocks {
    /// A difference up to this is left alone: every server allows it, and `Date` is coarse.
    pub const TOLERATED: Duration = Duration::from_secs(5);
    /// How far a server can move our clock unless the configuration says otherwise.
    pub const DEFAULT_MAXIMUM: Duration = Duration::from_secs(3600);

    /// No correction known; none will be larger than `maximum`.
    #[must_use]
    pub fn new(maximum: Duration) -> Self {
        Self { offsets: Cache::new(1024), maximum }
    }

    /// The correction in use for `origin`, zero when none is.
    #[must_use]
    pub fn offset(&self, origin: &Origin) -> ClockOffset {
        self.offsets.get(origin).unwrap_or_default()
    }

    /// Learns from the `Date` of a response that arrived at `now`. Below [`Self::TOLERATED`] the correction
    /// goes away, unless the server refused a proof (`refused`): then the exact difference is taken. A response out
    /// of a shared cache (`Age`) tells an old time and is not believed, nor is one beyond the bound.
    pub fn learn(&self, origin: &Origin, headers: &HeaderMap, now: UnixTime, refused: bool) -> ClockOffset {
        let used = self.offset(origin);
        let Some(date) = server_date(headers) else { return used };
        let ahead = date.seconds_since(now);
        if ahead.unsigned_abs() > self.maximum.as_secs() {
            tracing::warn!(%origin, offset_seconds = ahead, "the server's clock differs by more than may be corrected; set this machine's clock");
            return used;
        }
        // A correction that still fits stays, also a small one that a refused proof has taught.
        let fits = used != ClockOffset::default() && !ClockOffset(ahead).differs_from(used);
        let tolerated = ahead.unsigned_abs() <= Self::TOLERATED.as_secs();
        let found = if tolerated && !refused { ClockOffset::default() } else { ClockOffset(ahead) };
        if found == used || (fits && !refused) {
            return used;
        }
        tracing::info!(%origin, offset = %found, "clock correction learned from the server's Date");
        self.offsets.insert(origin.clone(), found);
        found
    }
}

impl fmt::Debug for ServerClocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerClocks({} servers, at most {:?})", self.offsets.len(), self.maximum)
    }
}

fn server_date(headers: &HeaderMap) -> Option<UnixTime> {
    if headers.get(AGE).is_some_and(|age| age.as_bytes() != b"0") {
        return None;
    }
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let since = date.duration_since(UNIX_EPOCH).ok()?;
    Some(UnixTime::from_seconds(i64::try_from(since.as_secs()).ok()?))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use url::Url;

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn origin() -> Origin {
        Origin::of(&Url::parse("https://a.example").unwrap()).unwrap()
    }

    fn dated(ahead: i64) -> HeaderMap {
        let seconds = u64::try_from(NOW.as_seconds() + ahead).unwrap();
        let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
        HeaderMap::from_iter([(DATE, HeaderValue::from_str(&text).unwrap())])
    }

    #[test]
    fn corrects_a_clock_that_is_off_and_forgets_when_it_is_right_again() {
        let clocks = ServerClocks::new(ServerClocks::DEFAULT_MAXIMUM);
        assert_eq!(clocks.learn(&origin(), &dated(600), NOW, false).as_seconds(), 600);
        assert_eq!(clocks.learn(&origin(), &dated(601), NOW, false).as_seconds(), 600);
        assert_eq!(clocks.learn(&origin(), &dated(-600), NOW, false).as_seconds(), -600);
        assert_eq!(clocks.offset(&origin()).applied_to(NOW).as_seconds(), NOW.as_seconds() - 600);
        assert_eq!(clocks.learn(&origin(), &dated(3), NOW, false).as_seconds(), 0);
    }

    #[test]
    fn a_small_difference_counts_only_when_a_proof_was_refused() {
        let clocks = ServerClocks::new(ServerClocks::DEFAULT_MAXIMUM);
        assert_eq!(clocks.learn(&origin(), &dated(4), NOW, false).as_seconds(), 0);
        assert_eq!(clocks.learn(&origin(), &dated(4), NOW, true).as_seconds(), 4);
        assert_eq!(clocks.learn(&origin(), &dated(5), NOW, false).as_seconds(), 4);
    }

    #[test]
    fn a_server_can_not_move_the_clock_beyond_the_bound_nor_through_a_cache() {
        let clocks = ServerClocks::new(Duration::from_secs(3600));
        assert_eq!(clocks.learn(&origin(), &dated(3601), NOW, true).as_seconds(), 0);
        let mut cached = dated(-600);
        cached.insert(AGE, HeaderValue::from_static("600"));
        assert_eq!(clocks.learn(&origin(), &cached, NOW, true).as_seconds(), 0);
        assert_eq!(clocks.learn(&origin(), &HeaderMap::new(), NOW, true).as_seconds(), 0);
    }
}
