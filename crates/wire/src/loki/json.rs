//! Push requests as JSON: `{"streams":[{"stream":{…},"values":[["<ns>","line",{…}],…]}]}`, walked in
//! place. Timestamps are strings, as in Loki: a number would have lost its last digits on the way.

use watchkeep_model::{Labels, LogColumns, Result};

use super::cursor::{Cursor, Raw};
use super::rows::{EntryHead, Rows};
use super::{Fault, PushOptions, check_body};
use crate::decoded::Decoded;

/// Bytes of a usual entry: a guess that saves growing.
const ENTRY_BYTES: usize = 128;

/// What Loki says where something else than a string stands.
const NO_STRING: &str = "loghttp.PushRequest.Streams: []loghttp.LogProtoStream: \
     unmarshalerDecoder: Value is string, but can't find closing '\"' symbol";

/// What Loki says of a timestamp that is no number.
const NO_NUMBER: &str = "loghttp.PushRequest.Streams: []loghttp.LogProtoStream: \
     unmarshalerDecoder: Value looks like Number/Boolean/None, but can't find its end: ',' or '}' \
     symbol";

/// Decodes a push request.
pub fn decode(body: &[u8], options: PushOptions<'_>) -> Result<Decoded<LogColumns>> {
    let mut rows = Rows::new(options);
    request(&mut rows, body, stream).map_err(Fault::into_error)?;
    rows.finish().map_err(Fault::into_error)
}

/// Reads the streams of a request, of which the forms differ in how a stream is written.
pub(super) fn request(
    rows: &mut Rows<'_>,
    body: &[u8],
    stream: fn(&mut Rows<'_>, &mut Cursor<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    check_body(body)?;
    rows.reserve(body.len() / ENTRY_BYTES, body.len());
    let text = String::from_utf8_lossy(body);
    rows.warnings.invalid_utf8 += u64::from(matches!(text, std::borrow::Cow::Owned(_)));
    let mut cursor = Cursor::new(&text);
    cursor.object(|cursor, key| match &*key.text() {
        "streams" if !cursor.take_null() => cursor.array(|cursor, _| stream(rows, cursor)),
        "streams" => Ok(()),
        _ => cursor.skip(),
    })?;
    cursor.end()
}

fn stream(rows: &mut Rows<'_>, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    if cursor.take_null() {
        return Ok(());
    }
    let from = rows.len();
    let mut labels = String::from("{}");
    cursor.object(|cursor, key| match &*key.text() {
        "stream" => {
            labels = label_set(cursor)?;
            Ok(())
        }
        "values" if !cursor.take_null() => {
            cursor.array(
                |cursor, _| {
                    if cursor.take_null() { Ok(()) } else { entry(rows, cursor, &labels) }
                },
            )
        }
        "values" => Ok(()),
        _ => cursor.skip(),
    })?;
    rows.end_stream(&labels, from)
}

/// The labels of a stream as the text that the other form of requests has. Names are not quoted, so
/// that one that is none is refused.
fn label_set(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    cursor.object(|cursor, key| {
        let value = match cursor.peek() {
            Some(b'"') => cursor.string()?.text().into_owned(),
            Some(b'{' | b'[') => return Err(cursor.fault(NO_STRING)),
            _ => cursor.scalar()?.to_owned(),
        };
        pairs.push((key.text().into_owned(), value));
        Ok(())
    })?;
    if let Some((name, _)) = pairs.iter().find(|(name, _)| name.contains(['=', '"', '\\', '}'])) {
        let shown: String = name.chars().take(64).collect();
        let message = format!("couldn't parse labels: {shown:?} is not the name of a label");
        return Err(Fault::Malformed(message));
    }
    let text = watchkeep_model::stream::to_text(&Labels::from_pairs(pairs));
    Ok(if text.is_empty() { "{}".to_owned() } else { text })
}

fn entry(rows: &mut Rows<'_>, cursor: &mut Cursor<'_>, labels: &str) -> Result<(), Fault> {
    let mut time_ns = None;
    let mut line: Option<Raw<'_>> = None;
    let mut metadata = None;
    cursor.array(|cursor, number| match number {
        0 => {
            time_ns = Some(timestamp(cursor)?);
            Ok(())
        }
        1 => {
            line = Some(string(cursor)?);
            Ok(())
        }
        2 => {
            if cursor.peek() != Some(b'{') {
                return Err(cursor.fault(
                    "loghttp.PushRequest.Streams: []loghttp.LogProtoStream: unmarshalerDecoder: \
                     Value looks like object, but can't find closing '}' symbol",
                ));
            }
            metadata = Some(cursor.clone());
            cursor.skip()
        }
        _ => cursor.skip(),
    })?;
    let Some(time_ns) = time_ns else { return Err(cursor.fault("an entry has no timestamp")) };
    let (mut metadata_count, mut metadata_bytes) = (0, 0);
    if let Some(mut cursor) = metadata.clone() {
        cursor.object(|cursor, name| {
            metadata_count += 1;
            metadata_bytes += name.len() + string(cursor)?.len();
            Ok(())
        })?;
    }
    let mut scratch = std::mem::take(&mut rows.scratch);
    let text = match &line {
        None => "",
        Some(line) => line.plain().unwrap_or_else(|| {
            scratch.clear();
            line.write(&mut scratch);
            &scratch
        }),
    };
    let head = EntryHead { line: text, metadata_count, metadata_bytes };
    let admitted = rows.admits(&head, || labels.to_owned());
    if matches!(admitted, Ok(true)) {
        rows.begin_entry(time_ns, text);
    }
    rows.scratch = scratch;
    if !admitted? {
        return Ok(());
    }
    if let Some(mut cursor) = metadata {
        cursor.object(|cursor, name| {
            let value = string(cursor)?;
            rows.metadata(&name.text(), &value.text());
            Ok(())
        })?;
    }
    rows.end_entry();
    Ok(())
}

/// A string, or Loki's words about something else.
fn string<'a>(cursor: &mut Cursor<'a>) -> Result<Raw<'a>, Fault> {
    if cursor.peek() == Some(b'"') { cursor.string() } else { Err(cursor.fault(NO_STRING)) }
}

/// Nanoseconds since the epoch, as a string.
fn timestamp(cursor: &mut Cursor<'_>) -> Result<i64, Fault> {
    if cursor.peek() != Some(b'"') {
        return Err(cursor.fault(format_args!("{NO_STRING} (a timestamp is a string)")));
    }
    let text = cursor.string()?;
    text.plain().and_then(|text| text.parse().ok()).ok_or_else(|| cursor.fault(NO_NUMBER))
}
