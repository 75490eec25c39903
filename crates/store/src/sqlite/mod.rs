//! The durable backend for one machine: one SQLite file in WAL mode. An answered call survives
//! `kill -9`. What can't be made durable is answered `Unavailable`, never as done.

mod open;

pub use open::{OpenError, SqliteOptions, SqliteStore, Synchronous};
