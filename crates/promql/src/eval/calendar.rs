//! Days, months and years of a point in time (proleptic Gregorian calendar, UTC), without a clock.

const DAY_S: i64 = 86_400;

/// A date and the time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    /// From 1.
    pub(crate) day: i64,
    /// From 1.
    pub(crate) day_of_year: i64,
    /// From 0, which is Sunday.
    pub(crate) weekday: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

impl Moment {
    /// From seconds since the epoch.
    pub(crate) fn from_seconds(seconds: i64) -> Self {
        let (days, rest) = (seconds.div_euclid(DAY_S), seconds.rem_euclid(DAY_S));
        // Count from 1 March of year 0, so that leap days come last; 400 years have 146,097 days.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_march_year =
            day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_march_year + 2) / 153;
        let day = day_of_march_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let before: i64 = (1..month).map(|month| days_in_month(year, month)).sum();
        Self {
            year,
            month,
            day,
            day_of_year: before + day,
            weekday: (days + 4).rem_euclid(7),
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }
}

/// How many days a month has.
pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Milliseconds as `2024-01-31T12:00:00Z`.
pub(crate) fn rfc3339(time_ms: i64) -> String {
    let moment = Moment::from_seconds(time_ms / 1000);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expect, day_of_year, weekday) in [
            (0, "1970-01-01T00:00:00Z", 1, 4),
            (-1, "1969-12-31T23:59:59Z", 365, 3),
            (951_782_400, "2000-02-29T00:00:00Z", 60, 2),
            (1_735_689_599, "2024-12-31T23:59:59Z", 366, 2),
            (4_107_542_400, "2100-03-01T00:00:00Z", 60, 1),
        ] {
            assert_eq!(rfc3339(seconds * 1000), expect);
            let moment = Moment::from_seconds(seconds);
            assert_eq!((moment.day_of_year, moment.weekday), (day_of_year, weekday), "{expect}");
        }
    }
}
