//! What a span of Zipkin's second form means, whichever way it is written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::otlp::common::AnyValue;
use crate::spans::{
    Fault, STATUS_ERROR, STATUS_UNSET, SpanDraft, SpanRows, Tag, Tags, nanoseconds,
};

/// A node of the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Endpoint<'a> {
    pub(super) service: &'a [u8],
    pub(super) ipv4: Option<Ipv4Addr>,
    pub(super) ipv6: Option<Ipv6Addr>,
    /// 0 for none.
    pub(super) port: u16,
}

impl Endpoint<'_> {
    /// An address of either family, by its text.
    pub(super) fn set_address(&mut self, text: &str) {
        match text.parse() {
            Ok(IpAddr::V4(address)) => self.ipv4 = Some(address),
            Ok(IpAddr::V6(address)) => self.ipv6 = Some(address),
            // As in Zipkin, what is no address is passed over.
            Err(_) => {}
        }
    }

    /// The address, of the older family where there are two, as text.
    fn address(&self) -> String {
        self.ipv4
            .map(IpAddr::V4)
            .or(self.ipv6.map(IpAddr::V6))
            .map_or_else(String::new, |address| address.to_string())
    }
}

/// A span that is being read.
#[derive(Debug, Default)]
pub(super) struct Span<'a> {
    pub(super) trace_id: [u8; 16],
    pub(super) id: [u8; 8],
    pub(super) parent_id: [u8; 8],
    /// As OTLP numbers kinds.
    pub(super) kind: u8,
    pub(super) name: &'a [u8],
    /// Microseconds since the epoch; 0 where it is not known.
    pub(super) timestamp: i64,
    /// Microseconds; 0 where it is not known.
    pub(super) duration: i64,
    pub(super) local: Endpoint<'a>,
    pub(super) remote: Endpoint<'a>,
    pub(super) annotations: Vec<(i64, &'a [u8])>,
    /// Of these only the number is known.
    pub(super) annotations_over: usize,
    pub(super) tags: Vec<Tag<'a>>,
    /// Of these only the number is known.
    pub(super) tags_over: usize,
    pub(super) debug: bool,
    pub(super) shared: bool,
}

/// Tags that are fields of a span come beside the attributes that there may be.
const FIELD_TAGS_MAX: usize = 16;

impl<'a> Span<'a> {
    pub(super) fn annotate(&mut self, time: i64, value: &'a [u8], rows: &SpanRows) {
        if self.annotations.len() < rows.limits().events_per_span_max {
            self.annotations.push((time, value));
        } else {
            self.annotations_over += 1;
        }
    }

    pub(super) fn tag(&mut self, key: &'a [u8], value: AnyValue<'a>, rows: &SpanRows) {
        if self.tags.len() < rows.limits().attributes_per_item_max + FIELD_TAGS_MAX {
            self.tags.push((key, value));
        } else {
            self.tags_over += 1;
        }
    }

    /// Adds the span to the columns. One without a time began with its first annotation, or else
    /// when it arrived.
    pub(super) fn push(&self, rows: &mut SpanRows, arrival_ns: i64) -> Result<(), Fault> {
        let first = self.annotations.iter().map(|(time, _)| *time).filter(|time| *time > 0).min();
        let start_ns = match self.timestamp {
            0 => first.map_or(arrival_ns, nanoseconds),
            known => nanoseconds(known),
        };
        // A parent of the same id is how some say that there is none.
        let parent_span_id = if self.parent_id == self.id { [0; 8] } else { self.parent_id };
        let mut draft = SpanDraft {
            trace_id: self.trace_id,
            span_id: self.id,
            parent_span_id,
            start_ns,
            duration_ns: nanoseconds(self.duration),
            name: self.name,
            kind: self.kind,
            ..SpanDraft::default()
        };
        let addresses = [self.local.address(), self.remote.address()];
        self.attributes(&mut draft, &addresses, rows);
        for (time, value) in &self.annotations {
            rows.event(nanoseconds(*time), value, &Tags::default())?;
        }
        for _ in 0..self.annotations_over {
            rows.event(0, b"", &Tags::default())?;
        }
        let resource = rows.resource(self.local.service, &Tags::default())?;
        rows.push(&draft, resource)
    }

    fn attributes<'d>(
        &self,
        draft: &mut SpanDraft<'d>,
        [local, remote]: &'d [String; 2],
        rows: &mut SpanRows,
    ) where
        'a: 'd,
    {
        let mut error: Option<&[u8]> = None;
        for (key, value) in &self.tags {
            match (*key, *value) {
                (b"error", AnyValue::String(text)) => error = Some(text),
                (key, value) if !draft.take_field(key, value) => draft.tags.push(key, value, rows),
                _ => {}
            }
        }
        status(draft, error, rows);
        draft.tags.add_dropped(self.tags_over, rows);
        let text = |text: &'d str| AnyValue::String(text.as_bytes());
        let port = |port: u16| AnyValue::Int(i64::from(port));
        let absent = self.timestamp == 0;
        let added: [(bool, Tag<'d>); 8] = [
            (!local.is_empty(), (b"net.host.ip", text(local))),
            (self.local.port > 0, (b"net.host.port", port(self.local.port))),
            (
                !self.remote.service.is_empty(),
                (b"peer.service", AnyValue::String(self.remote.service)),
            ),
            (!remote.is_empty(), (b"net.peer.ip", text(remote))),
            (self.remote.port > 0, (b"net.peer.port", port(self.remote.port))),
            (self.shared, (super::SHARED.as_bytes(), AnyValue::Bool(true))),
            (self.debug, (super::DEBUG.as_bytes(), AnyValue::Bool(true))),
            (absent, (super::ABSENT_START.as_bytes(), AnyValue::Bool(true))),
        ];
        for (_, (key, value)) in added.into_iter().filter(|(is_there, _)| *is_there) {
            draft.tags.push(key, value, rows);
        }
    }
}

/// What `otel.status_code` tells goes before the tag `error`, which otherwise stays beside the
/// status that it means.
fn status<'d>(draft: &mut SpanDraft<'d>, error: Option<&'d [u8]>, rows: &mut SpanRows) {
    if let Some(status) = draft.status_told {
        let described = draft.description.or(error.filter(|_| status == STATUS_ERROR));
        draft.status = status;
        draft.status_message = described.unwrap_or_default();
        // An error beside another status is no part of it.
        if let Some(text) = error.filter(|_| status != STATUS_ERROR) {
            draft.tags.push(b"error", AnyValue::String(text), rows);
        }
        return;
    }
    let means_error = error.is_some_and(|text| !text.eq_ignore_ascii_case(b"false"));
    draft.status = if means_error { STATUS_ERROR } else { STATUS_UNSET };
    if let Some(text) = error {
        let says_more = means_error && !text.eq_ignore_ascii_case(b"true");
        draft.status_message = if says_more { text } else { b"" };
        draft.tags.push(b"error", AnyValue::String(text), rows);
    }
    if let Some(text) = draft.description {
        draft.tags.push(b"otel.status_description", AnyValue::String(text), rows);
    }
}
