//! Reading a block.

use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;
use watchkeep_model::column::{ColumnMut, Table};
use watchkeep_model::{Result, SpanColumns, TraceId, Value};

use super::children::Children;
use super::json::Kind;
use super::parents::{Parents, ReadParents};
use super::{MAGIC, ROWS_MAX};
use crate::block::attributes::Attributes;
use crate::block::numbers::{ANY_U32, Numbers};
use crate::block::sections::{BlockSource, Head, Section, corrupt, read_head};
use crate::block::table::{Column, fill_default};
use crate::block::texts::once;
use crate::block::texts_column::picked;
use crate::block::texts_read::{Reader, Texts, Times};
use crate::traces::table::TraceTable;
use crate::traces::value::object;

/// What stands in a head takes about so many times its bytes once it is parsed.
const PARSED: usize = 4;
/// Bytes that [`TraceTable`] takes for a trace.
const TRACE: usize = 36;

/// A block that is being read. What was decoded once is kept.
#[derive(Debug)]
pub(crate) struct SpanBlock {
    source: Arc<dyn BlockSource>,
    rows: usize,
    starts: Times,
    durations: Numbers,
    traces: usize,
    trace_lengths: Numbers,
    trace_ids: Section,
    span_ids: Section,
    parents: Parents,
    pub(super) attributes: Attributes,
    pub(super) events: Children,
    pub(super) links: Children,
    others: Vec<(String, Column)>,
    read: Decoded,
}

/// What was decoded.
#[derive(Debug, Default)]
struct Decoded {
    durations: OnceLock<Vec<i64>>,
    traces: OnceLock<TraceTable>,
    trace_ids: OnceLock<Vec<TraceId>>,
    trace_ends: OnceLock<Vec<u32>>,
    trace_of_row: OnceLock<Vec<u32>>,
    span_ids: OnceLock<Vec<[u8; 8]>>,
    parents: OnceLock<ReadParents>,
    kinds: OnceLock<Vec<u32>>,
    resources: OnceLock<Objects>,
    scopes: OnceLock<Objects>,
}

/// Objects of attributes, each distinct one once, and which each row has.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) values: Vec<Vec<(String, Value)>>,
    pub(super) of_row: Vec<u32>,
}

