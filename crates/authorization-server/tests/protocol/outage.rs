//! A store that fails at one call: the request is refused with 503 and nothing is issued, revoked or burnt in
//! the client's favour (design rule 10).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bindery_core::crypto::Sha256Digest;
use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;
use bindery_core::token::confirmation::Confirmation;
use bindery_http::ManualClock;
use bindery_store::authorization::{
    AccountStore, AccountUpdate, AuditStore, ClientStore, ClientUpdate, GrantBinding, GrantStore, KeyStore,
    LoginAttempt, PendingStore, PendingUpdate, Purged, RefreshTokenState, Revocation, Rotation, SessionStore,
    Spending, TokenStore,
};
use bindery_store::memory::{MemoryStore, ReplayMemory};
use bindery_store::record::{
    AccessTokenRecord, AccountRecord, AuditFilter, AuditRecord, BarredClientRecord, BlockedKeyRecord,
    ClientRecord, ConsentRecord, GrantFilter, GrantRecord, NonceKeyRecord, PendingKind, PendingRecord,
    RefreshTokenRecord, SealedKeyRecord, SessionRecord, SigningKeyRecord, SigningKeyState,
};
use bindery_store::{AuthorizationStore, StoreError};
use serde_json::Value;

use crate::support::{Answer, Call, START, Setup, World, dpop_binding, key};

/// A change of a stored client.
pub(crate) type Change = Box<dyn FnOnce(&mut ClientRecord) + Send>;

/// Passes every call on, but for the one that is named.
pub(crate) struct Failing {
    inner: MemoryStore,
    operation: Mutex<&'static str>,
    /// How often it was asked whether it answers.
    checks: AtomicU32,
    /// What somebody else does to a client just before the next call of that name.
    meanwhile: Mutex<Option<(&'static str, String, Change)>>,
}

impl Failing {
    fn new(start: UnixTime) -> Self {
        let inner = MemoryStore::new(ReplayMemory::new(1000, start, [3; 16]));
        Self { inner, operation: Mutex::new(""), checks: AtomicU32::new(0), meanwhile: Mutex::new(None) }
    }

    /// Another node, or somebody at another node, changes the client just before the next `operation`.
    pub(crate) fn change_before(
        &self,
        operation: &'static str,
        client_id: &str,
        change: impl FnOnce(&mut ClientRecord) + Send + 'static,
    ) {
        *self.meanwhile.lock().unwrap() = Some((operation, client_id.to_owned(), Box::new(change)));
    }

    async fn meanwhile(&self, operation: &'static str) {
        if operation == "check" {
            self.checks.fetch_add(1, Ordering::Relaxed);
            // As a store that takes its time.
            tokio::task::yield_now().await;
        }
        let due = self.meanwhile.lock().unwrap().take_if(|(before, ..)| *before == operation);
        let Some((_, client_id, change)) = due else { return };
        let mut record = self.inner.find_client(&client_id).await.unwrap().unwrap();
        change(&mut record);
        assert_eq!(self.inner.update_client(&record).await.unwrap(), ClientUpdate::Updated);
    }

    /// Whether the other's change has happened.
    pub(crate) fn nothing_waits(&self) -> bool {
        self.meanwhile.lock().unwrap().is_none()
    }

