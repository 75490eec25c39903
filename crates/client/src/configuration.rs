//! Who this client is, how it authenticates, and what its tokens are bound to. `build` refuses every
//! combination that could only fail later, or that would leave a token unbound; there is no option for that.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bindery_crypto::Signer;
use url::Url;

use crate::clock::{Clock, ServerClocks, SystemClock};
use crate::error::ConfigurationInvalid;
use crate::origin::{Origin, OriginInvalid, PlainHttp};
use crate::refresh::RefreshTokenKeeper;
use crate::resource::Resource;
use crate::secret::Secret;
use crate::transport::{ClientIdentity, TlsVersions, TrustRoots};

/// How the client authenticates at the token endpoint.
#[derive(Clone)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// `private_key_jwt`: an assertion signed for each request (RFC 7523).
    PrivateKeyJwt {
        /// The registered key. It must not be the DPoP key.
        signer: Arc<dyn Signer>,
        /// The `kid` under which it is registered, when the server needs one to find it.
        key_id: Option<String>,
    },
    /// `tls_client_auth`: a certificate from an authority that the server trusts (RFC 8705 section 2.1).
    TlsClientAuth {
        /// The certificate and its key.
        identity: ClientIdentity,
    },
    /// `self_signed_tls_client_auth`: a registered certificate (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth {
        /// The certificate and its key.
        identity: ClientIdentity,
    },
    /// `client_secret_basic` (RFC 6749 section 2.3.1).
    ClientSecretBasic {
        /// The shared secret.
        secret: Secret,
    },
    /// None: a public client, which says its `client_id` and proves nothing but its binding key.
    None,
}

impl ClientAuthentication {
    /// The name of the method, as registered.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::PrivateKeyJwt { .. } => "private_key_jwt",
            Self::TlsClientAuth { .. } => "tls_client_auth",
            Self::SelfSignedTlsClientAuth { .. } => "self_signed_tls_client_auth",
            Self::ClientSecretBasic { .. } => "client_secret_basic",
            Self::None => "none",
        }
    }

    const fn identity(&self) -> Option<&ClientIdentity> {
        match self {
            Self::TlsClientAuth { identity } | Self::SelfSignedTlsClientAuth { identity } => Some(identity),
            _ => None,
        }
    }
}

/// What the tokens are bound to.
#[derive(Clone)]
#[non_exhaustive]
pub enum SenderConstraint {
    /// A DPoP key (RFC 9449); `token_type` is `DPoP`.
    Dpop {
        /// The proof key. One for each authorization server (DPOP-K-01): see [`DpopKeys`](crate::DpopKeys).
        signer: Arc<dyn Signer>,
    },
    /// The client certificate (RFC 8705 section 3); `token_type` stays `Bearer`.
    Mtls {
        /// The certificate and its key; the client that calls the resource must carry the same.
        identity: ClientIdentity,
    },
}

/// How tokens are obtained.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Grant {
    /// In the client's own name (RFC 6749 section 4.4).
    ClientCredentials,
    /// With a refresh token that was obtained elsewhere (RFC 6749 section 6).
    RefreshToken {
        /// The refresh token to begin with.
        initial: Secret,
    },
}

/// A complete, consistent configuration. Made by [`ClientConfiguration::builder`] alone.
#[derive(Clone)]
pub struct ClientConfiguration {
    pub(crate) issuer: String,
    pub(crate) issuer_url: Url,
    pub(crate) issuer_origin: Origin,
    pub(crate) client_id: String,
    pub(crate) authentication: ClientAuthentication,
    pub(crate) sender_constraint: SenderConstraint,
    pub(crate) grant: Grant,
    pub(crate) scope: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) trust_roots: TrustRoots,
    pub(crate) tls_versions: TlsVersions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) maximum_clock_correction: Duration,
    pub(crate) refresh_token_keeper: Option<Arc<dyn RefreshTokenKeeper>>,
    pub(crate) plain_http: PlainHttp,
}

