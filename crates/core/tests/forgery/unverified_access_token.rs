//! The claims of an access token that nobody has verified.

use bindery_core::token::access_token::UnverifiedAccessToken;

fn read_unverified(token: &UnverifiedAccessToken<'_>) -> bool {
    token.claims.contains_key("cnf")
}

fn main() {}
