//! What is due: from the keys that the store holds, the configuration and the time alone, so that every process
//! on one store comes to the same steps. A step that another process has taken meanwhile is none any more.

use std::time::Duration;

use bindery_core::time::UnixTime;
use bindery_store::record::{SigningKeyRecord, SigningKeyState};

use super::issuer_key::KeyAlgorithm;
use super::times::KeyTimes;

/// How long after its time a key whose algorithm is configured nowhere is left alone.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// How long the first start of an issuer takes at most, from its first key to its last.
const FIRST_START: Duration = Duration::from_secs(60);

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Make a key, to be published before it is used, or, where there is none, used at once.
    Make(KeyAlgorithm, SigningKeyState),
    /// Use the key from now on.
    Activate(String),
    /// Use it no more; what it made stays good.
    Retire(String),
    /// Forget it.
    Remove(String),
}

/// What is due at `now`.
pub(super) fn due(
    records: &[SigningKeyRecord],
    algorithms: &[KeyAlgorithm],
    times: &KeyTimes,
    now: UnixTime,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for algorithm in algorithms {
        let waits = is_added_later(records, algorithms, *algorithm, now);
        steps.extend(next_of(&Keys::of(records, *algorithm), *algorithm, (times, waits), now));
    }
    let abandoned = |record: &&SigningKeyRecord| {
        let configured = algorithms.iter().any(|algorithm| algorithm.name() == record.algorithm);
        !configured && abandoned_at(record, times).is_some_and(|due| due <= now)
    };
    steps.extend(records.iter().filter(abandoned).map(|record| match record.state {
        // It was never used: nothing that it signed is alive.
        SigningKeyState::Pending => Step::Remove(record.key_id.clone()),
        SigningKeyState::Active | SigningKeyState::Retired => Step::Retire(record.key_id.clone()),
    }));
    let gone = |record: &&SigningKeyRecord| gone_at(record, times).is_some_and(|gone| gone <= now);
    steps.extend(records.iter().filter(gone).map(|record| Step::Remove(record.key_id.clone())));
    steps
}

/// Whether others may hold a key set of this issuer without a key of `algorithm`, and need not: another configured
/// algorithm signs meanwhile. Its first key is then published like any successor before it signs. At the first start
/// nobody holds anything yet; and where nothing else signs, a key that some have to fetch is better than none. What
/// others encrypt to is used by nobody before it was seen.
fn is_added_later(
    records: &[SigningKeyRecord],
    algorithms: &[KeyAlgorithm],
    algorithm: KeyAlgorithm,
    now: UnixTime,
) -> bool {
    let signs = |one: &KeyAlgorithm| matches!(one, KeyAlgorithm::Signature(_)) && *one != algorithm;
    let began = records.iter().map(|record| record.created_at).min();
    matches!(algorithm, KeyAlgorithm::Signature(_))
        && began.is_some_and(|began| began.plus(FIRST_START) < now)
        && algorithms.iter().filter(|one| signs(one)).any(|one| Keys::of(records, *one).current().is_some())
}

fn next_of(
    keys: &Keys<'_>,
    algorithm: KeyAlgorithm,
    (times, waits): (&KeyTimes, bool),
    now: UnixTime,
) -> Vec<Step> {
    match (keys.current(), keys.pending()) {
        (None, None) if waits => vec![Step::Make(algorithm, SigningKeyState::Pending)],
        (None, Some(pending)) if waits && now < pending.created_at.plus(times.publish_before) => Vec::new(),
        (None, None) => vec![Step::Make(algorithm, SigningKeyState::Active)],
        (None, Some(pending)) => vec![Step::Activate(pending.key_id.clone())],
        (Some(current), Some(pending)) if pending.created_at.plus(times.publish_before) <= now => {
            let mut steps = vec![Step::Activate(pending.key_id.clone())];
            let before = keys.active.iter().filter(|key| key.key_id != current.key_id);
            steps.extend(before.chain([&current]).map(|key| Step::Retire(key.key_id.clone())));
            steps
        }
        (Some(current), pending) => {
            let others = keys.active.iter().filter(|key| key.key_id != current.key_id);
            let mut steps: Vec<Step> = others.map(|key| Step::Retire(key.key_id.clone())).collect();
            let due = successor_at(current, times).is_some_and(|due| due <= now);
            if due && pending.is_none() {
                steps.push(Step::Make(algorithm, SigningKeyState::Pending));
            }
            steps
        }
    }
}

/// The keys of one algorithm.
pub(super) struct Keys<'r> {
    active: Vec<&'r SigningKeyRecord>,
    pending: Vec<&'r SigningKeyRecord>,
}

impl<'r> Keys<'r> {
    pub(super) fn of(records: &'r [SigningKeyRecord], algorithm: KeyAlgorithm) -> Self {
        let in_state = |state| {
            let wanted = |key: &&SigningKeyRecord| key.algorithm == algorithm.name() && key.state == state;
            records.iter().filter(wanted).collect()
        };
        Self { active: in_state(SigningKeyState::Active), pending: in_state(SigningKeyState::Pending) }
    }

    /// Whether there is a key in use or on its way there; without one, another process is making it.
    pub(super) fn are_ready(&self) -> bool {
        !self.active.is_empty() || !self.pending.is_empty()
    }

    /// The key in use: of several, the one that was activated last.
    pub(super) fn current(&self) -> Option<&'r SigningKeyRecord> {
        self.active.iter().copied().max_by_key(|key| (key.activated_at, key.created_at, &key.key_id))
    }

    /// The key that is used next: of several, the one that was published first.
    pub(super) fn pending(&self) -> Option<&'r SigningKeyRecord> {
        self.pending.iter().copied().min_by_key(|key| (key.created_at, &key.key_id))
    }
}

/// When the successor of the key in use is made.
pub(super) fn successor_at(current: &SigningKeyRecord, times: &KeyTimes) -> Option<UnixTime> {
    let activated = current.activated_at.unwrap_or(current.created_at);
    times.rotation.map(|rotation| activated.plus(rotation.saturating_sub(times.publish_before)))
}

/// When a key goes out of use whose algorithm is configured no more. A node that still has the algorithm configured
/// would have replaced the key a day before.
pub(super) fn abandoned_at(record: &SigningKeyRecord, times: &KeyTimes) -> Option<UnixTime> {
    let since = match record.state {
        SigningKeyState::Pending => record.created_at,
        SigningKeyState::Active => record.activated_at.unwrap_or(record.created_at),
        SigningKeyState::Retired => return None,
    };
    times.rotation.map(|rotation| since.plus(rotation).plus(ABANDONED))
}

/// When a retired key is forgotten.
pub(super) fn gone_at(record: &SigningKeyRecord, times: &KeyTimes) -> Option<UnixTime> {
    match record.state {
        SigningKeyState::Retired => record.retired_at.map(|retired| retired.plus(times.retain)),
        SigningKeyState::Pending | SigningKeyState::Active => None,
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
