//! The confirmation claim `cnf` (RFC 7800 section 3.1, RFC 9449 section 6.1, RFC 8705 section 3.1): which key
//! the holder of a token must prove. A `cnf` that names nothing we enforce is refused, never read as
//! bearer (AMB-05); every member that we know must hold (AMB-08).

use core::fmt;

use serde_json::{Map, Value};

use crate::jose::thumbprint::JwkThumbprint;
use crate::mtls::certificate::CertificateThumbprint;
use crate::oauth::sender_constraint::ProvenKeys;

/// The key or keys that a token is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// No `cnf`: a bearer token.
    Unbound,
    /// `cnf.jkt`: a DPoP key.
    Dpop(JwkThumbprint),
    /// `cnf["x5t#S256"]`: a client certificate.
    Mtls(CertificateThumbprint),
    /// Both members: both must be proven.
    Both(JwkThumbprint, CertificateThumbprint),
}

/// Why a `cnf` cannot be enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmationInvalid {
    /// `cnf` is not an object.
    NotAnObject,
    /// A member that we know is not a canonical SHA-256 thumbprint.
    Thumbprint(&'static str),
    /// No member is one that we enforce (`{}` included).
    NothingEnforceable,
}

/// A key that something is bound to is not proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyNotProven;

impl fmt::Display for ConfirmationInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => f.write_str("`cnf` is not an object"),
            Self::Thumbprint(name) => {
                write!(f, "`cnf` member `{name}` is not 43 characters of canonical base64url")
            }
            Self::NothingEnforceable => f.write_str("`cnf` has neither `jkt` nor `x5t#S256`"),
        }
    }
}

impl Confirmation {
    /// Reads the value of a `cnf` claim; `None` when the token has no such claim.
    ///
    /// # Errors
    /// [`ConfirmationInvalid`] when a `cnf` is there and can't be enforced whole.
    pub fn parse(cnf: Option<&Value>) -> Result<Self, ConfirmationInvalid> {
        let members = match cnf {
            None => return Ok(Self::Unbound),
            Some(Value::Object(members)) => members,
            Some(_) => return Err(ConfirmationInvalid::NotAnObject),
        };
        let jkt = text(members, "jkt")?
            .map(|text| JwkThumbprint::parse(text).map_err(|_| ConfirmationInvalid::Thumbprint("jkt")))
            .transpose()?;
        let x5t = text(members, "x5t#S256")?
            .map(|text| {
                CertificateThumbprint::parse(text).map_err(|_| ConfirmationInvalid::Thumbprint("x5t#S256"))
            })
            .transpose()?;
        match (jkt, x5t) {
            (Some(jkt), None) => Ok(Self::Dpop(jkt)),
            (None, Some(x5t)) => Ok(Self::Mtls(x5t)),
            (Some(jkt), Some(x5t)) => Ok(Self::Both(jkt, x5t)),
            (None, None) => Err(ConfirmationInvalid::NothingEnforceable),
        }
    }

    /// The `cnf` claim as an authorization server writes it; `None` for an unbound token.
    #[must_use]
    pub fn to_claim(&self) -> Option<Value> {
        let mut members = Map::new();
        if let Some(jkt) = self.dpop() {
            members.insert("jkt".into(), alloc::string::ToString::to_string(&jkt).into());
        }
        if let Some(x5t) = self.mtls() {
            members.insert("x5t#S256".into(), alloc::string::ToString::to_string(&x5t).into());
        }
        (!members.is_empty()).then_some(Value::Object(members))
    }

    /// Requires that every key that is named is proven by the request at hand (DPOP-5-06, MTLS-4-01).
    ///
    /// # Errors
    /// [`KeyNotProven`] when one is not.
    pub fn confirm(&self, proven: ProvenKeys) -> Result<(), KeyNotProven> {
        let dpop = self.dpop().is_none_or(|jkt| proven.dpop == Some(jkt));
        let mtls = self.mtls().is_none_or(|x5t| proven.mtls == Some(x5t));
        if dpop && mtls { Ok(()) } else { Err(KeyNotProven) }
    }

    /// The DPoP key's thumbprint, if one is named.
    #[must_use]
    pub const fn dpop(&self) -> Option<JwkThumbprint> {
        match self {
            Self::Dpop(jkt) | Self::Both(jkt, _) => Some(*jkt),
            Self::Unbound | Self::Mtls(_) => None,
        }
    }

    /// The certificate's thumbprint, if one is named.
    #[must_use]
    pub const fn mtls(&self) -> Option<CertificateThumbprint> {
        match self {
            Self::Mtls(x5t) | Self::Both(_, x5t) => Some(*x5t),
            Self::Unbound | Self::Dpop(_) => None,
        }
    }
}

fn text<'m>(
    members: &'m Map<alloc::string::String, Value>,
    name: &'static str,
) -> Result<Option<&'m str>, ConfirmationInvalid> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ConfirmationInvalid::Thumbprint(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

    #[test]
    fn cnf_shapes_that_name_nothing_enforceable_are_refused_never_bearer() {
        for cnf in [
            json!({}),
            json!({"kid": "1"}),
            json!({"jwk": {}}),
            json!({"x5t": THUMBPRINT}),
            json!({"JKT": THUMBPRINT}),
        ] {
            assert_eq!(
                Confirmation::parse(Some(&cnf)),
                Err(ConfirmationInvalid::NothingEnforceable),
                "{cnf}"
            );
        }
        for cnf in [json!("x"), json!([]), json!(null), json!(1), json!(true)] {
            assert_eq!(Confirmation::parse(Some(&cnf)), Err(ConfirmationInvalid::NotAnObject), "{cnf}");
        }
    }

    #[test]
    fn thumbprints_must_be_canonical_and_whole() {
        for text in [
            "",
            "AA",
            &THUMBPRINT[..42],
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4J",
            &alloc::format!("{THUMBPRINT}="),
        ] {
            assert!(Confirmation::parse(Some(&json!({ "jkt": text }))).is_err(), "{text}");
            assert!(Confirmation::parse(Some(&json!({ "x5t#S256": text }))).is_err(), "{text}");
        }
        for value in [json!(null), json!(1), json!([THUMBPRINT]), json!({})] {
            assert!(Confirmation::parse(Some(&json!({ "jkt": value }))).is_err());
        }
    }

    #[test]
    fn an_unknown_member_beside_an_enforced_one_is_ignored_and_both_known_ones_count() {
        let cnf = json!({"jkt": THUMBPRINT, "other": 1});
        assert!(matches!(Confirmation::parse(Some(&cnf)), Ok(Confirmation::Dpop(_))));
        let cnf = json!({"jkt": THUMBPRINT, "x5t#S256": THUMBPRINT});
        let both = Confirmation::parse(Some(&cnf)).unwrap();
        assert!(matches!(both, Confirmation::Both(..)));
        assert_eq!(both.to_claim(), Some(cnf));
    }

    #[test]
    fn no_cnf_is_unbound() {
        assert_eq!(Confirmation::parse(None), Ok(Confirmation::Unbound));
        assert_eq!(Confirmation::Unbound.to_claim(), None);
    }
}
