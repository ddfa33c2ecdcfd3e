//! Spans in memory as parts: ordered by trace, cut into blocks, and encoded one block after the
//! other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use watchkeep_model::column::Table;
use watchkeep_model::{Result, SpanColumns};

use super::memory::SpanMemory;
use super::part::{PartWriter, cut};
use crate::gather::Place;
use crate::part_file::PartFigures;

/// Bytes of a row without its texts, about.
const ROW_BYTES: u64 = 64;

/// Rows in the order in which a part holds them, with the numbers of rows of its traces.
#[derive(Debug, Default)]
pub(crate) struct Ordered {
    pub(crate) places: Vec<Place>,
    pub(crate) traces: Vec<u32>,
}

/// Groups spans by the day (of so many nanoseconds) on which their trace starts, so that retention
/// by age lets go of whole parts. In each group they are ordered by the start of their trace, its id,
/// and their own start; a span that was sent again is left out.
pub(crate) fn order_by_day(batches: &[Arc<SpanMemory>], day_ns: i64) -> Vec<Ordered> {
    let tables: Vec<&SpanColumns> = batches.iter().map(|batch| &batch.rows).collect();
    let mut days: BTreeMap<i64, Ordered> = BTreeMap::new();
    order(&tables, &mut |start_ns, trace| {
        let ordered = days.entry(start_ns.div_euclid(day_ns)).or_default();
        ordered.traces.push(trace.len() as u32);
        ordered.places.extend_from_slice(trace);
    });
    days.into_values().collect()
}

/// Shows each trace of some tables, by start and then by id: its start, and the places of its spans
/// by their starts, each span once.
pub(crate) fn order(tables: &[&SpanColumns], see: &mut dyn FnMut(i64, &[Place])) {
    let mut numbers: HashMap<[u8; 16], u32> = HashMap::new();
    // Start and id of each trace.
    let mut traces: Vec<(i64, [u8; 16])> = Vec::new();
    // Trace and start of each span.
    let count = tables.iter().map(|table| table.len()).sum();
    let mut rows: Vec<(u32, i64, Place)> = Vec::with_capacity(count);
    for (at, table) in tables.iter().enumerate() {
        let spans = table.trace_id.iter().zip(&table.start_ns).enumerate();
        for (row, (id, start_ns)) in spans {
            let trace = *numbers.entry(*id).or_insert_with(|| {
                traces.push((*start_ns, *id));
                traces.len() as u32 - 1
            });
            let first = &mut traces[trace as usize].0;
            *first = (*first).min(*start_ns);
            rows.push((trace, *start_ns, (at as u32, row as u32)));
        }
    }
    let mut by_start: Vec<u32> = (0..traces.len() as u32).collect();
    by_start.sort_unstable_by_key(|trace| traces[*trace as usize]);
    let mut rank = vec![0; traces.len()];
    for (place, trace) in by_start.iter().enumerate() {
        rank[*trace as usize] = place as u32;
    }
    let span = |(table, row): Place| {
        let (table, row) = (tables[table as usize], row as usize);
        (table.span_id[row], table.kind[row])
    };
    for row in &mut rows {
        row.0 = rank[row.0 as usize];
    }
    rows.sort_unstable_by(|a, b| {
        (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| (span(a.2), a.2).cmp(&(span(b.2), b.2)))
    });
    let (mut places, mut seen) = (Vec::new(), HashSet::new());
    for trace in rows.chunk_by(|left, right| left.0 == right.0) {
        places.clear();
        seen.clear();
        places.extend(trace.iter().map(|row| row.2).filter(|place| seen.insert(span(*place))));
        see(trace[0].1, &places);
    }
}

/// Writes rows as a part into an existing, empty directory. Files are synced; the directory is the
/// caller's to sync.
pub(crate) fn write_part(
    id: u64,
    directory: &Path,
    batches: &[Arc<SpanMemory>],
    rows: &Ordered,
) -> Result<PartFigures> {
    let tables: Vec<&SpanColumns> = batches.iter().map(|batch| &batch.rows).collect();
    let mut writer = PartWriter::create(id, directory)?;
    write_blocks(&mut writer, &tables, rows)?;
    writer.finish()
}

/// Writes rows that are ordered by trace and start as blocks.
pub(crate) fn write_blocks(
    writer: &mut PartWriter,
    tables: &[&SpanColumns],
    rows: &Ordered,
) -> Result<()> {
    let bytes = |row: usize| {
        let (table, row) = rows.places[row];
        row_bytes(tables[table as usize], row as usize)
    };
    for block in cut(&rows.traces, bytes) {
        writer.write(tables, &rows.places[block])?;
    }
    Ok(())
}

/// Bytes of a row, about.
pub(crate) fn row_bytes(table: &SpanColumns, row: usize) -> u64 {
    let (offsets, keys, values, _) = table.attributes.parts();
    let entries = offsets[row] as usize..offsets[row + 1] as usize;
    let of_row = |offsets: &[i32]| u64::from(offsets[row + 1].abs_diff(offsets[row]));
    ROW_BYTES
        + values.bytes_of(entries.clone()) as u64
        + entries.map(|entry| keys.get(entry).len() as u64).sum::<u64>()
        + of_row(table.events.parts().0)
        + of_row(table.links.parts().0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gather::{every, gather};
    use crate::live::Sealed as _;
    use crate::traces::specimen;

    #[test]
    fn traces_are_kept_together_by_start_and_spans_come_once() {
        let spans = specimen(20);
        let places: Vec<Place> = [12, 3, 7, 0, 3, 19, 13, 8].map(|row| (0, row)).to_vec();
        let late = gather(&[&spans], &places, &every).unwrap();
        let mut found = Vec::new();
        order(&[&late, &spans], &mut |start_ns, trace| found.push((start_ns, trace.to_vec())));
        let starts: Vec<i64> = found.iter().map(|(start_ns, _)| *start_ns).collect();
        assert!(starts.is_sorted());
        assert_eq!(found.len(), 4);
        assert_eq!(found[0].1, [(0, 3), (1, 1), (1, 2), (0, 1), (1, 4)]);
        assert!(found.iter().all(|(_, trace)| trace.len() == 5));
    }

    #[test]
    fn days_are_those_on_which_traces_start() {
        let spans = specimen(10);
        let middle = i64::midpoint(spans.start_ns[0], spans.start_ns[5]);
        let batch = Arc::new(SpanMemory::new(spans));
        // A trace of the first day has spans on the second.
        let days = order_by_day(&[batch], middle - 30_000_000);
        let rows: Vec<usize> = days.iter().map(|day| day.places.len()).collect();
        assert_eq!(rows.iter().sum::<usize>(), 10);
        assert!(days.iter().all(|day| day.traces.iter().all(|rows| *rows == 5)));
    }
}
