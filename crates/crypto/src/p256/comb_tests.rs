//! Sums by tables against aws-lc's multiples, for many shapes and for scalars at the edges.

use num_bigint::BigUint;

use super::super::reference::{Numbers, Point, big, edges, limbs, n};
use super::*;

/// Every number of teeth up to ten, blocks that divide the columns and such that do not, one column to a block.
const SHAPES: &[(usize, usize)] = &[
    (4, 1),
    (5, 4),
    (6, 1),
    (6, 2),
    (6, 5),
    (6, 43),
    (7, 2),
    (7, 37),
    (8, 1),
    (8, 3),
    (8, 32),
    (9, 4),
    (10, 2),
];

fn scalar(number: &BigUint) -> Scalar {
    Scalar::reduced(&limbs(number))
}

fn x_of(sum: &Accumulator) -> Option<BigUint> {
    sum.confirm_on_curve().unwrap();
    let point = (!sum.is_infinity()).then(|| normalise(&[*sum]).unwrap()[0])?;
    Some(big(&point.x.number()))
}

#[test]
fn sums_agree_with_aws_lc_at_the_edges_of_scalars_for_every_shape() {
    let private = BigUint::from(0x1234_5678_9abc_def1_u64);
    let (g, q) = (Point::generator(), Point::generated_by(&private));
    let edges = edges(&n());
    let affine = |point: &Point| Affine::from_sec1(&point.sec1()).unwrap();
    for (at, (teeth, blocks)) in SHAPES.iter().enumerate() {
        let first = Comb::new(Shape::new(*teeth, *blocks), affine(&q)).unwrap();
        let (teeth, blocks) = SHAPES[(at + 5) % SHAPES.len()];
        let second = Comb::new(Shape::new(teeth, blocks), affine(&g)).unwrap();
        for (index, u2) in edges.iter().enumerate() {
            let u1 = &edges[(index * 7 + at) % edges.len()];
            let columns = (first.columns(&scalar(u2)), second.columns(&scalar(u1)));
            let sum = sum_of_products([(&first, &columns.0), (&second, &columns.1)]);
            let expected = Point::generated_by(&(u2 * &private + u1));
            assert_eq!(x_of(&sum), expected.0.map(|(x, _)| x), "{:?} {u2:x} {u1:x}", first.shape);
        }
    }
}

#[test]
fn columns_say_the_scalar_for_every_shape() {
    let mut numbers = Numbers(0xabcd_ef01_2345_6789);
    let random = (0..200).map(|_| numbers.below(&n()));
    let scalars: Vec<BigUint> = edges(&n()).into_iter().chain(random).collect();
    for (teeth, blocks) in SHAPES {
        let shape = Shape::new(*teeth, *blocks);
        let comb = Comb { shape, points: Box::new([]) };
        for number in &scalars {
            assert_eq!(told(&comb, &comb.columns(&scalar(number))), *number, "{shape:?}");
        }
    }
}

/// The scalar that columns stand for, from what the points of a table stand for.
fn told(comb: &Comb, columns: &Columns) -> BigUint {
    let shape = comb.shape;
    let power = |bit: usize| BigUint::from(1_u8) << bit;
    let (mut positive, mut negative) = (BigUint::ZERO, BigUint::ZERO);
    for (index, column) in columns.0.iter().enumerate().take(shape.columns()) {
        let (block, row) = (column.point as usize / shape.points_per_block(), column.point as usize);
        assert_eq!(block, index / shape.columns_per_block());
        for tooth in 0..shape.teeth {
            let up = tooth == shape.teeth - 1 || row >> tooth & 1 == 1;
            let digit = power(index + tooth * shape.columns());
            if up == column.negative { negative += digit } else { positive += digit }
        }
    }
    let multiple = n() << 16; // more than the negative digits can be
    (positive + multiple - negative) % n()
}

#[test]
fn a_table_has_as_many_points_as_its_shape_says() {
    let g = Affine::generator().unwrap();
    for (teeth, blocks) in SHAPES {
        let shape = Shape::new(*teeth, *blocks);
        assert_eq!(Comb::new(shape, g).unwrap().points.len(), shape.points(), "{shape:?}");
    }
    assert_eq!(size_of::<Affine>(), 64);
}
