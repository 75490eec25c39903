//! The refresh token grant (RFC 6749 section 6, RFC 9449 section 5, RFC 8705 section 4). A public client's grant is
//! bound to its key and stays so; a confidential client's is bound by authentication, and its access token
//! anew each time. Rotation spends a token once; one that comes back late ends the whole family, one that
//! comes back at once, unused successor at hand, is an answer that was lost.

use bindery_core::crypto::{Cryptography as _, Sha256Digest};
use bindery_core::oauth::client_metadata::UnboundRefresh;
use bindery_core::oauth::form::Form;
use bindery_core::oauth::scope::Scope;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::time::UnixTime;
use bindery_core::token::confirmation::Confirmation;
use bindery_crypto::{AwsLc, random_token};
use bindery_store::authorization::{GrantBinding, RefreshTokenState, Rotation};
use bindery_store::record::{GrantRecord, RefreshTokenRecord};
use zeroize::Zeroizing;

use super::details::GrantDetails;
use super::{GrantRequest, Granted, OpenIdGrant, Redemption, require_audience, require_scope};
use crate::event::AuditEvent;
use crate::server::{Server, unavailable};

/// The longest refresh token that is looked up, in bytes.
const MAXIMUM_REFRESH_TOKEN: usize = 512;

/// The token is one of ours, used or not; what it is worth is judged when it is redeemed.
pub(super) async fn require_holder(request: GrantRequest<'_>) -> Result<(), TokenError> {
    match find(request.server, request.parameters, request.now).await?.1 {
        RefreshTokenState::Live { .. }
        | RefreshTokenState::SpentWithinGrace { .. }
        | RefreshTokenState::Reused { .. } => Ok(()),
        RefreshTokenState::Ended | RefreshTokenState::Unknown => Err(TokenError::RefreshToken),
    }
}

async fn find(
    server: &Server,
    parameters: &Form,
    now: UnixTime,
) -> Result<(Sha256Digest, RefreshTokenState), TokenError> {
    let presented = parameters.get("refresh_token").ok_or(TokenError::ParameterMissing("refresh_token"))?;
    if presented.len() > MAXIMUM_REFRESH_TOKEN {
        return Err(TokenError::ParameterTooLong("refresh_token"));
    }
    let digest = AwsLc.sha256(&[presented.as_bytes()]);
    let state = server.store.find_refresh_token(&digest, now, server.settings.refresh_grace).await;
    Ok((digest, state.map_err(|error| unavailable("find_refresh_token", &error))?))
}

pub(super) async fn redeem(redemption: Redemption<'_>) -> Result<Granted, TokenError> {
    let (digest, state) = find(redemption.server, redemption.parameters, redemption.now).await?;
    match state {
        RefreshTokenState::Live { grant, .. } => {
            let granted = accept(&redemption, &grant).await?;
            continue_with(&redemption, granted, &grant, &digest).await
        }
        RefreshTokenState::SpentWithinGrace { grant, successor } => {
            let granted = accept(&redemption, &grant).await?;
            let (client_id, grant_id) = (&grant.client_id, &grant.grant_id);
            redemption.server.audit.record(AuditEvent::RefreshRetried { client_id, grant_id });
            let refresh_token = rotate(&redemption, &grant, &successor).await?;
            Ok(Granted { refresh_token: Some(refresh_token), ..granted })
        }
        RefreshTokenState::Reused { grant } => {
            // Only a caller that could have used the token ends the family, so that a stranger who finds
            // an old one can't log people out (AMB-29).
            require_own(&redemption, &grant)?;
            confirm_bound_key(&redemption, &grant)?;
            end_family(&redemption, &grant).await?;
            Err(TokenError::RefreshToken)
        }
        RefreshTokenState::Ended | RefreshTokenState::Unknown => Err(TokenError::RefreshToken),
    }
}

/// The grant is this client's, its binding is proven, and the request asks for no more than it has.
async fn accept(redemption: &Redemption<'_>, grant: &GrantRecord) -> Result<Granted, TokenError> {
    require_own(redemption, grant)?;
    let scope = Scope::parse(&grant.scope.join(" ")).map_err(|_| TokenError::RefreshToken)?;
    let scope = scope.intersection(&redemption.client.scope);
    // What the client may have had at the time it must still have now.
    let settings = &redemption.server.settings;
    let may = |audience: &&String| {
        redemption.client.audiences_at(&settings.issuer).any(|own| own == *audience)
            || settings.resources.contains(audience)
    };
    let allowed = grant.audience.iter().filter(may);
    let details = GrantDetails::read(&grant.details).map_err(|_| TokenError::RefreshToken)?;
    let details =
        super::require_details(redemption.server, redemption.client, redemption.parameters, details)?;
    let scope = require_scope(redemption.parameters, &scope)?;
    // The person who signed in stays the same, and with it `auth_time`; `nonce` is not repeated (OIDC-12-01).
    let openid =
        scope.contains("openid").then(|| OpenIdGrant { session_id: grant.session_id.clone(), nonce: None });
    let granted = Granted {
        grant_id: Some(grant.grant_id.clone()),
        ends_at: Some(grant.expires_at),
        openid,
        details,
        ..Granted::token(grant.subject.clone(), scope, require_audience(redemption.parameters, allowed)?)
    };
    confirm_bound_key(redemption, grant)?;
    bind_if_due(redemption, grant).await?;
    Ok(granted)
}

