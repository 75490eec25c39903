//! The grant types, as one table: what the token endpoint reads, runs and advertises. A new one is a file
//! here and a line in `GRANTS`.

use std::future::Future;
use std::pin::Pin;

use bindery_core::client_auth::AuthenticatedClient;
use bindery_core::oauth::authorization_details;
use bindery_core::oauth::client_backchannel::CIBA_GRANT;
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::form::Form;
use bindery_core::oauth::polling::DEVICE_CODE_GRANT;
use bindery_core::oauth::scope::Scope;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::oauth::token_exchange::TOKEN_EXCHANGE_GRANT;
use bindery_core::oauth::token_request::GrantForm;
use bindery_core::time::UnixTime;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::binding::SenderBinding;
use crate::server::Server;
use details::GrantDetails;

mod authorization_code;
mod ciba;
mod client_credentials;
pub(crate) mod details;
mod device_code;
mod presence;
mod refresh_token;
mod token_exchange;

pub(crate) use presence::require_present;
pub(crate) use refresh_token::new_token;

/// What a grant may be turned into.
#[derive(Debug)]
#[must_use]
pub struct Granted {
    /// The stored grant, if there is one; tokens name it as `gid`.
    pub(crate) grant_id: Option<String>,
    /// `sub`.
    pub(crate) subject: String,
    /// What the token allows.
    pub(crate) scope: Scope,
    /// Whom it is for.
    pub(crate) audience: Vec<String>,
    /// When the grant ends; no token outlives it.
    pub(crate) ends_at: Option<UnixTime>,
    /// The refresh token to hand out, if it is a new one.
    pub(crate) refresh_token: Option<Zeroizing<String>>,
    /// How the person was authenticated and what was granted beyond scope and audience.
    pub(crate) details: GrantDetails,
    /// What the ID token says, where one is due.
    pub(crate) openid: Option<OpenIdGrant>,
    /// Further members of the response, such as `issued_token_type`.
    pub(crate) response: Map<String, Value>,
}

impl Granted {
    /// A token for `subject`, and nothing beside it.
    pub(crate) fn token(subject: String, scope: Scope, audience: Vec<String>) -> Self {
        Self {
            grant_id: None,
            subject,
            scope,
            audience,
            ends_at: None,
            refresh_token: None,
            details: GrantDetails::default(),
            openid: None,
            response: Map::new(),
        }
    }
}

/// What an ID token needs beside the grant's details.
#[derive(Debug)]
pub(crate) struct OpenIdGrant {
    /// `sid`.
    pub(crate) session_id: Option<String>,
    /// `nonce`: only at the code exchange (OIDC-12-01).
    pub(crate) nonce: Option<String>,
}

/// Everything that a grant is judged by.
pub(crate) struct Redemption<'a> {
    pub(crate) server: &'a Server,
    pub(crate) authenticated: &'a AuthenticatedClient,
    pub(crate) client: &'a ClientMetadata,
    pub(crate) binding: &'a SenderBinding,
    pub(crate) parameters: &'a Form,
    pub(crate) now: UnixTime,
}

/// What a request says before its proof is remembered.
#[derive(Clone, Copy)]
pub(crate) struct GrantRequest<'a> {
    pub(crate) server: &'a Server,
    pub(crate) authenticated: &'a AuthenticatedClient,
    pub(crate) client: &'a ClientMetadata,
    pub(crate) parameters: &'a Form,
    pub(crate) now: UnixTime,
}

type Holding<'a> = Pin<Box<dyn Future<Output = Result<(), TokenError>> + Send + 'a>>;
type Redeeming<'a> = Pin<Box<dyn Future<Output = Result<Granted, TokenError>> + Send + 'a>>;

struct Grant {
    form: GrantForm,
    /// Whether a public client holds what it wants to redeem.
    require_holder: for<'a> fn(GrantRequest<'a>) -> Holding<'a>,
    redeem: for<'a> fn(Redemption<'a>) -> Redeeming<'a>,
}

/// Every grant type.
static GRANTS: [Grant; 6] = [
    Grant {
        form: GrantForm {
            name: "authorization_code",
            parameters: &["code", "redirect_uri", "code_verifier", "resource", "authorization_details"],
        },
        require_holder: |request| Box::pin(authorization_code::require_holder(request)),
        redeem: |redemption| Box::pin(authorization_code::redeem(redemption)),
    },
    Grant {
        form: GrantForm { name: "client_credentials", parameters: &["scope", "resource"] },
        require_holder: |_| Box::pin(std::future::ready(Err(TokenError::UnauthorizedClient))),
        redeem: |redemption| Box::pin(client_credentials::redeem(redemption)),
    },
    Grant {
        form: GrantForm {
            name: "refresh_token",
            parameters: &["refresh_token", "scope", "resource", "authorization_details"],
        },
        require_holder: |request| Box::pin(refresh_token::require_holder(request)),
        redeem: |redemption| Box::pin(refresh_token::redeem(redemption)),
    },
    Grant {
        form: GrantForm { name: TOKEN_EXCHANGE_GRANT, parameters: &token_exchange::PARAMETERS },
        require_holder: |_| Box::pin(std::future::ready(Err(TokenError::UnauthorizedClient))),
        redeem: |redemption| Box::pin(token_exchange::redeem(redemption)),
    },
    Grant {
        form: GrantForm { name: DEVICE_CODE_GRANT, parameters: &device_code::PARAMETERS },
        require_holder: |request| Box::pin(device_code::require_holder(request)),
        redeem: |redemption| Box::pin(device_code::redeem(redemption)),
    },
    Grant {
        form: GrantForm { name: CIBA_GRANT, parameters: &ciba::PARAMETERS },
        require_holder: |_| Box::pin(std::future::ready(Err(TokenError::UnauthorizedClient))),
        redeem: |redemption| Box::pin(ciba::redeem(redemption)),
    },
];

