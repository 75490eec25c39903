//! What OpenID Connect adds to the tokens of OAuth, as pure values: the caller signs, sends and stores.

pub mod logout_token;
