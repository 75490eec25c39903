//! Why the middleware hands back a 401 or a redirect instead of dealing with it. It lies in the response's
//! extensions, so the application sees the server's answer and the reason side by side.

use std::fmt;

/// Why a response was handed back as it is. Find it with
/// `response.extensions().get::<Explanation>()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Explanation {
    /// The server wants the request again, but its body was a stream that is gone.
    BodyNotRepeatable,
    /// The server demands a nonce and gives none.
    NonceMissing,
    /// The server demands again the nonce that it was just sent.
    NonceUnchanged,
    /// The server refuses every nonce that it gives.
    NonceLimit,
    /// A newly obtained token was refused as well.
    TokenRefused,
    /// The proof was refused, and a corrected clock would not change it.
    ProofRefused,
    /// The resource offers no scheme that a token of this binding may travel under.
    SchemeNotOffered,
    /// The redirect leads to another origin.
    RedirectToOtherOrigin,
    /// The redirect leads to a URL that is not https, or outside the configured resources.
    RedirectRefused,
    /// Too many redirects.
    RedirectLimit,
}

impl Explanation {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::BodyNotRepeatable => {
                "send the request again with a new stream: the nonce and the token that were missing are known now"
            }
            Self::NonceMissing | Self::NonceUnchanged | Self::NonceLimit => {
                "tell the operator of the resource; nodes that don't share their nonce keys look like this"
            }
            Self::TokenRefused => {
                "compare the token's audience and issuer with what the resource trusts; over mutual TLS, use the identity of the source"
            }
            Self::ProofRefused => {
                "compare the URL with the one that the resource knows itself by, and this machine's clock with its own"
            }
            Self::SchemeNotOffered => "have the resource accept DPoP; a bound token is never sent as Bearer",
            Self::RedirectToOtherOrigin => {
                "request the other origin itself, or choose to follow without credentials"
            }
            Self::RedirectRefused => {
                "have the server redirect to https, and name every resource in the configuration"
            }
            Self::RedirectLimit => "look for a redirect loop",
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BodyNotRepeatable => {
                "the server wants the request again, but its body can be sent only once"
            }
            Self::NonceMissing => "the server demands a nonce and gives none",
            Self::NonceUnchanged => "the server demands again the nonce that it was just sent",
            Self::NonceLimit => "the server refuses every nonce that it gives",
            Self::TokenRefused => "a newly obtained token was refused as well",
            Self::ProofRefused => "the proof was refused, and not for a clock that could be corrected",
            Self::SchemeNotOffered => "the resource does not offer the scheme that this token is bound to",
            Self::RedirectToOtherOrigin => {
                "the redirect leads to another origin, which must not see the token"
            }
            Self::RedirectRefused => "the redirect leads to a place where the token must not go",
            Self::RedirectLimit => "there were too many redirects",
        })
    }
}
