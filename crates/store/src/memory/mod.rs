//! Backends that live in this process's memory: the replay memory that every guard has, and an
//! authorization store for trials and tests. Nothing here survives a restart, and both say so.

mod buckets;
mod expiries;
mod replay;
mod store;
mod table;

pub use replay::ReplayMemory;
pub use store::MemoryStore;
