//! Who keeps a rotated refresh token when this process ends (FSP-C-06). The crate holds it in memory only;
//! where it is stored, and sealed, is the application's to decide.

use std::fmt;

use async_trait::async_trait;

use crate::secret::Secret;

/// Keeps the newest refresh token of a grant.
#[async_trait]
pub trait RefreshTokenKeeper: Send + Sync + 'static {
    /// Stores `refresh_token` in place of the one before. Called before the access token that came with it is used.
    ///
    /// # Errors
    /// [`NotKept`] when it could not be stored. The token then stays in memory, the failure is logged as an
    /// error, and the keeper is called again before the next refresh.
    async fn keep(&self, issuer: &str, refresh_token: &Secret) -> Result<(), NotKept>;
}

/// The refresh token could not be stored; the keeper logs why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotKept;

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the refresh token could not be stored")
    }
}

impl std::error::Error for NotKept {}
