//! A verified request written down member by member.

use bindery_core::resource::{ProvenBinding, VerifiedRequest};
use bindery_core::token::access_token::VerifiedAccessToken;
use std::sync::Arc;

fn forge(token: Arc<VerifiedAccessToken>) -> VerifiedRequest {
    VerifiedRequest { token, binding: ProvenBinding::Bearer }
}

fn main() {}
