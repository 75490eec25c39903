//! Authorization server metadata (RFC 8414): where it is, whether it is the configured issuer's own
//! (ASM-3-03), and whether the server offers what this client needs, before anything is sent to it
//! (DPOP-5.1-02). Endpoints come from here and from nowhere else (FSP-C-09).

use bindery_core::encoding::json::parse_object;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use url::Url;

use crate::configuration::{ClientAuthentication, ClientConfiguration, Grant, SenderConstraint};
use crate::error::MetadataRefused;
use crate::origin::{Origin, PlainHttp};

/// The most bytes of a metadata document or a token response that are read.
pub(crate) const MAXIMUM_BODY: usize = 64 * 1024;

/// What a client needs of the metadata.
#[derive(Clone, Debug)]
pub struct AuthorizationServerMetadata {
    token_endpoint: Url,
    /// From `mtls_endpoint_aliases`; the other aliases are not called by this client (MTLS-5-03).
    token_endpoint_alias: Option<Url>,
    dpop_algorithms: Option<Vec<String>>,
    authentication_methods: Option<Vec<String>>,
    authentication_algorithms: Option<Vec<String>>,
    grant_types: Option<Vec<String>>,
    certificate_bound_tokens: bool,
}

/// Where the metadata of `issuer` may be: the well-known name between host and path (RFC 8414 section 3.1),
/// then after the path, as OpenID Connect Discovery has it.
#[must_use]
pub fn metadata_urls(issuer: &Url) -> [Url; 2] {
    let path = issuer.path().trim_end_matches('/');
    let at = |path: &str| {
        let mut url = issuer.clone();
        url.set_path(path);
        url
    };
    [
        at(&format!("/.well-known/oauth-authorization-server{path}")),
        at(&format!("{path}/.well-known/openid-configuration")),
    ]
}

/// Judges the answer to a metadata request for `issuer`.
///
/// # Errors
/// [`MetadataRefused`] when it is not metadata of exactly this issuer, or an endpoint is not https.
pub fn judge_metadata_response(
    issuer: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<AuthorizationServerMetadata, MetadataRefused> {
    judge(issuer, status, headers, body, PlainHttp::Refused)
}

pub(crate) fn judge(
    issuer: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    plain: PlainHttp,
) -> Result<AuthorizationServerMetadata, MetadataRefused> {
    if status != StatusCode::OK {
        return Err(MetadataRefused::Status(status.as_u16()));
    }
    let malformed = |reason: &str| MetadataRefused::Malformed(reason.into());
    if body.len() > MAXIMUM_BODY {
        return Err(malformed("it is longer than 64 KiB"));
    }
    if !is_json(headers) {
        return Err(malformed("its Content-Type is not application/json"));
    }
    // The parser's own reason could name members that the server chose; a fixed sentence can't.
    let members =
        parse_object(body).map_err(|_| malformed("broken syntax, a duplicate member, or too many"))?;
    // ASM-4-01: code point by code point; a trailing slash makes another issuer.
    if members.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err(MetadataRefused::IssuerDiffers);
    }
    let aliases = match members.get("mtls_endpoint_aliases") {
        None => None,
        Some(Value::Object(aliases)) => endpoint(aliases, "token_endpoint", plain)?,
        Some(_) => return Err(malformed("`mtls_endpoint_aliases` is not an object")),
    };
    Ok(AuthorizationServerMetadata {
        token_endpoint: endpoint(&members, "token_endpoint", plain)?
            .ok_or(MetadataRefused::NoEndpoint("token_endpoint"))?,
        token_endpoint_alias: aliases,
        dpop_algorithms: names(&members, "dpop_signing_alg_values_supported")?,
        authentication_methods: names(&members, "token_endpoint_auth_methods_supported")?,
        authentication_algorithms: names(&members, "token_endpoint_auth_signing_alg_values_supported")?,
        grant_types: names(&members, "grant_types_supported")?,
        certificate_bound_tokens: members.get("tls_client_certificate_bound_access_tokens")
            == Some(&Value::Bool(true)),
    })
}

impl AuthorizationServerMetadata {
    /// The token endpoint: over mutual TLS the alias if there is one, else the usual one (MTLS-5-02).
    #[must_use]
    pub fn token_endpoint(&self, mutual_tls: bool) -> &Url {
        match &self.token_endpoint_alias {
            Some(alias) if mutual_tls => alias,
            _ => &self.token_endpoint,
        }
    }

