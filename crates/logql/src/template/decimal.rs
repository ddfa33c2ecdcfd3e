//! Decimal numbers of any size, for the functions on floats that promise decimal results.

use num_bigint::{BigInt, Sign};

/// The most digits that a number may have on the way to a result.
const DIGITS_MAX: i64 = 4096;

/// Decimals after the point of a quotient.
const QUOTIENT_DECIMALS: i64 = 16;

/// `coefficient × 10^exponent`.
#[derive(Debug, Clone)]
pub(super) struct Decimal {
    coefficient: BigInt,
    exponent: i64,
}

fn power_of_ten(exponent: i64) -> Result<BigInt, String> {
    match u32::try_from(exponent) {
        Ok(exponent) if i64::from(exponent) <= DIGITS_MAX => Ok(BigInt::from(10).pow(exponent)),
        _ => Err(format!("a number of more than {DIGITS_MAX} digits")),
    }
}

impl Decimal {
    /// The shortest decimal that stands for the float; `None` for infinities and NaN.
    pub(super) fn new(number: f64) -> Option<Self> {
        if !number.is_finite() {
            return None;
        }
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e')?;
        let decimals = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let coefficient = mantissa.replace('.', "").parse().ok()?;
        let exponent = exponent.parse::<i64>().ok()? - decimals as i64;
        Some(Self { coefficient, exponent })
    }

    fn checked(self) -> Result<Self, String> {
        // Three bits and a bit more make a digit.
        if self.coefficient.bits() > DIGITS_MAX as u64 * 10 / 3 {
            return Err(format!("a number of more than {DIGITS_MAX} digits"));
        }
        Ok(self)
    }

    /// The coefficient for an exponent that is not larger.
    fn scaled_to(&self, exponent: i64) -> Result<BigInt, String> {
        Ok(&self.coefficient * power_of_ten(self.exponent - exponent)?)
    }

    pub(super) fn add(&self, other: &Self) -> Result<Self, String> {
        let exponent = self.exponent.min(other.exponent);
        let coefficient = self.scaled_to(exponent)? + other.scaled_to(exponent)?;
        Self { coefficient, exponent }.checked()
    }

    pub(super) fn subtract(&self, other: &Self) -> Result<Self, String> {
        let negated = Self { coefficient: -&other.coefficient, exponent: other.exponent };
        self.add(&negated)
    }

    pub(super) fn multiply(&self, other: &Self) -> Result<Self, String> {
        let coefficient = &self.coefficient * &other.coefficient;
        Self { coefficient, exponent: self.exponent + other.exponent }.checked()
    }

    /// The quotient with [`QUOTIENT_DECIMALS`], the half rounded away from zero.
    pub(super) fn divide(&self, other: &Self) -> Result<Self, String> {
        if other.coefficient.sign() == Sign::NoSign {
            return Err("decimal division by 0".to_owned());
        }
        let shift = self.exponent - other.exponent + QUOTIENT_DECIMALS;
        let mut dividend = self.coefficient.clone();
        let mut divisor = other.coefficient.clone();
        if shift >= 0 {
            dividend *= power_of_ten(shift)?;
        } else {
            divisor *= power_of_ten(-shift)?;
        }
        let mut quotient = &dividend / &divisor;
        let remainder = &dividend % &divisor;
        let twice = BigInt::from(remainder.magnitude().clone()) * 2;
        if twice >= BigInt::from(divisor.magnitude().clone()) {
            let away = if dividend.sign() == divisor.sign() { 1 } else { -1 };
            quotient += away;
        }
        Self { coefficient: quotient, exponent: -QUOTIENT_DECIMALS }.checked()
    }

    /// The nearest float.
    pub(super) fn to_float(&self) -> f64 {
        format!("{}e{}", self.coefficient, self.exponent).parse().unwrap_or(0.0)
    }
}
