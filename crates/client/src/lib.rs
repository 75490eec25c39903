//! Obtains bound tokens (DPoP, RFC 9449; mutual TLS, RFC 8705) and presents them. Every attempt at every
//! server carries a proof of its own; a token that is not bound is refused, and a bound one never travels
//! as anything weaker.
//!
//! | to do | use |
//! |---|---|
//! | say who the client is | [`ClientConfiguration::builder`] |
//! | get, keep and renew tokens | [`TokenSource`] |
//! | call resources with reqwest | [`BoundMiddleware`] on a client from [`ClientConfiguration::http_client_builder`] |
//! | send requests by other means | the pairs [`build_token_request`] / [`judge_token_response`] and [`build_resource_headers`] / [`judge_resource_response`] |
//! | read `WWW-Authenticate` | [`challenge`] |
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use bindery_client::*;
//! # async fn example(assertion_key: Arc<dyn bindery_crypto::Signer>) -> Result<(), Box<dyn std::error::Error>> {
//! let keys = DpopKeys::new(bindery_core::jose::algorithm::SignatureAlgorithm::Es256);
//! let issuer = "https://login.example.com";
//! let configuration = ClientConfiguration::builder(issuer, "inventory")
//!     .authentication(ClientAuthentication::PrivateKeyJwt { signer: assertion_key, key_id: None })
//!     .sender_constraint(SenderConstraint::Dpop { signer: keys.for_issuer(issuer)? })
//!     .resource("https://api.example.com/")
//!     .build()?;
//! let http = configuration.http_client_builder()?.build()?;
//! let source = TokenSource::new(configuration)?;
//! let client = reqwest_middleware::ClientBuilder::new(http).with(BoundMiddleware::new(source)).build();
//! let response = client.get("https://api.example.com/items").send().await?;
//! # Ok(()) }
//! ```

mod assertion;
pub mod challenge;
mod clock;
mod configuration;
mod configuration_invalid;
mod dpop_keys;
mod error;
mod exchange;
mod explanation;
mod metadata;
mod middleware;
mod nonce;
mod origin;
mod proof;
mod redirect;
mod refresh;
mod resource;
mod resource_request;
mod secret;
mod token;
mod token_request;
mod token_response;
mod token_source;
mod transport;
mod wire_text;

pub use clock::{Clock, ClockOffset, ServerClocks, SystemClock};
pub use configuration::{
    ClientAuthentication, ClientConfiguration, ConfigurationBuilder, Grant, SenderConstraint,
};
pub use dpop_keys::DpopKeys;
pub use error::{Blame, ConfigurationInvalid, Error, MetadataRefused, RequestRefused, TokenRefused};
pub use explanation::Explanation;
pub use metadata::{AuthorizationServerMetadata, judge_metadata_response, metadata_urls};
pub use middleware::{BoundMiddleware, CrossOriginRedirects, MAXIMUM_REDIRECTS};
pub use nonce::{DPOP_NONCE, NonceCache, ServerNonce, ServerRole};
pub use origin::{Origin, OriginInvalid};
pub use proof::{DPOP, ProofTarget, build_proof};
pub use redirect::{NextHop, RedirectVerdict, judge_redirect};
pub use refresh::{NotKept, RefreshTokenKeeper};
pub use resource_request::{ResourceVerdict, build_resource_headers, judge_resource_response};
pub use secret::Secret;
pub use token::{BoundToken, TokenBinding};
pub use token_request::{TokenRequest, TokenRequestTarget, build_token_request};
pub use token_response::{GrantedToken, TokenVerdict, judge_token_response};
pub use token_source::TokenSource;
pub use transport::{ClientIdentity, TlsVersions, TrustRoots, http_client_builder};
