//! OTLP traces to columns of spans.
//!
//! A span whose ids are not 16 and 8 bytes, or all zero, is rejected alone. A parent id of another
//! length counts as none. A kind or status out of range counts as unspecified. A span without an
//! end has the duration 0.

use std::fmt::Write as _;

use watchkeep_model::attributes::write_json_string;
use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{Result, SpanColumns, SpanId, TraceId};

use super::common::{Context, Group, Repeated, check_columns};
use super::{Decoded, Fault, Signal, check_body};
use crate::protobuf::{Malformed, Reader};

/// Decodes an `ExportTraceServiceRequest` (or `TracesData`, which has the same form).
pub fn decode_traces(body: &[u8], limits: &DecodeLimits) -> Result<Decoded<SpanColumns>> {
    check_body(body, Signal::Traces)?;
    let mut decoder = Decoder { context: Context::new(limits), columns: SpanColumns::default() };
    // Most of a body is texts of attributes.
    decoder.columns.attributes.reserve_texts(body.len());
    decoder.request(Reader::new(body)).map_err(|fault| fault.into_error(Signal::Traces))?;
    let Context { warnings, rejections, .. } = decoder.context;
    Ok(Decoded {
        columns: decoder.columns,
        rejected: rejections.total,
        message: rejections.message(Signal::Traces.items()),
        warnings,
    })
}

struct Decoder {
    context: Context,
    columns: SpanColumns,
}

/// Keys of what all spans of a scope share.
struct ScopeKeys {
    service: u32,
    resource: u32,
    scope_name: u32,
    scope_version: u32,
    scope_attributes: u32,
    schema_url: u32,
}

/// The fields of a span, found in a first pass, since they may come in any order.
struct SpanFields<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent_span_id: &'a [u8],
    trace_state: &'a [u8],
    name: &'a [u8],
    kind: i32,
    start: u64,
    end: u64,
    flags: u32,
    status: Option<Reader<'a>>,
    attributes: Repeated<'a>,
    dropped_attributes: u32,
    events: Repeated<'a>,
    dropped_events: u32,
    links: Repeated<'a>,
    dropped_links: u32,
}

impl<'a> SpanFields<'a> {
    fn read(reader: Reader<'a>) -> Result<Self, Malformed> {
        let mut span = Self {
            trace_id: &[],
            span_id: &[],
            parent_span_id: &[],
            trace_state: &[],
            name: &[],
            kind: 0,
            start: 0,
            end: 0,
            flags: 0,
            status: None,
            attributes: Repeated::none(reader, 9),
            dropped_attributes: 0,
            events: Repeated::none(reader, 11),
            dropped_events: 0,
            links: Repeated::none(reader, 13),
            dropped_links: 0,
        };
        let mut rest = reader;
        while let Some(field) = rest.field()? {
            match field.number {
                1 => span.trace_id = field.bytes()?,
                2 => span.span_id = field.bytes()?,
                3 => span.trace_state = field.bytes()?,
                4 => span.parent_span_id = field.bytes()?,
                5 => span.name = field.bytes()?,
                6 => span.kind = field.int32()?,
                7 => span.start = field.fixed64()?,
                8 => span.end = field.fixed64()?,
                9 => span.attributes.see(&field),
                10 => span.dropped_attributes = field.uint32()?,
                11 => span.events.see(&field),
                12 => span.dropped_events = field.uint32()?,
                13 => span.links.see(&field),
                14 => span.dropped_links = field.uint32()?,
                15 => span.status = Some(field.message()?),
                16 => span.flags = field.fixed32()?,
                _ => {}
            }
        }
        Ok(span)
    }
}

/// An enumeration's value, or 0 where it is none of those known.
fn code(value: i32, max: u8) -> u8 {
    u8::try_from(value).ok().filter(|code| *code <= max).unwrap_or(0)
}

/// Nanoseconds since the epoch; what is beyond the year 2262 becomes that year.
pub(super) fn instant(nanoseconds: u64) -> i64 {
    i64::try_from(nanoseconds).unwrap_or(i64::MAX)
}

