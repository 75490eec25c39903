//! Senders whose requests were verified, by the text of their token, so that a client's hundredth request
//! costs one signature verification and little else. Nothing is kept that says a binding held: that is
//! confirmed for every request (DPOP-6.2-04). Bounded; losing an entry costs time, never safety.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::resource::known::KnownSender;
use bindery_core::time::UnixTime;

#[derive(Clone)]
struct Entry {
    sender: Arc<KnownSender>,
    until: UnixTime,
}

pub(crate) struct TokenCache {
    senders: quick_cache::sync::Cache<Arc<str>, Entry>,
}

impl TokenCache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { senders: quick_cache::sync::Cache::new(capacity) }
    }

    pub(crate) fn get(&self, token: &str, now: UnixTime) -> Option<Arc<KnownSender>> {
        let entry = self.senders.get(token)?;
        if now < entry.until {
            return Some(entry.sender);
        }
        self.senders.remove(token);
        None
    }

    /// Keeps `sender` for `span`, but never past its token's own expiry (INT-4-02).
    pub(crate) fn insert(&self, sender: KnownSender, now: UnixTime, span: Duration) {
        let until = sender.token().expires_at().min(now.plus(span));
        let text = Arc::clone(sender.token_text());
        self.senders.insert(text, Entry { sender: Arc::new(sender), until });
    }
}
