//! Summation that carries along what rounding lost (Kahan's, in the form of Neumaier).

/// Adds `value` to the sum and to `lost` what rounding took from it. The result is their sum. A sum
/// that overflows has lost nothing that could be told.
#[inline]
pub fn add(value: f64, sum: &mut f64, lost: &mut f64) {
    let total = *sum + value;
    if total.is_infinite() {
        *lost = 0.0;
    } else if sum.abs() >= value.abs() {
        *lost += (*sum - total) + value;
    } else {
        *lost += (value - total) + *sum;
    }
    *sum = total;
}

#[cfg(test)]
mod tests {
    use super::add;

    #[test]
    fn small_values_beside_large_ones_are_kept() {
        let (mut sum, mut lost) = (0.0, 0.0);
        for value in [1.0, 1e100, 1.0, -1e100] {
            add(value, &mut sum, &mut lost);
        }
        assert_eq!(sum + lost, 2.0);
    }

    #[test]
    fn an_overflow_stays_infinite() {
        let (mut sum, mut lost) = (f64::MAX, 1.0);
        add(f64::MAX, &mut sum, &mut lost);
        add(1.0, &mut sum, &mut lost);
        assert_eq!(sum + lost, f64::INFINITY);
    }
}
