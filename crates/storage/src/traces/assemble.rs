//! Whole traces as columns, from what pieces have of them.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use watchkeep_model::span_query::ABSENT;
use watchkeep_model::{
    FieldColumn, Result, SpanBatch, SpanField, SpanId, TraceId, TraceRows, Utf8Column,
};

use super::column::{Pick, interleave, value_at};
use super::lookup::{Fragment, Pieces};
use super::piece::{Loaded, SpanIds};

/// OTLP's number of the kinds of spans that call, and that are called.
const CLIENT: u8 = 3;
const SERVER: u8 = 2;

/// A trace of an answer.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: TraceId,
    pub(super) start_ns: i64,
    pub(super) end_ns: i64,
    /// Rows, those included that stand for one span.
    pub(super) rows: usize,
    /// In the order in which their rows were appended.
    pub(super) fragments: Vec<Fragment>,
}

/// The traces as columns.
pub(super) fn assemble(
    found: &[Found],
    fields: &[SpanField],
    pieces: &mut Pieces,
) -> Result<SpanBatch> {
    let mut sources = Sources::default();
    for trace in found {
        for fragment in &trace.fragments {
            sources.add(*fragment, pieces)?;
        }
    }
    sources.settle();
    let is_split = found.iter().any(|trace| trace.fragments.len() > 1);
    let ids = is_split || fields.iter().any(SpanField::needs_trace);
    let ids: Vec<SpanIds> = if ids { sources.ids()? } else { Vec::new() };
    let (mut picks, mut traces) = (Vec::new(), Vec::with_capacity(found.len()));
    for trace in found {
        let (start_ns, end_ns) = pick_rows(trace, &sources, &ids, &mut picks);
        traces.push(TraceRows { id: trace.id, start_ns, end_ns, rows_end: picks.len() as u32 });
    }
    let batch = Assembly { sources: &sources, ids: &ids, picks: &picks, traces: &traces };
    let columns = fields.iter().map(|field| batch.column(field)).collect::<Result<_>>()?;
    Ok(SpanBatch { rows: picks.len(), traces, columns })
}

/// The pieces that a batch is made of, with the rows of each that are needed.
#[derive(Default)]
struct Sources {
    loaded: Vec<Arc<Loaded>>,
    /// Rising.
    rows: Vec<Vec<u32>>,
    /// Which of the pieces here each fragment's is.
    numbers: HashMap<usize, u32>,
    /// Where the rows of a fragment are among `rows` of its piece, in their order.
    places: HashMap<Fragment, Vec<u32>>,
}

impl Sources {
    fn add(&mut self, fragment: Fragment, pieces: &mut Pieces) -> Result<()> {
        let number = if let Some(number) = self.numbers.get(&fragment.piece) {
            *number
        } else {
            self.loaded.push(pieces.load(fragment.piece)?);
            self.rows.push(Vec::new());
            let number = self.loaded.len() as u32 - 1;
            self.numbers.insert(fragment.piece, number);
            number
        };
        let loaded = &self.loaded[number as usize];
        let rows: Vec<u32> = loaded.rows_at(loaded.traces()?.rows(fragment.trace)).collect();
        self.rows[number as usize].extend_from_slice(&rows);
        self.places.insert(fragment, rows);
        Ok(())
    }

    /// Orders the rows of each piece, and turns rows of fragments into places among them.
    fn settle(&mut self) {
        let mut place_of: Vec<Vec<u32>> = Vec::with_capacity(self.loaded.len());
        for (loaded, rows) in self.loaded.iter().zip(&mut self.rows) {
            rows.sort_unstable();
            let mut places = vec![0; loaded.len()];
            for (place, row) in rows.iter().enumerate() {
                places[*row as usize] = place as u32;
            }
            place_of.push(places);
        }
        for (fragment, rows) in &mut self.places {
            let places = &place_of[self.numbers[&fragment.piece] as usize];
            for row in rows {
                *row = places[*row as usize];
            }
        }
    }

    fn ids(&self) -> Result<Vec<SpanIds>> {
        self.loaded.iter().zip(&self.rows).map(|(loaded, rows)| loaded.ids(rows)).collect()
    }
}

/// Appends the rows of a trace by start, each span once; its start and end.
fn pick_rows(
    trace: &Found,
    sources: &Sources,
    ids: &[SpanIds],
    picks: &mut Vec<Pick>,
) -> (i64, i64) {
    let of_fragment = |fragment: &Fragment| {
        let number = sources.numbers[&fragment.piece];
        sources.places[fragment].iter().map(move |place| (number, *place))
    };
    if let [fragment] = trace.fragments.as_slice() {
        picks.extend(of_fragment(fragment));
        return (trace.start_ns, trace.end_ns);
    }
    let mut rows: Vec<Pick> = trace.fragments.iter().flat_map(of_fragment).collect();
    let key = |pick: &Pick| {
        let (ids, at) = (&ids[pick.0 as usize], pick.1 as usize);
        (ids.start_ns[at], ids.span[at], ids.kind[at])
    };
    // Of one span the row that was appended first stays.
    rows.sort_by_key(key);
    let mut seen = HashSet::new();
    rows.retain(|pick| {
        let (_, span, kind) = key(pick);
        seen.insert((span, kind))
    });
    let end_ns = rows.iter().map(|pick| ids[pick.0 as usize].end_ns[pick.1 as usize]).max();
    picks.extend_from_slice(&rows);
    (trace.start_ns, end_ns.unwrap_or(trace.end_ns))
}

