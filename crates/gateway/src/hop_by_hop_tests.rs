//! The rules of one hop, header by header.

use super::*;
use http::Request;

fn parts(headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::get("/x");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn refuses_methods_that_pass_the_guard_by() {
    for method in [Method::CONNECT, Method::TRACE] {
        let mut parts = parts(&[]);
        parts.method = method;
        assert_eq!(examine(&parts).unwrap_err(), Fault::MethodRefused);
    }
}

#[test]
fn refuses_framing_that_two_servers_may_read_differently() {
    for headers in [
        &[("content-length", "1"), ("transfer-encoding", "chunked")][..],
        &[("content-length", "1"), ("content-length", "1")],
        &[("content-length", "1, 1")],
        &[("content-length", "0x1")],
        &[("content-length", "")],
        &[("transfer-encoding", "gzip, chunked")],
        &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
        &[("transfer-encoding", "chunked, identity")],
        &[("transfer-encoding", "")],
    ] {
        assert_eq!(examine(&parts(headers)).unwrap_err(), Fault::Framing, "{headers:?}");
    }
    for headers in [&[("content-length", "10")][..], &[("transfer-encoding", "Chunked")], &[]] {
        assert!(examine(&parts(headers)).is_ok(), "{headers:?}");
    }
}

#[test]
fn only_a_whole_websocket_handshake_is_an_upgrade() {
    let websocket = |headers: &[(&str, &str)]| examine(&parts(headers)).unwrap().websocket;
    assert!(websocket(&[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")]));
    assert!(!websocket(&[("upgrade", "websocket")]));
    assert!(!websocket(&[("connection", "upgrade")]));
    assert!(!websocket(&[("connection", "upgrade"), ("upgrade", "websocket, h2c")]));
    assert!(!websocket(&[("connection", "upgrade"), ("upgrade", "websocket"), ("upgrade", "websocket")]));
    assert!(!websocket(&[("connection", "upgrade"), ("upgrade", "h2c")]));
    let mut post = parts(&[("connection", "upgrade"), ("upgrade", "websocket")]);
    post.method = Method::POST;
    assert!(!examine(&post).unwrap().websocket);
}

#[test]
fn te_says_trailers_or_nothing_and_is_nominated_only_where_http1_is_certain() {
    let renewed = |te: &str, speaks_http1| {
        let mut parts = parts(&[("te", te), ("connection", "te")]);
        examine(&parts).unwrap().renew_request(&mut parts.headers, speaks_http1);
        let text =
            |name| parts.headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap().to_owned());
        (text("te"), text("connection"))
    };
    assert_eq!(renewed("Trailers", true), (Some("trailers".into()), Some("te".into())));
    assert_eq!(renewed("gzip;q=1, trailers;q=0.5", false), (Some("trailers".into()), None));
    assert_eq!(renewed("gzip", true), (None, None));
    assert_eq!(renewed("trailersx", true), (None, None));
}
