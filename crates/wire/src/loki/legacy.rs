//! Push requests as JSON in the form of `/api/prom/push`:
//! `{"streams":[{"labels":"{…}","entries":[{"ts":"<RFC 3339>","line":"…"}]}]}`.

use jiff::Timestamp;
use watchkeep_model::{LogColumns, Result};

use super::cursor::Cursor;
use super::json::request;
use super::rows::{EntryHead, Rows};
use super::{Fault, PushOptions};
use crate::decoded::Decoded;

/// Decodes a push request of the older form.
pub fn decode(body: &[u8], options: PushOptions<'_>) -> Result<Decoded<LogColumns>> {
    let mut rows = Rows::new(options);
    request(&mut rows, body, stream).map_err(Fault::into_error)?;
    rows.finish().map_err(Fault::into_error)
}

fn stream(rows: &mut Rows<'_>, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    let from = rows.len();
    let mut labels = String::new();
    cursor.object(|cursor, key| match &*key.text() {
        "labels" => {
            labels = cursor.string()?.text().into_owned();
            Ok(())
        }
        "entries" if !cursor.take_null() => cursor.array(|cursor, _| entry(rows, cursor, &labels)),
        "entries" => Ok(()),
        _ => cursor.skip(),
    })?;
    rows.end_stream(&labels, from)
}

fn entry(rows: &mut Rows<'_>, cursor: &mut Cursor<'_>, labels: &str) -> Result<(), Fault> {
    let mut time_ns = None;
    let mut line = std::borrow::Cow::Borrowed("");
    let mut metadata: Vec<(String, String)> = Vec::new();
    let mut metadata_bytes = 0;
    cursor.object(|cursor, key| {
        match &*key.text() {
            "ts" | "timestamp" => time_ns = Some(timestamp(cursor)?),
            "line" => line = cursor.string()?.text(),
            "structuredMetadata" if !cursor.take_null() => cursor.object(|cursor, name| {
                let value = cursor.string()?;
                metadata_bytes += name.len() + value.len();
                metadata.push((name.text().into_owned(), value.text().into_owned()));
                Ok(())
            })?,
            "structuredMetadata" => {}
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    let Some(time_ns) = time_ns else { return Err(cursor.fault("an entry has no timestamp")) };
    let metadata_count = metadata.len();
    let head = EntryHead { line: &line, metadata_count, metadata_bytes };
    if !rows.admits(&head, || labels.to_owned())? {
        return Ok(());
    }
    rows.begin_entry(time_ns, &line);
    for (name, value) in &metadata {
        rows.metadata(name, value);
    }
    rows.end_entry();
    Ok(())
}

fn timestamp(cursor: &mut Cursor<'_>) -> Result<i64, Fault> {
    let text = cursor.string()?.text();
    let time: Option<Timestamp> = text.parse().ok();
    time.and_then(|time| i64::try_from(time.as_nanosecond()).ok())
        .ok_or_else(|| cursor.fault("a timestamp is not in RFC 3339"))
}
