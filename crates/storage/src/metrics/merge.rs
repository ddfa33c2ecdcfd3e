//! Walks several sources at once, series by series in the order of their labels' bytes: the
//! groundwork of queries and of compaction. One series is held at a time.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use roaring::RoaringBitmap;
use watchkeep_model::{Labels, Result};

use super::data::Range;
use super::gather::Gather;
use super::memory::{Memory, MemorySeries};
use super::part::{Found, Part, PartFigures, Reader, Writer};
use super::select::LabelIndex;
use crate::seam::MetadataRow;

/// One place where samples are.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Memory(Arc<Memory>),
    Part(Part),
}

impl Source {
    /// First and last millisecond of a sample or exemplar.
    pub(super) fn time_range_ms(&self) -> Option<(i64, i64)> {
        match self {
            Self::Memory(memory) => memory.time_range_ms(),
            Self::Part(part) => {
                let figures = part.figures();
                (figures.series > 0).then_some((figures.min_ms, figures.max_ms))
            }
        }
    }

    pub(super) fn with_index<T>(&self, see: impl FnOnce(&dyn LabelIndex) -> T) -> T {
        match self {
            Self::Memory(memory) => memory.with_index(see),
            Self::Part(part) => see(part.index()),
        }
    }

    pub(super) fn with_sample(&self, ids: &RoaringBitmap, range: Range) -> Result<RoaringBitmap> {
        match self {
            Self::Memory(memory) => Ok(memory.with_sample(ids, range)),
            Self::Part(part) => part.with_sample(ids, range),
        }
    }

    pub(super) fn metadata(&self) -> Result<Vec<MetadataRow>> {
        match self {
            Self::Memory(memory) => Ok(memory.metadata()),
            Self::Part(part) => part.metadata(),
        }
    }
}

/// What to read of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    Samples,
    Exemplars,
    Everything,
}

/// The selected series of one source, in order.
enum Cursor {
    Memory { current: Option<Arc<MemorySeries>>, rest: std::vec::IntoIter<Arc<MemorySeries>> },
    Part(Box<PartCursor>),
}

struct PartCursor {
    reader: Reader,
    current: Option<Found>,
    rest: roaring::bitmap::IntoIter,
}

impl Cursor {
    fn open(source: &Source, ids: RoaringBitmap) -> Result<Self> {
        let mut cursor = match source {
            Source::Memory(memory) => {
                Self::Memory { current: None, rest: memory.sorted(&ids).into_iter() }
            }
            Source::Part(part) => Self::Part(Box::new(PartCursor {
                reader: Reader::new(part.clone()),
                current: None,
                rest: ids.into_iter(),
            })),
        };
        cursor.advance()?;
        Ok(cursor)
    }

    /// Takes the labels of the series that is current out of the cursor, which is to be advanced.
    fn take_labels(&mut self) -> Option<Labels> {
        match self {
            Self::Memory { current, .. } => current.as_ref().map(|series| series.labels.clone()),
            Self::Part(cursor) => {
                cursor.current.as_mut().map(|found| std::mem::take(&mut found.labels))
            }
        }
    }

    fn labels(&self) -> Option<&Labels> {
        match self {
            Self::Memory { current, .. } => current.as_ref().map(|series| &series.labels),
            Self::Part(cursor) => cursor.current.as_ref().map(|found| &found.labels),
        }
    }

    fn advance(&mut self) -> Result<()> {
        match self {
            Self::Memory { current, rest } => *current = rest.next(),
            Self::Part(cursor) => {
                let next = cursor.rest.next();
                cursor.current = next.map(|id| cursor.reader.find(id)).transpose()?;
            }
        }
        Ok(())
    }

    fn touches(&mut self, range: Range) -> Result<bool> {
        match self {
            Self::Memory { current, .. } => {
                Ok(current.as_ref().is_some_and(|series| series.touches(range)))
            }
            Self::Part(cursor) => {
                let PartCursor { reader, current, .. } = &mut **cursor;
                current.as_ref().map_or(Ok(false), |found| reader.touches(found, range))
            }
        }
    }

