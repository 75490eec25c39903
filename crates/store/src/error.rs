//! Why a store did not do what it was asked. The text is for the operator's log: it names records by
//! their public identifiers and never carries a digest, a key, a token or a bound parameter.

/// Why a call on an [`AuthorizationStore`](crate::AuthorizationStore) failed. Nothing was changed by a
/// call that failed, with one exception: after [`StoreError::Unavailable`] a write may have happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store could not be asked, or could not make the answer durable. Refuse the request.
    #[error("store unavailable: {operation}: {cause}")]
    Unavailable {
        /// What was asked of it.
        operation: &'static str,
        /// What the backend said.
        cause: String,
    },
    /// The record is there already, or another writer was first, or the change is not allowed from the
    /// state the record is in.
    #[error("{record} `{name}`: {rule}")]
    Conflict {
        /// The kind of record.
        record: &'static str,
        /// Its public identifier; empty for records that are known by a digest only.
        name: String,
        /// The rule that the call would have broken.
        rule: &'static str,
    },
    /// There is no such record to change.
    #[error("{record} `{name}` is not in the store")]
    Unknown {
        /// The kind of record.
        record: &'static str,
        /// Its public identifier; empty for records that are known by a digest only.
        name: String,
    },
    /// The record is there and can't be read: the file was changed by hand or by a newer version.
    #[error("{record} `{name}` can't be read: member `{member}` is not in the form that this version writes")]
    Corrupt {
        /// The kind of record.
        record: &'static str,
        /// Its public identifier; empty for records that are known by a digest only.
        name: String,
        /// The member that can't be read.
        member: &'static str,
    },
}

impl StoreError {
    pub(crate) fn taken(record: &'static str, name: &str) -> Self {
        Self::Conflict { record, name: name.to_owned(), rule: "its identifier is taken" }
    }

    pub(crate) fn unknown(record: &'static str, name: &str) -> Self {
        Self::Unknown { record, name: name.to_owned() }
    }
}
