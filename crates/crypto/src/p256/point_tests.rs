//! Points against affine arithmetic on big integers: every special case of the group law, in every representation.

use num_bigint::BigUint;

use super::super::reference::{self, Numbers, Point, limbs, n, p};
use super::*;

fn affine(point: &Point) -> Affine {
    Affine::from_sec1(&point.sec1()).unwrap()
}

/// The same point with other coordinates: `z` is arbitrary.
fn scaled(point: &Point, z: &BigUint) -> Accumulator {
    if point.0.is_none() {
        return Accumulator::INFINITY;
    }
    let z = FieldElement::new(&limbs(z)).unwrap();
    let (zz, zzz) = (z.square(), z.square().multiply(&z));
    let Affine { x, y } = affine(point);
    Accumulator { x: x.multiply(&zz), y: y.multiply(&zzz), zz, zzz }
}

fn point(sum: &Accumulator) -> Point {
    if sum.is_infinity() {
        return Point(None);
    }
    sum.confirm_on_curve().unwrap();
    let [Affine { x, y }] = normalise(&[*sum]).unwrap()[..] else { unreachable!("one point") };
    Point(Some((reference::big(&x.number()), reference::big(&y.number()))))
}

fn some_points() -> Vec<Point> {
    let g = Point::generator();
    let mut points = vec![Point(None)];
    for multiple in [1_u32, 2, 3, 4, 7, 0xffff_fffe] {
        let multiple = g.times(&BigUint::from(multiple));
        points.extend([multiple.negative(), multiple]);
    }
    // x = 0, and the greatest x that there is.
    points.push(Point::with_x(&BigUint::ZERO).unwrap());
    let greatest = (1_u8..).find_map(|less| Point::with_x(&(p() - less))).unwrap();
    points.push(greatest);
    points
}

#[test]
fn adds_and_doubles_as_the_group_law_says_equal_opposite_and_infinite_points_included() {
    let mut numbers = Numbers(0x5555_1234_5678_9abd);
    let points = some_points();
    for a in &points {
        for z in [BigUint::from(1_u8), p() - 1_u8, numbers.below(&p())] {
            let mut sum = scaled(a, &z);
            sum.double();
            assert_eq!(point(&sum), a.plus(a));
            for b in points.iter().filter(|b| b.0.is_some()) {
                for negative in [false, true] {
                    let mut sum = scaled(a, &z);
                    sum.add(&affine(b), negative);
                    let term = if negative { b.negative() } else { b.clone() };
                    assert_eq!(point(&sum), a.plus(&term), "{a:?} {b:?} {negative}");
                }
            }
        }
    }
}

#[test]
fn normalises_many_points_with_one_inversion_and_none_with_infinity_among_them() {
    let mut numbers = Numbers(0x1111_1234_5678_9abd);
    let points: Vec<Point> = some_points().into_iter().filter(|point| point.0.is_some()).collect();
    let mut sums: Vec<Accumulator> = points.iter().map(|point| scaled(point, &numbers.below(&p()))).collect();
    let expected: Vec<Affine> = points.iter().map(affine).collect();
    assert_eq!(normalise(&sums), Some(expected));
    sums.push(Accumulator::INFINITY);
    assert_eq!(normalise(&sums), None);
}

#[test]
fn reads_uncompressed_points_of_the_curve_alone() {
    let good = Point::generator().sec1();
    assert_eq!(Affine::from_sec1(&good), Affine::generator());
    for form in (0..=255).filter(|form| *form != 4) {
        let mut other = good;
        other[0] = form;
        assert_eq!(Affine::from_sec1(&other), None, "form {form}");
    }
    for bit in 8..good.len() * 8 {
        let mut off = good;
        off[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Affine::from_sec1(&off), None, "bit {bit}");
    }
    assert_eq!(Affine::from_sec1(&[0; 65]), None);
    let mut origin = [0; 65];
    origin[0] = 4;
    assert_eq!(Affine::from_sec1(&origin), None, "infinity as some write it");
}

/// x + p and y + p stand for the same elements, but no standard lets them be written.
#[test]
fn refuses_coordinates_beyond_p() {
    let small = (0_u32..).find_map(|x| Point::with_x(&BigUint::from(x))).unwrap();
    let (x, y) = small.0.clone().unwrap();
    let mut beyond = small.sec1();
    assert!(Affine::from_sec1(&beyond).is_some());
    beyond[1..33].copy_from_slice(&reference::octets(&(&x + p())));
    assert_eq!(Affine::from_sec1(&beyond), None);
    beyond = small.sec1();
    beyond[33..].copy_from_slice(&[0xff; 32]);
    assert_eq!(Affine::from_sec1(&beyond), None, "{y:x}");
}

#[test]
fn a_slip_in_any_coordinate_leads_off_the_curve() {
    let sum = scaled(&Point::generator().times(&(n() - 5_u8)), &BigUint::from(77_u8));
    assert_eq!(sum.confirm_on_curve(), Some(()));
    let one = FieldElement::ONE;
    for slip in [
        Accumulator { x: sum.x.add(&one), ..sum },
        Accumulator { y: sum.y.add(&one), ..sum },
        Accumulator { zz: sum.zz.add(&one), ..sum },
        Accumulator { zzz: sum.zzz.add(&one), ..sum },
    ] {
        assert_eq!(slip.confirm_on_curve(), None);
    }
}
