//! The whole log at its most talkative, from getting a token to losing it, holds no token, no proof and no
//! secret. Alone in its process, because a log is the process's own.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict, also in what tests share")]

use std::io::Write;
use std::sync::{Arc, Mutex};

use bindery_client::*;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt as _;

#[path = "client/server.rs"]
#[expect(dead_code, reason = "shared with the other tests; this one uses a part of it")]
mod server;

use server::*;

/// Fragments that occur in what must stay secret, and in nothing that may be shown.
fn assert_clean(text: &str) {
    for secret in ["SECRET", "eyJ", "n-secret"] {
        assert!(!text.contains(secret), "{secret} in: {text}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        record::log(bytes);
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn capture() -> Log {
    let log = Log::default();
    let writer = log.clone();
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    // Everything, also what the HTTP and TLS crates below say at trace level.
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(subscriber).unwrap();
    log
}

#[tokio::test]
async fn the_log_of_a_whole_life_holds_no_credential() {
    let log = capture();
    let authority = authority(|seen, count| match (count, seen.nonce()) {
        (_, None) => json_reply(400, &[("dpop-nonce", "n-secret")], &json!({"error": "use_dpop_nonce"})),
        (5.., _) => {
            let echo = format!("no grant for {} {}", seen.proof().unwrap(), seen.form()["refresh_token"]);
            json_reply(400, &[], &json!({"error": "invalid_grant", "error_description": echo}))
        }
        _ => {
            let body = json!({"access_token": token(count), "token_type": "DPoP", "expires_in": 300,
                "refresh_token": format!("SECRET-refresh-{count}-with-some-length")});
            json_reply(200, &[], &body)
        }
    })
    .await;
    let resource = Server::start(|seen, count| match count {
        0 => {
            let echo = format!(
                r#"DPoP error="invalid_token", error_description="{}""#,
                seen.authorization().unwrap()
            );
            reply(401, &[("www-authenticate", &echo)], "")
        }
        1 => reply(307, &[("location", "/x")], ""),
        2 => Reply::Drop,
        _ => ok(),
    })
    .await;
    let clock = HandClock::behind(900);
    let configuration = ClientConfiguration::builder(issuer(&authority), "client-1")
        .authentication(ClientAuthentication::PrivateKeyJwt { signer: key(), key_id: None })
        .sender_constraint(SenderConstraint::Dpop { signer: key() })
        .grant(Grant::RefreshToken { initial: "SECRET-refresh-token-initial".into() })
        .trust_roots(roots())
        .clock(clock)
        .build()
        .unwrap();
    assert_clean(&format!("{configuration:?}"));
    let source = TokenSource::new(configuration).unwrap();
    let client = client(&source);
    let dropped = client.get(resource.at("/?key=SECRET")).send().await.unwrap_err();
    assert!(Error::of(&dropped).is_none());
    client.get(resource.at("/y")).send().await.unwrap();
    let mut held = source.token().await.unwrap();
    assert_clean(&format!("{held:?} {source:?} {:?}", BoundMiddleware::new(source.clone())));
    let error = loop {
        match source.replace(&held).await {
            Ok(token) => held = token,
            Err(error) => break error,
        }
    };
    assert_eq!(error.blame(), Blame::Grant);
    assert_clean(&format!("{error} {error:?}"));
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for line in ["no new token", "clock correction"] {
        assert!(log.contains(line), "the log was captured: {line}");
    }
    let own: String = log.lines().filter(|line| line.contains("bindery")).collect();
    assert_clean(&own);
    // The crates below may name the URL that the application asked for; credentials they must not.
    assert_clean(&log.replace("key=SECRET", ""));
}
