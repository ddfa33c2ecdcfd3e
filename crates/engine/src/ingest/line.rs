//! The time that a line of a log tells about itself: a field of a JSON or logfmt line, or a date at
//! the start of a line of text. What stands nowhere near a known form is not guessed at: the
//! caller takes the time of arrival. (The level is found by [`super::level`].)

use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use watchkeep_logql::pipeline::{json_fields, logfmt_fields};

/// Names of fields that hold a record's time, the strongest first.
const NAMES: [&str; 9] =
    ["timestamp", "@timestamp", "time", "ts", "datetime", "date", "Timestamp", "Time", "t"];

/// Brackets and quotes may stand before the date of a line of text.
const BEFORE_A_DATE: [char; 4] = ['[', '(', '"', ' '];

/// When a line says that it happened, nanoseconds since the epoch. A date without a zone is UTC.
pub fn time_of(line: &str) -> Option<i64> {
    let trimmed = line.trim_start();
    if trimmed.starts_with('{') {
        return time_of_json(trimmed);
    }
    let text = trimmed.trim_start_matches(BEFORE_A_DATE);
    if let Some((time_ns, _)) = date_time(text) {
        return Some(time_ns);
    }
    if line.contains('=') { time_of_logfmt(line) } else { None }
}

/// When a line that is a JSON object says that it happened.
pub fn time_of_json(line: &str) -> Option<i64> {
    let mut best = Best::default();
    // What stands before a break in the line counts.
    let _whole_or_not = json_fields(line, &mut |path, _, value| {
        if let [name] = path {
            best.offer(name, value);
        }
    });
    best.time()
}

fn time_of_logfmt(line: &str) -> Option<i64> {
    let mut best = Best::default();
    let _whole_or_not = logfmt_fields(line, |name, value| best.offer(name, value));
    best.time()
}

/// The strongest field that holds a time.
#[derive(Default)]
struct Best(Option<(usize, i64)>);

impl Best {
    fn offer(&mut self, name: &str, value: &str) {
        let Some(rank) = NAMES.iter().position(|known| *known == name) else { return };
        if self.0.is_none_or(|(strongest, _)| rank < strongest)
            && let Some(time_ns) = parse_time(value)
        {
            self.0 = Some((rank, time_ns));
        }
    }

    fn time(self) -> Option<i64> {
        self.0.map(|(_, time_ns)| time_ns)
    }
}

/// Reads a time: RFC 3339 (the zone may be missing, and a space stand for the `T`), or seconds,
/// milliseconds, microseconds or nanoseconds since the epoch, told apart by their size.
pub fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Some((time_ns, rest)) = date_time(text) {
        return rest.is_empty().then_some(time_ns);
    }
    epoch(text)
}

/// Numbers beyond these many digits before the point are of the next finer unit.
const SECONDS_DIGITS: std::ops::RangeInclusive<usize> = 9..=11;

fn epoch(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !(whole.bytes().all(|byte| byte.is_ascii_digit())
        && fraction.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    let scale: i64 = match whole.len() {
        digits if SECONDS_DIGITS.contains(&digits) => 1_000_000_000,
        12..=14 => 1_000_000,
        15..=17 => 1_000,
        18..=19 => 1,
        _ => return None,
    };
    let part = i64::from(nanoseconds(fraction)) / (1_000_000_000 / scale);
    number.checked_mul(scale)?.checked_add(part)
}

/// Digits behind a point, as nanoseconds of a second; finer ones are cut.
fn nanoseconds(digits: &str) -> i32 {
    digits
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'))
}

/// Reads a date and time at the start of a text; gives it and what follows.
fn date_time(text: &str) -> Option<(i64, &str)> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i16> {
        let digits = bytes.get(from..to)?;
        digits.iter().try_fold(0_i16, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + i16::from(byte - b'0'))
        })
    };
    let is = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|byte| wanted.contains(byte));
    if !(is(4, b"-/") && is(7, b"-/") && is(10, b"Tt _") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let date = Date::new(number(0, 4)?, number(5, 7)? as i8, number(8, 10)? as i8).ok()?;
    let second = number(17, 19)?.min(59) as i8;
    let mut rest = text.get(19..)?;
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix(['.', ',']) {
        let end = after.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(after.len());
        if end > 0 {
            fraction = nanoseconds(&after[..end]);
            rest = &after[end..];
        }
    }
    let time = Time::new(number(11, 13)? as i8, number(14, 16)? as i8, second, fraction).ok()?;
    let (offset, rest) = zone(rest);
    let instant = offset.to_timestamp(date.to_datetime(time)).ok()?;
    Some((i64::try_from(instant.as_nanosecond()).ok()?, rest))
}

