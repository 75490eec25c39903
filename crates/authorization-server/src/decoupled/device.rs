//! Device authorization in the store (RFC 8628 sections 3.2 and 6.1): a device code of 256 random bits for the
//! device, and a user code of eight letters for the person to type. The letters are few, so attempts are counted,
//! and whoever guesses on is told to come back later (section 5.1).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::crypto::{Cryptography as _, Sha256Digest};
use bindery_core::oauth::authorization_request::Ask;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, RandomUnavailable, random_bytes, random_token};
use bindery_store::StoreError;
use bindery_store::record::{PendingKind, PendingRecord};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Answer, DecoupledRequest, MEMORY, digest, key_text};
use crate::admission;
use crate::client_registry::Client;
use crate::event::AuditEvent;
use crate::interaction::{PageFault, Purpose};
use crate::limits::Limit;
use crate::server::{Server, unavailable};

/// Consonants that no two people hear or read as another, and that spell no words (section 6.1).
const ALPHABET: [u8; 20] = *b"BCDFGHJKLMNPQRSTVWXZ";
/// 20^8: at one attempt in ten seconds an address hits one of a thousand live codes once in eight years, and what it
/// hits must still be confirmed by somebody who signs in.
const LENGTH: usize = 8;
/// How many drawn user codes may be taken already before we give up.
const DRAWS: usize = 8;

/// A user code, as letters alone.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct UserCode([u8; LENGTH]);

impl UserCode {
    fn draw() -> Result<Self, RandomUnavailable> {
        let mut letters = [0; LENGTH];
        let mut drawn = 0;
        while drawn < LENGTH {
            // 240 is the largest multiple of twenty in a byte: no letter is likelier than another.
            for byte in random_bytes::<16>()?.into_iter().filter(|byte| *byte < 240) {
                if let Some(letter) = letters.get_mut(drawn) {
                    *letter = ALPHABET[usize::from(byte % 20)];
                    drawn += 1;
                }
            }
        }
        Ok(Self(letters))
    }

    /// Reads what a person typed: in any case, with or without hyphens and spaces (section 6.1).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > 4 * LENGTH {
            return None;
        }
        let kept = text.bytes().filter(|byte| !matches!(byte, b'-' | b' ' | b'\t'));
        let letters: Vec<u8> = kept.map(|byte| byte.to_ascii_uppercase()).collect();
        let letters: [u8; LENGTH] = letters.try_into().ok()?;
        letters.iter().all(|letter| ALPHABET.contains(letter)).then_some(Self(letters))
    }

    fn digest(&self) -> Sha256Digest {
        AwsLc.sha256(&[b"user code\0", &self.0])
    }
}

/// `WDJB-MJHT`, as both the device and the page show it.
impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = self.0.split_at(LENGTH / 2);
        let text = |letters| core::str::from_utf8(letters).unwrap_or_default();
        write!(f, "{}-{}", text(first), text(last))
    }
}

/// What a device gets.
pub(crate) struct Begun {
    pub(crate) device_code: Zeroizing<String>,
    pub(crate) user_code: UserCode,
}

/// Stores a request of `client` and names it twice. With `bound_to`, the device has proven its key already.
///
/// # Errors
/// [`TokenError::Unavailable`]; nothing was stored.
pub(crate) async fn begin(
    server: &Server,
    client: &Client,
    ask: Ask,
    bound_to: Option<Value>,
    now: UnixTime,
) -> Result<Begun, TokenError> {
    let settings = &server.settings.device;
    let client_id = &client.metadata.client_id;
    let mut request = DecoupledRequest::new(client_id, ask, settings.interval);
    request.bound_to = bound_to;
    let payload = request.to_value().ok_or(TokenError::Unavailable)?;
    let device_code = Zeroizing::new(random_token().map_err(|_| TokenError::Unavailable)?);
    let expires_at = now.plus(Duration::from_secs(u64::from(settings.lifetime)));
    for _ in 0..DRAWS {
        let user_code = UserCode::draw().map_err(|_| TokenError::Unavailable)?;
        let record = PendingRecord {
            kind: PendingKind::DeviceCode,
            key_sha256: digest(&device_code),
            alias_sha256: Some(user_code.digest()),
            client_id: Some(client_id.clone()),
            subject: None,
            payload: payload.clone(),
            revision: 0,
            created_at: now,
            expires_at,
            forget_at: expires_at.plus(MEMORY),
            spent_at: None,
        };
        match server.store.insert_pending(&record).await {
            Ok(()) => return Ok(Begun { device_code, user_code }),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(unavailable("insert_pending", &error)),
        }
    }
    Err(TokenError::Unavailable)
}

