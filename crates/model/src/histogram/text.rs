//! The text of a histogram, as Prometheus prints it in messages and as the value of `count_values`.

use std::fmt;

use super::buckets::Place;
use super::{Bucket, NativeHistogram};

/// Writes the shortest decimal that reads back as the same number, with an exponent where the number
/// is large or small; the `%g` of Go.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShortFloat(pub(super) f64);

impl ShortFloat {
    /// From this decimal exponent on, an exponent is written.
    const LARGE: i32 = 6;
    /// Below this one too.
    const SMALL: i32 = -4;
}

impl fmt::Display for ShortFloat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value.is_nan() {
            return out.write_str("NaN");
        }
        if value.is_infinite() {
            return out.write_str(if value > 0.0 { "+Inf" } else { "-Inf" });
        }
        let scientific = format!("{value:e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        if (Self::SMALL..Self::LARGE).contains(&exponent) {
            return write!(out, "{value}");
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(out, "{digits}e{sign}{:02}", exponent.unsigned_abs())
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}{},{}{}:{}",
            if self.lower_inclusive { '[' } else { '(' },
            ShortFloat(self.lower),
            ShortFloat(self.upper),
            if self.upper_inclusive { ']' } else { ')' },
            ShortFloat(self.count),
        )
    }
}

impl fmt::Display for NativeHistogram {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{{count:{}, sum:{}", ShortFloat(self.count), ShortFloat(self.sum))?;
        // The result of a subtraction may have a negative zero bucket, which is no place to compute
        // with, but to be seen.
        let is_odd = self.zero_count < 0.0 && !self.uses_custom_buckets();
        let mut odd = is_odd.then_some((Place::Zero, self.zero_count));
        for (place, count) in self.places().filter(|(_, count)| *count != 0.0) {
            if let Some((zero, zero_count)) = odd.take_if(|_| matches!(place, Place::Positive(_))) {
                write!(out, ", {}", self.plain_bucket(zero, zero_count))?;
            }
            write!(out, ", {}", self.plain_bucket(place, count))?;
        }
        if let Some((zero, zero_count)) = odd {
            write!(out, ", {}", self.plain_bucket(zero, zero_count))?;
        }
        out.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::{BucketSpan, ResetHint};

    #[test]
    fn numbers_take_an_exponent_where_go_gives_them_one() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (123_400.0, "123400"),
            (999_999.5, "999999.5"),
            (1_000_000.0, "1e+06"),
            (2_349_209.324, "2.349209324e+06"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ];
        for (value, expected) in cases {
            assert_eq!(ShortFloat(value).to_string(), expected);
        }
    }

    #[test]
    fn a_histogram_is_written_by_rising_value_without_empty_buckets() {
        let mut h = NativeHistogram {
            schema: 1,
            zero_threshold: 0.01,
            zero_count: 5.5,
            count: 3493.3,
            sum: 2_349_209.324,
            is_float: true,
            reset_hint: ResetHint::Unknown,
            positive_spans: vec![
                BucketSpan { offset: -2, length: 1 },
                BucketSpan { offset: 2, length: 3 },
            ],
            positive_counts: vec![1.0, 3.3, 0.0, 0.1],
            negative_spans: vec![
                BucketSpan { offset: 3, length: 2 },
                BucketSpan { offset: 3, length: 2 },
            ],
            negative_counts: vec![3.1, 3.0, 123_400.0, 1000.0],
            custom_values: vec![],
        };
        assert_eq!(
            h.to_string(),
            "{count:3493.3, sum:2.349209324e+06, [-22.62741699796952,-16):1000, \
             [-16,-11.31370849898476):123400, [-4,-2.82842712474619):3, [-2.82842712474619,-2):3.1, \
             [-0.01,0.01]:5.5, (0.35355339059327373,0.5]:1, (1,1.414213562373095]:3.3, \
             (2,2.82842712474619]:0.1}"
        );
        h.zero_count = -1.0;
        assert!(h.to_string().contains("-2):3.1, [-0.01,0.01]:-1, (0.35"));
        h.positive_counts.clear();
        assert!(h.to_string().ends_with("-2):3.1, [-0.01,0.01]:-1}"));
    }

    #[test]
    fn custom_buckets_include_their_upper_bounds_and_the_first_both() {
        let h = NativeHistogram {
            schema: NativeHistogram::CUSTOM_BUCKETS,
            zero_threshold: 0.0,
            zero_count: 0.0,
            count: 3.0,
            sum: 4.5,
            is_float: true,
            reset_hint: ResetHint::Unknown,
            positive_spans: vec![BucketSpan { offset: 0, length: 3 }],
            positive_counts: vec![1.0, 1.0, 1.0],
            negative_spans: vec![],
            negative_counts: vec![],
            custom_values: vec![1.0, 5.0],
        };
        assert_eq!(h.to_string(), "{count:3, sum:4.5, [-Inf,1]:1, (1,5]:1, (5,+Inf]:1}");
    }
}
