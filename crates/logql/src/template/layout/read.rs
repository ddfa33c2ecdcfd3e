//! Reading times in a layout, as Go's `time.ParseInLocation`.

use super::{DAYS, Element, MONTHS, Offset, Pad, next_element};
use crate::template::time::{Time, Zone, days_of};

/// What has been read so far.
#[derive(Debug, Default)]
struct Parts {
    year: i64,
    month: Option<u32>,
    day: Option<u32>,
    year_day: Option<u32>,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
    /// Whether the afternoon was named, or the morning.
    afternoon: Option<bool>,
    is_utc: bool,
    offset_seconds: Option<i64>,
    zone_name: String,
}

/// Reads a time; `None` where the text does not follow the layout or no calendar has it. Without a
/// zone of its own the text means clocks of `zone`.
pub(in crate::template) fn parse(layout: &str, text: &str, zone: &Zone) -> Option<Time> {
    let mut parts = Parts::default();
    let mut layout = layout;
    let mut text = text;
    loop {
        let (before, element, after) = next_element(layout);
        text = skip(text, before)?;
        let Some(element) = element else { break };
        text = parts.read(element, text, after)?;
        layout = after;
    }
    if !text.is_empty() {
        return None;
    }
    parts.into_time(zone)
}

/// Takes a text off the value; any number of spaces matches any number of them.
fn skip<'t>(mut text: &'t str, mut prefix: &str) -> Option<&'t str> {
    while let Some(c) = prefix.chars().next() {
        if c == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return None;
            }
            prefix = prefix.trim_start_matches(' ');
            text = text.trim_start_matches(' ');
            continue;
        }
        prefix = &prefix[c.len_utf8()..];
        text = text.strip_prefix(c)?;
    }
    Some(text)
}

/// One or two digits, or exactly two.
fn number(text: &str, two: bool) -> Option<(u32, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    if digits == 0 || (two && digits < 2) {
        return None;
    }
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

fn number_in(text: &str, two: bool, range: std::ops::RangeInclusive<u32>) -> Option<(u32, &str)> {
    number(text, two).filter(|(number, _)| range.contains(number))
}

/// One of the names, in any case; its index from 0.
fn name<'t>(text: &'t str, names: &[&str], long: bool) -> Option<(usize, &'t str)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let name = if long { name } else { &name[..3] };
        let start = text.get(..name.len())?;
        start.eq_ignore_ascii_case(name).then(|| (index, &text[name.len()..]))
    })
}

/// The fraction of a second in up to nine digits.
fn nanos(digits: &str) -> Option<u32> {
    let digits = &digits[..digits.len().min(9)];
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let scale = 10_u32.pow(9 - digits.len() as u32);
    digits.parse::<u32>().ok()?.checked_mul(scale)
}

/// A fraction of any length, if there is one.
fn any_fraction(text: &str) -> Option<(u32, &str)> {
    let digits = text.strip_prefix(['.', ','])?;
    let rest = digits.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &digits[..digits.len() - rest.len()];
    if digits.is_empty() {
        return None;
    }
    Some((nanos(digits)?, rest))
}

