//! The authorization code grant (RFC 6749 section 4.1.3, RFC 7636, RFC 9449 section 10): a code is worth
//! something once, to the client it was issued to, with the redirect URI, the verifier and the key that its
//! request named. A code that comes back ends the grant that it made (RFC 9700 section 4.5, OIDC-3.1.3-01).

use bindery_core::oauth::form::Form;
use bindery_core::oauth::pkce::verify_code_verifier;
use bindery_core::oauth::scope::Scope;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::time::UnixTime;
use bindery_crypto::AwsLc;
use bindery_store::authorization::Spending;
use bindery_store::record::GrantRecord;
use bindery_store::record::{PendingKind, PendingRecord};

use super::{GrantRequest, Granted, OpenIdGrant, Redemption, new_token};
use crate::authorization::code::{self, CodeRecord};
use crate::event::AuditEvent;
use crate::server::{Server, unavailable};

/// The longest code that is looked up, in bytes.
const MAXIMUM_CODE: usize = 256;

/// The code is one of ours, and this client's; what it is worth is judged when it is redeemed.
pub(super) async fn require_holder(request: GrantRequest<'_>) -> Result<(), TokenError> {
    let record = find(request.server, request.parameters).await?;
    match record.client_id.as_deref() == Some(request.authenticated.client_id()) {
        true => Ok(()),
        false => Err(TokenError::AuthorizationCode),
    }
}

async fn find(server: &Server, parameters: &Form) -> Result<PendingRecord, TokenError> {
    let code = parameters.get("code").ok_or(TokenError::ParameterMissing("code"))?;
    if code.len() > MAXIMUM_CODE {
        return Err(TokenError::AuthorizationCode);
    }
    let found = server.store.find_pending(PendingKind::AuthorizationCode, &code::digest(code)).await;
    found.map_err(|error| unavailable("find_pending", &error))?.ok_or(TokenError::AuthorizationCode)
}

pub(super) async fn redeem(redemption: Redemption<'_>) -> Result<Granted, TokenError> {
    let Redemption { server, authenticated, client, parameters, now, .. } = redemption;
    let record = find(server, parameters).await?;
    let code = CodeRecord::read(&record.payload).ok_or(TokenError::AuthorizationCode)?;
    // Only the client that could have used it ends anything by it: a stranger's guess changes nothing.
    if code.client_id != authenticated.client_id() {
        server.audit.record(AuditEvent::CodeOfAnotherClient {
            client_id: authenticated.client_id(),
            grant_id: &code.grant_id,
        });
        return Err(TokenError::AuthorizationCode);
    }
    if record.spent_at.is_some() {
        // The name of a public client is everybody's: only who knows more of the request than the code, which
        // stands in histories and logs, ends the grant (AMB-29).
        if authenticated.is_public() {
            confirm(&redemption, &code)?;
        }
        return end_reused(server, &code, now).await;
    }
    if now >= record.expires_at {
        return Err(TokenError::AuthorizationCode);
    }
    confirm(&redemption, &code)?;
    let grant = grant_record(&redemption, &code)?;
    let audience = super::require_audience(parameters, &grant.audience)?;
    let details = super::require_details(server, client, parameters, code.details.clone())?;
    let refreshes = client.grant_types.iter().any(|grant| grant == "refresh_token");
    let (refresh_token, token) = match refreshes.then(|| new_token(&grant, now)).transpose()? {
        Some((text, token)) => (Some(text), Some(token)),
        None => (None, None),
    };
    let spent = server
        .store
        .redeem_pending(PendingKind::AuthorizationCode, &record.key_sha256, now, &grant, token.as_ref())
        .await;
    match spent.map_err(|error| unavailable("redeem_pending", &error))? {
        Spending::Spent(_) => {}
        // Of two at once one wins; the other may be a thief, and nobody can tell which.
        Spending::SpentBefore(_) => return end_reused(server, &code, now).await,
        Spending::Expired(_) | Spending::Unknown => return Err(TokenError::AuthorizationCode),
    }
    super::require_present(server, &grant, TokenError::AuthorizationCode, now).await?;
    let scope = Scope::parse(&code.scope.join(" ")).map_err(|_| TokenError::AuthorizationCode)?;
    let openid = scope
        .contains("openid")
        .then(|| OpenIdGrant { session_id: code.session_id.clone(), nonce: code.details.nonce.clone() });
    Ok(Granted {
        grant_id: Some(code.grant_id),
        ends_at: Some(grant.expires_at),
        refresh_token,
        openid,
        details,
        ..Granted::token(code.subject, scope, audience)
    })
}

