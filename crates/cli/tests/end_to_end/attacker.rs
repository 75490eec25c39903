//! A scripted attacker at the gateway's socket. Each attack is written byte by byte, holds a stolen token and
//! often a proof that is good for another request, and must not reach the application; nor may it hurt the
//! gateway. Where an attack is about framing or paths, token and proof are faultless, so that nothing but
//! the rule that it breaks can stop it.

use std::fmt::Write as _;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bindery_core::crypto::Cryptography as _;
use bindery_core::mtls::header::{HEADERS, IDENTITY_HEADERS, IdentityHeader};
use bindery_crypto::{AwsLc, SigningKey};

use crate::support::Stage;
use crate::support::estate::{Estate, Gateway, require_status};
use crate::support::forgery::{self, Proof};
use crate::support::upstream::Upstream;
use crate::support::wire::{self, Reply};

/// The gateway under attack, and what the thief has.
struct Siege {
    upstream: Upstream,
    gateway: Gateway,
    estate: Estate,
    key: SigningKey,
    token: String,
    nonce: String,
}

impl Siege {
    fn lay() -> Self {
        let estate = Estate::start();
        let upstream = Upstream::start();
        let gateway = estate.gateway("a", &upstream, None);
        let key = forgery::key(&estate.stage, "the client's DPoP key");
        let token = estate.token(&key);
        let nonce = gateway.nonce(&estate.stage, &key, &token);
        Self { upstream, gateway, estate, key, token, nonce }
    }

    fn stage(&self) -> &Stage {
        &self.estate.stage
    }

    /// A fresh, faultless proof for this method and path.
    fn proof(&self, method: &str, path: &str) -> String {
        self.proof_for(method, &format!("{}{path}", self.gateway.url))
    }

    /// The same for any URL.
    fn proof_for(&self, method: &str, url: &str) -> String {
        Proof::of(&self.key, method, url).with_token(&self.token).with_nonce(&self.nonce).sign(self.stage())
    }

    /// The two headers of an honest request.
    fn credentials(&self, method: &str, path: &str) -> String {
        format!("Authorization: DPoP {}\r\nDPoP: {}\r\n", self.token, self.proof(method, path))
    }

    fn attack(&self, request: &str) -> Reply {
        wire::exchange(self.stage(), self.gateway.address, request.as_bytes())
    }

    /// The attack is refused, or its connection closed, and the application has seen nothing.
    #[track_caller]
    fn require_refused(&self, name: &str, request: &str) {
        let before = self.upstream.count();
        let reply = self.attack(request);
        assert!(!reply.has_success(), "{name}: {reply:?}");
        assert!(reply.status.is_none_or(|status| (400..=501).contains(&status)), "{name}: {reply:?}");
        assert_eq!(self.upstream.count(), before, "{name} reached the application");
        for secret in [&self.token, "BEGIN CERTIFICATE"] {
            assert!(!reply.text.contains(secret), "{name}: the answer holds what was sent");
        }
    }

    /// The gateway serves honest clients as before.
    #[track_caller]
    fn require_alive(&self) {
        let before = self.upstream.count();
        let request = get("/orders", &self.credentials("GET", "/orders"));
        require_status(self.attack(&request), 200);
        assert_eq!(self.upstream.count(), before + 1);
    }
}

/// A GET with these headers on a connection of its own.
fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")
}

