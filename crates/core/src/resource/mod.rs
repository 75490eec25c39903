//! A protected request, from the header values to an authorized request: `presentation::parse`, then the
//! steps of [`step`], then [`VerifiedRequest::require_scope`]. Each value here can only be made by the check
//! that it stands for.

pub mod challenge;
pub mod known;
pub mod presentation;
pub mod step;
mod verified;

pub use verified::{AuthorizedRequest, ProvenBinding, VerifiedRequest};
