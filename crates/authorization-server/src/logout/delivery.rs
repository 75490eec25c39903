//! Logout tokens on their way (OpenID Connect Back-Channel Logout 1.0 sections 2.4 to 2.8): each waits in the store
//! until its client has taken it, so a restart loses none; attempts are few and grow rarer. The address is the
//! client's own, so it is called through the guarded client alone. Several processes share the work: who moves the
//! record's revision sends.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::crypto::{Cryptography as _, Sha256Digest};
use bindery_core::openid::logout_token::{self, LOGOUT_TOKEN_TYPE, LoggedOut};
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, random_identifier};
use bindery_store::StoreError;
use bindery_store::authorization::PendingUpdate;
use bindery_store::record::{PendingKind, PendingRecord, SessionRecord};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::event::AuditEvent;
use crate::outbound::Notification;
use crate::server::Server;
use crate::subject;

/// Seconds before the second attempt, the third, and so on; after the last there is no other.
const PAUSES: [u64; 6] = [10, 30, 60, 120, 300, 600];
/// When the record goes, whatever became of it; later than the last attempt.
const LIFETIME: Duration = Duration::from_secs(3600);
/// How many clients are told at the same time.
const AT_ONCE: usize = 16;
const KIND: PendingKind = PendingKind::BackchannelLogout;

#[derive(Serialize, Deserialize)]
struct Waiting {
    /// The person, by our own name.
    subject: String,
    session_id: String,
    attempts: usize,
    /// Not before this second.
    next_at: i64,
}

