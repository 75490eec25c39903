//! Who acts: three honest clients on `bindery-client`, and a thief with a plain HTTP client who owns a key
//! and a certificate of his own, but none of the victims'.

use std::sync::Arc;

use anyhow::Context as _;
use bindery_client::{
    BoundMiddleware, ClientAuthentication, ClientConfiguration, ClientIdentity, Grant, Secret,
    SenderConstraint, TokenSource, TrustRoots,
};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_crypto::SigningKey;
use reqwest_middleware::ClientWithMiddleware;
use tokio::sync::Mutex;

use super::certificates::Identity;
use super::person::{self, Person};
use super::stage::{SCOPE, Stage};

/// An honest client: what it holds, and its way of calling.
pub(crate) struct Honest {
    pub(crate) source: TokenSource,
    pub(crate) http: ClientWithMiddleware,
}

impl Honest {
    fn new(configuration: ClientConfiguration) -> anyhow::Result<Self> {
        let plain = configuration.http_client_builder()?.build()?;
        let source = TokenSource::new(configuration)?;
        let http =
            reqwest_middleware::ClientBuilder::new(plain).with(BoundMiddleware::new(source.clone())).build();
        Ok(Self { source, http })
    }
}

/// `inventory`: a backend that authenticates and binds by its certificate.
pub(crate) fn backend(stage: &Stage) -> anyhow::Result<Honest> {
    let identity = identity(&stage.backend_identity)?;
    let configuration = ClientConfiguration::builder(&stage.issuer, "inventory")
        .authentication(ClientAuthentication::TlsClientAuth { identity: identity.clone() })
        .sender_constraint(SenderConstraint::Mtls { identity })
        .scope(SCOPE)
        .trust_roots(roots(stage)?)
        .build()?;
    Honest::new(configuration)
}

/// `billing`: a backend that signs assertions, and proofs with another key.
pub(crate) struct Billing {
    pub(crate) assertion_key: Arc<SigningKey>,
    pub(crate) proof_key: Arc<SigningKey>,
    pub(crate) client: Honest,
}

pub(crate) fn billing(stage: &Stage) -> anyhow::Result<Billing> {
    let proof_key = Arc::new(SigningKey::generate(SignatureAlgorithm::Es256)?);
    let assertion_key = Arc::clone(&stage.billing_key);
    let configuration = ClientConfiguration::builder(&stage.issuer, "billing")
        .authentication(ClientAuthentication::PrivateKeyJwt { signer: assertion_key.clone(), key_id: None })
        .sender_constraint(SenderConstraint::Dpop { signer: proof_key.clone() })
        .scope(SCOPE)
        .trust_roots(roots(stage)?)
        .build()?;
    Ok(Billing { assertion_key, proof_key, client: Honest::new(configuration)? })
}

/// `shop`: a public client as in a browser: no secret, a DPoP key, and what alice allows it. Its refresh token is
/// bound to that key (RFC 9449 section 5).
pub(crate) struct Browser {
    pub(crate) key: Arc<SigningKey>,
    pub(crate) refresh_token: String,
    pub(crate) client: Honest,
    /// Alice, who is signed in from then on.
    pub(crate) person: Mutex<Person>,
}

pub(crate) async fn browser(stage: &Stage) -> anyhow::Result<Browser> {
    let key = Arc::new(SigningKey::generate(SignatureAlgorithm::Es256)?);
    let mut alice = Person::new(stage)?;
    let code = alice.allow(stage, &key).await.context("alice can't sign in")?;
    let refresh_token = person::redeem(stage, &stage.http_client()?, &code, &key).await?;
    let configuration = ClientConfiguration::builder(&stage.issuer, "shop")
        .authentication(ClientAuthentication::None)
        .sender_constraint(SenderConstraint::Dpop { signer: key.clone() })
        .grant(Grant::RefreshToken { initial: Secret::new(refresh_token.clone()) })
        .scope(SCOPE)
        .trust_roots(roots(stage)?)
        .build()?;
    Ok(Browser { key, refresh_token, client: Honest::new(configuration)?, person: Mutex::new(alice) })
}

/// The thief: a key and a certificate of his own, and HTTP clients with and without that certificate.
pub(crate) struct Thief {
    pub(crate) key: SigningKey,
    pub(crate) http: reqwest::Client,
    pub(crate) http_with_certificate: reqwest::Client,
}

impl Thief {
    pub(crate) fn new(stage: &Stage) -> anyhow::Result<Self> {
        let own = identity(&super::certificates::self_signed("thief")?)?;
        let client = |identity| -> anyhow::Result<reqwest::Client> {
            let builder = bindery_client::http_client_builder(&roots(stage)?, identity, Default::default())?;
            builder.build().context("the thief's HTTP client can't be made")
        };
        Ok(Self {
            key: SigningKey::generate(SignatureAlgorithm::Es256)?,
            http: client(None)?,
            http_with_certificate: client(Some(&own))?,
        })
    }
}

fn roots(stage: &Stage) -> anyhow::Result<TrustRoots> {
    Ok(TrustRoots::from_pem(stage.root_pem.as_bytes())?)
}

fn identity(pem: &Identity) -> anyhow::Result<ClientIdentity> {
    Ok(ClientIdentity::from_pem(pem.certificate.as_bytes(), pem.key.as_bytes())?)
}
