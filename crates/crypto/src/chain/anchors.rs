//! The certificate authorities that may vouch for a client, and their revocation lists: a limited set, for one
//! client or one tenant (MTLS-7.4-01), because a subject name says nothing without its issuer. Never the
//! operating system's store.

use core::fmt;
use std::sync::Arc;

use bindery_core::mtls::certificate::MAXIMUM_CERTIFICATE;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor};
use webpki::{CertRevocationList, OwnedCertRevocationList, anchor_from_trusted_cert};
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};

/// Trusted certificate authorities, with the revocation lists to hold against the chains below them.
/// Immutable and cheap to clone; to refresh the lists, build a new value and swap it in.
#[derive(Clone)]
pub struct TrustAnchors(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    anchors: Vec<TrustAnchor<'static>>,
    lists: Vec<Arc<CertRevocationList<'static>>>,
}

impl TrustAnchors {
    /// Reads every `CERTIFICATE` section of a PEM text.
    ///
    /// # Errors
    /// [`TrustAnchorsInvalid`] names the certificate, the rule and the remedy.
    pub fn from_pem(text: &[u8]) -> Result<Self, TrustAnchorsInvalid> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(text)
            .collect::<Result<_, _>>()
            .map_err(|_| TrustAnchorsInvalid::NotPem)?;
        Self::from_der(certificates.iter().map(|der| der.as_ref()))
    }

    /// Takes certificates of authorities in DER.
    ///
    /// # Errors
    /// [`TrustAnchorsInvalid`] names the certificate, the rule and the remedy.
    pub fn from_der<'c>(
        certificates: impl IntoIterator<Item = &'c [u8]>,
    ) -> Result<Self, TrustAnchorsInvalid> {
        let anchors = certificates
            .into_iter()
            .enumerate()
            .map(|(index, der)| anchor(index, der))
            .collect::<Result<Vec<_>, _>>()?;
        if anchors.is_empty() {
            return Err(TrustAnchorsInvalid::Empty);
        }
        Ok(Self(Arc::new(Inner { anchors, lists: Vec::new() })))
    }

    /// The same anchors with these revocation lists (RFC 5280 section 5) in DER in place of the former ones.
    /// With at least one list, revocation is checked for every certificate of a chain, and a certificate that no
    /// list covers is refused, as is one whose list has expired: give the list of every issuer.
    ///
    /// # Errors
    /// [`TrustAnchorsInvalid::RevocationList`] with the position of a list that can't be read.
    pub fn with_revocation_lists<'c>(
        self,
        lists: impl IntoIterator<Item = &'c [u8]>,
    ) -> Result<Self, TrustAnchorsInvalid> {
        let lists = lists
            .into_iter()
            .enumerate()
            .map(|(index, der)| match OwnedCertRevocationList::from_der(der) {
                Ok(list) => Ok(Arc::new(list.into())),
                Err(_) => Err(TrustAnchorsInvalid::RevocationList(index)),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Inner { anchors: self.0.anchors.clone(), lists })))
    }

    /// As [`Self::with_revocation_lists`], from the `X509 CRL` sections of a PEM text.
    ///
    /// # Errors
    /// [`TrustAnchorsInvalid`] names the list, the rule and the remedy.
    pub fn with_revocation_lists_pem(self, text: &[u8]) -> Result<Self, TrustAnchorsInvalid> {
        let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(text)
            .collect::<Result<_, _>>()
            .map_err(|_| TrustAnchorsInvalid::NotPem)?;
        if lists.is_empty() {
            return Err(TrustAnchorsInvalid::NoRevocationList);
        }
        self.with_revocation_lists(lists.iter().map(|der| der.as_ref()))
    }

    /// How many authorities are trusted; at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.anchors.len()
    }

    /// Whether revocation lists are held against the chains.
    #[must_use]
    pub fn check_revocation(&self) -> bool {
        !self.0.lists.is_empty()
    }

    pub(super) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.0.anchors
    }

    pub(super) fn revocation_lists(&self) -> Vec<&CertRevocationList<'static>> {
        self.0.lists.iter().map(|list| &**list).collect()
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TrustAnchors({} authorities, {} revocation lists)",
            self.0.anchors.len(),
            self.0.lists.len()
        )
    }
}

fn anchor(index: usize, der: &[u8]) -> Result<TrustAnchor<'static>, TrustAnchorsInvalid> {
    if der.len() > MAXIMUM_CERTIFICATE {
        return Err(TrustAnchorsInvalid::Certificate(index));
    }
    require_authority(index, der)?;
    anchor_from_trusted_cert(&CertificateDer::from(der))
        .map(|anchor| anchor.to_owned())
        .map_err(|_| TrustAnchorsInvalid::Certificate(index))
}

/// An end-entity certificate configured as an anchor is a mistake: nothing could chain to it, or, worse,
/// its holder could issue. Only version 3 certificates can say what they are (RFC 5280 section 4.2.1.9).
fn require_authority(index: usize, der: &[u8]) -> Result<(), TrustAnchorsInvalid> {
    let malformed = |_| TrustAnchorsInvalid::Certificate(index);
    let certificate = x509_cert::Certificate::from_der(der).map_err(malformed)?;
    let certificate = certificate.tbs_certificate();
    let constraints = certificate.get_extension::<BasicConstraints>().map_err(malformed)?;
    let usage = certificate.get_extension::<KeyUsage>().map_err(malformed)?;
    let is_authority = constraints.is_some_and(|(_, constraints)| constraints.ca);
    let may_sign = usage.is_none_or(|(_, usage)| usage.key_cert_sign());
    if is_authority && may_sign { Ok(()) } else { Err(TrustAnchorsInvalid::NotAuthority(index)) }
}

/// Why no trust anchors were made. Positions count from 0. `Display` names the rule and the remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustAnchorsInvalid {
    /// The text is not well-formed PEM.
    NotPem,
    /// There is no certificate; an empty set would trust nobody, which nobody wants to configure.
    Empty,
    /// The certificate at this position can't be read.
    Certificate(usize),
    /// The certificate at this position is not one of an authority.
    NotAuthority(usize),
    /// The text has no revocation list.
    NoRevocationList,
    /// The revocation list at this position can't be read, or is a delta or an indirect one.
    RevocationList(usize),
}

impl fmt::Display for TrustAnchorsInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPem => f.write_str("the text is not PEM (RFC 7468); give the authorities' PEM file"),
            Self::Empty => f.write_str(
                "there is no certificate; give at least one `-----BEGIN CERTIFICATE-----` section of an \
                 authority",
            ),
            Self::Certificate(index) => {
                write!(f, "certificate {index} is not X.509 that can be read; export it again")
            }
            Self::NotAuthority(index) => write!(
                f,
                "certificate {index} is not one of an authority (basicConstraints CA and, where key usage is \
                 present, keyCertSign); give the authority's certificate, not the client's, or register a \
                 self-signed client with self_signed_tls_client_auth"
            ),
            Self::NoRevocationList => f.write_str(
                "there is no revocation list; give at least one `-----BEGIN X509 CRL-----` section",
            ),
            Self::RevocationList(index) => write!(
                f,
                "revocation list {index} can't be read as a complete, direct CRL; fetch the full list again"
            ),
        }
    }
}

impl std::error::Error for TrustAnchorsInvalid {}
