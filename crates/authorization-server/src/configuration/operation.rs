//! The parts of an issuer's configuration that protect and watch the running server. Values alone.

use serde::Deserialize;

/// `[audit]`: what becomes of audit events beside their log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditConfiguration {
    /// Whether events of the ordinary course, above all `token_issued`, are stored too.
    pub store_issuance: bool,
    /// For how many days records are kept; 0 for ever.
    pub retention_days: u32,
    /// How many records may wait for the store; further ones are logged and counted, and not stored.
    pub queue: usize,
    /// How many records of one event may be stored within a second, so that strangers can't fill the disk.
    /// What administrators do is stored whatever it costs.
    pub stored_per_second: u32,
}

impl Default for AuditConfiguration {
    fn default() -> Self {
        Self { store_issuance: false, retention_days: 365, queue: 8192, stored_per_second: 50 }
    }
}
