//! The durable backend for one machine: one SQLite file in WAL mode. An answered call survives
//! `kill -9`. What can't be made durable is answered `Unavailable`, never as done.

mod claims;
mod clients;
mod file;
mod grants;
mod keys;
mod open;
mod purge;
mod row;
mod store;
mod tokens;
mod writer;

pub use open::{OpenError, SqliteOptions, SqliteStore, Synchronous};

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
