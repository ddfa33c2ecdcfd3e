//! Spans of Zipkin's first form, where core annotations (`cs`, `sr`, …) say when a call was sent and
//! received, and a span may hold both sides of it: each side becomes a span of the second form, as
//! Zipkin's own conversion makes them.

use super::span::{Endpoint, Span};
use crate::otlp::common::AnyValue;
use crate::spans::{Fault, SpanRows};

/// An instant of a span, and who saw it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Annotation<'a> {
    /// Microseconds since the epoch.
    pub(super) time: i64,
    pub(super) value: &'a [u8],
    pub(super) endpoint: Option<Endpoint<'a>>,
}

/// A tag of a span, and who set it.
#[derive(Debug, Clone, Copy)]
pub(super) struct BinaryAnnotation<'a> {
    pub(super) key: &'a [u8],
    pub(super) value: AnyValue<'a>,
    pub(super) endpoint: Option<Endpoint<'a>>,
}

/// A span that is being read.
#[derive(Debug, Default)]
pub(super) struct SpanV1<'a> {
    pub(super) trace_id: [u8; 16],
    pub(super) id: [u8; 8],
    pub(super) parent_id: [u8; 8],
    pub(super) name: &'a [u8],
    /// Microseconds since the epoch; 0 where it is not known.
    pub(super) timestamp: i64,
    /// Microseconds; 0 where it is not known.
    pub(super) duration: i64,
    pub(super) debug: bool,
    pub(super) annotations: Vec<Annotation<'a>>,
    pub(super) annotations_over: usize,
    pub(super) binary_annotations: Vec<BinaryAnnotation<'a>>,
    pub(super) binary_annotations_over: usize,
}

/// Core annotations and addresses come beside the events and attributes that there may be.
const CORE_MAX: usize = 32;

const CLIENT: u8 = 3;
const SERVER: u8 = 2;
const PRODUCER: u8 = 4;
const CONSUMER: u8 = 5;

/// One side of a call.
#[derive(Debug, Clone, Copy, Default)]
struct Side<'a> {
    kind: u8,
    begin: Option<Annotation<'a>>,
    end: Option<Annotation<'a>>,
}

impl<'a> Side<'a> {
    fn is_there(&self) -> bool {
        self.begin.is_some() || self.end.is_some()
    }

    fn endpoint(&self) -> Option<Endpoint<'a>> {
        let of = |annotation: Option<Annotation<'a>>| annotation.and_then(|seen| seen.endpoint);
        of(self.begin).or(of(self.end))
    }

    /// Whether an annotation is one of this side's core annotations.
    fn place(&mut self, annotation: Annotation<'a>, [begin, end]: [&[u8]; 2]) -> bool {
        let place = if annotation.value == begin {
            &mut self.begin
        } else if annotation.value == end {
            &mut self.end
        } else {
            return false;
        };
        // Of two, the first counts.
        place.get_or_insert(annotation);
        true
    }
}

impl<'a> SpanV1<'a> {
    pub(super) fn annotate(&mut self, annotation: Annotation<'a>, rows: &SpanRows) {
        if self.annotations.len() < rows.limits().events_per_span_max + CORE_MAX {
            self.annotations.push(annotation);
        } else {
            self.annotations_over += 1;
        }
    }

    pub(super) fn tag(&mut self, tag: BinaryAnnotation<'a>, rows: &SpanRows) {
        if self.binary_annotations.len() < rows.limits().attributes_per_item_max + CORE_MAX {
            self.binary_annotations.push(tag);
        } else {
            self.binary_annotations_over += 1;
        }
    }

    /// Adds the span, or the two that it holds, to the columns.
    pub(super) fn push(&self, rows: &mut SpanRows, arrival_ns: i64) -> Result<(), Fault> {
        let (sides, events) = self.sides();
        let mut spans: Vec<Span<'a>> =
            sides.iter().filter(|side| side.is_there()).map(|side| self.span_of(*side)).collect();
        if spans.is_empty() {
            let endpoint = self.endpoints().next();
            let side = self.span_of(Side::default());
            spans.push(Span { local: endpoint.unwrap_or_default(), ..side });
        }
        self.share(&sides, &mut spans);
        self.times(&mut spans);
        for event in events {
            if let Some(owner) = owner(&mut spans, event.endpoint) {
                owner.annotate(event.time, event.value, rows);
            }
        }
        self.tags(&mut spans, rows);
        if let Some(first) = spans.first_mut() {
            first.annotations_over += self.annotations_over;
            first.tags_over += self.binary_annotations_over;
        }
        spans.iter().try_for_each(|span| span.push(rows, arrival_ns))
    }

