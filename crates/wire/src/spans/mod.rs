//! The columns of spans that the decoders of Jaeger and Zipkin fill, span by span, and what both
//! protocols share of OpenTelemetry's mapping (OpenTelemetry specification, "Mapping to non-OTLP
//! Formats"): tags that stand for a field of a span become that field.

#[cfg(test)]
pub(crate) mod shown;
pub(crate) mod stored;

use std::fmt::Write as _;

use watchkeep_model::attributes::write_json_string;
use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::spans::UNKNOWN_SERVICE;
use watchkeep_model::{Error, ErrorKind, Signal, SpanColumns, SpanId, TraceId};

use crate::compression::DECOMPRESSED_BYTES_MAX_KEY;
use crate::decoded::{COLUMN_BYTES_HARD_MAX, Decoded};
use crate::otlp::common::{AnyValue, Context};
use crate::protobuf::Malformed;

/// A body larger than this is refused, whatever `limits.decompressed_bytes_max` says: its columns
/// might not fit the 32-bit offsets of a column.
pub(crate) const BODY_BYTES_HARD_MAX: usize = 128 << 20;

/// Bytes that a span takes in columns, whatever is in it. A hostile body can say one in six.
const ROW_BYTES: usize = 128;

/// A key and its value, as they stand in the body.
pub(crate) type Tag<'a> = (&'a [u8], AnyValue<'a>);

/// Why a whole body is refused.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It can not be read.
    Malformed(Malformed),
    /// The same, of what has a message of its own.
    Unreadable(String),
    /// It grows beyond bounds.
    TooLarge,
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl Fault {
    /// The error; `what` is what could not be read.
    pub(crate) fn into_error(self, what: &str) -> Error {
        match self {
            Self::Malformed(malformed) => Error::invalid(format!("malformed {what}: {malformed}")),
            Self::Unreadable(message) => Error::invalid(message),
            Self::TooLarge => Error::new(
                ErrorKind::TooLarge { key: DECOMPRESSED_BYTES_MAX_KEY },
                format!("the {what} is too large, or grows beyond bounds when decoded"),
            ),
        }
    }
}

/// Fails where a body is larger than columns can hold.
pub(crate) fn check_body(body: &[u8]) -> Result<(), Fault> {
    if body.len() <= BODY_BYTES_HARD_MAX { Ok(()) } else { Err(Fault::TooLarge) }
}

/// Microseconds as nanoseconds; what is out of range becomes the end of the range.
pub(crate) fn nanoseconds(microseconds: i64) -> i64 {
    microseconds.saturating_mul(1000)
}

/// The number of a kind of span as OTLP numbers them, by its name in any case.
pub(crate) fn kind_of(name: &[u8]) -> Option<u8> {
    const NAMES: [&[u8]; 5] = [b"internal", b"server", b"client", b"producer", b"consumer"];
    let place = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name))?;
    Some(place as u8 + 1)
}

/// Tags in order, no more than a limit.
#[derive(Debug, Default)]
pub(crate) struct Tags<'a> {
    list: Vec<Tag<'a>>,
    dropped: u32,
}

impl<'a> Tags<'a> {
    /// Adds a tag, or counts it as dropped where there are too many.
    pub(crate) fn push(&mut self, key: &'a [u8], value: AnyValue<'a>, rows: &mut SpanRows) {
        if self.list.len() < rows.context.limits.attributes_per_item_max {
            self.list.push((key, value));
        } else {
            self.dropped = self.dropped.saturating_add(1);
            rows.context.warnings.dropped_attributes += 1;
        }
    }

    /// Counts tags that were dropped before they came here.
    pub(crate) fn add_dropped(&mut self, count: usize, rows: &mut SpanRows) {
        self.dropped = self.dropped.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        rows.context.warnings.dropped_attributes += count as u64;
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.dropped = 0;
    }

