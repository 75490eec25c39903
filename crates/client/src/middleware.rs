//! The middleware for reqwest: every attempt carries the bound token and a proof of its own. It answers nonce
//! challenges, replaces refused tokens, corrects the clock and follows redirects, each a bounded number of
//! times. It never falls back to Bearer, never speaks to `http:`, and never shows the token to another origin.

use async_trait::async_trait;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, PROXY_AUTHORIZATION,
    TRANSFER_ENCODING,
};
use http::{Extensions, HeaderMap};
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next, Result};
use url::Url;

use crate::clock::ClockOffset;
use crate::error::{Error, RequestRefused, TokenRefused};
use crate::exchange::next_nonce;
use crate::explanation::Explanation;
use crate::nonce::{ServerNonce, ServerRole};
use crate::origin::Origin;
use crate::proof::DPOP;
use crate::redirect::{self, NextHop, RedirectVerdict};
use crate::resource_request::{ResourceVerdict, build_resource_headers, judge_resource_response};
use crate::token_source::TokenSource;

/// The most redirects that are followed for one request.
pub const MAXIMUM_REDIRECTS: usize = 10;

/// What to do with a redirect to another origin. The token goes there in no case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CrossOriginRedirects {
    /// Hand the redirect back, with [`Explanation::RedirectToOtherOrigin`].
    #[default]
    HandBack,
    /// Follow it without `Authorization`, `DPoP` and cookies; all further hops go without them too.
    FollowWithoutCredentials,
}

/// Presents the tokens of a [`TokenSource`].
///
/// Put it last in the chain, closest to the client, so that whatever retries above it comes through here and gets a
/// new proof. The client below must be built with [`http_client_builder`](crate::http_client_builder), or at
/// least with redirects and retries off.
#[derive(Clone, Debug)]
pub struct BoundMiddleware {
    source: TokenSource,
    cross_origin: CrossOriginRedirects,
}

impl BoundMiddleware {
    /// Presents the tokens of `source` to the resources it is configured for; to every https origin that is
    /// requested, when it names none.
    #[must_use]
    pub const fn new(source: TokenSource) -> Self {
        Self { source, cross_origin: CrossOriginRedirects::HandBack }
    }

    /// What to do with redirects to other origins.
    #[must_use]
    pub const fn cross_origin_redirects(mut self, policy: CrossOriginRedirects) -> Self {
        self.cross_origin = policy;
        self
    }

    /// The source of the tokens.
    #[must_use]
    pub const fn source(&self) -> &TokenSource {
        &self.source
    }

    /// Sends `request` to its URL until it is answered or refused for good; hands back a copy for the next hop.
    async fn present(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: &Next<'_>,
    ) -> Result<(Response, Option<Request>)> {
        let url = request.url().clone();
        let origin = Origin::within(&url, self.source.plain_http())
            .map_err(|reason| refuse(RequestRefused::Target(reason)))?;
        let clock = &self.source.configuration().clock;
        let mut token = self.source.token_for(&url).await.map_err(refuse)?;
        let mut answered = Answered {
            nonce: self.source.nonces().current(ServerRole::ResourceServer, &origin),
            ..Answered::default()
        };
        let copy = request.try_clone();
        let mut attempt = request;
        loop {
            let offset = self.source.clocks().offset(&origin);
            let now = offset.applied_to(clock.now());
            let headers =
                build_resource_headers(attempt.method(), &url, &token, answered.nonce.as_ref(), now)
                    .map_err(refuse)?;
            attempt.headers_mut().extend(headers);
            let response = next.clone().run(attempt, extensions).await?;
            require_answer_of(&response, &url).map_err(refuse)?;
            self.source.nonces().learn(ServerRole::ResourceServer, &origin, response.headers());
            let verdict = judge_resource_response(response.status(), response.headers(), token.binding());
            let refused = verdict == ResourceVerdict::ProofRefused;
            let measured = self.source.clocks().learn(&origin, response.headers(), clock.now(), refused);
            let explanation = match answered.to(verdict, offset, measured) {
                Reaction::HandBack(None) => return Ok((response, copy)),
                Reaction::HandBack(Some(explanation)) => explanation,
                reaction => match copy.as_ref().and_then(Request::try_clone) {
                    None => Explanation::BodyNotRepeatable,
                    Some(again) => {
                        attempt = again;
                        if !matches!(reaction, Reaction::ReplaceToken) {
                            continue;
                        }
                        match self.source.replace_sparingly(&token).await.map_err(refuse)? {
                            Some(replacement) => {
                                token = replacement;
                                continue;
                            }
                            None => Explanation::TokenRefused,
                        }
                    }
                },
            };
            return Ok((explain(response, explanation), copy));
        }
    }
}

/// What has been tried for one URL.
#[derive(Default)]
struct Answered {
    nonce: Option<ServerNonce>,
    new_nonces: usize,
    token_replaced: bool,
    clock_corrected: bool,
}

enum Reaction {
    HandBack(Option<Explanation>),
    Again,
    ReplaceToken,
}