    fn fails(&self, operation: &'static str) -> bool {
        *self.operation.lock().unwrap() == operation
    }
}

macro_rules! passing_on {
    ($($trait:ident { $($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)* $({ $($rest:tt)* })? })*) => {
        $(#[async_trait]
        impl $trait for Failing {
            $(async fn $name(&self, $($argument: $kind),*) -> Result<$answer, StoreError> {
                let operation = stringify!($name);
                self.meanwhile(operation).await;
                if self.fails(operation) {
                    return Err(StoreError::Unavailable { operation, cause: "the test says so".into() });
                }
                self.inner.$name($($argument),*).await
            })*
            $($($rest)*)?
        })*
    };
}

passing_on! {
    ClientStore {
        find_client(client_id: &str) -> Option<ClientRecord>;
        list_clients() -> Vec<ClientRecord>;
        insert_client(client: &ClientRecord) -> ();
        update_client(client: &ClientRecord) -> ClientUpdate;
        disable_client(client_id: &str, now: UnixTime) -> ();
        delete_client(client_id: &str, revision: Option<u64>) -> ClientUpdate;
        bar_client(client: &BarredClientRecord) -> ();
        unbar_client(client_id: &str) -> ();
        list_barred_clients() -> Vec<BarredClientRecord>;
        block_key(key: &BlockedKeyRecord) -> ();
        unblock_key(thumbprint: &str) -> ();
        find_blocked_key(thumbprint: &str) -> Option<BlockedKeyRecord>;
        list_blocked_keys() -> Vec<BlockedKeyRecord>;
    }
    GrantStore {
        insert_grant(grant: &GrantRecord) -> ();
        find_grant(grant_id: &str) -> Option<GrantRecord>;
        revoke_grant(grant_id: &str, now: UnixTime) -> ();
        bind_grant(grant_id: &str, confirmation: &Value) -> GrantBinding;
        provision_grant(grant: &GrantRecord, refresh: Option<&RefreshTokenRecord>) -> ();
        update_grant(grant_id: &str, scope: &[String], audience: &[String], details: &Value) -> ();
        list_grants(filter: &GrantFilter, after: Option<&str>, limit: u32) -> Vec<GrantRecord>;
        revoke_grants(filter: &GrantFilter, now: UnixTime) -> u64;
        revoke_token_id(jti: &str, expires_at: UnixTime) -> ();
        find_revocation(jti: &str, grant_id: Option<&str>) -> Revocation;
    }
    TokenStore {
        insert_refresh_token(token: &RefreshTokenRecord) -> ();
        find_refresh_token(digest: &Sha256Digest, now: UnixTime, grace: Duration) -> RefreshTokenState;
        rotate_refresh_token(old: &Sha256Digest, new: &RefreshTokenRecord, now: UnixTime, grace: Duration) -> Rotation;
        insert_access_token(token: &AccessTokenRecord) -> ();
        find_access_token(digest: &Sha256Digest, now: UnixTime) -> Option<AccessTokenRecord>;
        revoke_access_token(digest: &Sha256Digest) -> ();
    }
    PendingStore {
        insert_pending(record: &PendingRecord) -> ();
        find_pending(kind: PendingKind, key: &Sha256Digest) -> Option<PendingRecord>;
        find_pending_by_alias(kind: PendingKind, alias: &Sha256Digest) -> Option<PendingRecord>;
        update_pending(kind: PendingKind, key: &Sha256Digest, revision: u64, payload: &Value, now: UnixTime) -> PendingUpdate;
        spend_pending(kind: PendingKind, key: &Sha256Digest, now: UnixTime) -> Spending;
        redeem_pending(kind: PendingKind, key: &Sha256Digest, now: UnixTime, grant: &GrantRecord, refresh: Option<&RefreshTokenRecord>) -> Spending;
        list_pending(kind: PendingKind, after: Option<&Sha256Digest>, limit: u32) -> Vec<PendingRecord>;
        list_waiting(kind: PendingKind, subject: &str, now: UnixTime, limit: u32) -> Vec<PendingRecord>;
        count_waiting(kind: PendingKind, client_id: &str, now: UnixTime) -> u64;
        {
            async fn claim_once(&self, entry: ReplayEntry<'_>, now: UnixTime) -> ReplayOutcome {
                match self.fails("claim_once") {
                    true => ReplayOutcome::Unavailable,
                    false => self.inner.claim_once(entry, now).await,
                }
            }
        }
    }
    SessionStore {
        insert_session(session: &SessionRecord) -> ();
        find_session(cookie: &Sha256Digest) -> Option<SessionRecord>;
        find_session_by_id(session_id: &str) -> Option<SessionRecord>;
        update_session(session: &SessionRecord) -> ();
        touch_session(session_id: &str, cookie: &Sha256Digest, expires_at: UnixTime) -> ();
        end_session(session_id: &str, now: UnixTime) -> Option<SessionRecord>;
        list_sessions(subject: Option<&str>, after: Option<&str>, limit: u32) -> Vec<SessionRecord>;
    }
    AccountStore {
        insert_account(account: &AccountRecord) -> ();
        find_account(subject: &str) -> Option<AccountRecord>;
        find_account_by_username(username: &str) -> Option<AccountRecord>;
        update_account(account: &AccountRecord) -> AccountUpdate;
        record_login(subject: &str, attempt: LoginAttempt, now: UnixTime) -> AccountRecord;
        record_login_of_nobody(decoy: &PendingRecord) -> ();
        list_accounts(after: Option<&str>, limit: u32) -> Vec<AccountRecord>;
        delete_account(subject: &str) -> ();
        put_consent(consent: &ConsentRecord) -> ();
        find_consent(subject: &str, client_id: &str) -> Option<ConsentRecord>;
        remove_consents(subject: Option<&str>, client_id: Option<&str>) -> u64;
        list_consents(subject: &str) -> Vec<ConsentRecord>;
    }
    KeyStore {
        insert_signing_key(key: &SigningKeyRecord) -> ();
        list_signing_keys() -> Vec<SigningKeyRecord>;
        move_signing_key(key_id: &str, state: SigningKeyState, now: UnixTime) -> ();
        remove_signing_key(key_id: &str) -> ();
        insert_nonce_key(key: &NonceKeyRecord) -> ();
        list_nonce_keys() -> Vec<NonceKeyRecord>;
        remove_nonce_key(id: u8) -> ();
        insert_sealed_key(key: &SealedKeyRecord) -> ();
        list_sealed_keys(purpose: &str) -> Vec<SealedKeyRecord>;
        remove_sealed_key(purpose: &str, key_id: &str) -> ();
    }
    AuditStore {
        insert_audit(records: &[AuditRecord]) -> ();
        list_audit(filter: &AuditFilter, after: Option<u64>, limit: u32) -> Vec<AuditRecord>;
        remove_audit(before: UnixTime) -> u64;
    }
    AuthorizationStore {
        purge_expired(now: UnixTime) -> Purged;
        check() -> ();
    }
}

/// A server whose store fails, or is changed by others, as the test says.
pub(crate) struct Outage {
    pub(crate) world: World,
    pub(crate) store: Arc<Failing>,
}

impl Outage {
    async fn new() -> Self {
        Self::of(Setup::new()).await
    }

