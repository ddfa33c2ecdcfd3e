//! A store in memory that answers as the contract of [`model::span_query`](watchkeep_model::span_query)
//! says, and leaves out whatever a test lets it.

use std::cell::Cell;
use std::collections::BTreeMap;

use watchkeep_model::attributes::Value;
use watchkeep_model::column::Utf8Column;
use watchkeep_model::span_query::{
    ABSENT, FieldColumn, SpanLiteral, SpanRows, SpanTest, SpansRequest, TraceRows, TraceTest,
};
use watchkeep_model::{
    Result, SpanBatch, SpanCursor, SpanField, SpanKey, SpanScope, TimeRange, TraceId,
};

use super::TestSpan;
use crate::source::SpanSource;

/// Spans in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    traces: Vec<Vec<TestSpan>>,
    /// Traces (or, for spans one by one, spans) in a batch.
    pub(crate) batch: usize,
    /// Every column as [`FieldColumn::Values`].
    pub(crate) untyped: bool,
    /// Leaves out nothing but what lies outside of the range.
    pub(crate) keep_all: bool,
    /// Spans that were handed out.
    pub(crate) read: Cell<usize>,
}

impl Memory {
    pub(crate) fn new(spans: Vec<TestSpan>) -> Self {
        let mut by_trace: BTreeMap<TraceId, Vec<TestSpan>> = BTreeMap::new();
        for span in spans {
            by_trace.entry(span.trace).or_default().push(span);
        }
        let mut traces: Vec<Vec<TestSpan>> = by_trace.into_values().collect();
        for trace in &mut traces {
            trace.sort_by_key(|span| span.start_ns);
        }
        // Newest start first, of one start the greatest id first.
        traces.sort_by(|left, right| {
            let key = |trace: &[TestSpan]| (trace[0].start_ns, trace[0].trace);
            key(right).cmp(&key(left))
        });
        Self { traces, batch: 2, ..Self::default() }
    }

    pub(crate) fn spans_of(&self) -> impl Iterator<Item = &TestSpan> {
        self.traces.iter().flatten()
    }

    pub(crate) fn traces_of(&self) -> &[Vec<TestSpan>] {
        &self.traces
    }

    fn wanted_traces(&self, range: TimeRange, test: &TraceTest) -> Vec<&[TestSpan]> {
        let wanted = |trace: &&[TestSpan]| {
            let (start, end) = bounds(trace);
            start < range.end_ns
                && end >= range.start_ns
                && (self.keep_all || trace_verdict(test, trace) != Some(false))
        };
        self.traces.iter().map(Vec::as_slice).filter(wanted).collect()
    }

    /// A batch of whole traces.
    pub(crate) fn trace_batch(&self, traces: &[&[TestSpan]], fields: &[SpanField]) -> SpanBatch {
        let mut rows = Vec::new();
        let mut table = Vec::new();
        let mut whole = BTreeMap::new();
        for trace in traces {
            let first = rows.len();
            rows.extend(trace.iter());
            let (start_ns, end_ns) = bounds(trace);
            table.push(TraceRows {
                id: trace[0].trace,
                start_ns,
                end_ns,
                rows_end: rows.len() as u32,
            });
            let root = trace.iter().find(|span| span.parent.is_none());
            for (row, span) in trace.iter().enumerate() {
                let parent = span.parent.and_then(|id| trace.iter().position(|of| of.id == id));
                let parent = parent.filter(|parent| *parent != row);
                whole.insert(first + row, (parent.map(|parent| (first + parent) as i64), root));
            }
        }
        let column = |field: &SpanField| {
            let of_trace = |(parent, root): &(Option<i64>, Option<&TestSpan>)| match field {
                SpanField::ParentRow => parent.map(Value::Int),
                SpanField::RootName => root.map(|root| Value::String(root.name.clone())),
                _ => root.map(|root| Value::String(root.service())),
            };
            if field.needs_trace() {
                let values = whole.values().map(|whole| of_trace(whole).unwrap_or(Value::Empty));
                self.column(values.collect())
            } else {
                self.local_column(&rows, field)
            }
        };
        SpanBatch { rows: rows.len(), traces: table, columns: fields.iter().map(column).collect() }
    }

