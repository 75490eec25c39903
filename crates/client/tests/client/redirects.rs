//! Redirects: a new proof on the same origin, no credentials for another, never plain http.

use bindery_client::{
    BoundMiddleware, CrossOriginRedirects, Error, Explanation, MAXIMUM_REDIRECTS, RequestRefused, TokenSource,
};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

use crate::server::*;

async fn tokens() -> TokenSource {
    source(confidential(&authority(|_, count| granted(count)).await))
}

fn following(source: &TokenSource) -> ClientWithMiddleware {
    let http = source.configuration().http_client_builder().unwrap().build().unwrap();
    let policy = CrossOriginRedirects::FollowWithoutCredentials;
    let middleware = BoundMiddleware::new(source.clone()).cross_origin_redirects(policy);
    ClientBuilder::new(http).with(middleware).build()
}

fn to(status: u16, location: &str) -> Reply {
    reply(status, &[("location", location)], "")
}

#[tokio::test]
async fn the_same_origin_gets_a_new_proof_for_the_new_uri() {
    let resource =
        Server::start(|seen, _| if seen.path == "/old" { to(302, "/new?a=1") } else { ok() }).await;
    let response = client(&tokens().await).get(resource.at("/old")).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.url().path()), (200, "/new"));
    let seen = resource.seen();
    assert_every_proof_is_new(&seen);
    assert_eq!(seen[1].claims()["htu"], resource.at("/new").as_str());
    assert!(seen.iter().all(|seen| seen.authorization().is_some()));
}

#[tokio::test]
async fn a_307_keeps_method_and_body_and_a_303_becomes_get() {
    let resource = Server::start(|seen, _| match seen.path.as_str() {
        "/307" => to(307, "/end"),
        "/303" => to(303, "/end"),
        _ => ok(),
    })
    .await;
    let client = client(&tokens().await);
    client.put(resource.at("/307")).header("content-type", "text/x").body("kept").send().await.unwrap();
    client.put(resource.at("/303")).header("content-type", "text/x").body("gone").send().await.unwrap();
    let seen = resource.seen();
    assert_every_proof_is_new(&seen);
    assert_eq!((seen[1].method.as_str(), seen[1].body.as_slice()), ("PUT", b"kept".as_slice()));
    assert_eq!(seen[1].claims()["htm"], "PUT");
    assert_eq!((seen[3].method.as_str(), seen[3].body.as_slice()), ("GET", b"".as_slice()));
    assert_eq!(seen[3].claims()["htm"], "GET");
    assert!(!seen[3].headers.contains_key("content-type"));
}

#[tokio::test]
async fn a_307_of_a_one_shot_body_is_handed_back_and_a_303_is_followed() {
    let resource = Server::start(|seen, _| match seen.path.as_str() {
        "/307" => to(307, "/end"),
        "/303" => to(303, "/end"),
        _ => ok(),
    })
    .await;
    let client = client(&tokens().await);
    let stream = || reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("once")]));
    let response = client.put(resource.at("/307")).body(stream()).send().await.unwrap();
    assert_eq!(response.status(), 307);
    assert_eq!(response.extensions().get(), Some(&Explanation::BodyNotRepeatable));
    let response = client.put(resource.at("/303")).body(stream()).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_redirect_to_another_origin_is_handed_back() {
    let other = Server::start(|_, _| ok()).await;
    let target = other.at("/x").to_string();
    let resource = Server::start(move |_, _| to(307, &target)).await;
    let response = client(&tokens().await).get(resource.at("/")).send().await.unwrap();
    assert_eq!(response.status(), 307);
    assert_eq!(response.extensions().get(), Some(&Explanation::RedirectToOtherOrigin));
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn another_origin_sees_no_credentials_even_when_it_sends_back() {
    let resource_url = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let back = resource_url.clone();
    let other = Server::start(move |_, _| to(307, back.get().unwrap())).await;
    let target = other.at("/x").to_string();
    let resource = Server::start(move |seen, _| if seen.path == "/" { to(307, &target) } else { ok() }).await;
    resource_url.set(resource.at("/home").to_string()).unwrap();
    let sent = following(&tokens().await).post(resource.at("/")).header("cookie", "a=b").body("body").send();
    assert_eq!(sent.await.unwrap().status(), 200);
    for seen in [&other.seen()[0], &resource.seen()[1]] {
        for name in ["authorization", "dpop", "cookie"] {
            assert!(!seen.headers.contains_key(name), "{name} went to another origin");
        }
    }
}

#[tokio::test]
async fn plain_http_is_never_followed() {
    let resource = Server::start(|_, _| to(307, "http://localhost:9/")).await;
    let source = tokens().await;
    for client in [client(&source), following(&source)] {
        let response = client.get(resource.at("/")).send().await.unwrap();
        assert_eq!(response.extensions().get(), Some(&Explanation::RedirectRefused));
    }
}

#[tokio::test]
async fn a_redirect_out_of_the_resource_is_not_followed() {
    let authority = authority(|_, count| granted(count)).await;
    let resource = Server::start(|_, _| to(307, "/elsewhere")).await;
    let source = source(confidential(&authority).resource(resource.at("/api/").as_str()));
    let response = client(&source).get(resource.at("/api/a")).send().await.unwrap();
    assert_eq!(response.extensions().get(), Some(&Explanation::RedirectRefused));
    assert_eq!(resource.seen().len(), 1);
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let resource = Server::start(|_, _| to(307, "/again")).await;
    let response = client(&tokens().await).get(resource.at("/")).send().await.unwrap();
    assert_eq!(response.extensions().get(), Some(&Explanation::RedirectLimit));
    assert_eq!(resource.seen().len(), MAXIMUM_REDIRECTS + 1);
    assert_every_proof_is_new(&resource.seen());
}

#[tokio::test]
async fn a_client_that_follows_redirects_by_itself_is_an_error() {
    let resource = Server::start(|seen, _| if seen.path == "/old" { to(302, "/new") } else { ok() }).await;
    let source = tokens().await;
    let builder = source.configuration().http_client_builder().unwrap();
    let http = builder.redirect(reqwest::redirect::Policy::limited(3)).build().unwrap();
    let client = ClientBuilder::new(http).with(BoundMiddleware::new(source)).build();
    let error = client.get(resource.at("/old")).send().await.unwrap_err();
    assert!(matches!(Error::of(&error), Some(Error::Request(RequestRefused::RedirectedBelow))));
}
