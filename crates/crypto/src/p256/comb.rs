//! Tables of multiples of one point, and sums of multiples of two points by them: the signed comb of M. Hedabou,
//! P. Pinel and L. Bénéteau (2004), cut into blocks as by C. H. Lim and P. J. Lee (1994). Variable time: for public
//! points and scalars only.
//!
//! A scalar is written with the digits 1 and -1 alone, and its digits in columns, `teeth` high: column `c` has the
//! digits of `2^c, 2^(c + columns), ..`. A table has the point of every column that can be, for the first column of
//! each block and up to its sign; what stands further left in a block is reached by doubling.

use super::limbs::{Limbs, subtract};
use super::point::{Accumulator, Affine, normalise};
use super::scalar::{N, Scalar};

/// The size of a table, and with it what a sum costs: `columns` additions, `columns_per_block - 1` doublings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    teeth: usize,
    blocks: usize,
}

/// No shape has more columns.
const MOST_COLUMNS: usize = 64;

impl Shape {
    /// `teeth` from 4 to 16.
    pub(super) const fn new(teeth: usize, blocks: usize) -> Self {
        assert!(teeth >= 4 && teeth <= 16 && blocks > 0);
        Self { teeth, blocks }
    }

    /// At least 256 digits in all: every odd number below 2^256 has that form.
    const fn columns(self) -> usize {
        256_usize.div_ceil(self.teeth)
    }

    const fn columns_per_block(self) -> usize {
        self.columns().div_ceil(self.blocks)
    }

    const fn points_per_block(self) -> usize {
        1 << (self.teeth - 1)
    }

    /// Points of a table.
    pub(super) const fn points(self) -> usize {
        self.columns().div_ceil(self.columns_per_block()) * self.points_per_block()
    }
}

/// A table.
pub(super) struct Comb {
    shape: Shape,
    points: Box<[Affine]>,
}

/// One column of a scalar: which point of the table, and whether its opposite.
#[derive(Clone, Copy, Default)]
struct Column {
    point: u32,
    negative: bool,
}

/// A scalar, ready for a table of one shape.
pub(super) struct Columns([Column; MOST_COLUMNS]);

impl Comb {
    /// The table of `point`; `None` where the arithmetic does not confirm itself.
    pub(super) fn new(shape: Shape, point: Affine) -> Option<Self> {
        let powers = Powers::new(shape, point)?;
        let mut points = Vec::with_capacity(shape.points());
        for block in 0..shape.points() / shape.points_per_block() {
            let start = points.len();
            let (top, lower) = (shape.teeth - 1, 0..shape.teeth - 1);
            let mut first = Accumulator::from(*powers.of(block, top, 0)?);
            for tooth in lower.clone() {
                first.add(powers.of(block, tooth, 0)?, true);
            }
            points.push(first);
            // From the digit -1 to 1 it is twice the tooth.
            for tooth in lower {
                let twice = powers.of(block, tooth, 1)?;
                for index in start..start + (1 << tooth) {
                    let mut sum = points[index];
                    sum.add(twice, false);
                    points.push(sum);
                }
            }
        }
        Some(Self { shape, points: normalise(&points)?.into() })
    }

    /// The columns of `scalar`.
    #[inline]
    pub(super) fn columns(&self, scalar: &Scalar) -> Columns {
        let Shape { teeth, .. } = self.shape;
        let (columns, per_block) = (self.shape.columns(), self.shape.columns_per_block());
        // Only odd numbers have the form; of an even one, its opposite n - scalar is odd, and n itself stands for 0.
        let even = scalar.limbs()[0] & 1 == 0;
        let odd = if even { subtract(&N, scalar.limbs()).0 } else { *scalar.limbs() };
        let digits = digits(&odd, teeth * columns);
        let mut slices = [0_u64; 16];
        for (tooth, slice) in slices.iter_mut().enumerate().take(teeth) {
            let (word, bit) = (tooth * columns / 64, tooth * columns % 64);
            *slice = digits[word] >> bit | (digits[word + 1] << 1) << (63 - bit);
        }
        let mut result = [Column::default(); MOST_COLUMNS];
        let (mut block, mut within) = (0, 0);
        for (index, column) in result.iter_mut().enumerate().take(columns) {
            let pattern =
                (0..teeth).fold(0, |bits, tooth| bits | ((slices[tooth] >> index) as u32 & 1) << tooth);
            let top = pattern >> (teeth - 1) == 1;
            let lower = if top { pattern } else { !pattern } & ((1 << (teeth - 1)) - 1);
            *column = Column { point: block << (teeth - 1) | lower, negative: top == even };
            within += 1;
            if within == per_block {
                (block, within) = (block + 1, 0);
            }
        }
        Columns(result)
    }
}

/// The sum of both products of a table's point with a scalar.
pub(super) fn sum_of_products(terms: [(&Comb, &Columns); 2]) -> Accumulator {
    let mut sum = Accumulator::INFINITY;
    let height = |(comb, _): &(&Comb, &Columns)| comb.shape.columns_per_block();
    for row in (0..terms.iter().map(height).max().unwrap_or(0)).rev() {
        sum.double();
        for (comb, columns) in terms {
            let per_block = comb.shape.columns_per_block();
            if row < per_block {
                for column in columns.0[..comb.shape.columns()].iter().skip(row).step_by(per_block) {
                    sum.add(&comb.points[column.point as usize], column.negative);
                }
            }
        }
    }
    sum
}

/// Bit `i` set where the digit of `2^i` is 1, and not where it is -1: `(odd + 2^length - 1) / 2`.
fn digits(odd: &Limbs, length: usize) -> [u64; 6] {
    let [l0, l1, l2, l3] = odd;
    let mut bits = [l0 >> 1 | l1 << 63, l1 >> 1 | l2 << 63, l2 >> 1 | l3 << 63, l3 >> 1, 0, 0];
    bits[(length - 1) / 64] |= 1 << ((length - 1) % 64);
    bits
}

/// The powers of two times a point from which a table is added up.
struct Powers {
    shape: Shape,
    points: Vec<Affine>,
}

impl Powers {
    fn new(shape: Shape, point: Affine) -> Option<Self> {
        let last = (shape.points() / shape.points_per_block() - 1) * shape.columns_per_block()
            + (shape.teeth - 1) * shape.columns()
            + 1;
        let mut doubled = vec![Accumulator::from(point)];
        for _ in 0..last {
            let mut next = *doubled.last()?;
            next.double();
            doubled.push(next);
        }
        doubled.last()?.confirm_on_curve()?;
        Some(Self { shape, points: normalise(&doubled)? })
    }

    /// Of the first column of a block, doubled `more` times.
    fn of(&self, block: usize, tooth: usize, more: usize) -> Option<&Affine> {
        self.points.get(block * self.shape.columns_per_block() + tooth * self.shape.columns() + more)
    }
}

#[cfg(test)]
#[path = "comb_tests.rs"]
mod tests;