    fn local_column(&self, rows: &[&TestSpan], field: &SpanField) -> FieldColumn {
        if !field.is_repeated() {
            return self.column(rows.iter().flat_map(|span| span.values(field)).collect());
        }
        let (mut ends, mut values) = (Vec::new(), Vec::new());
        for span in rows {
            values.extend(span.values(field));
            ends.push(values.len() as u32);
        }
        match self.column(values) {
            FieldColumn::Absent => FieldColumn::Absent,
            values => FieldColumn::Repeated { ends, values: Box::new(values) },
        }
    }

    /// The tightest form that holds the values.
    fn column(&self, values: Vec<Value>) -> FieldColumn {
        let kinds = |test: fn(&Value) -> bool| {
            !self.untyped && values.iter().all(|value| test(value) || *value == Value::Empty)
        };
        let present = || {
            let present: Vec<bool> = values.iter().map(|value| *value != Value::Empty).collect();
            present.contains(&false).then_some(present)
        };
        if kinds(|_| false) {
            FieldColumn::Absent
        } else if kinds(|value| matches!(value, Value::Int(_))) {
            let int = |value: &Value| if let Value::Int(value) = value { *value } else { 77 };
            FieldColumn::Int { values: values.iter().map(int).collect(), present: present() }
        } else if kinds(|value| matches!(value, Value::Double(_))) {
            let double =
                |value: &Value| if let Value::Double(value) = value { *value } else { 7.5 };
            FieldColumn::Double { values: values.iter().map(double).collect(), present: present() }
        } else if kinds(|value| matches!(value, Value::Bool(_))) {
            let bool = |value: &Value| !matches!(value, Value::Bool(false));
            FieldColumn::Bool { values: values.iter().map(bool).collect(), present: present() }
        } else if kinds(|value| matches!(value, Value::String(_))) {
            let mut texts = Utf8Column::default();
            let mut known = BTreeMap::new();
            let key = |value: &Value| match value {
                Value::String(text) => *known.entry(text.clone()).or_insert_with(|| {
                    texts.push(text);
                    texts.len() as u32 - 1
                }),
                _ => ABSENT,
            };
            FieldColumn::Text { keys: values.iter().map(key).collect(), values: texts }
        } else {
            FieldColumn::Values(values)
        }
    }
}

impl SpanSource for Memory {
    fn spans(&self, request: SpansRequest) -> Result<SpanCursor> {
        let batches: Vec<SpanBatch> = match &request.rows {
            SpanRows::Spans(test) => {
                let starts_in = |span: &&TestSpan| request.range.contains(span.start_ns);
                let wanted =
                    |span: &&TestSpan| self.keep_all || span_verdict(test, span) != Some(false);
                let rows: Vec<&TestSpan> =
                    self.spans_of().filter(starts_in).filter(wanted).collect();
                let batch = |rows: &[&TestSpan]| SpanBatch {
                    rows: rows.len(),
                    traces: Vec::new(),
                    columns: request
                        .fields
                        .iter()
                        .map(|field| self.local_column(rows, field))
                        .collect(),
                };
                rows.chunks(self.batch).map(batch).collect()
            }
            SpanRows::Traces(test) => self
                .wanted_traces(request.range, test)
                .chunks(self.batch)
                .map(|traces| self.trace_batch(traces, &request.fields))
                .collect(),
        };
        let rows: usize = batches.iter().map(|batch| batch.rows).sum();
        self.read.set(self.read.get() + rows);
        Ok(Box::new(batches.into_iter().map(Ok)))
    }

    fn keys(&self, range: TimeRange) -> Result<Vec<SpanKey>> {
        let in_range = self.spans_of().filter(|span| range.contains(span.start_ns));
        Ok(in_range.flat_map(keys_of).collect())
    }
}

