//! What is sealed opens for its purpose, unchanged and in time, and in no other case.

use super::*;

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn keys() -> CookieKeys {
    CookieKeys::derived(&SealingKey::ephemeral().unwrap(), "https://id.example")
}

#[test]
fn opens_for_its_purpose_alone() {
    let keys = keys();
    let text = keys.seal("session", b"value", NOW).unwrap();
    assert_eq!(&**keys.open("session", &text, HOUR, NOW).unwrap(), b"value");
    assert_eq!(keys.open("csrf", &text, HOUR, NOW), Err(NotOpened::Invalid));
    assert_eq!(keys.open("sessio", &text, HOUR, NOW), Err(NotOpened::Invalid));
}

#[test]
fn refuses_what_is_too_old_or_from_the_future() {
    let keys = keys();
    let text = keys.seal("session", b"value", NOW).unwrap();
    assert!(keys.open("session", &text, HOUR, NOW.plus(HOUR)).is_ok());
    let late = NOW.plus(HOUR).plus(Duration::from_secs(1));
    assert_eq!(keys.open("session", &text, HOUR, late), Err(NotOpened::TooOld));
    let early = NOW.minus(SKEW).minus(Duration::from_secs(1));
    assert_eq!(keys.open("session", &text, HOUR, early), Err(NotOpened::TooOld));
}

#[test]
fn refuses_every_changed_character_another_servers_text_and_oversize() {
    let keys = keys();
    let text = keys.seal("session", b"value", NOW).unwrap();
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(keys.open("session", &changed, HOUR, NOW), Err(NotOpened::Invalid), "{at}");
    }
    let other = self::keys();
    assert_eq!(other.open("session", &text, HOUR, NOW), Err(NotOpened::Invalid));
    let long = "A".repeat(MAXIMUM_SEALED + 1);
    for text in ["", "A", "AA", "a.b", long.as_str()] {
        assert_eq!(keys.open("session", text, HOUR, NOW), Err(NotOpened::Invalid));
    }
}
