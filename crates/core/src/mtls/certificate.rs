//! The client certificate of a request and its SHA-256 thumbprint (RFC 8705 section 3.1), or the reason
//! why there is none. A value of [`ClientCertificate`] says only that somebody trusted (our own TLS
//! handshake, or a listed proxy) vouches that the client holds the key; it says nothing about its chain.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq as _;

use crate::crypto::{Cryptography, Sha256Digest};
use crate::encoding::base64url::{self, NotBase64Url};

/// The largest certificate that is read, in bytes of DER; post-quantum ones pass 8 KiB (CC-3-01).
pub const MAXIMUM_CERTIFICATE: usize = 32 * 1024;

/// SHA-256 over the DER encoding of a certificate: `x5t#S256`.
#[derive(Clone, Copy, Eq)]
pub struct CertificateThumbprint(Sha256Digest);

impl CertificateThumbprint {
    /// Computes the thumbprint of a certificate in DER (AMB-23: of the leaf, never of text or chain).
    #[must_use]
    pub fn of(der: &[u8], cryptography: &dyn Cryptography) -> Self {
        Self(cryptography.sha256(&[der]))
    }

    /// Reads the 43-character form.
    ///
    /// # Errors
    /// [`NotBase64Url`] unless the text is canonical and of exactly 32 bytes (MTLS-3.1-03).
    pub fn parse(text: &str) -> Result<Self, NotBase64Url> {
        base64url::decode_array(text).map(Self)
    }

    /// The digest itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &Sha256Digest {
        &self.0
    }
}

/// In constant time.
impl PartialEq for CertificateThumbprint {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Of the same bytes that equality compares.
impl core::hash::Hash for CertificateThumbprint {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for CertificateThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(&base64url::encode_digest(&self.0)).unwrap_or_default())
    }
}

impl fmt::Debug for CertificateThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateThumbprint({self})")
    }
}

impl serde::Serialize for CertificateThumbprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for CertificateThumbprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|_| serde::de::Error::custom("not a SHA-256 certificate thumbprint"))
    }
}

/// A certificate whose key the client has proven to hold, in our handshake or a trusted proxy's.
/// Cheap to clone; made once per connection.
#[derive(Clone)]
pub struct ClientCertificate(Arc<Inner>);

struct Inner {
    leaf: Vec<u8>,
    intermediates: Vec<Vec<u8>>,
    thumbprint: CertificateThumbprint,
}

impl ClientCertificate {
    /// Takes the leaf and the certificates sent after it, all DER, in the order of the handshake.
    /// The caller vouches for the proof of possession.
    #[must_use]
    pub fn new(leaf: Vec<u8>, intermediates: Vec<Vec<u8>>, cryptography: &dyn Cryptography) -> Self {
        let thumbprint = CertificateThumbprint::of(&leaf, cryptography);
        Self(Arc::new(Inner { leaf, intermediates, thumbprint }))
    }

    /// The end-entity certificate, DER.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        &self.0.leaf
    }

    /// What the client sent after the leaf; unordered and unverified.
    #[must_use]
    pub fn intermediates(&self) -> &[Vec<u8>] {
        &self.0.intermediates
    }

    /// `x5t#S256` of the leaf.
    #[must_use]
    pub fn thumbprint(&self) -> CertificateThumbprint {
        self.0.thumbprint
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({})", self.0.thumbprint)
    }
}

/// Why a request carries no usable client certificate; an `Option` whose `None` can be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateAbsence {
    /// The connection is not TLS, or the listener does not ask for certificates.
    NotAsked,
    /// The listener asked and the client sent none.
    NotOffered,
    /// The connection comes from a trusted proxy, and the proxy forwarded none.
    NotForwarded,
}

impl fmt::Display for CertificateAbsence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAsked => "the listener does not ask for client certificates",
            Self::NotOffered => "the client offered no certificate in the handshake",
            Self::NotForwarded => "the trusted proxy forwarded no certificate",
        })
    }
}

/// The certificate of a request, or the reason for its absence.
#[derive(Clone, Debug)]
pub enum PresentedCertificate {
    /// The client holds this certificate's key.
    Present(ClientCertificate),
    /// There is none.
    Absent(CertificateAbsence),
}

impl PresentedCertificate {
    /// The certificate, if there is one.
    #[must_use]
    pub const fn certificate(&self) -> Option<&ClientCertificate> {
        match self {
            Self::Present(certificate) => Some(certificate),
            Self::Absent(_) => None,
        }
    }
}
