//! Passkeys (WebAuthn level 3), by webauthn-rs. A ceremony's challenge waits in the store, belongs to one
//! browser and one page, and is spent once, before anything is verified. Devices must verify the person;
//! the device names the account, so nobody learns from a name whether it has passkeys.

use std::time::Duration;

use bindery_core::crypto::{Cryptography as _, Sha256Digest};
use bindery_core::encoding::base64url;
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, random_token};
use bindery_store::authorization::{AccountUpdate, Spending};
use bindery_store::record::{AccountRecord, PendingKind, PendingRecord};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Uuid, Webauthn, WebauthnBuilder,
};

use super::model::shown;
use super::signing_in::SignInRefused;
use crate::ATTEMPTS;
use crate::event::AuditEvent;
use crate::server::Server;

/// How long a person may take to touch the device.
const CEREMONY: Duration = Duration::from_secs(300);
/// The longest answer of a device that is parsed, in bytes.
const MAXIMUM_CREDENTIAL: usize = 16 * 1024;
/// The most passkeys that one account has.
const MAXIMUM_PASSKEYS: usize = 20;
/// The longest name of a passkey, in characters.
const MAXIMUM_NAME: usize = 64;

/// The relying party.
pub(crate) struct Passkeys(Webauthn);

/// A ceremony that a page has begun.
#[derive(Debug, Serialize)]
pub(crate) struct Begun {
    /// Names the ceremony in the form that ends it.
    ceremony: String,
    /// What the script hands to the browser.
    options: Value,
}

/// For whom and on which page a ceremony was begun.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ceremony<'a> {
    /// Signing in, by the browser and the interaction.
    SignIn { browser: &'a str, interaction: &'a str },
    /// Adding a passkey, by the session and the account.
    Register { session: &'a str, subject: &'a str },
}

impl Ceremony<'_> {
    /// What must be the same at the end.
    fn binding(self) -> Value {
        match self {
            Self::SignIn { browser, interaction } => json!(["sign_in", browser, interaction]),
            Self::Register { session, subject } => json!(["register", session, subject]),
        }
    }
}

/// Why a passkey was not taken; what is wrong with it is for the log alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasskeyRefused {
    /// The ceremony is over, another's, or its answer does not hold.
    Refused(&'static str),
    /// The store or the machine fails.
    Unavailable,
}

impl PasskeyRefused {
    fn store(operation: &'static str, error: &bindery_store::StoreError) -> Self {
        AuditEvent::StoreFailed { operation, error }.trace();
        Self::Unavailable
    }
}

/// A passkey as an account keeps it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OwnPasskey {
    /// The credential's identifier, base64url.
    pub(crate) id: String,
    /// What its owner calls it.
    pub(crate) name: String,
    /// When it was added, in seconds since 1970.
    pub(crate) added_at: i64,
    key: Passkey,
}

impl Passkeys {
    /// The relying party of that issuer: its host, and its origin alone.
    pub(crate) fn new(issuer: &url::Url) -> Option<Self> {
        let host = issuer.domain()?;
        let origin = Url::parse(&issuer.origin().ascii_serialization()).ok()?;
        let builder = WebauthnBuilder::new(host, &origin).ok()?;
        builder.rp_name(host).timeout(CEREMONY).build().ok().map(Self)
    }
}

/// The passkeys of an account; one that can't be read is none.
pub(crate) fn of_account(account: &AccountRecord) -> Vec<OwnPasskey> {
    let entries = account.passkeys.as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().filter_map(|entry| OwnPasskey::deserialize(entry).ok()).collect()
}

/// Begins signing in.
///
/// # Errors
/// [`PasskeyRefused`].
pub(crate) async fn begin_sign_in(
    server: &Server,
    ceremony: Ceremony<'_>,
    now: UnixTime,
) -> Result<Begun, PasskeyRefused> {
    let passkeys = relying_party(server)?;
    let (mut options, state) =
        passkeys.0.start_discoverable_authentication().map_err(|_| PasskeyRefused::Unavailable)?;
    // A button asks for it, not the field of the user name.
    options.mediation = None;
    keep(server, ceremony, &state, &options, now).await
}

/// Ends signing in: the account whose passkey it is, and whether the key may be on several devices.
///
/// # Errors
/// [`SignInRefused::Wrong`] for whatever is wrong with the answer.
pub(crate) async fn finish_sign_in(
    server: &Server,
    ceremony: Ceremony<'_>,
    id: &str,
    credential: &str,
    now: UnixTime,
) -> Result<(AccountRecord, bool), SignInRefused> {
    let outcome = verify_sign_in(server, ceremony, id, credential, now).await;
    outcome.map_err(|refused| match refused {
        PasskeyRefused::Unavailable => SignInRefused::Unavailable,
        PasskeyRefused::Refused(detail) => {
            tracing::debug!(detail, "passkey refused");
            server.audit.record(AuditEvent::SignInFailed { subject: None, reason: "passkey" });
            SignInRefused::Wrong
        }
    })
}

