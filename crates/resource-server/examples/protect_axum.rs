//! An axum application behind the guard, whole: `cargo run -p bindery-resource-server --example protect_axum`.
//! It listens on https://localhost:8443 with the certificate and issuer that you name in the environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::Extension;
use axum::routing::get;
use axum::{Router, response::IntoResponse};
use bindery_core::resource::AuthorizedRequest;
use bindery_crypto::random_bytes;
use bindery_http::listener::{Limits, Listener};
use bindery_http::tls::ServerTls;
use bindery_http::{ClientCertificates, Clock as _, EdgePolicy, SystemClock};
use bindery_resource_server::configuration::GuardParts;
use bindery_resource_server::{GuardConfiguration, GuardLayer, outbound};
use bindery_store::memory::ReplayMemory;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Whoever asks rustls for a default gets the cryptography that everything here uses.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let issuer = std::env::var("ISSUER").unwrap_or_else(|_| "https://login.example.com".into());
    let configuration: GuardConfiguration = toml::from_str(&format!(
        r#"
        public_urls = ["https://localhost:8443"]
        [[issuer]]
        issuer = "{issuer}"
        audiences = ["https://localhost:8443"]
        [[route]]
        path = "/orders"
        scope = "orders.read"
        "#
    ))?;
    let guard = configuration.into_guard(GuardParts {
        replay: ReplayMemory::new(1_000_000, SystemClock.now(), random_bytes()?),
        clock: Arc::new(SystemClock),
        edge: EdgePolicy::direct(),
        http_client: outbound::http_client_builder().build()?,
        observer: None,
    })?;
    guard.ready().await;

    let api = Router::new().route("/orders", get(orders)).layer(GuardLayer::new(guard));
    let file =
        |name: &str, default: &str| PathBuf::from(std::env::var(name).unwrap_or_else(|_| default.into()));
    let (certificate, key) = (file("CERTIFICATE", "server.pem"), file("KEY", "server.key"));
    let tls = ServerTls::from_pem_files(&certificate, &key, ClientCertificates::Asked)?;
    let listener = Listener::tls(SocketAddr::from(([127, 0, 0, 1], 8443)), tls, Limits::default())?;
    listener.serve(api).await?;
    Ok(())
}

/// Can't be reached unproven: nothing but the guard makes an `AuthorizedRequest`.
async fn orders(Extension(request): Extension<AuthorizedRequest>) -> impl IntoResponse {
    format!("orders of {:?}, proven by {}\n", request.token().subject(), request.binding().name())
}
