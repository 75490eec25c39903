//! Mints access tokens: JWTs by RFC 9068, or opaque references of 256 random bits. The binding is taken by
//! value and used up; what it confirms goes into the token, and from the same value follows `token_type`.

use bindery_core::client_auth::AuthenticatedClient;
use bindery_core::crypto::Cryptography as _;
use bindery_core::oauth::client_metadata::{AccessTokenFormat, ClientMetadata};
use bindery_core::oauth::sender_constraint::SenderConstraint;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::oauth::token_response::TokenResponse;
use bindery_core::time::UnixTime;
use bindery_core::token::confirmation::Confirmation;
use bindery_crypto::{AwsLc, random_identifier, random_token};
use bindery_store::record::AccessTokenRecord;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::binding::SenderBinding;
use crate::event::{AuditEvent, Shown, Words, binding_name};
use crate::grant::Granted;
use crate::server::{Server, unavailable};
use crate::{id_token, subject};

/// `typ` of a JWT access token (RFC 9068 section 2.1).
const ACCESS_TOKEN: &str = "at+jwt";

/// Mints the token that `granted` allows, bound to what `binding` proves.
///
/// # Errors
/// [`TokenError::Unavailable`] when the key, the random source or the store fails; nothing was issued.
pub(crate) async fn mint(
    server: &Server,
    grant_type: &'static str,
    granted: Granted,
    binding: SenderBinding,
    authenticated: &AuthenticatedClient,
    client: &ClientMetadata,
    now: UnixTime,
) -> Result<TokenResponse, TokenError> {
    let confirmation = binding.confirmation();
    let lifetime = server.settings.access_token_lifetime;
    let expires_at = expiry(now.plus(lifetime), &granted, &confirmation, client);
    let identifier = random_identifier().map_err(|_| TokenError::Unavailable)?;
    let subject = subject::for_client(server, client, &granted.subject);
    let token = Minting {
        server,
        granted: &granted,
        subject: &subject,
        confirmation,
        client,
        identifier: &identifier,
        now,
        expires_at,
    };
    let access_token = match client.access_token_format {
        AccessTokenFormat::Jwt => token.jwt()?,
        AccessTokenFormat::Opaque => token.opaque().await?,
    };
    report(server, grant_type, &granted, &confirmation, authenticated, &identifier);
    let id_token = match &granted.openid {
        Some(openid) => id_token::issue(server, client, &granted, openid, &access_token, now).await?,
        None => None,
    };
    let mut further = granted.response;
    if !granted.details.authorization_details.is_empty() {
        further.insert("authorization_details".into(), granted.details.authorization_details.into());
    }
    Ok(TokenResponse {
        access_token,
        confirmation,
        expires_in: u64::try_from(expires_at.seconds_since(now)).unwrap_or(0),
        scope: granted.scope,
        refresh_token: granted.refresh_token,
        id_token,
        further,
    })
}

fn report(
    server: &Server,
    grant_type: &'static str,
    granted: &Granted,
    confirmation: &Confirmation,
    authenticated: &AuthenticatedClient,
    jti: &str,
) {
    let client_id = authenticated.client_id();
    let (dpop, mtls) = (confirmation.dpop(), confirmation.mtls());
    server.audit.record(AuditEvent::TokenIssued {
        client_id,
        subject: &granted.subject,
        grant_type,
        method: authenticated.method().name(),
        binding: binding_name(confirmation),
        jkt: dpop.as_ref().map(|jkt| jkt as Shown<'_>),
        x5t: mtls.as_ref().map(|x5t| x5t as Shown<'_>),
        grant_id: granted.grant_id.as_deref(),
        jti,
        audience: &Words(&granted.audience),
        scope: &granted.scope,
    });
    if *confirmation == Confirmation::Unbound {
        server.audit.record(AuditEvent::BearerTokenIssued { client_id, jti });
    }
}

struct Minting<'a> {
    server: &'a Server,
    granted: &'a Granted,
    /// `sub`, as this client knows the person.
    subject: &'a str,
    confirmation: Confirmation,
    client: &'a ClientMetadata,
    identifier: &'a str,
    now: UnixTime,
    expires_at: UnixTime,
}

impl Minting<'_> {
    /// RFC 9068 section 2.2, with `cnf` (RFC 7800) and `gid`, by which revoking a grant reaches its tokens.
    fn jwt(&self) -> Result<Zeroizing<String>, TokenError> {
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| claims.insert(name.into(), value);
        put("iss", self.server.settings.issuer.clone().into());
        put("sub", self.subject.to_owned().into());
        put("client_id", self.client.client_id.clone().into());
        put(
            "aud",
            match self.granted.audience.as_slice() {
                [one] => json!(one),
                several => json!(several),
            },
        );
        put("iat", self.now.as_seconds().into());
        put("exp", self.expires_at.as_seconds().into());
        put("jti", self.identifier.into());
        if !self.granted.scope.is_empty() {
            put("scope", self.granted.scope.to_string().into());
        }
        if let Some(cnf) = self.confirmation.to_claim() {
            put("cnf", cnf);
        }
        if let Some(grant_id) = &self.granted.grant_id {
            put("gid", grant_id.clone().into());
        }
        claims.extend(self.granted.details.access_token_claims());
        let keys = self.server.signing_keys.current();
        keys.sign_as(None, Some(ACCESS_TOKEN), &claims).map(Zeroizing::new).map_err(|_| {
            AuditEvent::SigningFailed {}.trace();
            TokenError::Unavailable
        })
    }

    async fn opaque(&self) -> Result<Zeroizing<String>, TokenError> {
        let token = Zeroizing::new(random_token().map_err(|_| TokenError::Unavailable)?);
        let record = AccessTokenRecord {
            token_sha256: AwsLc.sha256(&[token.as_bytes()]),
            jti: self.identifier.into(),
            grant_id: self.granted.grant_id.clone(),
            client_id: self.client.client_id.clone(),
            subject: self.subject.to_owned(),
            scope: self.granted.scope.iter().map(Into::into).collect(),
            audience: self.granted.audience.clone(),
            confirmation: self.confirmation.to_claim(),
            issued_at: self.now,
            expires_at: self.expires_at,
            claims: self.granted.details.access_token_claims().into(),
        };
        let stored = self.server.store.insert_access_token(&record).await;
        stored.map_err(|error| unavailable("insert_access_token", &error))?;
        Ok(token)
    }
}

/// No token outlives its grant, and no bearer token the exception that allows it.
fn expiry(
    expires_at: UnixTime,
    granted: &Granted,
    confirmation: &Confirmation,
    client: &ClientMetadata,
) -> UnixTime {
    let exception_ends = match (confirmation, &client.sender_constraint) {
        (Confirmation::Unbound, SenderConstraint::None(exception)) => Some(exception.until),
        _ => None,
    };
    [granted.ends_at, exception_ends].into_iter().flatten().fold(expires_at, UnixTime::min)
}