#[test]
fn rejects_headers_that_two_parsers_may_read_differently() {
    let siege = Siege::lay();
    let token = &siege.token;
    let good = || siege.credentials("GET", "/orders");
    let proof = || siege.proof("GET", "/orders");
    let many: String = (0..200).map(|_| "DPoP: a.b.c\r\n").collect();
    let endless: String = (0..4000).fold(String::new(), |mut headers, index| {
        let _ = write!(headers, "X-{index}: y\r\n");
        headers
    });
    let attacks = [
        ("two Authorization headers", format!("{}Authorization: DPoP {token}\r\n", good())),
        ("two Authorization headers of two schemes", format!("{}Authorization: Bearer {token}\r\n", good())),
        (
            "two Authorization values in one line",
            format!("Authorization: DPoP {token}, DPoP {token}\r\nDPoP: {}\r\n", proof()),
        ),
        ("two DPoP headers", format!("{}DPoP: {}\r\n", good(), proof())),
        (
            "two proofs in one line",
            format!("Authorization: DPoP {token}\r\nDPoP: {}, {}\r\n", proof(), proof()),
        ),
        ("an empty second DPoP header", format!("{}DPoP:\r\n", good())),
        ("200 DPoP headers", format!("{}{many}", good())),
        (
            "a folded Authorization header",
            format!("Authorization: DPoP\r\n {token}\r\nDPoP: {}\r\n", proof()),
        ),
        ("a folded DPoP header", format!("Authorization: DPoP {token}\r\nDPoP:\r\n\t{}\r\n", proof())),
        ("a tab after the scheme", format!("Authorization: DPoP\t{token}\r\nDPoP: {}\r\n", proof())),
        ("two spaces after the scheme", format!("Authorization: DPoP  {token} x\r\nDPoP: {}\r\n", proof())),
        ("a NUL byte in the token", format!("Authorization: DPoP {token}\0\r\nDPoP: {}\r\n", proof())),
        ("a NUL byte in the proof", format!("Authorization: DPoP {token}\r\nDPoP: \0{}\r\n", proof())),
        ("a NUL byte in a header name", format!("{}X\0Y: z\r\n", good())),
        ("a bare carriage return", format!("Authorization: DPoP {token}\rX: y\r\nDPoP: {}\r\n", proof())),
        ("a space before the colon", format!("Authorization : DPoP {token}\r\nDPoP: {}\r\n", proof())),
        ("a proof of 64 KiB", format!("Authorization: DPoP {token}\r\nDPoP: {}\r\n", "a".repeat(64 * 1024))),
        (
            "a token of 48 KiB",
            format!("Authorization: DPoP {}\r\nDPoP: {}\r\n", "a".repeat(48 * 1024), proof()),
        ),
        ("4000 headers", format!("{}{endless}", good())),
        ("a proof in a trailer's name", format!("Authorization: DPoP {token}\r\nTrailer: DPoP\r\n")),
        ("a connection that removes the token", format!("{}Connection: authorization\r\n", good())),
    ];
    for (name, headers) in attacks {
        siege.require_refused(name, &get("/orders", &headers));
    }
    siege.require_alive();
}

