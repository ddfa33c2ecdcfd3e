//! Numbers as text, the way Prometheus writes them: the shortest digits that read back the same.

use std::fmt;

/// With an exponent where the magnitude is below 1e-6 or from 1e21 on; as in answers of the HTTP
/// API.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shortest(pub f64);

/// Never with an exponent; as in printed queries and in the labels that `count_values` makes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decimal(pub f64);

impl fmt::Display for Shortest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.abs();
        if !self.0.is_finite() || magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
            return Decimal(self.0).fmt(f);
        }
        let text = format!("{:e}", self.0);
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) =
            exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        write!(f, "{digits}e{sign}{exponent:0>2}")
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_nan() {
            f.write_str("NaN")
        } else if self.0.is_infinite() {
            f.write_str(if self.0 > 0.0 { "+Inf" } else { "-Inf" })
        } else {
            write!(f, "{}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_begin_where_prometheus_begins_them() {
        let cases = [
            (0.0, "0", "0"),
            (-0.0, "-0", "-0"),
            (0.1, "0.1", "0.1"),
            (1e-6, "0.000001", "0.000001"),
            (1.5e-7, "1.5e-07", "0.00000015"),
            (1e20, "100000000000000000000", "100000000000000000000"),
            (-1e21, "-1e+21", "-1000000000000000000000"),
            (1e100, "1e+100", &format!("1{}", "0".repeat(100))),
            (f64::NAN, "NaN", "NaN"),
            (f64::INFINITY, "+Inf", "+Inf"),
            (f64::NEG_INFINITY, "-Inf", "-Inf"),
        ];
        for (value, shortest, decimal) in cases {
            assert_eq!(Shortest(value).to_string(), shortest);
            assert_eq!(Decimal(value).to_string(), decimal);
        }
    }
}