    /// Requires that the server offers what `configuration` uses, so that it fails here, by name, and not at the
    /// token endpoint with a code.
    ///
    /// # Errors
    /// [`MetadataRefused::NotOffered`] naming the member and what is needed.
    pub fn require_support(&self, configuration: &ClientConfiguration) -> Result<(), MetadataRefused> {
        self.require_binding(&configuration.sender_constraint)?;
        self.require_authentication(&configuration.authentication)?;
        let grant = match configuration.grant {
            Grant::ClientCredentials => "client_credentials",
            Grant::RefreshToken { .. } => "refresh_token",
        };
        let offered =
            self.grant_types.as_ref().is_none_or(|types| types.iter().any(|offered| offered == grant));
        offered
            .then_some(())
            .ok_or(MetadataRefused::NotOffered { member: "grant_types_supported", needed: grant })
    }

    fn require_binding(&self, constraint: &SenderConstraint) -> Result<(), MetadataRefused> {
        match constraint {
            // The presence of the list is how a server says that it supports DPoP (DPOP-5.1-01).
            SenderConstraint::Dpop { signer } => require_algorithm(
                self.dpop_algorithms.as_deref().unwrap_or_default(),
                signer.algorithm(),
                "dpop_signing_alg_values_supported",
            ),
            SenderConstraint::Mtls { .. } if self.certificate_bound_tokens => Ok(()),
            SenderConstraint::Mtls { .. } => Err(MetadataRefused::NotOffered {
                member: "tls_client_certificate_bound_access_tokens",
                needed: "certificate-bound tokens",
            }),
        }
    }

    fn require_authentication(&self, authentication: &ClientAuthentication) -> Result<(), MetadataRefused> {
        let method = authentication.method();
        let offered = match (&self.authentication_methods, authentication) {
            // Many servers that serve public clients don't list `none`.
            (_, ClientAuthentication::None) => true,
            // RFC 8414 section 2: left out, it means client_secret_basic alone.
            (None, _) => method == "client_secret_basic",
            (Some(methods), _) => methods.iter().any(|offered| offered == method),
        };
        if !offered {
            return Err(MetadataRefused::NotOffered {
                member: "token_endpoint_auth_methods_supported",
                needed: method,
            });
        }
        match (authentication, &self.authentication_algorithms) {
            (ClientAuthentication::PrivateKeyJwt { signer, .. }, Some(algorithms)) => require_algorithm(
                algorithms,
                signer.algorithm(),
                "token_endpoint_auth_signing_alg_values_supported",
            ),
            _ => Ok(()),
        }
    }
}

fn require_algorithm(
    offered: &[String],
    algorithm: SignatureAlgorithm,
    member: &'static str,
) -> Result<(), MetadataRefused> {
    let found = offered.iter().any(|name| SignatureAlgorithm::from_name(name) == Some(algorithm));
    found.then_some(()).ok_or(MetadataRefused::NotOffered { member, needed: algorithm.name() })
}

fn endpoint(
    members: &Map<String, Value>,
    name: &'static str,
    plain: PlainHttp,
) -> Result<Option<Url>, MetadataRefused> {
    let Some(value) = members.get(name) else { return Ok(None) };
    let url = value.as_str().and_then(|text| Url::parse(text).ok());
    let url = url.ok_or_else(|| MetadataRefused::Malformed(format!("`{name}` is not a URL")))?;
    Origin::within(&url, plain).map_err(|reason| MetadataRefused::Endpoint { endpoint: name, reason })?;
    Ok(Some(url))
}

fn names(members: &Map<String, Value>, name: &'static str) -> Result<Option<Vec<String>>, MetadataRefused> {
    let malformed = || MetadataRefused::Malformed(format!("`{name}` is not an array of strings"));
    match members.get(name) {
        None => Ok(None),
        Some(Value::Array(values)) => values
            .iter()
            .map(|value| value.as_str().map(str::to_owned).ok_or_else(malformed))
            .collect::<Result<_, _>>()
            .map(Some),
        Some(_) => Err(malformed()),
    }
}

pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type.is_some_and(|text| {
        text.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
    })
}
