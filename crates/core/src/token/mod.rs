//! Access tokens as the protocol sees them: the confirmation claim and RFC 9068 claims.

pub mod confirmation;
