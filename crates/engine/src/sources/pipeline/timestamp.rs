//! Times in the formats of the stage `timestamp`: names of formats, and layouts of Go.

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

use crate::ingest::line::parse_time;

/// How a time is written.
#[derive(Debug)]
pub(super) enum TimeFormat {
    /// RFC 3339.
    Rfc3339,
    /// A number of so many nanoseconds each.
    Epoch(i64),
    /// A pattern of `strptime`, and the zone of times without one.
    Pattern(String, TimeZone),
}

/// What stands in a layout of Go, and for what; longer ones first.
const PARTS: [(&str, &str); 27] = [
    ("January", "%B"),
    ("Monday", "%A"),
    ("2006", "%Y"),
    ("-07:00", "%:z"),
    ("Z07:00", "%:z"),
    ("-0700", "%z"),
    ("Z0700", "%z"),
    (".000000000", "%.f"),
    (".999999999", "%.f"),
    (".000000", "%.f"),
    (".999999", "%.f"),
    (".000", "%.f"),
    (",000", ",%f"),
    (".999", "%.f"),
    ("Jan", "%b"),
    ("Mon", "%a"),
    ("01", "%m"),
    ("02", "%d"),
    ("_2", "%e"),
    ("15", "%H"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("PM", "%p"),
    ("pm", "%P"),
    ("MST", "%Z"),
];

impl TimeFormat {
    /// Reads a format; `location` names the zone of times that have none.
    pub(super) fn read(format: &str, location: &str) -> Result<Self, String> {
        let layout = match format {
            "RFC3339" | "RFC3339Nano" => return Ok(Self::Rfc3339),
            "Unix" => return Ok(Self::Epoch(1_000_000_000)),
            "UnixMs" => return Ok(Self::Epoch(1_000_000)),
            "UnixUs" => return Ok(Self::Epoch(1_000)),
            "UnixNs" => return Ok(Self::Epoch(1)),
            "ANSIC" => "Mon Jan _2 15:04:05 2006",
            "RubyDate" => "Mon Jan 02 15:04:05 -0700 2006",
            "RFC822Z" => "02 Jan 06 15:04 -0700",
            "RFC1123Z" => "Mon, 02 Jan 2006 15:04:05 -0700",
            layout => layout,
        };
        let zone = match location {
            "" | "UTC" => TimeZone::UTC,
            name => {
                TimeZone::get(name).map_err(|_| format!("the location {name:?} is not known"))?
            }
        };
        let pattern = pattern_of(layout);
        if pattern.contains("%Z") {
            return Err("abbreviations of zones are not read: they have no one meaning".to_owned());
        }
        Ok(Self::Pattern(pattern, zone))
    }

    /// The time that a text tells, nanoseconds since the epoch.
    pub(super) fn parse(&self, text: &str) -> Option<i64> {
        match self {
            Self::Rfc3339 => parse_time(text),
            Self::Epoch(unit) => {
                let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
                let whole: i64 = whole.parse().ok()?;
                let fraction: f64 = format!("0.{fraction}0").parse().ok()?;
                whole.checked_mul(*unit)?.checked_add((fraction * *unit as f64).round() as i64)
            }
            Self::Pattern(pattern, zone) => {
                let parts = BrokenDownTime::parse(pattern, text.trim()).ok()?;
                let instant = if parts.offset().is_some() {
                    parts.to_timestamp().ok()?
                } else {
                    let local: DateTime = parts.to_datetime().ok()?;
                    zone.to_timestamp(local).ok()?
                };
                i64::try_from(instant.as_nanosecond()).ok()
            }
        }
    }
}

fn pattern_of(layout: &str) -> String {
    let mut pattern = String::new();
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        if let Some((part, meaning)) = PARTS.iter().find(|(part, _)| rest.starts_with(part)) {
            pattern.push_str(meaning);
            rest = &rest[part.len()..];
            continue;
        }
        if first == '%' {
            pattern.push('%');
        }
        pattern.push(first);
        rest = &rest[first.len_utf8()..];
    }
    pattern
}
