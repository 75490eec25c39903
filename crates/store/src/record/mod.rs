//! What the authorization server stores, as plain values. Tokens and secrets are here only as SHA-256
//! digests, private keys only sealed; neither is ever shown by `Debug`. Nothing here judges a record.

mod audit;
mod client;
mod grant;
mod keys;
mod pending;
mod people;

pub use audit::{AuditFilter, AuditRecord};
pub use client::{BarredClientRecord, BlockedKeyRecord, BlockedKind, ClientRecord};
pub use grant::{AccessTokenRecord, GrantFilter, GrantRecord, RefreshTokenRecord};
pub use keys::{NonceKeyRecord, SealedKeyRecord, SigningKeyRecord, SigningKeyState};
pub use pending::{PendingKind, PendingRecord};
pub use people::{AccountRecord, ConsentRecord, SessionRecord};
