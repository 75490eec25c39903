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

/// `[limits]`: how often one caller may ask, and how many times at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfiguration {
    /// Whether there are limits at all; without, something in front must have them.
    pub enabled: bool,
    /// All requests of one address (IPv6: of one /64).
    pub address: RateConfiguration,
    /// Requests to the pages that people sign in at, of one address.
    pub sign_in: RateConfiguration,
    /// Authenticated requests of one client.
    pub client: RateConfiguration,
    /// What the server remembers in the name of one client that did not authenticate: proofs, pushed requests, device
    /// codes, and people's visits. Anybody can say the name, so it is generous; it keeps one name from filling what
    /// all share.
    pub public_client: RateConfiguration,
    /// Proofs by one key.
    pub key: RateConfiguration,
    /// Attempts at one account.
    pub account: RateConfiguration,
    /// Attempts to enter a user code.
    pub user_code: RateConfiguration,
}

/// A rate.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateConfiguration {
    /// Requests per second in the long run; 0 for no limit.
    pub per_second: f64,
    /// Requests at once.
    pub burst: u32,
}

impl RateConfiguration {
    const fn new(per_second: f64, burst: u32) -> Self {
        Self { per_second, burst }
    }
}

impl Default for LimitsConfiguration {
    fn default() -> Self {
        Self {
            enabled: true,
            address: RateConfiguration::new(500.0, 2000),
            sign_in: RateConfiguration::new(5.0, 60),
            client: RateConfiguration::new(1000.0, 4000),
            public_client: RateConfiguration::new(200.0, 2000),
            key: RateConfiguration::new(100.0, 400),
            // Guessing is slowed by the lock; this bounds the work, and must let a busy account's sign-ins through.
            account: RateConfiguration::new(2.0, 30),
            user_code: RateConfiguration::new(0.1, 10),
        }
    }
}
