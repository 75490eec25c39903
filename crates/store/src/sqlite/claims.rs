//! Single-use claims in SQLite: one statement decides and remembers (DPOP-11.1-08). Claims that were
//! purged are not forgotten by a clock that steps back: see `dropped_through`. There is a claim for each
//! request, so those that wait together are made together, by two statements for up to [`LARGEST`] of them.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bindery_core::replay::ReplayOutcome;
use sqlx::{Row as _, SqliteConnection};
use tokio::sync::oneshot;

use super::sql::unavailable;
use super::writer::Writer;
use crate::error::StoreError;

const OPERATION: &str = "claiming";

/// A thing to be claimed.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    pub(super) fingerprint: [u8; 16],
    pub(super) expires_at: i64,
    pub(super) now: i64,
}

type Reply = oneshot::Sender<Result<ReplayOutcome, StoreError>>;

/// The claims that wait for the writer.
#[derive(Clone, Default)]
pub(super) struct Claims(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    claims: Vec<(Claim, Reply)>,
    /// Somebody takes them to the writer.
    led: bool,
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims")
    }
}

impl Claims {
    /// Makes a claim and answers once that is durable.
    pub(super) async fn make(&self, writer: &Writer, claim: Claim) -> Result<ReplayOutcome, StoreError> {
        let (reply, answer) = oneshot::channel();
        let leads = {
            let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.claims.push((claim, reply));
            !std::mem::replace(&mut waiting.led, true)
        };
        if leads {
            // A task of its own: the caller may go away, and the others wait on.
            tokio::spawn(self.clone().lead(writer.clone()));
        }
        let lost =
            |_| StoreError::Unavailable { operation: OPERATION, cause: "nothing was claimed".to_owned() };
        answer.await.map_err(lost)?
    }

    /// Takes to the writer whatever waits when its turn comes, until nothing waits any more.
    async fn lead(self, writer: Writer) {
        loop {
            let claims = self.clone();
            let made =
                writer.write(OPERATION, move |c| Box::pin(async move { claims.make_waiting(c).await }));
            match made.await {
                Ok(answers) => answers.into_iter().for_each(|(reply, outcome)| _ = reply.send(Ok(outcome))),
                // Whoever waits is told as well, instead of waiting for a store that may be gone.
                Err(error) => self
                    .take(usize::MAX)
                    .into_iter()
                    .for_each(|(_, reply)| _ = reply.send(Err(error.clone()))),
            }
            let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.claims.is_empty() {
                waiting.led = false;
                return;
            }
        }
    }

    fn take(&self, limit: usize) -> Vec<(Claim, Reply)> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = waiting.claims.len().min(limit);
        waiting.claims.drain(..taken).collect()
    }

    async fn make_waiting(self, c: &mut SqliteConnection) -> Result<Vec<(Reply, ReplayOutcome)>, StoreError> {
        let (claims, replies): (Vec<_>, Vec<_>) = self.take(BATCH).into_iter().unzip();
        let mut outcomes = Vec::with_capacity(claims.len());
        for some in claims.chunks(LARGEST) {
            outcomes.extend(claim_all(c, some).await?);
        }
        Ok(replies.into_iter().zip(outcomes).collect())
    }
}

/// Makes up to [`LARGEST`] claims. Runs under the write lock, so that what was looked at stays as it was.
pub(super) async fn claim_all(
    c: &mut SqliteConnection,
    claims: &[Claim],
) -> Result<Vec<ReplayOutcome>, StoreError> {
    if let [only] = claims {
        return Ok(vec![claim(c, only).await?]);
    }
    let (dropped_through, known) = look(c, claims).await?;
    let mut seen = HashSet::with_capacity(claims.len());
    let is_fresh = claims.iter().map(|claim| {
        let told_apart = claim.expires_at > dropped_through && !known.contains(&claim.fingerprint);
        told_apart && seen.insert(claim.fingerprint)
    });
    let is_fresh = is_fresh.collect::<Vec<_>>();
    let fresh = claims.iter().zip(&is_fresh).filter(|(_, fresh)| **fresh).map(|(claim, _)| claim);
    insert(c, fresh).await?;
    let mut outcomes = Vec::with_capacity(claims.len());
    for (one, fresh) in claims.iter().zip(is_fresh) {
        // What is there already, or twice among these, is decided as if it had come alone.
        outcomes.push(if fresh { ReplayOutcome::Inserted } else { claim(c, one).await? });
    }
    Ok(outcomes)
}

