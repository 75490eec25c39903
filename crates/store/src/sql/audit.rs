//! The audit trail in SQL.

use async_trait::async_trait;
use bindery_core::time::UnixTime;
use sqlx::QueryBuilder;

use super::row::{Reading, any_is_nobodys, json_text, stored_count, unavailable};
use super::{Connection, Purge, Row, Store, reading, serialize_audit, transaction};
use crate::authorization::AuditStore;
use crate::error::StoreError;
use crate::record::{AuditFilter, AuditRecord};

#[async_trait]
impl AuditStore for Store {
    async fn insert_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        transaction!(self, "adding audit records", [records], |c| insert(c, &records))
    }

    async fn list_audit(
        &self,
        filter: &AuditFilter,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let AuditFilter { event, client_id, subject, .. } = filter;
        if any_is_nobodys([event.as_deref(), client_id.as_deref(), subject.as_deref()]) {
            return Ok(Vec::new());
        }
        reading!(self, |c| list(c, filter, after, limit))
    }

    async fn remove_audit(&self, before: UnixTime) -> Result<u64, StoreError> {
        self.purge(Purge::Audit, before).await
    }
}

/// Runs in one transaction, beside no other of its kind: numbers are visible in the order they were given.
async fn insert(c: &mut Connection, records: &[AuditRecord]) -> Result<(), StoreError> {
    serialize_audit(&mut *c).await?;
    for some in records.chunks(ROWS) {
        let mut query = QueryBuilder::new("INSERT INTO audit (at, event, client_id, subject, fields) ");
        query.push_values(some, |mut row, record| {
            row.push_bind(record.at.as_seconds())
                .push_bind(record.event.clone())
                .push_bind(record.client_id.clone())
                .push_bind(record.subject.clone())
                .push_bind(json_text(&record.fields));
        });
        query.build().execute(&mut *c).await.map_err(unavailable("adding audit records"))?;
    }
    Ok(())
}

async fn list(
    c: &mut Connection,
    filter: &AuditFilter,
    after: Option<u64>,
    limit: u32,
) -> Result<Vec<AuditRecord>, StoreError> {
    let mut query =
        QueryBuilder::new("SELECT sequence, at, event, client_id, subject, fields FROM audit WHERE TRUE");
    let texts = [
        (" AND event = ", &filter.event),
        (" AND client_id = ", &filter.client_id),
        (" AND subject = ", &filter.subject),
    ];
    for (condition, asked) in texts {
        if let Some(asked) = asked {
            query.push(condition).push_bind(asked.clone());
        }
    }
    let numbers = [
        (" AND at >= ", filter.since.map(UnixTime::as_seconds)),
        (" AND at < ", filter.until.map(UnixTime::as_seconds)),
        (" AND sequence > ", after.map(stored_count)),
    ];
    for (condition, asked) in numbers {
        if let Some(asked) = asked {
            query.push(condition).push_bind(asked);
        }
    }
    query.push(" ORDER BY sequence LIMIT ").push_bind(i64::from(limit));
    let rows = query.build().fetch_all(c).await;
    rows.map_err(unavailable("listing audit records"))?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<AuditRecord, StoreError> {
    let row = Reading::named(row, "audit record", "event");
    Ok(AuditRecord {
        sequence: row.count("sequence")?,
        at: row.time("at")?,
        event: row.get("event")?,
        client_id: row.get("client_id")?,
        subject: row.get("subject")?,
        fields: row.json("fields")?,
    })
}

/// Rows in one statement.
const ROWS: usize = 500;
