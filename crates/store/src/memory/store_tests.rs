//! The contract suite on the store in memory.

use std::sync::Arc;

use super::*;
use crate::contract::{self, Backend};

struct Process;

impl Backend for Process {
    const DURABLE: bool = false;

    async fn open(&self) -> Arc<dyn AuthorizationStore> {
        let claims = ReplayMemory::new(10_000, UnixTime::from_seconds(0), [5; 16]);
        Arc::new(MemoryStore::new(claims))
    }
}

contract::suite!(contract_suite, Process);
