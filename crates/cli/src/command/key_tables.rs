//! The option of the servers that leaves every signature to aws-lc. What it switches is the time that a verdict takes,
//! never the verdict.

use bindery_crypto::p256;
use clap::{Args, ValueEnum};

/// Whether known keys have tables.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct KeyTables {
    /// Verify ES256 signatures of known keys by tables; `off` leaves every signature to aws-lc
    #[arg(long, value_name = "ON|OFF", hide_possible_values = true, env = "BINDERY_KEY_TABLES")]
    #[arg(value_enum, default_value_t = Switch::On)]
    key_tables: Switch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl KeyTables {
    /// For the whole process.
    pub(crate) fn apply(self) {
        p256::use_tables(self.key_tables == Switch::On);
    }
}
