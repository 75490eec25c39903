//! The gateway over real sockets: TLS clients of both HTTP versions in front, a real application behind, the
//! guard between. Each test is named after the rule that a proxy could break.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on must stop")]

#[path = "../../../resource-server/tests/world/mod.rs"]
#[expect(dead_code, reason = "the guard's own tests use the rest")]
mod world;

mod application;
mod corpus;
mod failures;
mod forwarding;
mod framing;
mod headers;
mod scene;
mod websocket;
