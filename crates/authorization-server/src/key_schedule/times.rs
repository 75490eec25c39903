//! `[server.keys]`: how long a key is published before it is used, used, and kept after. What would let a token
//! live longer than its key, or a key sign before everyone has it, does not start.

use std::time::Duration;

use bindery_core::jose::encryption::KeyManagement;
use serde::Deserialize;

use crate::configuration::{ConfigurationInvalid, invalid};

/// How long others may keep the JWK set (`Cache-Control` of the JWK set).
pub(crate) const CACHED: Duration = Duration::from_secs(300);
/// Within this every process of an issuer has taken over what another did with its keys.
pub(crate) const TAKEN_OVER: Duration = Duration::from_secs(30);
/// What clocks and answers under way need beyond that.
const SLACK: Duration = Duration::from_secs(30);

/// `[server.keys]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysConfiguration {
    /// Days after which a key is replaced, 1 to 3650; 0 replaces none by itself.
    pub rotation: u32,
    /// Seconds for which a new key is published before it is used, 360 to 43200.
    pub publish_before: u32,
    /// Seconds for which a replaced key is kept; at least the longest lifetime of what it signed, and a minute.
    /// Without the option that lifetime and five minutes.
    pub retain: Option<u32>,
    /// Algorithms by which others encrypt request objects to the server, a key for each: ECDH-ES,
    /// ECDH-ES+A128KW, ECDH-ES+A256KW or RSA-OAEP-256. Without the option none is accepted.
    pub encryption_algorithms: Vec<String>,
    /// Days after which the key that seals cookies is replaced, 1 to 90; the four before it still open.
    pub cookie_rotation: u32,
}

impl Default for KeysConfiguration {
    fn default() -> Self {
        Self {
            rotation: 90,
            publish_before: 3600,
            retain: None,
            encryption_algorithms: Vec::new(),
            cookie_rotation: 7,
        }
    }
}

/// The same, checked.
#[derive(Clone, Debug)]
pub(crate) struct KeyTimes {
    /// `None`: no key is replaced by itself.
    pub(crate) rotation: Option<Duration>,
    pub(crate) publish_before: Duration,
    pub(crate) retain: Duration,
    pub(crate) encryption_algorithms: Vec<KeyManagement>,
    pub(crate) cookie_rotation: Duration,
}

impl KeysConfiguration {
    /// `longest` is the longest lifetime of anything that the server signs.
    pub(crate) fn times(&self, longest: Duration) -> Result<KeyTimes, ConfigurationInvalid> {
        let least_published = (CACHED + TAKEN_OVER + SLACK).as_secs();
        let least_retained = longest.as_secs() + (TAKEN_OVER + SLACK).as_secs();
        let retain = self.retain.map_or(longest.as_secs() + CACHED.as_secs(), u64::from);
        for (option, value, least, most, why) in [
            ("keys.rotation", self.rotation.into(), 0, 3650, "days"),
            (
                "keys.publish_before",
                self.publish_before.into(),
                least_published,
                43_200,
                "seconds: others keep the key set for 300 of them",
            ),
            (
                "keys.retain",
                retain,
                least_retained,
                u64::from(u32::MAX),
                "seconds: what the key signed lives that long",
            ),
            ("keys.cookie_rotation", self.cookie_rotation.into(), 1, 90, "days"),
        ] {
            if !(least..=most).contains(&value) {
                let rule = format!("it is not between {least} and {most} {why}");
                return Err(invalid(option, value, rule, "choose a value in that range"));
            }
        }
        let encryption_algorithms = self
            .encryption_algorithms
            .iter()
            .map(|name| {
                KeyManagement::from_name(name).ok_or_else(|| {
                    let known = KeyManagement::ALL.map(KeyManagement::name).join(", ");
                    let rule = "it is not an algorithm that others can encrypt to the server by";
                    invalid("keys.encryption_algorithms", name, rule, format!("choose among {known}"))
                })
            })
            .collect::<Result<_, _>>()?;
        let rotation = days(self.rotation);
        Ok(KeyTimes {
            rotation: (self.rotation > 0).then_some(rotation),
            publish_before: Duration::from_secs(self.publish_before.into()),
            retain: Duration::from_secs(retain),
            encryption_algorithms,
            cookie_rotation: days(self.cookie_rotation),
        })
    }
}

fn days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 3600)
}