impl Answered {
    fn to(&mut self, verdict: ResourceVerdict, used: ClockOffset, measured: ClockOffset) -> Reaction {
        let explained = |explanation| Reaction::HandBack(Some(explanation));
        match verdict {
            ResourceVerdict::Answered | ResourceVerdict::Refused => Reaction::HandBack(None),
            ResourceVerdict::NonceMissing => explained(Explanation::NonceMissing),
            ResourceVerdict::SchemeNotOffered => explained(Explanation::SchemeNotOffered),
            ResourceVerdict::NonceDemanded(new) => {
                match next_nonce(self.nonce.as_ref(), new, &mut self.new_nonces) {
                    Ok(nonce) => {
                        self.nonce = Some(nonce);
                        Reaction::Again
                    }
                    Err(TokenRefused::NonceUnchanged) => explained(Explanation::NonceUnchanged),
                    Err(_) => explained(Explanation::NonceLimit),
                }
            }
            ResourceVerdict::TokenRefused if self.token_replaced => explained(Explanation::TokenRefused),
            ResourceVerdict::TokenRefused => {
                self.token_replaced = true;
                Reaction::ReplaceToken
            }
            // Only a time that would now be told differently is worth another try.
            ResourceVerdict::ProofRefused if !self.clock_corrected && measured.differs_from(used) => {
                self.clock_corrected = true;
                Reaction::Again
            }
            ResourceVerdict::ProofRefused => explained(Explanation::ProofRefused),
        }
    }
}

#[async_trait]
impl Middleware for BoundMiddleware {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        require_no_credentials(&request).map_err(refuse)?;
        let mut bare = false;
        let mut followed = 0;
        loop {
            let (method, url) = (request.method().clone(), request.url().clone());
            let headers = request.headers().clone();
            let (response, copy) = if bare {
                let copy = request.try_clone();
                (next.clone().run(request, extensions).await?, copy)
            } else {
                self.present(request, extensions, &next).await?
            };
            let plain = self.source.plain_http();
            let hop = match redirect::judge(response.status(), response.headers(), &method, &url, plain) {
                RedirectVerdict::Stay => return Ok(response),
                RedirectVerdict::Refused => return Ok(explain(response, Explanation::RedirectRefused)),
                RedirectVerdict::SameOrigin(hop) => hop,
                RedirectVerdict::OtherOrigin(hop) if self.cross_origin == CrossOriginRedirects::HandBack => {
                    tracing::debug!(from = %url.origin().ascii_serialization(), to = %hop.url.origin().ascii_serialization(), "redirect handed back");
                    return Ok(explain(response, Explanation::RedirectToOtherOrigin));
                }
                RedirectVerdict::OtherOrigin(hop) => {
                    bare = true;
                    hop
                }
            };
            if !bare && self.source.slot_for(&hop.url).is_err() {
                return Ok(explain(response, Explanation::RedirectRefused));
            }
            if followed == MAXIMUM_REDIRECTS {
                return Ok(explain(response, Explanation::RedirectLimit));
            }
            followed += 1;
            match onward(copy, headers, hop, bare) {
                Some(onward) => request = onward,
                None => return Ok(explain(response, Explanation::BodyNotRepeatable)),
            }
        }
    }
}

/// The request for the next hop; none when the body must go along and is gone. `copy` was made before
/// credentials were attached, and `headers` as well.
fn onward(copy: Option<Request>, headers: HeaderMap, hop: NextHop, bare: bool) -> Option<Request> {
    let mut request = match copy {
        Some(copy) => copy,
        None if hop.keep_body => return None,
        None => {
            let mut request = Request::new(hop.method.clone(), hop.url.clone());
            *request.headers_mut() = headers;
            request
        }
    };
    *request.method_mut() = hop.method;
    *request.url_mut() = hop.url;
    request.headers_mut().remove(HOST);
    if !hop.keep_body {
        *request.body_mut() = None;
        for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING] {
            request.headers_mut().remove(name);
        }
    }
    if bare {
        for name in [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE] {
            request.headers_mut().remove(name);
        }
        request.headers_mut().remove(DPOP);
    }
    Some(request)
}

/// Somebody else's credentials are neither overwritten nor sent beside ours (DPOP-7.2-07).
fn require_no_credentials(request: &Request) -> std::result::Result<(), RequestRefused> {
    let headers = request.headers();
    if headers.contains_key(AUTHORIZATION) {
        Err(RequestRefused::HeaderPresent("Authorization"))
    } else if headers.contains_key(DPOP) {
        Err(RequestRefused::HeaderPresent("DPoP"))
    } else {
        Ok(())
    }
}

/// A response with another URL means that the client below followed a redirect with our headers.
fn require_answer_of(response: &Response, url: &Url) -> std::result::Result<(), RequestRefused> {
    // A fragment stays with the client, so it is no part of what was sent.
    let without_fragment = |url: &Url| {
        let mut url = url.clone();
        url.set_fragment(None);
        url
    };
    let answered = response.url();
    // The placeholder that reqwest gives to responses that were made by hand, in caches and tests.
    let unknown = answered.host_str() == Some("no.url.provided.local");
    if unknown || without_fragment(answered) == without_fragment(url) {
        Ok(())
    } else {
        Err(RequestRefused::RedirectedBelow)
    }
}

fn explain(mut response: Response, explanation: Explanation) -> Response {
    response.extensions_mut().insert(explanation);
    response
}

fn refuse(error: impl Into<Error>) -> reqwest_middleware::Error {
    reqwest_middleware::Error::middleware(error.into())
}
