//! The header formats in which a proxy that ends TLS tells a server which certificate the client holds:
//! RFC 9440 and the product formats before it, one file each, one table for all ([`HEADERS`]).
//! Parsers are strict: a malformed value is refused, never ignored (CC-4-04). Nothing here decides whether
//! a peer may be believed; a caller that hands over values of an untrusted peer has lost (CC-4-02).

mod aws_alb;
mod decode;
mod haproxy;
mod identity;
mod nginx;
mod rfc9440;
mod traefik;
mod xfcc;

use alloc::vec::Vec;
use core::fmt;

use crate::crypto::Cryptography;

pub use identity::{IDENTITY_HEADERS, IdentityHeader, fold_byte, identity_header, same_header_name};

/// The longest header value that is read, in bytes: a chain of post-quantum certificates, percent-encoded.
pub const MAXIMUM_VALUE: usize = 192 * 1024;

/// The most certificates that are read after the leaf.
pub const MAXIMUM_INTERMEDIATES: usize = 9;

/// Every format, in the order of the documentation. To add one: a file, and a line here.
pub const HEADERS: &[HeaderFormat] = &[
    rfc9440::FORMAT,
    xfcc::FORMAT,
    nginx::FORMAT,
    aws_alb::VERIFY,
    aws_alb::PASSTHROUGH,
    haproxy::FORMAT,
    traefik::FORMAT,
];

/// One way to write a certificate into a header.
#[derive(Clone, Copy)]
pub struct HeaderFormat {
    /// The name in configuration.
    pub name: &'static str,
    /// The usual name of the header that carries the leaf, lower-case.
    pub certificate_header: &'static str,
    /// The usual name of a separate header with the rest of the chain.
    pub chain_header: Option<&'static str>,
    /// The usual name of a separate header that says whether the proxy verified the chain. A deployment
    /// whose proxy binds without verifying configures none.
    pub verification_header: Option<&'static str>,
    /// Reads the values; `Ok(None)` when the proxy says that there is no certificate.
    pub parse: fn(&ForwardedValues<'_>) -> Result<Option<Forwarded>, ForwardedInvalid>,
}

impl HeaderFormat {
    /// The format with this name in configuration.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        HEADERS.iter().find(|format| format.name == name)
    }
}

impl fmt::Debug for HeaderFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderFormat({})", self.name)
    }
}

/// All values of the headers of one format in one request, each header line apart, in their order.
#[derive(Clone, Copy)]
pub struct ForwardedValues<'a> {
    /// Values of the certificate header.
    pub certificate: &'a [&'a [u8]],
    /// Values of the chain header; empty when the format or the configuration has none.
    pub chain: &'a [&'a [u8]],
    /// Values of the verification header; `None` when none is configured.
    pub verification: Option<&'a [&'a [u8]]>,
    /// For formats that carry a digest beside the certificate.
    pub cryptography: &'a dyn Cryptography,
}

impl<'a> ForwardedValues<'a> {
    /// The one value of the certificate header: repeated lines are refused (CC-2.2-01), an empty value
    /// (what proxies send for a variable without content) counts as absent.
    fn one_certificate(&self) -> Result<Option<&'a str>, ForwardedInvalid> {
        Ok(one(self.certificate)?.filter(|value| !value.is_empty()))
    }

    /// The one value of the verification header, if one is configured; then it must be there.
    fn one_verification(&self) -> Result<Option<&'a str>, ForwardedInvalid> {
        match self.verification {
            None => Ok(None),
            Some(values) => one(values)?.ok_or(ForwardedInvalid::VerificationMissing).map(Some),
        }
    }
}

fn one<'a>(values: &[&'a [u8]]) -> Result<Option<&'a str>, ForwardedInvalid> {
    match values {
        [] => Ok(None),
        [value] => decode::ascii(value).map(Some),
        _ => Err(ForwardedInvalid::Repeated),
    }
}

/// A certificate as a proxy forwarded it. Every member has been read as X.509; nothing is verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Forwarded {
    /// The end-entity certificate, DER.
    pub leaf: Vec<u8>,
    /// What came after it, DER, in the order of the header.
    pub intermediates: Vec<Vec<u8>>,
}

impl fmt::Debug for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Forwarded(leaf of {} bytes, {} more)", self.leaf.len(), self.intermediates.len())
    }
}

/// Why a forwarded certificate is refused. None of these quotes the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardedInvalid {
    /// A header that may occur once occurs more than once, or one value holds several.
    Repeated,
    /// A value, a certificate or the chain is larger than we read.
    TooLarge,
    /// A value holds bytes outside printable ASCII.
    NotText,
    /// The value is not written in this format.
    NotThisFormat,
    /// What the value encodes is not one X.509 certificate in DER without anything after it.
    NotACertificate,
    /// The chain came without the leaf (CC-2.3-02).
    ChainWithoutCertificate,
    /// The header names a certificate but doesn't carry it (a digest or a subject only).
    CertificateNotIncluded,
    /// Two parts of the header speak of different certificates.
    Disagreement,
    /// The proxy says that it could not verify the certificate.
    NotVerified,
    /// The verification header is configured and the proxy didn't send it.
    VerificationMissing,
}

impl ForwardedInvalid {
    /// The rule as a fixed sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Repeated => "a forwarded certificate header occurs more than once",
            Self::TooLarge => "a forwarded certificate header is larger than allowed",
            Self::NotText => "a forwarded certificate header holds bytes outside printable ASCII",
            Self::NotThisFormat => "the forwarded certificate header is not written in the configured format",
            Self::NotACertificate => {
                "the forwarded certificate header does not hold exactly one X.509 certificate"
            }
            Self::ChainWithoutCertificate => "a forwarded chain came without its end-entity certificate",
            Self::CertificateNotIncluded => {
                "the forwarded header names a certificate without holding it; let the proxy send the certificate"
            }
            Self::Disagreement => "parts of the forwarded header speak of different certificates",
            Self::NotVerified => "the proxy says that the client certificate failed its verification",
            Self::VerificationMissing => {
                "the proxy sent no verification header; let it send one, or configure none"
            }
        }
    }
}

impl fmt::Display for ForwardedInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

impl core::error::Error for ForwardedInvalid {}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