impl ClientConfiguration {
    /// Begins a configuration for the client `client_id` of the authorization server `issuer`. The issuer
    /// must come from a trustworthy source (FSP-C-10): everything else is found through it.
    pub fn builder(issuer: impl Into<String>, client_id: impl Into<String>) -> ConfigurationBuilder {
        ConfigurationBuilder {
            issuer: issuer.into(),
            client_id: client_id.into(),
            authentication: None,
            sender_constraint: None,
            grant: Grant::ClientCredentials,
            scope: None,
            audience: None,
            resources: Vec::new(),
            trust_roots: TrustRoots::default(),
            tls_versions: TlsVersions::default(),
            clock: Arc::new(SystemClock),
            maximum_clock_correction: ServerClocks::DEFAULT_MAXIMUM,
            refresh_token_keeper: None,
            plain_http: PlainHttp::Refused,
        }
    }

    /// The issuer, as configured.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The client identifier.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// How the client authenticates.
    #[must_use]
    pub const fn authentication(&self) -> &ClientAuthentication {
        &self.authentication
    }

    /// What its tokens are bound to.
    #[must_use]
    pub const fn sender_constraint(&self) -> &SenderConstraint {
        &self.sender_constraint
    }

    /// The certificate that this client shows, if it does mutual TLS at all.
    #[must_use]
    pub const fn identity(&self) -> Option<&ClientIdentity> {
        match &self.sender_constraint {
            SenderConstraint::Mtls { identity } => Some(identity),
            SenderConstraint::Dpop { .. } => self.authentication.identity(),
        }
    }

    /// A client for the resources, preset as this configuration wants it: roots, TLS versions, identity, no
    /// redirects, no retries. Add timeouts and proxies as you like.
    ///
    /// # Errors
    /// [`ConfigurationInvalid`] when TLS can't be set up.
    pub fn http_client_builder(&self) -> Result<reqwest::ClientBuilder, ConfigurationInvalid> {
        crate::transport::http_client_builder(&self.trust_roots, self.identity(), self.tls_versions)
    }
}

impl fmt::Debug for ClientConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfiguration")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("authentication", &self.authentication.method())
            .field(
                "sender_constraint",
                &match &self.sender_constraint {
                    SenderConstraint::Dpop { signer } => format!("dpop {}", signer.thumbprint()),
                    SenderConstraint::Mtls { .. } => "mtls".into(),
                },
            )
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// Collects a configuration; [`Self::build`] judges it.
#[derive(Clone)]
#[must_use]
pub struct ConfigurationBuilder {
    issuer: String,
    client_id: String,
    authentication: Option<ClientAuthentication>,
    sender_constraint: Option<SenderConstraint>,
    grant: Grant,
    scope: Option<String>,
    audience: Option<String>,
    resources: Vec<String>,
    trust_roots: TrustRoots,
    tls_versions: TlsVersions,
    clock: Arc<dyn Clock>,
    maximum_clock_correction: Duration,
    refresh_token_keeper: Option<Arc<dyn RefreshTokenKeeper>>,
    plain_http: PlainHttp,
}

