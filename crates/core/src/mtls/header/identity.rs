//! Names of headers that say who a client is. Nobody but a trusted proxy may send them, so they are removed
//! from every inbound request first (CC-2.4-01, CC-4-10, TB-TTRP-2-06). Names are compared without case and
//! with `_` and `-` alike, because gateways in front of us and CGI-like applications behind us fold them.

/// One entry of the list: a name, or the beginning of a family of names. Lower-case, with `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityHeader {
    /// Exactly this name.
    Named(&'static str),
    /// Every name that starts so.
    Beginning(&'static str),
}

use IdentityHeader::{Beginning, Named};

/// Every header that any known proxy uses to forward a client certificate or what it says.
/// `Forwarded` and `X-Forwarded-For/-Proto/-Host` are no identities and not in the list.
pub const IDENTITY_HEADERS: &[IdentityHeader] = &[
    Beginning("bindery-"),
    Beginning("cf-client-cert"),
    Beginning("client-cert"),
    Named("sec-other-token-binding-id"),
    Named("sec-provided-token-binding-id"),
    Named("sec-referred-token-binding-id"),
    Beginning("ssl-cert"),
    Beginning("ssl-client"),
    Beginning("x-amzn-mtls-"),
    Beginning("x-arr-clientcert"),
    Beginning("x-client-cert"),
    Named("x-client-dn"),
    Named("x-client-verify"),
    Beginning("x-forwarded-client-cert"),
    Beginning("x-forwarded-ssl-client"),
    Beginning("x-forwarded-tls-client"),
    Beginning("x-mtls-"),
    Beginning("x-ssl-"),
    Beginning("x-tls-client"),
];

/// The entry that a header name falls under.
#[must_use]
pub fn identity_header(name: &str) -> Option<&'static IdentityHeader> {
    let first = fold_byte(*name.as_bytes().first()?);
    IDENTITY_HEADERS.iter().find(|entry| {
        let (Named(known) | Beginning(known)) = entry;
        // Nearly every header of nearly every request ends here.
        if known.as_bytes().first() != Some(&first) {
            return false;
        }
        match entry {
            Named(known) => same_header_name(name, known),
            Beginning(known) => name.get(..known.len()).is_some_and(|start| same_header_name(start, known)),
        }
    })
}

/// Whether two names are the same to a server that folds case and reads `_` as `-`.
#[must_use]
pub fn same_header_name(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && one.bytes().zip(other.bytes()).all(|(one, other)| fold_byte(one) == fold_byte(other))
}

/// The form of a name's byte under which twins are equal.
#[must_use]
pub const fn fold_byte(byte: u8) -> u8 {
    match byte {
        b'_' => b'-',
        other => other.to_ascii_lowercase(),
    }
}
