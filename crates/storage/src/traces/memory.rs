//! Spans in memory.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use hashbrown::{HashMap, HashSet};
use watchkeep_model::column::Table;
use watchkeep_model::{
    FieldColumn, Operation, Result, SpanColumns, SpanField, SpanKey, SpanTest, TraceId,
};

use super::fields;
use super::names::{keys_of, operations_of};
use super::table::TraceTable;
use super::test::decide;
use crate::block::{Decision, RowSet};
use crate::live::Sealed;

/// Spans that do not change any more.
#[derive(Debug)]
pub(crate) struct SpanMemory {
    pub(crate) rows: SpanColumns,
    /// Start of the first and of the last span.
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
    /// End of the span that ends last.
    pub(crate) end_ns: i64,
    bytes: usize,
    traces: OnceLock<MemoryTraces>,
    keys: OnceLock<BTreeSet<SpanKey>>,
    operations: OnceLock<BTreeSet<Operation>>,
}

/// The traces of a table in memory.
#[derive(Debug)]
struct MemoryTraces {
    table: TraceTable,
    /// The rows in the order of `table`.
    order: Vec<u32>,
    by_id: HashMap<TraceId, u32>,
}

impl Sealed for SpanMemory {
    type Rows = SpanColumns;

    fn new(rows: SpanColumns) -> Self {
        let min_ns = rows.start_ns.iter().copied().min().unwrap_or_default();
        let max_ns = rows.start_ns.iter().copied().max().unwrap_or_default();
        let end_ns = (0..rows.len()).map(|row| end_of(&rows, row)).max().unwrap_or_default();
        let bytes = rows.byte_len();
        Self {
            rows,
            min_ns,
            max_ns,
            end_ns,
            bytes,
            traces: OnceLock::new(),
            keys: OnceLock::new(),
            operations: OnceLock::new(),
        }
    }

    fn rows(&self) -> &SpanColumns {
        &self.rows
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl SpanMemory {
    fn made_traces(&self) -> &MemoryTraces {
        self.traces.get_or_init(|| traces_of(&self.rows))
    }

    /// Its traces; their rows are places in [`SpanMemory::order`].
    pub(crate) fn traces(&self) -> &TraceTable {
        &self.made_traces().table
    }

    /// The rows, trace by trace, each span once.
    pub(crate) fn order(&self) -> &[u32] {
        &self.made_traces().order
    }

    /// The place of a trace among its traces.
    pub(crate) fn find(&self, id: TraceId) -> Option<usize> {
        self.made_traces().by_id.get(&id).map(|trace| *trace as usize)
    }

    /// Decides a test on candidates.
    pub(crate) fn test(&self, test: &SpanTest, candidates: &RowSet) -> Result<Decision> {
        decide(test, candidates, &|field, rows| self.column(field, rows))
    }

    /// A field of some rows.
    pub(crate) fn column(&self, field: &SpanField, rows: &[u32]) -> Result<FieldColumn> {
        fields::column(&self.rows, field, rows)
    }

    /// Attributes that its spans have.
    pub(crate) fn keys(&self) -> Result<&BTreeSet<SpanKey>> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        let keys = keys_of(&self.rows)?;
        Ok(self.keys.get_or_init(|| keys))
    }

    /// Operations of its spans.
    pub(crate) fn operations(&self) -> &BTreeSet<Operation> {
        self.operations.get_or_init(|| operations_of(&self.rows))
    }
}

/// When a span ends. One that ended before it began is taken to have no length.
pub(crate) fn end_of(rows: &SpanColumns, row: usize) -> i64 {
    rows.start_ns[row].saturating_add(rows.duration_ns[row].max(0))
}

fn traces_of(rows: &SpanColumns) -> MemoryTraces {
    let mut numbers: HashMap<TraceId, u32> = HashMap::new();
    let mut starts: Vec<i64> = Vec::new();
    let of_rows: Vec<u32> = (0..rows.len())
        .map(|row| {
            let number = *numbers.entry(TraceId(rows.trace_id[row])).or_insert(starts.len() as u32);
            if number as usize == starts.len() {
                starts.push(i64::MAX);
            }
            let start_ns = &mut starts[number as usize];
            *start_ns = (*start_ns).min(rows.start_ns[row]);
            number
        })
        .collect();
    let mut sorted: Vec<u32> = (0..rows.len() as u32).collect();
    sorted.sort_unstable_by_key(|row| {
        let at = *row as usize;
        let trace = (starts[of_rows[at] as usize], rows.trace_id[at]);
        (trace, rows.start_ns[at], rows.span_id[at], rows.kind[at], *row)
    });
    let (mut table, mut order) = (TraceTable::default(), Vec::with_capacity(rows.len()));
    let mut seen: HashSet<([u8; 8], u8)> = HashSet::new();
    for row in sorted {
        let at = row as usize;
        let id = TraceId(rows.trace_id[at]);
        if table.ids.last() != Some(&id) {
            seen.clear();
            numbers.insert(id, table.len() as u32);
            table.ids.push(id);
            table.start_ns.push(rows.start_ns[at]);
            table.end_ns.push(i64::MIN);
            table.rows_end.push(order.len() as u32);
        }
        if !seen.insert((rows.span_id[at], rows.kind[at])) {
            continue;
        }
        let trace = table.len() - 1;
        table.end_ns[trace] = table.end_ns[trace].max(end_of(rows, at));
        order.push(row);
        table.rows_end[trace] = order.len() as u32;
    }
    MemoryTraces { table, order, by_id: numbers }
}
