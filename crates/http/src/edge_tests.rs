//! The whole edge over sockets: what every format's fixtures do when a listed proxy sends them, and that
//! they do nothing when anybody else does.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bindery_core::mtls::certificate::{CertificateThumbprint, PresentedCertificate};
use bindery_core::mtls::header::HeaderFormat;
use bindery_crypto::AwsLc;
use http::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::edge_policy::EdgePolicy;
use crate::identity_headers::strip_untrusted;
use crate::listener::{Limits, Listener, ListenerHandle};
use crate::loopback::any_port;
use crate::peer::Peer;
use crate::presented::from_request;
use crate::trusted_proxy::{TrustedProxies, TrustedProxySettings, VerificationHeader};

const FIXTURES: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/forwarded_certificate_headers.json"));

/// Says the thumbprint of the client's certificate, or why there is none, or that the request is refused.
fn says_its_client(policy: EdgePolicy) -> Router {
    Router::new().fallback(move |mut request: Request| {
        let policy = policy.clone();
        async move {
            let peer = request.extensions().get::<Peer>().cloned();
            let _ = strip_untrusted(request.headers_mut(), peer.as_ref(), &policy);
            let (parts, _) = request.into_parts();
            match from_request(&parts, &policy).map(|presented| presented.certificate) {
                Ok(PresentedCertificate::Present(certificate)) => {
                    certificate.thumbprint().to_string().into_response()
                }
                Ok(PresentedCertificate::Absent(absence)) => format!("{absence:?}").into_response(),
                Err(_) => StatusCode::BAD_REQUEST.into_response(),
            }
        }
    })
}

fn serve(policy: EdgePolicy) -> (SocketAddr, ListenerHandle) {
    let limits = Limits { maximum_header_bytes: 256 * 1024, ..Limits::default() };
    let listener = Listener::plaintext(any_port(), limits).unwrap();
    let running = (listener.local_address(), listener.handle());
    tokio::spawn(listener.serve(says_its_client(policy)));
    running
}

fn behind(case: &Value, network: &str) -> EdgePolicy {
    let verification_header =
        if case["verification"].is_null() { VerificationHeader::NotSent } else { VerificationHeader::Usual };
    let settings = TrustedProxySettings {
        format: case["format"].as_str().unwrap().to_owned(),
        networks: vec![network.to_owned()],
        verification_header,
        ..TrustedProxySettings::default()
    };
    EdgePolicy::behind(TrustedProxies::new(settings).unwrap())
}

/// The header lines of a fixture, under the format's usual names.
fn lines(case: &Value) -> String {
    let format = HeaderFormat::by_name(case["format"].as_str().unwrap()).unwrap();
    let values = |name: Option<&str>, member: &str| -> String {
        let values = case[member].as_array().into_iter().flatten();
        values.map(|value| format!("{}: {}\r\n", name.unwrap(), value.as_str().unwrap())).collect()
    };
    values(Some(format.certificate_header), "certificate")
        + &values(format.chain_header, "chain")
        + &values(format.verification_header, "verification")
}

async fn ask(address: SocketAddr, lines: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn fixtures_count_from_a_listed_proxy_and_do_nothing_from_anybody_else() {
    let fixtures: Value = serde_json::from_str(FIXTURES).unwrap();
    let leaf = STANDARD.decode(fixtures["certificates"]["leaf"].as_str().unwrap()).unwrap();
    let thumbprint = CertificateThumbprint::of(&leaf, &AwsLc).to_string();
    assert_eq!(fixtures["thumbprint"], thumbprint.as_str());
    for (kind, expected) in
        [("accepted", (200, thumbprint.as_str())), ("absent", (200, "NotForwarded")), ("refused", (400, ""))]
    {
        for case in fixtures[kind].as_array().unwrap() {
            // White space at the ends of a line and control characters don't survive a real server.
            if case["reason"] == "NotText" {
                continue;
            }
            let why = format!("{}: {}", case["format"], case["why"]);
            let (address, handle) = serve(behind(case, "127.0.0.1"));
            let (status, body) = ask(address, &lines(case)).await;
            assert_eq!((status, body.as_str()), expected, "{why}");
            handle.shut_down(Duration::ZERO);

            for policy in [behind(case, "192.0.2.1"), EdgePolicy::direct()] {
                let (address, handle) = serve(policy);
                for lines in [lines(case), lines(case).replace('_', "-").to_uppercase()] {
                    assert_eq!(ask(address, &lines).await, (200, "NotAsked".to_owned()), "{why}");
                }
                handle.shut_down(Duration::ZERO);
            }
        }
    }
}

#[tokio::test]
async fn twins_and_other_formats_smuggled_through_a_listed_proxy_do_nothing() {
    let fixtures: Value = serde_json::from_str(FIXTURES).unwrap();
    let accepted = fixtures["accepted"].as_array().unwrap();
    let through = accepted.iter().find(|case| case["format"] == "rfc9440").unwrap();
    let (address, handle) = serve(behind(through, "127.0.0.1"));
    for case in accepted {
        let smuggled = if case["format"] == "rfc9440" {
            lines(case).replace("client-cert", "client_cert")
        } else {
            lines(case)
        };
        assert_eq!(ask(address, &smuggled).await, (200, "NotForwarded".to_owned()), "{}", case["why"]);
    }
    handle.shut_down(Duration::ZERO);
}
