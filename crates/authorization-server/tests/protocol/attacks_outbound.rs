//! Server-side request forgery: a client names addresses, and the server calls them. Every such name, at the door
//! that makes the server call: `jwks_uri`, `sector_identifier_uri`, `request_uri`, `backchannel_logout_uri` and
//! the notification endpoint of CIBA; over real connections to a site on the server's own host.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bindery_authorization_server::{ClientKeysConfiguration, HttpOutbound};
use bindery_http::ClientCertificates;
use bindery_http::listener::{Limits, Listener};
use bindery_http::tls::ServerTls;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::json;

use crate::authorization::{CALLBACK, PASSWORD, authorize, sign_in};
use crate::browser::Browser;
use crate::ciba;
use crate::logging;
use crate::logout::ask;
use crate::support::{API, Call, World, form, key};

/// Names of this host, of its neighbours and of what clouds tell their machines, as URLs may write them.
const INSIDE: [&str; 13] = [
    "localhost",
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "2130706433",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[fe80::1]",
    "[fd00::1]",
    "10.0.0.1",
    "169.254.169.254",
    "100.100.100.200",
];
/// How many doors make the server call.
const DOORS: usize = 5;

/// A site on the server's own host; what was asked of it, by path.
struct Site {
    port: u16,
    roots: tempfile::NamedTempFile,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn serve() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let tls = ServerTls::from_pem(
            cert.pem().as_bytes(),
            signing_key.serialize_pem().as_bytes(),
            ClientCertificates::NotAsked,
        );
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = Listener::tls(address, tls.unwrap(), Limits::default()).unwrap();
        let port = listener.local_address().port();
        let roots = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(roots.path(), cert.pem()).unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&asked);
        let router = Router::new().fallback(async move |request: axum::extract::Request| {
            let path = request.uri().path().to_owned();
            heard.lock().unwrap().push(path.clone());
            let answer = Response::builder();
            match path.as_str() {
                "/redirect" => answer.status(307).header("location", "/inside").body(Body::empty()),
                "/endless" => answer.body(Body::from_stream(futures_util::stream::repeat_with(|| {
                    Ok::<_, std::convert::Infallible>(bytes::Bytes::from_static(&[b' '; 4096]))
                }))),
                _ => answer.body(Body::from("[]")),
            }
            .unwrap()
        });
        tokio::spawn(listener.serve(router));
        Self { port, roots, asked }
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked
    }

    fn fetcher(&self, listed: &[&str]) -> Arc<HttpOutbound> {
        let configuration = ClientKeysConfiguration {
            roots_file: Some(self.roots.path().to_owned()),
            dangerous_private_hosts: listed.iter().map(|host| (*host).to_owned()).collect(),
            ..ClientKeysConfiguration::default()
        };
        Arc::new(HttpOutbound::new(&configuration).unwrap())
    }
}

/// A server whose clients have named `uri` wherever they may name one.
async fn named(uri: &str, fetcher: Arc<HttpOutbound>) -> World {
    let mut setup = ciba::setup(json!({"profile": "openid", "request_by_reference": true}));
    setup.configuration["registration"] = json!({"access": "open", "audiences": [API]});
    let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
    let clients = setup.configuration["client"].as_array_mut().unwrap();
    clients.retain(|client| client["client_id"] != "pinged");
    clients.push(json!({
        "client_id": "web", "client_name": "Web", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
        "grant_types": ["authorization_code"], "redirect_uris": [CALLBACK], "scope": "openid read",
        "audiences": [API], "consent": "implied", "backchannel_logout_uri": uri, "request_uris": [uri],
    }));
    clients.push(json!({
        "client_id": "serving", "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri,
        "grant_types": ["client_credentials"], "audiences": [API],
    }));
    clients.push(json!({
        "client_id": "pinged", "client_name": "Teller", "token_endpoint_auth_method": "private_key_jwt",
        "jwks": jwks, "grant_types": [ciba::GRANT], "scope": "openid read", "audiences": [API],
        "backchannel_token_delivery_mode": "ping", "backchannel_client_notification_endpoint": uri,
    }));
    setup.key_fetcher = Some(fetcher.clone());
    setup.outbound = Some(fetcher);
    let world = setup.start().await;
    world.account("alice", PASSWORD).await;
    world
}