    pub(crate) async fn of(setup: Setup) -> Self {
        let start = UnixTime::from_seconds(START);
        let store = Arc::new(Failing::new(start));
        let world = setup.start_on(store.clone(), Arc::new(ManualClock::new(start))).await;
        Self { world, store }
    }

    async fn send_while(&self, failing: &'static str, call: Call) -> Answer {
        *self.store.operation.lock().unwrap() = failing;
        let answer = self.world.send(call).await;
        *self.store.operation.lock().unwrap() = "";
        answer
    }
}

#[tokio::test]
async fn nothing_is_issued_while_the_store_can_not_answer() {
    let outage = Outage::new().await;
    let world = &outage.world;
    let own = key();
    let issue = |client: &str| {
        Call::token("client_credentials").assertion(world.assertion(client)).dpop(world.proof(&own))
    };
    for (operation, client) in
        [("claim_once", "jwt-client"), ("insert_access_token", "jwt-opaque"), ("find_client", "stored")]
    {
        outage.send_while(operation, issue(client)).await.error(503, "temporarily_unavailable");
    }
    let token = world.provision("public-rotating", dpop_binding(&own)).await;
    let refresh = || world.refresh("public-rotating", &token).dpop(world.proof(&own));
    for operation in ["find_refresh_token", "rotate_refresh_token"] {
        outage.send_while(operation, refresh()).await.error(503, "temporarily_unavailable");
    }
    // Nothing was spent by the failures.
    let body = world.send(refresh()).await.ok();
    world.advance(61);
    let reuse = outage.send_while("revoke_grant", refresh()).await;
    reuse.error(503, "temporarily_unavailable");
    assert_eq!(world.send(refresh()).await.status.as_u16(), 400);
    let successor = world.refresh("public-rotating", body["refresh_token"].as_str().unwrap());
    world.send(successor.dpop(world.proof(&own))).await.error(400, "invalid_grant");
    let unbound = world.provision("public-binding", Confirmation::Unbound).await;
    let call = world.refresh("public-binding", &unbound).dpop(world.proof(&own));
    outage.send_while("bind_grant", call).await.error(503, "temporarily_unavailable");
}

#[tokio::test]
async fn a_revocation_that_did_not_happen_never_looks_like_one() {
    let outage = Outage::new().await;
    let world = &outage.world;
    for (client, operation) in [("jwt-client", "revoke_token_id"), ("jwt-opaque", "revoke_access_token")] {
        let call =
            Call::token("client_credentials").assertion(world.assertion(client)).dpop(world.proof(&key()));
        let token = world.send(call).await.ok()["access_token"].as_str().unwrap().to_owned();
        let revoke = || Call::to("/revoke").with("token", &token).assertion(world.assertion(client));
        outage.send_while(operation, revoke()).await.error(503, "temporarily_unavailable");
        assert_eq!(world.introspect(&token).await["active"], true);
        assert_eq!(world.send(revoke()).await.status.as_u16(), 200);
    }
    let token = world.provision("jwt-client", Confirmation::Unbound).await;
    let revoke = Call::to("/revoke").with("token", &token).assertion(world.assertion("jwt-client"));
    outage.send_while("revoke_grant", revoke).await.error(503, "temporarily_unavailable");
}

#[tokio::test]
async fn introspection_calls_nothing_active_that_it_can_not_check() {
    let outage = Outage::new().await;
    let world = &outage.world;
    for (client, operation) in [("jwt-client", "find_revocation"), ("jwt-opaque", "find_access_token")] {
        let call =
            Call::token("client_credentials").assertion(world.assertion(client)).dpop(world.proof(&key()));
        let token = world.send(call).await.ok()["access_token"].as_str().unwrap().to_owned();
        let ask = Call::to("/introspect").with("token", token).basic("api", crate::support::SECRET);
        outage.send_while(operation, ask).await.error(503, "temporarily_unavailable");
    }
}

/// Nobody waits for the audit, and the audit waits for the store.
#[tokio::test]
async fn audit_records_outlast_a_short_outage_of_the_store() {
    let outage = Outage::new().await;
    let world = &outage.world;
    *outage.store.operation.lock().unwrap() = "insert_audit";
    let wrong = Call::token("client_credentials").basic("basic-client", "wrong-secret");
    world.send(wrong).await.error(401, "invalid_client");
    // The first attempt fails before the store comes back.
    let failed = || world.server.metrics().render().unwrap().contains("operation=\"insert_audit\"");
    while !failed() {
        tokio::task::yield_now().await;
    }
    *outage.store.operation.lock().unwrap() = "";
    world.server.flush_audit().await;
    let filter = AuditFilter { event: Some("client_authentication_failed".into()), ..AuditFilter::default() };
    assert_eq!(outage.store.list_audit(&filter, None, 10).await.unwrap().len(), 1);
}

/// Anybody may ask, and each answer costs the store a write.
#[tokio::test]
async fn a_flood_of_probes_asks_the_store_once_a_second() {
    let outage = Outage::new().await;
    let probe = || async {
        let request = http::Request::get("/readyz").body(axum::body::Body::empty()).unwrap();
        outage.world.dispatch(request, None).await.status.as_u16()
    };
    let flood = || futures_util::future::join_all((0..50).map(|_| probe()));
    assert_eq!(flood().await, [200; 50]);
    assert_eq!(outage.store.checks.load(Ordering::Relaxed), 1);
    *outage.store.operation.lock().unwrap() = "check";
    assert_eq!(probe().await, 200, "within the second");
    outage.world.advance(1);
    assert_eq!(flood().await, [503; 50]);
    assert_eq!(outage.store.checks.load(Ordering::Relaxed), 2);
    *outage.store.operation.lock().unwrap() = "";
    outage.world.advance(1);
    assert_eq!(probe().await, 200);
}

/// One part of a round that fails keeps no other from being done.
#[tokio::test]
async fn audit_records_are_purged_also_when_nothing_else_can_be() {
    let mut setup = Setup::new();
    setup.configuration["audit"] = serde_json::json!({"retention_days": 30});
    let outage = Outage::of(setup).await;
    let old = AuditRecord {
        sequence: 0,
        at: UnixTime::from_seconds(START - 40 * 24 * 3600),
        event: "old".into(),
        client_id: None,
        subject: None,
        fields: serde_json::json!({}),
    };
    outage.store.insert_audit(&[old]).await.unwrap();
    *outage.store.operation.lock().unwrap() = "purge_expired";
    outage.world.server.maintain().await.unwrap_err();
    let filter = AuditFilter { event: Some("old".into()), ..AuditFilter::default() };
    assert_eq!(outage.store.list_audit(&filter, None, 10).await.unwrap(), []);
}
