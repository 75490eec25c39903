//! The edge that all servers share: TLS and the client certificate of a connection, proxies that may
//! speak for a client, the facts of a request, and the rendering of answers. It decides no policy and
//! knows no token; what it hands on is either proven by a handshake or vouched for by a listed proxy.
//!
//! A request passes: [`listener`] (handshake, [`Peer`]) -> [`identity_headers::strip_untrusted`] ->
//! [`presented::from_request`] -> the guard or an endpoint -> [`render`].

pub mod client_address;
pub mod clock;
pub mod cors;
pub mod early_data;
pub mod edge_policy;
#[cfg(test)]
mod edge_tests;
pub mod identity_headers;
pub mod listener;
#[cfg(test)]
mod loopback;
pub mod peer;
pub mod presented;
pub mod redacted;
pub mod render;
pub mod tls;
pub mod trusted_proxy;
pub mod trusted_proxy_configuration;

pub use client_address::client_address;
pub use clock::{Clock, ManualClock, SystemClock};
pub use edge_policy::EdgePolicy;
pub use peer::{ApplicationProtocol, Peer};
pub use tls::ClientCertificates;
pub use trusted_proxy_configuration::TrustedProxiesConfiguration;
