//! The grant types, as one table: what the token endpoint reads, runs and advertises. A new one is a file
//! here and a line in `GRANTS`.

use std::future::Future;
use std::pin::Pin;

use bindery_core::client_auth::AuthenticatedClient;
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::form::Form;
use bindery_core::oauth::scope::Scope;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::oauth::token_request::GrantForm;
use bindery_core::time::UnixTime;
use zeroize::Zeroizing;

use crate::binding::SenderBinding;
use crate::server::Server;

mod client_credentials;
mod refresh_token;

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

type Redeeming<'a> = Pin<Box<dyn Future<Output = Result<Granted, TokenError>> + Send + 'a>>;

struct Grant {
    form: GrantForm,
    redeem: for<'a> fn(Redemption<'a>) -> Redeeming<'a>,
}

/// Every grant type.
const GRANTS: [Grant; 2] = [
    Grant {
        form: GrantForm { name: "client_credentials", parameters: &["scope", "resource"] },
        redeem: |redemption| Box::pin(client_credentials::redeem(redemption)),
    },
    Grant {
        form: GrantForm { name: "refresh_token", parameters: &["refresh_token", "scope", "resource"] },
        redeem: |redemption| Box::pin(refresh_token::redeem(redemption)),
    },
];

/// What the parser accepts.
pub(crate) fn forms() -> [GrantForm; GRANTS.len()] {
    GRANTS.map(|grant| grant.form)
}

/// The registered names, as metadata advertises them.
#[must_use]
pub fn names() -> Vec<&'static str> {
    GRANTS.iter().map(|grant| grant.form.name).collect()
}

/// Redeems the grant at `position` of the table, if the client may use it at all.
///
/// # Errors
/// [`TokenError`]; nothing was issued.
pub(crate) async fn redeem(position: usize, redemption: Redemption<'_>) -> Result<Granted, TokenError> {
    let grant = GRANTS.get(position).ok_or(TokenError::UnsupportedGrantType)?;
    if !redemption.client.grant_types.iter().any(|allowed| allowed == grant.form.name) {
        return Err(TokenError::UnauthorizedClient);
    }
    (grant.redeem)(redemption).await
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

/// One audience per token (AT68-3-01): the one asked for (RFC 8707), or the first that is allowed.
fn require_audience<'a>(
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
