//! Rows in memory as parts: ordered by stream and time, cut into blocks, and encoded one block
//! after the other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hashbrown::HashMap;
use watchkeep_model::column::Table;
use watchkeep_model::{LogColumns, Result, Utf8Column};

use super::memory::LogBatch;
use super::part::{PartWriter, cut};
use crate::gather::Place;
use crate::part_file::PartFigures;

/// Rows of one day in the order in which a part holds them, with the numbers of rows of its
/// streams.
#[derive(Debug, Default)]
pub(crate) struct Ordered {
    places: Vec<Place>,
    streams: Vec<usize>,
}

/// Groups rows by the day (of so many nanoseconds) that they fall into, so that retention by age
/// lets go of whole parts. In each group they are ordered by the text of their stream, time and
/// arrival.
pub(crate) fn order_by_day(batches: &[Arc<LogBatch>], day_ns: i64) -> Vec<Ordered> {
    let ranks = ranks(batches);
    let count = batches.iter().map(|batch| batch.rows.len()).sum();
    let mut rows: Vec<(i64, u32, i64, Place)> = Vec::with_capacity(count);
    for (at, batch) in batches.iter().enumerate() {
        let keys = batch.rows.stream.parts().1;
        rows.extend(batch.rows.time_ns.iter().zip(keys).enumerate().map(
            |(row, (time_ns, key))| {
                let rank = ranks[at][*key as usize];
                (time_ns.div_euclid(day_ns), rank, *time_ns, (at as u32, row as u32))
            },
        ));
    }
    rows.sort_unstable();
    let mut days: BTreeMap<i64, (Ordered, Option<u32>)> = BTreeMap::new();
    for (day, rank, _, place) in rows {
        let (ordered, last) = days.entry(day).or_default();
        if last.replace(rank) != Some(rank) {
            ordered.streams.push(0);
        }
        if let Some(rows) = ordered.streams.last_mut() {
            *rows += 1;
        }
        ordered.places.push(place);
    }
    days.into_values().map(|(ordered, _)| ordered).collect()
}

/// For each batch and each key of its column `stream` the place of the text among all.
fn ranks(batches: &[Arc<LogBatch>]) -> Vec<Vec<u32>> {
    let texts = |batch: &Arc<LogBatch>| batch.rows.stream.parts().0.clone();
    let columns: Vec<_> = batches.iter().map(texts).collect();
    let mut sorted: Vec<&str> = columns.iter().flat_map(Utf8Column::iter).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let places: HashMap<&str, u32> =
        sorted.into_iter().enumerate().map(|(place, text)| (text, place as u32)).collect();
    columns.iter().map(|column| column.iter().map(|text| places[text]).collect()).collect()
}

/// Writes rows as a part into an existing, empty directory. Files are synced; the directory is the
/// caller's to sync.
pub(crate) fn write_part(
    id: u64,
    directory: &Path,
    batches: &[Arc<LogBatch>],
    rows: &Ordered,
) -> Result<PartFigures> {
    let tables: Vec<&LogColumns> = batches.iter().map(|batch| &batch.rows).collect();
    let mut writer = PartWriter::create(id, directory)?;
    write_blocks(&mut writer, &tables, &rows.places, &rows.streams)?;
    writer.finish()
}

/// Writes rows that are ordered by stream and time as blocks; `streams` are the numbers of rows of
/// each stream.
pub(super) fn write_blocks(
    writer: &mut PartWriter,
    tables: &[&LogColumns],
    places: &[Place],
    streams: &[usize],
) -> Result<()> {
    let bytes = |row: usize| {
        let (table, row) = places[row];
        let body = tables[table as usize].body.parts().0;
        let row = row as usize;
        // Rows without a long body still take something.
        body[row + 1].abs_diff(body[row]).max(64).into()
    };
    for block in cut(streams, bytes) {
        writer.write(tables, &places[block])?;
    }
    Ok(())
}