impl SpanBlock {
    /// Reads and checks the head.
    pub(crate) fn open(source: Arc<dyn BlockSource>, head_bytes: usize) -> Result<Self> {
        let head = read_head(&*source, head_bytes, MAGIC)?;
        source.note(head.len() * PARSED);
        let mut head = Head::new(&head);
        let rows = head.size()?;
        if !(1..=ROWS_MAX).contains(&rows) {
            return Err(corrupt("its number of rows is out of range"));
        }
        let starts = Times::new(Numbers::parse(&mut head, rows)?);
        let durations = Numbers::parse(&mut head, rows)?;
        let traces = head.size()?;
        if !(1..=rows).contains(&traces) {
            return Err(corrupt("its number of traces is out of range"));
        }
        let trace_lengths = Numbers::parse(&mut head, traces)?;
        let (trace_ids, span_ids) = (head.section()?, head.section()?);
        let parents = Parents::parse(&mut head, rows)?;
        let attributes = Attributes::parse(&mut head, rows)?;
        let events = Children::parse(&mut head, Kind::Events, rows)?;
        let links = Children::parse(&mut head, Kind::Links, rows)?;
        let others = head.count()?;
        let others = (0..others)
            .map(|_| Ok((head.text()?.to_owned(), Column::parse(&mut head, rows)?)))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            source,
            rows,
            starts,
            durations,
            traces,
            trace_lengths,
            trace_ids,
            span_ids,
            parents,
            attributes,
            events,
            links,
            others,
            read: Decoded::default(),
        })
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader { source: &*self.source, times: &self.starts }
    }

    /// Column `start_ns`.
    pub(crate) fn starts(&self) -> Result<&[i64]> {
        self.starts.read(&*self.source)
    }

    /// Column `duration_ns`.
    pub(crate) fn durations(&self) -> Result<&[i64]> {
        once(&self.read.durations, || self.durations.read(&*self.source)).map(Vec::as_slice)
    }

    /// Column `span_id`.
    pub(crate) fn span_ids(&self) -> Result<&[[u8; 8]]> {
        let ids = once(&self.read.span_ids, || {
            let bytes = self.span_ids.read(&*self.source)?;
            let (ids, rest) = bytes.as_chunks::<8>();
            if ids.len() != self.rows || !rest.is_empty() {
                return Err(corrupt("ids of spans are missing"));
            }
            Ok(ids.to_vec())
        })?;
        Ok(ids)
    }

    fn parents(&self) -> Result<&ReadParents> {
        once(&self.read.parents, || {
            self.source.note(self.rows * (size_of::<u64>() + size_of::<u32>()));
            self.parents.read(&*self.source, self.span_ids()?)
        })
    }

    /// Column `parent_span_id`.
    pub(crate) fn parent_ids(&self) -> Result<&[[u8; 8]]> {
        Ok(&self.parents()?.ids)
    }

    /// The row of each row's parent, the first with its id in the same trace; [`super::NO_ROW`] for a root,
    /// and where the parent is in no row of the block.
    pub(crate) fn parent_rows(&self) -> Result<&[u32]> {
        Ok(&self.parents()?.rows)
    }

    /// Column `kind`.
    pub(crate) fn kinds(&self) -> Result<&[u32]> {
        once(&self.read.kinds, || self.numbers("kind", None)).map(Vec::as_slice)
    }

    /// A column of small numbers, of some rows or all.
    pub(super) fn numbers(&self, name: &str, which: Option<&[u32]>) -> Result<Vec<u32>> {
        match self.other(name) {
            Some(Column::Numbers { numbers, read }) => {
                let all = once(read, || numbers.read_u32(&*self.source, ANY_U32))?;
                Ok(picked(all, which))
            }
            Some(_) => Err(corrupt("a column is of another kind than it should")),
            None => Ok(vec![0; which.map_or(self.rows, <[u32]>::len)]),
        }
    }

    /// A column of texts; `None` where all are empty.
    pub(super) fn texts(&self, name: &str) -> Result<Option<&Texts>> {
        match self.other(name) {
            Some(Column::Texts(texts)) => Ok(Some(texts)),
            Some(_) => Err(corrupt("a column is of another kind than it should")),
            None => Ok(None),
        }
    }

    /// Ids of its traces, by start.
    pub(super) fn trace_ids(&self) -> Result<&[TraceId]> {
        let ids = once(&self.read.trace_ids, || {
            let bytes = self.trace_ids.read(&*self.source)?;
            let (ids, rest) = bytes.as_chunks::<16>();
            if ids.len() != self.traces || !rest.is_empty() {
                return Err(corrupt("ids of traces are missing"));
            }
            self.source.note(bytes.len());
            Ok(ids.iter().copied().map(TraceId).collect())
        })?;
        Ok(ids)
    }

    /// One past the last row of each trace: rows of a trace stand together.
    fn trace_ends(&self) -> Result<&[u32]> {
        let ends = once(&self.read.trace_ends, || {
            let mut ends = self.trace_lengths.read_u32(&*self.source, ROWS_MAX + 1)?;
            let mut end = 0_usize;
            for len in &mut ends {
                if *len == 0 || end > self.rows {
                    return Err(corrupt("its traces have another number of rows"));
                }
                end += *len as usize;
                *len = end as u32;
            }
            if end != self.rows {
                return Err(corrupt("its traces have another number of rows"));
            }
            Ok(ends)
        })?;
        Ok(ends)
    }

    /// Its traces, by start.
    pub(crate) fn traces(&self) -> Result<&TraceTable> {
        once(&self.read.traces, || {
            self.source.note(self.traces * TRACE);
            let (starts, durations) = (self.starts()?, self.durations()?);
            let mut table = TraceTable {
                ids: self.trace_ids()?.to_vec(),
                rows_end: self.trace_ends()?.to_vec(),
                ..TraceTable::default()
            };
            let mut from = 0;
            for end in &table.rows_end {
                let rows = from..*end as usize;
                let end = |row: usize| starts[row].saturating_add(durations[row].max(0));
                from = rows.end;
                table.start_ns.push(starts[rows.clone()].iter().copied().min().unwrap_or(0));
                table.end_ns.push(rows.map(end).max().unwrap_or(0));
            }
            Ok(table)
        })
    }

    /// Number of the trace of each row.
    pub(super) fn trace_of_row(&self) -> Result<&[u32]> {
        let of_row = once(&self.read.trace_of_row, || {
            let mut of_row = Vec::with_capacity(self.rows);
            self.source.note(self.rows * size_of::<u32>());
            for (trace, end) in self.trace_ends()?.iter().enumerate() {
                of_row.resize(*end as usize, trace as u32);
            }
            Ok(of_row)
        })?;
        Ok(of_row)
    }

    /// The attributes of resources.
    pub(super) fn resources(&self) -> Result<&Objects> {
        once(&self.read.resources, || self.objects("resource"))
    }

    /// The attributes of instrumentation scopes.
    pub(super) fn scopes(&self) -> Result<&Objects> {
        once(&self.read.scopes, || self.objects("scope_attributes"))
    }

    fn objects(&self, name: &str) -> Result<Objects> {
        let Some(texts) = self.texts(name)? else { return Ok(Objects::default()) };
        let (mut of_row, texts) = texts.column(self.reader(), None, None)?;
        let (mut objects, mut known) = (Objects::default(), HashMap::new());
        let mut number_of = Vec::with_capacity(texts.len());
        for text in texts.iter() {
            let next = objects.values.len() as u32;
            let number = *known.entry(text).or_insert(next);
            if number == next {
                objects.values.push(object(text)?);
            }
            number_of.push(number);
        }
        for key in &mut of_row {
            *key = number_of[*key as usize];
        }
        objects.of_row = of_row;
        Ok(objects)
    }

    /// Some rows, in their order. Panics where a row is out of range, like a slice.
    pub(crate) fn take(&self, which: &[u32]) -> Result<SpanColumns> {
        self.columns(which, &|_| true)
    }

    /// Some columns of some rows, in their order, the others being empty. Panics where a row is out
    /// of range, like a slice.
    pub(crate) fn columns(
        &self,
        which: &[u32],
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<SpanColumns> {
        let mut columns = SpanColumns::default();
        let some = Some(which);
        columns.visit_mut(&mut |name, column| {
            match (name, column) {
                _ if !wanted(name) => {}
                ("start_ns", ColumnMut::I64(into)) => *into = picked(self.starts()?, some),
                ("duration_ns", ColumnMut::I64(into)) => *into = picked(self.durations()?, some),
                ("trace_id", ColumnMut::Id16(into)) => {
                    let (ids, of_row) = (self.trace_ids()?, self.trace_of_row()?);
                    into.extend(which.iter().map(|r| ids[of_row[*r as usize] as usize].0));
                }
                ("span_id", ColumnMut::Id8(into)) => *into = picked(self.span_ids()?, some),
                ("parent_span_id", ColumnMut::Id8(into)) => {
                    *into = picked(self.parent_ids()?, some);
                }
                ("attributes", ColumnMut::Attributes(into)) => {
                    for row in which {
                        self.attributes.append(self.reader(), *row as usize, into)?;
                    }
                }
                ("events", ColumnMut::Utf8(into)) => {
                    self.fill_children(&self.events, which, into)?;
                }
                ("links", ColumnMut::Utf8(into)) => self.fill_children(&self.links, which, into)?,
                (name, column) => match self.other(name) {
                    Some(stored) => stored.fill(self.reader(), which, column)?,
                    None => fill_default(which.len(), column),
                },
            }
            Ok(())
        })?;
        Ok(columns)
    }

    fn fill_children(
        &self,
        children: &Children,
        which: &[u32],
        into: &mut watchkeep_model::Utf8Column,
    ) -> Result<()> {
        if children.is_empty() {
            for _ in which {
                into.push("");
            }
            return Ok(());
        }
        let starts = self.starts()?;
        for row in which {
            let row = *row as usize;
            let mut read = Ok(());
            into.push_with(|text| read = children.append(self.reader(), row, starts[row], text));
            read?;
        }
        Ok(())
    }

    /// The other column of this name, if it holds anything.
    fn other(&self, name: &str) -> Option<&Column> {
        self.others.iter().find(|(other, _)| other == name).map(|(_, column)| column)
    }
}
