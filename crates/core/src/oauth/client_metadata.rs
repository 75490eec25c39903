//! A client's registration (RFC 7591 section 2, RFC 8705 sections 2.1.2 and 3.4, RFC 9449 section 5.2) as the
//! members that we act on, checked as a whole: what contradicts itself is refused, never guessed. Every
//! refusal names the member, the rule and the remedy, because the reader is the one who can mend it.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde_json::{Map, Value};

use super::client_authorization::AuthorizationMetadata;
use super::client_backchannel::{BackchannelMetadata, CIBA_GRANT};
use super::client_display::DisplayMetadata;
use super::client_members::Reader;
pub use super::client_members::{format_day, parse_day};
use super::client_openid::{IntrospectionMetadata, OpenIdMetadata, ResponseEncryption};
use super::client_registration as registration;
use super::scope::Scope;
use super::sender_constraint::SenderConstraint;
use super::token_exchange::{TOKEN_EXCHANGE_GRANT, TokenExchangeRule};
use crate::client_auth::ClientAuthMethod;
use crate::crypto::Sha256Digest;
use crate::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use crate::jose::jwk::JwkSet;
use crate::mtls::subject::SubjectRule;
use crate::time::UnixTime;

/// A client's registration whose rules hold.
#[derive(Clone, Debug)]
pub struct ClientMetadata {
    /// `client_id`.
    pub client_id: String,
    /// `client_name`, for people.
    pub client_name: Option<String>,
    /// `token_endpoint_auth_method`: the one method that the client may use, at every endpoint (MTLS-2-05).
    pub authentication: ClientAuthMethod,
    /// `grant_types`.
    pub grant_types: Vec<String>,
    /// `scope`: all that the client may ask for.
    pub scope: Scope,
    /// `audiences`: the resource servers for which it may have tokens; the first is the default.
    pub audiences: Vec<String>,
    /// `introspection_audiences`: the resource servers as which it may introspect.
    pub introspection_audiences: Vec<String>,
    /// `jwks` or `jwks_uri`.
    pub keys: ClientKeys,
    /// `token_endpoint_auth_signing_alg`; without it, everything that the server accepts.
    pub assertion_algorithm: Option<SignatureAlgorithm>,
    /// The one `tls_client_auth_*` member.
    pub tls_subject: Option<SubjectRule>,
    /// `trust_anchors`: the name of the anchor set that its certificates must chain to (MTLS-7.4-02).
    pub trust_anchors: Option<String>,
    /// `client_secret_sha256`: the digest of a random secret of at least 256 bits.
    pub secret_digest: Option<Sha256Digest>,
    /// `previous_client_secret_sha256` and `previous_client_secret_until`: the secret before, while it is changed.
    pub previous_secret: Option<PreviousSecret>,
    /// Which key its tokens are bound to.
    pub sender_constraint: SenderConstraint,
    /// `access_token_format`.
    pub access_token_format: AccessTokenFormat,
    /// `refresh_token_rotation`.
    pub refresh_token_rotation: bool,
    /// `unbound_refresh`.
    pub unbound_refresh: UnboundRefresh,
    /// What authorization requests are judged by.
    pub authorization: AuthorizationMetadata,
    /// What ID tokens, userinfo and logout are made by.
    pub openid: OpenIdMetadata,
    /// What introspection answers are made by.
    pub introspection: IntrospectionMetadata,
    /// What backchannel authentication requests are judged by; `None` unless it uses the grant.
    pub backchannel: Option<BackchannelMetadata>,
    /// `token_exchange`; `None` unless it uses the grant.
    pub token_exchange: Option<TokenExchangeRule>,
    /// What people are shown.
    pub display: DisplayMetadata,
    /// `profile`: the stricter profile that this client keeps to, by name; the server knows the names.
    pub profile: Option<String>,
}

/// A secret that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviousSecret {
    /// Its digest.
    pub digest: Sha256Digest,
    /// From then on it counts no more.
    pub until: UnixTime,
}

/// Where a client's public keys are.
#[derive(Clone, Debug)]
pub enum ClientKeys {
    /// It has none.
    None,
    /// `jwks`.
    Inline(Arc<JwkSet>),
    /// `jwks_uri`, https.
    Uri(String),
}

/// The form of a client's access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessTokenFormat {
    /// RFC 9068.
    Jwt,
    /// A random reference, understood by introspection alone.
    Opaque,
}

/// What becomes of a public client's refresh token that was issued without a key (DPOP-5-12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnboundRefresh {
    /// It is refused.
    Reject,
    /// The first key that is proven with it becomes its key.
    BindFirstProof,
}

/// A registration that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientMetadataInvalid {
    /// The member at fault.
    pub member: String,
    /// The rule that it breaks.
    pub rule: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for ClientMetadataInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}; {}", self.member, self.rule, self.remedy)
    }
}

impl core::error::Error for ClientMetadataInvalid {}