/// A device's request that waits for a person.
pub(crate) struct WaitingDevice {
    /// The client that the device runs.
    pub(crate) client: Arc<Client>,
    /// What it asks.
    pub(crate) ask: Ask,
    /// As the device shows it.
    pub(crate) user_code: UserCode,
    key: Sha256Digest,
}

impl WaitingDevice {
    /// What becomes of the answer, for [`crate::interaction::begin`].
    pub(crate) fn purpose(&self) -> Purpose {
        Purpose::Device { key: key_text(&self.key) }
    }

    /// The person says that the device is not theirs. Whoever reads its code off a screen may say so.
    ///
    /// # Errors
    /// [`PageFault`] when it was answered before, or the store can't be asked.
    pub(crate) async fn deny(&self, server: &Server, now: UnixTime) -> Result<(), PageFault> {
        super::answer(server, PendingKind::DeviceCode, &self.key, Answer::Denied, now).await?;
        server.audit.record(AuditEvent::DecoupledAnswered {
            client_id: &self.client.metadata.client_id,
            subject: None,
            kind: PendingKind::DeviceCode.as_str(),
            allowed: false,
        });
        Ok(())
    }
}

/// Why a user code opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserCodeRefused {
    /// There is no such code, or its time is over.
    Unknown,
    /// Too many wrong codes came lately.
    TooMany,
    /// The store can't be asked.
    Unavailable,
}

/// The request behind what a person typed at `address`. Every attempt counts against that address's limit, the good
/// ones too, so that the limit tells nothing.
///
/// # Errors
/// [`UserCodeRefused`]; which client or person a wrong code might have meant is never told.
pub(crate) async fn find(
    server: &Server,
    typed: &str,
    address: Option<IpAddr>,
    now: UnixTime,
) -> Result<WaitingDevice, UserCodeRefused> {
    let within = match address {
        Some(address) => admission::require_of(server, Limit::UserCode, address),
        // Who can't be told apart shares one limit.
        None => admission::require(server, Limit::UserCode, admission::UNKNOWN, None),
    };
    within.map_err(|_| UserCodeRefused::TooMany)?;
    look_up(server, typed, now).await.inspect_err(|refused| {
        if *refused == UserCodeRefused::Unknown {
            server.audit.record(AuditEvent::UserCodeUnknown {});
        }
    })
}

async fn look_up(server: &Server, typed: &str, now: UnixTime) -> Result<WaitingDevice, UserCodeRefused> {
    let unavailable = |operation: &'static str, error: &StoreError| {
        crate::server::unavailable(operation, error);
        UserCodeRefused::Unavailable
    };
    let user_code = UserCode::parse(typed).ok_or(UserCodeRefused::Unknown)?;
    let found = server.store.find_pending_by_alias(PendingKind::DeviceCode, &user_code.digest()).await;
    let record = found.map_err(|error| unavailable("find_pending_by_alias", &error))?;
    let live = record.filter(|record| record.spent_at.is_none() && now < record.expires_at);
    let record = live.ok_or(UserCodeRefused::Unknown)?;
    let request = DecoupledRequest::read(&record).ok_or(UserCodeRefused::Unavailable)?;
    if !matches!(request.answer, Answer::Open) {
        return Err(UserCodeRefused::Unknown);
    }
    let client = server.clients.find(&request.client_id).await;
    let client = client.map_err(|error| unavailable("find_client", &error))?;
    let client = client.filter(|client| !client.disabled).ok_or(UserCodeRefused::Unknown)?;
    Ok(WaitingDevice { client, ask: request.ask, user_code, key: record.key_sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_code_is_read_in_any_case_and_spacing_and_nothing_else_is_one() {
        let code = UserCode::draw().unwrap();
        let shown = code.to_string();
        assert_eq!((shown.len(), shown.find('-')), (9, Some(4)));
        for typed in [shown.clone(), shown.to_lowercase(), shown.replace('-', ""), shown.replace('-', " ")] {
            assert!(UserCode::parse(&typed) == Some(code.clone()), "{typed}");
        }
        for typed in ["", "BCDF-GHJ", "BCDF-GHJKL", "AEIO-UBCD", "BCDF-GHJ1", "BCDF_GHJK", "ВCDF-GHJK"] {
            assert!(UserCode::parse(typed).is_none(), "{typed}");
        }
        assert!(UserCode::parse(&format!("{}{shown}", "-".repeat(40))).is_none());
    }

    #[test]
    fn every_letter_is_drawn() {
        let drawn: std::collections::BTreeSet<u8> =
            (0..200).flat_map(|_| UserCode::draw().unwrap().0).collect();
        assert!(drawn.into_iter().eq(ALPHABET));
    }
}
