//! In which time an amount may be spent: a stretch of the calendar in some time zone, or the last so
//! many hours.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};
use serde::{Deserialize, Serialize};

use super::definition::Wrong;
use crate::humane::{HumaneDuration, short};

const MINUTE_NS: i64 = 60 * 1_000_000_000;
const ROLLING_MIN: Duration = Duration::from_mins(1);
const ROLLING_MAX: Duration = Duration::from_hours(90 * 24);
/// Buckets of a rolling window: what was spent leaves in steps of one.
const ROLLING_BUCKETS: i64 = 120;

/// A stretch of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calendar {
    /// From a full hour.
    Hour,
    /// From midnight.
    Day,
    /// From Monday.
    Week,
    /// From the first.
    Month,
}

/// In which time an amount may be spent. One of `calendar` and `rolling` is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// A stretch of the calendar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
    /// The time zone of the calendar by its IANA name; UTC without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The last so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolling: Option<HumaneDuration>,
}

/// A window that was checked.
#[derive(Debug, Clone)]
pub(super) enum Frame {
    Calendar { stretch: Calendar, zone: TimeZone },
    Rolling { length_ns: i64 },
}

/// A stretch of time: `start_ns <= t < end_ns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    /// First instant inside, nanoseconds since the epoch.
    pub start_ns: i64,
    /// First instant after it.
    pub end_ns: i64,
}

impl Window {
    pub(super) fn frame(&self) -> Result<Frame, Wrong> {
        match (self.calendar, self.rolling) {
            (Some(stretch), None) => {
                let name = self.time_zone.as_deref().unwrap_or("UTC");
                let zone = TimeZone::get(name).map_err(|_| {
                    let message = format!(
                        "must be a time zone such as Europe/Berlin or UTC, got {:?}",
                        short(name)
                    );
                    Wrong::new("window.time_zone", message)
                })?;
                Ok(Frame::Calendar { stretch, zone })
            }
            (None, Some(_)) if self.time_zone.is_some() => {
                Err(Wrong::new("window.time_zone", "is for calendar windows only"))
            }
            (None, Some(HumaneDuration(length))) => {
                if length < ROLLING_MIN || length > ROLLING_MAX {
                    return Err(Wrong::new("window.rolling", "must be 1m to 90d"));
                }
                Ok(Frame::Rolling { length_ns: length.as_nanos() as i64 })
            }
            _ => Err(Wrong::new("window", "must have one of calendar and rolling")),
        }
    }
}

impl Frame {
    /// The period that an instant is in; of a rolling window the one that ends with it.
    pub(super) fn period(&self, now_ns: i64) -> Period {
        match self {
            Self::Rolling { length_ns } => {
                Period { start_ns: now_ns.saturating_sub(*length_ns), end_ns: now_ns }
            }
            Self::Calendar { stretch, zone } => {
                // Fails at the ends of the calendar only, some 8,000 years from here.
                let stretch = calendar_period(*stretch, zone, now_ns).ok().flatten();
                stretch.unwrap_or(Period { start_ns: i64::MIN, end_ns: i64::MAX })
            }
        }
    }

    /// Length of the buckets that spending is counted in.
    pub(super) fn bucket_ns(&self) -> i64 {
        match self {
            Self::Calendar { .. } => 10 * MINUTE_NS,
            Self::Rolling { length_ns } => (length_ns / ROLLING_BUCKETS).max(1_000_000_000),
        }
    }

    pub(super) fn rolling_ns(&self) -> Option<i64> {
        match self {
            Self::Rolling { length_ns } => Some(*length_ns),
            Self::Calendar { .. } => None,
        }
    }
}

