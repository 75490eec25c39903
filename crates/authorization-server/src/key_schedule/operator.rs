//! What an operator sees of the keys and may do with them: the command line and the administration call these.
//! Every change keeps a key in use for each configured algorithm, and says what it costs.

use std::fmt;
use std::time::Duration;

use bindery_core::time::UnixTime;
use bindery_store::StoreError;
use bindery_store::record::{SigningKeyRecord, SigningKeyState};

use super::issuer_key::KeyAlgorithm;
use super::plan::{Keys, abandoned_at, gone_at, successor_at};
use super::times::{CACHED, KeyTimes, TAKEN_OVER};
use crate::administration::COMMAND_LINE;
use crate::event::AuditEvent;
use crate::server::AuthorizationServer;
use crate::start::StartFailed;

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// Its `kid`.
    pub key_id: String,
    /// Its algorithm (`alg`).
    pub algorithm: String,
    /// `sig`, or `enc` where others encrypt to it.
    pub usage: &'static str,
    /// Where it stands.
    pub state: SigningKeyState,
    /// When it was made and published.
    pub created_at: UnixTime,
    /// When it came into use.
    pub activated_at: Option<UnixTime>,
    /// When it went out of use.
    pub retired_at: Option<UnixTime>,
    /// What happens to it by itself, and when.
    pub next: Option<(NextStep, UnixTime)>,
}

/// What happens to a key by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// It comes into use.
    Activation,
    /// A successor is published.
    Successor,
    /// Its successor, which is published, takes over.
    Retirement,
    /// It goes out of use, since its algorithm is configured no more.
    End,
    /// It is forgotten.
    Removal,
}

impl NextStep {
    /// In words, with the moment behind them.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Activation => "comes into use",
            Self::Successor => "a successor is published",
            Self::Retirement => "its successor takes over",
            Self::End => "goes out of use",
            Self::Removal => "is forgotten",
        }
    }
}

/// How to rotate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// Publish a key now; it comes into use when everyone has it.
    Publish,
    /// Use a new key at once: the one that is published, or one that is made now. Caches may not have it.
    AtOnce,
}

/// How to retire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retirement {
    /// The key is used no more, and kept until what it signed has expired.
    Orderly,
    /// The key is compromised: it is forgotten at once, and with it everything that it signed.
    Emergency,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyChange {
    /// The `kid` of a key that was made.
    pub made: Option<String>,
    /// The `kid` of a key that came into use.
    pub activated: Option<String>,
    /// The `kid` of a key that went out of use.
    pub retired: Option<String>,
    /// The `kid` of a key that is forgotten.
    pub removed: Option<String>,
    /// For how long others may not know the key in use, and refuse what it signs.
    pub unknown_to_caches: Option<Duration>,
    /// For how long others may go on to believe a key that is forgotten.
    pub believed_by_caches: Option<Duration>,
}

/// Why nothing was done.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyChangeRefused {
    /// The issuer has no key of that `kid`.
    UnknownKey(String),
    /// The configuration names no such algorithm.
    NotConfigured(String),
    /// A new key is published already.
    Published {
        /// Its `kid`.
        key_id: String,
        /// When it comes into use.
        active_at: UnixTime,
    },
    /// The key is out of use already.
    RetiredBefore(String),
    /// The store can't be asked, or no key could be made.
    Failed(StartFailed),
}

impl fmt::Display for KeyChangeRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey(key_id) => {
                write!(f, "there is no key {key_id:?}; `bindery keys list` names them all")
            }
            Self::NotConfigured(name) => write!(
                f,
                "{name} is not among `signing_algorithms` and `keys.encryption_algorithms`; add it there, and a \
                 key is made at the next start"
            ),
            Self::Published { key_id, active_at } => write!(
                f,
                "key {key_id:?} is published already and comes into use at {active_at}; to use it at once, \
                 rotate with --now"
            ),
            Self::RetiredBefore(key_id) => write!(
                f,
                "key {key_id:?} is retired already; to forget it and everything that it signed, retire it with \
                 --emergency"
            ),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for KeyChangeRefused {}

