//! The gateway's own answers, when the guard has no objection but the request can't be forwarded or the
//! application can't be reached: fixed sentences as JSON, never stored, nothing of the request in them.

use axum::body::Body;
use bindery_http::render;
use http::{Response, StatusCode};

/// Why the gateway answers in the application's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `CONNECT` and `TRACE`: a tunnel past the guard, and an echo of credentials.
    MethodRefused,
    /// The `Connection` header is malformed or names a header that the next hop must see.
    ConnectionHeader,
    /// The length of the body is stated in a way that two servers may read differently.
    Framing,
    /// The body is longer than configured.
    BodyTooLong,
    /// The client stopped sending in the middle of its body.
    ClientStalled,
    /// The application can't be reached, broke off, or answered something that isn't HTTP.
    UpstreamUnreachable,
    /// The application took too long.
    UpstreamTimeout,
    /// Something that was checked at the start does not hold.
    Internal,
}

impl Fault {
    const fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::MethodRefused => {
                (StatusCode::NOT_IMPLEMENTED, "invalid_request", "This method is not forwarded.")
            }
            Self::ConnectionHeader => (
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "The Connection header is malformed or names a header that it may not remove.",
            ),
            Self::Framing => {
                (StatusCode::BAD_REQUEST, "invalid_request", "The length of the request body is ambiguous.")
            }
            Self::BodyTooLong => {
                (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "The request body is too long.")
            }
            Self::ClientStalled => {
                (StatusCode::REQUEST_TIMEOUT, "invalid_request", "The request body took too long to arrive.")
            }
            Self::UpstreamUnreachable => (
                StatusCode::BAD_GATEWAY,
                "server_error",
                "The application behind this gateway can't be reached.",
            ),
            Self::UpstreamTimeout => (
                StatusCode::GATEWAY_TIMEOUT,
                "server_error",
                "The application behind this gateway took too long to answer.",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "The gateway failed to forward the request.",
            ),
        }
    }

    /// A stable name for events.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::MethodRefused => "method_refused",
            Self::ConnectionHeader => "connection_header",
            Self::Framing => "framing",
            Self::BodyTooLong => "body_too_long",
            Self::ClientStalled => "client_stalled",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::Internal => "internal",
        }
    }

    pub(crate) fn answer(self) -> Response<Body> {
        let (status, error, sentence) = self.parts();
        render::oauth_error(status, error, sentence)
    }
}
