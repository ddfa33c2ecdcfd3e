//! Times of rows as texts, such as `2026-11-23T02:31:37.123Z` (RFC 3339, UTC).

use super::decimals::push_digits;

const SECOND: i64 = 1_000_000_000;

/// How an instant is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Digits after the seconds: 0, 3, 6 or 9.
    digits: u8,
}

impl Style {
    pub(crate) const ALL: [Self; 4] =
        [Self { digits: 3 }, Self { digits: 6 }, Self { digits: 9 }, Self { digits: 0 }];

    pub(crate) fn code(self) -> u8 {
        self.digits
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|style| style.digits == code)
    }

    /// The style in which the text is this instant.
    pub(crate) fn of(text: &str, time_ns: i64) -> Option<Self> {
        let style = Self::ALL.into_iter().find(|style| text.len() == style.text_len())?;
        (style.text(time_ns) == text).then_some(style)
    }

    /// How long each text is, the `Z` at its end with it.
    pub(crate) fn text_len(self) -> usize {
        SECOND_LEN + 1 + self.fraction_len()
    }

    /// The digits, and a point before any.
    fn fraction_len(self) -> usize {
        if self.digits == 0 { 0 } else { usize::from(self.digits) + 1 }
    }

    fn text(self, time_ns: i64) -> String {
        let mut text = String::new();
        Clock::default().push(self, time_ns, &mut text);
        text
    }
}

/// `0000-00-00T00:00:00`.
const SECOND_LEN: usize = 19;

/// Writes instants; what it wrote last makes the next one cheap.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// A second, and its text.
    last: Option<(i64, [u8; SECOND_LEN])>,
}

impl Clock {
    pub(crate) fn push(&mut self, style: Style, time_ns: i64, out: &mut String) {
        let second = time_ns.div_euclid(SECOND);
        let text = match self.last {
            Some((last, text)) if last == second => text,
            _ => second_text(second),
        };
        self.last = Some((second, text));
        // Digits and the characters between them.
        out.push_str(std::str::from_utf8(&text).unwrap_or_default());
        if style.digits > 0 {
            let unit = 10_i64.pow(9 - u32::from(style.digits));
            out.push('.');
            let fraction = time_ns.rem_euclid(SECOND) / unit;
            push_digits(fraction as u64, usize::from(style.digits), out);
        }
        out.push('Z');
    }
}

/// Days to year, month and day as in Howard Hinnant's `civil_from_days`. The years that an `i64` of
/// nanoseconds reaches have four digits.
fn second_text(second: i64) -> [u8; SECOND_LEN] {
    let (days, of_day) = (second.div_euclid(86_400), second.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let mut text = *b"0000-00-00T00:00:00";
    for (value, at) in [
        (year / 100, 0),
        (year % 100, 2),
        (month, 5),
        (day, 8),
        (of_day / 3600, 11),
        (of_day / 60 % 60, 14),
        (of_day % 60, 17),
    ] {
        text[at] += (value / 10) as u8;
        text[at + 1] += (value % 10) as u8;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_row_is_known_in_each_style() {
        let time_ns = 1_795_401_097_123_456_789;
        for (text, digits) in [
            ("2026-11-23T02:31:37Z", Some(0)),
            ("2026-11-23T02:31:37.123Z", Some(3)),
            ("2026-11-23T02:31:37.123456Z", Some(6)),
            ("2026-11-23T02:31:37.123456789Z", Some(9)),
            ("2026-11-23T02:31:37.124Z", None),
            ("2026-11-23 02:31:37.123Z", None),
            ("2026-11-23T02:31:37.12Z", None),
        ] {
            assert_eq!(Style::of(text, time_ns).map(Style::code), digits, "{text}");
        }
        assert_eq!(Style { digits: 0 }.text(-1), "1969-12-31T23:59:59Z");
        assert_eq!(Style { digits: 0 }.text(951_782_400 * SECOND), "2000-02-29T00:00:00Z");
    }
}