    /// The sides that core annotations tell, and the other annotations.
    fn sides(&self) -> ([Side<'a>; 4], Vec<Annotation<'a>>) {
        let mut sides =
            [CLIENT, SERVER, PRODUCER, CONSUMER].map(|kind| Side { kind, ..Side::default() });
        let mut events = Vec::new();
        for annotation in &self.annotations {
            let [client, server, producer, consumer] = &mut sides;
            let is_core = client.place(*annotation, [b"cs", b"cr"])
                || server.place(*annotation, [b"sr", b"ss"])
                || producer.place(*annotation, [b"ms", b"ws"])
                || consumer.place(*annotation, [b"wr", b"mr"]);
            if !is_core {
                events.push(*annotation);
            }
        }
        // A message that was seen on the wire only is an event of a span like others.
        for side in &mut sides {
            let core = match side.kind {
                PRODUCER => side.begin,
                CONSUMER => side.end,
                _ => continue,
            };
            if core.is_none() {
                events.extend(side.begin.take().into_iter().chain(side.end.take()));
            }
        }
        (sides, events)
    }

    fn span_of(&self, side: Side<'a>) -> Span<'a> {
        Span {
            trace_id: self.trace_id,
            id: self.id,
            parent_id: self.parent_id,
            kind: side.kind,
            name: self.name,
            debug: self.debug,
            local: side.endpoint().unwrap_or_default(),
            timestamp: match side.kind {
                // All that is known of a message that was received is when.
                CONSUMER => side.begin.or(side.end).map_or(0, |seen| seen.time),
                _ => side.begin.map_or(0, |seen| seen.time),
            },
            duration: match (side.begin, side.end) {
                (Some(begin), Some(end)) => end.time.saturating_sub(begin.time).max(0),
                _ => 0,
            },
            ..Span::default()
        }
    }

    /// A server shares the span of its caller where that is here too. Where it is not, a time that
    /// the span does not tell of itself means the same, as only its owner told it.
    fn share(&self, [client, server, ..]: &[Side<'a>; 4], spans: &mut [Span<'a>]) {
        let is_owner_elsewhere = server.begin.is_some()
            && (self.timestamp == 0 || (server.end.is_some() && self.duration == 0));
        for span in spans.iter_mut().filter(|span| span.kind == SERVER) {
            span.shared = client.is_there() || is_owner_elsewhere;
        }
    }

    /// What the span itself says about its time is the first side's, of whom it is.
    fn times(&self, spans: &mut [Span<'a>]) {
        let Some(first) = spans.first_mut() else { return };
        if self.timestamp != 0 {
            first.timestamp = self.timestamp;
        }
        if self.duration != 0 {
            first.duration = self.duration;
        }
    }

    fn endpoints(&self) -> impl Iterator<Item = Endpoint<'a>> {
        let of_tags = self
            .binary_annotations
            .iter()
            .filter(|tag| !is_address(tag.key))
            .filter_map(|tag| tag.endpoint);
        self.annotations.iter().filter_map(|annotation| annotation.endpoint).chain(of_tags)
    }

    fn tags(&self, spans: &mut [Span<'a>], rows: &SpanRows) {
        for tag in &self.binary_annotations {
            let address = if is_address(tag.key) { tag.endpoint } else { None };
            if let Some(address) = address {
                set_remote(tag.key, address, spans);
                continue;
            }
            let is_blank = matches!(tag.value, AnyValue::String(b""));
            // An empty local component only says whose span this is.
            if tag.key == b"lc" && is_blank {
                continue;
            }
            if let Some(owner) = owner(spans, tag.endpoint) {
                owner.tag(tag.key, tag.value, rows);
            }
        }
    }
}

/// Whether a tag tells an address of the other side, and not a text.
fn is_address(key: &[u8]) -> bool {
    matches!(key, b"sa" | b"ca" | b"ma")
}

/// Gives the address of the other side to the side that it is for.
fn set_remote<'a>(key: &[u8], address: Endpoint<'a>, spans: &mut [Span<'a>]) {
    let wanted: &[u8] = match key {
        b"sa" => &[CLIENT],
        b"ca" => &[SERVER],
        _ => &[PRODUCER, CONSUMER],
    };
    for span in spans {
        // Where nothing else says which side this is, the address does.
        if span.kind == 0 && wanted.len() == 1 {
            span.kind = wanted.first().copied().unwrap_or_default();
        }
        if span.kind == 0 || wanted.contains(&span.kind) {
            span.remote = address;
        }
    }
}

/// The side that saw something: the one of the same endpoint, or else the first.
fn owner<'s, 'a>(
    spans: &'s mut [Span<'a>],
    endpoint: Option<Endpoint<'a>>,
) -> Option<&'s mut Span<'a>> {
    let place = spans
        .iter()
        .position(|span| endpoint.is_some_and(|endpoint| span.local.service == endpoint.service))
        .unwrap_or(0);
    spans.get_mut(place)
}
