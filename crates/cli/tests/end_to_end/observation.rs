//! What a running server tells its operator: metrics and readiness on a listener of their own, traces at an OTLP
//! collector, logs as JSON. The collector here speaks the real protocol over a real socket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::support::estate::{Estate, require_status};
use crate::support::upstream::Upstream;
use crate::support::{DEADLINE, free_port, wire};

/// Everything that a span may say of a request.
const ATTRIBUTES: [&str; 8] = [
    "issuer",
    "http.request.method",
    "http.route",
    "http.response.status_code",
    "client_id",
    "grant_type",
    "outcome",
    "target",
];

/// An OTLP/HTTP receiver.
struct Collector {
    address: SocketAddr,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&bodies);
        std::thread::spawn(move || {
            for stream in socket.incoming() {
                let taken = Arc::clone(&taken);
                std::thread::spawn(move || serve(stream.unwrap(), &taken));
            }
        });
        Self { address, bodies }
    }

    fn spans(&self) -> Vec<Span> {
        let bodies = self.bodies.lock().unwrap();
        let requests = bodies.iter().map(|body| ExportTraceServiceRequest::decode(&body[..]).unwrap());
        let spans =
            requests.flat_map(|request| request.resource_spans).flat_map(|resource| resource.scope_spans);
        spans.flat_map(|scope| scope.spans).collect()
    }

    fn contains(&self, text: &str) -> bool {
        let bodies = self.bodies.lock().unwrap();
        bodies.iter().any(|body| body.windows(text.len()).any(|window| window == text.as_bytes()))
    }
}

fn serve(stream: TcpStream, bodies: &Mutex<Vec<Vec<u8>>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut first, mut length) = (String::new(), 0);
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        assert!(first.starts_with("POST /v1/traces "), "{first}");
        bodies.lock().unwrap().push(body);
        (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

fn text<'s>(span: &'s Span, name: &str) -> Option<&'s str> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// An estate whose server has this `[observation]`.
fn observed(options: &str) -> Estate {
    let mut estate = Estate::start();
    let written = std::fs::read_to_string(&estate.config).unwrap();
    std::fs::write(&estate.config, format!("{written}\n[observation]\n{options}\n")).unwrap();
    estate.server.kill();
    estate.restart_server();
    estate
}

fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

