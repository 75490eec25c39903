//! What happened, for those who must be able to show it later.

use bindery_core::time::UnixTime;
use serde_json::Value;

/// One audited event. It names parties by their public identifiers and never carries a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRecord {
    /// Its place in the order of events. The store gives it; what is here when it is added doesn't count.
    pub sequence: u64,
    /// When it happened.
    pub at: UnixTime,
    /// The event's name in the catalogue.
    pub event: String,
    /// The client it concerns, if it concerns one.
    pub client_id: Option<String>,
    /// The subject it concerns, if it concerns one.
    pub subject: Option<String>,
    /// The event's own fields, a JSON object.
    pub fields: Value,
}

/// Which audit records are meant. A member that is `None` leaves them all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Those of this event.
    pub event: Option<String>,
    /// Those that concern this client.
    pub client_id: Option<String>,
    /// Those that concern this subject.
    pub subject: Option<String>,
    /// Those of this second and later.
    pub since: Option<UnixTime>,
    /// Those before this second.
    pub until: Option<UnixTime>,
}
