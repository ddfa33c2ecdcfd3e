//! Writing a block.

use watchkeep_model::column::Table;
use watchkeep_model::{Result, SpanColumns};

use super::children;
use super::figures::{BlockFigures, FiguresBuilder};
use super::json::{Kind, for_each_text};
use super::parents::{self, NO_ROW, parent_rows};
use super::{MAGIC, ROWS_MAX};
use crate::block::bloom::BloomBuilder;
use crate::block::numbers::{self, Sequence};
use crate::block::sections::Writer;
use crate::block::{attributes, table};
use crate::gather::{Place, gather};

/// Columns that are written in their own way.
const SPECIAL: [&str; 8] = [
    "trace_id",
    "span_id",
    "parent_span_id",
    "start_ns",
    "duration_ns",
    "attributes",
    "events",
    "links",
];
/// Words of a row that go into the Bloom filter, about.
const WORDS_PER_ROW: usize = 4;

/// A block, ready to be written.
#[derive(Debug)]
pub(crate) struct EncodedBlock {
    pub(crate) bytes: Vec<u8>,
    /// How many of the bytes [`super::SpanBlock::open`] reads.
    pub(crate) head_bytes: usize,
    /// Bloom filter over the words of names, messages and values of attributes, and ids of links.
    pub(crate) bloom: Vec<u8>,
    pub(crate) figures: BlockFigures,
}

/// Encodes 1 to [`ROWS_MAX`] rows of some tables. Rows of a trace stand together, ordered by start.
/// The salt is that of the Bloom filter.
pub(crate) fn encode(tables: &[&SpanColumns], places: &[Place], salt: u64) -> Result<EncodedBlock> {
    assert!((1..=ROWS_MAX).contains(&places.len()), "a block of {} rows", places.len());
    // Attributes are most of a table, so they are read where they are.
    let columns = &gather(tables, places, &|name| name != "attributes")?;
    let attributes: Vec<_> = tables.iter().map(|table| &table.attributes).collect();
    let rows = &(0..places.len() as u32).collect::<Vec<u32>>()[..];
    let mut out = Writer::default();
    let mut bloom = BloomBuilder::new(salt, rows.len() * WORDS_PER_ROW);
    let of_i64 =
        |column: &[i64]| -> Vec<i64> { rows.iter().map(|r| column[*r as usize]).collect() };
    let of_id = |column: &[[u8; 8]]| -> Vec<[u8; 8]> {
        rows.iter().map(|row| column[*row as usize]).collect()
    };
    let starts = of_i64(&columns.start_ns);
    out.size(rows.len());
    table::write_times(&starts, &mut out)?;
    let durations = of_i64(&columns.duration_ns);
    numbers::write(&durations, Sequence::Any, &mut out)?;
    let traces = traces_of(columns, rows);
    out.size(traces.len());
    let lengths: Vec<u32> = traces.iter().map(|(_, len)| *len).collect();
    numbers::write_u32(&lengths, &mut out)?;
    out.section(&traces.iter().flat_map(|(id, _)| *id).collect::<Vec<u8>>());
    let ids = of_id(&columns.span_id);
    out.section(ids.as_flattened());
    let parents = of_id(&columns.parent_span_id);
    let in_block = rows_of_parents(&traces, &ids, &parents);
    let has_strays = parents::write(&parents, &in_block, &mut out)?;

    let mut figures = FiguresBuilder::new(columns, rows);
    let mut parts = attributes::Parts::of(&attributes, places);
    figures.span_keys(std::mem::take(&mut parts.keys));
    parts.write(Some(&starts), &mut bloom, &mut out)?;
    for (kind, column) in [(Kind::Events, &columns.events), (Kind::Links, &columns.links)] {
        let parts = children::Parts::of(kind, column, rows, &starts);
        let keys = parts.write(&mut bloom, &mut out)?;
        figures.child_keys(kind, keys);
        for text in parts.texts() {
            figures.keys_of_text(kind, text);
            add_escaped(text, &mut bloom);
        }
        add_nested(parts.attributes(), 0..parts.attributes().len(), &mut bloom);
    }
    for (table, row) in places {
        add_nested(attributes[*table as usize], [*row as usize], &mut bloom);
    }
    write_others(columns, rows, &starts, &mut bloom, &mut out)?;
    for text in figures.objects() {
        add_escaped(text, &mut bloom);
    }
    let (bytes, head_bytes) = out.finish(MAGIC);
    let figures = figures.finish(&traces, &starts, &durations, &in_block, has_strays);
    Ok(EncodedBlock { bytes, head_bytes, bloom: bloom.finish(), figures })
}

/// Ids of traces and their numbers of rows, in order.
fn traces_of(columns: &SpanColumns, rows: &[u32]) -> Vec<([u8; 16], u32)> {
    let mut traces: Vec<([u8; 16], u32)> = Vec::new();
    for row in rows {
        let id = columns.trace_id[*row as usize];
        match traces.last_mut() {
            Some((last, len)) if *last == id => *len += 1,
            _ => traces.push((id, 1)),
        }
    }
    traces
}

/// The row of each row's parent in the block, or [`NO_ROW`].
fn rows_of_parents(traces: &[([u8; 16], u32)], ids: &[[u8; 8]], parents: &[[u8; 8]]) -> Vec<u32> {
    let (mut from, mut all) = (0, Vec::with_capacity(ids.len()));
    for (_, len) in traces {
        let to = from + *len as usize;
        parent_rows(&ids[from..to], &parents[from..to], &mut all);
        let of_trace = all[from..].iter_mut().filter(|row| **row != NO_ROW);
        of_trace.for_each(|row| *row += from as u32);
        from = to;
    }
    all
}

fn write_others(
    columns: &SpanColumns,
    rows: &[u32],
    starts: &[i64],
    bloom: &mut BloomBuilder,
    out: &mut Writer,
) -> Result<()> {
    let mut stored: Vec<&str> = Vec::new();
    columns.visit(&mut |name, column| {
        if !SPECIAL.contains(&name) && !table::is_default(column, rows) {
            stored.push(name);
        }
    });
    out.size(stored.len());
    let mut written = Ok(());
    columns.visit(&mut |name, column| {
        if written.is_ok() && stored.contains(&name) {
            out.text(name);
            written = table::write_column(column, rows, starts, Some(&mut *bloom), out);
        }
    });
    written
}

/// Adds the words of texts within JSON that has escapes: they differ from those of the JSON.
fn add_escaped(json: &str, bloom: &mut BloomBuilder) {
    if json.contains('\\') {
        for_each_text(json, &mut |text| bloom.add_text(text));
    }
}

/// As [`add_escaped`], of the arrays and maps among attributes.
fn add_nested(
    attributes: &watchkeep_model::AttributesColumn,
    rows: impl IntoIterator<Item = usize>,
    bloom: &mut BloomBuilder,
) {
    let (offsets, _, values, kinds) = attributes.parts();
    for row in rows {
        let entries = offsets[row] as usize..offsets[row + 1] as usize;
        for (entry, kind) in entries.clone().zip(&kinds[entries]) {
            if *kind == watchkeep_model::ValueKind::Json as u8 {
                add_escaped(values.get(entry), bloom);
            }
        }
    }
}
