//! The posture: what profile, options and clients make together, who has an exception and until when, and what
//! an attacker would look at first. The same value that is printed at start and that
//! `bindery server posture` compares.

use axum::extract::State;
use http::StatusCode;
use serde_json::Value;

use super::body::Answer;
use super::problem::{Kind, Problem};
use crate::server::AuthorizationServer;

/// Shows the posture as it is now.
#[utoipa::path(get, path = "/posture", operation_id = "getPosture", tag = "posture",
    responses((status = 200, description = "The posture", body = Object)))]
pub(super) async fn show(State(server): State<AuthorizationServer>) -> Result<Answer<Value>, Problem> {
    let posture = server.posture().await?;
    let posture = serde_json::to_value(&posture)
        .map_err(|_| Problem::new(Kind::Unavailable, "the posture can't be written", "report this fault"))?;
    Ok(Answer(StatusCode::OK, posture))
}