    /// The first value of a key.
    pub(crate) fn get(&self, key: &[u8]) -> Option<AnyValue<'a>> {
        self.list.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// Takes out the first value of a key, where it is as wanted.
    pub(crate) fn take(
        &mut self,
        key: &[u8],
        wanted: impl Fn(&AnyValue<'a>) -> bool,
    ) -> Option<AnyValue<'a>> {
        let place = self.list.iter().position(|(known, value)| *known == key && wanted(value))?;
        Some(self.list.remove(place).1)
    }

    /// Gives a key another name.
    pub(crate) fn rename(&mut self, key: &[u8], name: &'a [u8]) {
        for (known, _) in &mut self.list {
            if *known == key {
                *known = name;
            }
        }
    }
}

/// One span before it becomes a row.
#[derive(Debug, Default)]
pub(crate) struct SpanDraft<'a> {
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) parent_span_id: [u8; 8],
    pub(crate) start_ns: i64,
    pub(crate) duration_ns: i64,
    pub(crate) name: &'a [u8],
    pub(crate) kind: u8,
    pub(crate) status: u8,
    pub(crate) status_message: &'a [u8],
    pub(crate) flags: u32,
    /// What `otel.status_code` says.
    pub(crate) status_told: Option<u8>,
    /// What `otel.status_description` says.
    pub(crate) description: Option<&'a [u8]>,
    pub(crate) scope_name: &'a [u8],
    pub(crate) scope_version: &'a [u8],
    pub(crate) trace_state: &'a [u8],
    /// Tags that stay attributes.
    pub(crate) tags: Tags<'a>,
    /// Attributes that the client dropped.
    pub(crate) dropped_attributes: u32,
    pub(crate) dropped_events: u32,
    pub(crate) dropped_links: u32,
}

impl<'a> SpanDraft<'a> {
    /// An empty draft that uses the memory of another.
    pub(crate) fn renewed(mut self) -> Self {
        self.tags.clear();
        Self { tags: self.tags, ..Self::default() }
    }

    /// Takes a tag that stands for a field of a span; false where it is an attribute like others.
    pub(crate) fn take_field(&mut self, key: &[u8], value: AnyValue<'a>) -> bool {
        if let Some(which) = key.strip_prefix(b"otel.dropped_") {
            let place = match which {
                b"attributes_count" => &mut self.dropped_attributes,
                b"events_count" => &mut self.dropped_events,
                b"links_count" => &mut self.dropped_links,
                _ => return false,
            };
            let count = count_of(value);
            *place = place.saturating_add(count.unwrap_or(0));
            return count.is_some();
        }
        let AnyValue::String(text) = value else { return false };
        match key {
            b"span.kind" => match kind_of(text) {
                Some(kind) if self.kind == 0 => self.kind = kind,
                Some(kind) => return kind == self.kind,
                None => return false,
            },
            b"w3c.tracestate" => self.trace_state = text,
            // The older names are sent beside the newer ones, or alone.
            b"otel.scope.name" | b"otel.library.name" => self.scope_name = text,
            b"otel.scope.version" | b"otel.library.version" => self.scope_version = text,
            b"otel.status_code" => match text.to_ascii_uppercase().as_slice() {
                b"OK" => self.status_told = Some(STATUS_OK),
                b"ERROR" => self.status_told = Some(STATUS_ERROR),
                b"UNSET" => self.status_told = Some(STATUS_UNSET),
                _ => return false,
            },
            b"otel.status_description" => self.description = Some(text),
            _ => return false,
        }
        true
    }
}

/// `StatusCode` as OTLP numbers it.
pub(crate) const STATUS_UNSET: u8 = 0;
pub(crate) const STATUS_OK: u8 = 1;
pub(crate) const STATUS_ERROR: u8 = 2;

