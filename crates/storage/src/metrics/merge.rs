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
use super::mask::{Hidden, Mask};
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

    fn with_sample(&self, ids: &RoaringBitmap, range: Range) -> Result<RoaringBitmap> {
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

/// A source, and what is hidden of it.
#[derive(Debug, Clone)]
pub(super) struct Masked {
    pub(super) source: Source,
    pub(super) mask: Option<Arc<Mask>>,
}

impl Masked {
    pub(super) fn select(self, ids: RoaringBitmap) -> Selected {
        Selected { from: self, ids }
    }

    /// Whether it can be told without looking that every series shows a sample in the range.
    pub(super) fn all_have_sample(&self, range: Range) -> bool {
        match &self.source {
            Source::Part(part) => self.mask.is_none() && part.all_have_sample(range),
            Source::Memory(_) => false,
        }
    }

    /// Whether one of the series has a sample in the range. Most often the first has.
    pub(super) fn any_with_sample(&self, ids: RoaringBitmap, range: Range) -> Result<bool> {
        const ONE_BY_ONE: usize = 2;
        let mut rest = ids;
        for _ in 0..ONE_BY_ONE {
            let Some(id) = rest.min() else { return Ok(false) };
            let first = self.clone().select(RoaringBitmap::from_iter([id]));
            if !first.with_sample(range)?.is_empty() {
                return Ok(true);
            }
            rest.remove(id);
        }
        Ok(!rest.is_empty() && !self.clone().select(rest).with_sample(range)?.is_empty())
    }
}

/// The series of a source that are asked for.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) from: Masked,
    pub(super) ids: RoaringBitmap,
}

impl Selected {
    /// Values of a label on those of the series that have a sample in the range, but for some that
    /// are known (sorted), in no order.
    pub(super) fn values_beside(
        &self,
        known: &[String],
        label: &str,
        range: Range,
    ) -> Result<Vec<String>> {
        let unknown =
            |value: &str| known.binary_search_by(|known| known.as_str().cmp(value)).is_err();
        let mut values = Vec::new();
        let mut looked_at: Vec<(String, RoaringBitmap)> = Vec::new();
        self.from.source.with_index(|index| {
            let every = self.ids.len() == index.all().len();
            if every && self.from.all_have_sample(range) {
                return index.values(label, &mut |value| {
                    values.extend(unknown(value).then(|| value.to_owned()));
                });
            }
            index.each_value(label, &unknown, &mut |value, series| {
                // To intersect with everything would cost more than all the rest.
                let series = if every { series.clone() } else { series & &self.ids };
                if !series.is_empty() {
                    looked_at.push((value.to_owned(), series));
                }
                Ok(())
            })
        })?;
        for (value, series) in looked_at {
            if self.from.any_with_sample(series, range)? {
                values.push(value);
            }
        }
        Ok(values)
    }

