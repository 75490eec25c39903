//! The replay store: one atomic call that remembers a single-use thing, or says why it may not pass
//! (RFC 9449 section 11.1, DPOP-11.1-02 and -06 to -12). Looking first and inserting afterwards is not
//! offered, because two copies would pass between the two.

use std::future::Future;
use std::sync::Arc;

use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;

/// Remembers single-use things for as long as they could be accepted.
///
/// Every implementation keeps these promises:
///
/// - **False negative** (a copy with the same `expires_at` answered [`Inserted`](ReplayOutcome::Inserted)):
///   never, for any number of concurrent callers and whatever the clock does. A clock that steps back
///   does not reopen what was dropped after its time: an entry that could be one of the dropped is
///   answered [`Duplicate`](ReplayOutcome::Duplicate).
/// - **False positive** (a new thing answered `Duplicate`): an entry whose `expires_at` lies before `now`
///   or is no later than that of an entry already dropped, since it can't be told apart from one; and,
///   where entries are stored as keyed fingerprints of at least 96 bits, a collision, with a probability
///   below 2^-70 per call at ten million entries.
/// - **Lifetime**: through `expires_at`, and not much longer. The first `expires_at` of an entry counts.
/// - **Full**: an entry that is still live is never evicted for a new one. When the bound is reached, new
///   entries are answered [`Full`](ReplayOutcome::Full) and old ones are still `Duplicate`.
/// - **Trouble**: [`Unavailable`](ReplayOutcome::Unavailable), never `Inserted`.
///
/// The caller asks last, after everything else about the request has been verified, so that nothing
/// unproven fills the store; it lets a request pass on `Inserted` alone; and it derives `expires_at`
/// from the thing itself and the acceptance policy (`iat` plus the window), never from the time of asking,
/// so that every copy carries the same one.
pub trait ReplayStore: Send + Sync + 'static {
    /// Remembers `entry` if it is new, in one atomic step.
    fn check_and_insert<'a>(
        &'a self,
        entry: ReplayEntry<'a>,
        now: UnixTime,
    ) -> impl Future<Output = ReplayOutcome> + Send + 'a;

    /// The start of this store's memory, when nothing older is remembered: things made before it must be
    /// met with a nonce, never accepted (DPOP-11.1-11). `None` when memory survives a restart.
    fn accepted_since(&self) -> Option<UnixTime>;
}

impl<S: ReplayStore> ReplayStore for Arc<S> {
    fn check_and_insert<'a>(
        &'a self,
        entry: ReplayEntry<'a>,
        now: UnixTime,
    ) -> impl Future<Output = ReplayOutcome> + Send + 'a {
        S::check_and_insert(self, entry, now)
    }

    fn accepted_since(&self) -> Option<UnixTime> {
        S::accepted_since(self)
    }
}
