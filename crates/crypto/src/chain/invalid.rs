//! Why a client's chain was refused, precisely, for the operator; the client is told one sentence for all of
//! it elsewhere. Nothing here quotes a certificate.

use core::fmt;

use bindery_core::time::UnixTime;
use webpki::Error;

/// The rule that a client's certificate chain breaks. `Display` is for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainInvalid {
    /// A certificate is larger than we read.
    TooLong,
    /// More intermediates than we look at.
    TooManyCertificates,
    /// The client's certificate is not X.509 version 3 that can be read.
    Malformed,
    /// The intermediate at this position (from 0) is not X.509 at all.
    MalformedIntermediate(usize),
    /// No path leads from the certificate to a trusted authority.
    UnknownIssuer,
    /// A certificate names an issuer that we know, but that issuer's key did not sign it: another authority of
    /// the same name (MTLS-7.4-01).
    WrongSignature,
    /// A certificate of the chain is past its end.
    Expired {
        /// The end of its validity.
        not_after: UnixTime,
    },
    /// A certificate of the chain is not valid yet.
    NotYetValid {
        /// The start of its validity.
        not_before: UnixTime,
    },
    /// The extended key usage is present without clientAuth (MTLS-7.5-02).
    NotForClientAuthentication,
    /// The client presented an authority's certificate as its own.
    AuthorityAsClient,
    /// An issuer in the chain may not issue: it is no authority, or its key usage lacks keyCertSign.
    IssuerNotAuthority,
    /// The client certificate's key usage is present without digitalSignature.
    KeyUsage,
    /// The chain is longer than an authority's path length constraint allows.
    PathLength,
    /// A name lies outside an authority's name constraints.
    NameConstraints,
    /// A critical extension that is not understood (RFC 5280 section 4.2).
    CriticalExtension,
    /// A signature algorithm or key that we don't accept, such as SHA-1 or RSA under 2048 bits.
    UnsupportedAlgorithm,
    /// A certificate of the chain is revoked.
    Revoked,
    /// No configured revocation list covers a certificate of the chain.
    RevocationUnknown,
    /// The revocation list of an issuer is past its next update.
    RevocationListExpired,
    /// A revocation list's signature or signer is not right.
    RevocationListInvalid,
    /// The certificates make too many possible paths to try.
    TooComplex,
}

impl ChainInvalid {
    /// An error while reading the client's certificate.
    pub(super) fn of_leaf(error: &Error) -> Self {
        match error {
            Error::UnsupportedCriticalExtension => Self::CriticalExtension,
            _ => Self::Malformed,
        }
    }

    /// The error of the path that came nearest to being good. Whatever webpki may add refuses as malformed.
    pub(super) fn of_path(error: &Error) -> Self {
        match error {
            Error::UnknownIssuer | Error::CertDistrusted => Self::UnknownIssuer,
            Error::InvalidSignatureForPublicKey | Error::SignatureAlgorithmMismatch => Self::WrongSignature,
            Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Self::WrongSignature,
            Error::CertExpired { not_after, .. } => Self::Expired { not_after: time(*not_after) },
            Error::CertNotValidYet { not_before, .. } => Self::NotYetValid { not_before: time(*not_before) },
            Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => {
                Self::NotForClientAuthentication
            }
            Error::CaUsedAsEndEntity => Self::AuthorityAsClient,
            Error::EndEntityUsedAsCa => Self::IssuerNotAuthority,
            Error::PathLenConstraintViolated | Error::MaximumPathDepthExceeded => Self::PathLength,
            Error::NameConstraintViolation
            | Error::MalformedNameConstraint
            | Error::InvalidNetworkMaskConstraint => Self::NameConstraints,
            Error::UnsupportedCriticalExtension => Self::CriticalExtension,
            Error::UnsupportedSignatureAlgorithmContext(_) => Self::UnsupportedAlgorithm,
            _ => Self::of_revocation(error),
        }
    }

    fn of_revocation(error: &Error) -> Self {
        match error {
            Error::CertRevoked => Self::Revoked,
            Error::UnknownRevocationStatus => Self::RevocationUnknown,
            Error::CrlExpired { .. } => Self::RevocationListExpired,
            Error::InvalidCrlSignatureForPublicKey
            | Error::IssuerNotCrlSigner
            | Error::UnsupportedCrlSignatureAlgorithmContext(_)
            | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => Self::RevocationListInvalid,
            Error::MaximumSignatureChecksExceeded
            | Error::MaximumPathBuildCallsExceeded
            | Error::MaximumNameConstraintComparisonsExceeded => Self::TooComplex,
            _ => Self::Malformed,
        }
    }
}

fn time(time: rustls_pki_types::UnixTime) -> UnixTime {
    UnixTime::from_seconds(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

impl fmt::Display for ChainInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "a certificate is larger than 32 KiB",
            Self::TooManyCertificates => "the client sent more than 10 certificates beside its own",
            Self::Malformed => "a certificate of the chain is not X.509 version 3 that can be read",
            Self::MalformedIntermediate(index) => {
                return write!(f, "the client's certificate {} after its own is not X.509", index + 1);
            }
            Self::UnknownIssuer => {
                "no path leads to a trusted authority; trust the issuer for this client, or have the client \
                 send its intermediates"
            }
            Self::WrongSignature => {
                "the certificate names a trusted authority, but another key signed it: an impostor, or a \
                 renewed authority that is not configured yet"
            }
            Self::Expired { not_after } => {
                return write!(f, "a certificate of the chain expired at {not_after}; the client must renew it");
            }
            Self::NotYetValid { not_before } => {
                return write!(
                    f,
                    "a certificate of the chain is valid only from {not_before}; compare the clocks of \
                     authority and server"
                );
            }
            Self::NotForClientAuthentication => {
                "the extended key usage lacks clientAuth; issue the client a certificate with it"
            }
            Self::AuthorityAsClient => {
                "the client presents an authority's certificate as its own; issue it an end-entity certificate"
            }
            Self::IssuerNotAuthority => "an issuer in the chain is not allowed to issue certificates",
            Self::KeyUsage => {
                "the key usage lacks digitalSignature; issue the client a certificate with it"
            }
            Self::PathLength => "the chain is longer than an authority's path length allows",
            Self::NameConstraints => "a name in the certificate lies outside an authority's name constraints",
            Self::CriticalExtension => "a certificate has a critical extension that is not understood",
            Self::UnsupportedAlgorithm => {
                "a certificate is signed with an algorithm that is not accepted, such as SHA-1"
            }
            Self::Revoked => "a certificate of the chain is revoked",
            Self::RevocationUnknown => {
                "no configured revocation list covers a certificate of the chain; give the list of every \
                 authority in it"
            }
            Self::RevocationListExpired => "a revocation list is past its next update; fetch it again",
            Self::RevocationListInvalid => "a revocation list is not signed by the issuer that it speaks for",
            Self::TooComplex => "the client's certificates make too many possible paths",
        })
    }
}

impl std::error::Error for ChainInvalid {}
