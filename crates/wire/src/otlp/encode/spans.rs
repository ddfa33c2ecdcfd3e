//! Columns of spans back to OTLP protobuf, for the answers of APIs that speak it. What was decoded
//! comes out as it went in, but for what the limits took and for attributes of the resource that
//! stood twice.

use std::fmt;

use hashbrown::HashMap;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use watchkeep_model::{DictColumn, Result, SpanColumns, SpanId, TraceId};

use super::value::{EntriesSeed, read, write_entry, write_object};
use crate::protobuf::Writer;

/// Encodes rows of spans as `TracesData` (the form of `ExportTraceServiceRequest` too). Spans of one
/// resource and scope stand together, groups as they first come and spans in the order given.
pub fn encode_traces(spans: &SpanColumns, rows: &[u32]) -> Result<Vec<u8>> {
    let mut writer = Writer::default();
    let rows = grouped(spans, rows);
    for of_resource in rows.chunk_by(|(a, _), (b, _)| a.resource == b.resource) {
        let Some((keys, _)) = of_resource.first() else { continue };
        let resource_spans = writer.begin_message(1);
        let message = writer.begin_message(1);
        write_object(&mut writer, 1, text_of(&spans.resource, keys.resource))?;
        writer.end_message(message);
        for of_scope in of_resource.chunk_by(|(a, _), (b, _)| a == b) {
            write_scope_spans(spans, of_scope, &mut writer)?;
        }
        writer.end_message(resource_spans);
    }
    Ok(writer.into_bytes())
}

/// Keys of what spans of a group share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct GroupKeys {
    resource: u32,
    scope_name: u32,
    scope_version: u32,
    scope_attributes: u32,
    schema_url: u32,
}

/// The rows and their groups, ordered by where the resource, then the scope, first came.
#[expect(clippy::indexing_slicing, reason = "the caller's rows are those of the table")]
fn grouped(spans: &SpanColumns, rows: &[u32]) -> Vec<(GroupKeys, u32)> {
    let key = |column: &DictColumn, row: u32| column.parts().1[row as usize];
    let mut places: HashMap<u32, usize> = HashMap::new();
    let mut groups: HashMap<GroupKeys, usize> = HashMap::new();
    let mut found: Vec<(GroupKeys, u32)> = rows
        .iter()
        .map(|row| {
            let keys = GroupKeys {
                resource: key(&spans.resource, *row),
                scope_name: key(&spans.scope_name, *row),
                scope_version: key(&spans.scope_version, *row),
                scope_attributes: key(&spans.scope_attributes, *row),
                schema_url: key(&spans.schema_url, *row),
            };
            let next = places.len();
            places.entry(keys.resource).or_insert(next);
            let next = groups.len();
            groups.entry(keys).or_insert(next);
            (keys, *row)
        })
        .collect();
    found.sort_by_key(|(keys, _)| (places.get(&keys.resource), groups.get(keys)));
    found
}

fn text_of(column: &DictColumn, key: u32) -> &str {
    column.parts().0.get(key as usize)
}

/// Writes spans that share a resource and scope.
fn write_scope_spans(
    spans: &SpanColumns,
    rows: &[(GroupKeys, u32)],
    writer: &mut Writer,
) -> Result<()> {
    let Some((keys, _)) = rows.first() else { return Ok(()) };
    let scope_spans = writer.begin_message(2);
    let scope = writer.begin_message(1);
    write_text(writer, 1, text_of(&spans.scope_name, keys.scope_name));
    write_text(writer, 2, text_of(&spans.scope_version, keys.scope_version));
    write_object(writer, 3, text_of(&spans.scope_attributes, keys.scope_attributes))?;
    writer.end_message(scope);
    for (_, row) in rows {
        let span = writer.begin_message(2);
        write_span(spans, *row as usize, writer)?;
        writer.end_message(span);
    }
    write_text(writer, 3, text_of(&spans.schema_url, keys.schema_url));
    writer.end_message(scope_spans);
    Ok(())
}

fn write_text(writer: &mut Writer, number: u32, text: &str) {
    if !text.is_empty() {
        writer.bytes(number, text.as_bytes());
    }
}

fn write_count(writer: &mut Writer, number: u32, count: u32) {
    if count > 0 {
        writer.varint(number, u64::from(count));
    }
}

