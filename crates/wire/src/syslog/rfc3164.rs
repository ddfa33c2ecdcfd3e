//! RFC 3164, as leniently as it is written: every part of the head may be missing.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use super::Message;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_NS: i64 = 86_400_000_000_000;

/// Reads what follows the priority.
pub(super) fn parse(text: &str, arrival_ns: i64) -> Message<'_> {
    let mut message = Message::default();
    let mut rest = text;
    if let Some((time_ns, after)) = time(text, arrival_ns) {
        message.time_ns = Some(time_ns);
        rest = after.trim_start_matches(' ');
        // Programs that write to the local socket leave the host out: then a tag comes first.
        if let Some((host, after)) = rest.split_once(' ')
            && !host.contains([':', '['])
        {
            message.hostname = host;
            rest = after;
        }
    }
    if let Some((app_name, proc_id, after)) = tag(rest) {
        message.app_name = app_name;
        message.proc_id = proc_id;
        rest = after;
    }
    message.text = rest.strip_prefix(' ').unwrap_or(rest);
    message
}

/// `app:` or `app[process]:` and what follows.
fn tag(text: &str) -> Option<(&str, &str, &str)> {
    const NAME_BYTES_MAX: usize = 48;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    let end = text.bytes().position(|byte| !is_name(byte))?;
    if end == 0 || end > NAME_BYTES_MAX {
        return None;
    }
    let (name, rest) = text.split_at_checked(end)?;
    if let Some(rest) = rest.strip_prefix(':') {
        return Some((name, "", rest));
    }
    let (process, rest) = rest.strip_prefix('[')?.split_once(']')?;
    Some((name, process, rest.strip_prefix(':').unwrap_or(rest)))
}

/// A time at the start: `Nov 18 10:00:00`, or RFC 3339 as newer programs write.
fn time(text: &str, arrival_ns: i64) -> Option<(i64, &str)> {
    if let Some((word, rest)) = text.split_once(' ')
        && let Ok(time) = word.parse::<jiff::Timestamp>()
    {
        return Some((i64::try_from(time.as_nanosecond()).ok()?, rest));
    }
    let head = text.get(..15)?;
    let month = MONTHS.iter().position(|month| head.get(..3) == Some(month))? as i8 + 1;
    if head.as_bytes().get(3) != Some(&b' ') || head.as_bytes().get(6) != Some(&b' ') {
        return None;
    }
    let day: i8 = head.get(4..6)?.trim_start().parse().ok()?;
    let number = |range: std::ops::Range<usize>| head.get(range)?.parse::<i8>().ok();
    let time = Time::new(number(7..9)?, number(10..12)?, number(13..15)?, 0).ok()?;
    let arrival = jiff::Timestamp::from_nanosecond(i128::from(arrival_ns)).ok()?;
    let year = Offset::UTC.to_datetime(arrival).year();
    // The year that puts it nearest before the arrival; clocks may differ by a day.
    let of_year = |year: i16| -> Option<i64> {
        let date = Date::new(year, month, day).ok()?;
        let instant = Offset::UTC.to_timestamp(DateTime::from_parts(date, time)).ok()?;
        i64::try_from(instant.as_nanosecond()).ok()
    };
    let years = [year.checked_add(1)?, year, year.checked_sub(1)?];
    let latest_ns = arrival_ns.saturating_add(DAY_NS);
    let found = years.into_iter().filter_map(of_year).find(|time_ns| *time_ns <= latest_ns)?;
    Some((found, text.get(15..)?))
}
