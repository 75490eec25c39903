//! The promises of [`AuthorizationStore`](crate::AuthorizationStore) as tests that every backend passes:
//! races, edges of time, conflicts, unknown records, cascades, restart. A backend registers with one line,
//! `contract::suite!(name, Backend::new())`, in its own tests.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "in a test suite a panic is the verdict")]

mod claims;
mod grants;
mod keys;
mod records;
mod samples;
mod tokens;

use std::future::Future;
use std::sync::Arc;

pub use claims::*;
pub use grants::*;
pub use keys::*;
pub use records::*;
pub use tokens::*;

use crate::authorization::AuthorizationStore;

/// A place where a backend keeps its records; each test has its own, empty at first.
pub trait Backend: Send + Sync {
    /// Whether records survive when every store that was opened here is gone.
    const DURABLE: bool;

    /// Opens a store on this place.
    fn open(&self) -> impl Future<Output = Arc<dyn AuthorizationStore>> + Send;
}

/// Runs the suite on a backend: `suite!(name_of_the_module, expression that makes a Backend)`. The crate
/// that calls it needs tokio with its test macros.
#[macro_export]
#[doc(hidden)]
macro_rules! __contract_suite {
    ($name:ident, $backend:expr) => {
        $crate::__contract_suite!($name, $backend, [
            a_client_is_found_as_it_was_stored,
            a_client_name_is_given_once,
            a_client_that_is_not_there_cannot_be_changed,
            disabling_a_client_ends_what_it_holds_and_enabling_it_brings_it_back,
            a_grant_is_found_as_it_was_stored,
            revoking_a_grant_ends_everything_under_it,
            of_many_bindings_of_one_grant_the_first_stays,
            a_grant_that_is_not_there_cannot_be_used,
            a_revoked_token_identifier_is_known_until_its_expiry,
            a_token_whose_grant_is_unknown_counts_as_revoked,
            of_many_rotations_of_one_token_one_wins,
            a_spent_token_is_reuse_after_its_grace_and_a_lost_answer_before,
            a_clock_that_steps_back_does_not_prolong_a_grace_of_zero,
            a_chain_of_rotations_keeps_its_grant_and_binding,
            a_successor_of_another_grant_or_client_spends_nothing,
            a_refresh_token_dies_with_the_second_of_its_expiry,
            a_refresh_token_dies_with_its_grant,
            a_token_digest_is_given_once,
            an_access_token_is_found_only_while_it_lives,
            a_revoked_access_token_is_not_found,
            of_many_claims_of_one_thing_one_is_granted,
            a_claim_holds_at_every_second_through_its_expiry,
            a_claim_of_another_owner_kind_or_target_is_another,
            a_purged_claim_is_not_reopened_by_a_clock_that_steps_back,
            a_claim_that_has_expired_on_arrival_is_refused,
            a_signing_key_only_moves_forward,
            nonce_keys_are_kept_until_removed,
            a_purge_takes_what_has_expired_and_nothing_else,
            a_restart_forgets_nothing_that_was_answered,
        ]);
    };
    ($name:ident, $backend:expr, [$($test:ident),* $(,)?]) => {
        mod $name {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $test() {
                    $crate::contract::$test(&$backend).await;
                }
            )*
        }
    };
}

pub use crate::__contract_suite as suite;
