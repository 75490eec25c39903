//! The CIBA grant (CIBA Core section 10.1): a client asks, on its own or because it was pinged, whether the person
//! has answered. Everything that matters is in `decoupled`.

use bindery_core::oauth::token_error::TokenError;
use bindery_store::record::PendingKind;

use super::{Granted, Redemption};
use crate::decoupled::poll;

/// What the token endpoint reads of it.
pub(super) const PARAMETERS: [&str; 3] = ["auth_req_id", "resource", "authorization_details"];

pub(super) async fn redeem(redemption: Redemption<'_>) -> Result<Granted, TokenError> {
    poll::redeem(redemption, PendingKind::BackchannelRequest, PARAMETERS[0]).await
}
