//! Whether the person who allowed something is still there when it is redeemed: a code, or the answer to a poll, is
//! worth nothing once they have signed out or their account is closed. It is asked after the grant is stored, so
//! that whoever ends a session or an account later finds the grant, and whoever did so before is seen here.

use bindery_core::oauth::token_error::TokenError;
use bindery_core::time::UnixTime;
use bindery_store::record::GrantRecord;

use crate::event::AuditEvent;
use crate::people::session::{self, Presence};
use crate::server::{Server, unavailable};

/// Ends the grant if nobody is there any more. What was granted to outlive its session (`offline_access`, OpenID
/// Connect Core section 11) needs a usable account alone.
///
/// # Errors
/// `refused`, and the grant is revoked; [`TokenError::Unavailable`] when the store can't be asked, and the caller hands
/// nothing out.
pub(crate) async fn require_present(
    server: &Server,
    grant: &GrantRecord,
    refused: TokenError,
    now: UnixTime,
) -> Result<(), TokenError> {
    let outlives = grant.scope.iter().any(|scope| scope == "offline_access");
    let presence = session::presence(server, &grant.subject, grant.session_id.as_deref(), outlives).await;
    match presence.map_err(|error| unavailable("find_session_by_id", &error))? {
        Presence::Present => Ok(()),
        Presence::Gone => {
            let revoked = server.store.revoke_grant(&grant.grant_id, now).await;
            revoked.map_err(|error| unavailable("revoke_grant", &error))?;
            server.audit.record(AuditEvent::GrantVoid {
                client_id: &grant.client_id,
                subject: &grant.subject,
                grant_id: &grant.grant_id,
            });
            Err(refused)
        }
    }
}