#[expect(clippy::indexing_slicing, reason = "the caller's rows are those of the table")]
fn write_span(spans: &SpanColumns, row: usize, writer: &mut Writer) -> Result<()> {
    writer.bytes(1, &spans.trace_id[row]);
    writer.bytes(2, &spans.span_id[row]);
    write_text(writer, 3, spans.trace_state.get(row));
    let parent = SpanId(spans.parent_span_id[row]);
    if parent.is_some() {
        writer.bytes(4, &parent.0);
    }
    write_text(writer, 5, spans.name.get(row));
    write_count(writer, 6, u32::from(spans.kind[row]));
    let start = spans.start_ns[row];
    writer.fixed64(7, start as u64);
    writer.fixed64(8, start.wrapping_add(spans.duration_ns[row]) as u64);
    for entry in spans.attributes.row(row) {
        write_entry(writer, 9, entry)?;
    }
    write_count(writer, 10, spans.dropped_attributes[row]);
    write_rows(writer, 11, spans.events.get(row), &EVENT)?;
    write_count(writer, 12, spans.dropped_events[row]);
    write_rows(writer, 13, spans.links.get(row), &LINK)?;
    write_count(writer, 14, spans.dropped_links[row]);
    let (code, message) = (spans.status_code[row], spans.status_message.get(row));
    if code != 0 || !message.is_empty() {
        let status = writer.begin_message(15);
        write_text(writer, 2, message);
        write_count(writer, 3, u32::from(code));
        writer.end_message(status);
    }
    if spans.flags[row] != 0 {
        writer.fixed32(16, spans.flags[row]);
    }
    Ok(())
}

/// How a member of an event or link is written.
#[derive(Clone, Copy)]
enum Member {
    Fixed64,
    Text,
    Attributes,
    Count,
    Fixed32,
    TraceId,
    SpanId,
}

type Members = [(&'static str, u32, Member)];

/// See [`watchkeep_model::spans::EventRow`].
const EVENT: [(&str, u32, Member); 4] = [
    ("time_unix_nano", 1, Member::Fixed64),
    ("name", 2, Member::Text),
    ("attributes", 3, Member::Attributes),
    ("dropped_attributes_count", 4, Member::Count),
];

/// See [`watchkeep_model::spans::LinkRow`].
const LINK: [(&str, u32, Member); 6] = [
    ("trace_id", 1, Member::TraceId),
    ("span_id", 2, Member::SpanId),
    ("trace_state", 3, Member::Text),
    ("attributes", 4, Member::Attributes),
    ("dropped_attributes_count", 5, Member::Count),
    ("flags", 6, Member::Fixed32),
];

/// Appends a stored array of events or links as repeated messages.
fn write_rows(
    writer: &mut Writer,
    number: u32,
    text: &str,
    members: &'static Members,
) -> Result<()> {
    if text.is_empty() { Ok(()) } else { read(text, RowsSeed { writer, number, members }) }
}

struct RowsSeed<'w> {
    writer: &'w mut Writer,
    number: u32,
    members: &'static Members,
}

impl<'de> DeserializeSeed<'de> for RowsSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events or links")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let Self { writer, number, members } = self;
        loop {
            let before = writer.position();
            let row = writer.begin_message(number);
            if rows.next_element_seed(RowSeed { writer: &mut *writer, members })?.is_none() {
                writer.take_back(before);
                return Ok(());
            }
            writer.end_message(row);
        }
    }
}

struct RowSeed<'w> {
    writer: &'w mut Writer,
    members: &'static Members,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event or link")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { writer, members } = self;
        while let Some(name) = map.next_key::<String>()? {
            let member = members.iter().find(|(other, ..)| *other == name);
            let Some((_, number, member)) = member else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            match member {
                Member::Fixed64 => writer.fixed64(*number, map.next_value::<i64>()? as u64),
                Member::Fixed32 => writer.fixed32(*number, map.next_value()?),
                Member::Count => write_count(writer, *number, map.next_value()?),
                Member::Text => write_text(writer, *number, &map.next_value::<String>()?),
                Member::TraceId => {
                    let id = TraceId::parse_hex(&map.next_value::<String>()?);
                    writer.bytes(*number, &id.map_err(A::Error::custom)?.0);
                }
                Member::SpanId => {
                    let id = SpanId::parse_hex(&map.next_value::<String>()?);
                    writer.bytes(*number, &id.map_err(A::Error::custom)?.0);
                }
                Member::Attributes => map.next_value_seed(EntriesSeed {
                    writer: &mut *writer,
                    number: *number,
                    wrapped: false,
                    depth: 0,
                })?,
            }
        }
        Ok(())
    }
}
