//! The five subject rules of `tls_client_auth` (RFC 8705 section 2.1.2): a client registers exactly one
//! expected subject, and its certificate must carry it. Comparison is over parsed DER, never over printed
//! text, so no escaping in a certificate can make two subjects look alike (the class of CVE-2026-22747).
//! Nothing here speaks about the certificate's chain; the caller verifies that apart.

mod distinguished_name;
mod leaf;

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use distinguished_name::DistinguishedName;

pub use leaf::{CertificateUnreadable, public_key_of, validity};

/// The longest registered value, in bytes.
pub const MAXIMUM_SUBJECT: usize = 1024;

/// Which part of the certificate a rule speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// The subject distinguished name.
    Dn,
    /// A dNSName of the subject alternative name.
    SanDns,
    /// A uniformResourceIdentifier of the subject alternative name.
    SanUri,
    /// An iPAddress of the subject alternative name.
    SanIp,
    /// An rfc822Name of the subject alternative name.
    SanEmail,
}

impl SubjectKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Dn, Self::SanDns, Self::SanUri, Self::SanIp, Self::SanEmail];

    /// The name of the client metadata (RFC 8705 section 2.1.2).
    #[must_use]
    pub const fn metadata_name(self) -> &'static str {
        match self {
            Self::Dn => "tls_client_auth_subject_dn",
            Self::SanDns => "tls_client_auth_san_dns",
            Self::SanUri => "tls_client_auth_san_uri",
            Self::SanIp => "tls_client_auth_san_ip",
            Self::SanEmail => "tls_client_auth_san_email",
        }
    }

    /// The kind whose metadata has this name.
    #[must_use]
    pub fn by_metadata_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.metadata_name() == name)
    }
}

/// A registered subject: what the certificate of one client must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectRule {
    kind: SubjectKind,
    registered: String,
    expected: Expected,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    Dn(DistinguishedName),
    Text,
    Ip(IpAddr),
    Email { local_length: usize },
}

impl SubjectRule {
    /// Reads a registered value. Exactly one of the five metadata may be set (MTLS-2.1-02); whoever reads
    /// the registration sees to that.
    ///
    /// # Errors
    /// [`SubjectRuleInvalid`] names the rule that the value breaks and the remedy.
    pub fn parse(kind: SubjectKind, value: &str) -> Result<Self, SubjectRuleInvalid> {
        if value.is_empty() || value.len() > MAXIMUM_SUBJECT || value.contains(char::is_control) {
            return Err(SubjectRuleInvalid::Value(kind));
        }
        let expected = match kind {
            SubjectKind::Dn => {
                DistinguishedName::parse(value).map(Expected::Dn).map_err(SubjectRuleInvalid::Dn)?
            }
            SubjectKind::SanDns => require_dns_name(value).map(|()| Expected::Text)?,
            SubjectKind::SanUri => require_uri(value).map(|()| Expected::Text)?,
            SubjectKind::SanIp => {
                Expected::Ip(value.parse().map_err(|_| SubjectRuleInvalid::Value(SubjectKind::SanIp))?)
            }
            SubjectKind::SanEmail => Expected::Email { local_length: local_part(value)? },
        };
        Ok(Self { kind, registered: value.to_owned(), expected })
    }

    /// Which part of the certificate the rule speaks of.
    #[must_use]
    pub const fn kind(&self) -> SubjectKind {
        self.kind
    }

    /// The value as registered.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.registered
    }

    /// Confirms that the certificate carries the registered subject. One of several alternative names is
    /// enough (MTLS-2.1-05); the common name never stands in for an alternative name.
    ///
    /// # Errors
    /// [`SubjectMismatch`]: the certificate says something else, or can't be read.
    pub fn confirm(&self, leaf_der: &[u8]) -> Result<SubjectConfirmed, SubjectMismatch> {
        let certificate = leaf::read(leaf_der).map_err(|_| SubjectMismatch::Unreadable)?;
        if let Expected::Dn(expected) = &self.expected {
            let found = DistinguishedName::of(certificate.tbs_certificate().subject())
                .map_err(|_| SubjectMismatch::Unreadable)?;
            return if *expected == found { Ok(SubjectConfirmed(())) } else { Err(SubjectMismatch::Dn) };
        }
        let names = leaf::alternative_names(&certificate).map_err(|_| SubjectMismatch::Unreadable)?;
        let mut same_kind = names.iter().filter(|name| name.kind == self.kind).peekable();
        if same_kind.peek().is_none() {
            return Err(SubjectMismatch::NoSuchName(self.kind));
        }
        // A name is compared as a whole: an embedded NUL or a wildcard is a byte like any other, and no
        // registered value can hold one (MTLS-2.1-04, MTLS-7.5-01).
        match same_kind.any(|name| self.names(name.value)) {
            true => Ok(SubjectConfirmed(())),
            false => Err(SubjectMismatch::OtherName(self.kind)),
        }
    }

    fn names(&self, found: &[u8]) -> bool {
        let registered = self.registered.as_bytes();
        match (&self.expected, self.kind) {
            (Expected::Text, SubjectKind::SanDns) => registered.eq_ignore_ascii_case(found),
            (Expected::Text, _) => registered == found,
            // In binary, so `::ffff:192.0.2.1` (16 octets) is never `192.0.2.1` (4 octets) (MTLS-2.1-06).
            (Expected::Ip(IpAddr::V4(ip)), _) => {
                <[u8; 4]>::try_from(found).is_ok_and(|found| Ipv4Addr::from(found) == *ip)
            }
            (Expected::Ip(IpAddr::V6(ip)), _) => {
                <[u8; 16]>::try_from(found).is_ok_and(|found| Ipv6Addr::from(found) == *ip)
            }
            (Expected::Email { local_length }, _) => {
                registered.len() == found.len()
                    && registered[..*local_length] == found[..*local_length]
                    && registered[*local_length..].eq_ignore_ascii_case(&found[*local_length..])
            }
            (Expected::Dn(_), _) => false,
        }
    }
}

