//! What is counted, and that no caller can make a new series.

use std::path::Path;

use super::*;

fn tokens(metrics: &IssuerMetrics, times: usize) {
    let event = AuditEvent::TokenIssued {
        client_id: "client-that-must-be-no-label",
        subject: "s",
        grant_type: "client_credentials",
        method: "private_key_jwt",
        binding: "dpop",
        jkt: None,
        x5t: None,
        grant_id: None,
        jti: "j",
        audience: &"a",
        scope: &"b",
    };
    for _ in 0..times {
        metrics.observe(&event);
    }
}

#[test]
fn what_happens_is_counted_by_issuer_and_by_our_own_words() {
    let metrics = Metrics::new();
    let (one, two) = (metrics.of("https://one.example"), metrics.of("https://two.example"));
    tokens(&one, 3);
    tokens(&two, 1);
    let took = Duration::from_millis(3);
    one.answered(Some("/x/token"), |route| route[2..].to_owned(), 200, "", took);
    one.answered(Some("/x/token"), |_| unreachable!("known"), 400, "proof_replayed", took);
    one.answered(None, str::to_owned, 404, "", took);
    one.limited("address");
    let page = metrics.render().unwrap();
    for line in [
        "bindery_tokens_issued_total{issuer=\"https://one.example\",grant_type=\"client_credentials\",binding=\"dpop\",method=\"private_key_jwt\"} 3",
        "bindery_tokens_issued_total{issuer=\"https://two.example\",grant_type=\"client_credentials\",binding=\"dpop\",method=\"private_key_jwt\"} 1",
        "bindery_requests_total{issuer=\"https://one.example\",endpoint=\"/token\",status=\"200\",reason=\"\"} 1",
        "bindery_requests_total{issuer=\"https://one.example\",endpoint=\"/token\",status=\"400\",reason=\"proof_replayed\"} 1",
        "bindery_requests_total{issuer=\"https://one.example\",endpoint=\"unmatched\",status=\"404\",reason=\"\"} 1",
        "bindery_request_duration_seconds_bucket{le=\"0.005\",issuer=\"https://one.example\",endpoint=\"/token\"} 2",
        "bindery_rate_limited_total{issuer=\"https://one.example\",limit=\"address\"} 1",
        "bindery_events_total{event=\"token_issued\"}",
        "# EOF",
    ] {
        assert!(page.contains(line), "{line} is missing in\n{page}");
    }
    assert!(!page.contains("no_label") && !page.contains("no-label"));
}

fn sample() -> Sample {
    Sample {
        audit_queue: 4,
        replay_entries: Some(10),
        replay_bound: Some(100),
        key_ages: vec![("ES256", 60), ("nonce", 5)],
        bearer_exceptions: 1,
        bearer_exception_ends: Some(1_900_000_000),
    }
}

/// A page with every family: one without a series would not be on it.
fn whole_page() -> String {
    let metrics = Metrics::new();
    let own = metrics.of("i");
    own.sample(&sample());
    own.answered(Some("/token"), str::to_owned, 200, "", Duration::ZERO);
    own.limited("address");
    own.audit_lost().inc();
    tokens(&own, 1);
    let (endpoint, reason, detail) = ("/token", "a reason", "a detail");
    own.observe(&AuditEvent::DpopProofRefused { endpoint, reason, blame: "blame", detail: &detail });
    own.observe(&AuditEvent::ClientAuthenticationFailed {
        client_id: "c",
        endpoint,
        reason,
        detail: &detail,
    });
    count_event(0, &AuditEvent::StoreFailed { operation: "find_client", error: &detail });
    let page = metrics.render().unwrap();
    assert_eq!(page.matches("# TYPE ").count(), 15, "a family is missing here:\n{page}");
    page
}

#[test]
fn gauges_show_the_last_sample() {
    let metrics = Metrics::new();
    let own = metrics.of("i");
    own.sample(&Sample::default());
    own.sample(&sample());
    let page = metrics.render().unwrap();
    for line in [
        "bindery_audit_queue_entries{issuer=\"i\"} 4",
        "bindery_replay_memory_entries{issuer=\"i\"} 10",
        "bindery_key_age_seconds{issuer=\"i\",key=\"ES256\"} 60",
        "bindery_bearer_exception_ends_seconds{issuer=\"i\"} 1900000000",
    ] {
        assert!(page.contains(line), "{line} is missing in\n{page}");
    }
}

/// An alert on a metric or an event that is not there never fires.
#[test]
fn every_family_and_event_that_the_guide_names_is_there() {
    let page = whole_page();
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let families: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let word = |character: char| !(character.is_ascii_alphanumeric() || character == '_');
    let mut named = 0;
    for word in guide.split(word).filter(|word| word.starts_with("bindery_")) {
        let code = word.starts_with("bindery_gateway") || word.starts_with("bindery_http");
        let family = ["_total", "_bucket", "_count", "_sum"].iter().find_map(|end| word.strip_suffix(end));
        if !code {
            assert!(families.contains(&family.unwrap_or(word)), "{word} is no family");
            named += 1;
        }
    }
    assert!(named > 30, "{named}");
    for events in guide.split("event=").skip(1).map(|rest| rest.trim_start_matches(['~', '"'])) {
        for event in events.split('"').next().unwrap().split("\\|") {
            assert!(EVENTS.iter().any(|known| known.name == event), "{event} is no event");
        }
    }
}

/// Whoever adds a family tells the operators.
#[test]
fn every_family_is_explained_to_operators() {
    let page = whole_page();
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let mut words = line.split(' ');
        let (name, kind) = (words.next().unwrap(), words.next().unwrap());
        let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        assert!(guide.contains(&format!("`{name}`")), "docs/operations.md doesn't explain {name}");
    }
}
