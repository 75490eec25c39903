//! The authorization server: it issues access tokens that are bound to a key the client holds, by DPoP
//! (RFC 9449) or by certificate (RFC 8705), and never a bearer token by accident.
//!
//! A token request passes, in this order: `core::oauth::token_request::parse`, `binding::establish`
//! (nonce and proof, or certificate), `authenticate::client`, `grant::require_holder` (so that
//! strangers fill no memory), `binding::Evidence::spend` (the policy of the client, then the replay memory),
//! `grant::HeldGrant::redeem`, `issue::mint`. A nonce is demanded before anything single-use is spent, and
//! `issue::mint` takes the binding by value, so that an unbound token can't be made by mistake.
//!
//! Room for growth: a grant type is one file and one line in `grant::GRANTS`; an endpoint is one file and
//! one line in `router`; a client authentication method is one file and one line in `core::client_auth`.

mod administration;
mod admission;
mod audit;
pub mod authenticate;
mod authorization;
mod barred_clients;
mod bearer_exceptions;
pub mod binding;
mod blocked_keys;
mod client_keys;
pub mod client_registry;
pub mod configuration;
pub mod cookie_keys;
mod decoupled;
mod delivery;
mod encryption;
mod encryption_keys;
mod endpoint;
pub mod event;
pub mod grant;
mod health;
mod id_token;
mod interaction;
pub mod issue;
mod issued_token;
mod issuers;
pub mod key_schedule;
mod key_sealing;
mod limits;
mod logout;
mod metrics;
mod nonce_keys;
mod observation;
mod outbound;
mod own_resource;
pub mod people;
mod person_claims;
pub mod posture;
mod profile;
mod proof_memory;
pub mod provision;
mod registration;
mod router;
mod server;
mod settings;
mod signing_keys;
mod start;
mod subject;

pub use administration::openapi_document;
pub use client_keys::{ClientKeysConfiguration, KeySetFetcher, KeySetUnavailable};
pub use configuration::{ConfigurationInvalid, ServerConfiguration};
pub use health::{NotReady, Readiness};
pub use issuers::Issuers;
pub use key_sealing::SealingKey;
pub use metrics::Metrics;
pub use observation::SPANS;
pub use outbound::{HttpOutbound, Notification, Outbound, OutboundFailed};
pub use profile::{BearerRule, PkceRule, Profile, ProfileRules, SenderConstraints};
pub use server::{AuthorizationServer, ServerParts};
pub use start::StartFailed;

/// How often a change is judged anew when others change the same record at the same moment.
const ATTEMPTS: usize = 16;
