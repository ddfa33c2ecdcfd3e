//! Numbers as they are written: whole numbers and decimals whose text follows from their value.

/// Digits after the point of a column of decimals.
pub(crate) const SCALE_MAX: u8 = 15;
/// Doubles hold whole numbers exactly up to here.
const EXACT_MAX: u64 = 1 << 53;

/// The number that is written thus and only thus.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let (first, rest) = digits.split_first()?;
    if digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if *first == b'0' && (!rest.is_empty() || digits.len() < text.len()) {
        return None;
    }
    let value = digits.iter().fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0'));
    Some(if digits.len() < text.len() { -value } else { value })
}

pub(crate) fn push_int(value: i64, out: &mut String) {
    if value < 0 {
        out.push('-');
    }
    push_digits(value.unsigned_abs(), 1, out);
}

/// How long the text of a number is.
pub(crate) fn int_len(value: i64) -> u32 {
    let digits = value.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
    digits + u32::from(value < 0)
}

/// Appends a number with at least so many digits, at most 20.
pub(crate) fn push_digits(value: u64, width: usize, out: &mut String) {
    let mut digits = [b'0'; 20];
    let (mut left, mut at) = (value, digits.len());
    while left > 0 {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    let at = at.min(digits.len() - width.min(digits.len()));
    out.push_str(std::str::from_utf8(&digits[at..]).unwrap_or_default());
}

/// How the decimals of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Digits after the point, at most.
    pub(crate) scale: u8,
    /// Digits after the point, at least: beyond them no zero stands at the end.
    pub(crate) least: u8,
}

/// Whole number and digits after the point of a text such as `-12.50`.
fn split(text: &str) -> Option<(i64, u8)> {
    let Some((whole, digits)) = text.split_once('.') else { return Some((parse_int(text)?, 0)) };
    let scale = u8::try_from(digits.len()).ok().filter(|scale| (1..=SCALE_MAX).contains(scale))?;
    let negative = whole.starts_with('-');
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    if whole.len() + digits.len() > 18 || whole.starts_with('-') {
        return None;
    }
    let whole = parse_int(whole)?;
    let digits = digits.bytes().try_fold(0_i64, |value, digit| {
        digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0'))
    })?;
    let number = whole * 10_i64.pow(u32::from(scale)) + digits;
    (number != 0 || !negative).then_some((if negative { -number } else { number }, scale))
}

impl Style {
    /// The style in which most of the texts are written, if they are decimals.
    pub(crate) fn of(texts: &[&str]) -> Option<Self> {
        split(texts.first()?)?;
        let (mut scale, mut least, mut good) = (0, SCALE_MAX, 0);
        for text in texts {
            if let Some((_, digits)) = split(text) {
                scale = scale.max(digits);
                least = least.min(digits);
                good += 1;
            }
        }
        (good * 2 > texts.len()).then_some(Self { scale, least })
    }

    /// The text as a whole number of units of the last digit.
    pub(crate) fn parse(self, text: &str) -> Option<i64> {
        let (number, digits) = split(text)?;
        let zero_at_end = digits > self.least && number % 10 == 0;
        if zero_at_end || !(self.least..=self.scale).contains(&digits) {
            return None;
        }
        number.checked_mul(10_i64.pow(u32::from(self.scale - digits)))
    }

    pub(crate) fn push(self, number: i64, out: &mut String) {
        let (mut number, mut digits) = (number, self.scale.min(SCALE_MAX));
        while digits > self.least && number % 10 == 0 {
            number /= 10;
            digits -= 1;
        }
        if digits == 0 {
            return push_int(number, out);
        }
        let power = 10_u64.pow(u32::from(digits));
        if number < 0 {
            out.push('-');
        }
        push_digits(number.unsigned_abs() / power, 1, out);
        out.push('.');
        push_digits(number.unsigned_abs() % power, usize::from(digits), out);
    }

    /// The double that the text of a number means.
    pub(crate) fn double(self, number: i64) -> f64 {
        if number.unsigned_abs() <= EXACT_MAX {
            // Both are exact, so the quotient is the double nearest to the decimal.
            return number as f64 / 10_f64.powi(i32::from(self.scale.min(SCALE_MAX)));
        }
        let mut text = String::new();
        self.push(number, &mut text);
        text.parse().unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_is_written_one_way_is_a_number() {
        for text in ["0", "7", "-7", "999999999999999999"] {
            let mut back = String::new();
            let number = parse_int(text).unwrap();
            push_int(number, &mut back);
            assert_eq!(back, text);
            assert_eq!(int_len(number) as usize, text.len());
        }
        for text in ["", "-", "-0", "00", "01", "+1", "1.0", "1e3", "1000000000000000000", "x"] {
            assert_eq!(parse_int(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_parsed_is_written_again(
            texts in prop::collection::vec("-?[0-9]{1,5}(\\.[0-9]{1,4})?", 1..20),
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            if let Some(style) = Style::of(&texts) {
                for text in texts {
                    if let Some(number) = style.parse(text) {
                        let mut back = String::new();
                        style.push(number, &mut back);
                        prop_assert_eq!(&back, text);
                        prop_assert_eq!(style.double(number), text.parse::<f64>().unwrap());
                    }
                }
            }
        }
    }
}
