//! Lines as they are, one a record: text, or a JSON object a line (JSON Lines). Not of Loki, but the
//! rows are the same. A line stays whole; of an object only the time is taken.

use jiff::Timestamp;
use watchkeep_model::stream::to_text;
use watchkeep_model::{Labels, LogColumns, Result};

use super::cursor::Cursor;
use super::rows::{EntryHead, Rows};
use super::{Fault, PushOptions, check_body};
use crate::decoded::Decoded;

/// Members that hold the time of a record.
const TIME_NAMES: [&str; 4] = ["timestamp", "time", "ts", "@timestamp"];

/// Bytes of a usual line: a guess that saves growing.
const LINE_BYTES: usize = 128;

/// Reads lines as records of one stream. `arrival_ns` is the time of those that tell none.
pub fn decode(
    body: &[u8],
    labels: &Labels,
    options: PushOptions<'_>,
    arrival_ns: i64,
) -> Result<Decoded<LogColumns>> {
    let mut rows = Rows::new(options);
    records(&mut rows, body, labels, arrival_ns).map_err(Fault::into_error)?;
    rows.finish().map_err(Fault::into_error)
}

fn records(
    rows: &mut Rows<'_>,
    body: &[u8],
    labels: &Labels,
    arrival_ns: i64,
) -> Result<(), Fault> {
    check_body(body)?;
    rows.reserve(body.len() / LINE_BYTES, body.len());
    let text = String::from_utf8_lossy(body);
    rows.warnings.invalid_utf8 += u64::from(matches!(text, std::borrow::Cow::Owned(_)));
    let stream = match to_text(labels) {
        none if none.is_empty() => "{}".to_owned(),
        text => text,
    };
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let head = EntryHead { line, metadata_count: 0, metadata_bytes: 0 };
        if rows.admits(&head, || stream.clone())? {
            rows.begin_entry(time_of(line).unwrap_or(arrival_ns), line);
            rows.end_entry();
        }
    }
    rows.end_stream(&stream, 0)
}

/// The time that a JSON object tells, nanoseconds since the epoch.
fn time_of(line: &str) -> Option<i64> {
    if !line.trim_start().starts_with('{') {
        return None;
    }
    let mut found = None;
    let mut cursor = Cursor::new(line);
    let _what_is_not_whole_may_have_told_before = cursor.object(|cursor, key| {
        if found.is_some() || !TIME_NAMES.iter().any(|name| key.plain() == Some(name)) {
            return cursor.skip();
        }
        found = match cursor.peek() {
            Some(b'"') => instant(&cursor.string()?.text()),
            Some(b'-' | b'0'..=b'9') => number(cursor.scalar()?),
            _ => {
                cursor.skip()?;
                None
            }
        };
        Ok(())
    });
    found
}

/// RFC 3339, or a number.
fn instant(text: &str) -> Option<i64> {
    let time: Option<Timestamp> = text.parse().ok();
    match time {
        Some(time) => i64::try_from(time.as_nanosecond()).ok(),
        None => number(text),
    }
}

/// Seconds, milliseconds, microseconds or nanoseconds since the epoch: what gives a year that people
/// write in.
fn number(text: &str) -> Option<i64> {
    if let Ok(whole) = text.parse::<i64>() {
        let factor = match whole.unsigned_abs() {
            0..100_000_000_000 => 1_000_000_000,
            100_000_000_000..100_000_000_000_000 => 1_000_000,
            100_000_000_000_000..100_000_000_000_000_000 => 1_000,
            _ => 1,
        };
        return whole.checked_mul(factor);
    }
    let seconds: f64 = text.parse().ok()?;
    (seconds.abs() < 9.2e9).then_some((seconds * 1e9) as i64)
}
