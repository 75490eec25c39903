//! A verified proof without a signature.

use bindery_core::dpop::proof::VerifiedProof;

fn forge() -> VerifiedProof {
    VerifiedProof::default()
}

fn change(proof: &mut VerifiedProof, other: &VerifiedProof) {
    proof.thumbprint = other.thumbprint();
}

fn copy(proof: &VerifiedProof) -> VerifiedProof {
    proof.clone()
}

fn main() {}
