//! Against a real HTTPS server on loopback: what is fetched, and where a fetch never leads.

use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bindery_http::ClientCertificates;
use bindery_http::listener::{Limits, Listener};
use bindery_http::tls::ServerTls;
use rcgen::{CertifiedKey, generate_simple_self_signed};

use super::*;

const SET: &[u8] = br#"{"keys":[]}"#;

/// A client's server, on a port of loopback, with a certificate for `localhost` and `client.example`.
struct Site {
    port: u16,
    roots: tempfile::NamedTempFile,
    requests: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
}

impl Site {
    fn serve() -> Self {
        let names = ["localhost", "client.example", "127.0.0.1"].map(str::to_owned);
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
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
        let (requests, now, most_at_once) =
            (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (counted, most) = (Arc::clone(&requests), Arc::clone(&most_at_once));
        let router = Router::new().fallback(async move |request: axum::extract::Request| {
            counted.fetch_add(1, Ordering::SeqCst);
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            now.fetch_sub(1, Ordering::SeqCst);
            let answer = Response::builder();
            match request.uri().path() {
                "/redirect" => answer.status(302).header("location", "/jwks").body(Body::empty()),
                "/silent" => return std::future::pending::<Response>().await,
                "/error" => answer.status(500).body(Body::from(SET)),
                "/full" => answer.body(Body::from(vec![b' '; MAXIMUM_DOCUMENT])),
                "/long" => answer.body(Body::from(vec![b' '; MAXIMUM_DOCUMENT + 1])),
                "/endless" => answer.body(Body::from_stream(futures_util::stream::repeat_with(|| {
                    Ok::<_, std::convert::Infallible>(bytes::Bytes::from_static(&[b' '; 4096]))
                }))),
                _ => answer.body(Body::from(SET)),
            }
            .unwrap()
        });
        tokio::spawn(listener.serve(router));
        Self { port, roots, requests, most_at_once }
    }

    fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.port)
    }

    fn trusting(&self) -> ClientKeysConfiguration {
        ClientKeysConfiguration {
            roots_file: Some(self.roots.path().to_owned()),
            ..ClientKeysConfiguration::default()
        }
    }

    /// Trusts the site's certificate and lets `localhost` lead to loopback.
    fn listing(&self) -> ClientKeysConfiguration {
        ClientKeysConfiguration { dangerous_private_hosts: vec!["localhost".into()], ..self.trusting() }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn fetcher(configuration: &ClientKeysConfiguration) -> HttpOutbound {
    HttpOutbound::new(configuration).unwrap()
}

/// A fetcher for which every name resolves to these addresses, one answer after the other.
fn resolving(
    configuration: &ClientKeysConfiguration,
    answers: &[&[&str]],
) -> (HttpOutbound, Arc<AtomicUsize>) {
    let answers = answers.iter().map(|answer| {
        answer.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect::<Vec<_>>()
    });
    let answers = Mutex::new(answers.collect::<Vec<_>>().into_iter().cycle());
    let lookups = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&lookups);
    let lookup = move |_: String| -> Resolved {
        counted.fetch_add(1, Ordering::SeqCst);
        let answer = answers.lock().unwrap().next().unwrap();
        Box::pin(async move { Ok(answer) })
    };
    (HttpOutbound::resolving_with(configuration, Arc::new(lookup)).unwrap(), lookups)
}

async fn refusal(fetcher: &HttpOutbound, uri: &str) -> String {
    fetcher.try_fetch(uri, "application/json").await.expect_err(uri).told()
}

#[tokio::test]
async fn fetches_a_set_from_a_listed_private_host_or_network() {
    let site = Site::serve();
    let text = fetcher(&site.listing()).fetch(&site.url("localhost", "/jwks")).await.unwrap();
    assert_eq!(text, SET);
    let network = ["127.0.0.1", "127.0.0.0/8"].map(|network| ClientKeysConfiguration {
        dangerous_private_networks: vec![network.into()],
        ..site.trusting()
    });
    for configuration in network {
        fetcher(&configuration).fetch(&site.url("127.0.0.1", "/jwks")).await.unwrap();
        let (resolving, _) = resolving(&configuration, &[&["127.0.0.1"]]);
        resolving.fetch(&site.url("client.example", "/jwks")).await.unwrap();
    }
}

