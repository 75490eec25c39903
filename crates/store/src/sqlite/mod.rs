//! The durable backend for one machine: one SQLite file in WAL mode. An answered call survives
//! `kill -9`. What can't be made durable is answered `Unavailable`, never as done.

mod backup;
mod claims;
mod file;
mod open;
#[path = "../sql/mod.rs"]
mod sql;
mod store;
mod writer;

pub use backup::back_up;
pub use open::{OpenError, SqliteOptions, SqliteStore, Synchronous};

use sqlx::Sqlite as Database;
use sqlx::SqliteConnection as Connection;
use sqlx::sqlite::SqliteRow as Row;

use SqliteStore as Store;
use store::serialize_audit;

/// Runs the call on a reader, with `$c` as its connection.
macro_rules! reading {
    ($store:expr, |$c:ident| $call:expr) => {{
        let mut connection = $store.reader().await?;
        let $c = &mut *connection;
        $call.await
    }};
}

/// Hands owned copies of what is named to the writer, and runs the call there with `$c` as connection.
macro_rules! writing {
    ($store:expr, $operation:literal, [$($name:ident),*], |$c:ident| $call:expr) => {{
        $(let $name = $name.to_owned();)*
        $store.writer.write($operation, move |$c| Box::pin(async move { $call.await })).await
    }};
}

/// The writer runs every call in a transaction.
use writing as transaction;
use {reading, writing};

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