impl From<StartFailed> for KeyChangeRefused {
    fn from(error: StartFailed) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for KeyChangeRefused {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// All keys of the issuer, oldest first.
///
/// # Errors
/// [`StoreError`] when the store can't be asked.
pub async fn list(server: &AuthorizationServer) -> Result<Vec<KeyStatus>, StoreError> {
    let schedule = server.0.key_schedule();
    let records = schedule.store.list_signing_keys().await?;
    Ok(records.iter().map(|record| status(record, &records, schedule.algorithms, schedule.times)).collect())
}

fn status(
    record: &SigningKeyRecord,
    records: &[SigningKeyRecord],
    algorithms: &[KeyAlgorithm],
    times: &KeyTimes,
) -> KeyStatus {
    let algorithm = KeyAlgorithm::from_name(&record.algorithm);
    let configured = algorithm.filter(|algorithm| algorithms.contains(algorithm));
    let published = record.created_at.plus(times.publish_before);
    let next = match (record.state, configured) {
        (SigningKeyState::Retired, _) => gone_at(record, times).map(|at| (NextStep::Removal, at)),
        (_, None) => abandoned_at(record, times).map(|at| (NextStep::End, at)),
        (SigningKeyState::Pending, Some(_)) => Some((NextStep::Activation, published)),
        (SigningKeyState::Active, Some(algorithm)) => match Keys::of(records, algorithm).pending() {
            Some(pending) => Some((NextStep::Retirement, pending.created_at.plus(times.publish_before))),
            None => successor_at(record, times).map(|at| (NextStep::Successor, at)),
        },
    };
    KeyStatus {
        key_id: record.key_id.clone(),
        algorithm: record.algorithm.clone(),
        usage: algorithm.map_or("sig", KeyAlgorithm::usage),
        state: record.state,
        created_at: record.created_at,
        activated_at: record.activated_at,
        retired_at: record.retired_at,
        next,
    }
}

/// Replaces the key of `algorithm`, or of every configured one, ahead of its time.
///
/// # Errors
/// [`KeyChangeRefused`] when a new key is published already, or the algorithm is not configured.
pub async fn rotate(
    server: &AuthorizationServer,
    algorithm: Option<KeyAlgorithm>,
    how: Rotation,
) -> Result<Vec<KeyChange>, KeyChangeRefused> {
    rotate_by(server, COMMAND_LINE, algorithm, how).await
}

/// The same by an administrator, whom the audit names.
pub(crate) async fn rotate_by(
    server: &AuthorizationServer,
    administrator: &str,
    algorithm: Option<KeyAlgorithm>,
    how: Rotation,
) -> Result<Vec<KeyChange>, KeyChangeRefused> {
    let schedule = server.0.key_schedule();
    let wanted = match algorithm {
        None => schedule.algorithms.to_vec(),
        Some(algorithm) if schedule.algorithms.contains(&algorithm) => vec![algorithm],
        Some(algorithm) => return Err(KeyChangeRefused::NotConfigured(algorithm.name().into())),
    };
    let now = server.0.clock.now();
    let records = schedule.store.list_signing_keys().await?;
    let published = wanted.iter().find_map(|algorithm| Keys::of(&records, *algorithm).pending());
    if let (Rotation::Publish, Some(pending)) = (how, published) {
        let active_at = pending.created_at.plus(schedule.times.publish_before);
        return Err(KeyChangeRefused::Published { key_id: pending.key_id.clone(), active_at });
    }
    let mut changes = Vec::new();
    for algorithm in wanted {
        let change = match how {
            Rotation::Publish => {
                let made = schedule.make(algorithm, SigningKeyState::Pending, now).await?;
                KeyChange { made: Some(made), ..KeyChange::default() }
            }
            Rotation::AtOnce => replace(server, &records, algorithm, now).await?,
        };
        report(server, administrator, "rotated", &change);
        changes.push(change);
    }
    server.0.take_over_keys(now).await?;
    Ok(changes)
}

/// Takes a key out of use, and puts its successor into use where it had one to have.
///
/// # Errors
/// [`KeyChangeRefused`] when there is no such key, or it is out of use already.
pub async fn retire(
    server: &AuthorizationServer,
    key_id: &str,
    how: Retirement,
) -> Result<KeyChange, KeyChangeRefused> {
    retire_by(server, COMMAND_LINE, key_id, how).await
}

/// The same by an administrator, whom the audit names.
pub(crate) async fn retire_by(
    server: &AuthorizationServer,
    administrator: &str,
    key_id: &str,
    how: Retirement,
) -> Result<KeyChange, KeyChangeRefused> {
    let schedule = server.0.key_schedule();
    let now = server.0.clock.now();
    let records = schedule.store.list_signing_keys().await?;
    let record = records
        .iter()
        .find(|record| record.key_id == key_id)
        .ok_or_else(|| KeyChangeRefused::UnknownKey(key_id.to_owned()))?;
    if record.state == SigningKeyState::Retired && how == Retirement::Orderly {
        return Err(KeyChangeRefused::RetiredBefore(key_id.to_owned()));
    }
    // Its successor first: at no moment is there nothing to sign with.
    let algorithm = KeyAlgorithm::from_name(&record.algorithm);
    let algorithm = algorithm.filter(|algorithm| schedule.algorithms.contains(algorithm));
    let mut change = match algorithm {
        Some(algorithm) if record.state == SigningKeyState::Active => {
            replace(server, &records, algorithm, now).await?
        }
        _ => KeyChange::default(),
    };
    // A key that was never in use signed nothing.
    if how == Retirement::Emergency || record.state == SigningKeyState::Pending {
        schedule.remove(key_id).await?;
        change.removed = Some(key_id.to_owned());
        change.retired = None;
        change.believed_by_caches = (how == Retirement::Emergency).then_some(CACHED + TAKEN_OVER);
    } else {
        schedule.retire(key_id, now).await?;
        change.retired = Some(key_id.to_owned());
    }
    report(server, administrator, "retired", &change);
    server.0.take_over_keys(now).await?;
    Ok(change)
}

fn report(server: &AuthorizationServer, administrator: &str, change: &str, done: &KeyChange) {
    server.0.audit.record(AuditEvent::IssuerKeyChanged {
        change,
        made: done.made.as_deref(),
        activated: done.activated.as_deref(),
        retired: done.retired.as_deref(),
        removed: done.removed.as_deref(),
        administrator,
    });
}

/// Puts a new key into use: the one that is published, or else one that is made.
async fn replace(
    server: &AuthorizationServer,
    records: &[SigningKeyRecord],
    algorithm: KeyAlgorithm,
    now: UnixTime,
) -> Result<KeyChange, KeyChangeRefused> {
    let schedule = server.0.key_schedule();
    let keys = Keys::of(records, algorithm);
    let mut change = KeyChange::default();
    let needed = CACHED + TAKEN_OVER;
    let published_for = match keys.pending() {
        Some(pending) => {
            schedule.activate(&pending.key_id, now).await?;
            change.activated = Some(pending.key_id.clone());
            u64::try_from(now.seconds_since(pending.created_at)).unwrap_or(0)
        }
        None => {
            let made = schedule.make(algorithm, SigningKeyState::Active, now).await?;
            change.made = Some(made.clone());
            change.activated = Some(made);
            0
        }
    };
    if let Some(current) = keys.current() {
        schedule.retire(&current.key_id, now).await?;
        change.retired = Some(current.key_id.clone());
    }
    let unknown = needed.saturating_sub(Duration::from_secs(published_for));
    change.unknown_to_caches = (!unknown.is_zero()).then_some(unknown);
    Ok(change)
}
