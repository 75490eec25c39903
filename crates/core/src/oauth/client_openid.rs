//! What a registration says of identity: ID tokens, userinfo, pairwise subjects and logout (OpenID Connect Dynamic
//! Client Registration 1.0 section 2, RP-Initiated Logout 1.0 section 3.1, Back-Channel Logout 1.0 section 2.2,
//! RFC 9701 section 6). `none` is never a signature, and encryption never stands in for one.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::client_authorization::AuthorizationMetadata;
use super::client_members::Reader;
use super::client_metadata::{ClientMetadataInvalid, invalid};
use super::redirect_uri::{host_of, require_redirect_uri};
use crate::jose::algorithm::SignatureAlgorithm;
use crate::jose::encryption::{ContentEncryption, KeyManagement};

/// How an answer is encrypted to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseEncryption {
    /// `.._encrypted_response_alg`.
    pub key_management: KeyManagement,
    /// `.._encrypted_response_enc`.
    pub content: ContentEncryption,
}

/// The members that concern people's identity.
#[derive(Clone, Debug, Default)]
pub struct OpenIdMetadata {
    /// `id_token_signed_response_alg`; without it, the server's usual one.
    pub id_token_algorithm: Option<SignatureAlgorithm>,
    /// `id_token_encrypted_response_alg` and `_enc`.
    pub id_token_encryption: Option<ResponseEncryption>,
    /// `userinfo_signed_response_alg`; without it, userinfo is plain JSON.
    pub userinfo_algorithm: Option<SignatureAlgorithm>,
    /// `userinfo_encrypted_response_alg` and `_enc`.
    pub userinfo_encryption: Option<ResponseEncryption>,
    /// `subject_type`.
    pub subject_type: SubjectType,
    /// `sector_identifier_uri`, https; whoever registers it must have fetched it.
    pub sector_identifier_uri: Option<String>,
    /// `post_logout_redirect_uris`, compared byte for byte.
    pub post_logout_redirect_uris: Vec<String>,
    /// `backchannel_logout_uri`, https.
    pub backchannel_logout_uri: Option<String>,
}

/// `subject_type` (OpenID Connect Core 1.0 section 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubjectType {
    /// Every client sees the same `sub`.
    #[default]
    Public,
    /// Each sector sees its own.
    Pairwise,
}

/// The members that introspection answers are made by (RFC 9701 section 6).
#[derive(Clone, Copy, Debug, Default)]
pub struct IntrospectionMetadata {
    /// `introspection_signed_response_alg`; without it, the server's usual one.
    pub algorithm: Option<SignatureAlgorithm>,
    /// `introspection_encrypted_response_alg` and `_enc`.
    pub encryption: Option<ResponseEncryption>,
}

impl IntrospectionMetadata {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ClientMetadataInvalid> {
        Ok(Self {
            algorithm: reader.algorithm("introspection_signed_response_alg")?,
            encryption: reader
                .encryption("introspection_encrypted_response_alg", "introspection_encrypted_response_enc")?,
        })
    }
}

impl OpenIdMetadata {
    pub(super) fn read(
        reader: &mut Reader<'_>,
        authorization: &AuthorizationMetadata,
    ) -> Result<Self, ClientMetadataInvalid> {
        let openid = Self {
            id_token_algorithm: reader.algorithm("id_token_signed_response_alg")?,
            id_token_encryption: reader
                .encryption("id_token_encrypted_response_alg", "id_token_encrypted_response_enc")?,
            userinfo_algorithm: reader.algorithm("userinfo_signed_response_alg")?,
            userinfo_encryption: reader
                .encryption("userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc")?,
            subject_type: match reader.one_of("subject_type", &["public", "pairwise"])? {
                Some("pairwise") => SubjectType::Pairwise,
                _ => SubjectType::Public,
            },
            sector_identifier_uri: reader.https_url("sector_identifier_uri")?,
            post_logout_redirect_uris: post_logout_redirect_uris(reader, authorization)?,
            backchannel_logout_uri: reader.https_url("backchannel_logout_uri")?,
        };
        // Every logout token names its session, whether that is required or not.
        reader.flag("backchannel_logout_session_required")?;
        openid.require_one_sector(authorization)?;
        Ok(openid)
    }

    /// The host that pairwise subjects are made for (OpenID Connect Core 1.0 section 8.1).
    #[must_use]
    pub fn sector<'a>(&'a self, authorization: &'a AuthorizationMetadata) -> Option<&'a str> {
        let uri = self.sector_identifier_uri.as_ref().or(authorization.redirect_uris.first())?;
        host_of(uri)
    }

    fn require_one_sector(&self, authorization: &AuthorizationMetadata) -> Result<(), ClientMetadataInvalid> {
        let mut hosts = authorization.redirect_uris.iter().map(|uri| host_of(uri));
        let first = hosts.next();
        let several = hosts.any(|host| Some(host) != first);
        if self.subject_type == SubjectType::Pairwise && self.sector_identifier_uri.is_none() && several {
            return Err(invalid(
                "sector_identifier_uri",
                "pairwise subjects need it when the redirect URIs have several hosts (OpenID Connect Core 8.1)",
                "set it to an https URL that lists the redirect URIs",
            ));
        }
        Ok(())
    }
}

fn post_logout_redirect_uris(
    reader: &mut Reader<'_>,
    authorization: &AuthorizationMetadata,
) -> Result<Vec<String>, ClientMetadataInvalid> {
    const NAME: &str = "post_logout_redirect_uris";
    let uris = reader.texts(NAME)?.unwrap_or_default();
    for uri in &uris {
        require_redirect_uri(uri, authorization.application_type).map_err(|reason| {
            let reason = reason.to_string();
            invalid(NAME, format!("{uri:?}: {reason}"), "register the exact https URI that you use")
        })?;
    }
    Ok(uris)
}
