//! The durable backend for more than one machine: one schema of a PostgreSQL database. Every node that is
//! connected to it shares everything, and what is spent at one is spent at all. What the database did not
//! confirm is answered `Unavailable`, never as done.

mod claims;
#[cfg(any(test, feature = "postgres-fixture"))]
pub mod fixture;
mod open;
mod options;
#[path = "../sql/mod.rs"]
mod sql;
mod store;

pub use open::PostgresStore;
pub use options::{OpenError, PostgresOptions};

use sqlx::PgConnection as Connection;
use sqlx::Postgres as Database;
use sqlx::postgres::PgRow as Row;

use PostgresStore as Store;
use store::serialize_audit;

/// Runs one statement, or one look, with `$c` as its connection.
macro_rules! reading {
    ($store:expr, |$c:ident| $call:expr) => {{
        let mut connection = $store.connection().await?;
        let outcome = {
            let $c = &mut *connection;
            $crate::postgres::store::in_time($call).await
        };
        $crate::postgres::store::let_go(connection, outcome)
    }};
}

/// Runs one statement, which commits by itself, and perhaps a look behind it.
macro_rules! writing {
    ($store:expr, $operation:literal, [$($name:ident),*], |$c:ident| $call:expr) => {{
        $(let $name = $name.to_owned();)*
        reading!($store, |$c| $call)
    }};
}

/// Runs several statements as one: all of them happen, or none when the call fails.
macro_rules! transaction {
    ($store:expr, $operation:literal, [$($name:ident),*], |$c:ident| $call:expr) => {{
        $(let $name = $name.to_owned();)*
        let mut connection = $store.connection().await?;
        let outcome = $crate::postgres::store::in_time(async {
            let mut transaction = $crate::postgres::store::begin(&mut connection).await?;
            let $c = &mut *transaction;
            let answer = $call.await?;
            transaction.commit().await.map_err($crate::postgres::sql::unavailable($operation))?;
            Ok(answer)
        });
        let outcome = outcome.await;
        $crate::postgres::store::let_go(connection, outcome)
    }};
}

use {reading, transaction, writing};

#[cfg(test)]
#[path = "postgres_tests.rs"]
mod tests;