    /// Those of the series that have a sample in the range.
    pub(super) fn with_sample(&self, range: Range) -> Result<RoaringBitmap> {
        let touched = self.from.source.with_sample(&self.ids, range)?;
        if self.from.mask.is_none() {
            return Ok(touched);
        }
        let mut seen = RoaringBitmap::new();
        match &self.from.source {
            Source::Memory(_) => {
                for id in touched {
                    let one = RoaringBitmap::from_iter([id]);
                    if Cursor::open(self.from.clone().select(one))?.touches(range)? {
                        seen.insert(id);
                    }
                }
            }
            // In a part numbers rise as labels do.
            Source::Part(_) => {
                let mut cursor = Cursor::open(self.from.clone().select(touched.clone()))?;
                for id in touched {
                    if cursor.touches(range)? {
                        seen.insert(id);
                    }
                    cursor.advance()?;
                }
            }
        }
        Ok(seen)
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
struct Cursor {
    place: Place,
    mask: Option<Arc<Mask>>,
}

enum Place {
    Memory { current: Option<Arc<MemorySeries>>, rest: std::vec::IntoIter<Arc<MemorySeries>> },
    Part(Box<PartCursor>),
}

struct PartCursor {
    reader: Reader,
    current: Option<Found>,
    rest: roaring::bitmap::IntoIter,
}

impl Cursor {
    fn open(Selected { from, ids }: Selected) -> Result<Self> {
        let place = match from.source {
            Source::Memory(memory) => {
                Place::Memory { current: None, rest: memory.sorted(&ids).into_iter() }
            }
            Source::Part(part) => Place::Part(Box::new(PartCursor {
                reader: Reader::new(part),
                current: None,
                rest: ids.into_iter(),
            })),
        };
        let mut cursor = Self { place, mask: from.mask };
        cursor.advance()?;
        Ok(cursor)
    }

    /// Takes the labels of the series that is current out of the cursor, which is to be advanced.
    fn take_labels(&mut self) -> Option<Labels> {
        match &mut self.place {
            Place::Memory { current, .. } => current.as_ref().map(|series| series.labels.clone()),
            Place::Part(cursor) => {
                cursor.current.as_mut().map(|found| std::mem::take(&mut found.labels))
            }
        }
    }

    fn labels(&self) -> Option<&Labels> {
        match &self.place {
            Place::Memory { current, .. } => current.as_ref().map(|series| &series.labels),
            Place::Part(cursor) => cursor.current.as_ref().map(|found| &found.labels),
        }
    }

    fn advance(&mut self) -> Result<()> {
        match &mut self.place {
            Place::Memory { current, rest } => *current = rest.next(),
            Place::Part(cursor) => {
                let next = cursor.rest.next();
                cursor.current = next.map(|id| cursor.reader.find(id)).transpose()?;
            }
        }
        Ok(())
    }

    /// What is hidden of the series that is current, if anything in the range.
    fn hidden(&self, range: Range) -> Option<Hidden> {
        let hidden = self.mask.as_ref()?.hidden(self.labels()?);
        hidden.touches(range).then_some(hidden)
    }

    fn touches(&mut self, range: Range) -> Result<bool> {
        if let Some(hidden) = self.hidden(range) {
            let mut samples = Gather::default();
            self.read_all(range, Want::Samples, &mut samples)?;
            samples.hide(&hidden);
            return Ok(samples.samples() > 0);
        }
        match &mut self.place {
            Place::Memory { current, .. } => {
                Ok(current.as_ref().is_some_and(|series| series.touches(range)))
            }
            Place::Part(cursor) => {
                let PartCursor { reader, current, .. } = &mut **cursor;
                current.as_ref().map_or(Ok(false), |found| reader.touches(found, range))
            }
        }
    }

    fn read(&mut self, range: Range, want: Want, into: &mut Gather) -> Result<()> {
        let Some(hidden) = self.hidden(range) else { return self.read_all(range, want, into) };
        let mut own = Gather::default();
        self.read_all(range, want, &mut own)?;
        own.hide(&hidden);
        into.append(own);
        Ok(())
    }

    /// Reads what is hidden too.
    fn read_all(&mut self, range: Range, want: Want, into: &mut Gather) -> Result<()> {
        match &mut self.place {
            Place::Memory { current, .. } => {
                let Some(series) = current else { return Ok(()) };
                if want != Want::Exemplars {
                    series.read_samples(range, into.data_mut());
                }
                if want != Want::Samples {
                    series.read_exemplars(range, into.data_mut());
                }
            }
            Place::Part(cursor) => {
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
    pub(super) fn open(selected: Vec<Selected>) -> Result<Self> {
        let cursors = selected.into_iter().map(Cursor::open);
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

/// A part, and what is hidden of it.
pub(crate) type MaskedPart = (Part, Option<Arc<Mask>>);

/// Writes one part with everything of the given ones that is not hidden, oldest first, into an
/// existing empty directory. Of two samples at one millisecond that of the later part is kept.
/// `None` where it was told to stop.
pub(crate) fn merge_parts(
    parts: &[MaskedPart],
    directory: &Path,
    stop: &dyn Fn() -> bool,
) -> Result<Option<PartFigures>> {
    let sources = parts.iter().map(|(part, mask)| {
        let source = Source::Part(part.clone());
        let all = source.with_index(|index| index.all());
        Masked { source, mask: mask.clone() }.select(all)
    });
    let mut merger = Merger::open(sources.collect())?;
    let mut writer = Writer::create(directory)?;
    while let Some((labels, gathered)) = merger.next(Range::ALL, Want::Everything)? {
        if stop() {
            return Ok(None);
        }
        let data = gathered.into_data();
        if !data.is_empty() {
            writer.add(&labels, &data)?;
        }
    }
    let sources: Vec<Source> = parts.iter().map(|(part, _)| Source::Part(part.clone())).collect();
    writer.finish(&merge_metadata(sources.iter())?).map(Some)
}