impl Decoder {
    fn request(&mut self, mut reader: Reader<'_>) -> Result<(), Fault> {
        while let Some(field) = reader.field()? {
            if field.number == 1 {
                self.resource_spans(field.message()?)?;
            }
        }
        Ok(())
    }

    fn resource_spans(&mut self, reader: Reader<'_>) -> Result<(), Fault> {
        let mut group = Group::read(reader)?;
        let resource = self.context.resource(group.head)?;
        let service = self.columns.service.intern(&resource.service);
        let resource = self.columns.resource.intern(&resource.json);
        while let Some(field) = group.items.next()? {
            let mut spans = Group::read(field.message()?)?;
            let scope = self.context.scope(spans.head)?;
            let schema_url =
                if spans.schema_url.is_empty() { group.schema_url } else { spans.schema_url };
            let keys = ScopeKeys {
                service,
                resource,
                scope_name: self.columns.scope_name.intern(&scope.name),
                scope_version: self.columns.scope_version.intern(&scope.version),
                scope_attributes: self.columns.scope_attributes.intern(&scope.attributes),
                schema_url: self.columns.schema_url.intern(&self.context.text(schema_url)),
            };
            while let Some(field) = spans.items.next()? {
                self.span(&SpanFields::read(field.message()?)?, &keys)?;
                self.check_size()?;
            }
        }
        Ok(())
    }

    fn check_size(&self) -> Result<(), Fault> {
        let columns = &self.columns;
        let (_, _, values, _) = columns.attributes.parts();
        check_columns(
            values.parts().1.len()
                + columns.events.parts().1.len()
                + columns.links.parts().1.len()
                + columns.resource.parts().0.parts().1.len(),
        )
    }

    fn span(&mut self, span: &SpanFields<'_>, keys: &ScopeKeys) -> Result<(), Malformed> {
        let trace_id = <[u8; 16]>::try_from(span.trace_id).unwrap_or_default();
        let span_id = <[u8; 8]>::try_from(span.span_id).unwrap_or_default();
        let missing = if trace_id == [0; 16] {
            Some("the trace id is not 16 bytes or is all zero")
        } else if span_id == [0; 8] {
            Some("the span id is not 8 bytes or is all zero")
        } else {
            None
        };
        if let Some(reason) = missing {
            let name = self.context.text(span.name);
            self.context.rejections.add(reason, 1, &name);
            return Ok(());
        }
        let (context, columns) = (&mut self.context, &mut self.columns);
        columns.trace_id.push(trace_id);
        columns.span_id.push(span_id);
        columns.parent_span_id.push(context.id_or_none(span.parent_span_id));
        let (start, end) = (instant(span.start), instant(span.end));
        columns.start_ns.push(start);
        columns.duration_ns.push(if end == 0 { 0 } else { end - start });
        columns.name.push(&context.text(span.name));
        columns.kind.push(code(span.kind, 5));
        columns.service.push_key(keys.service);
        columns.resource.push_key(keys.resource);
        columns.scope_name.push_key(keys.scope_name);
        columns.scope_version.push_key(keys.scope_version);
        columns.scope_attributes.push_key(keys.scope_attributes);
        columns.schema_url.push_key(keys.schema_url);
        columns.trace_state.push(&context.text(span.trace_state));
        columns.flags.push(span.flags);
        let dropped = context.push_row(span.attributes, &mut columns.attributes)?;
        columns.dropped_attributes.push(span.dropped_attributes.saturating_add(dropped));
        self.status(span.status)?;
        self.events(span)?;
        self.links(span)
    }

    fn status(&mut self, reader: Option<Reader<'_>>) -> Result<(), Malformed> {
        let (mut message, mut status) = (&[][..], 0);
        if let Some(mut reader) = reader {
            while let Some(field) = reader.field()? {
                match field.number {
                    2 => message = field.bytes()?,
                    3 => status = field.int32()?,
                    _ => {}
                }
            }
        }
        self.columns.status_code.push(code(status, 2));
        self.columns.status_message.push(&self.context.text(message));
        Ok(())
    }

