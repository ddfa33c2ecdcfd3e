//! Durations and sizes as people write them: `15d`, `1h30m`, `250ms`, `512MiB`. Never guesses a
//! unit: a bare number other than 0 is an error for durations, and bytes for sizes.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use watchkeep_model::{Error, Result};

const DURATION_UNITS: [(&str, u64); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
    ("w", 7 * 86_400 * 1_000_000_000),
];

const SIZE_UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// Reads a duration: one or more numbers with a unit (`1h30m`, `1.5s`), or `0`.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let bad = || {
        Error::invalid(format!(
            "must be a duration such as 250ms, 1.5s, 2m, 1h30m or 15d, got {:?}",
            short(text)
        ))
    };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut total_ns = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit_ns = DURATION_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?.1;
        let part_ns = scale(number, unit_ns).ok_or_else(bad)?;
        total_ns = total_ns.checked_add(part_ns).ok_or_else(bad)?;
        rest = after;
    }
    if text.is_empty() { Err(bad()) } else { Ok(Duration::from_nanos(total_ns)) }
}

/// Reads a size: a number of bytes, or a number with a unit such as `512MiB` or `2GB`.
pub fn parse_size(text: &str) -> Result<u64> {
    let bad = || {
        Error::invalid(format!(
            "must be a size such as 65536, 512KiB, 64MiB or 10GB, got {:?}",
            short(text)
        ))
    };
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let factor = match unit {
        "" => 1,
        _ => SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(bad)?.1,
    };
    scale(number, factor).ok_or_else(bad)
}

/// Number times unit, exactly for whole numbers.
fn scale(number: &str, unit: u64) -> Option<u64> {
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit);
    }
    let product = number.parse::<f64>().ok()? * unit as f64;
    (product.is_finite() && product < u64::MAX as f64).then_some(product.round() as u64)
}

/// At most 64 characters of what a caller sent, for a message.
pub fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

/// A duration in configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HumaneDuration(pub Duration);

/// A number of bytes in configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// The size as this machine counts memory.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for HumaneDuration {
    /// The largest unit that divides the duration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0.as_nanos();
        let fits = |unit: u64| ns.is_multiple_of(u128::from(unit));
        match DURATION_UNITS.iter().rev().find(|(name, unit)| *name != "µs" && fits(*unit)) {
            Some((name, unit)) if ns > 0 => write!(f, "{}{name}", ns / u128::from(*unit)),
            _ => f.write_str("0"),
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIZE_UNITS.iter().take(5).rev().find(|(_, unit)| self.0.is_multiple_of(*unit)) {
            Some((name, unit)) if self.0 > 0 && *unit > 1 => write!(f, "{}{name}", self.0 / unit),
            _ => write!(f, "{}", self.0),
        }
    }
}

struct Humane<T> {
    expecting: &'static str,
    read: fn(&str) -> Result<T>,
}

impl<T> Visitor<'_> for Humane<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<T, E> {
        (self.read)(text).map_err(|error| E::custom(error.message()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> std::result::Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> std::result::Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> std::result::Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

impl<'de> Deserialize<'de> for HumaneDuration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let expecting = "a duration such as 15d or 1h30m";
        from.deserialize_any(Humane { expecting, read: parse_duration }).map(Self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let expecting = "a size such as 512MiB";
        from.deserialize_any(Humane { expecting, read: parse_size }).map(Self)
    }
}

impl Serialize for HumaneDuration {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_as_people_write_them() {
        for (text, ms) in [("0", 0), ("250ms", 250), ("1.5s", 1500), ("1h30m", 5_400_000)] {
            assert_eq!(parse_duration(text).unwrap().as_millis(), ms, "{text}");
        }
        for bad in ["", "5", "1x", "-1s", "s", "1.2.3s", "99999999999999w", "1h 30m"] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
        for text in ["0", "15d", "90m", "250ms", "1w"] {
            assert_eq!(HumaneDuration(parse_duration(text).unwrap()).to_string(), text);
        }
    }

    #[test]
    fn sizes_read_and_print_as_people_write_them() {
        for (text, bytes) in [("65536", 65536), ("64MiB", 64 << 20), ("1.5kb", 1500), ("0", 0)] {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        }
        for bad in ["", "MiB", "1 parsec", "-1", "99999999TiB"] {
            assert!(parse_size(bad).is_err(), "{bad:?}");
        }
        assert_eq!(ByteSize(64 << 20).to_string(), "64MiB");
        assert_eq!(ByteSize(1500).to_string(), "1500");
    }
}
