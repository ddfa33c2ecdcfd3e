//! The shape of a column of values: a constant, decimals that are exact as whole numbers, other
//! floats, or mere bits. Every value comes back with the bits that it had: NaNs (the stale marker
//! among them), infinities and the negative zero are set aside as exceptions.

use watchkeep_model::labels::{read_varint, write_varint};

const POWERS: [f64; 13] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];
/// Adding and subtracting this rounds a double of less than half its size to a whole number.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// Scaled values stay below this.
const SCALED_MAX: f64 = 2_251_799_813_685_248.0;
/// Whole numbers below this fit an `i64`.
const WHOLE_MAX: f64 = 9.0e18;

/// The values that are not exceptions, in the densest form that is exact.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    /// All have these bits.
    Constant(u64),
    /// Each is a whole number divided by ten to the exponent.
    Decimals {
        /// Digits after the decimal point.
        exponent: u8,
        /// The whole numbers.
        numbers: Vec<i64>,
    },
    /// Finite floats.
    Floats(Vec<f64>),
    /// Bits of values that are mostly exceptions.
    Bits(Vec<u64>),
}

/// A position and the bits of the value there.
pub(super) type Exception = (u32, u64);

/// A column of values, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    /// The values; at exceptions a neighbour's value stands in.
    pub(super) form: Form,
    /// By rising position.
    pub(super) exceptions: Vec<Exception>,
}

/// Takes a column apart.
pub(super) fn shape(values: &[f64]) -> Shape {
    let plain = |form| Shape { form, exceptions: Vec::new() };
    let first = values.first().map_or(0, |value| value.to_bits());
    if values.iter().all(|value| value.to_bits() == first) {
        return plain(Form::Constant(first));
    }
    let exceptions: Vec<Exception> = values
        .iter()
        .enumerate()
        .filter(|(_, value)| is_exception(**value))
        .map(|(position, value)| (position as u32, value.to_bits()))
        .collect();
    if exceptions.is_empty() {
        return plain(scale(values).unwrap_or_else(|| Form::Floats(values.to_vec())));
    }
    if exceptions.len() > values.len() / 8 + 1 {
        return plain(Form::Bits(values.iter().map(|value| value.to_bits()).collect()));
    }
    let mut patched = values.to_vec();
    let mut last = values.iter().copied().find(|value| !is_exception(*value)).unwrap_or(0.0);
    for value in &mut patched {
        if is_exception(*value) {
            *value = last;
        }
        last = *value;
    }
    let form = if patched.iter().all(|value| *value == last) {
        Form::Constant(last.to_bits())
    } else {
        scale(&patched).unwrap_or(Form::Floats(patched))
    };
    Shape { form, exceptions }
}

fn is_exception(value: f64) -> bool {
    !value.is_finite() || (value == 0.0 && value.is_sign_negative())
}

/// Decimals as whole numbers, if all are exact with one exponent.
fn scale(values: &[f64]) -> Option<Form> {
    let mut exponent = 0_u8;
    let mut numbers = Vec::with_capacity(values.len());
    for value in values {
        loop {
            if let Some(number) = scaled(*value, exponent) {
                numbers.push(number);
                break;
            }
            exponent += 1;
            if usize::from(exponent) == POWERS.len() {
                return None;
            }
            numbers.clear();
        }
    }
    if numbers.len() < values.len() {
        numbers.clear();
        for value in values {
            numbers.push(scaled(*value, exponent)?);
        }
    }
    Some(Form::Decimals { exponent, numbers })
}

fn scaled(value: f64, exponent: u8) -> Option<i64> {
    if exponent == 0 {
        let whole = value as i64;
        return (value.abs() < WHOLE_MAX && whole as f64 == value).then_some(whole);
    }
    let power = POWERS[usize::from(exponent)];
    let product = value * power;
    if product.abs() >= SCALED_MAX {
        return None;
    }
    let rounded = (product + ROUNDER) - ROUNDER;
    let number = rounded as i64;
    ((number as f64 / power).to_bits() == value.to_bits()).then_some(number)
}

/// The value of a whole number and an exponent from [`Form::Decimals`]; `None` where the exponent
/// is none of ours.
pub(super) fn power_of(exponent: u8) -> Option<f64> {
    POWERS.get(usize::from(exponent)).copied()
}