    fn read(&mut self, range: Range, want: Want, into: &mut Gather) -> Result<()> {
        match self {
            Self::Memory { current, .. } => {
                let Some(series) = current else { return Ok(()) };
                if want != Want::Exemplars {
                    series.read_samples(range, into.data_mut());
                }
                if want != Want::Samples {
                    series.read_exemplars(range, into.data_mut());
                }
            }
            Self::Part(cursor) => {
                let PartCursor { reader, current, .. } = &mut **cursor;
                let Some(found) = current else { return Ok(()) };
                if want != Want::Exemplars {
                    reader.read_samples(found, range, into)?;
                }
                if want != Want::Samples {
                    reader.read_exemplars(found, range, into)?;
                }
            }
        }
        Ok(())
    }
}

/// Walks the selected series of sources, oldest source first.
pub(super) struct Merger {
    cursors: Vec<Cursor>,
    /// The cursors that stand at the series that is next, oldest first.
    same: Vec<usize>,
}

impl std::fmt::Debug for Merger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Merger({} sources)", self.cursors.len())
    }
}

impl Merger {
    pub(super) fn open(selected: Vec<(Source, RoaringBitmap)>) -> Result<Self> {
        let cursors = selected.into_iter().map(|(source, ids)| Cursor::open(&source, ids));
        Ok(Self { cursors: cursors.collect::<Result<_>>()?, same: Vec::new() })
    }

    /// Finds the series that is next. Sources are few enough that looking at each is cheaper than
    /// keeping them in a heap, which would need labels of its own.
    fn find_same(&mut self) {
        self.same.clear();
        let mut least: Option<&Labels> = None;
        for (at, cursor) in self.cursors.iter().enumerate() {
            let Some(labels) = cursor.labels() else { continue };
            match least.map_or(Ordering::Less, |least| labels.as_bytes().cmp(least.as_bytes())) {
                Ordering::Less => {
                    least = Some(labels);
                    self.same.clear();
                    self.same.push(at);
                }
                Ordering::Equal => self.same.push(at),
                Ordering::Greater => {}
            }
        }
    }

    /// Shows each cursor that has the series that is next, oldest first, and steps over it.
    fn step_over(
        &mut self,
        mut see: impl FnMut(&mut Cursor) -> Result<()>,
    ) -> Result<Option<Labels>> {
        self.find_same();
        let mut labels = None;
        for at in &self.same {
            let cursor = &mut self.cursors[*at];
            see(cursor)?;
            labels = cursor.take_labels();
            cursor.advance()?;
        }
        Ok(labels)
    }

    /// Reads what all sources have of the series that is next, and steps over it.
    pub(super) fn next(&mut self, range: Range, want: Want) -> Result<Option<(Labels, Gather)>> {
        let mut gather = Gather::default();
        let labels = self.step_over(|cursor| cursor.read(range, want, &mut gather))?;
        Ok(labels.map(|labels| (labels, gather)))
    }

    /// The series that is next, and whether any source has a sample of it in the range; steps over
    /// it.
    pub(super) fn next_touched(&mut self, range: Range) -> Result<Option<(Labels, bool)>> {
        let mut touched = false;
        let labels = self.step_over(|cursor| {
            touched = touched || cursor.touches(range)?;
            Ok(())
        })?;
        Ok(labels.map(|labels| (labels, touched)))
    }
}

/// Of several statements about a family the newest; sources oldest first.
pub(super) fn merge_metadata<'a>(
    sources: impl Iterator<Item = &'a Source>,
) -> Result<Vec<MetadataRow>> {
    let mut rows = BTreeMap::new();
    for source in sources {
        rows.extend(source.metadata()?.into_iter().map(|row| (row.family.clone(), row)));
    }
    Ok(rows.into_values().collect())
}

/// Writes one part with everything of the given ones, oldest first, into an existing empty
/// directory. Of two samples at one millisecond that of the later part is kept.
pub(crate) fn merge_parts(parts: &[&Part], directory: &Path) -> Result<PartFigures> {
    let sources: Vec<Source> = parts.iter().map(|part| Source::Part((*part).clone())).collect();
    let everything =
        sources.iter().map(|source| (source.clone(), source.with_index(|index| index.all())));
    let mut merger = Merger::open(everything.collect())?;
    let mut writer = Writer::create(directory)?;
    while let Some((labels, gathered)) = merger.next(Range::ALL, Want::Everything)? {
        writer.add(&labels, &gathered.into_data())?;
    }
    writer.finish(&merge_metadata(sources.iter())?)
}