/// Puts the news for one client into the store, if it wants any.
pub(super) async fn queue(
    server: &Server,
    client_id: &str,
    session: &SessionRecord,
    now: UnixTime,
) -> Result<(), StoreError> {
    let Some(client) = server.clients.find(client_id).await? else { return Ok(()) };
    if client.disabled || client.metadata.openid.backchannel_logout_uri.is_none() {
        return Ok(());
    }
    let waiting = Waiting {
        subject: session.subject.clone(),
        session_id: session.session_id.clone(),
        attempts: 0,
        next_at: now.as_seconds(),
    };
    let record = PendingRecord {
        kind: KIND,
        key_sha256: key(client_id, &session.session_id),
        alias_sha256: None,
        client_id: Some(client_id.to_owned()),
        payload: serde_json::to_value(waiting).unwrap_or_default(),
        revision: 0,
        created_at: now,
        expires_at: now.plus(LIFETIME),
        forget_at: now.plus(LIFETIME),
        spent_at: None,
    };
    match server.store.insert_pending(&record).await {
        Ok(()) => server.logouts.notify_one(),
        // Two ends of one session at once: one message is enough.
        Err(StoreError::Conflict { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn key(client_id: &str, session_id: &str) -> Sha256Digest {
    AwsLc.sha256(&[b"backchannel logout\0", session_id.as_bytes(), b"\0", client_id.as_bytes()])
}

/// Makes every attempt that is due.
///
/// # Errors
/// [`StoreError`] when the store can't be asked; the messages stay where they are.
pub(crate) async fn deliver_due(server: &Arc<Server>, now: UnixTime) -> Result<(), StoreError> {
    const PAGE: u32 = 100;
    let mut sending = JoinSet::new();
    let mut after: Option<Sha256Digest> = None;
    loop {
        let page = server.store.list_pending(KIND, after.as_ref(), PAGE).await?;
        after = page.last().map(|record| record.key_sha256);
        let full = page.len() >= PAGE as usize;
        for record in page {
            if record.spent_at.is_some() || now >= record.expires_at {
                continue;
            }
            if sending.len() >= AT_ONCE {
                sending.join_next().await;
            }
            let server = Arc::clone(server);
            sending.spawn(async move {
                if let Err(error) = attempt(&server, &record, now).await {
                    crate::server::unavailable("backchannel_logout", &error);
                }
            });
        }
        if !full {
            break;
        }
    }
    while sending.join_next().await.is_some() {}
    Ok(())
}

/// One attempt, if it is due and nobody else makes it.
async fn attempt(server: &Server, record: &PendingRecord, now: UnixTime) -> Result<(), StoreError> {
    let key = &record.key_sha256;
    let Ok(mut waiting) = Waiting::deserialize(&record.payload) else {
        return server.store.spend_pending(KIND, key, now).await.map(drop);
    };
    if now.as_seconds() < waiting.next_at {
        return Ok(());
    }
    let pause = PAUSES.get(waiting.attempts).copied();
    waiting.attempts += 1;
    waiting.next_at = now.plus(Duration::from_secs(pause.unwrap_or(LIFETIME.as_secs()))).as_seconds();
    let payload = serde_json::to_value(&waiting).unwrap_or_default();
    match server.store.update_pending(KIND, key, record.revision, &payload, now).await? {
        PendingUpdate::Updated { .. } => {}
        PendingUpdate::Stale | PendingUpdate::Over => return Ok(()),
    }
    let client_id = record.client_id.as_deref().unwrap_or_default();
    let outcome = send(server, client_id, &waiting, now).await?;
    let attempts = u64::try_from(waiting.attempts).unwrap_or(u64::MAX);
    let session_id = &waiting.session_id;
    match outcome {
        Sent::Taken => {
            server.audit.record(AuditEvent::BackchannelLogoutDelivered { client_id, session_id, attempts })
        }
        Sent::Failed(_) if pause.is_some() => return Ok(()),
        Sent::Failed(reason) | Sent::Refused(reason) => {
            server.audit.record(AuditEvent::BackchannelLogoutFailed {
                client_id,
                session_id,
                attempts,
                reason,
            });
        }
        Sent::NotWanted => {}
    }
    server.store.spend_pending(KIND, key, now).await.map(drop)
}

/// What became of an attempt.
enum Sent {
    Taken,
    /// The client's own no: the same token would meet it again (section 2.8).
    Refused(&'static str),
    Failed(&'static str),
    /// The client is gone, or has withdrawn its address.
    NotWanted,
}

async fn send(
    server: &Server,
    client_id: &str,
    waiting: &Waiting,
    now: UnixTime,
) -> Result<Sent, StoreError> {
    let Some(client) = server.clients.find(client_id).await? else { return Ok(Sent::NotWanted) };
    let Some(uri) = client.metadata.openid.backchannel_logout_uri.as_ref().filter(|_| !client.disabled)
    else {
        return Ok(Sent::NotWanted);
    };
    let Some(outbound) = &server.outbound else { return Ok(Sent::Failed("no_outbound_requests")) };
    let Ok(identifier) = random_identifier() else { return Ok(Sent::Failed("random_source")) };
    let subject = subject::for_client(server, &client.metadata, &waiting.subject);
    let sid = subject::session_for_client(server, &client.metadata, &waiting.session_id);
    let Ok(sid) = sid else { return Ok(Sent::Failed("signing")) };
    let over = LoggedOut { subject: &subject, session_id: &sid };
    let claims = logout_token::claims(&server.settings.issuer, client_id, over, &identifier, now);
    // Signed as its ID tokens are: the client knows the algorithm (section 2.4).
    let algorithm = server.id_token_algorithm(&client.metadata);
    let signed = server.signing_keys.current().sign_as(Some(algorithm), Some(LOGOUT_TOKEN_TYPE), &claims);
    let Ok(token) = signed else { return Ok(Sent::Failed("signing")) };
    let notification = Notification {
        content_type: "application/x-www-form-urlencoded",
        bearer: None,
        // A compact JWS has no character that a form would have to escape.
        body: format!("logout_token={token}").into_bytes(),
    };
    Ok(match outbound.post(uri, notification).await {
        Ok(200..=299) => Sent::Taken,
        Ok(400) => Sent::Refused("refused_by_client"),
        Ok(_) => Sent::Failed("status"),
        Err(_) => Sent::Failed("unreachable"),
    })
}
