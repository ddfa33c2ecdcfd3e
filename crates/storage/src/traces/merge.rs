//! Merging parts: traces that were spread over several are put together, large blocks that have none
//! of them are taken over as they are.

use std::path::Path;
use std::sync::Arc;

use hashbrown::HashMap;
use watchkeep_model::column::Table;
use watchkeep_model::{Result, SpanColumns, TraceId};

use super::block::ROWS_MAX;
use super::part::{BlockEntry, PartWriter, SpanPart, trace_hash};
use super::write::{Ordered, order, write_blocks};
use crate::gather::{Place, every, gather};
use crate::part_file::PartFigures;

/// A block of so many rows, or of so many bytes, is taken over as it is.
const ROWS_KEPT: u32 = ROWS_MAX as u32 / 4;
const BYTES_KEPT: u32 = 1 << 20;
/// Bytes of rows that wait to be encoded, at most.
const PENDING_BYTES_MAX: usize = 32 << 20;

/// A block of one of the inputs.
struct Source<'a> {
    part: &'a SpanPart,
    entry: &'a BlockEntry,
    /// Whether its rows are encoded anew.
    is_opened: bool,
}

/// Merges parts into an existing, empty directory; `None` where it was told to stop.
pub(crate) fn merge(
    inputs: &[Arc<SpanPart>],
    (id, directory): (u64, &Path),
    must_stop: &dyn Fn() -> bool,
) -> Result<Option<PartFigures>> {
    let mut writer = PartWriter::create(id, directory)?;
    for part in inputs {
        writer.add_names_of(part)?;
    }
    let (sources, last) = sources(inputs)?;
    let mut pending = Pending { last, tables: Vec::new(), bytes: 0 };
    for (at, source) in sources.iter().enumerate() {
        if must_stop() {
            return Ok(None);
        }
        if source.is_opened {
            let rows: Vec<u32> = (0..source.entry.rows).collect();
            pending.add(source.part.block(source.entry)?.take(&rows)?);
            if pending.bytes > PENDING_BYTES_MAX {
                pending.write(&mut writer, at as u32)?;
            }
        } else {
            writer.copy(source.part, source.entry)?;
        }
    }
    pending.write(&mut writer, u32::MAX)?;
    writer.finish().map(Some)
}

/// All blocks by time, and for the hashes of traces in several of them the last that has it.
fn sources(inputs: &[Arc<SpanPart>]) -> Result<(Vec<Source<'_>>, HashMap<u32, u32>)> {
    let mut order: Vec<(i64, usize, usize)> = Vec::new();
    for (input, part) in inputs.iter().enumerate() {
        let blocks = part.blocks()?.iter().enumerate();
        order.extend(blocks.map(|(block, entry)| (entry.min_ns, input, block)));
    }
    order.sort_unstable();
    let mut places: Vec<Vec<u32>> =
        inputs.iter().map(|part| Ok(vec![0; part.blocks()?.len()])).collect::<Result<_>>()?;
    let mut sources = Vec::with_capacity(order.len());
    for (at, (_, input, block)) in order.into_iter().enumerate() {
        places[input][block] = at as u32;
        let entry = &inputs[input].blocks()?[block];
        let is_opened = entry.rows < ROWS_KEPT && entry.bytes() < BYTES_KEPT;
        sources.push(Source { part: &inputs[input], entry, is_opened });
    }
    // The first and the last block of each trace.
    let mut spread: HashMap<u32, (u32, u32)> = HashMap::new();
    for (part, places) in inputs.iter().zip(&places) {
        for (hash, block) in part.trace_places()?.entries() {
            let at = places[*block as usize];
            let (first, last) = spread.entry(*hash).or_insert((at, at));
            (*first, *last) = ((*first).min(at), (*last).max(at));
        }
    }
    spread.retain(|_, (first, last)| first != last);
    for (part, places) in inputs.iter().zip(&places) {
        for (hash, block) in part.trace_places()?.entries() {
            if spread.contains_key(hash) {
                sources[places[*block as usize] as usize].is_opened = true;
            }
        }
    }
    let last = spread.into_iter().map(|(hash, (_, last))| (hash, last)).collect();
    Ok((sources, last))
}

/// Rows that wait to be encoded.
struct Pending {
    /// The last block of traces that are in several.
    last: HashMap<u32, u32>,
    tables: Vec<SpanColumns>,
    bytes: usize,
}

impl Pending {
    fn add(&mut self, rows: SpanColumns) {
        self.bytes += rows.byte_len();
        self.tables.push(rows);
    }

    /// Writes the traces of which no block after `at` has more, and where there are too many others
    /// those too.
    fn write(&mut self, writer: &mut PartWriter, at: u32) -> Result<()> {
        let tables: Vec<&SpanColumns> = self.tables.iter().collect();
        let (mut ready, mut waiting) = (Ordered::default(), Ordered::default());
        order(&tables, &mut |_, trace| {
            let (table, row) = trace[0];
            let id = TraceId(tables[table as usize].trace_id[row as usize]);
            let last = self.last.get(&trace_hash(id)).copied();
            let into = if last.is_some_and(|last| last > at) { &mut waiting } else { &mut ready };
            into.places.extend_from_slice(trace);
            into.traces.push(trace.len() as u32);
        });
        if at == u32::MAX || waiting.places.len() > ready.places.len() {
            let mut everything = Ordered::default();
            order(&tables, &mut |_, trace| {
                everything.places.extend_from_slice(trace);
                everything.traces.push(trace.len() as u32);
            });
            (ready, waiting) = (everything, Ordered::default());
        }
        write_blocks(writer, &tables, &ready)?;
        let kept: &[Place] = &waiting.places;
        let kept = gather(&tables, kept, &every)?;
        self.bytes = if kept.is_empty() { 0 } else { kept.byte_len() };
        self.tables = if kept.is_empty() { Vec::new() } else { vec![kept] };
        Ok(())
    }
}
