//! Proxies that end TLS for us and forward the client's certificate in one configured header format. A
//! peer is believed for its socket address or its own certificate, never for a header (CC-4-05), and only
//! when an operator listed it; an empty list is refused at start (CC-4-07). The proxy's own certificate is
//! never taken for the client's (CC-4-06).

use std::net::IpAddr;

use bindery_core::mtls::certificate::{
    CertificateAbsence, CertificateThumbprint, ClientCertificate, PresentedCertificate,
};
use bindery_core::mtls::header::{ForwardedInvalid, ForwardedValues, HEADERS, HeaderFormat};
use bindery_crypto::AwsLc;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use smallvec::SmallVec;

use crate::client_address::AddressHeader;
use crate::edge_policy::{HeaderNameInvalid, parse_header_name};
use crate::peer::Peer;

/// Where the proxy says whether it verified the client's chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum VerificationHeader {
    /// The format's usual header, if it has one; then a proxy that doesn't send it is refused.
    #[default]
    Usual,
    /// This header.
    Named(String),
    /// None: the proxy proves possession only, and nobody needs the chain.
    NotSent,
}

/// What an operator writes down about the proxies in front.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxySettings {
    /// One of the names in [`HEADERS`].
    pub format: String,
    /// Addresses and networks (`10.0.0.7`, `10.0.0.0/8`, `2001:db8::/32`) that the proxies connect from.
    pub networks: Vec<String>,
    /// Thumbprints of the proxies' own client certificates. With networks too, both must hold.
    pub proxy_certificates: Vec<CertificateThumbprint>,
    /// The header in which they name the client's address. They must append to it or replace it: one that they
    /// pass on as it came says whatever the client likes.
    pub address_header: AddressHeader,
    /// Another name for the format's certificate header.
    pub certificate_header: Option<String>,
    /// Another name for the format's chain header.
    pub chain_header: Option<String>,
    /// The verification header.
    pub verification_header: VerificationHeader,
}

/// Proxies that are believed, and how they write.
#[derive(Clone, Debug)]
pub struct TrustedProxies {
    format: &'static HeaderFormat,
    networks: Vec<IpNet>,
    proxy_certificates: Vec<CertificateThumbprint>,
    address_header: AddressHeader,
    certificate_header: HeaderName,
    chain_header: Option<HeaderName>,
    verification_header: Option<HeaderName>,
}

/// A peer that is on the list.
#[derive(Clone, Copy, Debug)]
pub struct TrustedPeer(());

impl TrustedProxies {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`TrustedProxiesInvalid`] names the value, the rule and the remedy.
    pub fn new(settings: TrustedProxySettings) -> Result<Self, TrustedProxiesInvalid> {
        let format = HeaderFormat::by_name(&settings.format)
            .ok_or_else(|| TrustedProxiesInvalid::UnknownFormat(settings.format.clone()))?;
        if settings.networks.is_empty() && settings.proxy_certificates.is_empty() {
            return Err(TrustedProxiesInvalid::NobodyListed(format.name));
        }
        let networks = settings.networks.iter().map(|text| parse_network(text)).collect::<Result<_, _>>()?;
        let usual = |name: Option<&'static str>| name.map(HeaderName::from_static);
        let chain_header = match (&settings.chain_header, format.chain_header) {
            (Some(name), Some(_)) => Some(parse_header_name(name)?),
            (Some(name), None) => return Err(TrustedProxiesInvalid::NoSuchHeader(name.clone(), format.name)),
            (None, name) => usual(name),
        };
        let verification_header = match (&settings.verification_header, format.verification_header) {
            (VerificationHeader::Named(name), Some(_)) => Some(parse_header_name(name)?),
            (VerificationHeader::Named(name), None) => {
                return Err(TrustedProxiesInvalid::NoSuchHeader(name.clone(), format.name));
            }
            (VerificationHeader::Usual, name) => usual(name),
            (VerificationHeader::NotSent, _) => None,
        };
        let certificate_header = match &settings.certificate_header {
            Some(name) => parse_header_name(name)?,
            None => HeaderName::from_static(format.certificate_header),
        };
        let proxy_certificates = settings.proxy_certificates;
        Ok(Self {
            format,
            networks,
            proxy_certificates,
            address_header: settings.address_header,
            certificate_header,
            chain_header,
            verification_header,
        })
    }

    /// The configured format.
    #[must_use]
    pub const fn format(&self) -> &'static HeaderFormat {
        self.format
    }

    /// The headers that are read from a listed proxy.
    pub fn header_names(&self) -> impl Iterator<Item = &HeaderName> {
        std::iter::once(&self.certificate_header).chain(&self.chain_header).chain(&self.verification_header)
    }

    /// The header in which they name the client's address.
    #[must_use]
    pub const fn address_header(&self) -> AddressHeader {
        self.address_header
    }

    /// Whether the address is one of the proxies' own.
    pub(crate) fn is_own_address(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Whether this peer is a listed proxy: every configured condition must hold.
    #[must_use]
    pub fn confirm_peer(&self, peer: &Peer) -> Option<TrustedPeer> {
        let address = peer.address.ip().to_canonical();
        let by_address = || self.networks.iter().any(|network| network.contains(&address));
        let by_certificate = || {
            let held = peer.certificate.certificate().map(ClientCertificate::thumbprint);
            held.is_some_and(|held| self.proxy_certificates.contains(&held))
        };
        let confirmed = (self.networks.is_empty() || by_address())
            && (self.proxy_certificates.is_empty() || by_certificate());
        confirmed.then_some(TrustedPeer(()))
    }

    /// Confirms that the proxies can be known without TLS, by their addresses.
    ///
    /// # Errors
    /// [`TrustedProxiesInvalid::CertificateWithoutTls`].
    pub fn require_known_by_address(&self) -> Result<(), TrustedProxiesInvalid> {
        if self.proxy_certificates.is_empty() {
            Ok(())
        } else {
            Err(TrustedProxiesInvalid::CertificateWithoutTls)
        }
    }

    /// The client's certificate of one request. From a listed proxy only the header counts, from anybody
    /// else only the handshake; the headers of others are ignored (and have been stripped).
    ///
    /// # Errors
    /// [`ForwardingRefused`] when a listed proxy sent a header that can't be read without doubt, or when
    /// headers of two formats reach us and may speak of two clients. Malformed is refused, not ignored.
    pub fn certificate(
        &self,
        peer: &Peer,
        headers: &HeaderMap,
    ) -> Result<PresentedCertificate, ForwardingRefused> {
        if self.confirm_peer(peer).is_none() {
            return Ok(peer.certificate.clone());
        }
        let values = |name: Option<&HeaderName>| -> SmallVec<[&[u8]; 2]> {
            name.map(|name| headers.get_all(name).iter().map(|value| value.as_bytes()).collect())
                .unwrap_or_default()
        };
        let (certificate, chain) =
            (values(Some(&self.certificate_header)), values(self.chain_header.as_ref()));
        let verification = values(self.verification_header.as_ref());
        let forwarded = (self.format.parse)(&ForwardedValues {
            certificate: &certificate,
            chain: &chain,
            verification: self.verification_header.is_some().then_some(&verification),
            cryptography: &AwsLc,
        })?;
        self.require_single_source(headers)?;
        Ok(match forwarded {
            None => PresentedCertificate::Absent(CertificateAbsence::NotForwarded),
            Some(forwarded) => PresentedCertificate::Present(ClientCertificate::new(
                forwarded.leaf,
                forwarded.intermediates,
                &AwsLc,
            )),
        })
    }

    /// A second format's certificate header is a second source; after `strip_untrusted` there is none.
    fn require_single_source(&self, headers: &HeaderMap) -> Result<(), ForwardingRefused> {
        let other = HEADERS.iter().map(|format| format.certificate_header).find(|name| {
            !self.header_names().any(|known| known.as_str() == *name) && headers.contains_key(*name)
        });
        match other {
            None => Ok(()),
            Some(_) => Err(ForwardingRefused::TwoSources),
        }
    }
}

