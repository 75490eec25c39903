//! Finds out what a token that comes back is: one of our JWTs, an opaque access token, a refresh token, or
//! nothing. Introspection and revocation ask here, so both know the same tokens, whatever the hint
//! (INT-2-02). JWTs are verified by the same code as at a resource server; every revocation counts
//! (INT-2-04).

use std::time::Duration;

use bindery_core::crypto::{Cryptography as _, Sha256Digest};
use bindery_core::encoding::{base64url, json};
use bindery_core::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use bindery_core::jose::jws::CompactJws;
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::introspection::ActiveToken;
use bindery_core::oauth::scope::Scope;
use bindery_core::oauth::sender_constraint::ProvenKeys;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::time::UnixTime;
use bindery_core::token::access_token::{
    MAXIMUM_TOKEN, TrustedIssuer, UnverifiedAccessToken, VerifiedAccessToken,
};
use bindery_core::token::confirmation::Confirmation;
use bindery_crypto::AwsLc;
use bindery_store::authorization::{RefreshTokenState, Revocation};
use serde_json::{Map, Value};

use crate::server::{Server, unavailable};
use crate::subject;

/// A live token of ours.
pub(crate) struct IssuedToken {
    pub(crate) kind: TokenKind,
    pub(crate) token: ActiveToken,
    /// The grant that it belongs to.
    pub(crate) grant_id: Option<String>,
}

/// Which kind, with what revoking it needs.
pub(crate) enum TokenKind {
    Jwt { identifier: String },
    Opaque { digest: Sha256Digest },
    Refresh { grant_id: String },
}

/// The token behind `text`, if it is one of ours and nobody has ended it. Whether it is worth anything now is for
/// [`find`] to say: a token whose key is blocked can still be revoked.
///
/// # Errors
/// [`TokenError::Unavailable`] when the store can't be asked.
pub(crate) async fn find_unended(
    server: &Server,
    text: &str,
    now: UnixTime,
) -> Result<Option<IssuedToken>, TokenError> {
    if text.bytes().filter(|byte| *byte == b'.').count() == 2 {
        return find_jwt(server, text, now).await;
    }
    let digest = AwsLc.sha256(&[text.as_bytes()]);
    match find_opaque(server, digest, now).await? {
        Some(token) => Ok(Some(token)),
        None => find_refresh(server, &digest, now).await,
    }
}

/// The live token behind `text`, if it is one of ours.
///
/// # Errors
/// [`TokenError::Unavailable`] when the store can't be asked.
pub(crate) async fn find(
    server: &Server,
    text: &str,
    now: UnixTime,
) -> Result<Option<IssuedToken>, TokenError> {
    let Some(mut found) = find_unended(server, text, now).await? else { return Ok(None) };
    // A disabled client's tokens are dead, also where its record is not in the store.
    let client = server.clients.find(&found.token.client_id).await;
    let client = client.map_err(|error| unavailable("find_client", &error))?;
    let Some(client) = client.filter(|client| !client.disabled) else { return Ok(None) };
    let token = &mut found.token;
    if token.refresh {
        // Its grant knows the person by our own name; an access token was made with the client's (section 8).
        token.subject = subject::for_client(server, &client.metadata, &token.subject).into_owned();
    }
    if server.blocked_keys.require_unblocked_confirmation(&token.confirmation).is_err() {
        return Ok(None);
    }
    if !token.refresh && token.confirmation == Confirmation::Unbound {
        return Ok(require_exception(&client.metadata, now).is_ok().then_some(found));
    }
    Ok(Some(found))
}

/// A token without `cnf` is live only while its client's exception lasts: one that was shortened or ended
/// after the token was issued ends the token too.
///
/// # Errors
/// [`TokenError`] when bearer tokens of this client are not live any more.
pub(crate) fn require_exception(client: &ClientMetadata, now: UnixTime) -> Result<(), TokenError> {
    client.sender_constraint.require(ProvenKeys::default(), now).map(|_| ())
}

async fn find_jwt(server: &Server, text: &str, now: UnixTime) -> Result<Option<IssuedToken>, TokenError> {
    let Some(verified) = verify_jwt(server, text, now) else { return Ok(None) };
    let (Some(identifier), Some(client_id), Some(subject)) =
        (verified.identifier(), verified.client_id(), verified.subject())
    else {
        return Ok(None);
    };
    let grant_id = verified.claim("gid").and_then(Value::as_str);
    let revocation = server.store.find_revocation(identifier, grant_id).await;
    match revocation.map_err(|error| unavailable("find_revocation", &error))? {
        Revocation::NotRevoked => {}
        Revocation::Token | Revocation::Grant => return Ok(None),
    }
    let token = ActiveToken {
        issuer: server.settings.issuer.clone(),
        client_id: client_id.into(),
        subject: subject.into(),
        audience: audience(verified.claim("aud")),
        scope: Scope::parse(verified.scope()).unwrap_or_default(),
        issued_at: UnixTime::from_seconds(verified.claim("iat").and_then(Value::as_i64).unwrap_or_default()),
        expires_at: verified.expires_at(),
        identifier: Some(identifier.into()),
        confirmation: verified.confirmation(),
        refresh: false,
        further: further(|name| verified.claim(name)),
    };
    Ok(Some(IssuedToken {
        kind: TokenKind::Jwt { identifier: identifier.into() },
        token,
        grant_id: grant_id.map(Into::into),
    }))
}