/// Appends exceptions: how many, then for each the distance from the last and the bits.
pub(super) fn write_exceptions(exceptions: &[Exception], out: &mut Vec<u8>) {
    write_varint(out, exceptions.len() as u64);
    let mut last = 0;
    for (position, bits) in exceptions {
        write_varint(out, u64::from(position - last));
        out.extend_from_slice(&bits.to_le_bytes());
        last = *position;
    }
}

/// Takes exceptions off the front. A count beyond the bytes at hand gives `None`.
pub(super) fn read_exceptions(rest: &mut &[u8]) -> Option<Vec<Exception>> {
    let count = usize::try_from(read_varint(rest)?).ok().filter(|count| *count <= rest.len())?;
    let mut last = 0_u32;
    let mut exceptions = Vec::with_capacity(count);
    for _ in 0..count {
        last = last.checked_add(u32::try_from(read_varint(rest)?).ok()?)?;
        let (bits, after) = rest.split_first_chunk::<8>()?;
        *rest = after;
        exceptions.push((last, u64::from_le_bytes(*bits)));
    }
    Some(exceptions)
}

/// Puts exceptions back; `None` where one lies outside.
pub(super) fn apply_exceptions(exceptions: &[Exception], values: &mut [f64]) -> Option<()> {
    for (position, bits) in exceptions {
        *values.get_mut(*position as usize)? = f64::from_bits(*bits);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use watchkeep_model::metrics::STALE_NAN_BITS;

    fn rebuild(shape: &Shape, count: usize) -> Vec<u64> {
        let mut values: Vec<f64> = match &shape.form {
            Form::Constant(bits) => vec![f64::from_bits(*bits); count],
            Form::Decimals { exponent, numbers } => {
                let power = power_of(*exponent).unwrap();
                numbers.iter().map(|number| *number as f64 / power).collect()
            }
            Form::Floats(values) => values.clone(),
            Form::Bits(bits) => bits.iter().map(|bits| f64::from_bits(*bits)).collect(),
        };
        let mut bytes = Vec::new();
        write_exceptions(&shape.exceptions, &mut bytes);
        let exceptions = read_exceptions(&mut &bytes[..]).unwrap();
        apply_exceptions(&exceptions, &mut values).unwrap();
        values.iter().map(|value| value.to_bits()).collect()
    }

    fn check(values: &[f64]) -> Shape {
        let shape = shape(values);
        let want: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
        assert_eq!(rebuild(&shape, values.len()), want);
        shape
    }

    #[test]
    fn prices_are_whole_numbers_with_an_exponent() {
        let values: Vec<f64> = (0..200).map(|i| f64::from(i * 37 + 1) / 1e6).collect();
        assert!(matches!(check(&values).form, Form::Decimals { exponent: 6, .. }));
    }

    #[test]
    fn a_stale_marker_does_not_spoil_its_series() {
        let mut values = vec![3.25; 40];
        values.push(f64::from_bits(STALE_NAN_BITS));
        let shape = check(&values);
        assert_eq!(shape.form, Form::Constant(3.25_f64.to_bits()));
        assert_eq!(shape.exceptions, [(40, STALE_NAN_BITS)]);
    }

    #[test]
    fn full_mantissas_stay_floats() {
        let values: Vec<f64> = (1..50).map(|i| f64::from(i).sqrt()).collect();
        assert!(matches!(check(&values).form, Form::Floats(_)));
    }

    proptest! {
        #[test]
        fn any_bits_come_back(bits: Vec<u64>) {
            check(&bits.into_iter().map(f64::from_bits).collect::<Vec<_>>());
        }

        #[test]
        fn decimals_and_oddities_come_back(
            picks in prop::collection::vec((0_u8..12, -5_000_000_i64..5_000_000), 0..200),
        ) {
            let values: Vec<f64> = picks.iter().map(|(kind, number)| match kind {
                0 => -0.0,
                1 => f64::from_bits(STALE_NAN_BITS),
                2 => f64::INFINITY,
                3 => *number as f64 * 1e15,
                digits => *number as f64 / 10_f64.powi(i32::from(*digits)),
            }).collect();
            check(&values);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            if let Some(exceptions) = read_exceptions(&mut &bytes[..]) {
                let _any_outcome = apply_exceptions(&exceptions, &mut [0.0; 9]);
            }
        }
    }
}
