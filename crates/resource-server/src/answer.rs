//! Answers to refused requests: the table of `bindery_core::resource::challenge`, dressed as HTTP by the
//! edge. Exactly one `DPoP-Nonce` where one is due (DPOP-8-04), never cacheable (DPOP-8.2-03), never a word
//! of the request.

use axum::body::Body;
use bindery_core::rejection::Rejection;
use bindery_core::resource::challenge::{self, ChallengeContext, ErrorAnswer};
use bindery_core::resource::presentation::{RequestFacts, scheme_of};
use bindery_http::render;
use bindery_store::ReplayStore;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};

use crate::guard::Guard;
use crate::route::Route;

impl<R: ReplayStore> Guard<R> {
    /// The response to a request that `route` refuses for `rejection`.
    pub fn answer(&self, rejection: &Rejection, route: &Route, facts: &RequestFacts<'_>) -> Response<Body> {
        let answer = self.error_answer(rejection, route, facts);
        let nonce = match answer.needs_nonce.then(|| self.fresh_nonce(facts.now)).transpose() {
            Ok(nonce) => nonce,
            Err(reason) => {
                // A demand for a nonce without the nonce would send the client in circles.
                tracing::error!(event = "nonce_unavailable", %reason);
                return unchecked();
            }
        };
        render::error_answer(&answer, nonce.as_ref().map(|nonce| nonce.as_str()))
    }

    /// The same, before it is dressed as HTTP.
    #[must_use]
    pub fn error_answer(
        &self,
        rejection: &Rejection,
        route: &Route,
        facts: &RequestFacts<'_>,
    ) -> ErrorAnswer {
        let context = ChallengeContext {
            proof: &route.policy.proof,
            mechanisms: route.policy.mechanisms,
            realm: self.inner.realm.as_deref(),
            resource_metadata: self.inner.resource_metadata.as_deref(),
            now: facts.now,
        };
        challenge::answer(rejection, scheme_of(facts), &context)
    }
}

fn unchecked() -> Response<Body> {
    let mut response = render::oauth_error(
        StatusCode::SERVICE_UNAVAILABLE,
        "temporarily_unavailable",
        "The request can't be checked at the moment.",
    );
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