async fn verify_sign_in(
    server: &Server,
    ceremony: Ceremony<'_>,
    id: &str,
    credential: &str,
    now: UnixTime,
) -> Result<(AccountRecord, bool), PasskeyRefused> {
    let passkeys = relying_party(server)?;
    let state: DiscoverableAuthentication = spend(server, ceremony, id, now).await?;
    let answer: PublicKeyCredential = parse(credential)?;
    let identified = passkeys.0.identify_discoverable_authentication(&answer);
    let (handle, credential_id) = identified.map_err(|_| PasskeyRefused::Refused("user handle"))?;
    let subject = base64url::encode(handle.as_bytes());
    let found = server.store.find_account(&subject).await;
    let account = found
        .map_err(|error| PasskeyRefused::store("find_account", &error))?
        .filter(|account| !account.disabled)
        .ok_or(PasskeyRefused::Refused("account"))?;
    let wanted = base64url::encode(credential_id);
    let own = of_account(&account).into_iter().find(|own| own.id == wanted);
    let mut own = own.ok_or(PasskeyRefused::Refused("credential"))?;
    let result = passkeys
        .0
        .finish_discoverable_authentication_v2(&answer, state, DiscoverableKey::from(&own.key))
        .map_err(|_| PasskeyRefused::Refused("assertion"))?;
    if !result.user_verified() {
        return Err(PasskeyRefused::Refused("user verification"));
    }
    if result.needs_update() && own.key.update_credential(&result) == Some(true) {
        require_updated(server, account.clone(), now, |keys| {
            if let Some(place) = keys.iter_mut().find(|key| key.id == own.id) {
                place.key = own.key.clone();
            }
            Ok(())
        })
        .await?;
    }
    Ok((account, result.backup_eligible()))
}

/// Begins adding a passkey to an account.
///
/// # Errors
/// [`PasskeyRefused`]; accounts whose subject was not drawn here have none.
pub(crate) async fn begin_registration(
    server: &Server,
    account: &AccountRecord,
    ceremony: Ceremony<'_>,
    now: UnixTime,
) -> Result<Begun, PasskeyRefused> {
    let passkeys = relying_party(server)?;
    let handle = user_handle(account).ok_or(PasskeyRefused::Refused("subject"))?;
    let own = of_account(account);
    if own.len() >= MAXIMUM_PASSKEYS {
        return Err(PasskeyRefused::Refused("too many"));
    }
    let known = own.iter().map(|own| own.key.cred_id().clone()).collect();
    let name = &account.username;
    let started = passkeys.0.start_passkey_registration(handle, name, name, Some(known));
    let (options, state) = started.map_err(|_| PasskeyRefused::Unavailable)?;
    let mut options = serde_json::to_value(options).map_err(|_| PasskeyRefused::Unavailable)?;
    // The device must find the account by itself: nobody types a name to sign in by passkey.
    if let Some(selection) = options.pointer_mut("/publicKey/authenticatorSelection") {
        selection["residentKey"] = "required".into();
        selection["requireResidentKey"] = true.into();
    }
    keep(server, ceremony, &state, &options, now).await
}

/// Ends adding a passkey.
///
/// # Errors
/// [`PasskeyRefused`].
pub(crate) async fn finish_registration(
    server: &Server,
    account: AccountRecord,
    ceremony: Ceremony<'_>,
    id: &str,
    credential: &str,
    name: &str,
    now: UnixTime,
) -> Result<(), PasskeyRefused> {
    let passkeys = relying_party(server)?;
    let state: PasskeyRegistration = spend(server, ceremony, id, now).await?;
    let answer: RegisterPublicKeyCredential = parse(credential)?;
    let key = passkeys
        .0
        .finish_passkey_registration(&answer, &state)
        .map_err(|_| PasskeyRefused::Refused("attestation"))?;
    let own = OwnPasskey {
        id: base64url::encode(key.cred_id()),
        name: shown(name.trim(), MAXIMUM_NAME),
        added_at: now.as_seconds(),
        key,
    };
    require_updated(server, account, now, |keys| {
        if keys.len() >= MAXIMUM_PASSKEYS || keys.iter().any(|key| key.id == own.id) {
            return Err(PasskeyRefused::Refused("known or too many"));
        }
        keys.push(own.clone());
        Ok(())
    })
    .await
}

/// Takes a passkey from an account.
///
/// # Errors
/// [`PasskeyRefused`] when there is none of that identifier, or when the account could not be changed.
pub(crate) async fn remove(
    server: &Server,
    account: AccountRecord,
    id: &str,
    now: UnixTime,
) -> Result<(), PasskeyRefused> {
    require_updated(server, account, now, |keys| {
        let before = keys.len();
        keys.retain(|key| key.id != id);
        if keys.len() == before { Err(PasskeyRefused::Refused("unknown")) } else { Ok(()) }
    })
    .await
}

/// Whether the account can have passkeys at all.
pub(crate) fn are_possible(server: &Server, account: &AccountRecord) -> bool {
    server.people.passkeys.is_some() && user_handle(account).is_some()
}

