//! OTLP logs to columns of log records.
//!
//! A record without a time takes the observed time, or else that of arrival. A severity number
//! out of range counts as none, so that the text decides the level. Ids of a wrong length count as
//! none. A record whose body is over the limit is rejected alone: half a structured body is no
//! body.

use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{Level, LogColumns, Result};

use super::common::{AnyValue, Context, Group, Repeated, check_columns};
use super::traces::instant;
use super::{Decoded, Fault, Signal, check_body};
use crate::protobuf::{Malformed, Reader};

/// Decodes an `ExportLogsServiceRequest` (or `LogsData`, which has the same form). `arrival_ns` is
/// the time of records that carry none.
pub fn decode_logs(
    body: &[u8],
    limits: &DecodeLimits,
    arrival_ns: i64,
) -> Result<Decoded<LogColumns>> {
    check_body(body, Signal::Logs)?;
    let mut decoder = Decoder {
        context: Context::new(limits),
        columns: LogColumns::default(),
        arrival_ns,
        body: String::new(),
    };
    decoder.request(Reader::new(body)).map_err(|fault| fault.into_error(Signal::Logs))?;
    let Context { warnings, rejections, .. } = decoder.context;
    Ok(Decoded {
        columns: decoder.columns,
        rejected: rejections.total,
        message: rejections.message(Signal::Logs.items()),
        warnings,
    })
}

struct Decoder {
    context: Context,
    columns: LogColumns,
    arrival_ns: i64,
    /// Text of a structured body, before it is known to keep the limit.
    body: String,
}

/// Keys of what all records of a scope share.
struct ScopeKeys {
    service: u32,
    resource: u32,
    scope_name: u32,
    scope_version: u32,
    scope_attributes: u32,
    schema_url: u32,
}

/// The fields of a record, found in a first pass, since they may come in any order.
struct RecordFields<'a> {
    time: u64,
    observed: u64,
    severity_number: i32,
    severity_text: &'a [u8],
    body: AnyValue<'a>,
    attributes: Repeated<'a>,
    dropped_attributes: u32,
    flags: u32,
    trace_id: &'a [u8],
    span_id: &'a [u8],
    event_name: &'a [u8],
}

impl<'a> RecordFields<'a> {
    fn read(reader: Reader<'a>) -> Result<Self, Malformed> {
        let mut record = Self {
            time: 0,
            observed: 0,
            severity_number: 0,
            severity_text: &[],
            body: AnyValue::Empty,
            attributes: Repeated::none(reader, 6),
            dropped_attributes: 0,
            flags: 0,
            trace_id: &[],
            span_id: &[],
            event_name: &[],
        };
        let mut rest = reader;
        while let Some(field) = rest.field()? {
            match field.number {
                1 => record.time = field.fixed64()?,
                2 => record.severity_number = field.int32()?,
                3 => record.severity_text = field.bytes()?,
                5 => record.body = AnyValue::read(field.message()?)?,
                6 => record.attributes.see(&field),
                7 => record.dropped_attributes = field.uint32()?,
                8 => record.flags = field.fixed32()?,
                9 => record.trace_id = field.bytes()?,
                10 => record.span_id = field.bytes()?,
                11 => record.observed = field.fixed64()?,
                12 => record.event_name = field.bytes()?,
                _ => {}
            }
        }
        Ok(record)
    }
}

impl Decoder {
    fn request(&mut self, mut reader: Reader<'_>) -> Result<(), Fault> {
        while let Some(field) = reader.field()? {
            if field.number == 1 {
                self.resource_logs(field.message()?)?;
            }
        }
        Ok(())
    }