fn require_own(redemption: &Redemption<'_>, grant: &GrantRecord) -> Result<(), TokenError> {
    if grant.client_id == redemption.authenticated.client_id() {
        return Ok(());
    }
    redemption.server.audit.record(AuditEvent::RefreshTokenOfAnotherClient {
        client_id: redemption.authenticated.client_id(),
        grant_id: &grant.grant_id,
    });
    Err(TokenError::RefreshToken)
}

/// The key that the grant is bound to is proven by this request (DPOP-5-05, -06, -11, MTLS-4-01). A
/// confidential client's grant is bound by its authentication instead, so its key may change (DPOP-5-08,
/// MTLS-4-03), unless the operator pinned it.
fn confirm_bound_key(redemption: &Redemption<'_>, grant: &GrantRecord) -> Result<(), TokenError> {
    let Some(cnf) = &grant.bound_to else { return Ok(()) };
    let bound = Confirmation::parse(Some(cnf)).map_err(|_| TokenError::RefreshTokenBinding)?;
    bound
        .confirm(redemption.binding.proven())
        .or_else(|_| refuse_binding(redemption, grant, "another_key", TokenError::RefreshTokenBinding))
}

/// A public client's grant without a key meets a proven key for the first time (DPOP-5-12).
async fn bind_if_due(redemption: &Redemption<'_>, grant: &GrantRecord) -> Result<(), TokenError> {
    if grant.bound_to.is_some() || !redemption.authenticated.is_public() {
        return Ok(());
    }
    let Some(cnf) = redemption.binding.confirmation().to_claim() else {
        return Ok(()); // The client's exception from sender constraint covers this; it rotates.
    };
    if redemption.client.unbound_refresh == UnboundRefresh::Reject {
        return refuse_binding(redemption, grant, "unbound", TokenError::RefreshTokenUnbound);
    }
    let outcome = redemption.server.store.bind_grant(&grant.grant_id, &cnf).await;
    match outcome.map_err(|error| unavailable("bind_grant", &error))? {
        GrantBinding::Bound => {
            let (client_id, grant_id) = (&grant.client_id, &grant.grant_id);
            redemption.server.audit.record(AuditEvent::GrantBoundToFirstKey {
                client_id,
                grant_id,
                cnf: &cnf,
            });
            Ok(())
        }
        GrantBinding::BoundBefore(before) if before == cnf => Ok(()),
        GrantBinding::BoundBefore(_) => {
            refuse_binding(redemption, grant, "another_key", TokenError::RefreshTokenBinding)
        }
    }
}

fn refuse_binding(
    redemption: &Redemption<'_>,
    grant: &GrantRecord,
    reason: &str,
    error: TokenError,
) -> Result<(), TokenError> {
    let (client_id, grant_id) = (&grant.client_id, &grant.grant_id);
    redemption.server.audit.record(AuditEvent::RefreshBindingRefused { client_id, grant_id, reason });
    Err(error)
}

/// Without rotation the token stays as it is, and the store is not written to.
async fn continue_with(
    redemption: &Redemption<'_>,
    granted: Granted,
    grant: &GrantRecord,
    digest: &Sha256Digest,
) -> Result<Granted, TokenError> {
    if !redemption.client.refresh_token_rotation {
        return Ok(granted);
    }
    let refresh_token = rotate(redemption, grant, digest).await?;
    Ok(Granted { refresh_token: Some(refresh_token), ..granted })
}

/// Spends `old` for a new token. Whoever comes second is refused, and the family lives on: within the grace
/// nobody can tell a thief from a client that asked twice.
async fn rotate(
    redemption: &Redemption<'_>,
    grant: &GrantRecord,
    old: &Sha256Digest,
) -> Result<Zeroizing<String>, TokenError> {
    let Redemption { server, now, .. } = redemption;
    let (token, record) = new_token(grant, *now)?;
    let outcome = server.store.rotate_refresh_token(old, &record, *now, server.settings.refresh_grace).await;
    match outcome.map_err(|error| unavailable("rotate_refresh_token", &error))? {
        Rotation::Rotated { .. } => Ok(token),
        Rotation::Refused(RefreshTokenState::Reused { grant }) => {
            end_family(redemption, &grant).await?;
            Err(TokenError::RefreshToken)
        }
        Rotation::Refused(_) => Err(TokenError::RefreshToken),
    }
}

/// RFC 9700 section 4.14.2: a spent token that comes back means that somebody has a copy.
async fn end_family(redemption: &Redemption<'_>, grant: &GrantRecord) -> Result<(), TokenError> {
    let (client_id, grant_id) = (&grant.client_id, &grant.grant_id);
    redemption.server.audit.record(AuditEvent::RefreshTokenReused { client_id, grant_id });
    let store = &redemption.server.store;
    store
        .revoke_grant(&grant.grant_id, redemption.now)
        .await
        .map_err(|error| unavailable("revoke_grant", &error))
}

/// A refresh token of 256 random bits for this grant, and its record.
pub(crate) fn new_token(
    grant: &GrantRecord,
    now: UnixTime,
) -> Result<(Zeroizing<String>, RefreshTokenRecord), TokenError> {
    let token = Zeroizing::new(random_token().map_err(|_| TokenError::Unavailable)?);
    let record = RefreshTokenRecord {
        token_sha256: AwsLc.sha256(&[token.as_bytes()]),
        grant_id: grant.grant_id.clone(),
        client_id: grant.client_id.clone(),
        issued_at: now,
        expires_at: grant.expires_at,
        spent_at: None,
        successor: None,
    };
    Ok((token, record))
}