fn parse_network(text: &str) -> Result<IpNet, TrustedProxiesInvalid> {
    let invalid = || TrustedProxiesInvalid::Network(text.to_owned());
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse::<IpNet>().map_err(|_| invalid())?,
    };
    // Peers are compared in canonical form, so a mapped network could never match; and a network with host
    // bits is a typing error that would silently list more than was meant.
    let mapped = matches!(network.addr(), IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
    if mapped || network.addr() != network.network() {
        return Err(invalid());
    }
    if network.prefix_len() == 0 {
        return Err(TrustedProxiesInvalid::Everybody(text.to_owned()));
    }
    Ok(network)
}

/// Settings that would not do what they seem to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustedProxiesInvalid {
    /// There is no such format.
    #[error(
        "`{0}` is not a forwarded certificate format; use one of {known}",
        known = HEADERS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ")
    )]
    UnknownFormat(String),
    /// Header mode is on and nobody is believed (CC-4-07).
    #[error(
        "certificates are to be read from `{0}` headers, but no proxy is listed; \
         list the proxies' networks or certificates, or turn header mode off"
    )]
    NobodyListed(&'static str),
    /// Not an address or a network.
    #[error(
        "`{0}` is not an IP address or a network without host bits; \
         write it like `10.0.0.7`, `10.0.0.0/8` or `2001:db8::/32`"
    )]
    Network(String),
    /// A network that holds every address.
    #[error("`{0}` trusts every client on earth to name its own certificate; list the proxies' own networks")]
    Everybody(String),
    /// Not a thumbprint.
    #[error(
        "`{0}` is not a SHA-256 thumbprint in base64url; write the 43 characters of the certificate's x5t#S256"
    )]
    ProxyCertificate(String),
    /// Not a header that addresses are read from.
    #[error(
        "address_header = `{0}`: it is none that is known; write `x-forwarded-for`, `forwarded` or `none`"
    )]
    AddressHeader(String),
    /// Connections without TLS bring no certificate by which a proxy could be known.
    #[error(
        "without TLS a proxy can't show one of the listed `proxy_certificates`; list `networks` alone, or let \
         the listener end TLS"
    )]
    CertificateWithoutTls,
    /// The format has no such header.
    #[error("header `{0}` is configured, but format `{1}` has no header of that purpose; remove it")]
    NoSuchHeader(String, &'static str),
    /// Not a header name.
    #[error(transparent)]
    HeaderName(#[from] HeaderNameInvalid),
}

/// Why a listed proxy's headers are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardingRefused {
    /// The header breaks a rule of its format.
    #[error(transparent)]
    Forwarded(#[from] ForwardedInvalid),
    /// Certificate headers of two formats in one request.
    #[error("certificate headers of two formats came in one request; strip identity headers first")]
    TwoSources,
}

impl ForwardingRefused {
    /// The same as a fixed sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Forwarded(invalid) => invalid.sentence(),
            Self::TwoSources => "certificate headers of two formats came in one request",
        }
    }
}

#[cfg(test)]
#[path = "trusted_proxy_tests.rs"]
mod tests;