/// What the parser accepts.
pub(crate) fn forms() -> [GrantForm; GRANTS.len()] {
    GRANTS.each_ref().map(|grant| grant.form)
}

/// The registered names, as metadata advertises them.
#[must_use]
pub fn names() -> Vec<&'static str> {
    GRANTS.iter().map(|grant| grant.form.name).collect()
}

/// A grant that the client may use and, being public, has shown something of. Nothing of it is spent.
#[must_use]
pub(crate) struct HeldGrant<'a> {
    grant: &'static Grant,
    request: GrantRequest<'a>,
}

/// Requires that the client may use the grant at `position` of the table at all, and of a public client that
/// it holds what it wants to redeem: a stranger who says its name must not fill the replay memory.
///
/// # Errors
/// [`TokenError`]; nothing was spent.
pub(crate) async fn require_holder(
    position: usize,
    request: GrantRequest<'_>,
) -> Result<HeldGrant<'_>, TokenError> {
    let grant = GRANTS.get(position).ok_or(TokenError::UnsupportedGrantType)?;
    if !request.client.grant_types.iter().any(|allowed| allowed == grant.form.name) {
        return Err(TokenError::UnauthorizedClient);
    }
    if request.authenticated.is_public() {
        (grant.require_holder)(request).await?;
    }
    Ok(HeldGrant { grant, request })
}

impl HeldGrant<'_> {
    /// The name of its grant type.
    pub(crate) const fn grant_type(&self) -> &'static str {
        self.grant.form.name
    }

    /// Redeems it for what `binding` proves.
    ///
    /// # Errors
    /// [`TokenError`]; nothing was issued.
    pub(crate) async fn redeem(self, binding: &SenderBinding) -> Result<Granted, TokenError> {
        let GrantRequest { server, authenticated, client, parameters, now } = self.request;
        (self.grant.redeem)(Redemption { server, authenticated, client, binding, parameters, now }).await
    }
}

/// The scope asked for, within `allowed`; all of it when nothing is asked (RFC 6749 section 3.3).
fn require_scope(parameters: &Form, allowed: &Scope) -> Result<Scope, TokenError> {
    match parameters.get("scope") {
        None => Ok(allowed.clone()),
        Some(text) => {
            let asked = Scope::parse(text).map_err(|_| TokenError::Scope)?;
            asked.require_within(allowed).map_err(|_| TokenError::Scope)?;
            Ok(asked)
        }
    }
}

/// The authorization details asked for, within those that were granted; all of them when nothing is asked (RFC 9396
/// section 6).
pub(crate) fn require_details(
    server: &Server,
    client: &ClientMetadata,
    parameters: &Form,
    mut granted: GrantDetails,
) -> Result<GrantDetails, TokenError> {
    if let Some(text) = parameters.get("authorization_details") {
        let registered = &client.authorization.authorization_details_types;
        let asked = authorization_details::parse(text, &server.settings.detail_types, registered);
        let asked = asked.map_err(|_| TokenError::AuthorizationDetails)?;
        authorization_details::require_within(&asked, &granted.authorization_details)
            .map_err(|_| TokenError::AuthorizationDetails)?;
        granted.authorization_details = asked;
    }
    Ok(granted)
}

/// The resource servers that a grant is for: those that were asked for, or the client's; for a client that only
/// signs people in, our own userinfo endpoint.
pub(crate) fn audience_of(server: &Server, client: &ClientMetadata, asked: &[String]) -> Vec<String> {
    match asked {
        [] if client.audiences.is_empty() => vec![server.settings.issuer.clone()],
        [] => client.audiences.clone(),
        resources => resources.to_vec(),
    }
}

/// One audience per token (AT68-3-01): the one asked for (RFC 8707), or the first that is allowed.
pub(crate) fn require_audience<'a>(
    parameters: &Form,
    allowed: impl IntoIterator<Item = &'a String>,
) -> Result<Vec<String>, TokenError> {
    let mut allowed = allowed.into_iter();
    let found = match parameters.get("resource") {
        None => allowed.next(),
        Some(asked) => allowed.find(|audience| *audience == asked),
    };
    found.map(|audience| vec![audience.clone()]).ok_or(TokenError::Target)
}
