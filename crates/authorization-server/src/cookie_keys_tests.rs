//! What is sealed opens for its purpose, unchanged and in time, and in no other case.

use bindery_store::memory::{MemoryStore, ReplayMemory};

use super::*;

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);

const ROTATION: Duration = Duration::from_secs(24 * 3600);

fn store() -> MemoryStore {
    MemoryStore::new(ReplayMemory::new(10, NOW, [7; 16]))
}

async fn on(store: &MemoryStore, now: UnixTime) -> CookieKeys {
    CookieKeys::load(store, &Sealer::new([5; 32]), ROTATION, now).await.unwrap()
}

async fn keys() -> CookieKeys {
    on(&store(), NOW).await
}

#[tokio::test]
async fn opens_for_its_purpose_alone() {
    let keys = keys().await;
    let text = keys.seal("session", b"value", NOW).unwrap();
    assert_eq!(&**keys.open("session", &text, HOUR, NOW).unwrap(), b"value");
    assert_eq!(keys.open("csrf", &text, HOUR, NOW), Err(NotOpened::Invalid));
    assert_eq!(keys.open("sessio", &text, HOUR, NOW), Err(NotOpened::Invalid));
}

#[tokio::test]
async fn refuses_what_is_too_old_or_from_the_future() {
    let keys = keys().await;
    let text = keys.seal("session", b"value", NOW).unwrap();
    assert!(keys.open("session", &text, HOUR, NOW.plus(HOUR)).is_ok());
    let late = NOW.plus(HOUR).plus(Duration::from_secs(1));
    assert_eq!(keys.open("session", &text, HOUR, late), Err(NotOpened::TooOld));
    let early = NOW.minus(SKEW).minus(Duration::from_secs(1));
    assert_eq!(keys.open("session", &text, HOUR, early), Err(NotOpened::TooOld));
}

#[tokio::test]
async fn refuses_every_changed_character_another_servers_text_and_oversize() {
    let keys = keys().await;
    let text = keys.seal("session", b"value", NOW).unwrap();
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(keys.open("session", &changed, HOUR, NOW), Err(NotOpened::Invalid), "{at}");
    }
    let other = self::keys().await;
    assert_eq!(other.open("session", &text, HOUR, NOW), Err(NotOpened::Invalid));
    let long = "A".repeat(MAXIMUM_SEALED + 1);
    for text in ["", "A", "AA", "a.b", long.as_str()] {
        assert_eq!(keys.open("session", text, HOUR, NOW), Err(NotOpened::Invalid));
    }
}

#[tokio::test]
async fn a_new_key_seals_only_when_every_process_has_it_and_old_ones_open_on() {
    let store = store();
    let (here, there) = (on(&store, NOW).await, on(&store, NOW).await);
    let first = here.seal("session", b"1", NOW).unwrap();
    let sealer = Sealer::new([5; 32]);
    let mut now = NOW.plus(ROTATION);
    here.refresh(&store, &sealer, now).await.unwrap();
    // The other process has not looked yet.
    let second = here.seal("session", b"2", now).unwrap();
    assert_eq!(&**there.open("session", &second, HOUR, now).unwrap(), b"2");
    now = now.plus(TAKEN_OVER);
    let third = here.seal("session", b"3", now).unwrap();
    assert_eq!(there.open("session", &third, HOUR, now), Err(NotOpened::Invalid));
    there.refresh(&store, &sealer, now).await.unwrap();
    assert_eq!(&**there.open("session", &third, HOUR, now).unwrap(), b"3");
    let week = Duration::from_secs(7 * 24 * 3600);
    for day in 2..5 {
        now = NOW.plus(ROTATION * day);
        here.refresh(&store, &sealer, now).await.unwrap();
        assert_eq!(&**here.open("session", &first, week, now).unwrap(), b"1", "day {day}");
    }
    now = NOW.plus(ROTATION * 5);
    here.refresh(&store, &sealer, now).await.unwrap();
    assert_eq!(here.open("session", &first, week, now), Err(NotOpened::Invalid));
}