/// A batch that is being put together.
struct Assembly<'a> {
    sources: &'a Sources,
    /// By source; empty where no field and no trace needs them.
    ids: &'a [SpanIds],
    picks: &'a [Pick],
    traces: &'a [TraceRows],
}

impl Assembly<'_> {
    fn column(&self, field: &SpanField) -> Result<FieldColumn> {
        match field {
            SpanField::TraceId => Ok(self.of_traces(|trace| Some(trace.id.to_string()))),
            SpanField::ParentRow => Ok(self.parents()),
            SpanField::RootName => self.of_roots(&SpanField::Name),
            SpanField::RootService => self.of_roots(&SpanField::Service),
            local => {
                let sources = self.sources.loaded.iter().zip(&self.sources.rows);
                let columns: Vec<FieldColumn> = sources
                    .map(|(loaded, rows)| loaded.column(local, rows))
                    .collect::<Result<_>>()?;
                Ok(interleave(&columns, self.picks))
            }
        }
    }

    fn rows_of_traces(&self) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
        let ends = || self.traces.iter().map(|trace| trace.rows_end as usize);
        let starts = std::iter::once(0).chain(ends());
        starts.zip(ends()).map(|(from, to)| from..to).enumerate()
    }

    /// A text that all rows of a trace have.
    fn of_traces(&self, mut text: impl FnMut(&TraceRows) -> Option<String>) -> FieldColumn {
        let (mut keys, mut values) = (Vec::with_capacity(self.picks.len()), Utf8Column::default());
        for (at, rows) in self.rows_of_traces() {
            let key = match text(&self.traces[at]) {
                None => ABSENT,
                Some(text) => {
                    values.push(&text);
                    values.len() as u32 - 1
                }
            };
            keys.extend(rows.map(|_| key));
        }
        FieldColumn::Text { keys, values }
    }

    /// A text of each trace's root.
    fn of_roots(&self, field: &SpanField) -> Result<FieldColumn> {
        let is_root =
            |pick: &Pick| self.ids[pick.0 as usize].parent[pick.1 as usize] == SpanId::NONE.0;
        let roots: Vec<Option<Pick>> = self
            .rows_of_traces()
            .map(|(_, rows)| self.picks[rows].iter().find(|pick| is_root(pick)).copied())
            .collect();
        // Of each source only the roots are read, and they must rise.
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); self.sources.loaded.len()];
        for (source, place) in roots.iter().flatten() {
            rows[*source as usize].push(self.sources.rows[*source as usize][*place as usize]);
        }
        let mut columns = Vec::with_capacity(rows.len());
        for (loaded, rows) in self.sources.loaded.iter().zip(&mut rows) {
            rows.sort_unstable();
            columns.push(loaded.column(field, rows)?);
        }
        let mut roots = roots.into_iter();
        Ok(self.of_traces(|_| {
            let (source, place) = roots.next().flatten()?;
            let row = self.sources.rows[source as usize][place as usize];
            let at = rows[source as usize].binary_search(&row).ok()?;
            match value_at(&columns[source as usize], at) {
                watchkeep_model::Value::String(text) => Some(text),
                _ => None,
            }
        }))
    }

    /// Rows of parents. A client and a server may share an id (Zipkin): then the client is the
    /// server's parent, whatever that names, and the server is the parent of what names the id.
    fn parents(&self) -> FieldColumn {
        let mut values = vec![0; self.picks.len()];
        let mut present = vec![false; self.picks.len()];
        let ids = |row: usize| {
            let (source, place) = self.picks[row];
            let ids = &self.ids[source as usize];
            (ids.span[place as usize], ids.parent[place as usize], ids.kind[place as usize])
        };
        // The spans of a trace, by id.
        let mut by_id: Vec<([u8; 8], usize)> = Vec::new();
        for (_, rows) in self.rows_of_traces() {
            by_id.clear();
            by_id.extend(rows.clone().map(|row| (ids(row).0, row)));
            by_id.sort_unstable();
            for row in rows {
                let (own, mut parent, kind) = ids(row);
                let wanted = if kind == SERVER { CLIENT } else { SERVER };
                let from = by_id.partition_point(|(id, _)| *id < own);
                let mut alike = by_id[from..].iter().take_while(|(id, _)| *id == own);
                if kind == SERVER && alike.any(|(_, at)| ids(*at).2 == CLIENT) {
                    parent = own;
                }
                if parent == SpanId::NONE.0 {
                    continue;
                }
                let from = by_id.partition_point(|(id, _)| *id < parent);
                let mut named = by_id[from..].iter().take_while(|(id, _)| *id == parent);
                let chosen = match (named.next(), named.next()) {
                    (Some(only), None) => Some(only),
                    (Some(first), Some(second)) => [first, second]
                        .into_iter()
                        .chain(named)
                        .find(|(_, at)| ids(*at).2 == wanted),
                    _ => None,
                };
                if let Some((_, parent)) = chosen.filter(|(_, parent)| *parent != row) {
                    values[row] = *parent as i64;
                    present[row] = true;
                }
            }
        }
        FieldColumn::Int { values, present: Some(present) }
    }
}
