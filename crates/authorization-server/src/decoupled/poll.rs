//! A poll: the client asks whether the person has answered. Nothing about a request is told to another client or
//! to another key, and the tokens of one answer are given once.

use bindery_core::oauth::polling::{PollRefused, SLOW_DOWN};
use bindery_core::oauth::scope::Scope;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::token::confirmation::Confirmation;
use bindery_store::authorization::{PendingUpdate, Spending};
use bindery_store::record::{GrantRecord, PendingKind, PendingRecord};

use super::{Allowed, Answer, DecoupledRequest, digest};
use crate::event::AuditEvent;
use crate::grant::{
    GrantRequest, Granted, OpenIdGrant, Redemption, audience_of, new_token, require_audience,
    require_details, require_present,
};
use crate::server::unavailable;

/// The longest code that is looked up, in bytes.
const MAXIMUM_CODE: usize = 256;

/// The code that a parameter holds is one of ours, and this client's.
///
/// # Errors
/// [`TokenError`] otherwise.
pub(crate) async fn require_holder(
    request: GrantRequest<'_>,
    kind: PendingKind,
    parameter: &'static str,
) -> Result<(), TokenError> {
    let record = find(&request, kind, parameter).await?;
    match record.client_id.as_deref() == Some(request.authenticated.client_id()) {
        true => Ok(()),
        false => Err(TokenError::Poll(PollRefused::Unknown)),
    }
}

async fn find(
    request: &GrantRequest<'_>,
    kind: PendingKind,
    parameter: &'static str,
) -> Result<PendingRecord, TokenError> {
    let code = request.parameters.get(parameter).ok_or(TokenError::ParameterMissing(parameter))?;
    if code.len() > MAXIMUM_CODE {
        return Err(TokenError::Poll(PollRefused::Unknown));
    }
    let found = request.server.store.find_pending(kind, &digest(code)).await;
    found.map_err(|error| unavailable("find_pending", &error))?.ok_or(TokenError::Poll(PollRefused::Unknown))
}

/// Gives the tokens, or says why there are none.
///
/// # Errors
/// [`TokenError::Poll`]; nothing was issued.
pub(crate) async fn redeem(
    redemption: Redemption<'_>,
    kind: PendingKind,
    parameter: &'static str,
) -> Result<Granted, TokenError> {
    let Redemption { server, authenticated, client, parameters, now, .. } = redemption;
    let asked = GrantRequest { server, authenticated, client, parameters, now };
    let record = find(&asked, kind, parameter).await?;
    let unknown = TokenError::Poll(PollRefused::Unknown);
    let mut request = DecoupledRequest::read(&record).ok_or(TokenError::Unavailable)?;
    if request.client_id != authenticated.client_id() {
        server.audit.record(AuditEvent::PollOfAnotherClient {
            client_id: authenticated.client_id(),
            kind: kind.as_str(),
        });
        return Err(unknown);
    }
    bind(&redemption, kind, &mut request)?;
    if record.spent_at.is_some() {
        return Err(unknown);
    }
    if now >= record.expires_at {
        return Err(TokenError::Poll(PollRefused::Expired));
    }
    match &request.answer {
        Answer::Open => wait(&redemption, &record, request).await,
        Answer::Denied => {
            let spent = server.store.spend_pending(kind, &record.key_sha256, now).await;
            match spent.map_err(|error| unavailable("spend_pending", &error))? {
                Spending::Spent(_) | Spending::SpentBefore(_) => Err(TokenError::Poll(PollRefused::Denied)),
                Spending::Expired(_) => Err(TokenError::Poll(PollRefused::Expired)),
                Spending::Unknown => Err(unknown),
            }
        }
        Answer::Allowed(allowed) => hand_out(&redemption, &record, &request, allowed).await,
    }
}

/// The first key binds; another one is a thief's (DEV-X-01). What follows writes the binding down. A client that
/// must prove more than what it began with still does: what binds the tokens is judged apart from this.
fn bind(
    redemption: &Redemption<'_>,
    kind: PendingKind,
    request: &mut DecoupledRequest,
) -> Result<(), TokenError> {
    let Some(bound) = &request.bound_to else {
        request.bound_to = redemption.binding.confirmation().to_claim();
        return Ok(());
    };
    let bound = Confirmation::parse(Some(bound)).map_err(|_| TokenError::Unavailable)?;
    bound.confirm(redemption.binding.proven()).map_err(|_| {
        redemption.server.audit.record(AuditEvent::PollOfAnotherKey {
            client_id: redemption.authenticated.client_id(),
            kind: kind.as_str(),
        });
        TokenError::Poll(PollRefused::AnotherKey)
    })
}

