//! Why an authorization request is refused or fails: one table from cause to code (RFC 6749 section 4.1.2.1,
//! OpenID Connect Core 1.0 section 3.1.2.6, RFC 9101 section 7, RFC 9396 section 5, RFC 9470 section 5), fixed
//! sentence and machine-readable reason. Nothing that the client sent ever reaches the answer.

use core::fmt;

use super::super::authorization_details::DetailsInvalid;
use super::super::form::FormInvalid;

/// Why an authorization request is refused, at the pushed request endpoint as JSON, elsewhere by redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthorizationError {
    /// The body or the query is not a form that we read.
    Form(FormInvalid),
    /// `client_id` inside the request is another client's.
    ClientMismatch,
    /// There is no redirect URI, and none can be supposed.
    RedirectUriMissing,
    /// The redirect URI is not the client's.
    RedirectUri,
    /// A required parameter is missing or empty.
    ParameterMissing(&'static str),
    /// A parameter breaks its grammar.
    ParameterMalformed(&'static str),
    /// A parameter is longer than we read.
    ParameterTooLong(&'static str),
    /// `response_type` is not `code`.
    ResponseType,
    /// `response_mode` is unknown, or not one that the client may ask for.
    ResponseMode,
    /// The client must ask for a signed response (FMS-RES-01).
    SignedResponseRequired,
    /// The client may not use the authorization code grant.
    UnauthorizedClient,
    /// There is no `code_challenge`.
    PkceMissing,
    /// `code_challenge_method` is not S256.
    PkceMethod,
    /// `code_challenge` is no digest.
    PkceMalformed,
    /// The scope is malformed or exceeds the client's.
    Scope,
    /// A resource is malformed, or not one that the client may ask for (RFC 8707 section 2).
    Target,
    /// The authorization details break a rule.
    AuthorizationDetails(DetailsInvalid),
    /// `prompt` says none and something else.
    PromptNone,
    /// `dpop_jkt` is not the thumbprint of the proof's key (RFC 9449 section 10.1).
    DpopJktMismatch,
    /// A pushed request holds a `request_uri` (RFC 9126 section 2.1).
    RequestUriPushed,
    /// The request must have been pushed (RFC 9126 section 5).
    PushedRequestRequired,
    /// The request must be a signed request object (RFC 9101 section 10.5).
    SignedRequestRequired,
    /// Request objects are not read here.
    RequestNotSupported,
    /// Request objects are not fetched here.
    RequestUriNotSupported,
    /// The `request_uri` is unknown, expired, used, or another client's.
    RequestUri,
    /// The request object breaks a rule; the two texts are the check's own.
    RequestObject {
        /// Machine-readable reason.
        reason: &'static str,
        /// Fixed sentence.
        sentence: &'static str,
    },
    /// The person or the server says no.
    AccessDenied,
    /// The person must sign in, and must not be asked to.
    LoginRequired,
    /// The person must consent, and must not be asked to.
    ConsentRequired,
    /// The authentication that the client needs can't be reached (RFC 9470 section 5).
    UnmetAuthenticationRequirements,
    /// Something that must not fail failed.
    ServerError,
    /// What the decision needs can't be reached; nothing was decided.
    TemporarilyUnavailable,
}

/// How one error looks on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthorizationErrorForm {
    /// HTTP status where the answer is JSON (RFC 9126 section 2.3).
    pub status: u16,
    /// `error`.
    pub code: &'static str,
    /// `error_description`.
    pub sentence: &'static str,
    /// Our `reason`: stable, for programs.
    pub reason: &'static str,
}

const INVALID_REQUEST: &str = "invalid_request";

impl AuthorizationError {
    /// `error`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.form().code
    }

    /// `error_description`: a fixed sentence.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        self.form().sentence
    }

    /// A stable name, for programs, events and metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.form().reason
    }

    /// The one table from cause to wire.
    #[must_use]
    pub const fn form(&self) -> AuthorizationErrorForm {
        let (code, reason, sentence) = match self {
            Self::Form(invalid) => (INVALID_REQUEST, "form", invalid.sentence()),
            Self::ClientMismatch => {
                (INVALID_REQUEST, "client_id", "The client_id in the request is not the client's.")
            }
            Self::RedirectUriMissing => {
                (INVALID_REQUEST, "redirect_uri_missing", "The parameter redirect_uri is missing.")
            }
            Self::RedirectUri => (
                INVALID_REQUEST,
                "redirect_uri",
                "The redirect_uri is not one that is registered for the client.",
            ),
            Self::ParameterMissing(name) => (INVALID_REQUEST, "parameter_missing", missing(name)),
            Self::ParameterMalformed(name) => (INVALID_REQUEST, "parameter_malformed", malformed(name)),
            Self::ParameterTooLong(_) => (INVALID_REQUEST, "parameter_too_long", "A parameter is too long."),
            Self::ResponseType => (
                "unsupported_response_type",
                "response_type",
                "The response_type must be code; see response_types_supported in the metadata.",
            ),
            Self::ResponseMode => (
                INVALID_REQUEST,
                "response_mode",
                "The response_mode is not one that the client may ask for.",
            ),
            Self::SignedResponseRequired => (
                INVALID_REQUEST,
                "signed_response_required",
                "The client must ask for a signed response with response_mode=jwt.",
            ),
            Self::UnauthorizedClient => (
                "unauthorized_client",
                "grant_type_not_allowed",
                "The client is not allowed to use the authorization code grant.",
            ),
            Self::PkceMissing => {
                (INVALID_REQUEST, "code_challenge_missing", "The parameter code_challenge is missing.")
            }
            Self::PkceMethod => {
                (INVALID_REQUEST, "code_challenge_method", "The code_challenge_method must be S256.")
            }
            Self::PkceMalformed => (
                INVALID_REQUEST,
                "code_challenge",
                "The code_challenge is not base64url of a SHA-256 digest.",
            ),
            Self::Scope => {
                ("invalid_scope", "scope", "The scope is malformed or exceeds what the client may ask for.")
            }
            Self::Target => ("invalid_target", "resource", "The resource is not one the client may ask for."),
            Self::AuthorizationDetails(invalid) => {
                ("invalid_authorization_details", invalid.reason(), invalid.sentence())
            }
            Self::PromptNone => {
                (INVALID_REQUEST, "prompt_none", "The prompt none can not stand beside another.")
            }
            Self::DpopJktMismatch => (
                INVALID_REQUEST,
                "dpop_jkt_mismatch",
                "The dpop_jkt is not the thumbprint of the key in the DPoP proof.",
            ),
            Self::RequestUriPushed => {
                (INVALID_REQUEST, "request_uri_pushed", "A pushed request must not hold a request_uri.")
            }
            Self::PushedRequestRequired => (
                INVALID_REQUEST,
                "pushed_request_required",
                "The request must be pushed first; see pushed_authorization_request_endpoint in the metadata.",
            ),
            Self::SignedRequestRequired => (
                INVALID_REQUEST,
                "signed_request_required",
                "The request must be a signed request object in the parameter request.",
            ),
            Self::RequestNotSupported => {
                ("request_not_supported", "request", "The parameter request is not supported here.")
            }
            Self::RequestUriNotSupported => (
                "request_uri_not_supported",
                "request_uri_not_supported",
                "The parameter request_uri is supported only for pushed requests.",
            ),
            Self::RequestUri => (
                "invalid_request_uri",
                "request_uri",
                "The request_uri is unknown, expired, used, or another client's.",
            ),
            Self::RequestObject { reason, sentence } => ("invalid_request_object", *reason, *sentence),
            Self::AccessDenied => ("access_denied", "access_denied", "The request was denied."),
            Self::LoginRequired => ("login_required", "login_required", "The person must sign in."),
            Self::ConsentRequired => ("consent_required", "consent_required", "The person must consent."),
            Self::UnmetAuthenticationRequirements => (
                "unmet_authentication_requirements",
                "unmet_authentication_requirements",
                "The authentication that the request needs can not be reached.",
            ),
            Self::ServerError => ("server_error", "server_error", "The server met an unexpected fault."),
            Self::TemporarilyUnavailable => (
                "temporarily_unavailable",
                "unavailable",
                "The server can't decide at the moment; nothing was issued.",
            ),
        };
        let status = match self {
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            _ => 400,
        };
        AuthorizationErrorForm { status, code, sentence, reason }
    }
}

const fn missing(name: &str) -> &'static str {
    match name.as_bytes() {
        b"response_type" => "The parameter response_type is missing.",
        b"client_id" => "The parameter client_id is missing.",
        b"scope" => "The parameter scope is missing.",
        b"code_challenge" => "The code_challenge_method stands without a code_challenge.",
        b"nonce" => "The parameter nonce is missing.",
        _ => "A required parameter is missing.",
    }
}

const fn malformed(name: &str) -> &'static str {
    match name.as_bytes() {
        b"state" => "The parameter state holds characters outside printable ASCII.",
        b"nonce" => "The parameter nonce holds characters outside printable ASCII.",
        b"dpop_jkt" => "The parameter dpop_jkt is not the SHA-256 thumbprint of a key.",
        b"max_age" => "The parameter max_age is not a number of seconds.",
        b"prompt" => "The parameter prompt holds an unknown word.",
        b"claims" => "The parameter claims is not a claims request.",
        b"acr_values" => "The parameter acr_values is not a list of names.",
        _ => "A request parameter is malformed.",
    }
}

impl fmt::Display for AuthorizationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

impl core::error::Error for AuthorizationError {}