fn relying_party(server: &Server) -> Result<&Passkeys, PasskeyRefused> {
    server.people.passkeys.as_ref().ok_or(PasskeyRefused::Refused("no relying party"))
}

/// The 16 bytes that the subject writes down.
fn user_handle(account: &AccountRecord) -> Option<Uuid> {
    let bytes: [u8; 16] = base64url::decode(&account.subject).ok()?.try_into().ok()?;
    Some(Uuid::from_bytes(bytes))
}

/// Changes the passkeys of an account as it is now, not as it was read.
async fn require_updated(
    server: &Server,
    account: AccountRecord,
    now: UnixTime,
    edit: impl Fn(&mut Vec<OwnPasskey>) -> Result<(), PasskeyRefused>,
) -> Result<(), PasskeyRefused> {
    let mut account = account;
    for _ in 0..ATTEMPTS {
        let mut keys = of_account(&account);
        edit(&mut keys)?;
        account.passkeys = entries(&account.passkeys, &keys).ok_or(PasskeyRefused::Unavailable)?;
        account.updated_at = now;
        let updated = server.store.update_account(&account).await;
        match updated.map_err(|error| PasskeyRefused::store("update_account", &error))? {
            AccountUpdate::Updated => return Ok(()),
            AccountUpdate::Stale => {
                let found = server.store.find_account(&account.subject).await;
                let found = found.map_err(|error| PasskeyRefused::store("find_account", &error))?;
                account = found.ok_or(PasskeyRefused::Refused("account"))?;
            }
        }
    }
    Err(PasskeyRefused::Unavailable)
}

/// The entries of `keys`, and behind them those of `stored` that can't be read here: a newer version may have
/// written them, and they are their owner's.
fn entries(stored: &Value, keys: &[OwnPasskey]) -> Option<Value> {
    let stored = stored.as_array().map(Vec::as_slice).unwrap_or_default();
    let unreadable = stored.iter().filter(|entry| OwnPasskey::deserialize(*entry).is_err()).cloned();
    let written = keys.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>().ok()?;
    Some(written.into_iter().chain(unreadable).collect())
}

async fn keep(
    server: &Server,
    ceremony: Ceremony<'_>,
    state: &impl Serialize,
    options: &impl Serialize,
    now: UnixTime,
) -> Result<Begun, PasskeyRefused> {
    let id = random_token().map_err(|_| PasskeyRefused::Unavailable)?;
    let state = serde_json::to_value(state).map_err(|_| PasskeyRefused::Unavailable)?;
    let options = serde_json::to_value(options).map_err(|_| PasskeyRefused::Unavailable)?;
    let expires_at = now.plus(CEREMONY);
    let record = PendingRecord {
        kind: PendingKind::PasskeyCeremony,
        key_sha256: digest(&id),
        alias_sha256: None,
        client_id: None,
        subject: None,
        payload: json!({"binding": ceremony.binding(), "state": state}),
        revision: 0,
        created_at: now,
        expires_at,
        forget_at: expires_at,
        spent_at: None,
    };
    let inserted = server.store.insert_pending(&record).await;
    inserted.map_err(|error| PasskeyRefused::store("insert_pending", &error))?;
    Ok(Begun { ceremony: id, options })
}

/// The state of a live ceremony of this browser and page; nobody gets it twice (WebAuthn section 13.4.3).
async fn spend<T: DeserializeOwned>(
    server: &Server,
    ceremony: Ceremony<'_>,
    id: &str,
    now: UnixTime,
) -> Result<T, PasskeyRefused> {
    let spent = server.store.spend_pending(PendingKind::PasskeyCeremony, &digest(id), now).await;
    let record = match spent.map_err(|error| PasskeyRefused::store("spend_pending", &error))? {
        Spending::Spent(record) => record,
        Spending::SpentBefore(_) | Spending::Expired(_) | Spending::Unknown => {
            return Err(PasskeyRefused::Refused("ceremony"));
        }
    };
    if record.payload.get("binding") != Some(&ceremony.binding()) {
        return Err(PasskeyRefused::Refused("ceremony of another"));
    }
    let state = record.payload.get("state").cloned().unwrap_or_default();
    serde_json::from_value(state).map_err(|_| PasskeyRefused::Refused("ceremony state"))
}

fn parse<T: DeserializeOwned>(credential: &str) -> Result<T, PasskeyRefused> {
    if credential.len() > MAXIMUM_CREDENTIAL {
        return Err(PasskeyRefused::Refused("size"));
    }
    serde_json::from_str(credential).map_err(|_| PasskeyRefused::Refused("form"))
}

fn digest(id: &str) -> Sha256Digest {
    AwsLc.sha256(&[id.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passkey_that_can_not_be_read_survives_every_change() {
        let unreadable = json!({"id": "x", "of": "a later version"});
        assert_eq!(entries(&json!([unreadable]), &[]), Some(json!([unreadable])));
        assert_eq!(entries(&Value::Null, &[]), Some(json!([])));
    }
}
