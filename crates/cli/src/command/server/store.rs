//! `[store]`: where the state of one issuer is kept, and with what key its keys are sealed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bindery_authorization_server::SealingKey;
use bindery_crypto::random_bytes;
use bindery_http::{Clock as _, SystemClock};
use bindery_store::AuthorizationStore;
use bindery_store::memory::{MemoryStore, ReplayMemory};
use bindery_store::sqlite::{SqliteOptions, SqliteStore, Synchronous};
use serde::Deserialize;

use super::file::resolved;

/// Where state is kept.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoreSettings {
    /// The SQLite file, made at the first start. Without it everything is gone with the process.
    #[serde(default)]
    path: Option<PathBuf>,
    /// `full`: answered requests survive the loss of power. `normal`: they survive a crash of the process.
    #[serde(default)]
    durability: Durability,
    /// The file with the key that seals signing keys at rest, made at the first start beside the database.
    #[serde(default)]
    key_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Durability {
    #[default]
    Full,
    Normal,
}

impl StoreSettings {
    /// Opens the store.
    pub(crate) async fn open(&self) -> anyhow::Result<Arc<dyn AuthorizationStore>> {
        Ok(match &self.path {
            Some(path) => Arc::new(SqliteStore::open(path, self.options()).await?),
            None => {
                let claims = ReplayMemory::new(1_000_000, SystemClock.now(), random_bytes()?);
                Arc::new(MemoryStore::new(claims))
            }
        })
    }

    fn options(&self) -> SqliteOptions {
        let synchronous = match self.durability {
            Durability::Full => Synchronous::Full,
            Durability::Normal => Synchronous::Normal,
        };
        SqliteOptions { synchronous, ..SqliteOptions::default() }
    }

    pub(super) fn sealing_key(&self) -> anyhow::Result<SealingKey> {
        Ok(match self.key_path() {
            Some(path) => SealingKey::load_or_generate(&path)?,
            None => SealingKey::ephemeral()?,
        })
    }

    fn key_path(&self) -> Option<PathBuf> {
        self.key_file.clone().or_else(|| self.path.as_deref().map(beside))
    }

    /// Whether anything outlives the process.
    pub(crate) const fn is_durable(&self) -> bool {
        self.path.is_some()
    }

    /// Whether several processes on several machines can use it.
    pub(super) const fn is_shared(&self) -> bool {
        false
    }

    /// Whether it was made before: opening it would make nothing.
    pub(super) fn exists(&self) -> bool {
        self.path.as_deref().is_some_and(Path::exists)
    }

    /// The place that this store and another have in common, if there is one.
    pub(super) fn shares_with(&self, other: &Self) -> Option<String> {
        let same = |one: Option<PathBuf>, two: Option<PathBuf>| match (one, two) {
            (Some(one), Some(two)) if resolved(&one) == resolved(&two) => Some(one.display().to_string()),
            _ => None,
        };
        same(self.path.clone(), other.path.clone()).or_else(|| same(self.key_path(), other.key_path()))
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".key");
    database.with_file_name(name)
}
