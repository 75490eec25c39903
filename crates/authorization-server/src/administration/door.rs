//! The one door of the administration: a token of ours for this audience, bound to a key whose possession
//! this very request proves, with the scope that the method needs, and which speaks for its client or for one of
//! the people that the configuration lists. Bearer tokens are refused whatever exception their client has
//! (design rule 7): a copied administration token must open nothing.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bindery_core::oauth::subject::client_subject;
use http::Method;

use super::{COMMAND_LINE, PATH, READ_SCOPE, SCOPE};
use crate::own_resource::{self, Audience, Demand, Speaker, Unbound};
use crate::server::AuthorizationServer;

/// Who acts, for the audit.
#[derive(Clone, Debug)]
pub(super) struct Administrator {
    /// The client of the token; with the person in front, when it acts for one.
    pub(super) name: String,
}

impl Administrator {
    /// Whoever holds the store itself.
    pub(super) fn local() -> Self {
        Self { name: COMMAND_LINE.into() }
    }
}

/// Lets a request pass that proves itself, and tells its sender the next nonce.
pub(super) async fn guard(
    State(server): State<AuthorizationServer>,
    request: Request,
    next: Next,
) -> Response {
    let server = &*server.0;
    let now = server.clock.now();
    let (mut parts, body) = request.into_parts();
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let issuer = server.settings.issuer.as_str();
    let own = format!("{}{PATH}", issuer.trim_end_matches('/'));
    let demand = Demand {
        endpoint: PATH,
        scope: &[if reads { READ_SCOPE } else { SCOPE }],
        implied_by: Some(SCOPE),
        audience: Audience::OneOf(&[&own, issuer]),
        unbound: Unbound::Refused,
        speaker: Speaker::ClientOr(&server.settings.administrators),
    };
    let admission = match own_resource::verify(server, &mut parts, &demand, now).await {
        Ok(admission) => admission,
        Err(answer) => return answer,
    };
    let client_id = &admission.client.metadata.client_id;
    let name = match admission.request.token().subject() {
        Some(subject) if subject != client_subject(client_id) => format!("{subject} through {client_id}"),
        _ => client_id.clone(),
    };
    parts.extensions.insert(Administrator { name });
    let mut response = next.run(Request::from_parts(parts, body)).await;
    admission.dress(&mut response);
    response
}
