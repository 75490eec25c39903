//! Which binding a client's tokens get (AMB-06, AMB-07): the registered constraint and what the request has
//! proven go in, one confirmation or one refusal comes out. Only the exception `none`, before its end date,
//! ever yields an unbound token; a client that must be bound never falls back to bearer.

use alloc::string::String;

use super::token_error::TokenError;
use crate::jose::thumbprint::JwkThumbprint;
use crate::mtls::certificate::CertificateThumbprint;
use crate::time::UnixTime;
use crate::token::confirmation::Confirmation;

/// What a client must prove for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SenderConstraint {
    /// A DPoP key (RFC 9449).
    Dpop,
    /// A certificate (RFC 8705 section 3).
    Mtls,
    /// Either; a DPoP proof, being the explicit act, wins over a certificate.
    Any,
    /// Both, and the token names both.
    Both,
    /// An exception that ends: bearer tokens are issued until then.
    None(BearerException),
}

/// Why and until when a client may have bearer tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BearerException {
    /// The operator's reason.
    pub reason: String,
    /// From this second on, no more.
    pub until: UnixTime,
}

/// What a request has proven.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProvenKeys {
    /// The key of a verified DPoP proof.
    pub dpop: Option<JwkThumbprint>,
    /// The client certificate of the connection.
    pub mtls: Option<CertificateThumbprint>,
}

impl SenderConstraint {
    /// The wire and configuration name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dpop => "dpop",
            Self::Mtls => "mtls",
            Self::Any => "any",
            Self::Both => "both",
            Self::None(_) => "none",
        }
    }

    /// Requires what the constraint asks for.
    ///
    /// # Errors
    /// [`TokenError`] names what is missing.
    pub fn require(&self, proven: ProvenKeys, now: UnixTime) -> Result<Confirmation, TokenError> {
        match (self, proven.dpop, proven.mtls) {
            (Self::Dpop | Self::Any | Self::None(_), Some(jkt), _) => Ok(Confirmation::Dpop(jkt)),
            (Self::Mtls | Self::Any, _, Some(x5t)) => Ok(Confirmation::Mtls(x5t)),
            (Self::Both, Some(jkt), Some(x5t)) => Ok(Confirmation::Both(jkt, x5t)),
            (Self::Dpop, None, _) | (Self::Both, None, Some(_)) => Err(TokenError::DpopProofMissing),
            (Self::Mtls, _, None) | (Self::Both, Some(_), None) => Err(TokenError::CertificateMissing),
            (Self::Any, None, None) | (Self::Both, None, None) => Err(TokenError::SenderConstraintMissing),
            (Self::None(exception), None, certificate) => match certificate {
                _ if now < exception.until => Ok(Confirmation::Unbound),
                Some(x5t) => Ok(Confirmation::Mtls(x5t)),
                None => Err(TokenError::BearerExceptionEnded),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proven(dpop: bool, mtls: bool) -> ProvenKeys {
        let text = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        ProvenKeys {
            dpop: dpop.then(|| JwkThumbprint::parse(text).unwrap()),
            mtls: mtls.then(|| CertificateThumbprint::parse(text).unwrap()),
        }
    }

    #[test]
    fn only_an_exception_before_its_end_yields_an_unbound_token() {
        let now = UnixTime::from_seconds(100);
        let exception = |until| {
            SenderConstraint::None(BearerException {
                reason: "r".into(),
                until: UnixTime::from_seconds(until),
            })
        };
        for constraint in [
            SenderConstraint::Dpop,
            SenderConstraint::Mtls,
            SenderConstraint::Any,
            SenderConstraint::Both,
            exception(100),
            exception(99),
        ] {
            for (dpop, mtls) in [(false, false), (true, false), (false, true), (true, true)] {
                let outcome = constraint.require(proven(dpop, mtls), now);
                assert_ne!(outcome, Ok(Confirmation::Unbound), "{constraint:?} {dpop} {mtls}");
            }
        }
        assert_eq!(exception(101).require(proven(false, false), now), Ok(Confirmation::Unbound));
        assert_eq!(exception(100).require(proven(false, false), now), Err(TokenError::BearerExceptionEnded));
    }

    #[test]
    fn a_proof_wins_over_a_certificate_unless_registration_says_otherwise() {
        let now = UnixTime::from_seconds(0);
        let kind = |constraint: SenderConstraint| constraint.require(proven(true, true), now).unwrap();
        assert!(matches!(kind(SenderConstraint::Any), Confirmation::Dpop(_)));
        assert!(matches!(kind(SenderConstraint::Dpop), Confirmation::Dpop(_)));
        assert!(matches!(kind(SenderConstraint::Mtls), Confirmation::Mtls(_)));
        assert!(matches!(kind(SenderConstraint::Both), Confirmation::Both(..)));
    }

    #[test]
    fn both_demands_both() {
        let now = UnixTime::from_seconds(0);
        let error = |dpop, mtls| SenderConstraint::Both.require(proven(dpop, mtls), now).unwrap_err();
        assert_eq!(error(true, false), TokenError::CertificateMissing);
        assert_eq!(error(false, true), TokenError::DpopProofMissing);
        assert_eq!(error(false, false), TokenError::SenderConstraintMissing);
    }
}
