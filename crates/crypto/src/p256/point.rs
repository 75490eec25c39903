//! Points of P-256, y² = x³ - 3x + b (SP 800-186 section 3.2.1.3): affine ones in tables, and the one that sums are
//! gathered in. Complete: equal points, opposite points and infinity are told apart. Variable time: for public
//! points only.

use super::field::FieldElement;
use super::limbs::{self, Limbs};

const B: Limbs = [0x3bce_3c3e_27d2_604b, 0x651d_06b0_cc53_b0f6, 0xb3eb_bd55_7698_86bc, 0x5ac6_35d8_aa3a_93e7];
const GENERATOR_X: Limbs =
    [0xf4a1_3945_d898_c296, 0x7703_7d81_2deb_33a0, 0xf8bc_e6e5_63a4_40f2, 0x6b17_d1f2_e12c_4247];
const GENERATOR_Y: Limbs =
    [0xcbb6_4068_37bf_51f5, 0x2bce_3357_6b31_5ece, 0x8ee7_eb4a_7c0f_9e16, 0x4fe3_42e2_fe1a_7f9b];

/// A point of the curve other than infinity; 64 octets, which are one cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(64))]
pub(super) struct Affine {
    pub(super) x: FieldElement,
    pub(super) y: FieldElement,
}

impl Affine {
    /// Octet `4`, then both coordinates (SEC1 section 2.3.4); `None` for any other form, for a coordinate that is
    /// not below p, and for a point off the curve. As the group's order is prime, nothing else is to be checked.
    pub(super) fn from_sec1(point: &[u8; 65]) -> Option<Self> {
        let [4, coordinates @ ..] = point else { return None };
        let ([x, y], []) = coordinates.as_chunks::<32>() else { return None };
        Self::new(&limbs::from_be_bytes(x), &limbs::from_be_bytes(y))
    }

    pub(super) fn generator() -> Option<Self> {
        Self::new(&GENERATOR_X, &GENERATOR_Y)
    }

    fn new(x: &Limbs, y: &Limbs) -> Option<Self> {
        let point = Self { x: FieldElement::new(x)?, y: FieldElement::new(y)? };
        Accumulator::from(point).on_curve()
    }
}

/// A sum of points: x = `x / zz` and y = `y / zzz`, with `zz³ = zzz²`; for infinity all four are zero (the
/// coordinates XYZZ of the Explicit-Formulas Database, formulas madd-2008-s and dbl-2008-s-1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Accumulator {
    pub(super) x: FieldElement,
    y: FieldElement,
    pub(super) zz: FieldElement,
    zzz: FieldElement,
}

impl From<Affine> for Accumulator {
    fn from(point: Affine) -> Self {
        Self { x: point.x, y: point.y, zz: FieldElement::ONE, zzz: FieldElement::ONE }
    }
}

impl Accumulator {
    pub(super) const INFINITY: Self = Self {
        x: FieldElement::ZERO,
        y: FieldElement::ZERO,
        zz: FieldElement::ZERO,
        zzz: FieldElement::ZERO,
    };

    pub(super) const fn is_infinity(&self) -> bool {
        self.zz.is_zero()
    }

    /// Adds `point`, or its opposite.
    #[inline]
    pub(super) fn add(&mut self, point: &Affine, negative: bool) {
        let py = point.y.negate_if(negative);
        let p = point.x.multiply(&self.zz).subtract(&self.x);
        let r = py.multiply(&self.zzz).subtract(&self.y);
        if p.is_zero() {
            return self.add_same_x(Affine { x: point.x, y: py }, &r);
        }
        let pp = p.square();
        let ppp = pp.multiply(&p);
        let q = self.x.multiply(&pp);
        self.zz = self.zz.multiply(&pp);
        let x = r.square().subtract(&ppp).subtract(&q.double());
        let y = self.y.multiply(&ppp);
        self.zzz = self.zzz.multiply(&ppp);
        self.y = r.multiply(&q.subtract(&x)).subtract(&y);
        self.x = x;
    }

    /// What the formulas above do not cover; `r` is the difference of the two y.
    #[cold]
    fn add_same_x(&mut self, point: Affine, r: &FieldElement) {
        if self.is_infinity() {
            *self = Self::from(point);
        } else if r.is_zero() {
            self.double();
        } else {
            *self = Self::INFINITY;
        }
    }

    /// Doubles; infinity stays what it is, and no point has order two.
    #[inline]
    pub(super) fn double(&mut self) {
        let u = self.y.double();
        let v = u.square();
        let w = u.multiply(&v);
        let s = self.x.multiply(&v);
        let m = self.x.subtract(&self.zz).multiply(&self.x.add(&self.zz));
        let m = m.double().add(&m);
        let x = m.square().subtract(&s.double());
        self.y = m.multiply(&s.subtract(&x)).subtract(&w.multiply(&self.y));
        self.x = x;
        self.zz = v.multiply(&self.zz);
        self.zzz = w.multiply(&self.zzz);
    }

    /// The point in affine coordinates, where it lies on the curve, which sums of points do: a slip in the arithmetic
    /// would almost surely have led away from it.
    fn on_curve(&self) -> Option<Affine> {
        self.confirm_on_curve()?;
        normalise(&[*self])?.pop()
    }

    /// `Some` where `y² = x³ - 3x + b`, multiplied by zz³, and zz³ = zzz².
    pub(super) fn confirm_on_curve(&self) -> Option<()> {
        let b = FieldElement::new(&B)?;
        let zz2 = self.zz.square();
        let zz3 = zz2.multiply(&self.zz);
        let three_x_zz2 = self.x.multiply(&zz2);
        let three_x_zz2 = three_x_zz2.double().add(&three_x_zz2);
        let right = self.x.square().multiply(&self.x).subtract(&three_x_zz2).add(&b.multiply(&zz3));
        (self.y.square() == right && self.zzz.square() == zz3).then_some(())
    }
}

/// All points in affine coordinates, for one inversion; `None` where one of them is infinity.
pub(super) fn normalise(points: &[Accumulator]) -> Option<Vec<Affine>> {
    // zz · zzz is the fifth power of z, of which zz and zzz are the second and third.
    let mut product = FieldElement::ONE;
    let mut before = Vec::with_capacity(points.len());
    for point in points {
        before.push(product);
        product = product.multiply(&point.zz.multiply(&point.zzz));
    }
    let mut inverse = product.invert()?;
    let mut affine: Vec<Affine> = points
        .iter()
        .zip(before)
        .rev()
        .map(|(point, before)| {
            let fifth = inverse.multiply(&before);
            inverse = inverse.multiply(&point.zz.multiply(&point.zzz));
            Affine {
                x: point.x.multiply(&fifth.multiply(&point.zzz)),
                y: point.y.multiply(&fifth.multiply(&point.zz)),
            }
        })
        .collect();
    affine.reverse();
    Some(affine)
}

#[cfg(test)]
#[path = "point_tests.rs"]
mod tests;
