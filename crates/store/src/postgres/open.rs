//! Opening a schema: its connections and its tables. Any number of nodes may start at once.

use std::fmt;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::options::{ACQUIRE_TIMEOUT, OpenError, PostgresOptions};
use super::sql;
use crate::fingerprint::FingerprintKey;

/// The authorization store, and the shared replay store, in one schema of a PostgreSQL database. Clones share
/// the connections.
///
/// An answered write is as durable as the server's `synchronous_commit` and `fsync` make it; a server that
/// doesn't wait for its disk is refused. Claims are bounded by the disk alone. A connection that is lost is
/// made anew by the next call. The schema holds no token and no open key, yet whoever writes to it can forge
/// any record: its role is for Bindery alone.
#[derive(Clone)]
pub struct PostgresStore {
    pub(super) pool: PgPool,
    pub(super) fingerprints: FingerprintKey,
    name: String,
}

impl PostgresStore {
    /// Connects, makes the schema when it is not there, and brings its tables up to date.
    ///
    /// # Errors
    /// [`OpenError`], with the database, the rule and the remedy.
    pub async fn open(options: &PostgresOptions) -> Result<Self, OpenError> {
        let driver = options.to_driver()?;
        let unusable = |error: &dyn fmt::Display| unusable(options, error);
        let mut connection = connect(options, &driver).await?;
        require_durable(options, &mut connection).await?;
        migrate(&mut connection, &options.schema).await.map_err(|error| match error {
            MigrateError::Execute(error) => unusable(&error),
            error => options.refused(
                "its tables must be those of this version of Bindery, or of an older one",
                error,
                "use the version that made them, or a newer one, or name another schema",
            ),
        })?;
        let fingerprints = sql::fingerprint_key(&mut connection).await.map_err(|error| unusable(&error))?;
        _ = connection.close().await;
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .max_lifetime(LIFETIME)
            // One that was used a moment ago is most likely there; one that was not is asked first.
            .test_before_acquire(false)
            .before_acquire(|connection, facts| {
                Box::pin(async move {
                    if facts.idle_for >= FRESH {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(driver);
        Ok(Self { pool, fingerprints, name: options.name() })
    }

    /// Whether the schema has tables of Bindery's: opening it would make nothing.
    ///
    /// # Errors
    /// [`OpenError`] when the database can't be asked.
    pub async fn exists(options: &PostgresOptions) -> Result<bool, OpenError> {
        let mut connection = connect(options, &options.to_driver()?).await?;
        let found = sqlx::query_scalar("SELECT to_regclass($1 || '.claim_memory') IS NOT NULL")
            .bind(&options.schema)
            .fetch_one(&mut connection)
            .await
            .map_err(|error| unusable(options, &error))?;
        _ = connection.close().await;
        Ok(found)
    }

    /// Whether the tables of the schema are those of this version: opening it would change none.
    ///
    /// # Errors
    /// [`OpenError`] when the database can't be asked.
    pub async fn is_current(options: &PostgresOptions) -> Result<bool, OpenError> {
        let mut connection = connect(options, &options.to_driver()?).await?;
        let found = sqlx::query_scalar::<_, Option<i64>>("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(&mut connection)
            .await
            .map_err(|error| unusable(options, &error))?;
        _ = connection.close().await;
        Ok(found == TABLES.iter().last().map(|latest| latest.version))
    }

    /// Closes all connections.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("database", &self.name).finish_non_exhaustive()
    }
}

async fn connect(options: &PostgresOptions, driver: &PgConnectOptions) -> Result<PgConnection, OpenError> {
    match tokio::time::timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(driver)).await {
        Ok(connected) => connected.map_err(|error| unusable(options, &error)),
        Err(_) => Err(unusable(options, &"it did not answer in time")),
    }
}

fn unusable(options: &PostgresOptions, error: &dyn fmt::Display) -> OpenError {
    options.refused(
        "must be a PostgreSQL database that this role may use",
        error,
        "check that the server runs and lets this role in, and that the role may create the schema",
    )
}

/// A spent code that comes back to life after a crash could be spent again.
async fn require_durable(options: &PostgresOptions, connection: &mut PgConnection) -> Result<(), OpenError> {
    let asked = sqlx::query("SHOW synchronous_commit").fetch_one(connection).await;
    let setting = asked.and_then(|row| row.try_get::<String, _>(0));
    match setting.as_deref() {
        Ok("off") => Err(options.refused(
            "an answered write must survive a crash",
            "`synchronous_commit` is off",
            "set it to `on` for this role: ALTER ROLE .. SET synchronous_commit = on",
        )),
        Ok(_) => Ok(()),
        Err(error) => Err(options.refused("must answer", error, "look at the server's log")),
    }
}

static TABLES: Migrator = sqlx::migrate!("migrations/postgres");

/// In one transaction under one lock, so that nodes that start together wait for the first of them.
async fn migrate(connection: &mut PgConnection, schema: &str) -> Result<(), MigrateError> {
    let mut transaction = connection.begin().await?;
    for statement in ["SET LOCAL statement_timeout = '60s'", "SET LOCAL lock_timeout = '60s'"] {
        sqlx::query(statement).execute(&mut *transaction).await?;
    }
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('bindery tables'), hashtext($1))")
        .bind(schema)
        .execute(&mut *transaction)
        .await?;
    let found = sqlx::query("SELECT 1 FROM pg_namespace WHERE nspname = $1")
        .bind(schema)
        .fetch_optional(&mut *transaction)
        .await?;
    // A role that may not create schemas can use one that was made for it.
    if found.is_none() {
        let create = AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
        sqlx::query(create).execute(&mut *transaction).await?;
    }
    TABLES.run_direct(None, &mut *transaction, false).await?;
    Ok(transaction.commit().await?)
}

/// After this, a connection is made anew, so that a server that took over is found.
const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// A connection that was idle for less is not asked whether it is there.
const FRESH: Duration = Duration::from_secs(1);
