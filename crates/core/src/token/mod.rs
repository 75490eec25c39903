//! Access tokens as the protocol sees them: the confirmation claim, RFC 9068 JWTs, and the answers of an
//! introspection endpoint.

pub mod access_token;
pub mod confirmation;
