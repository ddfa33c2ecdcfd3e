//! Writing a block.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use watchkeep_model::column::{DictColumn, Table};
use watchkeep_model::{LogColumns, Result};

use super::{MAGIC, ROWS_MAX, body, streams};
use crate::block::bloom::BloomBuilder;
use crate::block::sections::Writer;
use crate::block::{attributes, table};
use crate::gather::{Place, gather};

/// Columns that are written in their own way.
pub(crate) const SPECIAL: [&str; 4] = ["time_ns", "stream", "body", "attributes"];

/// A block, ready to be written.
#[derive(Debug)]
pub(crate) struct EncodedBlock {
    pub(crate) bytes: Vec<u8>,
    /// How many of the bytes [`super::Block::open`] reads.
    pub(crate) head_bytes: usize,
    /// Bloom filter over the words of bodies, attribute values and ids, see [`crate::block::bloom`].
    pub(crate) bloom: Vec<u8>,
    pub(crate) figures: BlockFigures,
}

/// What an index keeps of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockFigures {
    pub(crate) rows: u32,
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
    /// Its streams in the order of their first rows.
    pub(crate) streams: Vec<StreamRows>,
    /// Distinct keys of attributes.
    pub(crate) attribute_keys: BTreeSet<String>,
}

/// The rows of a stream in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamRows {
    /// The text of its labels.
    pub(crate) labels: String,
    pub(crate) rows: u32,
    /// Bytes of bodies.
    pub(crate) body_bytes: u64,
    /// Bytes of bodies and of the keys and values of attributes.
    pub(crate) bytes: u64,
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
}

/// Encodes 1 to [`ROWS_MAX`] rows of some tables, ordered by stream and time. The salt is that of the
/// Bloom filter.
pub(crate) fn encode(tables: &[&LogColumns], places: &[Place], salt: u64) -> Result<EncodedBlock> {
    assert!((1..=ROWS_MAX).contains(&places.len()), "a block of {} rows", places.len());
    // Bodies and attributes are most of a table, so they are read where they are.
    let columns = &gather(tables, places, &|name| !matches!(name, "body" | "attributes"))?;
    let rows = &(0..places.len() as u32).collect::<Vec<u32>>()[..];
    let attributes: Vec<_> = tables.iter().map(|table| &table.attributes).collect();
    let bodies: Vec<&str> =
        places.iter().map(|(table, row)| tables[*table as usize].body.get(*row as usize)).collect();
    let mut out = Writer::default();
    let mut bloom = BloomBuilder::new(salt, rows.len() * 2);
    let times: Vec<i64> = rows.iter().map(|row| columns.time_ns[*row as usize]).collect();
    out.size(rows.len());
    table::write_times(&times, &mut out)?;
    streams::write(&columns.stream, rows, &mut out)?;
    body::write(&bodies, &times, &mut bloom, &mut out)?;
    let parts = attributes::Parts::of(&attributes, places);
    let attribute_keys = parts.keys.clone();
    parts.write(Some(&times), &mut bloom, &mut out)?;
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
            written = table::write_column(column, rows, &times, None, &mut out);
        }
    });
    written?;
    add_ids(columns, rows, &mut bloom);
    add_shared(&columns.resource, rows, &mut bloom);
    add_shared(&columns.scope_attributes, rows, &mut bloom);
    let (bytes, head_bytes) = out.finish(MAGIC);
    let of_rows: Vec<(u64, u64)> = places.iter().map(|place| bytes_of(tables, *place)).collect();
    let figures = figures(&columns.stream, &times, &of_rows, attribute_keys);
    Ok(EncodedBlock { bytes, head_bytes, bloom: bloom.finish(), figures })
}

fn add_ids(columns: &LogColumns, rows: &[u32], bloom: &mut BloomBuilder) {
    for row in rows {
        let row = *row as usize;
        for id in [&columns.trace_id[row][..], &columns.span_id[row][..]] {
            if id.iter().any(|byte| *byte != 0) {
                bloom.add_whole(table::hex(id).as_bytes());
            }
        }
    }
}

/// Adds the texts of a column of which rows share values, each about once.
fn add_shared(column: &DictColumn, rows: &[u32], bloom: &mut BloomBuilder) {
    let (values, keys) = column.parts();
    let mut last = None;
    for row in rows {
        let key = keys[*row as usize];
        if last != Some(key) {
            bloom.add_text(values.get(key as usize));
            last = Some(key);
        }
    }
}

/// Bytes of a row's body, and of the keys and values of its attributes.
fn bytes_of(tables: &[&LogColumns], (table, row): Place) -> (u64, u64) {
    let (table, row) = (tables[table as usize], row as usize);
    let (offsets, keys, values, _) = table.attributes.parts();
    let entries = offsets[row] as usize..offsets[row + 1] as usize;
    let of_keys: usize = entries.clone().map(|entry| keys.get(entry).len()).sum();
    let body = table.body.bytes_of(row..row + 1);
    (body as u64, (of_keys + values.bytes_of(entries)) as u64)
}

/// `bytes` are those of each row's body and attributes.
fn figures(
    stream: &DictColumn,
    times: &[i64],
    bytes: &[(u64, u64)],
    attribute_keys: BTreeSet<String>,
) -> BlockFigures {
    let mut streams: Vec<StreamRows> = Vec::new();
    let mut known: HashMap<u32, usize> = HashMap::new();
    let (texts, keys) = stream.parts();
    for ((key, time_ns), (body, attributes)) in keys.iter().zip(times).zip(bytes) {
        let at = *known.entry(*key).or_insert_with(|| {
            let labels = texts.get(*key as usize).to_owned();
            let (min_ns, max_ns) = (*time_ns, *time_ns);
            streams.push(StreamRows { labels, rows: 0, body_bytes: 0, bytes: 0, min_ns, max_ns });
            streams.len() - 1
        });
        let stream = &mut streams[at];
        stream.rows += 1;
        stream.body_bytes += body;
        stream.bytes += body + attributes;
        stream.min_ns = stream.min_ns.min(*time_ns);
        stream.max_ns = stream.max_ns.max(*time_ns);
    }
    BlockFigures {
        rows: times.len() as u32,
        min_ns: times.iter().copied().min().unwrap_or(0),
        max_ns: times.iter().copied().max().unwrap_or(0),
        streams,
        attribute_keys,
    }
}