/// Our own signature, type and times. The audience is the token's own: it is judged against the caller.
fn verify_jwt(server: &Server, text: &str, now: UnixTime) -> Option<VerifiedAccessToken> {
    let jws = CompactJws::split(text, MAXIMUM_TOKEN).ok()?;
    let claims = json::parse_object(&base64url::decode(jws.payload).ok()?).ok()?;
    let issuers = [TrustedIssuer {
        issuer: server.settings.issuer.clone(),
        audiences: audience(claims.get("aud")),
        // Whatever a published key of ours signs with, also one that signs no more: guards still accept it.
        algorithms: AlgorithmSet::of(&SignatureAlgorithm::ALL),
        clock_skew: Duration::from_secs(5),
    }];
    let digest = AwsLc.sha256(&[text.as_bytes()]);
    let (unverified, issuer) = UnverifiedAccessToken::parse(text, digest, &issuers).ok()?;
    let signing_keys = server.signing_keys.current();
    let keys = signing_keys.public_keys();
    let key_id = unverified.key_id().map(str::to_owned);
    let candidates = keys.candidates(key_id.as_deref(), unverified.algorithm());
    unverified.verify(candidates, issuer, now, &AwsLc).ok()
}

/// The live opaque token of that digest.
///
/// # Errors
/// [`TokenError::Unavailable`] when the store can't be asked.
pub(crate) async fn find_opaque(
    server: &Server,
    digest: Sha256Digest,
    now: UnixTime,
) -> Result<Option<IssuedToken>, TokenError> {
    let found = server.store.find_access_token(&digest, now).await;
    let Some(record) = found.map_err(|error| unavailable("find_access_token", &error))? else {
        return Ok(None);
    };
    // A confirmation that can't be read must not make the token look unbound.
    let Ok(confirmation) = Confirmation::parse(record.confirmation.as_ref()) else { return Ok(None) };
    let token = ActiveToken {
        issuer: server.settings.issuer.clone(),
        client_id: record.client_id,
        subject: record.subject,
        audience: record.audience,
        scope: Scope::parse(&record.scope.join(" ")).unwrap_or_default(),
        issued_at: record.issued_at,
        expires_at: record.expires_at,
        identifier: Some(record.jti),
        confirmation,
        refresh: false,
        further: further(|name| record.claims.get(name)),
    };
    Ok(Some(IssuedToken { kind: TokenKind::Opaque { digest }, token, grant_id: record.grant_id }))
}

async fn find_refresh(
    server: &Server,
    digest: &Sha256Digest,
    now: UnixTime,
) -> Result<Option<IssuedToken>, TokenError> {
    let state = server.store.find_refresh_token(digest, now, server.settings.refresh_grace).await;
    let (token, grant) = match state.map_err(|error| unavailable("find_refresh_token", &error))? {
        RefreshTokenState::Live { token, grant } => (token, grant),
        RefreshTokenState::SpentWithinGrace { .. }
        | RefreshTokenState::Reused { .. }
        | RefreshTokenState::Ended
        | RefreshTokenState::Unknown => return Ok(None),
    };
    let Ok(confirmation) = Confirmation::parse(grant.bound_to.as_ref()) else { return Ok(None) };
    let active = ActiveToken {
        issuer: server.settings.issuer.clone(),
        client_id: grant.client_id,
        subject: grant.subject,
        audience: grant.audience,
        scope: Scope::parse(&grant.scope.join(" ")).unwrap_or_default(),
        issued_at: token.issued_at,
        expires_at: token.expires_at,
        identifier: None,
        confirmation,
        refresh: true,
        further: Map::new(),
    };
    let kind = TokenKind::Refresh { grant_id: grant.grant_id.clone() };
    Ok(Some(IssuedToken { kind, token: active, grant_id: Some(grant.grant_id) }))
}

fn further<'t>(claim: impl Fn(&str) -> Option<&'t Value>) -> Map<String, Value> {
    let named = ActiveToken::FURTHER.iter();
    named.filter_map(|name| Some(((*name).to_owned(), claim(name)?.clone()))).collect()
}

/// The audiences that a claim `aud` names.
pub(crate) fn audience(claim: Option<&Value>) -> Vec<String> {
    match claim {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(Into::into).collect(),
        _ => Vec::new(),
    }
}
