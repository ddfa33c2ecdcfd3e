//! How the values of a segment are best packed: as they are or as differences, how wide, and
//! together with which others.

use pco::{DeltaSpec, ModeSpec};

use super::super::values::Form;
use super::entry::PageForm;

/// What numbers a group holds; also the first byte of its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum NumberKind {
    /// Whole numbers of 32 bits.
    Narrow = 1,
    /// Whole numbers of 64 bits.
    Wide = 2,
    Floats = 3,
    Bits = 4,
}

impl NumberKind {
    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Self::Narrow, Self::Wide, Self::Floats, Self::Bits]
            .into_iter()
            .find(|kind| *kind as u8 == code)
    }

    /// Whole numbers have been prepared here already: pco need not look for anything.
    pub(super) fn mode(self) -> ModeSpec {
        match self {
            Self::Narrow | Self::Wide => ModeSpec::Classic,
            Self::Floats | Self::Bits => ModeSpec::Auto,
        }
    }

    pub(super) fn delta(self) -> DeltaSpec {
        match self {
            Self::Narrow | Self::Wide => DeltaSpec::NoOp,
            Self::Floats | Self::Bits => DeltaSpec::Auto,
        }
    }
}

/// Which group a segment goes to: numbers of one kind and form that are about as large and about
/// as often zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GroupKey {
    pub(super) kind: NumberKind,
    form: PageForm,
    /// Whether some number is negative.
    signed: bool,
    /// Binary digits of the mean of the numbers that are not zero.
    digits: u8,
    /// How often the share of those has to be doubled to reach a half.
    rarity: u8,
}

/// The values of a segment, ready to be packed.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) key: GroupKey,
    pub(super) form: PageForm,
    /// The newest value, of which differences are taken away; or the least.
    pub(super) base: i64,
    /// What every number has been divided by.
    pub(super) multiplier: i64,
    /// Bits of the numbers, of the newest first.
    pub(super) numbers: Vec<u64>,
}

/// The plan for values that are no constant; `None` for a constant.
pub(super) fn plan(form: &Form) -> Option<Planned> {
    let others = |form, kind, bits: Vec<u64>| Planned {
        key: GroupKey { kind, form, signed: false, digits: 0, rarity: 0 },
        form,
        base: 0,
        multiplier: 1,
        numbers: bits,
    };
    match form {
        Form::Constant(_) => None,
        Form::Decimals { numbers, .. } => plan_whole(numbers),
        Form::Floats(values) => {
            let bits = values.iter().rev().map(|value| value.to_bits()).collect();
            Some(others(PageForm::Floats, NumberKind::Floats, bits))
        }
        Form::Bits(bits) => {
            let bits = bits.iter().rev().copied().collect();
            Some(others(PageForm::Bits, NumberKind::Bits, bits))
        }
    }
}

fn plan_whole(values: &[i64]) -> Option<Planned> {
    let (newest, least) = (*values.last()?, values.iter().copied().min()?);
    let deltas: Vec<i64> =
        values.windows(2).rev().map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    let change = Spread::of(deltas.iter().copied());
    let (form, base, numbers) = if bits_of_levels(values) + LEVELS_GAIN < change.bits() {
        let levels = values.iter().rev().map(|value| value.wrapping_sub(least)).collect();
        (PageForm::Levels, least, levels)
    } else {
        (PageForm::Deltas, newest, deltas)
    };
    Some(divide(form, base, numbers))
}

/// Levels must promise to save so many bits a number before they are taken: the estimate for them
/// is the cruder one.
const LEVELS_GAIN: f64 = 0.3;