fn calendar_period(
    stretch: Calendar,
    zone: &TimeZone,
    now_ns: i64,
) -> Result<Option<Period>, jiff::Error> {
    let now = Timestamp::from_nanosecond(i128::from(now_ns))?.to_zoned(zone.clone());
    let date = now.date();
    let (first, next) = match stretch {
        Calendar::Hour => {
            let into = i64::from(now.minute()) * 60 + i64::from(now.second());
            let start = now.timestamp().as_second() - into;
            let start = Timestamp::from_second(start)?.to_zoned(zone.clone());
            let end = start.checked_add(1.hour())?;
            return Ok(period(&start, &end));
        }
        Calendar::Day => (date, date.tomorrow()?),
        Calendar::Week => {
            let since = i64::from(date.weekday().to_monday_zero_offset());
            let first = date.checked_sub(since.days())?;
            (first, first.checked_add(7.days())?)
        }
        Calendar::Month => {
            let first = date.first_of_month();
            (first, first.checked_add(1.month())?)
        }
    };
    Ok(period(&first.to_zoned(zone.clone())?, &next.to_zoned(zone.clone())?))
}

fn period(start: &Zoned, end: &Zoned) -> Option<Period> {
    let ns = |at: &Zoned| i64::try_from(at.timestamp().as_nanosecond()).ok();
    Some(Period { start_ns: ns(start)?, end_ns: ns(end)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        i64::try_from(text.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap()
    }

    #[test]
    fn periods_follow_the_calendar_of_their_zone() {
        let cases = [
            (Calendar::Hour, "UTC", "2026-03-05T10:59:59.5Z", "2026-03-05T10:00:00Z", 1),
            (Calendar::Hour, "Asia/Kolkata", "2026-03-05T10:10:00Z", "2026-03-05T09:30:00Z", 1),
            (Calendar::Day, "UTC", "2026-03-05T00:00:00Z", "2026-03-05T00:00:00Z", 24),
            (Calendar::Day, "Europe/Berlin", "2026-03-05T23:30:00Z", "2026-03-05T23:00:00Z", 24),
            // The night without the hour from two to three, and the one that has it twice.
            (Calendar::Day, "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", 23),
            (Calendar::Day, "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", 25),
            (Calendar::Hour, "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", 1),
            (Calendar::Week, "UTC", "2026-11-22T23:59:59Z", "2026-11-16T00:00:00Z", 168),
            (Calendar::Week, "UTC", "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", 168),
            (Calendar::Month, "UTC", "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", 29 * 24),
            (
                Calendar::Month,
                "America/New_York",
                "2026-12-01T03:00:00Z",
                "2026-11-01T04:00:00Z",
                30 * 24 + 1,
            ),
        ];
        for (stretch, zone, now, start, hours) in cases {
            let frame = Frame::Calendar { stretch, zone: TimeZone::get(zone).unwrap() };
            let period = frame.period(at(now));
            assert_eq!(period.start_ns, at(start), "{stretch:?} {zone} {now}");
            let length = period.end_ns - period.start_ns;
            assert_eq!(length, hours * 3_600_000_000_000, "{stretch:?} {zone} {now}");
        }
    }

    #[test]
    fn a_window_that_is_wrong_names_its_member() {
        let rolling = |text: &str| Window {
            rolling: Some(HumaneDuration(crate::humane::parse_duration(text).unwrap())),
            ..Window::default()
        };
        let zone = |name: &str| Window {
            calendar: Some(Calendar::Day),
            time_zone: Some(name.into()),
            ..Window::default()
        };
        for (window, field) in [
            (Window::default(), "window"),
            (rolling("59s"), "window.rolling"),
            (rolling("91d"), "window.rolling"),
            (zone("Europe/Atlantis"), "window.time_zone"),
            (Window { calendar: None, ..zone("UTC") }, "window"),
            (Window { time_zone: Some("UTC".into()), ..rolling("1h") }, "window.time_zone"),
            (Window { calendar: Some(Calendar::Day), ..rolling("1h") }, "window"),
        ] {
            assert_eq!(window.frame().unwrap_err().field, field, "{window:?}");
        }
        assert!(rolling("90d").frame().is_ok());
    }
}
