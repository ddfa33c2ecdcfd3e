//! The numbers that functions reckon with, and the buckets of histograms.

use watchkeep_model::span_query::FieldColumn;

use crate::eval::expr::rows::{Rows, read};
use crate::eval::expr::scalar::Scalar;
use crate::eval::metric::groups::{NO_GROUP, Values, places};
use crate::eval::structure::NONE;
use crate::plan::{FieldRef, Reading};

/// An attribute that a function reckons with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) field: FieldRef,
    /// Whether only what has a bucket counts: whole numbers from 2 on, as in Tempo, and floats above 0.
    pub(crate) in_buckets: bool,
}

impl Numbers {
    /// The number of each row; NaN where there is none.
    pub(crate) fn read(&self, rows: &Rows<'_>, picked: &[u32], numbers: &mut Vec<f64>) {
        numbers.clear();
        let column = rows.column(self.field.source);
        let reading = self.field.reading;
        let places = places(rows, self.field, picked);
        let least = if self.in_buckets { 2 } else { i64::MIN };
        let whole = |value: i64| if value >= least { value as f64 } else { f64::NAN };
        let float = |value: f64| {
            if self.in_buckets && !has_bucket(value) { f64::NAN } else { value }
        };
        let is_whole = matches!(reading, Reading::Plain | Reading::Duration);
        match column {
            FieldColumn::Int { values, present: None } if is_whole && !self.field.of_parent => {
                numbers.extend(places.iter().map(|place| whole(values[*place as usize])));
            }
            FieldColumn::Int { values, present: Some(present) }
                if is_whole && !self.field.of_parent =>
            {
                numbers.extend(places.iter().map(|place| {
                    let value = whole(values[*place as usize]);
                    if present[*place as usize] { value } else { f64::NAN }
                }));
            }
            _ => numbers.extend(places.iter().map(|place| match *place {
                NONE => f64::NAN,
                place => match read(column, reading, place as usize) {
                    Scalar::Int(value) | Scalar::Duration(value) => whole(value),
                    Scalar::Float(value) => float(value),
                    _ => f64::NAN,
                },
            })),
        }
    }
}

fn has_bucket(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

/// Buckets that end at powers of two. Tempo has them for whole numbers and durations from 2 on; here
/// floats have them too, if they are more than 0.
#[derive(Debug)]
pub(crate) struct PowerBuckets {
    /// What a value is divided by.
    unit: f64,
    /// The number of the bucket of each exponent.
    known: Vec<u32>,
    values: Values,
}

const EXPONENT_MIN: i32 = -1_074;
const EXPONENT_MAX: i32 = 1_024;

impl PowerBuckets {
    pub(crate) fn new(unit: f64) -> Self {
        let buckets = (EXPONENT_MAX - EXPONENT_MIN + 1) as usize;
        Self { unit, known: vec![NO_GROUP; buckets], values: Values::new(buckets) }
    }

    /// The number of a value's bucket; [`NO_GROUP`] for what has none: NaN, infinities, 0 and less.
    pub(crate) fn number(&mut self, value: f64) -> u32 {
        if !has_bucket(value) {
            return NO_GROUP;
        }
        let exponent = exponent_up(value);
        let known = &mut self.known[(exponent - EXPONENT_MIN) as usize];
        if *known == NO_GROUP {
            let end = power_of_two(exponent) / self.unit;
            *known = self.values.number(Scalar::Float(end));
        }
        *known
    }

    /// Where a bucket ends.
    pub(crate) fn end(&self, number: u32) -> &watchkeep_model::Value {
        self.values.value(number)
    }
}

/// Exact, also where the result is subnormal.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(match exponent {
        ..-1_022 => 1 << (exponent - EXPONENT_MIN),
        _ => ((exponent + 1_023) as u64) << 52,
    })
}

/// The exponent of the least power of two that is not less than a value above 0.
fn exponent_up(value: f64) -> i32 {
    let bits = value.to_bits();
    let mantissa = bits & ((1 << 52) - 1);
    let exponent = (bits >> 52) as i32;
    if exponent == 0 {
        // Subnormal: mantissa × 2^-1074.
        return EXPONENT_MIN + (64 - (mantissa - 1).leading_zeros()) as i32;
    }
    exponent - 1_023 + i32::from(mantissa != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeep_model::Value;

    #[test]
    fn buckets_end_at_the_next_power_of_two() {
        let mut buckets = PowerBuckets::new(1.0);
        for (value, end) in [
            (2.0, Some(2.0)),
            (2.1, Some(4.0)),
            (3.0, Some(4.0)),
            (4.0, Some(4.0)),
            (5.0, Some(8.0)),
            (1e18, Some((1_u64 << 60) as f64)),
            (0.75, Some(1.0)),
            (0.25, Some(0.25)),
            (f64::MIN_POSITIVE / 8.0, Some(f64::MIN_POSITIVE / 8.0)),
            (f64::MIN_POSITIVE / 8.0 * 1.5, Some(f64::MIN_POSITIVE / 4.0)),
            (f64::MAX, Some(f64::INFINITY)),
            (1.0, Some(1.0)),
            (0.0, None),
            (-3.0, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            let number = buckets.number(value);
            let found = (number != NO_GROUP).then(|| buckets.end(number).clone());
            assert_eq!(found, end.map(Value::Double), "{value}");
        }
        let mut seconds = PowerBuckets::new(1e9);
        let number = seconds.number(1_000_000.0);
        assert_eq!(*seconds.end(number), Value::Double(0.001_048_576));
    }
}
