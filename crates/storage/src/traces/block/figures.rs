//! What an index keeps of a block, gathered while the block is written.

use std::collections::BTreeSet;

use hashbrown::HashSet;
use watchkeep_model::{DictColumn, Operation, SpanColumns, SpanKey, SpanScope, TraceId};

use super::json::Kind;
use crate::traces::calls::{CallRows, Calls};
use crate::traces::value;

/// What an index keeps of a block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BlockFigures {
    pub(crate) rows: u32,
    /// Earliest and latest start of a span.
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
    /// Latest end of a span.
    pub(crate) end_ns: i64,
    /// Latest start of a trace (of what of it is in the block); the earliest is that of a span.
    pub(crate) last_trace_ns: i64,
    /// Whether the parent of a span is not in the block.
    pub(crate) has_strays: bool,
    /// Its traces, in the order of the rows.
    pub(crate) traces: Vec<TraceId>,
    /// Attributes that its spans have.
    pub(crate) keys: BTreeSet<SpanKey>,
    /// Kinds of spans.
    pub(crate) operations: BTreeSet<Operation>,
    /// Calls between services: caller, callee; calls, errors.
    pub(crate) calls: Calls,
}

/// Gathers them.
#[derive(Debug)]
pub(super) struct FiguresBuilder<'a> {
    columns: &'a SpanColumns,
    rows: &'a [u32],
    keys: BTreeSet<SpanKey>,
}

impl<'a> FiguresBuilder<'a> {
    pub(super) fn new(columns: &'a SpanColumns, rows: &'a [u32]) -> Self {
        let mut figures = Self { columns, rows, keys: BTreeSet::new() };
        for (scope, column) in [
            (SpanScope::Resource, &columns.resource),
            (SpanScope::Instrumentation, &columns.scope_attributes),
        ] {
            for text in used(column, rows) {
                // What is no object has no keys; reading it again will say so.
                let members = value::object(text).unwrap_or_default();
                let keys = members.into_iter().map(|(key, _)| SpanKey { scope, key });
                figures.keys.extend(keys);
            }
        }
        figures
    }

    pub(super) fn span_keys(&mut self, keys: BTreeSet<String>) {
        self.keys.extend(keys.into_iter().map(|key| SpanKey { scope: SpanScope::Span, key }));
    }

    pub(super) fn child_keys(&mut self, kind: Kind, keys: BTreeSet<String>) {
        let scope = scope_of(kind);
        self.keys.extend(keys.into_iter().map(|key| SpanKey { scope, key }));
    }

    /// Adds the keys of children that are kept as text.
    pub(super) fn keys_of_text(&mut self, kind: Kind, text: &str) {
        let scope = scope_of(kind);
        let mut add = |key: &str| {
            self.keys.insert(SpanKey { scope, key: key.to_owned() });
        };
        match kind {
            Kind::Events => value::events(text)
                .iter()
                .flatten()
                .flat_map(value::StoredEvent::keys)
                .for_each(&mut add),
            Kind::Links => value::links(text)
                .iter()
                .flatten()
                .flat_map(value::StoredLink::keys)
                .for_each(&mut add),
        }
    }

    /// The JSON objects of resources and scopes, each once.
    pub(super) fn objects(&self) -> impl Iterator<Item = &'a str> {
        let of_scopes = used(&self.columns.scope_attributes, self.rows);
        used(&self.columns.resource, self.rows).into_iter().chain(of_scopes)
    }

    pub(super) fn finish(
        self,
        traces: &[([u8; 16], u32)],
        starts: &[i64],
        durations: &[i64],
        parent_rows: &[u32],
        has_strays: bool,
    ) -> BlockFigures {
        let Self { columns, rows, keys } = self;
        let (mut from, mut last_trace_ns) = (0, i64::MIN);
        for (_, len) in traces {
            let to = from + *len as usize;
            let start_ns = starts[from..to].iter().copied().min();
            last_trace_ns = last_trace_ns.max(start_ns.unwrap_or(i64::MIN));
            from = to;
        }
        let ends = starts.iter().zip(durations);
        let mut calls = Calls::default();
        calls.count(&CallRows { columns, rows, parent_rows });
        BlockFigures {
            rows: rows.len() as u32,
            min_ns: starts.iter().copied().min().unwrap_or(0),
            max_ns: starts.iter().copied().max().unwrap_or(0),
            end_ns: ends
                .map(|(start, duration)| start.saturating_add((*duration).max(0)))
                .max()
                .unwrap_or(0),
            last_trace_ns,
            has_strays,
            traces: traces.iter().map(|(id, _)| TraceId(*id)).collect(),
            keys,
            operations: operations(columns, rows),
            calls,
        }
    }
}

fn scope_of(kind: Kind) -> SpanScope {
    match kind {
        Kind::Events => SpanScope::Event,
        Kind::Links => SpanScope::Link,
    }
}

/// The values that rows have, each once.
fn used<'a>(column: &'a DictColumn, rows: &[u32]) -> Vec<&'a str> {
    let (values, keys) = column.parts();
    let mut seen = HashSet::new();
    let used = rows.iter().map(|row| keys[*row as usize]).filter(|key| seen.insert(*key));
    used.map(|key| values.get(key as usize)).collect()
}

fn operations(columns: &SpanColumns, rows: &[u32]) -> BTreeSet<Operation> {
    let (services, keys) = columns.service.parts();
    let rows = rows.iter().map(|row| *row as usize);
    let distinct: HashSet<(u32, u8, &str)> =
        rows.map(|row| (keys[row], columns.kind[row], columns.name.get(row))).collect();
    let operations = distinct.into_iter().map(|(service, kind, name)| {
        let service = services.get(service as usize).to_owned();
        Operation { service, name: name.to_owned(), kind }
    });
    operations.collect()
}
