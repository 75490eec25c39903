//! What a replay store remembers and what it may answer (RFC 9449 section 11.1, RFC 7523 section 3 for
//! assertions). The store itself lives in `bindery-store`; here are only the values, so that checks can
//! be made and judged without it. Nothing here decides whether a proof is good: an entry is made last,
//! from what has been verified, so that nothing unproven fills a store.

use core::time::Duration;

use crate::time::UnixTime;

/// What kind of single-use thing an entry stands for; kinds never collide (CVE-2026-4282's class).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ReplayKind {
    /// A DPoP proof, by key thumbprint, target URI and `jti`.
    DpopProof,
    /// A client assertion, by client and `jti`.
    ClientAssertion,
    /// A request object, by client and `jti` (JAR-X-01).
    RequestObject,
    /// A guess at a password behind a lock, by browser and number.
    PasswordGuess,
    /// The making of a key of ours, by algorithm and predecessor: one process makes it.
    KeyGeneration,
}

impl ReplayKind {
    /// A stable one-byte name for keys in shared stores.
    #[must_use]
    pub const fn tag(self) -> u8 {
        match self {
            Self::DpopProof => 1,
            Self::ClientAssertion => 2,
            Self::RequestObject => 3,
            Self::KeyGeneration => 4,
            Self::PasswordGuess => 5,
        }
    }
}

/// One single-use thing. Two entries are the same when kind, owner, target and identifier are, so one
/// party's identifiers never block another's, and a stranger cannot burn them (DPOP-11.1-07).
#[derive(Clone, Copy, Debug)]
pub struct ReplayEntry<'a> {
    /// The kind of thing.
    pub kind: ReplayKind,
    /// Who made it: the raw key thumbprint, or the client identifier.
    pub owner: &'a [u8],
    /// What it was made for, in up to two parts that are told apart: the `htu` of a proof, or empty.
    pub target: (&'a str, &'a str),
    /// Its `jti`.
    pub identifier: &'a str,
    /// The last second at which it could be accepted. A store must remember the entry through this second.
    pub expires_at: UnixTime,
}

/// What the store says of an entry. Only `Inserted` lets a request pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ReplayOutcome {
    /// New, and now remembered.
    Inserted,
    /// Seen before, or not to be told apart from one seen before.
    Duplicate,
    /// Not remembered, because the configured bound is reached and every entry is still live.
    Full,
    /// The store could not be asked.
    Unavailable,
}

/// Why a thing that is good once may have been used before the memory began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRemembered {
    /// It does not say when it was made.
    Undated,
    /// It was made before, or so close to it that nobody can tell.
    Predates,
}

/// After a restart without durable memory only what is surely younger than `since` counts. So that this can be told
/// from `made_at`, the time that the thing itself claims, such a server takes none from the future, before the restart
/// or after. Returns the latest time that it may claim: `skew` from now where memory lasts.
///
/// # Errors
/// [`NotRemembered`] for what may have been used before.
pub fn require_remembered(
    since: Option<UnixTime>,
    made_at: Option<UnixTime>,
    now: UnixTime,
    skew: Duration,
) -> Result<UnixTime, NotRemembered> {
    let Some(since) = since else { return Ok(now.plus(skew)) };
    match made_at {
        Some(made_at) if made_at > since => Ok(now),
        Some(_) => Err(NotRemembered::Predates),
        None => Err(NotRemembered::Undated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shared stores keep all kinds side by side; a tag that is used twice, or changed in an upgrade, would
    /// let one kind's identifiers pass for another's.
    #[test]
    fn the_tag_of_a_kind_is_its_own_and_never_changes() {
        let tags = [
            (ReplayKind::DpopProof, 1),
            (ReplayKind::ClientAssertion, 2),
            (ReplayKind::RequestObject, 3),
            (ReplayKind::KeyGeneration, 4),
            (ReplayKind::PasswordGuess, 5),
        ];
        for (kind, tag) in tags {
            assert_eq!(kind.tag(), tag, "{kind:?}");
        }
    }
}
