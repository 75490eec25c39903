//! `[listener]`: a socket with its certificate, or, behind a proxy that ends TLS, one without. The latter must
//! be asked for by a name that tells the danger, and speaks with listed proxies alone.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use bindery_http::listener::{Limits, Listener};
use bindery_http::tls::ServerTls;
use bindery_http::{ClientCertificates, EdgePolicy};
use serde::Deserialize;

use crate::settings::require_private;

/// One socket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenerSettings {
    /// Address and port.
    address: SocketAddr,
    /// The certificate chain, PEM, leaf first.
    #[serde(default)]
    certificate_file: Option<PathBuf>,
    /// Its private key, PEM.
    #[serde(default)]
    key_file: Option<PathBuf>,
    /// Without TLS, for the proxies of `[trusted_proxies]` alone. Whoever is on the way between them and here
    /// reads every token and may send any certificate.
    #[serde(default)]
    dangerous_plaintext: bool,
    /// Whether clients are asked for certificates.
    #[serde(default)]
    client_certificates: Asked,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Asked {
    #[default]
    NotAsked,
    Asked,
}

impl From<Asked> for ClientCertificates {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::NotAsked => Self::NotAsked,
            Asked::Asked => Self::Asked,
        }
    }
}

impl ListenerSettings {
    /// Reads certificate and key, or confirms that there may be none.
    pub(crate) fn check(
        &self,
        asked: Option<ClientCertificates>,
        edge: &EdgePolicy,
    ) -> anyhow::Result<Option<ServerTls>> {
        let address = self.address;
        match (&self.certificate_file, &self.key_file, self.dangerous_plaintext) {
            (Some(certificate), Some(key), false) => {
                let asked = asked.unwrap_or_else(|| self.client_certificates.into());
                require_private(&format!("key_file of the listener on {address}"), key)?;
                let tls = ServerTls::from_pem_files(certificate, key, asked);
                Ok(Some(tls.with_context(|| {
                    format!("certificate_file and key_file of the listener on {address} can't be used")
                })?))
            }
            (None, None, true) => {
                let Some(proxies) = edge.trusted_proxies() else {
                    bail!(
                        "dangerous_plaintext of the listener on {address}: no proxy is listed that could end \
                         TLS in front of it; add [trusted_proxies], or certificate_file and key_file"
                    );
                };
                proxies
                    .require_known_by_address()
                    .with_context(|| format!("dangerous_plaintext of the listener on {address}"))?;
                Ok(None)
            }
            (_, _, false) => bail!(
                "the listener on {address} lacks certificate_file or key_file; name both PEM files, or, behind \
                 a proxy that ends TLS, set dangerous_plaintext = true and list the proxy in [trusted_proxies]"
            ),
            (_, _, true) => bail!(
                "the listener on {address} has dangerous_plaintext = true and a certificate that nobody would \
                 see; remove one of them"
            ),
        }
    }

    /// Whether it asks clients for certificates.
    pub(crate) const fn asks_for_certificates(&self) -> bool {
        matches!(self.client_certificates, Asked::Asked)
    }

    /// Binds the socket.
    pub(crate) fn bind(
        &self,
        asked: Option<ClientCertificates>,
        edge: &EdgePolicy,
    ) -> anyhow::Result<Listener> {
        let limits = Limits::default();
        if let Some(tls) = self.check(asked, edge)? {
            return Ok(Listener::tls(self.address, tls, limits)?);
        }
        tracing::warn!(
            event = "listening_without_tls",
            address = %self.address,
            "tokens arrive here in the clear; only listed proxies are answered"
        );
        Ok(Listener::plaintext(self.address, limits)?.only_for_proxies_of(edge.clone()))
    }
}
