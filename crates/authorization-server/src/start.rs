//! Why a server does not start. Configuration faults name option and remedy; the rest names the layer.

use bindery_store::StoreError;

use crate::configuration::ConfigurationInvalid;

/// Why [`AuthorizationServer::start`](crate::AuthorizationServer::start) failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartFailed {
    /// The configuration contradicts itself or the profile.
    #[error(transparent)]
    Configuration(#[from] ConfigurationInvalid),
    /// The store can't be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key can't be made, sealed or opened.
    #[error("keys: {0}")]
    Key(&'static str),
}
