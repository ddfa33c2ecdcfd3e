//! What a span of Jaeger means, whichever way it is written.

use watchkeep_model::{SpanId, TraceId};

use crate::otlp::common::AnyValue;
use crate::protobuf::Malformed;
use crate::spans::{
    Fault, ResourceKeys, STATUS_ERROR, STATUS_UNSET, SpanDraft, SpanRows, Tag, Tags,
};

/// Number of `SpanKind::SERVER`.
const SERVER: u8 = 2;

/// Bits of Jaeger's flags that are kept: those that have the place of W3C trace flags.
pub(super) const FLAGS: u32 = 0xff;

/// Another span that a span refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reference {
    /// Whether it is the parent, or only came before.
    pub(super) is_parent: bool,
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
}

/// A span that is being read.
#[derive(Debug, Default)]
pub(super) struct Draft<'a> {
    pub(super) span: SpanDraft<'a>,
    references: Vec<Reference>,
    /// Of these only the number is known.
    references_over: usize,
    is_error: bool,
    http_status: Option<i64>,
    http_message: Option<&'a [u8]>,
}

impl<'a> Draft<'a> {
    /// An empty draft that uses the memory of another.
    pub(super) fn renewed(mut self) -> Self {
        self.references.clear();
        Self {
            span: self.span.renewed(),
            references: self.references,
            references_over: 0,
            is_error: false,
            http_status: None,
            http_message: None,
        }
    }

    pub(super) fn flags(&mut self, flags: u32) {
        self.span.flags = flags & FLAGS;
    }

    pub(super) fn tag(&mut self, key: &'a [u8], value: AnyValue<'a>, rows: &mut SpanRows) {
        match (key, value) {
            (b"error", AnyValue::Bool(true)) => {
                self.is_error = true;
                return;
            }
            (b"http.status_code", AnyValue::Int(code)) => self.http_status = Some(code),
            (b"http.status_code", AnyValue::String(text)) => {
                self.http_status =
                    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            }
            (b"http.status_message", AnyValue::String(text)) => self.http_message = Some(text),
            _ if self.span.take_field(key, value) => return,
            _ => {}
        }
        self.span.tags.push(key, value, rows);
    }

    pub(super) fn reference(&mut self, reference: Reference, rows: &SpanRows) {
        // One more than there may be links, as one is the parent.
        if self.references.len() <= rows.limits().events_per_span_max {
            self.references.push(reference);
        } else {
            self.references_over += 1;
        }
    }

    /// Adds the span to the columns.
    pub(super) fn push(
        &mut self,
        rows: &mut SpanRows,
        resource: ResourceKeys,
    ) -> Result<(), Fault> {
        let parent = self.parent();
        self.links(parent, rows)?;
        self.status(rows);
        self.span.parent_span_id = parent;
        rows.push(&self.span, resource)
    }

    /// The parent: what the span names, or else the first reference in the same trace, of which
    /// one to a parent goes before one to a predecessor.
    fn parent(&self) -> [u8; 8] {
        if self.span.parent_span_id != [0; 8] {
            return self.span.parent_span_id;
        }
        let near = |is_parent| {
            self.references.iter().find(|reference| {
                reference.is_parent == is_parent && reference.trace_id == self.span.trace_id
            })
        };
        near(true).or_else(|| near(false)).map_or([0; 8], |reference| reference.span_id)
    }

    /// All references but the one that says who the parent is become links.
    fn links(&self, parent: [u8; 8], rows: &mut SpanRows) -> Result<(), Malformed> {
        for reference in &self.references {
            let Reference { is_parent, trace_id, span_id } = *reference;
            if is_parent && span_id == parent && trace_id == self.span.trace_id {
                continue;
            }
            let kind: &[u8] = if is_parent { b"child_of" } else { b"follows_from" };
            let tag: Tag<'_> = (b"opentracing.ref_type", AnyValue::String(kind));
            rows.link(TraceId(trace_id), SpanId(span_id), &[tag])?;
        }
        for _ in 0..self.references_over {
            rows.link(TraceId::NONE, SpanId::NONE, &[])?;
        }
        Ok(())
    }

    /// The tag `error` decides, then `otel.status_code`, then the status of HTTP.
    fn status(&mut self, rows: &mut SpanRows) {
        let span = &mut self.span;
        let by_http = self.http_status.is_some_and(|code| match code {
            400..500 => span.kind != SERVER,
            _ => !(100..400).contains(&code),
        });
        let told = span.status_told.is_some() || self.is_error;
        span.status = match span.status_told {
            _ if self.is_error => STATUS_ERROR,
            Some(status) => status,
            None if by_http => STATUS_ERROR,
            None => STATUS_UNSET,
        };
        let message = if told { span.description.take() } else { None };
        let http_message = if span.status == STATUS_ERROR { self.http_message } else { None };
        span.status_message = message.or(http_message).unwrap_or_default();
        if let Some(text) = span.description {
            span.tags.push(b"otel.status_description", AnyValue::String(text), rows);
        }
    }
}

/// Adds a log as an event: its field `event` is the name.
pub(super) fn event(
    time_ns: i64,
    fields: &mut Tags<'_>,
    rows: &mut SpanRows,
) -> Result<(), Malformed> {
    let name = match fields.take(b"event", |value| matches!(value, AnyValue::String(_))) {
        Some(AnyValue::String(name)) => name,
        _ => &[],
    };
    rows.event(time_ns, name, fields)
}

/// The keys of a process. Its `hostname` is OpenTelemetry's `host.name`.
pub(super) fn resource<'a>(
    service: &'a [u8],
    tags: &mut Tags<'a>,
    rows: &mut SpanRows,
) -> Result<ResourceKeys, Malformed> {
    if tags.get(b"host.name").is_none() {
        tags.rename(b"hostname", b"host.name");
    }
    rows.resource(service, tags)
}