    fn resource_logs(&mut self, reader: Reader<'_>) -> Result<(), Fault> {
        let mut group = Group::read(reader)?;
        let resource = self.context.resource(group.head)?;
        let service = self.columns.service.intern(&resource.service);
        let resource = self.columns.resource.intern(&resource.json);
        while let Some(field) = group.items.next()? {
            let mut records = Group::read(field.message()?)?;
            let scope = self.context.scope(records.head)?;
            let schema_url =
                if records.schema_url.is_empty() { group.schema_url } else { records.schema_url };
            let keys = ScopeKeys {
                service,
                resource,
                scope_name: self.columns.scope_name.intern(&scope.name),
                scope_version: self.columns.scope_version.intern(&scope.version),
                scope_attributes: self.columns.scope_attributes.intern(&scope.attributes),
                schema_url: self.columns.schema_url.intern(&self.context.text(schema_url)),
            };
            while let Some(field) = records.items.next()? {
                self.record(&RecordFields::read(field.message()?)?, &keys)?;
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
                + columns.body.parts().1.len()
                + columns.resource.parts().0.parts().1.len(),
        )
    }

    fn record(&mut self, record: &RecordFields<'_>, keys: &ScopeKeys) -> Result<(), Malformed> {
        if !self.body(record.body)? {
            let event_name = self.context.text(record.event_name);
            self.context.rejections.add(
                "the body is longer than limits.log_body_bytes_max",
                1,
                &event_name,
            );
            return Ok(());
        }
        let (context, columns) = (&mut self.context, &mut self.columns);
        columns.body_kind.push(body_kind(context, record.body));
        let (time, observed) = (instant(record.time), instant(record.observed));
        columns.time_ns.push(match (time, observed) {
            (0, 0) => self.arrival_ns,
            (0, observed) => observed,
            (time, _) => time,
        });
        columns.observed_ns.push(observed);
        let severity_number =
            u8::try_from(record.severity_number).ok().filter(|number| *number <= 24).unwrap_or(0);
        let severity_text = context.text(record.severity_text);
        columns.severity_number.push(severity_number);
        columns.severity_text.push(&severity_text);
        columns.level.push(Level::of(severity_number, &severity_text) as u8);
        // Which labels make a stream is for the application to say.
        columns.stream.push("");
        columns.service.push_key(keys.service);
        columns.resource.push_key(keys.resource);
        columns.scope_name.push_key(keys.scope_name);
        columns.scope_version.push_key(keys.scope_version);
        columns.scope_attributes.push_key(keys.scope_attributes);
        columns.schema_url.push_key(keys.schema_url);
        let dropped = context.push_row(record.attributes, &mut columns.attributes)?;
        columns.dropped_attributes.push(record.dropped_attributes.saturating_add(dropped));
        columns.trace_id.push(context.id_or_none(record.trace_id));
        columns.span_id.push(context.id_or_none(record.span_id));
        columns.flags.push(record.flags);
        columns.event_name.push(&context.text(record.event_name));
        Ok(())
    }

    /// Appends the text form of a body; `false`, with nothing appended, when it is too long.
    fn body(&mut self, body: AnyValue<'_>) -> Result<bool, Malformed> {
        let max = self.context.limits.log_body_bytes_max;
        if let AnyValue::String(bytes) = body {
            let text = self.context.text(bytes);
            if text.len() <= max {
                self.columns.body.push(&text);
            }
            return Ok(text.len() <= max);
        }
        // Here the limit of a body replaces that of an attribute's value.
        let value_max = std::mem::replace(
            &mut self.context.limits.attribute_value_bytes_max,
            max.saturating_add(4),
        );
        let truncated = self.context.warnings.truncated_values;
        self.body.clear();
        let outcome = self.context.write_text(body, &mut self.body);
        self.context.limits.attribute_value_bytes_max = value_max;
        let cut = self.context.warnings.truncated_values != truncated;
        self.context.warnings.truncated_values = truncated;
        outcome?;
        if cut || self.body.len() > max {
            return Ok(false);
        }
        self.columns.body.push(&self.body);
        Ok(true)
    }
}

fn body_kind(context: &Context, body: AnyValue<'_>) -> u8 {
    context.kind(body) as u8
}
