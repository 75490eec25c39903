//! Points in time as the protocol counts them: whole seconds since 1970-01-01T00:00:00Z (NumericDate,
//! RFC 7519 section 2). Every "now" in this crate is an argument of this type; nothing here reads a
//! clock. Arithmetic saturates, so no claim of an attacker can make it wrap.

use core::fmt;
use core::time::Duration;

/// A point in time, in whole seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixTime(i64);

impl UnixTime {
    /// The earliest time that can be said.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest time that can be said.
    pub const MAX: Self = Self(i64::MAX);

    /// The time `seconds` after the epoch (before it, when negative).
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0
    }

    /// This time moved later by `span`, whole seconds only, stopping at [`UnixTime::MAX`].
    #[must_use]
    pub const fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(whole_seconds(span)))
    }

    /// This time moved earlier by `span`, whole seconds only, stopping at [`UnixTime::MIN`].
    #[must_use]
    pub const fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(whole_seconds(span)))
    }

    /// Seconds from `earlier` to `self`; negative when `self` is the earlier one.
    #[must_use]
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

const fn whole_seconds(span: Duration) -> i64 {
    let seconds = span.as_secs();
    if seconds > i64::MAX as u64 { i64::MAX } else { seconds as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_at_the_ends_saturates_and_never_wraps() {
        assert_eq!(UnixTime::MAX.plus(Duration::from_secs(1)), UnixTime::MAX);
        assert_eq!(UnixTime::MIN.minus(Duration::from_secs(u64::MAX)), UnixTime::MIN);
        assert_eq!(UnixTime::MAX.seconds_since(UnixTime::MIN), i64::MAX);
        assert_eq!(UnixTime::MIN.seconds_since(UnixTime::MAX), i64::MIN);
    }
}