fn count_of(value: AnyValue<'_>) -> Option<u32> {
    match value {
        AnyValue::Int(count) => u32::try_from(count).ok(),
        AnyValue::String(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

/// Appends tags as a JSON object (see [`watchkeep_model::attributes`]).
fn write_object<'t, 'b: 't>(
    context: &mut Context,
    tags: impl Iterator<Item = &'t Tag<'b>> + Clone,
    out: &mut String,
) -> Result<(), Malformed> {
    let wrapped = tags.clone().any(|(key, _)| key.starts_with(b"$"));
    out.push_str(if wrapped { "{\"$map\":{" } else { "{" });
    for (position, (key, value)) in tags.enumerate() {
        if position > 0 {
            out.push(',');
        }
        write_json_string(out, &context.text(key));
        out.push(':');
        context.write_member(*value, out)?;
    }
    out.push_str(if wrapped { "}}" } else { "}" });
    Ok(())
}

/// Keys of what spans of a resource share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResourceKeys {
    service: u32,
    resource: u32,
}

/// Fills columns. Events and links are given before the span that they belong to.
#[derive(Debug)]
pub(crate) struct SpanRows {
    context: Context,
    columns: SpanColumns,
    events: String,
    events_seen: usize,
    links: String,
    links_seen: usize,
    links_without_ids: u32,
    /// Room for a resource.
    scratch: String,
}

impl SpanRows {
    pub(crate) fn new(limits: &DecodeLimits) -> Self {
        Self {
            context: Context::new(limits),
            columns: SpanColumns::default(),
            events: String::new(),
            events_seen: 0,
            links: String::new(),
            links_seen: 0,
            links_without_ids: 0,
            scratch: String::new(),
        }
    }

    pub(crate) fn limits(&self) -> &DecodeLimits {
        &self.context.limits
    }

    /// The keys of a resource: the service that it names, and its other tags.
    pub(crate) fn resource(
        &mut self,
        service: &[u8],
        tags: &Tags<'_>,
    ) -> Result<ResourceKeys, Malformed> {
        let name: Tag<'_> = (b"service.name", AnyValue::String(service));
        let told = (!service.is_empty()).then_some(name);
        let others = tags.list.iter().filter(|(key, _)| told.is_none() || *key != name.0);
        let mut json = std::mem::take(&mut self.scratch);
        json.clear();
        write_object(&mut self.context, told.iter().chain(others), &mut json)?;
        let service = self.context.text(service);
        let told = if service.is_empty() { UNKNOWN_SERVICE } else { &service };
        let keys = ResourceKeys {
            service: self.columns.service.intern(told),
            resource: self.columns.resource.intern(&json),
        };
        self.scratch = json;
        Ok(keys)
    }

    /// Adds an event to the span that comes next.
    pub(crate) fn event(
        &mut self,
        time_ns: i64,
        name: &[u8],
        tags: &Tags<'_>,
    ) -> Result<(), Malformed> {
        self.events_seen += 1;
        if self.events_seen > self.context.limits.events_per_span_max {
            return Ok(());
        }
        let (context, out) = (&mut self.context, &mut self.events);
        out.push(if out.is_empty() { '[' } else { ',' });
        let _infallible = write!(out, "{{\"time_unix_nano\":{time_ns},\"name\":");
        write_json_string(out, &context.text(name));
        out.push_str(",\"attributes\":");
        write_object(context, tags.list.iter(), out)?;
        let _infallible = write!(out, ",\"dropped_attributes_count\":{}}}", tags.dropped);
        Ok(())
    }

    /// Adds a link to the span that comes next.
    pub(crate) fn link(
        &mut self,
        trace_id: TraceId,
        span_id: SpanId,
        tags: &[Tag<'_>],
    ) -> Result<(), Malformed> {
        self.links_seen += 1;
        if self.links_seen > self.context.limits.events_per_span_max {
            return Ok(());
        }
        if !trace_id.is_some() || !span_id.is_some() {
            self.links_without_ids += 1;
            return Ok(());
        }
        let (context, out) = (&mut self.context, &mut self.links);
        out.push(if out.is_empty() { '[' } else { ',' });
        let _infallible = write!(
            out,
            "{{\"trace_id\":\"{trace_id}\",\"span_id\":\"{span_id}\",\"trace_state\":\"\""
        );
        out.push_str(",\"attributes\":");
        write_object(context, tags.iter(), out)?;
        out.push_str(",\"dropped_attributes_count\":0,\"flags\":0}");
        Ok(())
    }

    /// Adds the span with the events and links that were given before, or leaves it out where it
    /// has no ids. Fails when columns grew out of proportion to any sensible body.
    pub(crate) fn push(&mut self, span: &SpanDraft<'_>, keys: ResourceKeys) -> Result<(), Fault> {
        let missing = if span.trace_id == [0; 16] {
            Some("the trace id is missing or all zero")
        } else if span.span_id == [0; 8] {
            Some("the span id is missing or all zero")
        } else {
            None
        };
        if let Some(reason) = missing {
            let name = self.context.text(span.name);
            self.context.rejections.add(reason, 1, &name);
            self.forget_children();
            return Ok(());
        }
        let (context, columns) = (&mut self.context, &mut self.columns);
        columns.trace_id.push(span.trace_id);
        columns.span_id.push(span.span_id);
        columns.parent_span_id.push(span.parent_span_id);
        columns.start_ns.push(span.start_ns);
        columns.duration_ns.push(span.duration_ns);
        columns.name.push(&context.text(span.name));
        columns.kind.push(span.kind);
        columns.status_code.push(span.status);
        columns.status_message.push(&context.text(span.status_message));
        columns.service.push_key(keys.service);
        columns.resource.push_key(keys.resource);
        columns.scope_name.push(&context.text(span.scope_name));
        columns.scope_version.push(&context.text(span.scope_version));
        columns.scope_attributes.push("");
        columns.schema_url.push("");
        columns.trace_state.push(&context.text(span.trace_state));
        columns.flags.push(span.flags);
        for (key, value) in &span.tags.list {
            context.push_attribute(key, *value, &mut columns.attributes)?;
        }
        columns.attributes.end_row();
        let dropped = span.dropped_attributes.saturating_add(span.tags.dropped);
        columns.dropped_attributes.push(dropped);
        self.push_children(span);
        self.check_size()
    }

    fn push_children(&mut self, span: &SpanDraft<'_>) {
        let max = self.context.limits.events_per_span_max;
        let over = |seen: usize| u32::try_from(seen.saturating_sub(max)).unwrap_or(u32::MAX);
        let dropped_events = over(self.events_seen);
        let dropped_links = over(self.links_seen).saturating_add(self.links_without_ids);
        self.context.warnings.dropped_events += u64::from(dropped_events);
        self.context.warnings.dropped_links += u64::from(dropped_links);
        for list in [&mut self.events, &mut self.links] {
            if !list.is_empty() {
                list.push(']');
            }
        }
        let columns = &mut self.columns;
        columns.events.push(&self.events);
        columns.dropped_events.push(span.dropped_events.saturating_add(dropped_events));
        columns.links.push(&self.links);
        columns.dropped_links.push(span.dropped_links.saturating_add(dropped_links));
        self.forget_children();
    }

    fn forget_children(&mut self) {
        self.events.clear();
        self.links.clear();
        (self.events_seen, self.links_seen, self.links_without_ids) = (0, 0, 0);
    }

    fn check_size(&self) -> Result<(), Fault> {
        let columns = &self.columns;
        let (_, keys, values, _) = columns.attributes.parts();
        let texts =
            [keys.parts().0, values, &columns.events, &columns.links, columns.resource.parts().0];
        let bytes: usize = texts.iter().map(|column| column.parts().1.len()).sum();
        let rows = columns.span_id.len();
        if bytes + rows * ROW_BYTES > COLUMN_BYTES_HARD_MAX { Err(Fault::TooLarge) } else { Ok(()) }
    }

    /// What was accepted, and the account of what was not.
    pub(crate) fn finish(self) -> Decoded<SpanColumns> {
        let Context { warnings, rejections, .. } = self.context;
        Decoded {
            columns: self.columns,
            rejected: rejections.total,
            message: rejections.message(Signal::Traces.items()),
            warnings,
        }
    }
}
