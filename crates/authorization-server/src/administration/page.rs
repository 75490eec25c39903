//! Lists in pages: `limit` and `after` go in, the items and the next `after` come out. A cursor is the last
//! item's own name, so that a page is the same whichever node answers, and nothing is kept between pages.

use axum::extract::FromRequestParts;
use axum::extract::Query;
use http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Kind, Problem};

/// The longest page.
const MAXIMUM: u32 = 500;
/// The page that is sent when nothing is asked.
const DEFAULT: u32 = 100;

/// The length of the page that is asked for.
///
/// # Errors
/// [`Problem`] when it is none or too long.
pub(super) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(DEFAULT) {
        limit @ 1..=MAXIMUM => Ok(limit),
        _ => Err(Problem::new(
            Kind::InvalidRequest,
            format!("a page has 1 to {MAXIMUM} items"),
            "ask for fewer, and follow `next`",
        )
        .about("limit")),
    }
}

/// How many items show whether there is another page.
pub(super) fn one_more(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1)
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// The items.
    pub(super) items: Vec<T>,
    /// What to send as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

impl<T> Page<T> {
    /// A page out of `limit + 1` items: the last one only shows that there are more.
    pub(super) fn cut(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(cursor) } else { None };
        Self { items, next }
    }
}

/// The query of a request, read strictly: unknown parameters are refused, so that a misspelt filter is
/// never taken for none.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(reason) => Err(Problem::new(
                Kind::InvalidRequest,
                reason.body_text(),
                "correct the query; the OpenAPI document lists its parameters",
            )
            .about("query")),
        }
    }
}
