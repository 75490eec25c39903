//! Where the answer to an authorization request goes and in which form (OAuth 2.0 Multiple Response Type
//! Encoding Practices, Form Post Response Mode, JARM section 2.3). The same limits hold for every mode, signed
//! or not, so that none is a way around another (CVE-2023-6134).

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::error::AuthorizationError;
use super::parameters::AuthorizationParameters;
use super::{AuthorizationPolicy, MAXIMUM_STATE, require_text};
use crate::oauth::client_metadata::ClientMetadata;

/// Where an answer goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnTo {
    /// The redirect URI: the client's own, byte for byte.
    pub redirect_uri: String,
    /// Whether the request named it; if so, the token request must name the same (RFC 6749 section 4.1.3).
    pub redirect_uri_given: bool,
    /// How the answer travels.
    pub response_mode: ResponseMode,
    /// `state`, exactly as sent.
    pub state: Option<String>,
}

/// `response_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResponseMode {
    /// Parameters in the query.
    #[serde(rename = "query")]
    Query,
    /// Parameters in the fragment.
    #[serde(rename = "fragment")]
    Fragment,
    /// Parameters in a form that the browser posts.
    #[serde(rename = "form_post")]
    FormPost,
    /// A signed response in the query.
    #[serde(rename = "query.jwt")]
    QueryJwt,
    /// A signed response in the fragment.
    #[serde(rename = "fragment.jwt")]
    FragmentJwt,
    /// A signed response in a form.
    #[serde(rename = "form_post.jwt")]
    FormPostJwt,
}

impl ResponseMode {
    /// Every mode.
    pub const ALL: [Self; 6] =
        [Self::Query, Self::Fragment, Self::FormPost, Self::QueryJwt, Self::FragmentJwt, Self::FormPostJwt];

    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
            Self::QueryJwt => "query.jwt",
            Self::FragmentJwt => "fragment.jwt",
            Self::FormPostJwt => "form_post.jwt",
        }
    }

    /// The mode of that name; `jwt` is the query's for a code (JARM section 2.3.4).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "jwt" => Some(Self::QueryJwt),
            _ => Self::ALL.into_iter().find(|mode| mode.name() == name),
        }
    }

    /// Whether the answer is a signed JWT.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::QueryJwt | Self::FragmentJwt | Self::FormPostJwt)
    }

    /// The registered names of `modes` as metadata advertises them, with `jwt` where the query's signed mode is.
    pub fn names(modes: &[Self]) -> impl Iterator<Item = &'static str> {
        let shorthand = modes.contains(&Self::QueryJwt).then_some("jwt");
        modes.iter().map(|mode| mode.name()).chain(shorthand)
    }
}

impl ReturnTo {
    /// Where a refusal of this request goes, as far as its own words can be followed: an unknown mode is answered
    /// in the usual one, a bad state is not returned, and nothing is sent unsigned where all must be signed.
    pub(super) fn supposed(
        redirect_uri: String,
        redirect_uri_given: bool,
        parameters: &AuthorizationParameters,
        policy: &AuthorizationPolicy<'_>,
    ) -> Self {
        let usual =
            if policy.signed_response_required { ResponseMode::QueryJwt } else { ResponseMode::Query };
        let asked = parameters.text("response_mode").and_then(ResponseMode::from_name);
        let fits = |mode: &ResponseMode| {
            policy.response_modes.contains(mode) && (mode.is_signed() || !policy.signed_response_required)
        };
        let state = require_text(parameters, "state", MAXIMUM_STATE).unwrap_or_default();
        Self { redirect_uri, redirect_uri_given, response_mode: asked.filter(fits).unwrap_or(usual), state }
    }
}

/// The mode must be one that the server offers and the client may use; where responses must be signed it must be
/// asked for, because a client that doesn't ask would not know what to do with one (FMS-RES-01, FMS-REQ-07).
pub(super) fn require_mode(
    parameters: &AuthorizationParameters,
    client: &ClientMetadata,
    policy: &AuthorizationPolicy<'_>,
) -> Result<(), AuthorizationError> {
    let mode = match parameters.value("response_mode") {
        None => ResponseMode::Query,
        Some(value) => {
            value.as_str().and_then(ResponseMode::from_name).ok_or(AuthorizationError::ResponseMode)?
        }
    };
    if policy.signed_response_required && !mode.is_signed() {
        return Err(AuthorizationError::SignedResponseRequired);
    }
    let registered = client.authorization.response_modes.as_ref();
    let may = registered.is_none_or(|modes| modes.contains(&mode));
    if policy.response_modes.contains(&mode) && may { Ok(()) } else { Err(AuthorizationError::ResponseMode) }
}
