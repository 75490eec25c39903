//! Between records and rows. What can't be read is `Corrupt`, never a default.

use bindery_core::crypto::Sha256Digest;
use bindery_core::time::UnixTime;
use serde_json::Value;
use sqlx::{Decode, Row as _, Type};

use super::{Connection, Database, Row};
use crate::error::StoreError;

/// Turns a backend's error into the store's. Its text names tables and columns, never values.
pub(in super::super) fn unavailable(operation: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| StoreError::Unavailable { operation, cause: error.to_string() }
}

/// Asks for nothing but an answer.
pub(super) async fn ask(c: &mut Connection) -> Result<(), StoreError> {
    sqlx::query("SELECT 1").execute(c).await.map_err(unavailable("asking whether it answers"))?;
    Ok(())
}

/// Says what an insert that failed has run into.
pub(super) fn insert_failed(
    operation: &'static str,
    taken: (&'static str, &str),
    grant_id: Option<&str>,
) -> impl Fn(sqlx::Error) -> StoreError {
    let (record, name) = (taken.0, taken.1.to_owned());
    let grant_id = grant_id.unwrap_or_default().to_owned();
    move |error| match error.as_database_error() {
        Some(error) if error.is_unique_violation() => StoreError::taken(record, &name),
        Some(error) if error.is_foreign_key_violation() => StoreError::unknown("grant", &grant_id),
        _ => unavailable(operation)(error),
    }
}

/// Whether no record can have that name: PostgreSQL's text holds no null character, and asking for one is an
/// error there that must not look like trouble with the database.
pub(super) fn is_nobodys(name: &str) -> bool {
    name.contains('\0')
}

/// Whether one of these names is nobody's.
pub(super) fn any_is_nobodys<'a>(names: impl IntoIterator<Item = Option<&'a str>>) -> bool {
    names.into_iter().flatten().any(is_nobodys)
}

/// Requires that a record can have that name, before it is looked for to be changed.
pub(super) fn require_somebodys(record: &'static str, name: &str) -> Result<(), StoreError> {
    if is_nobodys(name) { Err(StoreError::unknown(record, name)) } else { Ok(()) }
}

/// A list or object as the file holds it.
pub(super) fn json_text(value: &Value) -> String {
    value.to_string()
}

/// A list of strings as the file holds it.
pub(super) fn list_text(list: &[String]) -> String {
    Value::from(list).to_string()
}

/// A count as the database holds it.
pub(super) fn stored_count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A row on its way to a record; knows what to call it when a member can't be read.
pub(super) struct Reading<'r> {
    pub(super) row: &'r Row,
    pub(super) record: &'static str,
    pub(super) name: String,
}

impl<'r> Reading<'r> {
    /// A row whose name is its member `identifier`.
    pub(super) fn named(row: &'r Row, record: &'static str, identifier: &'static str) -> Self {
        let name = row.try_get(identifier).unwrap_or_default();
        Self { row, record, name }
    }

    pub(super) fn get<T>(&self, member: &'static str) -> Result<T, StoreError>
    where
        T: Decode<'r, Database> + Type<Database>,
    {
        self.row.try_get(member).map_err(|_| self.corrupt(member))
    }

    /// A count, which the database knows as a signed number.
    pub(super) fn count<T: TryFrom<i64>>(&self, member: &'static str) -> Result<T, StoreError> {
        T::try_from(self.get(member)?).map_err(|_| self.corrupt(member))
    }

    pub(super) fn time(&self, member: &'static str) -> Result<UnixTime, StoreError> {
        self.get(member).map(UnixTime::from_seconds)
    }

    pub(super) fn time_if_any(&self, member: &'static str) -> Result<Option<UnixTime>, StoreError> {
        Ok(self.get::<Option<i64>>(member)?.map(UnixTime::from_seconds))
    }

    pub(super) fn json(&self, member: &'static str) -> Result<Value, StoreError> {
        self.json_if_any(member)?.ok_or_else(|| self.corrupt(member))
    }

    pub(super) fn json_if_any(&self, member: &'static str) -> Result<Option<Value>, StoreError> {
        let Some(text) = self.get::<Option<&str>>(member)? else { return Ok(None) };
        serde_json::from_str(text).map(Some).map_err(|_| self.corrupt(member))
    }

    pub(super) fn list(&self, member: &'static str) -> Result<Vec<String>, StoreError> {
        serde_json::from_str(self.get(member)?).map_err(|_| self.corrupt(member))
    }

    pub(super) fn digest(&self, member: &'static str) -> Result<Sha256Digest, StoreError> {
        self.digest_if_any(member)?.ok_or_else(|| self.corrupt(member))
    }

    pub(super) fn digest_if_any(&self, member: &'static str) -> Result<Option<Sha256Digest>, StoreError> {
        let Some(bytes) = self.get::<Option<&[u8]>>(member)? else { return Ok(None) };
        bytes.try_into().map(Some).map_err(|_| self.corrupt(member))
    }

    pub(super) fn corrupt(&self, member: &'static str) -> StoreError {
        StoreError::Corrupt { record: self.record, name: self.name.clone(), member }
    }
}
