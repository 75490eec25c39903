//! What reaches the log, by reading the log.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use tower::ServiceExt as _;

use super::*;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_request_leaves_method_path_and_status_and_nothing_secret() {
    let written = Written::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer({
            let written = written.clone();
            move || written.clone()
        });
    let guard = tracing::subscriber::set_default(subscriber.finish());
    let inner = tower::service_fn(|_: Request<Body>| async {
        let mut response = Response::new(Body::from("secret-body"));
        *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
        Ok::<_, std::convert::Infallible>(response)
    });
    let request = Request::post(format!("/orders/{}?access_token=secret-query", "a".repeat(300)))
        .header("authorization", "DPoP secret-token")
        .header("dpop", "secret-proof")
        .header("cookie", "secret-cookie")
        .header("client-cert", "secret-certificate")
        .body(Body::from("secret-body"))
        .unwrap();
    RequestLogLayer.layer(inner).oneshot(request).await.unwrap();
    drop(guard);
    let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("POST") && log.contains("/orders/aaa") && log.contains("418"), "{log}");
    assert!(!log.contains("secret") && !log.contains('?'), "{log}");
    assert!(log.len() < 600, "{log}");
}