/// A host name: labels of letters, digits, `-` and `_`, no wildcard, no final dot.
fn require_dns_name(value: &str) -> Result<(), SubjectRuleInvalid> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if value.len() > 253 || !value.split('.').all(label) {
        return Err(SubjectRuleInvalid::Value(SubjectKind::SanDns));
    }
    Ok(())
}

/// An absolute URI by its outer form: a scheme, a colon, and visible ASCII (RFC 3986 section 3).
fn require_uri(value: &str) -> Result<(), SubjectRuleInvalid> {
    let (scheme, rest) = value.split_once(':').unwrap_or_default();
    let scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        || !scheme.bytes().all(scheme_byte)
        || rest.is_empty()
        || !rest.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(SubjectRuleInvalid::Value(SubjectKind::SanUri));
    }
    Ok(())
}

/// The length of an address's local part: exactly one `@`, and something on both sides of it.
fn local_part(value: &str) -> Result<usize, SubjectRuleInvalid> {
    let invalid = SubjectRuleInvalid::Value(SubjectKind::SanEmail);
    match value.split_once('@') {
        Some((local, domain))
            if !local.is_empty()
                && !domain.contains('@')
                && value.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            require_dns_name(domain).map_err(|_| invalid)?;
            Ok(local.len())
        }
        _ => Err(invalid),
    }
}

/// The certificate carries the registered subject. Says nothing of its chain or its dates.
#[derive(Debug)]
#[must_use = "a confirmed subject is half of tls_client_auth; the chain is the other half"]
pub struct SubjectConfirmed(());

/// Why a certificate is not the registered one. Quotes nothing of the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubjectMismatch {
    /// The certificate, or the part that the rule needs, can't be read without doubt.
    Unreadable,
    /// Its distinguished name is another one.
    Dn,
    /// It has no alternative name of this kind.
    NoSuchName(SubjectKind),
    /// It has alternative names of this kind, none of them the registered one.
    OtherName(SubjectKind),
}

impl fmt::Display for SubjectMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("the certificate's subject can't be read without doubt"),
            Self::Dn => f.write_str("the certificate's subject is not the registered distinguished name"),
            Self::NoSuchName(kind) => {
                write!(
                    f,
                    "the certificate has no alternative name of the kind that {} asks for",
                    kind.metadata_name()
                )
            }
            Self::OtherName(kind) => {
                write!(
                    f,
                    "none of the certificate's alternative names equals the registered {}",
                    kind.metadata_name()
                )
            }
        }
    }
}

impl core::error::Error for SubjectMismatch {}

/// Why a registered subject is unusable: the rule and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubjectRuleInvalid {
    /// The value does not have the form of its kind.
    Value(SubjectKind),
    /// The distinguished name is not an RFC 4514 string; says what is wrong.
    Dn(&'static str),
}

impl fmt::Display for SubjectRuleInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, form) = match self {
            Self::Dn(reason) => {
                return write!(
                    f,
                    "tls_client_auth_subject_dn is not an RFC 4514 distinguished name: {reason}; \
                     write it like `CN=api,O=Example\\, Inc,C=NL`"
                );
            }
            Self::Value(kind) => (
                kind,
                match kind {
                    SubjectKind::Dn => {
                        "a distinguished name of at most 1024 bytes without control characters"
                    }
                    SubjectKind::SanDns => {
                        "one host name without wildcard or final dot, like `api.example.com`"
                    }
                    SubjectKind::SanUri => "one absolute URI, like `spiffe://example.org/api`",
                    SubjectKind::SanIp => "one IPv4 or IPv6 address, like `192.0.2.1` or `2001:db8::1`",
                    SubjectKind::SanEmail => "one address, like `api@example.com`",
                },
            ),
        };
        write!(f, "{} must be {form}", kind.metadata_name())
    }
}

impl core::error::Error for SubjectRuleInvalid {}

#[cfg(test)]
#[path = "subject_tests.rs"]
mod tests;
