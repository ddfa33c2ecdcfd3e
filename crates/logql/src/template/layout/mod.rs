//! Go's layouts of times: the reference time `Mon Jan 2 15:04:05 MST 2006`, written as the times
//! are to be written or read.

mod read;

pub(super) use read::parse;

use std::fmt::Write;

use super::time::Clock;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// How a number stands in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pad {
    None,
    Zero,
    Space,
}

/// An element of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    MonthName {
        long: bool,
    },
    Month(Pad),
    DayName {
        long: bool,
    },
    Day(Pad),
    YearDay(Pad),
    Hour,
    Hour12(Pad),
    Minute(Pad),
    Second(Pad),
    Year,
    ShortYear,
    HalfDay {
        upper: bool,
    },
    ZoneName,
    Offset(Offset),
    /// `.000` or `,999`: the separator, the digits, and whether zeros at the end are shown.
    Fraction {
        separator: char,
        digits: usize,
        zeros: bool,
    },
}

/// How an offset from UTC is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offset {
    /// Whether UTC itself is `Z`.
    pub(super) zulu: bool,
    /// Hours, hours and minutes, or those and seconds.
    pub(super) parts: u8,
    pub(super) colons: bool,
}

/// The elements that begin with a fixed text, longer ones first.
const FIXED: [(&str, Element); 33] = [
    ("January", Element::MonthName { long: true }),
    ("Jan", Element::MonthName { long: false }),
    ("Monday", Element::DayName { long: true }),
    ("Mon", Element::DayName { long: false }),
    ("MST", Element::ZoneName),
    ("002", Element::YearDay(Pad::Zero)),
    ("01", Element::Month(Pad::Zero)),
    ("02", Element::Day(Pad::Zero)),
    ("03", Element::Hour12(Pad::Zero)),
    ("04", Element::Minute(Pad::Zero)),
    ("05", Element::Second(Pad::Zero)),
    ("06", Element::ShortYear),
    ("15", Element::Hour),
    ("1", Element::Month(Pad::None)),
    ("2006", Element::Year),
    ("2", Element::Day(Pad::None)),
    ("__2", Element::YearDay(Pad::Space)),
    ("_2", Element::Day(Pad::Space)),
    ("3", Element::Hour12(Pad::None)),
    ("4", Element::Minute(Pad::None)),
    ("5", Element::Second(Pad::None)),
    ("PM", Element::HalfDay { upper: true }),
    ("pm", Element::HalfDay { upper: false }),
    ("-070000", Element::Offset(offset(false, 3, false))),
    ("-07:00:00", Element::Offset(offset(false, 3, true))),
    ("-0700", Element::Offset(offset(false, 2, false))),
    ("-07:00", Element::Offset(offset(false, 2, true))),
    ("-07", Element::Offset(offset(false, 1, false))),
    ("Z070000", Element::Offset(offset(true, 3, false))),
    ("Z07:00:00", Element::Offset(offset(true, 3, true))),
    ("Z0700", Element::Offset(offset(true, 2, false))),
    ("Z07:00", Element::Offset(offset(true, 2, true))),
    ("Z07", Element::Offset(offset(true, 1, false))),
];

const fn offset(zulu: bool, parts: u8, colons: bool) -> Offset {
    Offset { zulu, parts, colons }
}

/// The element at the start of a layout, with its length.
fn element_at(layout: &str) -> Option<(Element, usize)> {
    if let Some(fraction) = fraction_at(layout) {
        return Some(fraction);
    }
    // `_2006` is an underscore and a year.
    if layout.starts_with("_2006") {
        return None;
    }
    let (text, element) = FIXED.iter().find(|(text, _)| layout.starts_with(text))?;
    let is_short_name =
        matches!(element, Element::MonthName { long: false } | Element::DayName { long: false });
    // `Month` and `January` are words, `Mon` in `Money` is none.
    let goes_on = layout[text.len()..].starts_with(|c: char| c.is_ascii_lowercase());
    if is_short_name && goes_on {
        return None;
    }
    Some((*element, text.len()))
}

