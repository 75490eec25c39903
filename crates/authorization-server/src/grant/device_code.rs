//! The device code grant (RFC 8628 sections 3.4 and 3.5): a device asks whether its person has answered. Everything
//! that matters is in `decoupled`.

use bindery_core::oauth::token_error::TokenError;
use bindery_store::record::PendingKind;

use super::{GrantRequest, Granted, Redemption};
use crate::decoupled::poll;

/// What the token endpoint reads of it.
pub(super) const PARAMETERS: [&str; 3] = ["device_code", "resource", "authorization_details"];

pub(super) async fn require_holder(request: GrantRequest<'_>) -> Result<(), TokenError> {
    poll::require_holder(request, PendingKind::DeviceCode, PARAMETERS[0]).await
}

pub(super) async fn redeem(redemption: Redemption<'_>) -> Result<Granted, TokenError> {
    poll::redeem(redemption, PendingKind::DeviceCode, PARAMETERS[0]).await
}
