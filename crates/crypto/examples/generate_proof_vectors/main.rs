//! Makes the corpus of `vectors/` anew: requests with one defect each, signed with keys that nobody keeps.
//! Run by hand when a rule changes; the result is committed, because ECDSA signatures are random. What each
//! member means is in `vectors/README.md`. Prints nothing; fails loudly.

#![expect(clippy::unwrap_used, reason = "a generator that can't go on must stop")]

mod access_token;
mod confirmation;
mod confusion;
mod freshness;
mod proof_content;
mod proof_form;
mod proof_keys;
mod proof_signature;
mod requests;
mod world;

use world::World;

fn main() {
    let world = World::new();
    world.write_setting();
    proof_form::header(&world).write();
    proof_form::authorization(&world).write();
    proof_keys::keys(&world).write();
    proof_signature::signature(&world).write();
    proof_content::claims(&world).write();
    proof_content::time(&world).write();
    requests::method(&world).write();
    requests::target(&world).write();
    freshness::nonce(&world).write();
    freshness::replay(&world).write();
    confirmation::confirmation(&world).write();
    access_token::access_token(&world).write();
    confusion::confusion(&world).write();
}