/// The keys of a span's attributes.
fn keys_of(span: &TestSpan) -> Vec<SpanKey> {
    let mut keys = Vec::new();
    let mut add = |scope: SpanScope, attributes: &[(String, Value)]| {
        keys.extend(attributes.iter().map(|(key, _)| SpanKey { scope, key: key.clone() }));
    };
    add(SpanScope::Span, &span.span);
    add(SpanScope::Resource, &span.resource);
    add(SpanScope::Instrumentation, &span.scope);
    span.events.iter().for_each(|event| add(SpanScope::Event, &event.attributes));
    span.links.iter().for_each(|link| add(SpanScope::Link, &link.attributes));
    keys
}

fn bounds(trace: &[TestSpan]) -> (i64, i64) {
    let start = trace.iter().map(|span| span.start_ns).min();
    let end = trace.iter().map(|span| span.start_ns + span.duration_ns).max();
    (start.unwrap_or(0), end.unwrap_or(0))
}

/// True, false or unknown of a trace.
pub(crate) fn trace_verdict(test: &TraceTest, trace: &[TestSpan]) -> Option<bool> {
    match test {
        TraceTest::And(all) => every(all.iter().map(|test| trace_verdict(test, trace))),
        TraceTest::Or(any) => some(any.iter().map(|test| trace_verdict(test, trace))),
        TraceTest::AnySpan(test) => some(trace.iter().map(|span| span_verdict(test, span))),
    }
}

/// True, false or unknown of a span.
pub(crate) fn span_verdict(test: &SpanTest, span: &TestSpan) -> Option<bool> {
    let of_field = |field: &SpanField, verdict: &dyn Fn(&Value) -> Option<bool>| {
        if field.needs_trace() {
            return None;
        }
        let verdicts = span.values(field).into_iter().map(|value| match value {
            Value::Empty => Some(false),
            value => verdict(&value),
        });
        if field.is_repeated() {
            some(verdicts.map(|verdict| verdict.filter(|yes| !yes)))
        } else {
            some(verdicts)
        }
    };
    match test {
        SpanTest::And(all) => every(all.iter().map(|test| span_verdict(test, span))),
        SpanTest::Or(any) => some(any.iter().map(|test| span_verdict(test, span))),
        SpanTest::Not(of) => span_verdict(of, span).map(|verdict| !verdict),
        SpanTest::Unknown => None,
        SpanTest::Exists(field) if field.needs_trace() => None,
        SpanTest::Exists(field) => {
            Some(span.values(field).iter().any(|value| *value != Value::Empty))
        }
        SpanTest::Matches { field, pattern } => of_field(field, &|value| match value {
            Value::String(text) => Some(pattern.is_match(text)),
            _ => None,
        }),
        SpanTest::Compare { field, op, value: literal } => of_field(field, &|value| {
            Some(match (value, literal) {
                (Value::String(value), SpanLiteral::Text(literal)) => op.holds(value, literal),
                (Value::Bool(value), SpanLiteral::Bool(literal)) => op.holds(value, literal),
                (Value::Int(value), SpanLiteral::Int(literal)) => op.holds(value, literal),
                (Value::Int(value), SpanLiteral::Double(literal)) => {
                    op.holds(&(*value as f64), literal)
                }
                (Value::Double(value), SpanLiteral::Int(literal)) => {
                    op.holds(value, &(*literal as f64))
                }
                (Value::Double(value), SpanLiteral::Double(literal)) => op.holds(value, literal),
                _ => return None,
            })
        }),
    }
}

fn every(verdicts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for verdict in verdicts {
        match verdict {
            Some(false) => return verdict,
            Some(true) => {}
            None => all = None,
        }
    }
    all
}

fn some(verdicts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    every(verdicts.map(|verdict| verdict.map(|yes| !yes))).map(|none| !none)
}
