//! Whole requests through the router, with a clock moved by hand: each test is named after the rule that a
//! wrong server would break.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a test's verdict")]

mod administration;
mod administration_clients;
mod administration_rest;
mod attacks_browser;
mod attacks_codes;
mod attacks_requests;
mod attacks_tokens;
mod audit;
mod authorization;
mod backchannel_logout;
mod browser;
mod ciba;
mod client_authentication;
mod client_keys;
mod client_races;
mod clients;
mod configuration;
mod corpus;
mod device;
mod dpop;
mod durable;
mod encryption;
mod exceptions;
mod exchange;
mod introspection;
mod issuer_keys;
mod jwks_uri;
mod limits;
mod logging;
mod logout;
mod metadata;
mod mtls;
mod narrowing;
mod offboarding;
mod openapi;
mod openid;
mod outage;
mod people_account;
mod people_application;
mod people_authenticator;
mod people_pages;
mod people_passkeys;
mod people_signing_in;
mod profiles;
mod proxies;
mod refresh;
mod registration;
mod registration_profiles;
mod revocation;
mod several_issuers;
mod support;
mod token_exchange;
mod wire;