/// RFC 6749 section 4.1.3, RFC 7636 section 4.6, DPOP-10-02 and -03.
fn confirm(redemption: &Redemption<'_>, code: &CodeRecord) -> Result<(), TokenError> {
    let Redemption { server, parameters, .. } = redemption;
    match parameters.get("redirect_uri") {
        Some(uri) if uri != code.redirect_uri => return refuse(server, code, "redirect_uri"),
        // OAuth 2.1 section 10.2: the verifier does what the repetition was for.
        None if code.redirect_uri_given && code.code_challenge.is_none() => {
            return refuse(server, code, "redirect_uri_missing");
        }
        _ => {}
    }
    match (&code.code_challenge, parameters.get("code_verifier")) {
        (Some(challenge), Some(verifier)) => {
            if verify_code_verifier(challenge, verifier, &AwsLc).is_err() {
                return refuse(server, code, "code_verifier");
            }
        }
        (Some(_), None) => return refuse(server, code, "code_verifier_missing"),
        // A verifier without a challenge: the challenge was taken out on the way (RFC 9700 section 4.8.2).
        (None, Some(_)) => return refuse(server, code, "code_challenge_missing"),
        (None, None) => {}
    }
    if let Some(jkt) = &code.dpop_jkt {
        let proven = redemption.binding.proven().dpop.map(|proven| proven.to_string());
        if proven.as_ref() != Some(jkt) {
            return refuse(server, code, "dpop_jkt");
        }
    }
    Ok(())
}

fn refuse(server: &Server, code: &CodeRecord, reason: &'static str) -> Result<(), TokenError> {
    let (client_id, grant_id) = (code.client_id.as_str(), code.grant_id.as_str());
    server.audit.record(AuditEvent::CodeRefused { client_id, grant_id, reason });
    Err(TokenError::AuthorizationCode)
}

/// The grant that the code makes. A public client's is bound to the key that is proven now (DPOP-5-05).
fn grant_record(redemption: &Redemption<'_>, code: &CodeRecord) -> Result<GrantRecord, TokenError> {
    let bound_to = match redemption.authenticated.is_public() {
        true => redemption.binding.confirmation().to_claim(),
        false => None,
    };
    let audience = super::audience_of(redemption.server, redemption.client, &code.resources);
    Ok(GrantRecord {
        grant_id: code.grant_id.clone(),
        client_id: code.client_id.clone(),
        subject: code.subject.clone(),
        scope: code.scope.clone(),
        audience,
        bound_to,
        session_id: code.session_id.clone(),
        details: code.details.to_value(),
        created_at: redemption.now,
        expires_at: redemption.now.plus(redemption.server.settings.refresh_token_lifetime),
        revoked_at: None,
    })
}

async fn end_reused(server: &Server, code: &CodeRecord, now: UnixTime) -> Result<Granted, TokenError> {
    let (client_id, grant_id) = (code.client_id.as_str(), code.grant_id.as_str());
    server.audit.record(AuditEvent::CodeReused { client_id, grant_id });
    match server.store.revoke_grant(&code.grant_id, now).await {
        Ok(()) | Err(bindery_store::StoreError::Unknown { .. }) => Err(TokenError::AuthorizationCode),
        Err(error) => Err(unavailable("revoke_grant", &error)),
    }
}