/// A token request that fails, with the trace that its sender claims to be part of.
fn fail(estate: &Estate, trace: &str) {
    let client = wire::http_client(&estate.stage);
    let request = client
        .post(format!("{}/token", estate.issuer))
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"))
        .form(&[("grant_type", "client_credentials"), ("client_id", "nobody")]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(async { request.send().await }).unwrap();
    assert_eq!(answer.status(), 401);
}

#[test]
fn metrics_and_readiness_are_served_to_operators_and_nowhere_else() {
    let address = format!("127.0.0.1:{}", free_port());
    let estate = observed(&format!("metrics = \"{address}\""));
    let key = crate::support::forgery::key(&estate.stage, "the client's DPoP key");
    let token = estate.token(&key);
    fail(&estate, "4bf92f3577b34da6a3ce929d0e0e4736");
    let (status, page) = get(&address, "/metrics");
    assert_eq!(status, 200);
    let issuer = &estate.issuer;
    for line in [
        format!(
            "bindery_tokens_issued_total{{issuer=\"{issuer}\",grant_type=\"client_credentials\",binding=\"dpop\",method=\"private_key_jwt\"}} 1"
        ),
        format!(
            "bindery_requests_total{{issuer=\"{issuer}\",endpoint=\"/token\",status=\"200\",reason=\"\"}} 1"
        ),
        format!(
            "bindery_requests_total{{issuer=\"{issuer}\",endpoint=\"/token\",status=\"401\",reason=\"client_authentication\"}} 1"
        ),
        format!("bindery_replay_memory_entries{{issuer=\"{issuer}\"}} 1"),
        format!("bindery_key_age_seconds{{issuer=\"{issuer}\",key=\"ES256\"}}"),
    ] {
        assert!(page.contains(&line), "{line} is missing in\n{page}");
    }
    assert!(!page.contains(&token) && !page.contains("nobody"), "{page}");
    let (status, body) = get(&address, "/readyz");
    assert_eq!(status, 200);
    assert!(body.contains("\"signing_keys\":true") && body.contains(issuer.as_str()), "{body}");
    assert_eq!(get(&address, "/healthz").0, 200);
    // Where clients connect there is nothing of it.
    let client = wire::http_client(&estate.stage);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let status = |path: &str| {
        runtime.block_on(async {
            let answer = client.get(format!("{issuer}{path}")).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    };
    assert_eq!(status("/metrics").0, 404);
    assert_eq!(status("/readyz"), (200, String::new()));
}

#[test]
fn a_request_is_one_span_without_anything_secret_and_none_is_lost_at_the_end() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let trace: Vec<u8> =
        (0..16).map(|index| u8::from_str_radix(&TRACE[2 * index..2 * index + 2], 16).unwrap()).collect();
    for trusted in [true, false] {
        let collector = Collector::start();
        let estate =
            observed(&format!("otlp = \"http://{}\"\ntrust_traceparent = {trusted}", collector.address));
        let key = crate::support::forgery::key(&estate.stage, "the client's DPoP key");
        let token = estate.token(&key);
        fail(&estate, TRACE);
        // What has not been sent yet is sent before the process ends.
        estate.server.signal("TERM");
        estate.server.wait_for_log("stopping");
        let deadline = Instant::now() + DEADLINE;
        let done = |spans: &[Span]| spans.iter().filter(|span| span.name == "POST /token").count() >= 2;
        while !done(&collector.spans()) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let spans = collector.spans();
        let issued =
            spans.iter().find(|span| text(span, "outcome") == Some("done") && span.name == "POST /token");
        let issued = issued.unwrap_or_else(|| panic!("no span of the token: {spans:#?}"));
        assert_eq!(text(issued, "client_id"), Some("billing"));
        assert_eq!(text(issued, "grant_type"), Some("client_credentials"));
        assert_eq!(text(issued, "issuer"), Some(estate.issuer.as_str()));
        let refused =
            spans.iter().find(|span| text(span, "outcome") == Some("client_authentication")).unwrap();
        assert_eq!(text(refused, "client_id"), None, "who failed to authenticate is nobody");
        assert_eq!(refused.trace_id == trace, trusted);
        for span in &spans {
            for attribute in &span.attributes {
                assert!(ATTRIBUTES.contains(&attribute.key.as_str()), "{} in {span:#?}", attribute.key);
            }
            assert_eq!(span.events, []);
        }
        for part in token.split('.') {
            assert!(!collector.contains(part), "a trace holds a part of the token");
        }
    }
}

#[test]
fn logs_are_json_objects_when_they_shall_be() {
    let mut estate = Estate::start();
    let written = std::fs::read_to_string(&estate.config).unwrap();
    let options = "[observation]\nlog_format = \"json\"\nlog_level = \"info\"\n";
    std::fs::write(&estate.config, format!("{written}\n{options}")).unwrap();
    estate.server.kill();
    let finished = estate.stage.run(&["server", "--config", &estate.config, "--check"]).require(0);
    let lines: Vec<serde_json::Value> =
        finished.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    assert!(events.contains(&"server_started") && events.contains(&"configuration_checked"), "{events:?}");
    estate.stage.write("broken.toml", "[observation]\nlog_format = \"xml\"\n");
    let broken = estate.stage.path("broken.toml");
    let finished = estate.stage.run(&["server", "--config", &broken, "--check"]).require(2);
    assert!(finished.stderr.contains("log_format") || finished.stderr.contains("xml"), "{}", finished.stderr);
}

#[test]
fn a_gateway_counts_answers_decisions_and_faults_for_its_operator() {
    let estate = Estate::start();
    let (stage, upstream) = (&estate.stage, Upstream::start());
    let address = format!("127.0.0.1:{}", free_port());
    let mut gateway = estate.gateway("observed", &upstream, None);
    gateway.process.kill();
    gateway.configure(&format!("[observation]\nmetrics = \"{address}\"\n"));
    gateway.restart(stage);
    let key = crate::support::forgery::key(stage, "the client's DPoP key");
    let token = estate.token(&key);
    let nonce = gateway.nonce(stage, &key, &token);
    let proof = gateway.proof(&key, "/orders", &token).with_nonce(&nonce).sign(stage);
    require_status(gateway.get(stage, "/orders", &token, &proof), 200);
    require_status(gateway.get(stage, "/orders", &token, &proof), 401);
    for path in ["/watched", "/warned"] {
        require_status(gateway.get(stage, path, &token, &proof), 200);
    }
    let trace = b"TRACE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    require_status(wire::exchange(stage, gateway.address, trace), 501);
    drop(upstream);
    require_status(gateway.get(stage, "/watched", &token, &proof), 502);

    let (status, page) = get(&address, "/metrics");
    assert_eq!(status, 200);
    for line in [
        "bindery_gateway_requests_total{status=\"200\"} 3",
        "bindery_gateway_requests_total{status=\"501\"} 1",
        "bindery_gateway_requests_total{status=\"502\"} 1",
        "bindery_gateway_admitted_total{mode=\"enforce\",binding=\"dpop\"} 1",
        "bindery_gateway_rejections_total{mode=\"enforce\",blame=\"replayed\",reason=\"proof_replayed\"} 1",
        "bindery_gateway_rejections_total{mode=\"observe\",blame=\"invalid\",reason=\"proof_target\"} 2",
        "bindery_gateway_rejections_total{mode=\"warn\",blame=\"invalid\",reason=\"proof_target\"} 1",
        "bindery_gateway_not_forwarded_total{reason=\"method_refused\"} 1",
        "bindery_gateway_not_forwarded_total{reason=\"upstream_unreachable\"} 1",
        "bindery_gateway_upstream_duration_seconds_count 4",
        "bindery_gateway_open_tunnels 0",
        "bindery_gateway_replay_memory_entries 1",
        "bindery_gateway_replay_memory_bound 2000000",
    ] {
        assert!(page.contains(line), "{line} is missing in\n{page}");
    }
    for secret in token.split('.').chain(proof.split('.')) {
        assert!(!page.contains(secret), "{page}");
    }
    let (status, body) = get(&address, "/readyz");
    assert_eq!(status, 200);
    assert!(body.contains("\"replay_memory\":true"), "{body}");
    assert_eq!(get(&address, "/healthz").0, 200);
    // Where clients connect every path is the application's, and guarded like any other.
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    require_status(wire::exchange(stage, gateway.address, request), 401);
}

#[test]
fn a_gateway_makes_no_traces_and_says_so() {
    let estate = Estate::start();
    let upstream = Upstream::start();
    let mut gateway = estate.gateway("traced", &upstream, None);
    gateway.process.kill();
    gateway.configure("[observation]\notlp = \"http://127.0.0.1:4318\"\n");
    let finished = estate.stage.run(&["gateway", "--check", "--config", &gateway.config]).require(2);
    assert!(finished.stderr.contains("otlp of [observation]"), "{}", finished.stderr);
}
