//! Opening the file: its modes, its tables, its one writer and its readers. An error names the path, the
//! rule and the remedy.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::claims::Claims;
use super::file::OpenFile;
use super::sql;
use super::writer::Writer;
use crate::fingerprint::FingerprintKey;

/// How far an answered write is on its way to the disk (`PRAGMA synchronous`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// Each answered write survives `kill -9` and the loss of power.
    #[default]
    Full,
    /// Each answered write survives `kill -9`; the last ones may be lost with the power, and then a spent
    /// token or a claim comes back to life. The file is never damaged. Faster on slow disks.
    Normal,
}

/// How a file is opened. `SqliteOptions::default()` is right for production.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// When a write counts as done.
    pub synchronous: Synchronous,
    /// How long a call waits for another process that writes.
    pub busy_timeout: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { synchronous: Synchronous::Full, busy_timeout: Duration::from_secs(5) }
    }
}

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("database `{}`: {rule} ({cause}); {remedy}", path.display())]
pub struct OpenError {
    /// The file.
    pub path: PathBuf,
    /// The rule that was not met.
    pub rule: &'static str,
    /// What was found.
    pub cause: String,
    /// What mends it.
    pub remedy: &'static str,
}

/// The authorization store, and the durable replay store, in one SQLite file. Clones share the file.
///
/// Other processes may open the same file on the same machine; SQLite's locks keep them apart. Claims
/// are bounded by the disk alone: when it is full, every write is `Unavailable`. The file and the two
/// beside it (`-wal`, `-shm`) hold no token and no open key, yet whoever writes to them can forge any
/// record, and whoever reads them has people's claims and password hashes: the file is made for its owner alone,
/// and one that others may read or write is refused.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    pub(super) writer: Writer,
    pub(super) readers: SqlitePool,
    pub(super) file: Arc<OpenFile>,
    pub(super) fingerprints: FingerprintKey,
    pub(super) claims: Claims,
    writing: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl SqliteStore {
    /// Opens the file at `path`, makes it when it is not there, and brings its tables up to date. Must be
    /// called within a Tokio runtime, which the writer then lives on.
    ///
    /// # Errors
    /// [`OpenError`], with the path, the rule and the remedy.
    pub async fn open(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let failed = |rule, remedy| {
            move |cause: &dyn std::fmt::Display| OpenError {
                path: path.to_owned(),
                rule,
                cause: cause.to_string(),
                remedy,
            }
        };
        let unusable = failed(
            "must be a SQLite database that this process can read and write",
            "check that its directory exists, that this user may write there, and that no other program made the file",
        );
        let mode = make_private(path).map_err(|error| unusable(&error))?;
        if mode & 0o077 != 0 {
            return Err(failed(
                "must be its owner's alone: it holds people's claims and hashes, and who writes to it forges any record",
                "run `chmod 600` on it, and look into who has read or written it",
            )(&format_args!("its mode is {mode:o}")));
        }
        let connect = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(options.busy_timeout)
            .foreign_keys(true)
            .disable_statement_logging();
        let write =
            connect.clone().journal_mode(SqliteJournalMode::Wal).synchronous(match options.synchronous {
                Synchronous::Full => SqliteSynchronous::Full,
                Synchronous::Normal => SqliteSynchronous::Normal,
            });
        let mut connection = write.connect().await.map_err(|error| unusable(&error))?;
        migrate(&mut connection).await.map_err(|error| {
            failed(
                "its tables must be those of this version of Bindery, or of an older one",
                "use the version that wrote it, or a newer one, or name another file",
            )(&error)
        })?;
        let fingerprints = sql::fingerprint_key(&mut connection).await.map_err(|error| unusable(&error))?;
        let file = Arc::new(OpenFile::at(path).map_err(|error| unusable(&error))?);
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(options.busy_timeout)
            .test_before_acquire(false)
            .connect_lazy_with(connect.read_only(true));
        let (writer, writing) = Writer::start(connection, write, file.clone());
        let writing = Arc::new(Mutex::new(Some(writing)));
        Ok(Self { writer, readers, file, fingerprints, claims: Claims::default(), writing })
    }

    /// Whether the tables of the file at `path` are those of this version: opening it would change none.
    ///
    /// # Errors
    /// [`OpenError`] when the file can't be read.
    pub async fn is_current(path: &Path) -> Result<bool, OpenError> {
        let found = async {
            let mut connection = SqliteConnectOptions::new().filename(path).read_only(true).connect().await?;
            let version = "SELECT max(version) FROM _sqlx_migrations";
            let version = sqlx::query_scalar::<_, Option<i64>>(version).fetch_one(&mut connection).await?;
            connection.close().await?;
            Ok::<_, sqlx::Error>(version)
        };
        let found = found.await.map_err(|error| OpenError {
            path: path.to_owned(),
            rule: "must be a database of Bindery's that can be read",
            cause: error.to_string(),
            remedy: "start the server on it once, or name another file",
        })?;
        Ok(found == TABLES.iter().last().map(|latest| latest.version))
    }

    /// Finishes the writes that wait and closes the file, once all other clones are gone. Dropping the
    /// store loses nothing that was answered; closing it also folds the log into the file.
    pub async fn close(self) {
        let Self { writer, readers, writing, .. } = self;
        readers.close().await;
        drop(writer);
        let last = Arc::into_inner(writing).map(Mutex::into_inner);
        if let Some(Some(writing)) = last {
            _ = writing.await;
        }
    }
}

static TABLES: Migrator = sqlx::migrate!("migrations/sqlite");

/// Under one write lock, so that two processes that start together don't both try.
async fn migrate(connection: &mut SqliteConnection) -> Result<(), MigrateError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    TABLES.run_direct(None, &mut *transaction, false).await?;
    Ok(transaction.commit().await?)
}

/// Makes the file, if it is not there, for its owner alone. Returns the permissions that it has, where files
/// have any.
fn make_private(path: &Path) -> std::io::Result<u32> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    mode(&options.open(path)?)
}

#[cfg(unix)]
fn mode(file: &std::fs::File) -> std::io::Result<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(file.metadata()?.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(_: &std::fs::File) -> std::io::Result<u32> {
    Ok(0)
}

/// Connections for reading.
const READERS: u32 = 4;