fn fraction_at(layout: &str) -> Option<(Element, usize)> {
    let separator = layout.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let rest = &layout[1..];
    let digit = rest.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let after = rest.trim_start_matches(digit);
    if after.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = rest.len() - after.len();
    Some((Element::Fraction { separator, digits, zeros: digit == '0' }, 1 + digits))
}

/// The text before the first element of a layout, the element, and what follows.
pub(super) fn next_element(layout: &str) -> (&str, Option<Element>, &str) {
    for (at, _) in layout.char_indices() {
        if let Some((element, length)) = element_at(&layout[at..]) {
            return (&layout[..at], Some(element), &layout[at + length..]);
        }
    }
    (layout, None, "")
}

/// Writes a time in a layout.
pub(super) fn format(layout: &str, clock: &Clock) -> String {
    let mut out = String::with_capacity(layout.len() + 8);
    let mut rest = layout;
    while !rest.is_empty() {
        let (before, element, after) = next_element(rest);
        out.push_str(before);
        if let Some(element) = element {
            write_element(&mut out, element, clock);
        }
        rest = after;
    }
    out
}

fn push_number(out: &mut String, number: u32, width: usize, pad: Pad) {
    // Writing to a String cannot fail.
    let _ = match pad {
        Pad::None => write!(out, "{number}"),
        Pad::Zero => write!(out, "{number:0width$}"),
        Pad::Space => write!(out, "{number:width$}"),
    };
}

fn write_element(out: &mut String, element: Element, clock: &Clock) {
    let name = |names: &[&'static str], index: usize, long: bool| {
        let name = names.get(index).copied().unwrap_or_default();
        if long { name } else { &name[..3.min(name.len())] }
    };
    match element {
        Element::MonthName { long } => {
            out.push_str(name(&MONTHS, clock.month as usize - 1, long));
        }
        Element::DayName { long } => out.push_str(name(&DAYS, clock.weekday, long)),
        Element::Month(pad) => push_number(out, clock.month, 2, pad),
        Element::Day(pad) => push_number(out, clock.day, 2, pad),
        Element::YearDay(pad) => push_number(out, clock.year_day, 3, pad),
        Element::Hour => push_number(out, clock.hour, 2, Pad::Zero),
        Element::Hour12(pad) => push_number(out, (clock.hour + 11) % 12 + 1, 2, pad),
        Element::Minute(pad) => push_number(out, clock.minute, 2, pad),
        Element::Second(pad) => push_number(out, clock.second, 2, pad),
        Element::Year => {
            let sign = if clock.year < 0 { "-" } else { "" };
            let _ = write!(out, "{sign}{:04}", clock.year.unsigned_abs());
        }
        Element::ShortYear => {
            push_number(out, clock.year.rem_euclid(100) as u32, 2, Pad::Zero);
        }
        Element::HalfDay { upper } => out.push_str(match (clock.hour >= 12, upper) {
            (true, true) => "PM",
            (false, true) => "AM",
            (true, false) => "pm",
            (false, false) => "am",
        }),
        Element::ZoneName if clock.abbreviation.is_empty() => {
            write_offset(out, offset(false, 2, false), clock.offset_seconds);
        }
        Element::ZoneName => out.push_str(&clock.abbreviation),
        Element::Offset(style) => write_offset(out, style, clock.offset_seconds),
        Element::Fraction { separator, digits, zeros } => {
            let all = format!("{:09}", clock.nanos);
            let shown = &all[..digits.min(9)];
            let shown = if zeros { shown } else { shown.trim_end_matches('0') };
            if !shown.is_empty() {
                out.push(separator);
                out.push_str(shown);
            }
        }
    }
}

fn write_offset(out: &mut String, style: Offset, seconds: i64) {
    if style.zulu && seconds == 0 {
        out.push('Z');
        return;
    }
    out.push(if seconds < 0 { '-' } else { '+' });
    let seconds = seconds.unsigned_abs();
    let colon = if style.colons { ":" } else { "" };
    let _ = write!(out, "{:02}", seconds / 3600);
    if style.parts > 1 {
        let _ = write!(out, "{colon}{:02}", seconds / 60 % 60);
    }
    if style.parts > 2 {
        let _ = write!(out, "{colon}{:02}", seconds % 60);
    }
}
