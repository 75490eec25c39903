//! What a registration says of authorization requests (RFC 7591 section 2, RFC 9101 section 10.5, RFC 9126 section
//! 6, RFC 9396 section 10, JARM section 3, OpenID Connect Dynamic Client Registration 1.0 section 2): where
//! answers may go, how requests must be signed, what is asked by default. A contradiction is refused.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::authorization_request::ResponseMode;
use super::client_members::Reader;
use super::client_metadata::{ClientMetadataInvalid, invalid};
use super::client_openid::ResponseEncryption;
use super::redirect_uri::{ApplicationType, require_redirect_uri};
use crate::jose::algorithm::SignatureAlgorithm;

/// The members that authorization requests are judged by.
#[derive(Clone, Debug, Default)]
pub struct AuthorizationMetadata {
    /// `redirect_uris`: where answers may go, byte for byte.
    pub redirect_uris: Vec<String>,
    /// `response_modes`: those that the client may ask for; without it, all of the server's.
    pub response_modes: Option<Vec<ResponseMode>>,
    /// `application_type`.
    pub application_type: ApplicationType,
    /// `require_pushed_authorization_requests`.
    pub require_pushed: bool,
    /// `require_signed_request_object`.
    pub require_signed_request_object: bool,
    /// `request_object_signing_alg`: the one that its request objects use; without it, all of the server's.
    pub request_object_algorithm: Option<RequestObjectAlgorithm>,
    /// `request_uris`: where request objects may be fetched from, the fragment aside.
    pub request_uris: Vec<String>,
    /// `authorization_signed_response_alg`; without it, the server's usual one.
    pub response_algorithm: Option<SignatureAlgorithm>,
    /// `authorization_encrypted_response_alg` and `_enc`.
    pub response_encryption: Option<ResponseEncryption>,
    /// `authorization_details_types`: those that it may ask with.
    pub authorization_details_types: Vec<String>,
    /// `default_max_age`, in seconds.
    pub default_max_age: Option<u64>,
    /// `require_auth_time`: its ID tokens say when the person signed in.
    pub require_auth_time: bool,
    /// `default_acr_values`, in order of preference.
    pub default_acr_values: Vec<String>,
    /// `consent`.
    pub consent: ConsentRule,
}

/// How a client's request objects are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestObjectAlgorithm {
    /// With this algorithm.
    Signed(SignatureAlgorithm),
    /// Not at all; only where the server's policy allows it.
    Unsigned,
}

/// Whether people are asked for consent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConsentRule {
    /// They are.
    #[default]
    Ask,
    /// They are not: the operator answers for the client, which is his own.
    Implied,
}

impl AuthorizationMetadata {
    pub(super) fn read(
        reader: &mut Reader<'_>,
        grant_types: &[String],
    ) -> Result<Self, ClientMetadataInvalid> {
        require_code_alone(reader)?;
        let application_type = match reader.one_of("application_type", &["web", "native"])? {
            Some("native") => ApplicationType::Native,
            _ => ApplicationType::Web,
        };
        let authorization = Self {
            redirect_uris: redirect_uris(reader, application_type, grant_types)?,
            response_modes: response_modes(reader)?,
            application_type,
            require_pushed: reader.flag("require_pushed_authorization_requests")?,
            require_signed_request_object: reader.flag("require_signed_request_object")?,
            request_object_algorithm: request_object_algorithm(reader)?,
            request_uris: reader.https_urls("request_uris")?,
            response_algorithm: reader.algorithm("authorization_signed_response_alg")?,
            response_encryption: reader
                .encryption("authorization_encrypted_response_alg", "authorization_encrypted_response_enc")?,
            authorization_details_types: reader.texts("authorization_details_types")?.unwrap_or_default(),
            default_max_age: reader.seconds("default_max_age")?,
            require_auth_time: reader.flag("require_auth_time")?,
            default_acr_values: reader.texts("default_acr_values")?.unwrap_or_default(),
            consent: match reader.one_of("consent", &["ask", "implied"])? {
                Some("implied") => ConsentRule::Implied,
                _ => ConsentRule::Ask,
            },
        };
        // Held to their form, and nothing follows: an object says by itself how it is encrypted, and no login begins here.
        reader.encryption("request_object_encryption_alg", "request_object_encryption_enc")?;
        reader.https_url("initiate_login_uri")?;
        authorization.require_one_story()?;
        Ok(authorization)
    }

    /// A client that must sign its requests can't be registered as one that doesn't (RFC 9101 section 10.5).
    fn require_one_story(&self) -> Result<(), ClientMetadataInvalid> {
        if self.require_signed_request_object
            && self.request_object_algorithm == Some(RequestObjectAlgorithm::Unsigned)
        {
            return Err(invalid(
                "request_object_signing_alg",
                "none contradicts `require_signed_request_object`",
                "name the algorithm that the client signs with",
            ));
        }
        Ok(())
    }
}

/// FSP-AS-15: the server knows no other response type, so none can be registered.
fn require_code_alone(reader: &mut Reader<'_>) -> Result<(), ClientMetadataInvalid> {
    match reader.texts("response_types")?.unwrap_or_default().iter().find(|word| *word != "code") {
        None => Ok(()),
        Some(other) => Err(invalid(
            "response_types",
            format!("{other:?} hands tokens to the browser, and OAuth 2.1 has removed it"),
            "register [\"code\"], which is also the default",
        )),
    }
}

fn redirect_uris(
    reader: &mut Reader<'_>,
    application_type: ApplicationType,
    grant_types: &[String],
) -> Result<Vec<String>, ClientMetadataInvalid> {
    let said = reader.texts("redirect_uris")?;
    let needed = grant_types.iter().any(|grant| grant == "authorization_code");
    let uris = match said {
        Some(uris) if !uris.is_empty() => uris,
        None if !needed => return Ok(Vec::new()),
        _ => {
            return Err(invalid(
                "redirect_uris",
                "the authorization code grant answers to a registered redirect URI (RFC 6749 section 3.1.2.2)",
                "list at least one, or remove the member and the grant",
            ));
        }
    };
    for uri in &uris {
        require_redirect_uri(uri, application_type).map_err(|reason| {
            invalid(
                "redirect_uris",
                format!("{uri:?}: {reason}"),
                "register the exact https URI that you use",
            )
        })?;
    }
    Ok(uris)
}

fn response_modes(reader: &mut Reader<'_>) -> Result<Option<Vec<ResponseMode>>, ClientMetadataInvalid> {
    let Some(names) = reader.texts("response_modes")? else { return Ok(None) };
    let mode = |name: &String| {
        ResponseMode::from_name(name).ok_or_else(|| {
            let known: Vec<_> = ResponseMode::names(&ResponseMode::ALL).collect();
            invalid(
                "response_modes",
                format!("{name:?} is not a value of it"),
                format!("choose among {known:?}"),
            )
        })
    };
    names.iter().map(mode).collect::<Result<_, _>>().map(Some)
}

fn request_object_algorithm(
    reader: &mut Reader<'_>,
) -> Result<Option<RequestObjectAlgorithm>, ClientMetadataInvalid> {
    const NAME: &str = "request_object_signing_alg";
    if reader.text(NAME)? == Some("none") {
        return Ok(Some(RequestObjectAlgorithm::Unsigned));
    }
    Ok(reader.algorithm(NAME)?.map(RequestObjectAlgorithm::Signed))
}
