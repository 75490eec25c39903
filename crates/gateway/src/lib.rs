//! The guard in front of applications that can't change: a reverse proxy that forwards only what
//! [`bindery_resource_server`] lets through, and tells the application in `Bindery-*` headers who was proven.
//! It checks nothing itself; the verdict is that of the same function as in the tower layer.
//!
//! ```text
//! hop_by_hop::examine -> resource_server::layer::judge -> identity::set, forwarded::set
//!   -> upstream::Upstream::send (or tunnel, for WebSocket) -> response::dress
//! ```
//!
//! It must never forward what a client said about its own identity, and never answer with words of a request.

mod answer;
mod body;
pub mod configuration;
mod forwarded;
pub mod gateway;
mod hop_by_hop;
pub mod identity;
mod metrics;
mod response;
mod tunnel;
mod upstream;

pub use configuration::{GatewayConfiguration, UpstreamConfiguration};
pub use gateway::{Gateway, GatewayParts, GatewayService};
pub use metrics::{GatewayMetrics, GatewaySample};
