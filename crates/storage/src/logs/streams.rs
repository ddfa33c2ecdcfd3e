//! Streams that have records, and how many.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchkeep_model::{Result, TimeRange};

use super::part::BlockStream;
use super::piece::{Piece, Snapshot};
use super::select::{Selector, StreamName};
use crate::block::RowSet;
use crate::seam::{StreamFigures, StreamsRequest};

/// Streams that match and have a record in the range. What lies whole in the range and was not
/// deleted is told by indexes.
pub(crate) fn streams(snapshot: &Snapshot, request: &StreamsRequest) -> Result<Vec<StreamFigures>> {
    let mut selector = Selector::new(request.matchers.clone());
    let mut found = Found::default();
    for (_, piece) in snapshot.selected(request.range, &mut selector)? {
        if !add_indexed(&piece, request.range, &mut selector, &mut found)? {
            add_rows(&piece, request.range, &mut selector, &mut found)?;
        }
    }
    Ok(found.streams.into_values().collect())
}

#[derive(Debug, Default)]
struct Found {
    streams: BTreeMap<Arc<str>, StreamFigures>,
}

impl Found {
    fn add(&mut self, stream: &StreamName, figures: &BlockStream) {
        let known =
            match self.streams.get_mut(&stream.text) {
                Some(known) => known,
                None => self.streams.entry(Arc::clone(&stream.text)).or_insert_with(|| {
                    StreamFigures { labels: Arc::clone(&stream.labels), rows: 0, bytes: 0 }
                }),
            };
        known.rows += u64::from(figures.rows);
        known.bytes += figures.bytes;
    }
}

/// Adds what the index says of a block; false where it must be read instead.
fn add_indexed(
    piece: &Piece,
    range: TimeRange,
    selector: &mut Selector,
    found: &mut Found,
) -> Result<bool> {
    let Some((entry, names)) = piece.indexed()? else { return Ok(false) };
    let is_apart = |stream: &BlockStream| !range.overlaps_closed(stream.min_ns, stream.max_ns);
    let is_inside =
        |stream: &BlockStream| range.contains(stream.min_ns) && range.contains(stream.max_ns);
    let wanted: Vec<&BlockStream> = entry
        .streams
        .iter()
        .filter(|stream| selector.accepts(&names[stream.stream as usize]) && !is_apart(stream))
        .collect();
    if !wanted.iter().all(|stream| is_inside(stream)) {
        return Ok(false);
    }
    for stream in wanted {
        found.add(&names[stream.stream as usize], stream);
    }
    Ok(true)
}

fn add_rows(
    piece: &Piece,
    range: TimeRange,
    selector: &mut Selector,
    found: &mut Found,
) -> Result<()> {
    let loaded = piece.load()?;
    let streams = loaded.streams(selector)?;
    let rows: RowSet = loaded.candidates(range, &streams)?;
    for (stream, figures) in loaded.figures(&rows, &streams)? {
        if let Some(name) = &streams.names[stream as usize] {
            found.add(name, &figures);
        }
    }
    Ok(())
}
