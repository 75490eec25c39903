//! Several issuers in one process: which of them a request is for. The authority and the path decide, as the
//! issuer identifiers say them (RFC 8414 section 3.1), and nothing else; who speaks to another authority is
//! misdirected, and two issuers that can't be told apart don't start. Each issuer has its own store, keys,
//! clients and profile, so nothing that one of them made means anything to another.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bindery_http::render;
use http::header::HOST;
use http::{HeaderMap, Method, StatusCode, Uri};
use tower::{Service as _, service_fn};

use crate::configuration::{ConfigurationInvalid, invalid};
use crate::router::{ENDPOINTS, PROBES};
use crate::server::AuthorizationServer;
use crate::{administration, people};

/// Well-known names that go between host and path (RFC 8414 section 3.1, OIDC Discovery by the same rule).
const WELL_KNOWN: [&str; 2] =
    ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

/// The issuers that one listener serves.
#[derive(Clone, Debug)]
pub struct Issuers {
    servers: Arc<[AuthorizationServer]>,
}

/// Where requests for one issuer arrive.
#[derive(Clone, Debug)]
struct Place {
    /// Without default port, in lower case.
    authority: String,
    /// The issuer's own path, without trailing slash.
    public_path: String,
    /// The path under which requests arrive.
    path: String,
}

/// One issuer behind one of its places.
struct Route {
    place: Place,
    router: Router,
}

impl Issuers {
    /// Puts issuers together.
    ///
    /// # Errors
    /// [`ConfigurationInvalid`] when there is none, or when two of them can't be told apart or share a store.
    pub fn new(servers: Vec<AuthorizationServer>) -> Result<Self, ConfigurationInvalid> {
        if servers.is_empty() {
            return Err(invalid(
                "issuer",
                "",
                "there is no issuer to serve",
                "add `[server]` or `[[issuer]]`",
            ));
        }
        for (index, one) in servers.iter().enumerate() {
            for other in &servers[index + 1..] {
                require_apart(one, other)?;
            }
        }
        Ok(Self { servers: servers.into() })
    }

    /// The issuers, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &AuthorizationServer> {
        self.servers.iter()
    }

    /// All endpoints of all issuers. A single issuer answers whatever host it is asked as: there is no other
    /// that could be meant.
    pub fn router(&self) -> Router {
        if let [only] = &*self.servers {
            return only.router();
        }
        let routes = self.servers.iter().flat_map(|server| {
            let router = server.router();
            places(server).into_iter().map(move |place| Route { place, router: router.clone() })
        });
        let routes: Arc<[Route]> = routes.collect();
        let probes: Arc<[Router]> = self.servers.iter().map(AuthorizationServer::router).collect();
        Router::new().fallback_service(service_fn(move |request: Request| {
            let (routes, probes) = (Arc::clone(&routes), Arc::clone(&probes));
            async move { Ok::<_, Infallible>(dispatch(&routes, &probes, request).await) }
        }))
    }

    /// Waits until every issuer may open; see [`AuthorizationServer::ready`].
    pub async fn ready(&self) {
        for server in self.servers.iter() {
            server.ready().await;
        }
    }
}

async fn dispatch(routes: &[Route], probes: &[Router], request: Request) -> Response {
    if PROBES.contains(&request.uri().path()) {
        let (parts, _) = request.into_parts();
        return probe(probes, &parts.method, &parts.uri).await;
    }
    match route(routes, request.uri(), request.headers()) {
        Ok(route) => match route.router.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
        Err(status) => {
            let mut response = status.into_response();
            render::forbid_storing(response.headers_mut());
            response
        }
    }
}

/// All issuers are well, or the first one that is not answers for all.
async fn probe(probes: &[Router], method: &Method, uri: &Uri) -> Response {
    let mut answer = StatusCode::NOT_FOUND.into_response();
    for router in probes {
        let mut asked = Request::new(Body::empty());
        *asked.method_mut() = method.clone();
        *asked.uri_mut() = uri.clone();
        answer = match router.clone().call(asked).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        if !answer.status().is_success() {
            break;
        }
    }
    answer
}

