//! `[store]`: where the state of one issuer is kept, and with what key its keys are sealed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};

use bindery_authorization_server::SealingKey;
use bindery_crypto::random_bytes;
use bindery_http::{Clock as _, SystemClock};
use bindery_store::AuthorizationStore;
use bindery_store::memory::{MemoryStore, ReplayMemory};
use bindery_store::postgres::{PostgresOptions, PostgresStore};
use bindery_store::sqlite::{SqliteOptions, SqliteStore, Synchronous};
use serde::Deserialize;

use super::file::resolved;
use crate::settings::{read_file, require_private};

/// Where state is kept.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoreSettings {
    /// The SQLite file, made at the first start. Without it everything is gone with the process.
    #[serde(default)]
    path: Option<PathBuf>,
    /// The PostgreSQL database, for any number of servers.
    #[serde(default)]
    postgres: Option<PostgresSettings>,
    /// Of the SQLite file. `full`: answered requests survive the loss of power. `normal`: they survive a crash
    /// of the process.
    #[serde(default)]
    durability: Option<Durability>,
    /// The file with the key that seals signing keys at rest; beside a SQLite file it is made at the first start.
    #[serde(default)]
    key_file: Option<PathBuf>,
}

/// `[store] postgres`. Passwords stand in files of their own: whoever reports a mistake in this one may quote it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PostgresSettings {
    /// `postgres://user@host:port/database`, without a password.
    #[serde(default)]
    url: Option<String>,
    /// A file with such a URL, which may hold the password.
    #[serde(default)]
    url_file: Option<PathBuf>,
    /// A file with the password alone.
    #[serde(default)]
    password_file: Option<PathBuf>,
    /// The schema of this issuer; `bindery` without.
    #[serde(default)]
    schema: Option<String>,
    /// Connections of this process; 10 without.
    #[serde(default)]
    max_connections: Option<u32>,
    /// Whether a database on another machine may go without showing who it is.
    #[serde(default)]
    dangerous_unverified_server: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Durability {
    Full,
    Normal,
}

/// Where state is kept, after what contradicts itself has been refused.
pub(super) enum Place<'s> {
    Memory,
    File(&'s Path),
    Database(PostgresOptions),
}