#[tokio::test]
async fn rejects_private_addresses_that_nobody_listed_without_a_connection() {
    let site = Site::serve();
    let unlisted = fetcher(&site.trusting());
    for host in ["localhost", "127.0.0.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let told = refusal(&unlisted, &site.url(host, "/jwks")).await;
        assert!(told.contains("not public") && told.contains("dangerous_private_hosts"), "{host}: {told}");
    }
    // A listed name is no licence for the address that it has today, nor for other names.
    let listing = fetcher(&site.listing());
    assert!(refusal(&listing, &site.url("127.0.0.1", "/jwks")).await.contains("not public"));
    let (other, _) = resolving(&site.listing(), &[&["127.0.0.1"]]);
    assert!(refusal(&other, &site.url("client.example", "/jwks")).await.contains("not public"));
    assert_eq!(site.requests(), 0);
}

#[tokio::test]
async fn rejects_link_local_addresses_even_of_a_listed_host() {
    let site = Site::serve();
    for address in ["169.254.169.254", "fe80::1", "224.0.0.1", "::ffff:127.0.0.1", "0.0.0.0"] {
        let (listed, _) = resolving(&site.listing(), &[&[address]]);
        assert!(refusal(&listed, &site.url("localhost", "/jwks")).await.contains("not public"), "{address}");
    }
    assert_eq!(site.requests(), 0);
}

#[tokio::test]
async fn rejects_an_answer_that_mixes_public_and_private_addresses() {
    let site = Site::serve();
    for answer in [["1.1.1.1", "127.0.0.1"], ["127.0.0.1", "1.1.1.1"], ["2606:4700::1111", "::1"]] {
        let (mixed, _) = resolving(&site.trusting(), &[&answer]);
        let told = refusal(&mixed, &site.url("client.example", "/jwks")).await;
        assert!(told.contains("not public"), "{told}");
    }
    assert_eq!(site.requests(), 0);
}

#[tokio::test]
async fn a_name_that_is_rebound_between_two_fetches_is_judged_anew_and_once_for_each() {
    let site = Site::serve();
    let configuration =
        ClientKeysConfiguration { dangerous_private_networks: vec!["127.0.0.1".into()], ..site.trusting() };
    let (rebound, lookups) = resolving(&configuration, &[&["127.0.0.1"], &["10.0.0.1"]]);
    let url = site.url("client.example", "/jwks");
    rebound.fetch(&url).await.unwrap();
    assert_eq!(lookups.load(Ordering::SeqCst), 1, "what was judged is what is connected to");
    assert!(refusal(&rebound, &url).await.contains("10.0.0.1"));
    assert_eq!(site.requests(), 1);
}

#[tokio::test]
async fn rejects_redirects_errors_and_long_answers() {
    let site = Site::serve();
    let fetcher = fetcher(&site.listing());
    for (path, part) in [
        ("/redirect", "302"),
        ("/error", "500"),
        ("/long", "more than 256 KiB"),
        ("/endless", "more than 256 KiB"),
    ] {
        let told = refusal(&fetcher, &site.url("localhost", path)).await;
        assert!(told.contains(part), "{path}: {told}");
    }
    assert_eq!(site.requests(), 4, "the redirect was not followed");
    assert_eq!(fetcher.fetch(&site.url("localhost", "/full")).await.unwrap().len(), MAXIMUM_DOCUMENT);
}

/// Whoever answers nothing holds nobody for longer than a fetch may take, and the turn is free again.
#[tokio::test]
async fn a_server_that_never_answers_is_left_and_holds_no_turn() {
    let site = Site::serve();
    let configuration = ClientKeysConfiguration { maximum_concurrent_fetches: 1, ..site.listing() };
    let mut fetcher = fetcher(&configuration);
    fetcher.patience = Duration::from_millis(300);
    let url = site.url("localhost", "/silent");
    assert_eq!(refusal(&fetcher, &url).await, "it took more than 5 seconds");
    let notification = Notification { content_type: "text/plain", bearer: None, body: Vec::new() };
    assert_eq!(fetcher.try_post(&url, notification).await.unwrap_err().told(), "it took more than 5 seconds");
    fetcher.patience = TIMEOUT;
    fetcher.fetch(&site.url("localhost", "/jwks")).await.unwrap();
}

#[tokio::test]
async fn rejects_http_and_user_information() {
    let site = Site::serve();
    let fetcher = fetcher(&site.listing());
    for (uri, part) in [
        (format!("http://localhost:{}/jwks", site.port), "not https"),
        ("file:///etc/passwd".into(), "not https"),
        (site.url("user@localhost", "/jwks"), "user information"),
        (site.url("user:word@localhost", "/jwks"), "user information"),
        ("https://".into(), "not a URL"),
    ] {
        assert!(refusal(&fetcher, &uri).await.contains(part), "{uri}");
    }
    assert_eq!(site.requests(), 0);
}

