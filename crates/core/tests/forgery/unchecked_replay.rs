//! A request whose proof nobody looked up.

use bindery_core::replay::ReplayOutcome;
use bindery_core::resource::VerifiedRequest;
use bindery_core::resource::step::NeedsReplayCheck;

fn skip(step: NeedsReplayCheck) -> VerifiedRequest {
    step.request
}

fn convert(step: NeedsReplayCheck) -> VerifiedRequest {
    step.into()
}

fn twice(step: NeedsReplayCheck) {
    let _ = step.complete(Some(ReplayOutcome::Inserted));
    let _ = step.complete(Some(ReplayOutcome::Inserted));
}

fn main() {}
