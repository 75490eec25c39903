//! Clients that an operator has disabled by their name, whatever the configuration file says of them: the file is read
//! at the start alone, and a client that must stop now can't wait for one. The bars are in the store; here is a copy,
//! so that a request pays one look at an empty table. What this process bars counts at once, what others bar
//! within seconds.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use bindery_store::record::BarredClientRecord;
use bindery_store::{AuthorizationStore, StoreError};
use tokio::sync::Mutex;

type Bars = BTreeMap<String, BarredClientRecord>;

/// The bars as they are now. One look at the store at a time, so that none that began earlier ends later.
#[derive(Debug, Default)]
pub(crate) struct BarredClients {
    bars: RwLock<Arc<Bars>>,
    turn: Mutex<()>,
}

impl BarredClients {
    /// Takes over what the store holds.
    pub(crate) async fn refresh(&self, store: &dyn AuthorizationStore) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let records = store.list_barred_clients().await?;
        let bars = records.into_iter().map(|record| (record.client_id.clone(), record)).collect();
        *self.bars.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(bars);
        Ok(())
    }

    /// Bars a client in the store, and here at once.
    pub(crate) async fn bar(
        &self,
        store: &dyn AuthorizationStore,
        record: &BarredClientRecord,
    ) -> Result<(), StoreError> {
        store.bar_client(record).await?;
        self.refresh(store).await
    }

    /// Takes a bar away, in the store and here.
    pub(crate) async fn unbar(
        &self,
        store: &dyn AuthorizationStore,
        client_id: &str,
    ) -> Result<(), StoreError> {
        store.unbar_client(client_id).await?;
        self.refresh(store).await
    }

    /// Why a client is barred, if it is.
    pub(crate) fn find(&self, client_id: &str) -> Option<BarredClientRecord> {
        let bars = Arc::clone(&self.bars.read().unwrap_or_else(PoisonError::into_inner));
        bars.get(client_id).cloned()
    }
}
