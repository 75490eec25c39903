//! What must hold for whatever bytes come in. Each function is one fuzz target: it never panics, and it
//! states what acceptance implies, against a second and plainer reader where there is one. Signatures are
//! accepted without a look, so that the fuzzer gets past the cryptography, but where they are the target; nothing here
//! is a check.

mod accepting;
mod authorization;
mod certificates;
mod credentials;
mod messages;
mod proofs;
mod signatures;
mod texts;

pub use authorization::{
    authorization_details, authorization_request, claims_request, client_metadata, request_object,
};
pub use certificates::certificate;
pub use credentials::{access_token, authorization};
pub use messages::jwe;
pub use proofs::{htu, proof};
pub use signatures::es256;
pub use texts::{form, json, jwk, jws};

/// Whether an input got all the way through, so that a test can tell a corpus that reaches the end of a parser
/// from one that fails at its door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The input was accepted, and all that acceptance implies has been found true.
    Accepted,
    /// The input was refused.
    Refused,
}

use Verdict::{Accepted, Refused};

/// A fuzz target by name.
pub type Target = (&'static str, fn(&[u8]) -> Verdict);

/// Every target, for the run over the corpus on stable Rust.
pub const TARGETS: &[Target] = &[
    ("access_token", access_token),
    ("authorization", authorization),
    ("authorization_details", authorization_details),
    ("authorization_request", authorization_request),
    ("certificate", certificate),
    ("claims_request", claims_request),
    ("client_metadata", client_metadata),
    ("es256", es256),
    ("form", form),
    ("htu", htu),
    ("json", json),
    ("jwe", jwe),
    ("jwk", jwk),
    ("jws", jws),
    ("proof", proof),
    ("request_object", request_object),
];

/// The parts of an input, separated by line breaks; a missing part is empty.
fn parts<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut lines = data.splitn(N, |byte| *byte == b'\n');
    std::array::from_fn(|_| lines.next().unwrap_or_default())
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
