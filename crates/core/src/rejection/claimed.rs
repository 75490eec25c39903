//! Text that a client chose, on its way to an operator's log: cut and escaped. It never reaches the wire.

use alloc::boxed::Box;
use core::fmt;

/// What a client claimed, for the operator's eyes: cut to 160 bytes and escaped when shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Claimed(pub(super) Box<str>);

impl Claimed {
    /// Keeps at most 160 bytes of `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text[..text.floor_char_boundary(160)].into())
    }
}

impl fmt::Display for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_debug())
    }
}

impl fmt::Debug for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
