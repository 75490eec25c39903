//! Whose key sets are kept: one for each client, in a room that nobody fills for others.

use super::*;

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

/// Serves an empty set of this many bytes.
struct Padded(usize);

#[async_trait]
impl KeySetFetcher for Padded {
    async fn fetch(&self, _: &str) -> Result<Vec<u8>, KeySetUnavailable> {
        let mut text = b"{\"keys\":[]}".to_vec();
        text.resize(self.0.max(text.len()), b' ');
        Ok(text)
    }
}

fn cache(bytes: usize) -> ClientKeyCache {
    let times = FetchTimes {
        lifetime: std::time::Duration::from_secs(300),
        pause: std::time::Duration::from_secs(30),
        stale: std::time::Duration::from_secs(3600),
    };
    ClientKeyCache::new(Some(Arc::new(Padded(bytes))), times)
}

fn kept(cache: &ClientKeyCache) -> (usize, usize) {
    let sources = cache.sources.lock().unwrap();
    let counted: usize =
        sources.by_client.values().filter_map(|source| Some(source.fetched.as_ref()?.bytes)).sum();
    assert_eq!(sources.bytes, counted, "what is counted is what is there");
    (sources.by_client.len(), sources.bytes)
}

async fn ask(cache: &ClientKeyCache, client_id: &str, uri: &str, at: u64) -> bool {
    let now = NOW.plus(std::time::Duration::from_secs(at));
    cache.fetched(client_id, uri, now, false).await.is_ok()
}

#[tokio::test]
async fn a_client_that_changes_its_jwks_uri_holds_one_cached_set() {
    let cache = cache(1000);
    assert!(ask(&cache, "victim", "https://victim.example/keys", 0).await);
    for index in 0..100 {
        let uri = format!("https://stranger.example/{index}");
        // Within the pause a new address is no reason to ask again.
        assert_eq!(ask(&cache, "stranger", &uri, 3 * index).await, index % 10 == 0, "{index}");
    }
    assert_eq!(kept(&cache), (2, 2000));
    assert!(ask(&cache, "victim", "https://victim.example/keys", 299).await);
}

#[tokio::test]
async fn rejects_nobody_because_strangers_named_ten_thousand_key_sets() {
    let cache = cache(12);
    for index in 0..=MAXIMUM_SETS {
        assert!(ask(&cache, &format!("stranger-{index}"), "https://stranger.example/keys", 0).await);
    }
    assert_eq!(kept(&cache).0, MAXIMUM_SETS);
    assert!(ask(&cache, "victim", "https://victim.example/keys", 1).await);
    assert_eq!(kept(&cache).0, MAXIMUM_SETS);
}

#[tokio::test]
async fn large_sets_make_room_for_each_other() {
    let cache = cache(MAXIMUM_DOCUMENT);
    for index in 0..200 {
        assert!(ask(&cache, &format!("client-{index}"), "https://client.example/keys", index).await);
    }
    let (sets, bytes) = kept(&cache);
    assert!(bytes <= MAXIMUM_BYTES && sets == MAXIMUM_BYTES / MAXIMUM_DOCUMENT, "{sets} sets, {bytes} bytes");
}

#[tokio::test]
async fn rejects_a_set_beyond_its_size() {
    let cache = cache(MAXIMUM_DOCUMENT + 1);
    assert!(!ask(&cache, "client", "https://client.example/keys", 0).await);
    assert_eq!(kept(&cache).1, 0);
}
