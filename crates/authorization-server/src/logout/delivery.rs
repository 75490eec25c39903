//! Logout tokens for clients (OpenID Connect Back-Channel Logout 1.0 sections 2.4 to 2.8). Whoever ends a session
//! puts one message for each of its clients into the store, also a command that runs beside the server; a running
//! server finds out whether the client wants it, and sends it.

use std::time::Duration;

use bindery_core::crypto::{Cryptography as _, Sha256Digest};
use bindery_core::openid::logout_token::{self, LOGOUT_TOKEN_TYPE, LoggedOut};
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, random_identifier};
use bindery_store::record::{PendingKind, SessionRecord};
use bindery_store::{AuthorizationStore, StoreError};
use serde::{Deserialize, Serialize};

use crate::delivery::{self, News, Outcome, Sent};
use crate::encryption::{JWT, encrypt_for_client};
use crate::event::AuditEvent;
use crate::outbound::Notification;
use crate::server::Server;
use crate::subject;

/// How long it is tried to tell a client; later than the last attempt.
const LIFETIME: Duration = Duration::from_secs(3600);

/// A session is over.
#[derive(Serialize, Deserialize)]
pub(crate) struct SessionOver {
    /// The person, by our own name.
    subject: String,
    session_id: String,
}

/// Puts the news for one client into the store.
///
/// # Errors
/// [`StoreError`]; the client is not told then.
pub(super) async fn queue(
    store: &dyn AuthorizationStore,
    client_id: &str,
    session: &SessionRecord,
    now: UnixTime,
) -> Result<(), StoreError> {
    let news = SessionOver { subject: session.subject.clone(), session_id: session.session_id.clone() };
    let key = key(client_id, &session.session_id);
    delivery::queue(store, client_id, key, news, (now, now.plus(LIFETIME))).await
}

fn key(client_id: &str, session_id: &str) -> Sha256Digest {
    AwsLc.sha256(&[b"backchannel logout\0", session_id.as_bytes(), b"\0", client_id.as_bytes()])
}

impl News for SessionOver {
    const KIND: PendingKind = PendingKind::BackchannelLogout;
    const PAUSES: &'static [u64] = &[10, 30, 60, 120, 300, 600];

    async fn send(&self, server: &Server, client_id: &str, now: UnixTime) -> Result<Sent, StoreError> {
        let Some(client) = server.clients.find(client_id).await? else { return Ok(Sent::NotWanted) };
        let Some(uri) = client.metadata.openid.backchannel_logout_uri.as_ref().filter(|_| !client.disabled)
        else {
            return Ok(Sent::NotWanted);
        };
        let Some(outbound) = &server.outbound else { return Ok(Sent::Failed("no_outbound_requests")) };
        let Ok(identifier) = random_identifier() else { return Ok(Sent::Failed("random_source")) };
        let subject = subject::for_client(server, &client.metadata, &self.subject);
        let sid = subject::session_for_client(server, &client.metadata, &self.session_id);
        let Ok(sid) = sid else { return Ok(Sent::Failed("signing")) };
        let over = LoggedOut { subject: &subject, session_id: &sid };
        let claims = logout_token::claims(&server.settings.issuer, client_id, over, &identifier, now);
        // Signed as its ID tokens are: the client knows the algorithm (section 2.4).
        let algorithm = server.id_token_algorithm(&client.metadata);
        let keys = server.signing_keys.current();
        let signed = keys.sign_as(Some(algorithm), Some(LOGOUT_TOKEN_TYPE), &claims);
        let Ok(mut token) = signed else { return Ok(Sent::Failed("signing")) };
        // And encrypted as its ID tokens are (section 2.4): what names the person is for the client alone.
        if let Some(encryption) = client.metadata.openid.id_token_encryption {
            let encrypted = encrypt_for_client(server, &client.metadata, &token, encryption, Some(JWT), now);
            let Ok(encrypted) = encrypted.await else { return Ok(Sent::Failed("encryption")) };
            token = encrypted;
        }
        let notification = Notification {
            content_type: "application/x-www-form-urlencoded",
            bearer: None,
            // A compact JWS or JWE has no character that a form would have to escape.
            body: format!("logout_token={token}").into_bytes(),
        };
        Ok(match outbound.post(uri, notification).await {
            Ok(200..=299) => Sent::Taken,
            // The same token would meet the same no (section 2.8).
            Ok(400) => Sent::Refused("refused_by_client"),
            Ok(_) => Sent::Failed("status"),
            Err(_) => Sent::Failed("unreachable"),
        })
    }

    fn report(&self, server: &Server, client_id: &str, outcome: Outcome) {
        let (session_id, attempts) = (&self.session_id, outcome.attempts);
        server.audit.record(match outcome.given_up {
            None => AuditEvent::BackchannelLogoutDelivered { client_id, session_id, attempts },
            Some(reason) => AuditEvent::BackchannelLogoutFailed { client_id, session_id, attempts, reason },
        });
    }
}