/// Makes the server call at every door. Nothing comes of it, whatever the site answers; the refusals are logged.
async fn knock(world: &World, uri: &str) {
    let jwks = Call::token("client_credentials").assertion(world.assertion("serving"));
    world.send(jwks.dpop(world.proof(&key()))).await.error(503, "temporarily_unavailable");

    let sector = json!({
        "redirect_uris": ["https://a.example/cb", "https://b.example/cb"], "subject_type": "pairwise",
        "sector_identifier_uri": uri,
    });
    world.register(&sector).await.error(400, "invalid_client_metadata");

    let reference = form(&[
        ("client_id".into(), "web".into()),
        ("response_type".into(), "code".into()),
        ("redirect_uri".into(), CALLBACK.into()),
        ("scope".into(), "openid".into()),
        ("request_uri".into(), uri.into()),
    ]);
    let page = Browser::new(world).get(&format!("/authorize?{reference}")).await;
    assert!(page.answer("code").is_none() && page.element("password").is_none(), "{}", page.html);

    let browser = Browser::new(world);
    let login = browser.get(&authorize("web", &world.pushed(world.push("web")).await)).await;
    let code = sign_in(&browser, &login).await.answer("code").unwrap();
    let tokens = world.send(world.redeem("web", &code, &key())).await.ok();
    browser.get(&ask(&[("id_token_hint", tokens["id_token"].as_str().unwrap())])).await;
    world.server.deliver_logouts().await.unwrap();

    world.requested(world.usual("pinged")).await;
    ciba::approve(world, "allow").await;
    world.server.deliver_pings().await.unwrap();
}

/// The log, once it holds `part` so often.
async fn logged(part: &str, times: usize) -> String {
    let mut log = String::new();
    let complete = async {
        while log.matches(part).count() < times {
            tokio::task::yield_now().await;
            log.push_str(&logging::seen());
        }
    };
    let complete = tokio::time::timeout(Duration::from_secs(20), complete).await;
    assert!(complete.is_ok(), "{times} times {part:?} in\n{log}");
    log
}

/// CVE-2026-1180, CVE-2026-22752, RFC 9101 section 10.4: whatever a client writes, it makes the
/// server call nothing inside.
#[tokio::test]
async fn no_name_of_a_client_leads_the_server_inside() {
    let site = Site::serve();
    for host in INSIDE {
        let uri = format!("https://{host}:{}/inside", site.port);
        let world = named(&uri, site.fetcher(&[])).await;
        logging::seen();
        knock(&world, &uri).await;
        logged("which is not public", DOORS).await;
        assert!(site.asked().is_empty(), "{host}");
    }
}

/// The same calls arrive where the operator has listed the host: the test above could fail.
#[tokio::test]
async fn every_door_calls_where_the_operator_lets_it() {
    let site = Site::serve();
    let uri = format!("https://localhost:{}/inside", site.port);
    let world = named(&uri, site.fetcher(&["localhost"])).await;
    knock(&world, &uri).await;
    while site.asked().len() < DOORS {
        tokio::task::yield_now().await;
    }
    assert_eq!(site.asked(), ["/inside"; DOORS]);
}

#[tokio::test]
async fn no_redirect_leads_the_server_on() {
    let site = Site::serve();
    let uri = format!("https://localhost:{}/redirect", site.port);
    let world = named(&uri, site.fetcher(&["localhost"])).await;
    logging::seen();
    knock(&world, &uri).await;
    // Three fetch, two post: what is fetched must be there, and a post has been told wherever it went.
    logged("it answered 307", 3).await;
    while site.asked().len() < DOORS {
        tokio::task::yield_now().await;
    }
    assert_eq!(site.asked(), ["/redirect"; DOORS], "nothing was called twice, and nothing else");
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let site = Site::serve();
    let uri = format!("https://localhost:{}/endless", site.port);
    let world = named(&uri, site.fetcher(&["localhost"])).await;
    logging::seen();
    knock(&world, &uri).await;
    logged("more than 256 KiB", 3).await;
}