/// The latest expiry among the claims that were purged, and which of these claims are there.
async fn look(c: &mut SqliteConnection, claims: &[Claim]) -> Result<(i64, HashSet<[u8; 16]>), StoreError> {
    let mut query = sqlx::query(LOOK);
    for place in 0..LARGEST {
        query = query.bind(claims.get(place).map(|claim| claim.fingerprint.to_vec()));
    }
    let rows = query.fetch_all(c).await.map_err(unavailable(OPERATION))?;
    let mut dropped_through = None;
    let mut known = HashSet::new();
    for row in rows {
        match row.try_get::<Option<i64>, _>(0).map_err(unavailable(OPERATION))? {
            Some(expiry) => dropped_through = Some(expiry),
            None => {
                let fingerprint = row.try_get::<&[u8], _>(1).map_err(unavailable(OPERATION))?;
                known.extend(<[u8; 16]>::try_from(fingerprint));
            }
        }
    }
    let corrupt =
        StoreError::Corrupt { record: "claim memory", name: String::new(), member: "dropped_through" };
    Ok((dropped_through.ok_or(corrupt)?, known))
}

async fn insert(c: &mut SqliteConnection, claims: impl Iterator<Item = &Claim>) -> Result<(), StoreError> {
    let mut query = sqlx::query(INSERT);
    let mut places = 0;
    for claim in claims {
        query = query.bind(Some(claim.fingerprint.to_vec())).bind(claim.expires_at);
        places += 1;
    }
    if places == 0 {
        return Ok(());
    }
    for _ in places..LARGEST {
        query = query.bind(None::<Vec<u8>>).bind(0_i64);
    }
    query.execute(c).await.map_err(unavailable(OPERATION))?;
    Ok(())
}

/// Claims what is not claimed, unless it could be something that was purged. A claim whose time is over
/// may be made again with a later one.
pub(super) async fn claim(c: &mut SqliteConnection, claim: &Claim) -> Result<ReplayOutcome, StoreError> {
    let claimed = sqlx::query(
        "INSERT INTO claims (fingerprint, expires_at)
         SELECT $1, $2 WHERE $2 > (SELECT dropped_through FROM claim_memory)
         ON CONFLICT (fingerprint) DO UPDATE SET expires_at = excluded.expires_at
         WHERE claims.expires_at < $3 AND claims.expires_at < excluded.expires_at",
    )
    .bind(&claim.fingerprint[..])
    .bind(claim.expires_at)
    .bind(claim.now)
    .execute(c)
    .await;
    Ok(match claimed.map_err(unavailable(OPERATION))?.rows_affected() {
        0 => ReplayOutcome::Duplicate,
        _ => ReplayOutcome::Inserted,
    })
}

/// Claims in one write; bounds how long other writes wait for them.
const BATCH: usize = 256;
/// Claims in one statement.
pub(super) const LARGEST: usize = 32;
/// Places that are not needed are null, so that there is one statement to prepare.
const LOOK: &str = "SELECT dropped_through, NULL FROM claim_memory
    UNION ALL SELECT NULL, fingerprint FROM claims WHERE fingerprint IN (
        ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const INSERT: &str = "INSERT INTO claims (fingerprint, expires_at) SELECT column1, column2 FROM (VALUES
    (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?),
    (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?),
    (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?)) WHERE column1 IS NOT NULL";
