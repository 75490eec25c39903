//! Text encodings that the protocol stands on, each in its strictest reading.

pub mod base64url;
pub mod json;
