//! The administration interface of a running server, with a bound token and a proof for every request. What
//! is difficult about that is `bindery-client`'s.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use bindery_client::{
    BoundMiddleware, ClientAuthentication, ClientConfiguration, ClientIdentity, SenderConstraint,
    TokenSource, TrustRoots,
};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_crypto::SigningKey;
use http::Method;
use reqwest_middleware::ClientWithMiddleware;
use serde_json::Value;

use super::{MAXIMUM_ANSWER, Place, Reply};
use crate::command::request::{refused, signing_key, with_remedy};
use crate::settings::{read_file, read_secret};

pub(super) struct Remote {
    issuer: String,
    base: String,
    client: ClientWithMiddleware,
}

impl Remote {
    pub(super) fn open(place: &Place, server: &str) -> anyhow::Result<Self> {
        let client_id = place.administrator.as_deref().context(
            "--client-id is missing: name the client that administers, or set BINDERY_ADMIN_CLIENT_ID",
        )?;
        let issuer = server.to_owned();
        let base = format!("{}/admin/v1", server.trim_end_matches('/'));
        let (authentication, constraint) = credentials(place)?;
        let mut builder = ClientConfiguration::builder(&issuer, client_id)
            .authentication(authentication)
            .sender_constraint(constraint)
            .resource(&base);
        if let Some(path) = place.ca() {
            let roots = TrustRoots::from_pem(&read_file("--ca", path)?).map_err(refused);
            builder = builder.trust_roots(roots.with_context(|| format!("--ca {}", path.display()))?);
        }
        let configuration = builder.build().map_err(refused)?;
        let http = configuration.http_client_builder().map_err(refused)?.build();
        let http = http.context("the HTTP client can't be made")?;
        let source = TokenSource::new(configuration).map_err(with_remedy)?;
        let client = reqwest_middleware::ClientBuilder::new(http).with(BoundMiddleware::new(source)).build();
        Ok(Self { issuer, base, client })
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        tag: Option<&str>,
        media_type: &'static str,
    ) -> anyhow::Result<Reply> {
        let url = reqwest::Url::parse(&format!("{}{path}", self.base))
            .with_context(|| format!("--server {}: it is not an https URL", self.issuer))?;
        let mut request = self.client.request(method, url);
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        if let Some(body) = body {
            request = request.header("content-type", media_type).body(body.to_string());
        }
        let mut response = request.send().await.map_err(|error| match bindery_client::Error::of(&error) {
            Some(known) => with_remedy(known.clone()),
            None => error.into(),
        })?;
        let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAXIMUM_ANSWER {
                bail!("the answer is longer than {MAXIMUM_ANSWER} bytes");
            }
        }
        Ok(Reply { status, tag, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }
}

/// A certificate authenticates and binds; a key authenticates, and a new DPoP key binds.
fn credentials(place: &Place) -> anyhow::Result<(ClientAuthentication, SenderConstraint)> {
    let identity = match (&place.administrator_certificate, &place.administrator_certificate_key) {
        (Some(certificate), Some(key)) => {
            let chain = read_file("--certificate", certificate)?;
            let identity = ClientIdentity::from_pem(&chain, &read_secret("--certificate-key", key)?);
            Some(
                identity
                    .map_err(refused)
                    .with_context(|| format!("--certificate {}", certificate.display()))?,
            )
        }
        (None, None) => None,
        _ => bail!("--certificate and --certificate-key go together; name both"),
    };
    let dpop = || -> anyhow::Result<_> {
        Ok(SenderConstraint::Dpop { signer: Arc::new(SigningKey::generate(SignatureAlgorithm::Es256)?) })
    };
    match (&place.administrator_key, identity) {
        (Some(path), identity) => {
            let signer = signing_key("--key", path)?;
            let constraint = match identity {
                Some(identity) => SenderConstraint::Mtls { identity },
                None => dpop()?,
            };
            Ok((ClientAuthentication::PrivateKeyJwt { signer, key_id: None }, constraint))
        }
        (None, Some(identity)) => Ok((
            ClientAuthentication::TlsClientAuth { identity: identity.clone() },
            SenderConstraint::Mtls { identity },
        )),
        (None, None) => bail!(
            "--key is missing: name the administering client's private key, or its --certificate and \
             --certificate-key"
        ),
    }
}
