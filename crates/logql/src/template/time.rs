//! Times of templates: Go's `time.Time`, with the methods that a template may want.

use std::any::Any;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchkeep_gotemplate::{Object, Value};

use super::layout;

/// Go's name of the type.
pub(super) const TIME: &str = "time.Time";

/// How Go prints times.
const DEFAULT_LAYOUT: &str = "2006-01-02 15:04:05.999999999 -0700 MST";

const NANOS: i64 = 1_000_000_000;

/// A time zone.
#[derive(Debug, Clone)]
pub(super) enum Zone {
    Utc,
    /// One of the time zone database.
    Named(TimeZone),
    /// An offset that a text came with; its name may be empty.
    Fixed {
        name: String,
        offset_seconds: i64,
    },
}

/// The local time zone, which is UTC here whatever the machine's is.
pub(super) fn local_zone() -> Zone {
    Zone::Utc
}

/// The zone of this name in the database, UTC where there is none.
pub(super) fn zone(name: &str) -> Zone {
    match name {
        "" | "UTC" | "Local" => Zone::Utc,
        name => TimeZone::get(name).map_or(Zone::Utc, Zone::Named),
    }
}

impl Zone {
    /// The offset in seconds and its abbreviation at a time.
    pub(super) fn at(&self, unix_seconds: i64) -> (i64, String) {
        match self {
            Self::Utc => (0, "UTC".to_owned()),
            Self::Fixed { name, offset_seconds } => (*offset_seconds, name.clone()),
            Self::Named(zone) => {
                let least = Timestamp::MIN.as_second() + 1;
                let most = Timestamp::MAX.as_second() - 1;
                let timestamp =
                    Timestamp::from_second(unix_seconds.clamp(least, most)).unwrap_or_default();
                let info = zone.to_offset_info(timestamp);
                (i64::from(info.offset().seconds()), info.abbreviation().to_owned())
            }
        }
    }

    /// The time that clocks of the zone show as these seconds.
    pub(super) fn to_unix(&self, clock_seconds: i64) -> i64 {
        let (offset, _) = self.at(clock_seconds);
        if offset == 0 {
            return clock_seconds;
        }
        // Near a change of the offset the first look may have been on its wrong side.
        let (offset, _) = self.at(clock_seconds - offset);
        clock_seconds - offset
    }
}

/// A point in time with the zone in which it is shown.
#[derive(Debug, Clone)]
pub(super) struct Time {
    unix_seconds: i64,
    nanos: u32,
    zone: Zone,
}

/// What clocks and calendars show.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    pub(super) year: i64,
    /// From 1.
    pub(super) month: u32,
    /// From 1.
    pub(super) day: u32,
    /// From 1.
    pub(super) year_day: u32,
    /// From Sunday, which is 0.
    pub(super) weekday: usize,
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    pub(super) nanos: u32,
    pub(super) offset_seconds: i64,
    /// Empty where only the offset is known.
    pub(super) abbreviation: String,
}

/// Days from 1970 to a day of the proleptic Gregorian calendar.
pub(super) fn days_of(year: i64, month: u32, day: u32) -> i64 {
    // Years begin in March, so that the leap day is the last one; eras have 400 years.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month = i64::from((month + 9) % 12);
    let day_of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a day counted from 1970.
fn date_of(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month + 2) / 5 + 1) as u32;
    let month = if month < 10 { month + 3 } else { month - 9 } as u32;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

impl Time {
    pub(super) fn new(unix_seconds: i64, nanos: u32, zone: Zone) -> Self {
        Self { unix_seconds, nanos, zone }
    }

    pub(super) fn from_ns(ns: i64) -> Self {
        Self::new(ns.div_euclid(NANOS), ns.rem_euclid(NANOS) as u32, local_zone())
    }

    pub(super) fn from_seconds(seconds: i64) -> Self {
        Self::new(seconds, 0, local_zone())
    }

    /// Go's zero time: the first day of the year 1.
    pub(super) fn zero() -> Self {
        Self::new(days_of(1, 1, 1) * 86_400, 0, Zone::Utc)
    }

    /// The time that a value is.
    pub(super) fn of(value: &Value) -> Option<&Self> {
        match value {
            Value::Object(object) => object.as_any().downcast_ref(),
            _ => None,
        }
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(Arc::new(self))
    }

    pub(super) fn unix_seconds(&self) -> i64 {
        self.unix_seconds
    }

    pub(super) fn unix_millis(&self) -> i64 {
        self.unix_seconds.wrapping_mul(1000) + i64::from(self.nanos / 1_000_000)
    }

    pub(super) fn unix_nanos(&self) -> i64 {
        self.unix_seconds.wrapping_mul(NANOS).wrapping_add(i64::from(self.nanos))
    }

    /// The same time in the local zone.
    pub(super) fn local(&self) -> Self {
        Self { zone: local_zone(), ..self.clone() }
    }

    /// What clocks show.
    pub(super) fn clock(&self) -> Clock {
        let (offset_seconds, abbreviation) = self.zone.at(self.unix_seconds);
        // Times far beyond every calendar stay at its edge.
        let limit = i64::MAX / 2;
        let seconds = self.unix_seconds.clamp(-limit, limit) + offset_seconds;
        let days = seconds.div_euclid(86_400);
        let second_of_day = seconds.rem_euclid(86_400) as u32;
        let (year, month, day) = date_of(days);
        Clock {
            year,
            month,
            day,
            year_day: (days - days_of(year, 1, 1) + 1) as u32,
            weekday: (days + 4).rem_euclid(7) as usize,
            hour: second_of_day / 3600,
            minute: second_of_day / 60 % 60,
            second: second_of_day % 60,
            nanos: self.nanos,
            offset_seconds,
            abbreviation,
        }
    }

    /// The time in a layout of Go.
    pub(super) fn format(&self, layout: &str) -> String {
        layout::format(layout, &self.clock())
    }
}

impl Object for Time {
    fn type_name(&self) -> &'static str {
        TIME
    }

    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    fn call(&self, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
        let int = |number: i64| Value::Int(number);
        let value = match (name, args) {
            ("Format", [layout]) => Value::from(self.format(layout.as_str()?)),
            ("String", []) => Value::from(self.text()),
            ("Unix", []) => Value::Int64(self.unix_seconds),
            ("UnixMilli", []) => Value::Int64(self.unix_millis()),
            ("UnixMicro", []) => Value::Int64(self.unix_nanos().div_euclid(1000)),
            ("UnixNano", []) => Value::Int64(self.unix_nanos()),
            ("UTC", []) => Self { zone: Zone::Utc, ..self.clone() }.into_value(),
            ("Local", []) => self.local().into_value(),
            ("IsZero", []) => {
                Value::Bool(self.unix_seconds == Self::zero().unix_seconds && self.nanos == 0)
            }
            ("Year", []) => int(self.clock().year),
            ("Month", []) => Value::from(self.format("January")),
            ("Weekday", []) => Value::from(self.format("Monday")),
            ("YearDay", []) => int(i64::from(self.clock().year_day)),
            ("Day", []) => int(i64::from(self.clock().day)),
            ("Hour", []) => int(i64::from(self.clock().hour)),
            ("Minute", []) => int(i64::from(self.clock().minute)),
            ("Second", []) => int(i64::from(self.clock().second)),
            ("Nanosecond", []) => int(i64::from(self.nanos)),
            _ => return None,
        };
        Some(Ok(value))
    }

    fn text(&self) -> String {
        self.format(DEFAULT_LAYOUT)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
