//! A protected request from its facts to a verified request: the one place of the guard that waits. What is
//! checked, and in which order, stands in `bindery_core::resource::step`; here the answers are fetched.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::dpop::nonce::NonceTime;
use bindery_core::rejection::Rejection;
use bindery_core::resource::VerifiedRequest;
use bindery_core::resource::known::KnownSender;
use bindery_core::resource::presentation::RequestFacts;
use bindery_core::resource::step::{self, NeedsReplayCheck, Started, Step};
use bindery_crypto::AwsLc;
use bindery_store::ReplayStore;

use crate::guard::Inner;
use crate::key_source;
use crate::route::Route;

/// Verifies the request against the route's policy. Beside it comes the time of the nonce that it used.
pub(crate) async fn verify<R: ReplayStore>(
    guard: &Inner<R>,
    facts: &RequestFacts<'_>,
    route: &Route,
) -> Result<(VerifiedRequest, Option<NonceTime>), Rejection> {
    let nonces = guard.nonces.ring.load();
    let recall = |token: &str| guard.tokens.get(token, facts.now);
    let (started, known) =
        step::start_knowing(facts, recall, &guard.identity, &route.policy, Some(&nonces), &AwsLc)?;
    let (pending, remember) = match known {
        Some(known) => (started.resume(Arc::clone(known.token()))?, None),
        // Boxed, so that the usual request does not carry around the room that fetching needs.
        None => {
            let (pending, span) = Box::pin(verify_token(guard, started, facts)).await?;
            (pending, Some(span))
        }
    };
    let nonce_time = pending.proof().and_then(|proof| proof.nonce_time());
    let outcome = match pending.replay_entry() {
        // By the time it is now: while keys or an answer were awaited, the proof may have outlived the
        // memory of its first use, and who asks by the time of arrival would be told that it is new.
        Some(entry) => Some(guard.replay.check_and_insert(entry, facts.now.max(guard.clock.now())).await),
        None => None,
    };
    let request = pending.complete(outcome)?;
    if let Some(span) = remember
        && !span.is_zero()
        && let Some(sender) = KnownSender::of(&request, facts, &route.policy.proof, &AwsLc)
    {
        guard.tokens.insert(sender, facts.now, span);
    }
    Ok((request, nonce_time))
}

/// A token that is not in the cache: by its issuer's key, or by its issuer's word. Beside the next step comes
/// how long that may be believed.
async fn verify_token<R: ReplayStore>(
    guard: &Inner<R>,
    started: Started<'_>,
    facts: &RequestFacts<'_>,
) -> Result<(NeedsReplayCheck, Duration), Rejection> {
    let issuers = &guard.identity.issuers;
    match started.examine(issuers, guard.introspection.is_some())? {
        Step::NeedsKey(step) => {
            let position = issuers.iter().position(|issuer| issuer.issuer == step.issuer().issuer);
            let source = position.and_then(|at| guard.keys.get(at)).ok_or(Rejection::KeysUnavailable)?;
            let keys = source.keys_for(step.key_id(), step.algorithm(), facts.now).await?;
            let (_, pending) = step.resolve(&keys, &AwsLc)?;
            Ok((pending, key_source::LIFETIME))
        }
        Step::NeedsIntrospection(step) => {
            let (issuer, keys, endpoint) = guard
                .introspection
                .as_ref()
                .and_then(|(at, endpoint)| Some((issuers.get(*at)?, guard.keys.get(*at)?, endpoint)))
                .ok_or(Rejection::IntrospectionUnavailable)?;
            let digest = *step.token_digest();
            let answer = endpoint.ask(step.token(), &digest, issuer, keys, facts.now).await?;
            let (_, pending) = step.resolve(&answer, issuer).inspect_err(|rejection| {
                if matches!(rejection, Rejection::TokenInactive) {
                    endpoint.note_inactive(&digest, facts.now);
                }
            })?;
            Ok((pending, endpoint.lifetime))
        }
    }
}
