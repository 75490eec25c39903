//! Whole requests through the router, with a clock moved by hand: each test is named after the rule that a
//! wrong server would break.

mod client_authentication;
mod client_keys;
mod configuration;
mod dpop;
mod introspection;
mod logging;
mod metadata;
mod mtls;
mod refresh;
mod revocation;
mod support;
mod wire;