impl ConfigurationBuilder {
    /// How the client authenticates. Required.
    pub fn authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = Some(authentication);
        self
    }

    /// What its tokens are bound to. Required: there is no unbound token here.
    pub fn sender_constraint(mut self, constraint: SenderConstraint) -> Self {
        self.sender_constraint = Some(constraint);
        self
    }

    /// How tokens are obtained; [`Grant::ClientCredentials`] unless said otherwise.
    pub fn grant(mut self, grant: Grant) -> Self {
        self.grant = grant;
        self
    }

    /// The scopes to ask for, separated by single spaces.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// The `audience` parameter, for servers that know it instead of `resource`.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// A resource that tokens are for (RFC 8707); may be given several times. Each gets a token of its own,
    /// and once one is named, requests to anything outside all of them are refused instead of sent.
    pub fn resource(mut self, indicator: impl Into<String>) -> Self {
        self.resources.push(indicator.into());
        self
    }

    /// Whom servers' certificates may come from; the platform's roots unless said otherwise.
    pub fn trust_roots(mut self, roots: TrustRoots) -> Self {
        self.trust_roots = roots;
        self
    }

    /// The versions of TLS that are spoken.
    pub fn tls_versions(mut self, versions: TlsVersions) -> Self {
        self.tls_versions = versions;
        self
    }

    /// Another clock than the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How far a server's `Date` may move the time that this server is told; an hour unless said otherwise,
    /// zero for not at all.
    pub fn maximum_clock_correction(mut self, maximum: Duration) -> Self {
        self.maximum_clock_correction = maximum;
        self
    }

    /// Who keeps rotated refresh tokens over a restart.
    pub fn refresh_token_keeper(mut self, keeper: Arc<dyn RefreshTokenKeeper>) -> Self {
        self.refresh_token_keeper = Some(keeper);
        self
    }

    /// Lets `http:` through to loopback addresses and `localhost`, for development. Tokens then cross an unprotected
    /// socket of this machine; each source that does so says it in the log.
    pub fn dangerous_allow_http_loopback(mut self) -> Self {
        self.plain_http = PlainHttp::Loopback;
        self
    }

    /// Judges the whole.
    ///
    /// # Errors
    /// [`ConfigurationInvalid`], naming the option, the rule and the remedy.
    pub fn build(self) -> Result<ClientConfiguration, ConfigurationInvalid> {
        let (issuer_url, issuer_origin) = parse_issuer(&self.issuer, self.plain_http)?;
        let authentication = self.authentication.ok_or(ConfigurationInvalid::Missing("authentication"))?;
        let sender_constraint =
            self.sender_constraint.ok_or(ConfigurationInvalid::Missing("sender_constraint"))?;
        require_text("client_id", &self.client_id, |byte| matches!(byte, 0x20..=0x7e))?;
        if let Some(scope) = &self.scope {
            // RFC 6749 section 3.3.
            require_text("scope", scope, |byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e))?;
        }
        if let Some(audience) = &self.audience {
            require_text("audience", audience, |byte| matches!(byte, 0x21..=0x7e))?;
        }
        if matches!((&self.grant, &authentication), (Grant::ClientCredentials, ClientAuthentication::None)) {
            return Err(ConfigurationInvalid::GrantNeedsAuthentication);
        }
        if let (SenderConstraint::Mtls { identity }, Some(other)) =
            (&sender_constraint, authentication.identity())
            && identity.certificate() != other.certificate()
        {
            return Err(ConfigurationInvalid::IdentitiesDiffer);
        }
        if let (SenderConstraint::Dpop { signer }, ClientAuthentication::PrivateKeyJwt { signer: other, .. }) =
            (&sender_constraint, &authentication)
            && signer.public_key() == other.public_key()
        {
            return Err(ConfigurationInvalid::OneKeyForBoth);
        }
        let resources: Result<_, _> =
            self.resources.iter().map(|text| Resource::parse(text, self.plain_http)).collect();
        Ok(ClientConfiguration {
            issuer: self.issuer,
            issuer_url,
            issuer_origin,
            client_id: self.client_id,
            authentication,
            sender_constraint,
            grant: self.grant,
            scope: self.scope,
            audience: self.audience,
            resources: resources?,
            trust_roots: self.trust_roots,
            tls_versions: self.tls_versions,
            clock: self.clock,
            maximum_clock_correction: self.maximum_clock_correction,
            refresh_token_keeper: self.refresh_token_keeper,
            plain_http: self.plain_http,
        })
    }
}

/// ASM-2-01: https, no query, no fragment.
fn parse_issuer(issuer: &str, plain: PlainHttp) -> Result<(Url, Origin), ConfigurationInvalid> {
    let invalid = |rule| ConfigurationInvalid::Issuer { issuer: issuer.into(), rule };
    let url = Url::parse(issuer).map_err(|_| invalid("it is not an absolute URL"))?;
    // A value with a password in it is not repeated.
    let origin = Origin::within(&url, plain).map_err(|reason| match reason {
        OriginInvalid::Userinfo => {
            ConfigurationInvalid::Issuer { issuer: "[..]".into(), rule: reason.sentence() }
        }
        reason => invalid(reason.sentence()),
    })?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("an issuer has no query and no fragment (RFC 8414 section 2)"));
    }
    Ok((url, origin))
}

fn require_text(
    option: &'static str,
    text: &str,
    allowed: impl Fn(u8) -> bool,
) -> Result<(), ConfigurationInvalid> {
    if text.is_empty() {
        return Err(ConfigurationInvalid::Missing(option));
    }
    if text.bytes().all(allowed) { Ok(()) } else { Err(ConfigurationInvalid::Syntax(option)) }
}
