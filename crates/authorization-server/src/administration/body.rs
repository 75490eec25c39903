//! Bodies of the administration API: JSON of bounded size that arrives in time, with one reading (no member
//! twice, nothing behind the end), and answers that nobody stores.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bindery_core::encoding::json;
use bindery_http::render;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::{Kind, Problem};
use crate::endpoint::{self, BodyUnreadable};

/// The longest body.
const MAXIMUM: usize = 64 * 1024;

/// A JSON object read into `T`; members that it does not know are refused where `T` says so.
#[derive(Debug)]
pub(super) struct JsonBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let members = read(&parts.headers, body, "application/json").await?;
        serde_json::from_value(Value::Object(members)).map(Self).map_err(|reason| {
            Problem::new(
                Kind::InvalidRequest,
                format!("the body is not what this operation takes: {reason}"),
                "the OpenAPI document shows it",
            )
            .about("body")
        })
    }
}

/// Reads a JSON object of this media type.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    media_type: &str,
) -> Result<Map<String, Value>, Problem> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let essence = match (types.next(), types.next()) {
        (Some(value), None) => {
            value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim()
        }
        _ => "",
    };
    if !essence.eq_ignore_ascii_case(media_type) {
        return Err(Problem::new(
            Kind::UnsupportedMediaType,
            format!("the body is {media_type}"),
            "set Content-Type",
        )
        .about("Content-Type"));
    }
    let wrong = |rule: String| Problem::new(Kind::InvalidRequest, rule, "correct the body").about("body");
    let bytes = endpoint::read_capped(body, MAXIMUM).await.map_err(|reason| {
        wrong(match reason {
            BodyUnreadable::TooLong => format!("the body is longer than {MAXIMUM} bytes"),
            BodyUnreadable::TooSlow => "the body did not arrive in time".into(),
        })
    })?;
    json::parse_object(&bytes).map_err(|reason| wrong(format!("the body is not one JSON object: {reason}")))
}

/// An answer as JSON, with its status.
#[derive(Debug)]
pub(super) struct Answer<T>(pub(super) StatusCode, pub(super) T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match serde_json::to_value(&self.1) {
            Ok(value) => render::json(self.0, &value),
            Err(_) => Problem::new(Kind::Unavailable, "the answer can't be written", "report this fault")
                .into_response(),
        }
    }
}

/// Done, and there is nothing to show.
pub(super) fn no_content() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    render::forbid_storing(response.headers_mut());
    response
}
