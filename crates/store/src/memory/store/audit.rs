//! The audit trail in memory: the latest records alone.

use std::collections::VecDeque;

use async_trait::async_trait;
use bindery_core::time::UnixTime;

use super::MemoryStore;
use crate::authorization::AuditStore;
use crate::error::StoreError;
use crate::record::{AuditFilter, AuditRecord};

#[derive(Debug, Default)]
pub(super) struct AuditTrail {
    records: VecDeque<AuditRecord>,
    last: u64,
}

impl AuditFilter {
    fn admits(&self, record: &AuditRecord) -> bool {
        let is = |asked: &Option<String>, found: Option<&str>| asked.is_none() || asked.as_deref() == found;
        is(&self.event, Some(&record.event))
            && is(&self.client_id, record.client_id.as_deref())
            && is(&self.subject, record.subject.as_deref())
            && self.since.is_none_or(|since| record.at >= since)
            && self.until.is_none_or(|until| record.at < until)
    }
}

#[async_trait]
impl AuditStore for MemoryStore {
    async fn insert_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        let mut stored = self.lock()?;
        let AuditTrail { records: trail, last } = &mut stored.audit;
        for record in records {
            *last += 1;
            trail.push_back(AuditRecord { sequence: *last, ..record.clone() });
        }
        trail.drain(..trail.len().saturating_sub(KEPT));
        Ok(())
    }

    async fn list_audit(
        &self,
        filter: &AuditFilter,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let records = self.lock()?;
        let behind =
            records.audit.records.iter().filter(|record| after.is_none_or(|after| record.sequence > after));
        Ok(behind.filter(|record| filter.admits(record)).take(limit as usize).cloned().collect())
    }

    async fn remove_audit(&self, before: UnixTime) -> Result<u64, StoreError> {
        let mut records = self.lock()?;
        let trail = &mut records.audit.records;
        let length = trail.len();
        trail.retain(|record| record.at >= before);
        Ok((length - trail.len()) as u64)
    }
}

/// A few megabytes at most.
const KEPT: usize = 10_000;
