//! Verification of ES256 signatures with a table of the key's multiples, several times faster than without:
//! curve arithmetic of our own, and the only one in this house.
//!
//! It works on **public data only** (public keys, messages, signatures) and takes a time that depends on them. It must
//! never sign, agree on keys or touch a private scalar. Its verdicts are those of aws-lc, which tests, Wycheproof and
//! a fuzz target hold it to; where its arithmetic does not confirm itself, it gives no verdict and aws-lc does.
//! `docs/decisions/0009-tables-for-known-keys.md` has the reasons and the figures.

mod comb;
mod field;
mod inverse;
mod known;
mod limbs;
mod point;
#[cfg(test)]
mod reference;
mod scalar;

use std::sync::LazyLock;

use aws_lc_rs::digest;
use bindery_core::crypto::SignatureInvalid;

pub(crate) use known::KNOWN;
pub use known::{MAXIMUM_TABLES, SIGNATURES_FOR_A_TABLE, use_tables};

use comb::{Comb, Shape, sum_of_products};
use field::FieldElement;
use limbs::Limbs;
use point::{Accumulator, Affine};
use scalar::{N, Scalar};

/// For keys: 16 KiB.
const KEY_SHAPE: Shape = Shape::new(8, 2);
/// For the generator, of which there is one table in the process: 192 KiB.
const GENERATOR_SHAPE: Shape = Shape::new(11, 3);

/// `None` can't be: a test builds it.
static GENERATOR: LazyLock<Option<Comb>> = LazyLock::new(|| Comb::new(GENERATOR_SHAPE, Affine::generator()?));

/// A P-256 public key with the table of its multiples.
pub struct KeyTable {
    key: Comb,
    generator: &'static Comb,
}

/// What a table says of a signature.
pub type Verdict = Result<(), SignatureInvalid>;

/// The tables' arithmetic did not confirm itself: no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inconclusive;

impl KeyTable {
    /// Octets of the table.
    pub const SIZE: usize = KEY_SHAPE.points() * size_of::<Affine>();

    /// Builds the table of `point`, an uncompressed SEC1 point, which takes about as long as two verifications
    /// without it. `None` where `point` is not a point of the curve in that form.
    #[must_use]
    pub fn new(point: &[u8; 65]) -> Option<Self> {
        let key = Comb::new(KEY_SHAPE, Affine::from_sec1(point)?)?;
        Some(Self { key, generator: GENERATOR.as_ref()? })
    }

    /// Verifies `signature`, `r || s` at full width, over `message` with SHA-256 (FIPS 186-5 section 6.4.2, RFC 7518
    /// section 3.4).
    ///
    /// # Errors
    /// [`Inconclusive`] when there is no verdict; within is the verdict, [`SignatureInvalid`] for whatever reason.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<Verdict, Inconclusive> {
        let digest = digest::digest(&digest::SHA256, message);
        self.verify_digest(digest.as_ref().first_chunk().ok_or(Inconclusive)?, signature)
    }

    /// The same for a SHA-256 digest.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_digest(&self, digest: &[u8; 32], signature: &[u8]) -> Result<Verdict, Inconclusive> {
        let (&[r, s], []) = signature.as_chunks::<32>() else { return Ok(Err(SignatureInvalid)) };
        let (r, s) = (limbs::from_be_bytes(&r), limbs::from_be_bytes(&s));
        let (Some(r_scalar), Some(s)) = (Scalar::within_order(&r), Scalar::within_order(&s)) else {
            return Ok(Err(SignatureInvalid));
        };
        let digest = Scalar::reduced(&limbs::from_be_bytes(digest));
        let (u1, u2) = s.divide_two(&digest, &r_scalar).ok_or(Inconclusive)?;
        let (u1, u2) = (self.generator.columns(&u1), self.key.columns(&u2));
        let sum = sum_of_products([(&self.key, &u2), (self.generator, &u1)]);
        if sum.is_infinity() {
            return Ok(Err(SignatureInvalid));
        }
        sum.confirm_on_curve().ok_or(Inconclusive)?;
        Ok(confirm_x(&sum, &r))
    }
}

/// x of the sum is `r` modulo n: it is `r`, or `r + n` where that is below p.
fn confirm_x(sum: &Accumulator, r: &Limbs) -> Verdict {
    let is = |x: &Limbs| FieldElement::new(x).is_some_and(|x| x.multiply(&sum.zz) == sum.x);
    let (wrapped, carry) = limbs::add(r, &N);
    if is(r) || (!carry && is(&wrapped)) { Ok(()) } else { Err(SignatureInvalid) }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
