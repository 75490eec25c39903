//! What reaches the log: the facts of each decision, and never a token, proof, assertion, secret or certificate.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

use bindery_core::token::confirmation::Confirmation;

use crate::support::{Call, SECRET, base64_standard, dpop_binding, key, world};

thread_local! {
    /// What this thread has logged; a test runs on one thread.
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct ThreadLog;

impl Write for ThreadLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        crate::exchange::record::log(bytes);
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Logs everything, for all tests of this binary, each to its own thread's memory.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber =
            tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(|| ThreadLog);
        tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    });
}

/// What this test has logged so far.
pub(crate) fn seen() -> String {
    String::from_utf8(LOG.take()).unwrap()
}

#[tokio::test]
async fn no_token_proof_assertion_secret_or_certificate_reaches_the_log() {
    let world = world().await;
    let own = key();
    let (assertion, proof) = (world.assertion("jwt-client"), world.proof(&own));
    let call = Call::token("client_credentials").assertion(&assertion).dpop(&proof);
    let issued = world.send(call.clone()).await.ok();
    world.send(call).await;
    let access_token = issued["access_token"].as_str().unwrap().to_owned();
    world.introspect(&access_token).await;
    let refresh = world.provision("public-rotating", dpop_binding(&own)).await;
    let rotated = world.send(world.refresh("public-rotating", &refresh).dpop(world.proof(&own))).await.ok();
    world.send(world.refresh("public-rotating", &refresh).dpop(world.proof(&key()))).await;
    world.advance(61);
    world.send(world.refresh("public-rotating", &refresh).dpop(world.proof(&own))).await;
    let unbound = world.provision("public-binding", Confirmation::Unbound).await;
    world.send(world.refresh("public-binding", &unbound).dpop(world.proof(&own))).await.ok();
    world.send(Call::to("/revoke").with("token", &unbound).with("client_id", "public-client")).await;
    let wrong = "wrong-secret-1234567890-1234567890";
    world.send(Call::token("client_credentials").basic("basic-client", wrong)).await;
    world.send(Call::token("client_credentials").with("client_id", "evil\nname")).await;
    let other =
        Call::token("client_credentials").with("client_id", "pki-client").certificate(&world.self_signed);
    world.send(other).await;

    let log = String::from_utf8(LOG.take()).unwrap();
    for event in [
        "token_issued",
        "client_authentication_failed",
        "refresh_token_reused",
        "refresh_binding_refused",
        "grant_bound_to_first_key",
        "revocation_of_another_clients_token",
        "client_chain_refused",
    ] {
        assert!(log.contains(event), "{event} is missing in\n{log}");
    }
    assert!(log.contains("evil") && !log.contains("evil\nname"), "a name must not begin a line of its own");
    let secrets = [
        assertion.as_str(),
        &proof,
        &access_token,
        &refresh,
        rotated["refresh_token"].as_str().unwrap(),
        rotated["access_token"].as_str().unwrap(),
        &unbound,
        SECRET,
        wrong,
        &base64_standard(world.self_signed.leaf())[..80],
    ];
    for secret in secrets {
        // A signature or a body alone is as bad as the whole.
        for part in secret.split('.').filter(|part| part.len() > 20) {
            assert!(!log.contains(part), "the log holds {part}");
        }
    }
}

/// DPOP-11.11-01: only the connection joins proof and client authentication, so the log names both.
#[tokio::test]
async fn an_issued_token_is_logged_with_its_client_and_its_key() {
    let world = world().await;
    let own = key();
    let call = Call::token("client_credentials").assertion(world.assertion("jwt-client"));
    world.send(call.dpop(world.proof(&own))).await.ok();
    let log = String::from_utf8(LOG.take()).unwrap();
    let line = log.lines().find(|line| line.contains("token_issued")).unwrap();
    for fact in ["jwt-client", "private_key_jwt", &own.thumbprint().to_string()] {
        assert!(line.contains(fact), "{fact} is missing in {line}");
    }
}
