//! A step without the one before it.

use bindery_core::resource::presentation::Presentation;
use bindery_core::resource::step::{NeedsReplayCheck, Started};

fn change(started: &mut Started<'_>) {
    started.proof = None;
}

fn look<'r>(started: &Started<'r>) -> Presentation<'r> {
    started.presentation
}

fn jump(started: Started<'_>) -> NeedsReplayCheck {
    started.confirm()
}

fn main() {}
