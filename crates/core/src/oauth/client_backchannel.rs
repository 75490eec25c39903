//! What a registration says of decoupled authentication (OpenID Connect CIBA Core 1.0 section 4): how the client
//! learns that a person has answered. Push is not offered: tokens go to whoever asks with a proven key.

use alloc::string::String;

use super::client_members::Reader;
use super::client_metadata::{ClientMetadataInvalid, invalid};
use crate::jose::algorithm::SignatureAlgorithm;

/// The `grant_type` of decoupled authentication.
pub const CIBA_GRANT: &str = "urn:openid:params:grant-type:ciba";

/// The members that backchannel authentication requests are judged by.
#[derive(Clone, Debug)]
pub struct BackchannelMetadata {
    /// `backchannel_token_delivery_mode`, with what it needs.
    pub delivery: TokenDelivery,
    /// `backchannel_authentication_request_signing_alg`; with it, requests must be signed so.
    pub request_algorithm: Option<SignatureAlgorithm>,
    /// `backchannel_user_code_parameter`: whether the client asks people for their codes and sends them.
    pub user_code: bool,
}

/// How a client gets its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenDelivery {
    /// It asks until they are there.
    Poll,
    /// It is told when to ask, at this https URL (`backchannel_client_notification_endpoint`).
    Ping(String),
}

impl BackchannelMetadata {
    /// `None` unless the client uses the grant.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        grant_types: &[String],
    ) -> Result<Option<Self>, ClientMetadataInvalid> {
        const MODE: &str = "backchannel_token_delivery_mode";
        let mode = reader.one_of(MODE, &["poll", "ping"])?;
        let endpoint = reader.https_url("backchannel_client_notification_endpoint")?;
        let request_algorithm = reader.algorithm("backchannel_authentication_request_signing_alg")?;
        let user_code = reader.flag("backchannel_user_code_parameter")?;
        if !grant_types.iter().any(|grant| grant == CIBA_GRANT) {
            return match mode {
                None => Ok(None),
                Some(_) => Err(invalid(
                    MODE,
                    "the client does not use the grant",
                    "add the grant or remove the member",
                )),
            };
        }
        const ENDPOINT: &str = "backchannel_client_notification_endpoint";
        let delivery = match (mode, endpoint) {
            (None, _) => {
                return Err(invalid(MODE, "the grant needs it (CIBA Core section 4)", "choose poll or ping"));
            }
            (Some("ping"), Some(endpoint)) => TokenDelivery::Ping(endpoint),
            (Some("ping"), None) => {
                return Err(invalid(
                    ENDPOINT,
                    "a client that is pinged says where (CIBA Core section 4)",
                    "set it to an https URL, or choose poll",
                ));
            }
            (Some(_), None) => TokenDelivery::Poll,
            (Some(_), Some(_)) => {
                return Err(invalid(
                    ENDPOINT,
                    "a client that polls is never called",
                    "remove it, or choose ping",
                ));
            }
        };
        Ok(Some(Self { delivery, request_algorithm, user_code }))
    }
}
