//! The audit trail.

use async_trait::async_trait;
use bindery_core::time::UnixTime;

use crate::error::StoreError;
use crate::record::{AuditFilter, AuditRecord};

/// Remembers what happened.
#[async_trait]
pub trait AuditStore: Send + Sync + 'static {
    /// Adds records in this order, all or none, behind everything that was added before. The store numbers
    /// them. A backend that lives in memory keeps the latest ones alone.
    async fn insert_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError>;

    /// At most `limit` of the records that are meant, in order, from the first one behind `after` on. Nothing
    /// is ever added before a record that was listed.
    async fn list_audit(
        &self,
        filter: &AuditFilter,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError>;

    /// Forgets what happened before that second, and says how many records that were. Only the operator's
    /// rule of retention calls this.
    async fn remove_audit(&self, before: UnixTime) -> Result<u64, StoreError>;
}
