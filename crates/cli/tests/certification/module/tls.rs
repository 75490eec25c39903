//! 4.3: raw handshakes by OpenSSL, without a certificate, at every host of the server and at the resource.

use std::process::{Command, Stdio};

use url::Url;

use super::once;
use crate::run::modules;
use crate::suite::Suite;

modules! {
    tls_is_new_and_strong_everywhere: once,
}

/// What a handshake chose: protocol and cipher suite; what OpenSSL says of one that failed.
fn handshake(port: u16, arguments: &[&str]) -> Result<(String, String), String> {
    let target = format!("127.0.0.1:{port}");
    let output = Command::new("openssl")
        .args(["s_client", "-brief", "-connect", &target, "-servername", "localhost"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("openssl runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let value =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned());
    value("Protocol version:").zip(value("Ciphersuite:")).ok_or(text)
}

/// Refused, and by the alert for it: any other end of the connection counts as a fault of the server.
#[track_caller]
fn require_refused(port: u16, arguments: &[&str]) {
    let said = handshake(port, arguments).expect_err("a handshake that must fail");
    let told = ["alert handshake failure", "alert protocol version"];
    assert!(told.iter().any(|alert| said.contains(alert)), "{arguments:?}: {said}");
}

async fn tls_is_new_and_strong_everywhere(suite: &Suite) {
    let metadata = &suite.site.metadata;
    let mut urls = vec![metadata["authorization_endpoint"].as_str().unwrap(), suite.site.resource.as_str()];
    urls.push(metadata["mtls_endpoint_aliases"]["token_endpoint"].as_str().unwrap());
    for url in urls {
        let port = Url::parse(url).unwrap().port().unwrap();
        tokio::task::spawn_blocking(move || require_strong(port)).await.unwrap();
    }
}

fn require_strong(port: u16) {
    let both = handshake(port, &[]).expect("a handshake with 1.2 and 1.3");
    assert_eq!(both.0, "TLSv1.3", "1.3 is chosen when both are offered");
    let old = handshake(port, &["-tls1_2"]).expect("a handshake with 1.2");
    assert!(old.1.starts_with("ECDHE-") && old.1.contains("GCM"), "{old:?}");
    // OpenSSL offers protocols and suites this old only at its lowest security level.
    for refused in ["-tls1", "-tls1_1"] {
        require_refused(port, &[refused, "-cipher", "ALL:@SECLEVEL=0"]);
    }
    // Suites that BCP 195 does not recommend, and key exchanges that are not elliptic.
    let weak = "ALL:COMPLEMENTOFALL:!AESGCM:@SECLEVEL=0";
    let finite =
        "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-GCM-SHA384:@SECLEVEL=0";
    for suites in [weak, finite] {
        require_refused(port, &["-tls1_2", "-cipher", suites]);
    }
}
