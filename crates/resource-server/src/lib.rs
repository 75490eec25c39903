//! The guard: lets a request through to an application only when its sender has proven possession of the
//! key that its access token is bound to. A tower layer for axum and hyper applications; the gateway puts
//! the same guard in front of applications that can't change.
//!
//! ```text
//! GuardLayer -> strip identity headers -> bindery_http::presented::from_request -> verify::verify
//!            -> VerifiedRequest::require_scope -> AuthorizedRequest in the request's extensions
//! on a rejection: core::resource::challenge::answer -> bindery_http::render::error_answer
//! ```
//!
//! The guard depends on no other role; it knows authorization servers only by their issuer identifier,
//! their keys and their introspection endpoint.

pub mod answer;
pub mod configuration;
pub mod guard;
pub mod introspection;
pub mod key_source;
pub mod layer;
pub mod observer;
pub mod outbound;
pub mod path;
pub mod route;
mod token_cache;
pub mod verify;

pub use configuration::{ConfigurationInvalid, GuardConfiguration};
pub use guard::{Decision, Guard};
pub use layer::{GuardLayer, GuardService, Tolerated};
pub use route::{Mode, Route};