pub(super) fn invalid(
    member: &str,
    rule: impl Into<String>,
    remedy: impl Into<String>,
) -> ClientMetadataInvalid {
    ClientMetadataInvalid { member: member.into(), rule: rule.into(), remedy: remedy.into() }
}

impl ClientMetadata {
    /// Reads a registration; `grants` are the grant types that the server offers. A member that we don't
    /// act on is refused here, so that a misspelt one is never taken for said.
    ///
    /// # Errors
    /// [`ClientMetadataInvalid`] for the first rule that is broken.
    pub fn parse(members: &Map<String, Value>, grants: &[&str]) -> Result<Self, ClientMetadataInvalid> {
        let mut reader = Reader::new(members);
        let client = Self::read(&mut reader, grants)?;
        reader.require_nothing_left()?;
        Ok(client)
    }

    /// Reads what we act on, and leaves the rest unread.
    pub(super) fn read(reader: &mut Reader<'_>, grants: &[&str]) -> Result<Self, ClientMetadataInvalid> {
        let authentication = registration::authentication(reader)?;
        let grant_types = registration::grant_types(reader, grants)?;
        let authorization = AuthorizationMetadata::read(reader, &grant_types)?;
        let openid = OpenIdMetadata::read(reader, &authorization)?;
        let backchannel = BackchannelMetadata::read(reader, &grant_types)?;
        let token_exchange = TokenExchangeRule::read(reader, &grant_types)?;
        let client = Self {
            client_id: registration::client_id(reader)?,
            client_name: reader.text("client_name")?.map(Into::into),
            authentication,
            grant_types,
            scope: registration::scope(reader)?,
            audiences: reader.texts("audiences")?.unwrap_or_default(),
            introspection_audiences: reader.texts("introspection_audiences")?.unwrap_or_default(),
            keys: registration::keys(reader)?,
            assertion_algorithm: registration::assertion_algorithm(reader)?,
            tls_subject: registration::tls_subject(reader)?,
            trust_anchors: reader.text("trust_anchors")?.map(Into::into),
            secret_digest: registration::secret_digest(reader, "client_secret_sha256")?,
            previous_secret: registration::previous_secret(reader)?,
            sender_constraint: registration::sender_constraint(reader)?,
            access_token_format: match reader.one_of("access_token_format", &["jwt", "opaque"])? {
                Some("opaque") => AccessTokenFormat::Opaque,
                _ => AccessTokenFormat::Jwt,
            },
            refresh_token_rotation: false,
            unbound_refresh: match reader.one_of("unbound_refresh", &["reject", "bind_first_proof"])? {
                Some("bind_first_proof") => UnboundRefresh::BindFirstProof,
                _ => UnboundRefresh::Reject,
            },
            authorization,
            openid,
            introspection: IntrospectionMetadata::read(reader)?,
            backchannel,
            token_exchange,
            display: DisplayMetadata::read(reader)?,
            profile: reader.text("profile")?.map(Into::into),
        };
        let rotation = reader.boolean("refresh_token_rotation")?;
        client.require_credentials()?;
        client.require_grants_fit()?;
        client.require_encryption_keys()?;
        client.with_rotation(rotation)
    }

    /// Whether the client authenticates at all (RFC 6749 section 2.1).
    #[must_use]
    pub const fn is_public(&self) -> bool {
        matches!(self.authentication, ClientAuthMethod::None)
    }

    /// The resource servers for which it may have tokens. A client that has none but signs people in has its
    /// tokens for `issuer` itself, whose userinfo endpoint is then the resource.
    pub fn audiences_at<'a>(&'a self, issuer: &'a str) -> impl Iterator<Item = &'a str> + Clone {
        let userinfo = (self.audiences.is_empty() || self.scope.contains("openid")).then_some(issuer);
        self.audiences.iter().map(String::as_str).chain(userinfo)
    }

    /// The algorithms that its assertions may use: its own one, or the server's, never more than those.
    #[must_use]
    pub fn assertion_algorithms(&self, server: AlgorithmSet) -> AlgorithmSet {
        match self.assertion_algorithm {
            Some(one) if server.contains(one) => AlgorithmSet::of(&[one]),
            Some(_) => AlgorithmSet::of(&[]),
            None => server,
        }
    }