    fn events(&mut self, span: &SpanFields<'_>) -> Result<(), Malformed> {
        let (context, columns) = (&mut self.context, &mut self.columns);
        let mut events = span.events;
        let mut outcome = Ok(());
        columns.events.push_with(|out| outcome = write_events(context, &mut events, out));
        outcome?;
        context.warnings.dropped_events += events.left as u64;
        let dropped = u32::try_from(events.left).unwrap_or(u32::MAX);
        columns.dropped_events.push(span.dropped_events.saturating_add(dropped));
        Ok(())
    }

    fn links(&mut self, span: &SpanFields<'_>) -> Result<(), Malformed> {
        let (context, columns) = (&mut self.context, &mut self.columns);
        let mut links = span.links;
        let mut dropped = Ok(0);
        columns.links.push_with(|out| dropped = write_links(context, &mut links, out));
        let dropped = dropped?.saturating_add(u32::try_from(links.left).unwrap_or(u32::MAX));
        context.warnings.dropped_links += u64::from(dropped);
        columns.dropped_links.push(span.dropped_links.saturating_add(dropped));
        Ok(())
    }
}

/// Writes events (see [`watchkeep_model::spans::EventRow`]) up to the limit.
fn write_events(
    context: &mut Context,
    events: &mut Repeated<'_>,
    out: &mut String,
) -> Result<(), Malformed> {
    let mut separator = '[';
    for _ in 0..context.limits.events_per_span_max {
        let Some(field) = events.next()? else { break };
        let reader = field.message()?;
        let (mut time, mut name, mut dropped) = (0, &[][..], 0);
        let mut attributes = Repeated::none(reader, 3);
        let mut rest = reader;
        while let Some(field) = rest.field()? {
            match field.number {
                1 => time = field.fixed64()?,
                2 => name = field.bytes()?,
                3 => attributes.see(&field),
                4 => dropped = field.uint32()?,
                _ => {}
            }
        }
        let _infallible =
            write!(out, "{separator}{{\"time_unix_nano\":{},\"name\":", instant(time));
        separator = ',';
        write_json_string(out, &context.text(name));
        out.push_str(",\"attributes\":");
        let dropped = dropped.saturating_add(context.write_object(attributes, out)?);
        let _infallible = write!(out, ",\"dropped_attributes_count\":{dropped}}}");
    }
    if separator == ',' {
        out.push(']');
    }
    Ok(())
}

/// Writes links (see [`watchkeep_model::spans::LinkRow`]) up to the limit; returns how many of
/// those seen had no valid ids.
fn write_links(
    context: &mut Context,
    links: &mut Repeated<'_>,
    out: &mut String,
) -> Result<u32, Malformed> {
    let mut separator = '[';
    let mut without_ids = 0;
    for _ in 0..context.limits.events_per_span_max {
        let Some(field) = links.next()? else { break };
        let reader = field.message()?;
        let (mut trace_id, mut span_id, mut trace_state) = (&[][..], &[][..], &[][..]);
        let (mut dropped, mut flags) = (0, 0);
        let mut attributes = Repeated::none(reader, 4);
        let mut rest = reader;
        while let Some(field) = rest.field()? {
            match field.number {
                1 => trace_id = field.bytes()?,
                2 => span_id = field.bytes()?,
                3 => trace_state = field.bytes()?,
                4 => attributes.see(&field),
                5 => dropped = field.uint32()?,
                6 => flags = field.fixed32()?,
                _ => {}
            }
        }
        let trace_id = TraceId(trace_id.try_into().unwrap_or_default());
        let span_id = SpanId(span_id.try_into().unwrap_or_default());
        if !trace_id.is_some() || !span_id.is_some() {
            without_ids += 1;
            continue;
        }
        let _infallible = write!(
            out,
            "{separator}{{\"trace_id\":\"{trace_id}\",\"span_id\":\"{span_id}\",\"trace_state\":"
        );
        separator = ',';
        write_json_string(out, &context.text(trace_state));
        out.push_str(",\"attributes\":");
        let dropped = dropped.saturating_add(context.write_object(attributes, out)?);
        let _infallible =
            write!(out, ",\"dropped_attributes_count\":{dropped},\"flags\":{flags}}}");
    }
    if separator == ',' {
        out.push(']');
    }
    Ok(without_ids)
}
