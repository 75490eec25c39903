//! Token exchange (RFC 8693): its wire names, and what a registration says of it. An exchange without a rule is
//! refused; nothing is exchanged because nobody thought of it.

use alloc::string::String;
use alloc::vec::Vec;

use super::client_members::Reader;
use super::client_metadata::{ClientMetadataInvalid, invalid};

/// The `grant_type`.
pub const TOKEN_EXCHANGE_GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The type of an access token of ours, whatever its form (section 3).
pub const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The type of a JWT; an access token that is one may be called so (section 3).
pub const JWT_TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Why a token is not exchanged. Each is `invalid_request`: the caller learns which rule, not what a stranger's
/// token would have been worth (section 2.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExchangeRefused {
    /// `requested_token_type` is not an access token.
    RequestedType,
    /// `subject_token_type` or `actor_token_type` is missing or not an access token's.
    TokenType,
    /// The subject token is unknown, expired or revoked, or no access token.
    SubjectToken,
    /// The subject token was neither issued to the caller nor for it.
    SubjectTokenOfAnother,
    /// The request does not prove the key that a token is bound to.
    Possession,
    /// A bound token would become a bearer token.
    Downgrade,
    /// The actor token is unknown, expired or revoked, no access token, or another client's.
    ActorToken,
    /// `may_act` of the subject token names another actor (section 4.4).
    MayAct,
    /// Too many have acted already.
    ChainTooLong,
}

impl ExchangeRefused {
    /// Machine-readable reason and fixed sentence.
    #[must_use]
    pub const fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::RequestedType => ("requested_token_type", "Only access tokens are issued here."),
            Self::TokenType => {
                ("exchanged_token_type", "Only access tokens are exchanged, and their type is said.")
            }
            Self::SubjectToken => ("subject_token", "The subject token is not a live access token."),
            Self::SubjectTokenOfAnother => {
                ("subject_token_of_another", "The subject token was neither issued to the client nor for it.")
            }
            Self::Possession => {
                ("possession", "The request does not prove the key that the exchanged token is bound to.")
            }
            Self::Downgrade => ("downgrade", "A bound token is not exchanged for a bearer token."),
            Self::ActorToken => ("actor_token", "The actor token is not a live access token of the client."),
            Self::MayAct => ("may_act", "The subject token names another actor."),
            Self::ChainTooLong => ("act_too_long", "The chain of actors is too long."),
        }
    }
}

/// `token_exchange`: what a client may exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenExchangeRule {
    /// `audiences`: those that it may ask for, among its own; without it, all of its own.
    pub audiences: Option<Vec<String>>,
    /// `impersonation`: whether it may get a token that does not name an actor. Without it the client itself is
    /// named as the actor when it names none (section 1.1).
    pub impersonation: bool,
}

impl TokenExchangeRule {
    /// `None` unless the client uses the grant, and then never.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        grant_types: &[String],
    ) -> Result<Option<Self>, ClientMetadataInvalid> {
        const NAME: &str = "token_exchange";
        let used = grant_types.iter().any(|grant| grant == TOKEN_EXCHANGE_GRANT);
        let members = match (reader.value(NAME), used) {
            (None, false) => return Ok(None),
            (None, true) => return Ok(Some(Self { audiences: None, impersonation: false })),
            (Some(_), false) => {
                return Err(invalid(
                    NAME,
                    "the client does not use the grant",
                    "add the grant or remove the member",
                ));
            }
            (Some(value), true) => value.as_object().ok_or_else(|| {
                invalid(
                    NAME,
                    "it is not an object",
                    "write it like {\"audiences\": [..], \"impersonation\": false}",
                )
            })?,
        };
        let mut reader = Reader::new(members);
        let rule =
            Self { audiences: reader.texts("audiences")?, impersonation: reader.flag("impersonation")? };
        reader.require_nothing_left()?;
        Ok(Some(rule))
    }
}