/// RFC 8628 section 3.5: too soon costs five seconds more, from now on.
async fn wait(
    redemption: &Redemption<'_>,
    record: &PendingRecord,
    mut request: DecoupledRequest,
) -> Result<Granted, TokenError> {
    let Redemption { server, now, .. } = redemption;
    let too_soon = now.as_seconds() < request.next_poll;
    if too_soon {
        request.interval = request.interval.saturating_add(SLOW_DOWN);
    }
    let interval = i64::try_from(request.interval).unwrap_or(i64::MAX);
    request.next_poll = now.as_seconds().saturating_add(interval);
    let payload = request.to_value().ok_or(TokenError::Unavailable)?;
    let PendingRecord { kind, key_sha256, revision, .. } = record;
    let updated = server.store.update_pending(*kind, key_sha256, *revision, &payload, *now).await;
    Err(TokenError::Poll(match updated.map_err(|error| unavailable("update_pending", &error))? {
        PendingUpdate::Updated { .. } if too_soon => PollRefused::TooSoon,
        PendingUpdate::Updated { .. } => PollRefused::Pending,
        // Two polls at once, or one in the moment of the answer: the next one hears it.
        PendingUpdate::Stale => PollRefused::TooSoon,
        PendingUpdate::Over => PollRefused::Expired,
    }))
}

async fn hand_out(
    redemption: &Redemption<'_>,
    record: &PendingRecord,
    request: &DecoupledRequest,
    allowed: &Allowed,
) -> Result<Granted, TokenError> {
    let Redemption { server, client, parameters, now, .. } = redemption;
    let grant = grant_record(redemption, request, allowed);
    let audience = require_audience(parameters, &grant.audience)?;
    let details = require_details(server, client, parameters, allowed.details.clone())?;
    let refreshes = client.grant_types.iter().any(|grant| grant == "refresh_token");
    let (refresh_token, token) = match refreshes.then(|| new_token(&grant, *now)).transpose()? {
        Some((text, token)) => (Some(text), Some(token)),
        None => (None, None),
    };
    let PendingRecord { kind, key_sha256, .. } = record;
    let spent = server.store.redeem_pending(*kind, key_sha256, *now, &grant, token.as_ref()).await;
    match spent.map_err(|error| unavailable("redeem_pending", &error))? {
        Spending::Spent(_) => {}
        Spending::Expired(_) => return Err(TokenError::Poll(PollRefused::Expired)),
        Spending::SpentBefore(_) | Spending::Unknown => return Err(TokenError::Poll(PollRefused::Unknown)),
    }
    require_present(server, &grant, TokenError::Poll(PollRefused::Denied), *now).await?;
    let scope = Scope::parse(&allowed.scope.join(" ")).map_err(|_| TokenError::Unavailable)?;
    let openid =
        scope.contains("openid").then(|| OpenIdGrant { session_id: allowed.session_id.clone(), nonce: None });
    Ok(Granted {
        grant_id: Some(grant.grant_id),
        ends_at: Some(grant.expires_at),
        refresh_token,
        openid,
        details,
        ..Granted::token(allowed.subject.clone(), scope, audience)
    })
}

/// A public client's grant is bound to the key that is proven now (DPOP-5-05).
fn grant_record(redemption: &Redemption<'_>, request: &DecoupledRequest, allowed: &Allowed) -> GrantRecord {
    let Redemption { server, authenticated, client, binding, now, .. } = redemption;
    let bound_to = match authenticated.is_public() {
        true => binding.confirmation().to_claim(),
        false => None,
    };
    let audience = audience_of(server, client, &request.ask.resources);
    GrantRecord {
        grant_id: allowed.grant_id.clone(),
        client_id: request.client_id.clone(),
        subject: allowed.subject.clone(),
        scope: allowed.scope.clone(),
        audience,
        bound_to,
        session_id: allowed.session_id.clone(),
        details: allowed.details.to_value(),
        created_at: *now,
        expires_at: now.plus(server.settings.refresh_token_lifetime),
        revoked_at: None,
    }
}
