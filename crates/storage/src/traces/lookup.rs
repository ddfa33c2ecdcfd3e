//! Where the spans of a trace lie.

use std::collections::VecDeque;
use std::sync::Arc;

use watchkeep_model::{Result, TraceId};

use super::part::TracePlaces;
use super::piece::{Loaded, Piece, Snapshot};

/// Pieces that are kept in memory to be read again.
const LOADED_MAX: usize = 8;
/// Traces that are looked for in a part before its whole table of traces is read.
const LOOKED_FOR_MAX: u32 = 32;

/// What a piece has of a trace: the piece, and the place in its table of traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Fragment {
    pub(super) piece: usize,
    pub(super) trace: usize,
}

/// The pieces of a snapshot, of which those read lately are kept.
pub(super) struct Pieces {
    snapshot: Snapshot,
    /// All blocks of each part, then tables in memory.
    pub(super) all: Vec<Piece>,
    tables: Vec<PartTable>,
    /// The one used last is last.
    loaded: VecDeque<(usize, Arc<Loaded>)>,
}

/// Where a part's traces are.
struct PartTable {
    /// The number of its first piece.
    first: usize,
    looked_for: u32,
    places: Option<TracePlaces>,
}

impl Pieces {
    pub(super) fn new(snapshot: Snapshot) -> Result<Self> {
        let all = snapshot.pieces()?;
        let (mut first, mut tables) = (0, Vec::with_capacity(snapshot.parts.len()));
        for part in &snapshot.parts {
            tables.push(PartTable { first, looked_for: 0, places: None });
            first += part.blocks()?.len();
        }
        Ok(Self { snapshot, all, tables, loaded: VecDeque::new() })
    }

    /// Begins to read a piece, or goes on.
    pub(super) fn load(&mut self, piece: usize) -> Result<Arc<Loaded>> {
        let known = self.loaded.iter().position(|(known, _)| *known == piece);
        let loaded = match known.and_then(|at| self.loaded.remove(at)) {
            Some((_, loaded)) => loaded,
            None => Arc::new(self.all[piece].load()?),
        };
        if self.loaded.len() == LOADED_MAX {
            self.loaded.pop_front();
        }
        self.loaded.push_back((piece, Arc::clone(&loaded)));
        Ok(loaded)
    }

    /// What pieces have of a trace, in their order; `known` is one of them.
    pub(super) fn fragments(
        &mut self,
        id: TraceId,
        known: Option<Fragment>,
    ) -> Result<Vec<Fragment>> {
        let mut fragments = Vec::new();
        for (part, table) in self.snapshot.parts.iter().zip(&mut self.tables) {
            table.looked_for += 1;
            if table.looked_for > LOOKED_FOR_MAX && table.places.is_none() {
                table.places = Some(part.trace_places()?);
            }
            let blocks = match &table.places {
                Some(places) => places.find(id),
                None => part.blocks_with_trace(id)?,
            };
            fragments.extend(blocks.into_iter().map(|block| table.first + block as usize));
        }
        let mut found = Vec::new();
        for piece in fragments {
            match known {
                Some(known) if known.piece == piece => found.push(known),
                _ => {
                    let trace = self.load(piece)?.find(id)?;
                    found.extend(trace.map(|trace| Fragment { piece, trace }));
                }
            }
        }
        let in_parts = self.all.len() - self.snapshot.memory.len();
        for (at, batch) in self.snapshot.memory.iter().enumerate() {
            let fragment = |trace| Fragment { piece: in_parts + at, trace };
            found.extend(batch.find(id).map(fragment));
        }
        Ok(found)
    }
}
