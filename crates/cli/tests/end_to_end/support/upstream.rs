//! The application behind the gateway: plain HTTP, knows no token, answers everything with what it saw, and
//! remembers it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }
}

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Drives it; gone with it.
    _runtime: Runtime,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let memory = Arc::clone(&seen);
        let application = Router::new().fallback(move |request: Request| {
            let memory = Arc::clone(&memory);
            async move {
                let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
                let headers: Vec<(String, String)> =
                    request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
                let seen =
                    Seen { method: request.method().to_string(), target: request.uri().to_string(), headers };
                let shown: Map<String, Value> =
                    seen.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
                let answer = json!({"method": seen.method, "target": seen.target, "headers": shown});
                memory.lock().unwrap().push(seen);
                Json(answer)
            }
        });
        runtime.spawn(async move { axum::serve(listener, application).await });
        Self { address, seen, _runtime: runtime }
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub(crate) fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().expect("the application saw a request").clone()
    }
}
