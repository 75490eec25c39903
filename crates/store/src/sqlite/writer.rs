//! The one writer of this process. Writes that arrive together share one transaction and one wait for
//! the disk (group commit); each runs in a savepoint of its own, so that one that fails takes no other
//! with it. It must never answer before the commit.

use std::pin::Pin;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::file::OpenFile;
use super::sql::unavailable;
use crate::error::StoreError;

pub(super) type BoxFuture<'c, T> = Pin<Box<dyn Future<Output = T> + Send + 'c>>;

/// The way to the writer. When the last clone is dropped, the writer finishes and closes the file.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
}

impl Writer {
    /// Starts the writer on the current runtime, on a `connection` that was made with `options`. The handle
    /// ends once the file is closed.
    pub(super) fn start(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        file: Arc<OpenFile>,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (jobs, queue) = mpsc::channel(QUEUE);
        (Self { jobs }, tokio::spawn(run(connection, options, queue, file)))
    }

    /// Runs `work` in a transaction and answers once that is durable.
    pub(super) async fn write<T, W>(&self, operation: &'static str, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        let stopped = || StoreError::Unavailable { operation, cause: "the store has been closed".to_owned() };
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Box::new(Write { work, reply })).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

/// One write that waits for its turn.
trait Job: Send {
    fn run<'c>(self: Box<Self>, connection: &'c mut SqliteConnection) -> BoxFuture<'c, Finished>;
    fn refuse(self: Box<Self>, error: StoreError);
}

/// Sends an answer, given whether the transaction was committed.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A write that has run and waits for the commit.
struct Finished {
    verdict: Verdict,
    answer: Answer,
}

enum Verdict {
    Keep,
    Undo,
    /// The backend itself failed: the whole transaction can't be trusted.
    Abort(StoreError),
}

struct Write<T, W> {
    work: W,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, W> Job for Write<T, W>
where
    T: Send + 'static,
    W: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
{
    fn run<'c>(self: Box<Self>, connection: &'c mut SqliteConnection) -> BoxFuture<'c, Finished> {
        Box::pin(async move {
            let Self { work, reply } = *self;
            let outcome = work(connection).await;
            let verdict = match &outcome {
                Ok(_) => Verdict::Keep,
                Err(error @ StoreError::Unavailable { .. }) => Verdict::Abort(error.clone()),
                Err(_) => Verdict::Undo,
            };
            // A caller that has gone away needs no answer; its write stands.
            let answer = Box::new(move |committed: Result<(), StoreError>| {
                _ = reply.send(committed.and(outcome));
            });
            Finished { verdict, answer }
        })
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        _ = self.reply.send(Err(error));
    }
}

async fn run(
    mut connection: SqliteConnection,
    options: SqliteConnectOptions,
    mut queue: mpsc::Receiver<Box<dyn Job>>,
    file: Arc<OpenFile>,
) {
    while let Some(first) = queue.recv().await {
        let mut answers = Vec::new();
        let committed = transact(&mut connection, first, &mut queue, &file, &mut answers).await;
        for answer in answers {
            answer(committed.clone());
        }
        if committed.is_err() {
            renew(&mut connection, &options, &file).await;
        }
    }
    _ = connection.close().await;
}

/// Takes a fresh connection after a transaction that failed. SQLite rolls back by itself when the disk is full
/// or broken; the driver then counts a transaction that is gone, and would begin no other one.
async fn renew(connection: &mut SqliteConnection, options: &SqliteConnectOptions, file: &OpenFile) {
    if file.require_in_place("opening the file again").is_err() {
        return; // Another file at this path is not ours to touch.
    }
    if let Ok(fresh) = options.connect().await {
        _ = std::mem::replace(connection, fresh).close().await;
    }
}

/// One transaction: `first`, and whatever has arrived by the time that it is done, and so on.
async fn transact(
    connection: &mut SqliteConnection,
    first: Box<dyn Job>,
    queue: &mut mpsc::Receiver<Box<dyn Job>>,
    file: &OpenFile,
    answers: &mut Vec<Answer>,
) -> Result<(), StoreError> {
    const BEGIN: &str = "beginning a transaction";
    let begun = match file.require_in_place(BEGIN) {
        Ok(()) => connection.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable(BEGIN)),
        Err(error) => Err(error),
    };
    let mut transaction = match begun {
        Ok(transaction) => transaction,
        Err(error) => {
            first.refuse(error.clone());
            return Err(error);
        }
    };
    let mut next = Some(first);
    while let Some(job) = next {
        let mut savepoint = match transaction.begin().await.map_err(unavailable("setting a savepoint")) {
            Ok(savepoint) => savepoint,
            Err(error) => {
                job.refuse(error.clone());
                return Err(error);
            }
        };
        let Finished { verdict, answer } = job.run(&mut savepoint).await;
        answers.push(answer);
        match verdict {
            Verdict::Keep => savepoint.commit().await.map_err(unavailable("releasing a savepoint"))?,
            Verdict::Undo => savepoint.rollback().await.map_err(unavailable("undoing a savepoint"))?,
            Verdict::Abort(error) => return Err(error),
        }
        next = if answers.len() < LARGEST_BATCH { queue.try_recv().ok() } else { None };
    }
    transaction.commit().await.map_err(unavailable("committing"))?;
    // Whoever removed the file while we wrote has taken the commit with it.
    file.require_in_place("committing")
}

/// Writes that may wait; further callers wait to be let in.
const QUEUE: usize = 1_024;
/// Writes in one transaction; bounds how long the first one waits for the last.
const LARGEST_BATCH: usize = 256;
