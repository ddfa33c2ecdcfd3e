//! Values as Prometheus writes them: durations (`1h30m`), sizes in powers of two (`15MB`), secrets,
//! and protocols of scraping.

use std::fmt::{self, Write as _};
use std::time::Duration;

use serde::{Serialize, Serializer};
use watchkeep_model::{Error, Result};

/// What stands for a secret wherever it would be shown.
pub const MASK: &str = "<secret>";

/// Units of durations, largest first: name, milliseconds, and whether printing uses the unit only
/// where it divides the rest exactly.
const DURATION_UNITS: [(&str, u64, bool); 7] = [
    ("y", 365 * 86_400_000, true),
    ("w", 7 * 86_400_000, true),
    ("d", 86_400_000, true),
    ("h", 3_600_000, false),
    ("m", 60_000, false),
    ("s", 1_000, false),
    ("ms", 1, false),
];

/// Units of sizes, largest first.
const SIZE_UNITS: [(&str, u64); 7] = [
    ("E", 1 << 60),
    ("P", 1 << 50),
    ("T", 1 << 40),
    ("G", 1 << 30),
    ("M", 1 << 20),
    ("K", 1 << 10),
    ("", 1),
];

/// Reads a duration: whole numbers with units, largest unit first, each at most once; or `0`.
pub fn parse_duration(text: &str) -> Result<Duration> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let ms = watchkeep_promql::parse_duration(text).map_err(Error::invalid)?;
    Ok(Duration::from_millis(ms.unsigned_abs()))
}

/// Prints a duration so that [`parse_duration`] reads it.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_millis() as u64;
    if rest == 0 {
        return "0s".into();
    }
    let mut text = String::new();
    for (name, unit, exact) in DURATION_UNITS {
        if exact && !rest.is_multiple_of(unit) {
            continue;
        }
        if rest >= unit {
            let _ = write!(text, "{}{name}", rest / unit);
            rest %= unit;
        }
    }
    text
}

/// Reads a size such as `15MB` or `1MiB512KiB`; units are powers of 1024.
pub fn parse_size(text: &str) -> Result<u64> {
    let bad = || Error::invalid(format!("not a valid size: {text:?}"));
    if text == "0" {
        return Ok(0);
    }
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let prefix = unit.strip_suffix('B').ok_or_else(bad)?;
        let prefix = prefix.strip_suffix('i').unwrap_or(prefix);
        let factor = SIZE_UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(prefix))
            .ok_or_else(bad)?
            .1;
        let part = if let Ok(whole) = number.parse::<u64>() {
            whole.checked_mul(factor)
        } else {
            let product = number.parse::<f64>().map_err(|_| bad())? * factor as f64;
            (product < i64::MAX as f64).then_some(product as u64)
        };
        total = part.and_then(|part| part.checked_add(total)).ok_or_else(bad)?;
        rest = after;
    }
    if text.is_empty() || total > i64::MAX as u64 { Err(bad()) } else { Ok(total) }
}

/// Prints a size so that [`parse_size`] reads it.
pub fn format_size(bytes: u64) -> String {
    let mut rest = bytes;
    let mut text = String::new();
    for (name, unit) in SIZE_UNITS {
        if rest >= unit {
            let letter = if name.is_empty() { "" } else { "i" };
            let _ = write!(text, "{}{name}{letter}B", rest / unit);
            rest %= unit;
        }
    }
    if text.is_empty() { "0B".into() } else { text }
}

/// For `serialize_with`: a duration as text.
pub(super) fn duration_text<S: Serializer>(it: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format_duration(*it))
}

/// For `serialize_with`: a size as text.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
pub(super) fn size_text<S: Serializer>(it: &u64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format_size(*it))
}

/// For `skip_serializing_if`: whether a value is what its type starts as.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A URL with `xxxxx` for its password, if it has one.
pub(super) fn redacted_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, host)) = authority.rsplit_once('@') else { return url.to_owned() };
    let Some((name, _)) = user.split_once(':') else { return url.to_owned() };
    format!("{scheme}://{name}:xxxxx@{host}{}", &rest[authority.len()..])
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { MASK })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(if self.0.is_empty() { "" } else { MASK })
    }
}

/// A format that a target may answer in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ScrapeProtocol {
    /// Delimited protobuf messages.
    PrometheusProto,
    /// The text format.
    #[serde(rename = "PrometheusText0.0.4")]
    PrometheusText0_0_4,
    /// The text format with quoted names.
    #[serde(rename = "PrometheusText1.0.0")]
    PrometheusText1_0_0,
    /// OpenMetrics before its standard.
    #[serde(rename = "OpenMetricsText0.0.1")]
    OpenMetricsText0_0_1,
    /// OpenMetrics.
    #[serde(rename = "OpenMetricsText1.0.0")]
    OpenMetricsText1_0_0,
}

impl ScrapeProtocol {
    /// What is asked for where native histograms are not.
    pub const DEFAULT: [Self; 4] = [
        Self::OpenMetricsText1_0_0,
        Self::OpenMetricsText0_0_1,
        Self::PrometheusText1_0_0,
        Self::PrometheusText0_0_4,
    ];
    /// What is asked for where native histograms are.
    pub const PROTOBUF_FIRST: [Self; 5] = [
        Self::PrometheusProto,
        Self::OpenMetricsText1_0_0,
        Self::OpenMetricsText0_0_1,
        Self::PrometheusText1_0_0,
        Self::PrometheusText0_0_4,
    ];
    /// Names as the configuration has them, sorted.
    const NAMES: [(&'static str, Self); 5] = [
        ("OpenMetricsText0.0.1", Self::OpenMetricsText0_0_1),
        ("OpenMetricsText1.0.0", Self::OpenMetricsText1_0_0),
        ("PrometheusProto", Self::PrometheusProto),
        ("PrometheusText0.0.4", Self::PrometheusText0_0_4),
        ("PrometheusText1.0.0", Self::PrometheusText1_0_0),
    ];

    /// Reads a name.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, protocol)| *protocol).ok_or_else(|| {
            let names = Self::NAMES.map(|(name, _)| name).join(" ");
            Error::invalid(format!("unknown scrape protocol {text}, supported: [{names}]"))
        })
    }

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, protocol)| *protocol == self).map_or("", |(name, _)| name)
    }

    /// The media type with its parameters, as the `Accept` header has it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::PrometheusProto => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
            Self::PrometheusText0_0_4 => "text/plain;version=0.0.4",
            Self::PrometheusText1_0_0 => "text/plain;version=1.0.0",
            Self::OpenMetricsText0_0_1 => "application/openmetrics-text;version=0.0.1",
            Self::OpenMetricsText1_0_0 => "application/openmetrics-text;version=1.0.0",
        }
    }
}
