//! A verified access token that loses its binding.

use bindery_core::token::access_token::VerifiedAccessToken;
use bindery_core::token::confirmation::Confirmation;

fn unbind(token: VerifiedAccessToken) -> VerifiedAccessToken {
    VerifiedAccessToken { confirmation: Confirmation::Unbound, ..token }
}

fn main() {}