#[tokio::test]
async fn rejects_a_server_whose_certificate_nobody_vouches_for() {
    let (site, other) = (Site::serve(), Site::serve());
    let stranger = ClientKeysConfiguration { roots_file: other.listing().roots_file, ..site.listing() };
    refusal(&fetcher(&stranger), &site.url("localhost", "/jwks")).await;
    // The system's roots don't vouch for it either.
    let system = ClientKeysConfiguration { roots_file: None, ..site.listing() };
    refusal(&fetcher(&system), &site.url("localhost", "/jwks")).await;
    assert_eq!(site.requests(), 0);
}

#[tokio::test]
async fn no_more_fetches_run_at_the_same_time_than_may() {
    let site = Site::serve();
    let configuration = ClientKeysConfiguration { maximum_concurrent_fetches: 2, ..site.listing() };
    let fetcher = Arc::new(fetcher(&configuration));
    let mut fetches = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (fetcher, url) = (Arc::clone(&fetcher), site.url("localhost", "/jwks"));
        fetches.spawn(async move { fetcher.fetch(&url).await });
    }
    for fetched in fetches.join_all().await {
        fetched.unwrap();
    }
    assert_eq!(site.requests(), 12);
    assert!(site.most_at_once.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn rejects_to_let_a_slow_logout_address_hold_key_fetches() {
    let site = Site::serve();
    let configuration = ClientKeysConfiguration { maximum_concurrent_fetches: 1, ..site.listing() };
    let outbound = Arc::new(HttpOutbound { patience: Duration::from_secs(1), ..fetcher(&configuration) });
    let silent = site.url("localhost", "/silent");
    let notification = || Notification { content_type: "text/plain", bearer: None, body: Vec::new() };
    let slow = {
        let (outbound, silent) = (Arc::clone(&outbound), silent.clone());
        tokio::spawn(async move { outbound.try_post(&silent, notification()).await })
    };
    while site.requests() == 0 {
        tokio::task::yield_now().await;
    }
    outbound.fetch(&site.url("localhost", "/jwks")).await.unwrap();
    assert!(matches!(slow.await.unwrap(), Err(Refused::Slow)));
    // Who waits for a turn that does not come is left as well.
    let _held = outbound.notifications.acquire().await.unwrap();
    assert!(matches!(outbound.try_post(&silent, notification()).await, Err(Refused::Slow)));
}

#[test]
fn refuses_lists_that_would_not_do_what_they_seem_to() {
    let hosts = |host: &str| ClientKeysConfiguration {
        dangerous_private_hosts: vec![host.into()],
        ..ClientKeysConfiguration::default()
    };
    let networks = |network: &str| ClientKeysConfiguration {
        dangerous_private_networks: vec![network.into()],
        ..ClientKeysConfiguration::default()
    };
    for host in ["", "*.internal", "10.0.0.1", "a b", "https://a.example"] {
        let error = HttpOutbound::new(&hosts(host)).expect_err(host).to_string();
        assert!(error.contains("client_keys.dangerous_private_hosts"), "{error}");
    }
    for network in
        ["", "0.0.0.0/0", "::/0", "10.0.0.1/8", "8.8.8.0/24", "169.254.0.0/16", "172.0.0.0/8", "fe80::/10"]
    {
        let error = HttpOutbound::new(&networks(network)).expect_err(network).to_string();
        assert!(error.contains("client_keys.dangerous_private_networks"), "{error}");
    }
    for network in ["10.0.0.0/8", "172.16.0.0/12", "192.168.7.0/24", "100.64.0.0/10", "fd00::/8", "::1"] {
        HttpOutbound::new(&networks(network)).unwrap();
    }
    let none =
        ClientKeysConfiguration { maximum_concurrent_fetches: 0, ..ClientKeysConfiguration::default() };
    let error = HttpOutbound::new(&none).unwrap_err().to_string();
    assert!(error.contains("client_keys.maximum_concurrent_fetches"), "{error}");
    let missing =
        ClientKeysConfiguration { roots_file: Some("/no/such".into()), ..ClientKeysConfiguration::default() };
    let error = HttpOutbound::new(&missing).unwrap_err().to_string();
    assert!(error.contains("client_keys.roots_file") && error.contains("/no/such"), "{error}");
}
