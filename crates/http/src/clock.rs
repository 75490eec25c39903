//! The time of day. [`SystemClock`] is the only place that reads the machine's clock; everything else is
//! handed a [`UnixTime`], so every rule about time can be tested with a clock that is moved by hand.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bindery_core::time::UnixTime;

/// Something that knows what time it is.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> UnixTime;

    /// The time since some fixed moment, which never steps back: for rates, which a corrected clock must not
    /// upset. Without another source it is counted from [`Self::now`].
    fn monotonic(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.now().as_seconds()).unwrap_or(0))
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> UnixTime {
        (**self).now()
    }

    fn monotonic(&self) -> Duration {
        (**self).monotonic()
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => UnixTime::default().plus(since),
            // A machine whose clock stands before 1970 must not fall back to a time that looks right.
            Err(before) => UnixTime::default().minus(before.duration()),
        }
    }

    fn monotonic(&self) -> Duration {
        static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGUN.elapsed()
    }
}

/// A clock that moves only when told, for tests and simulations.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `time`.
    #[must_use]
    pub const fn new(time: UnixTime) -> Self {
        Self(AtomicI64::new(time.as_seconds()))
    }

    /// Moves the clock to `time`.
    pub fn set(&self, time: UnixTime) {
        self.0.store(time.as_seconds(), Ordering::SeqCst);
    }

    /// Moves the clock later by whole seconds of `span`.
    pub fn advance(&self, span: Duration) {
        self.set(self.now().plus(span));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_seconds(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::new(UnixTime::from_seconds(100));
        assert_eq!(clock.now().as_seconds(), 100);
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.now().as_seconds(), 105);
        clock.set(UnixTime::from_seconds(1));
        assert_eq!(Arc::new(clock).now().as_seconds(), 1);
    }

    #[test]
    fn the_system_clock_stands_after_this_code_was_written() {
        assert!(SystemClock.monotonic() <= SystemClock.monotonic());
        assert!(SystemClock.now() > UnixTime::from_seconds(1_700_000_000));
    }
}
