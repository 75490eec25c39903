//! The promises of [`AuthorizationStore`](crate::AuthorizationStore) as tests that every backend passes:
//! races, edges of time, conflicts, unknown records, cascades, restart. A backend registers with one line,
//! `contract::suite!(name, Backend::new())`, in its own tests.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "in a test suite a panic is the verdict"
)]

mod audit;
mod blocked_keys;
mod claims;
mod grants;
mod keys;
mod pending;
mod people;
mod records;
pub(crate) mod samples;
mod sessions;
mod tokens;

use std::future::Future;
use std::sync::Arc;

pub use audit::*;
pub use blocked_keys::*;
pub use claims::*;
pub use grants::*;
pub use keys::*;
pub use pending::*;
pub use people::*;
pub use records::*;
pub use sessions::*;
pub use tokens::*;

use crate::authorization::AuthorizationStore;

/// A place where a backend keeps its records; each test has its own, empty at first.
pub trait Backend: Send + Sync {
    /// Whether records survive when every store that was opened here is gone.
    const DURABLE: bool;

    /// Opens a store on this place.
    fn open(&self) -> impl Future<Output = Arc<dyn AuthorizationStore>> + Send;
}

/// Runs the suite on a backend: `suite!(name_of_the_module, expression that makes a Backend)`, or
/// `suite!(name_of_the_module, if expression that makes an Option<Backend>)` for one that may be skipped. The
/// crate that calls it needs tokio with its test macros.
#[macro_export]
#[doc(hidden)]
macro_rules! __contract_suite {
    ($name:ident, if $backend:expr) => {
        $crate::__contract_suite!($name, $backend, [
            a_client_is_found_as_it_was_stored,
            a_client_name_is_given_once,
            a_client_is_changed_by_one_of_those_who_read_the_same_state,
            a_client_is_removed_by_nobody_who_read_another_state,
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
            rejects_a_claim_that_was_purged_between_two_looks,
            a_signing_key_only_moves_forward,
            nonce_keys_are_kept_until_removed,
            sealed_keys_of_different_purposes_never_meet,
            a_removed_client_leaves_nothing_that_works,
            a_name_with_a_null_byte_is_nobodys,
            a_barred_client_is_listed_until_it_is_unbarred,
            a_blocked_key_is_found_until_it_is_unblocked,
            a_grant_and_its_first_token_are_stored_both_or_not_at_all,
            a_changed_grant_keeps_who_it_is,
            grants_are_listed_by_page_and_by_what_is_asked,
            revoking_by_filter_reaches_those_and_no_others,
            a_pending_thing_is_found_as_it_was_stored_and_only_in_its_kind,
            what_waits_for_a_person_is_listed_and_counted_while_it_is_live,
            of_many_spendings_of_one_thing_one_wins,
            of_many_redemptions_of_one_code_one_gives_a_grant,
            a_redemption_that_fails_spends_nothing,
            a_pending_thing_dies_with_the_second_of_its_expiry,
            a_spent_thing_is_recognised_until_it_is_forgotten,
            an_alias_leads_to_its_thing_and_is_given_once,
            of_many_changes_of_one_revision_one_wins,
            what_is_over_can_not_be_changed,
            pending_things_are_listed_by_page,
            a_session_is_found_by_its_cookie_and_by_its_name,
            an_old_cookie_opens_nothing_once_it_was_changed,
            rejects_the_old_cookie_when_a_refresh_meets_a_sign_in,
            of_many_ends_of_one_session_one_is_told,
            sessions_are_listed_by_page_and_by_subject,
            an_account_is_found_as_it_was_stored,
            a_username_is_given_once,
            of_many_changes_of_one_account_one_wins,
            every_failed_login_counts_and_the_last_one_locks,
            a_lock_is_neither_prolonged_nor_lifted_by_a_login,
            an_old_failed_login_counts_no_more,
            a_login_of_nobody_leaves_nothing,
            accounts_are_listed_by_page,
            a_consent_is_replaced_by_a_later_one_and_removed_with_its_account,
            audit_records_keep_their_order_under_concurrent_writers,
            audit_records_are_listed_by_page_and_by_what_is_asked,
            a_large_backlog_of_audit_records_is_removed_step_by_step,
            a_purge_forgets_what_waits_and_who_was_signed_in,
            a_store_that_answers_says_so,
            a_purge_takes_what_has_expired_and_nothing_else,
            a_restart_forgets_nothing_that_was_answered,
        ]);
    };
    ($name:ident, $backend:expr) => {
        $crate::__contract_suite!($name, if Some($backend));
    };
    ($name:ident, $backend:expr, [$($test:ident),* $(,)?]) => {
        mod $name {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $test() {
                    let Some(backend) = $backend else { return };
                    $crate::contract::$test(&backend).await;
                }
            )*
        }
    };
}

pub use crate::__contract_suite as suite;
