//! What a client hears that asks for the tokens of a person who answers elsewhere: on a second device (RFC 8628
//! section 3.5) or by decoupled authentication (CIBA Core section 11). Only a client whose grant this is learns
//! more than that it is not.

/// The `grant_type` of device authorization.
pub const DEVICE_CODE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// By how many seconds the interval grows when a client asks too soon (RFC 8628 section 3.5).
pub const SLOW_DOWN: u64 = 5;

/// Why there are no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PollRefused {
    /// The person has not answered yet.
    Pending,
    /// The client asked too soon, and must wait longer from now on.
    TooSoon,
    /// The person said no.
    Denied,
    /// The person did not answer in time.
    Expired,
    /// The code is unknown, used, or another client's.
    Unknown,
    /// The code belongs to the key that asked first, and another asks now (DEV-X-01).
    AnotherKey,
}

impl PollRefused {
    /// `error`, machine-readable reason and fixed sentence.
    #[must_use]
    pub const fn form(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Pending => {
                ("authorization_pending", "authorization_pending", "The person has not answered yet.")
            }
            Self::TooSoon => {
                ("slow_down", "slow_down", "The client asked too soon and must wait five seconds longer.")
            }
            Self::Denied => ("access_denied", "access_denied", "The person has denied the request."),
            Self::Expired => ("expired_token", "code_expired", "The person did not answer in time."),
            Self::Unknown => ("invalid_grant", "code", "The code is not valid for this client."),
            Self::AnotherKey => (
                "invalid_grant",
                "code_binding",
                "The code is bound to a key that the request does not prove.",
            ),
        }
    }
}