    /// Each method has exactly the credentials that it checks (RFC 8705 sections 2.1.2 and 2.2.2).
    fn require_credentials(&self) -> Result<(), ClientMetadataInvalid> {
        let method = self.authentication;
        let wants_keys =
            matches!(method, ClientAuthMethod::PrivateKeyJwt | ClientAuthMethod::SelfSignedTlsClientAuth);
        match (&self.keys, wants_keys) {
            (ClientKeys::None, true) => {
                return Err(invalid(
                    "jwks",
                    format!("{method} verifies with the client's registered public keys, and there are none"),
                    "register `jwks` or `jwks_uri`",
                ));
            }
            (ClientKeys::Inline(set), true) => self.require_fitting_key(set)?,
            _ => {}
        }
        let pki = method == ClientAuthMethod::TlsClientAuth;
        if pki && self.tls_subject.is_none() {
            return Err(invalid(
                "tls_client_auth_subject_dn",
                "tls_client_auth needs exactly one registered certificate subject (RFC 8705 section 2.1.2)",
                "set one of tls_client_auth_subject_dn, _san_dns, _san_uri, _san_ip and _san_email",
            ));
        }
        if !pki && (self.tls_subject.is_some() || self.trust_anchors.is_some()) {
            return Err(invalid(
                if self.tls_subject.is_some() { "tls_client_auth_subject_dn" } else { "trust_anchors" },
                format!("it means something only for tls_client_auth, and the method is {method}"),
                "remove it, or set `token_endpoint_auth_method = \"tls_client_auth\"`",
            ));
        }
        match (self.secret_digest, method.has_secret()) {
            (None, true) => Err(invalid(
                "client_secret_sha256",
                "the client's method needs the digest of the client's secret",
                "draw 32 random bytes as the secret and register base64url(SHA-256(secret))",
            )),
            (Some(_), false) => Err(invalid(
                "client_secret_sha256",
                format!("the client authenticates with {method}, which has no secret"),
                "remove it",
            )),
            _ => Ok(()),
        }
    }

    fn require_fitting_key(&self, set: &JwkSet) -> Result<(), ClientMetadataInvalid> {
        if self.authentication == ClientAuthMethod::SelfSignedTlsClientAuth {
            if set.keys.iter().all(|jwk| jwk.certificates.is_empty()) {
                return Err(invalid(
                    "jwks",
                    "self_signed_tls_client_auth compares with registered certificates, and no key has `x5c`",
                    "put the certificate into the key's `x5c` (standard base64 of the DER)",
                ));
            }
            return Ok(());
        }
        let fits = match self.assertion_algorithm {
            Some(algorithm) => set.keys.iter().any(|jwk| jwk.allows(algorithm)),
            None => !set.keys.is_empty(),
        };
        if fits {
            return Ok(());
        }
        Err(invalid(
            "jwks",
            "it holds no key that the client's assertions can be verified with",
            "register the public key that the client signs with, or correct token_endpoint_auth_signing_alg",
        ))
    }

    /// What shall be encrypted to the client needs a key to encrypt to.
    fn require_encryption_keys(&self) -> Result<(), ClientMetadataInvalid> {
        let wanted = [
            self.openid.id_token_encryption,
            self.openid.userinfo_encryption,
            self.authorization.response_encryption,
            self.introspection.encryption,
        ];
        let has_key = |wanted: &ResponseEncryption| match &self.keys {
            ClientKeys::None => false,
            ClientKeys::Inline(set) => {
                set.encryption_keys.iter().any(|key| key.allows(wanted.key_management))
            }
            ClientKeys::Uri(_) => true,
        };
        match wanted.iter().flatten().find(|wanted| !has_key(wanted)) {
            None => Ok(()),
            Some(wanted) => Err(invalid(
                "jwks",
                format!("answers shall be encrypted by {}, and no key is for that", wanted.key_management),
                "register a key with `use` of `enc`",
            )),
        }
    }

    fn require_grants_fit(&self) -> Result<(), ClientMetadataInvalid> {
        let confidential = ["client_credentials", CIBA_GRANT, TOKEN_EXCHANGE_GRANT];
        let used = |name: &&&str| self.grant_types.iter().any(|grant| grant == **name);
        if let Some(name) = confidential.iter().find(used).filter(|_| self.is_public()) {
            return Err(invalid(
                "grant_types",
                format!("{name} is for clients that authenticate (RFC 6749 section 4.4)"),
                "remove it, or give the client an authentication method other than none",
            ));
        }
        if self.is_public() && !self.introspection_audiences.is_empty() {
            return Err(invalid(
                "introspection_audiences",
                "only a client that authenticates may introspect (RFC 7662 section 4)",
                "remove it, or give the client an authentication method other than none",
            ));
        }
        let identity_alone = self.scope.contains("openid");
        if !self.grant_types.is_empty() && self.audiences.is_empty() && !identity_alone {
            return Err(invalid(
                "audiences",
                "every access token names the resource server it is for (RFC 9068 section 3)",
                "list at least one, such as [\"https://api.example.com\"]",
            ));
        }
        Ok(())
    }

    /// AMB-02: a public client that may hold unbound refresh tokens must rotate them.
    fn with_rotation(mut self, said: Option<bool>) -> Result<Self, ClientMetadataInvalid> {
        let unbound = self.is_public() && matches!(self.sender_constraint, SenderConstraint::None(_));
        if unbound && said == Some(false) {
            return Err(invalid(
                "refresh_token_rotation",
                "a public client without a key must rotate its refresh tokens (RFC 9700 section 4.14.2)",
                "remove it, or bind the client to a key with `sender_constraint`",
            ));
        }
        self.refresh_token_rotation = said.unwrap_or(unbound);
        Ok(self)
    }
}

#[cfg(test)]
#[path = "client_metadata_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "client_flow_tests.rs"]
mod flow_tests;
