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