impl Parts {
    /// Reads one element, those of the date itself; `after` is the layout after it.
    fn read<'t>(&mut self, element: Element, text: &'t str, after: &str) -> Option<&'t str> {
        let rest;
        match element {
            Element::Year => {
                let digits = text.get(..4)?;
                if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                self.year = digits.parse().ok()?;
                rest = &text[4..];
            }
            Element::ShortYear => {
                let year;
                (year, rest) = number(text, true)?;
                self.year = i64::from(year) + if year >= 69 { 1900 } else { 2000 };
            }
            Element::MonthName { long } => {
                let month;
                (month, rest) = name(text, &MONTHS, long)?;
                self.month = Some(month as u32 + 1);
            }
            Element::Month(pad) => {
                let month;
                (month, rest) = number_in(text, pad == Pad::Zero, 1..=12)?;
                self.month = Some(month);
            }
            Element::DayName { long } => (_, rest) = name(text, &DAYS, long)?,
            Element::Day(pad) => {
                let text = match pad {
                    Pad::Space => text.strip_prefix(' ').unwrap_or(text),
                    _ => text,
                };
                let day;
                (day, rest) = number(text, pad == Pad::Zero)?;
                self.day = Some(day);
            }
            Element::YearDay(pad) => {
                let spaces = match pad {
                    Pad::Space => text.bytes().take(2).take_while(|byte| *byte == b' ').count(),
                    _ => 0,
                };
                let digits = text.get(spaces..3)?;
                if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                self.year_day = Some(digits.parse().ok()?);
                rest = &text[3..];
            }
            _ => rest = self.read_clock(element, text, after)?,
        }
        Some(rest)
    }

    /// Reads one element of the time of a day.
    fn read_clock<'t>(&mut self, element: Element, text: &'t str, after: &str) -> Option<&'t str> {
        let rest;
        match element {
            Element::Hour => (self.hour, rest) = number_in(text, false, 0..=23)?,
            Element::Hour12(pad) => {
                (self.hour, rest) = number_in(text, pad == Pad::Zero, 0..=12)?;
            }
            Element::Minute(pad) => {
                (self.minute, rest) = number_in(text, pad == Pad::Zero, 0..=59)?;
            }
            Element::Second(pad) => rest = self.second(text, pad, after)?,
            Element::HalfDay { upper } => {
                let half = text.get(..2)?;
                self.afternoon = Some(match (half, upper) {
                    ("PM", true) | ("pm", false) => true,
                    ("AM", true) | ("am", false) => false,
                    _ => return None,
                });
                rest = &text[2..];
            }
            Element::Offset(style) => rest = self.offset(text, style)?,
            Element::ZoneName => rest = self.zone_name(text)?,
            Element::Fraction { digits, zeros: true, .. } => {
                let fraction = text.strip_prefix(['.', ','])?;
                self.nanos = nanos(fraction.get(..digits)?)?;
                rest = &fraction[digits..];
            }
            Element::Fraction { zeros: false, .. } => match any_fraction(text) {
                Some((nanos, after)) => {
                    self.nanos = nanos;
                    rest = after;
                }
                None => rest = text,
            },
            // Elements of the date have been read above.
            _ => return None,
        }
        Some(rest)
    }

    /// Seconds may have a fraction even where the layout has none.
    fn second<'t>(&mut self, text: &'t str, pad: Pad, after: &str) -> Option<&'t str> {
        let rest;
        (self.second, rest) = number_in(text, pad == Pad::Zero, 0..=59)?;
        if let (_, Some(Element::Fraction { .. }), _) = next_element(after) {
            return Some(rest);
        }
        match any_fraction(rest) {
            Some((nanos, rest)) => {
                self.nanos = nanos;
                Some(rest)
            }
            None => Some(rest),
        }
    }

    fn offset<'t>(&mut self, text: &'t str, style: Offset) -> Option<&'t str> {
        if style.zulu
            && let Some(rest) = text.strip_prefix('Z')
        {
            self.is_utc = true;
            return Some(rest);
        }
        let sign = match text.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let (hours, mut rest) = number_in(&text[1..], true, 0..=24)?;
        let mut seconds = i64::from(hours) * 3600;
        for (wanted, scale) in [(style.parts > 1, 60), (style.parts > 2, 1)] {
            if wanted {
                if style.colons {
                    rest = rest.strip_prefix(':')?;
                }
                let part;
                (part, rest) = number_in(rest, true, 0..=60)?;
                seconds += i64::from(part) * scale;
            }
        }
        self.offset_seconds = Some(sign * seconds);
        Some(rest)
    }

    fn zone_name<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix("UTC") {
            self.is_utc = true;
            return Some(rest);
        }
        let length = zone_name_length(text)?;
        let (name, rest) = text.split_at(length);
        name.clone_into(&mut self.zone_name);
        Some(rest)
    }

    fn into_time(mut self, zone: &Zone) -> Option<Time> {
        match self.afternoon {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        let clock = self.day_from_1970()? * 86_400
            + i64::from(self.hour) * 3600
            + i64::from(self.minute) * 60
            + i64::from(self.second);
        let nanos = self.nanos;
        if self.is_utc {
            return Some(Time::new(clock, nanos, Zone::Utc));
        }
        if let Some(offset_seconds) = self.offset_seconds {
            let unix = clock - offset_seconds;
            let (own_offset, own_name) = zone.at(unix);
            let is_own = own_offset == offset_seconds
                && (self.zone_name.is_empty() || own_name == self.zone_name);
            let zone = if is_own {
                zone.clone()
            } else {
                Zone::Fixed { name: self.zone_name, offset_seconds }
            };
            return Some(Time::new(unix, nanos, zone));
        }
        if self.zone_name.is_empty() {
            return Some(Time::new(zone.to_unix(clock), nanos, zone.clone()));
        }
        // Half a year from now the zone has its other name.
        for distance in [0, 183 * 86_400] {
            let (offset, name) = zone.at(clock + distance);
            if name == self.zone_name {
                return Some(Time::new(clock - offset, nanos, zone.clone()));
            }
        }
        // A zone that is not known has no offset, unless its name says one.
        let hours = self.zone_name.strip_prefix("GMT").and_then(|hours| hours.parse::<i64>().ok());
        let offset_seconds = hours.unwrap_or(0) * 3600;
        Some(Time::new(
            clock - offset_seconds,
            nanos,
            Zone::Fixed { name: self.zone_name, offset_seconds },
        ))
    }

    fn day_from_1970(&self) -> Option<i64> {
        let new_year = days_of(self.year, 1, 1);
        if let Some(year_day) = self.year_day {
            let days = days_of(self.year + 1, 1, 1) - new_year;
            if year_day < 1 || i64::from(year_day) > days {
                return None;
            }
            let day = new_year + i64::from(year_day) - 1;
            let (month, first) = (1..=12)
                .rev()
                .map(|month| (month, days_of(self.year, month, 1)))
                .find(|(_, first)| *first <= day)?;
            let agrees = self.month.is_none_or(|own| own == month)
                && self.day.is_none_or(|own| i64::from(own) == day - first + 1);
            return agrees.then_some(day);
        }
        let month = self.month.unwrap_or(1);
        let day = self.day.unwrap_or(1);
        let first = days_of(self.year, month, 1);
        let next = match month {
            12 => days_of(self.year + 1, 1, 1),
            month => days_of(self.year, month + 1, 1),
        };
        (day >= 1 && first + i64::from(day) <= next).then(|| first + i64::from(day) - 1)
    }
}

/// How much of a text may be the abbreviation of a time zone.
fn zone_name_length(text: &str) -> Option<usize> {
    if text.starts_with("ChST") || text.starts_with("MeST") {
        return Some(4);
    }
    if let Some(after) = text.strip_prefix("GMT") {
        return Some(3 + signed_hours_length(after));
    }
    if text.starts_with(['+', '-']) {
        return Some(signed_hours_length(text)).filter(|length| *length > 0);
    }
    let letters = text.bytes().take(6).take_while(u8::is_ascii_uppercase).count();
    match letters {
        3 => Some(3),
        4 => (text.as_bytes().get(3) == Some(&b'T') || text.starts_with("WITA")).then_some(4),
        5 => (text.as_bytes().get(4) == Some(&b'T')).then_some(5),
        _ => None,
    }
}

/// The length of `+3` or `-11`, of hours that exist.
fn signed_hours_length(text: &str) -> usize {
    let Some(digits) = text.strip_prefix(['+', '-']) else { return 0 };
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    match digits[..length].parse::<u32>() {
        Ok(hours) if hours < 23 => 1 + length,
        _ => 0,
    }
}