/// 400 when the request names no authority or two, 421 when it names none of ours, 404 when no issuer has
/// that path.
fn route<'r>(routes: &'r [Route], uri: &Uri, headers: &HeaderMap) -> Result<&'r Route, StatusCode> {
    let authority = authority(uri, headers).ok_or(StatusCode::BAD_REQUEST)?;
    let mut here = routes.iter().filter(|route| route.place.authority == authority).peekable();
    if here.peek().is_none() {
        return Err(StatusCode::MISDIRECTED_REQUEST);
    }
    let path = uri.path();
    let well_known = WELL_KNOWN.iter().find_map(|name| path.strip_prefix(name));
    if let Some(rest) = well_known {
        // The whole rest is an issuer's path, or it is nobody's; `/.well-known/..` below a path is no such place.
        return here.find(|route| route.place.public_path == rest).ok_or(StatusCode::NOT_FOUND);
    }
    here.filter(|route| is_below(path, &route.place.path))
        .max_by_key(|route| route.place.path.len())
        .ok_or(StatusCode::NOT_FOUND)
}

/// Whether `path` is `prefix` or lies below it, by whole segments.
fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The one authority that a request names: in its target, or in its one `Host` (RFC 9110 section 7.2). Two that
/// differ name none.
fn authority(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(normalised(host.to_str().ok()?)),
        (None, _) => None,
        (Some(_), Some(_)) => return None,
    };
    let target = uri.authority().map(|authority| normalised(authority.as_str()));
    match (target, host) {
        (Some(target), Some(host)) if target != host => None,
        (target, host) => target.or(host),
    }
}

/// In lower case and without the default port (RFC 3986 section 6.2.3); every issuer is https.
fn normalised(authority: &str) -> String {
    let lower = authority.to_ascii_lowercase();
    lower.strip_suffix(":443").map_or(lower.clone(), str::to_owned)
}

/// Every place below an issuer that is its own, by the tables that its routes are made from.
fn taken() -> impl Iterator<Item = &'static str> {
    let endpoints = ENDPOINTS.iter().map(|endpoint| endpoint.path);
    endpoints.chain(people::routes::places()).chain([administration::PATH, "/.well-known"]).chain(PROBES)
}

fn places(server: &AuthorizationServer) -> Vec<Place> {
    let settings = &server.0.settings;
    let place = |url: &String| {
        let rest = url.strip_prefix("https://").unwrap_or(url);
        let authority = rest.split('/').next().unwrap_or_default();
        Place {
            authority: normalised(authority),
            public_path: settings.issuer_path.clone(),
            path: settings.internal_path.clone(),
        }
    };
    settings.base_urls.iter().map(place).collect()
}

/// Two issuers answer at different places, neither stands where an endpoint of the other is, and what one
/// remembers the other does not.
fn require_apart(one: &AuthorizationServer, other: &AuthorizationServer) -> Result<(), ConfigurationInvalid> {
    let wrong = |rule: String, remedy: &str| Err(invalid("issuer", other.issuer(), rule, remedy));
    if Arc::ptr_eq(&one.0.store, &other.0.store) {
        let rule = format!(
            "it has the same store as {}, so codes and clients of one were the other's",
            one.issuer()
        );
        return wrong(rule, "give each issuer a store of its own");
    }
    for (here, there) in
        places(one).iter().flat_map(|here| places(other).into_iter().map(move |there| (here.clone(), there)))
    {
        if here.authority != there.authority {
            continue;
        }
        if here.path == there.path || here.public_path == there.public_path {
            let rule = format!("requests to it can't be told from those to {}", one.issuer());
            return wrong(rule, "give it another host or another path");
        }
        let (outer, inner) =
            if is_below(&here.path, &there.path) { (&there, &here) } else { (&here, &there) };
        let Some(rest) = inner.path.strip_prefix(&outer.path).filter(|_| is_below(&inner.path, &outer.path))
        else {
            continue;
        };
        if let Some(endpoint) = taken().find(|endpoint| is_below(rest, endpoint) || is_below(endpoint, rest))
        {
            let rule = format!(
                "{} and {} meet at the path {endpoint} of the outer one",
                one.issuer(),
                other.issuer()
            );
            return wrong(rule, "give it another host or another path");
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "issuers_tests.rs"]
mod tests;
