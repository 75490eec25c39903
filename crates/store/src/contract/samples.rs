//! Records to test with.

use bindery_core::crypto::Sha256Digest;
use bindery_core::replay::{ReplayEntry, ReplayKind};
use bindery_core::time::UnixTime;
use serde_json::json;

use crate::authorization::AuthorizationStore;
use crate::record::{
    AccessTokenRecord, AccountRecord, AuditRecord, ClientRecord, ConsentRecord, GrantRecord, PendingKind,
    PendingRecord, RefreshTokenRecord, SessionRecord,
};

/// A moment, and moments around it.
pub(crate) fn at(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(1_750_000_000 + seconds)
}

pub(crate) fn digest(text: &str) -> Sha256Digest {
    // Distinct for distinct short names, which is all that a test needs.
    let mut digest = [0xa5; 32];
    digest[..text.len()].copy_from_slice(text.as_bytes());
    digest
}

pub(crate) fn client(client_id: &str) -> ClientRecord {
    ClientRecord {
        client_id: client_id.to_owned(),
        metadata: json!({"client_name": "Ünïted\u{0}", "grant_types": ["client_credentials"], "n": 1.5}),
        secret_sha256: Some(digest("secret")),
        disabled: false,
        created_at: at(0),
        updated_at: at(0),
        registration: json!({"registered_by": "operator"}),
        revision: 0,
    }
}

pub(crate) fn grant(grant_id: &str) -> GrantRecord {
    GrantRecord {
        grant_id: grant_id.to_owned(),
        client_id: "client".to_owned(),
        subject: "subject".to_owned(),
        scope: vec!["orders.read".to_owned(), "orders.write".to_owned()],
        audience: vec!["https://api.example".to_owned()],
        bound_to: None,
        session_id: Some("session".to_owned()),
        details: json!({"auth_time": 1_750_000_000, "acr": "\u{0}"}),
        created_at: at(0),
        expires_at: at(1_000),
        revoked_at: None,
    }
}

pub(crate) fn refresh_token(name: &str, grant_id: &str) -> RefreshTokenRecord {
    RefreshTokenRecord {
        token_sha256: digest(name),
        grant_id: grant_id.to_owned(),
        client_id: "client".to_owned(),
        issued_at: at(0),
        expires_at: at(500),
        spent_at: None,
        successor: None,
    }
}

pub(crate) fn access_token(name: &str, grant_id: Option<&str>) -> AccessTokenRecord {
    AccessTokenRecord {
        token_sha256: digest(name),
        jti: format!("jti of {name}"),
        grant_id: grant_id.map(str::to_owned),
        client_id: "client".to_owned(),
        subject: "subject".to_owned(),
        scope: vec!["orders.read".to_owned()],
        audience: vec![],
        confirmation: Some(json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})),
        issued_at: at(0),
        expires_at: at(300),
        claims: json!({"acr": "urn:example:gold"}),
    }
}

/// Accepted before 60, recognised before 600.
pub(crate) fn pending(kind: PendingKind, name: &str) -> PendingRecord {
    PendingRecord {
        kind,
        key_sha256: digest(name),
        alias_sha256: None,
        client_id: Some("client".to_owned()),
        subject: None,
        payload: json!({"state": "\u{0}", "of": name}),
        revision: 0,
        created_at: at(0),
        expires_at: at(60),
        forget_at: at(600),
        spent_at: None,
    }
}

pub(crate) fn session(session_id: &str) -> SessionRecord {
    SessionRecord {
        session_id: session_id.to_owned(),
        cookie_sha256: digest(&format!("cookie of {session_id}")),
        subject: "subject".to_owned(),
        details: json!({"auth_time": 1_750_000_000, "amr": ["pwd"]}),
        created_at: at(0),
        expires_at: at(3_600),
        ended_at: None,
    }
}

pub(crate) fn account(subject: &str) -> AccountRecord {
    AccountRecord {
        subject: subject.to_owned(),
        username: format!("{subject}@example.com"),
        password_hash: Some("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned()),
        user_code_hash: None,
        claims: json!({"name": "Ünïted\u{0}"}),
        passkeys: json!([]),
        disabled: false,
        failed_logins: 0,
        failed_at: None,
        locked_until: None,
        revision: 0,
        created_at: at(0),
        updated_at: at(0),
    }
}

pub(crate) fn consent(subject: &str, client_id: &str) -> ConsentRecord {
    ConsentRecord {
        subject: subject.to_owned(),
        client_id: client_id.to_owned(),
        scope: vec!["openid".to_owned()],
        details: json!({"authorization_details": [{"type": "payment"}]}),
        granted_at: at(0),
        expires_at: Some(at(1_000)),
    }
}

pub(crate) fn audit(event: &str, seconds: i64) -> AuditRecord {
    AuditRecord {
        sequence: 0,
        at: at(seconds),
        event: event.to_owned(),
        client_id: Some("client".to_owned()),
        subject: None,
        fields: json!({"reason": event}),
    }
}

pub(crate) fn claim(identifier: &str, expires_at: UnixTime) -> ReplayEntry<'_> {
    ReplayEntry {
        kind: ReplayKind::ClientAssertion,
        owner: b"client",
        target: ("https://server.example", "/token"),
        identifier,
        expires_at,
    }
}

/// A store's grant `g` with one refresh token `r` and one access token `a` under it.
pub(crate) async fn fill(store: &dyn AuthorizationStore) {
    store.insert_grant(&grant("g")).await.unwrap();
    store.insert_refresh_token(&refresh_token("r", "g")).await.unwrap();
    store.insert_access_token(&access_token("a", Some("g"))).await.unwrap();
}