fn divide(form: PageForm, base: i64, mut numbers: Vec<i64>) -> Planned {
    let multiplier = common_divisor(&numbers);
    if multiplier > 1 {
        numbers.iter_mut().for_each(|number| *number /= multiplier);
    }
    let spread = Spread::of(numbers.iter().copied());
    let narrow = numbers.iter().all(|number| i32::try_from(*number).is_ok());
    let key = GroupKey {
        kind: if narrow { NumberKind::Narrow } else { NumberKind::Wide },
        form,
        signed: numbers.iter().any(|number| *number < 0),
        digits: spread.digits(),
        rarity: spread.rarity(),
    };
    let numbers = numbers.into_iter().map(|number| number as u64).collect();
    Planned { key, form, base, multiplier, numbers }
}

/// The greatest number that divides all; 1 where there is nothing to gain.
fn common_divisor(numbers: &[i64]) -> i64 {
    let mut divisor = 0_u64;
    for number in numbers {
        let (mut a, mut b) = (divisor, number.unsigned_abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        divisor = a;
        if divisor == 1 {
            return 1;
        }
    }
    i64::try_from(divisor).unwrap_or(1).max(1)
}

/// How large numbers are and how many are zero.
#[derive(Debug, Clone, Copy)]
struct Spread {
    count: f64,
    /// Numbers that are not zero.
    present: f64,
    /// Sum of their magnitudes.
    sum: f64,
}

impl Spread {
    fn of(numbers: impl Iterator<Item = i64>) -> Self {
        let (mut count, mut present, mut sum) = (0_u32, 0_u32, 0.0);
        for number in numbers {
            count += 1;
            present += u32::from(number != 0);
            sum += number.unsigned_abs() as f64;
        }
        Self { count: f64::from(count), present: f64::from(present), sum }
    }

    fn mean(self) -> f64 {
        if self.present > 0.0 { self.sum / self.present } else { 0.0 }
    }

    fn digits(self) -> u8 {
        (u64::BITS - (self.mean() as u64).leading_zeros()) as u8
    }

    fn rarity(self) -> u8 {
        const RAREST: f64 = 6.0;
        if self.present == 0.0 {
            return RAREST as u8;
        }
        (self.count / self.present).log2().floor().clamp(0.0, RAREST) as u8
    }

    /// About how many bits a number takes.
    fn bits(self) -> f64 {
        let share = self.present / self.count.max(1.0);
        let choice = |share: f64| if share > 0.0 { -share * share.log2() } else { 0.0 };
        choice(share) + choice(1.0 - share) + share * ((self.mean() + 1.0).log2() + 1.0)
    }
}

/// About how many bits a value takes that is kept as it is.
fn bits_of_levels(values: &[i64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().map(|value| *value as f64).sum::<f64>() / count;
    let off = values.iter().map(|value| (*value as f64 - mean).abs()).sum::<f64>() / count;
    (off + 1.0).log2() + 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(values: &[i64]) -> Planned {
        plan(&Form::Decimals { exponent: 0, numbers: values.to_vec() }).unwrap()
    }

    #[test]
    fn counters_are_kept_as_differences_and_noise_as_it_is() {
        let counter: Vec<i64> = (0..200).map(|at| 1_000_000 + at * 37 + at % 5).collect();
        let plan = planned(&counter);
        assert_eq!((plan.form, plan.base), (PageForm::Deltas, 1_000_000 + 199 * 37 + 4));
        assert_eq!(plan.key.kind, NumberKind::Narrow);
        let noise: Vec<i64> = (0..200_i64).map(|at| at * 7919 % 101 * (at * 31 % 97)).collect();
        assert_eq!(planned(&noise).form, PageForm::Levels);
    }

    #[test]
    fn what_all_numbers_have_in_common_is_divided_out() {
        let pages: Vec<i64> = (0..100_i64).map(|at| (at * at % 17) * 4096 + 5).collect();
        let plan = planned(&pages);
        assert_eq!(plan.multiplier, 4096);
    }

    #[test]
    fn numbers_at_the_ends_of_their_range_are_planned() {
        let plan = planned(&[i64::MIN, i64::MAX, 0, i64::MIN]);
        assert_eq!(plan.key.kind, NumberKind::Wide);
    }
}