impl StoreSettings {
    /// Where state is kept.
    pub(super) fn place(&self) -> anyhow::Result<Place<'_>> {
        match (&self.path, &self.postgres) {
            (Some(_), Some(_)) => bail!(
                "store.path and store.postgres are both set, and state is kept in one place; remove one of them"
            ),
            (Some(path), None) => Ok(Place::File(path)),
            (None, Some(postgres)) => postgres.options().map(Place::Database).context("store.postgres"),
            (None, None) => Ok(Place::Memory),
        }
    }

    /// Opens the store.
    pub(crate) async fn open(&self) -> anyhow::Result<Arc<dyn AuthorizationStore>> {
        Ok(match self.place()? {
            Place::File(path) => Arc::new(SqliteStore::open(path, self.options()).await?),
            Place::Database(options) => {
                if self.durability.is_some() {
                    bail!(
                        "store.durability is for store.path; of PostgreSQL its own configuration decides: remove it"
                    );
                }
                self.sealing_key_path()?;
                Arc::new(PostgresStore::open(&options).await?)
            }
            Place::Memory => {
                let claims = ReplayMemory::new(1_000_000, SystemClock.now(), random_bytes()?);
                Arc::new(MemoryStore::new(claims))
            }
        })
    }

    fn options(&self) -> SqliteOptions {
        let synchronous = match self.durability {
            Some(Durability::Full) | None => Synchronous::Full,
            Some(Durability::Normal) => Synchronous::Normal,
        };
        SqliteOptions { synchronous, ..SqliteOptions::default() }
    }

    pub(super) fn sealing_key(&self) -> anyhow::Result<SealingKey> {
        Ok(match self.sealing_key_path()? {
            Some(path) => SealingKey::load_or_generate(&path)?,
            None => SealingKey::ephemeral()?,
        })
    }

    /// The file with the key that seals keys at rest; `None` for a store that is gone with the process.
    pub(super) fn sealing_key_path(&self) -> anyhow::Result<Option<PathBuf>> {
        let path = self.key_path();
        if path.is_none() && self.postgres.is_some() {
            bail!(
                "store.key_file is missing: every server on one database needs the same sealing key; name a file \
                 (the first start makes it) and copy it to the other servers before they start"
            );
        }
        Ok(path)
    }

    fn key_path(&self) -> Option<PathBuf> {
        self.key_file.clone().or_else(|| self.path.as_deref().map(beside))
    }

    /// Whether anything outlives the process.
    pub(crate) const fn is_durable(&self) -> bool {
        self.path.is_some() || self.postgres.is_some()
    }

    /// Whether several processes on several machines can use it.
    pub(super) const fn is_shared(&self) -> bool {
        self.postgres.is_some()
    }

    /// Whether it was made before: opening it would make nothing.
    pub(super) async fn exists(&self) -> anyhow::Result<bool> {
        Ok(match self.place()? {
            Place::Memory => false,
            Place::File(path) => path.exists(),
            Place::Database(options) => PostgresStore::exists(&options).await?,
        })
    }

    /// Requires that opening the store changes none of its tables: a look at a configuration must not bring the
    /// store of a running server up to date.
    pub(super) async fn require_current(&self) -> anyhow::Result<()> {
        let current = match self.place()? {
            Place::Memory => true,
            Place::File(path) => SqliteStore::is_current(path).await?,
            Place::Database(options) => PostgresStore::is_current(&options).await?,
        };
        if current {
            return Ok(());
        }
        bail!(
            "the tables of the store are those of another version, and this command changes nothing; use the version \
             that made them, or start the server of this version first"
        )
    }

    /// The place that this store and another have in common, if there is one.
    pub(super) fn shares_with(&self, other: &Self) -> Option<String> {
        let same = |one: Option<PathBuf>, two: Option<PathBuf>| match (one, two) {
            (Some(one), Some(two)) if resolved(&one) == resolved(&two) => Some(one.display().to_string()),
            _ => None,
        };
        let schema = |store: &Self| match store.place() {
            Ok(Place::Database(options)) => Some(options.name()),
            _ => None,
        };
        let same_schema = schema(self).filter(|name| schema(other).as_ref() == Some(name));
        same(self.path.clone(), other.path.clone())
            .or_else(|| same(self.key_path(), other.key_path()))
            .or(same_schema)
    }
}

impl PostgresSettings {
    fn options(&self) -> anyhow::Result<PostgresOptions> {
        let url = match (&self.url, &self.url_file) {
            (Some(url), None) if PostgresOptions::new(url, "").holds_password() => {
                bail!("url holds a password; put the password into a file and name it as password_file")
            }
            (Some(url), None) => url.clone(),
            (None, Some(file)) => secret("url_file", file)?,
            (Some(_), Some(_)) => bail!("url and url_file are both set; remove one of them"),
            (None, None) => {
                bail!("there is no url; set it to `postgres://user@host:port/database`, or url_file")
            }
        };
        let mut options = PostgresOptions::new(url, self.schema.as_deref().unwrap_or("bindery"));
        options.password =
            self.password_file.as_deref().map(|file| secret("password_file", file)).transpose()?;
        options.max_connections = self.max_connections.unwrap_or(options.max_connections);
        options.dangerous_unverified_server = self.dangerous_unverified_server;
        Ok(options)
    }
}

/// One line from a file that not everybody may read.
fn secret(option: &str, path: &Path) -> anyhow::Result<String> {
    require_private(option, path)?;
    let text = String::from_utf8(read_file(option, path)?);
    let text = text.ok().with_context(|| format!("{option} {}: it is no text", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".key");
    database.with_file_name(name)
}