/// A zone at the start of a text: `Z`, `+02:00`, `+0200`, `-07`, also behind a space; UTC where
/// there is none.
fn zone(text: &str) -> (Offset, &str) {
    if let Some(rest) = text.strip_prefix(['Z', 'z']) {
        return (Offset::UTC, rest);
    }
    let signed = text.strip_prefix(' ').unwrap_or(text);
    offset(signed).unwrap_or((Offset::UTC, text))
}

fn offset(text: &str) -> Option<(Offset, &str)> {
    let sign = match text.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let two = |text: &str| -> Option<i32> {
        let digits = text.get(..2)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let rest = text.get(1..)?;
    let hours = two(rest)?;
    let rest = rest.get(2..)?;
    let after = rest.strip_prefix(':').unwrap_or(rest);
    let (minutes, rest) = match two(after) {
        Some(minutes) => (minutes, after.get(2..)?),
        None => (0, rest),
    };
    Some((Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2024-11-18T10:00:00Z.
    const AT: i64 = 1_731_924_000_000_000_000;

    #[test]
    fn a_line_tells_its_time() {
        let cases = [
            (r#"{"timestamp": "2024-11-18T10:00:00Z", "level": "INFO"}"#, Some(AT)),
            (r#"{"ts":1,"timestamp":"2024-11-18T10:00:00"}"#, Some(AT)),
            (
                r#"{"data":{"timestamp":"2020-01-01T00:00:00Z"},"time":"2024-11-18 10:00:00"}"#,
                Some(AT),
            ),
            (r#"{"timestamp":"2024-11-18T10:00:00.123456"}"#, Some(AT + 123_456_000)),
            (r#"{"ts":1731924000.5}"#, Some(AT + 500_000_000)),
            (r#"{"ts":1731924000500}"#, Some(AT + 500_000_000)),
            (r#"{"ts":1731924000000000000}"#, Some(AT)),
            (r#"{"ts":"1731924000000001"}"#, Some(AT + 1_000)),
            (r#"{"ts":17}"#, None),
            (r#"{"timestamp":"2024-11-18T10:00:00Z" broken"#, Some(AT)),
            ("2024-11-18T12:00:00+02:00 started", Some(AT)),
            ("[2024-11-18 10:00:00,250] INFO x", Some(AT + 250_000_000)),
            ("2024-11-18 03:00:00 -0700 x", Some(AT)),
            ("2024/11/18 10:00:00 nginx", Some(AT)),
            ("level=info ts=2024-11-18T10:00:00.1Z msg=x", Some(AT + 100_000_000)),
            ("2024-13-18T10:00:00Z", None),
            ("2024-11-18T25:00:00Z", None),
            ("2024-11-18T10:00:60Z leap", Some(AT + 59_000_000_000)),
            ("plain", None),
            ("", None),
        ];
        for (line, time_ns) in cases {
            assert_eq!(time_of(line), time_ns, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line in r#"[0-9TZ:.,+\-/ {}"=a-zä]{0,40}"#) {
            time_of(&line);
            parse_time(&line);
        }

        #[test]
        fn what_rfc_3339_writes_is_read_back(time_ns in 0_i64..4_000_000_000_000_000_000) {
            let text = jiff::Timestamp::from_nanosecond(i128::from(time_ns)).unwrap().to_string();
            prop_assert_eq!(parse_time(&text), Some(time_ns));
        }
    }
}
