//! A verified request out of thin air.

use bindery_core::resource::{ProvenBinding, VerifiedRequest};
use bindery_core::token::access_token::VerifiedAccessToken;
use std::sync::Arc;

fn make(token: Arc<VerifiedAccessToken>) -> VerifiedRequest {
    VerifiedRequest::new(token, ProvenBinding::Bearer)
}

fn main() {}