#[test]
fn rejects_proofs_for_other_hosts_whatever_the_request_says_of_its_own() {
    let siege = Siege::lay();
    let token = &siege.token;
    let evil = |path: &str| {
        let proof = siege.proof_for("GET", &format!("https://evil.example{path}"));
        format!("Authorization: DPoP {token}\r\nDPoP: {proof}\r\n")
    };
    let line = |target: &str, host: &str, headers: String| {
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n")
    };
    let forwarded =
        |name: &str| format!("{}{name}: evil.example\r\nX-Forwarded-Proto: https\r\n", evil("/orders"));
    let attacks = [
        ("another host in Host", line("/orders", "evil.example", evil("/orders"))),
        ("another host in the target", line("https://evil.example/orders", "localhost", evil("/orders"))),
        ("another host in both", line("https://evil.example/orders", "evil.example", evil("/orders"))),
        ("http in the target", line("http://evil.example/orders", "evil.example", evil("/orders"))),
        ("X-Forwarded-Host", line("/orders", "localhost", forwarded("X-Forwarded-Host"))),
        ("X-Original-Host", line("/orders", "localhost", forwarded("X-Original-Host"))),
        (
            "Forwarded",
            line(
                "/orders",
                "localhost",
                format!("{}Forwarded: host=evil.example;proto=https\r\n", evil("/orders")),
            ),
        ),
        (
            "X-Original-URL",
            line("/orders", "localhost", format!("{}X-Original-URL: /admin\r\n", evil("/orders"))),
        ),
        (
            "two Host headers",
            line("/orders", "localhost", format!("{}Host: evil.example\r\n", evil("/orders"))),
        ),
        ("no Host", format!("GET /orders HTTP/1.1\r\nConnection: close\r\n{}\r\n", evil("/orders"))),
        ("HTTP/1.0 without Host", format!("GET /orders HTTP/1.0\r\n{}\r\n", evil("/orders"))),
        (
            "user information in the target",
            line("https://localhost@evil.example/orders", "localhost", evil("/orders")),
        ),
    ];
    for (name, request) in attacks {
        siege.require_refused(name, &request);
    }

    // A faultless request with such headers goes through, and the application reads none of them.
    let spoofed = format!(
        "{}X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nX-Forwarded-Host: evil.example\r\n\
         X-Forwarded-Proto: gopher\r\nForwarded: for=6.6.6.6\r\nX-Original-URL: /admin\r\n\
         X-HTTP-Method-Override: DELETE\r\nBindery-Subject: root\r\nBindery_Subject: root\r\n",
        siege.credentials("GET", "/orders"),
    );
    let reply = siege.attack(&line("/orders", "evil.example", spoofed));
    require_status(reply, 200);
    let seen = siege.upstream.last();
    assert_eq!(seen.header("host"), [siege.upstream.address.to_string()]);
    assert_eq!(seen.header("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.header("x-forwarded-proto"), ["https"]);
    assert_eq!(seen.header("bindery-subject"), ["client:billing"]);
    assert!(
        seen.headers.iter().all(|(_, value)| {
            !["6.6.6.6", "evil", "gopher", "root", "/admin", "DELETE"]
                .iter()
                .any(|spoof| value.contains(spoof))
        }),
        "{seen:?}"
    );
    siege.require_alive();
}

#[test]
fn rejects_bodies_whose_length_is_ambiguous() {
    let siege = Siege::lay();
    // What would be a second request to a server that reads the length in the other way.
    let hidden = "GET /admin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n";
    let chunked = format!("0\r\n\r\n{hidden}");
    let framings = [
        ("two lengths", format!("Content-Length: 0\r\nContent-Length: {}\r\n", chunked.len())),
        ("two lengths in one line", format!("Content-Length: 0, {}\r\n", chunked.len())),
        ("a length with a sign", format!("Content-Length: +{}\r\n", chunked.len())),
        ("a length in hexadecimal", "Content-Length: 0x10\r\n".into()),
        ("a negative length", "Content-Length: -1\r\n".into()),
        ("a coding that nobody knows", "Transfer-Encoding: xchunked\r\n".into()),
        ("two codings", "Transfer-Encoding: chunked, identity\r\n".into()),
        ("two codings in two lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".into()),
        ("a vertical tab before the coding", "Transfer-Encoding:\u{b}chunked\r\n".into()),
        ("a space before the colon", "Transfer-Encoding : chunked\r\n".into()),
        ("a folded coding", "Transfer-Encoding:\r\n chunked\r\n".into()),
    ];
    for (name, framing) in framings {
        let request = format!(
            "POST /orders HTTP/1.1\r\nHost: localhost\r\n{}{framing}\r\n{chunked}",
            siege.credentials("POST", "/orders")
        );
        let before = siege.upstream.count();
        let reply = wire::exchange(siege.stage(), siege.gateway.address, request.as_bytes());
        assert!(!reply.has_success(), "{name}: {reply:?}");
        assert_eq!(siege.upstream.count(), before, "{name} reached the application");
    }
    // With both, the coding counts and the connection ends (RFC 9112 section 6.3): one request, no second one.
    let both = [format!("Content-Length: {}\r\n", chunked.len()), "Transfer-Encoding: chunked\r\n".into()];
    for framing in [both.concat(), both.iter().rev().map(String::as_str).collect()] {
        let before = siege.upstream.count();
        let credentials = siege.credentials("POST", "/orders");
        let reply = siege.attack(&format!(
            "POST /orders HTTP/1.1\r\nHost: localhost\r\n{credentials}{framing}\r\n{chunked}"
        ));
        assert_eq!(reply.text.matches("HTTP/1.1 ").count(), 1, "{reply:?}");
        assert!(siege.upstream.count() <= before + 1);
        let seen = siege.upstream.last();
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/orders"));
        assert!(seen.header("content-length").is_empty(), "{seen:?}");
    }
    let before = siege.upstream.count();
    // A malformed chunk: the head is good and may be forwarded, the second request never.
    let request = format!(
        "POST /orders HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n{}\r\nffffffffffffffff1\r\n{hidden}",
        siege.credentials("POST", "/orders")
    );
    let reply = siege.attack(&request);
    assert!(!reply.has_success(), "{reply:?}");
    assert_eq!(siege.upstream.count(), before, "a request whose body never ends well is not a request");
    siege.require_alive();
}

#[test]
fn rejects_paths_with_more_than_one_reading() {
    let siege = Siege::lay();
    for path in [
        "/orders/..;/admin",
        "/orders/../admin",
        "/orders/%2e%2e/admin",
        "/orders/%2E%2E/admin",
        "/orders/.%2e/admin",
        "/orders/./x",
        "//orders",
        "//admin",
        "/orders//x",
        "/orders%2fadmin",
        "/orders%2Fadmin",
        "/orders%5cadmin",
        "/orders\\..\\admin",
        "/orders%00",
        "/orders%0d%0aX:y",
        "/orders%252e%252e/admin",
        "/orders;x/..;y/admin",
        "/orders/%zz",
        "/orders%",
        "/orders/\u{7f}",
        "/watched/..;/admin",
        "/watched/%2e%2e/admin",
        "/warned//../admin",
    ] {
        siege.require_refused(path, &get(path, &siege.credentials("GET", path)));
        // A tolerant route is no way around either.
        siege.require_refused(path, &get(path, ""));
    }
    // Letter case and encoded letters lead to no weaker route.
    for path in ["/Admin", "/%61dmin", "/admin/", "/admin;x=1", "/%77atched/../admin"] {
        siege.require_refused(path, &get(path, ""));
    }
    siege.require_alive();
}

#[test]
fn rejects_methods_and_upgrades_that_lead_past_the_guard() {
    let siege = Siege::lay();
    let websocket = "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let good = |method: &str| siege.credentials(method, "/orders");
    let line = |method: &str, target: &str, headers: &str| {
        format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
    };
    let close = "Connection: close\r\n";
    let authority = siege.upstream.address.to_string();
    let attacks = [
        (
            "a WebSocket without proof",
            line("GET", "/orders", &format!("{websocket}Authorization: DPoP {}\r\n", siege.token)),
        ),
        ("a WebSocket without anything", line("GET", "/orders", websocket)),
        ("CONNECT", line("CONNECT", &authority, close)),
        ("CONNECT with credentials", line("CONNECT", &authority, &format!("{}{close}", good("CONNECT")))),
        ("TRACE", line("TRACE", "/orders", &format!("{}{close}", good("TRACE")))),
        ("OPTIONS of everything", line("OPTIONS", "*", close)),
        ("OPTIONS", line("OPTIONS", "/orders", close)),
        ("a method in lower case", line("get", "/orders", &format!("{}{close}", good("GET")))),
        ("HEAD with a proof for GET", line("HEAD", "/orders", &format!("{}{close}", good("GET")))),
        ("an unknown method", line("FETCH", "/orders", &format!("{}{close}", good("GET")))),
        (
            "HTTP/2 by upgrade",
            line(
                "GET",
                "/orders",
                "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
            ),
        ),
        ("HTTP/2 by prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into()),
        ("HTTP/0.9", "GET /orders\r\n\r\n".into()),
        ("noise", "\u{1}\u{2}\u{3}\r\n\r\n".into()),
    ];
    for (name, request) in attacks {
        let mut wire = wire::Wire::open(siege.stage(), siege.gateway.address);
        wire.send(request.as_bytes());
        let reply = wire.read_to_end(std::time::Duration::from_millis(700));
        assert!(!reply.has_success() && reply.status != Some(101), "{name}: {reply:?}");
        assert_eq!(siege.upstream.count(), 0, "{name} reached the application");
    }
    siege.require_alive();
}

#[test]
fn rejects_certificates_in_headers_in_every_format_and_spelling() {
    let siege = Siege::lay();
    let [certificate, key] = ["inventory.pem", "inventory.key"].map(|name| siege.stage().path(name));
    let token =
        siege.estate.printed_token("inventory", &["--certificate", &certificate, "--certificate-key", &key]);
    let pem = std::fs::read_to_string(&certificate).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(&body).unwrap();
    let escaped: String = pem.bytes().fold(String::new(), |mut text, byte| {
        let _ = if byte.is_ascii_alphanumeric() {
            write!(text, "{}", byte as char)
        } else {
            write!(text, "%{byte:02X}")
        };
        text
    });
    let hash = AwsLc.sha256(&[&der]);
    let hex = hash.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let values =
        [format!(":{body}:"), format!("Hash={hex};Cert=\"{escaped}\""), escaped, body, "CN=inventory".into()];
    let mut names: Vec<String> = HEADERS
        .iter()
        .flat_map(|format| [Some(format.certificate_header), format.chain_header, format.verification_header])
        .flatten()
        .map(str::to_owned)
        .collect();
    names.extend(IDENTITY_HEADERS.iter().map(|header| match header {
        IdentityHeader::Named(name) => (*name).to_owned(),
        IdentityHeader::Beginning(start) => format!("{}-x", start.trim_end_matches('-')),
    }));
    let twins: Vec<String> = names.iter().map(|name| name.replace('-', "_")).collect();
    let mut all = String::new();
    for name in names.iter().chain(&twins) {
        for value in &values {
            let header =
                format!("{name}: {value}\r\nX-SSL-Client-Verify: 0\r\nSSL-Client-Verify: SUCCESS\r\n");
            siege.require_refused(
                name,
                &get("/orders", &format!("Authorization: Bearer {token}\r\n{header}")),
            );
        }
        if all.len() < 40_000 {
            let _ = write!(all, "{name}: {}\r\n", values[0]);
        }
    }
    siege
        .require_refused("many at once", &get("/orders", &format!("Authorization: Bearer {token}\r\n{all}")));

    // With credentials that hold, they are not passed on either.
    let honest = format!("{}{}", siege.credentials("GET", "/orders"), all);
    let reply = siege.attack(&get("/orders", &honest));
    require_status(reply, 200);
    let seen = siege.upstream.last();
    for (name, value) in &seen.headers {
        assert!(!values.contains(value), "{name} reached the application");
    }
    siege.require_alive();
}

#[test]
fn http2_requests_are_judged_by_the_configured_url_and_not_by_their_authority() {
    let siege = Siege::lay();
    let port = siege.gateway.address.port();
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(wire::tls(siege.stage(), &[b"h2"]))
        .http2_prior_knowledge()
        .no_proxy()
        .resolve("evil.example", SocketAddr::from(([127, 0, 0, 1], port)))
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let send = |url: String, htu: &str, extra: &[(&str, &str)]| {
        let proof = siege.proof_for("GET", htu);
        let mut request =
            http.get(url).header("authorization", format!("DPoP {}", siege.token)).header("dpop", proof);
        for (name, value) in extra {
            request = request.header(*name, *value);
        }
        runtime.block_on(async { request.send().await }).map(|response| {
            assert_eq!(response.version(), http::Version::HTTP_2);
            response.status().as_u16()
        })
    };
    let evil = format!("https://evil.example:{port}/orders");
    let own = format!("{}/orders", siege.gateway.url);
    assert_eq!(send(evil.clone(), &evil, &[]).unwrap(), 401, ":authority and htu of another host");
    assert_eq!(send(own.clone(), &evil, &[("host", "evil.example")]).unwrap(), 401, "Host of another host");
    assert_eq!(send(own.clone(), &evil, &[("x-forwarded-host", "evil.example")]).unwrap(), 401);
    let twice = send(own.clone(), &own, &[("dpop", "a.b.c")]).unwrap();
    assert_eq!(twice, 401, "two DPoP headers");
    assert_eq!(siege.upstream.count(), 0);

    // What :authority says does not matter when the proof names the configured URL.
    assert_eq!(send(evil, &own, &[]).unwrap(), 200);
    assert_eq!(
        siege.upstream.last().header("x-forwarded-host"),
        [&own["https://".len()..own.len() - "/orders".len()]]
    );
    siege.require_alive();
}
