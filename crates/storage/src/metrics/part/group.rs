//! Pages of values. Segments of like numbers are gathered into groups; pco finds the statistics of
//! a group once and packs each segment into a page of its own, so that one series can be read
//! without its neighbours. A page holds the newest value first: what is asked for most is the end
//! of a segment, and only as much is unpacked as reaches back to what is wanted.

use std::ops::Range;

use pco::data_types::Number;
use pco::errors::PcoError;
use pco::wrapped::{ChunkDecompressor, FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DecompressorScratch, FULL_BATCH_N, PagingSpec};
use watchkeep_model::labels::write_varint;
use watchkeep_model::{Error, Result};

use super::super::values::{Exception, power_of, read_exceptions, write_exceptions};
use super::entry::{PageForm, PageRef, SEGMENT_MAX};
use super::frame::Fields;
use super::plan::{NumberKind, Planned};

/// Measured: level 8 saves 1 % of the bytes for a fifth of the speed.
const LEVEL: usize = 6;

/// Segments of a group, and numbers of a group: at either it is written.
pub(super) const PAGES_MAX: usize = 256;
pub(super) const NUMBERS_MAX: usize = 1 << 17;

/// A group that is being gathered.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Bits of the numbers, whatever their kind.
    numbers: Vec<u64>,
    pages: Vec<PendingPage>,
    /// Pages by a hash of their numbers: series that are equal all along share one.
    known: hashbrown::HashMap<u64, u32>,
    /// The segments (positions in the writer's list) and their pages.
    pub(super) segments: Vec<(usize, u32)>,
}

#[derive(Debug)]
struct PendingPage {
    numbers: Range<usize>,
    /// What precedes the numbers in the page.
    head: Vec<u8>,
}

impl Pending {
    /// Takes in the numbers of a segment.
    pub(super) fn push(&mut self, segment: usize, planned: &Planned, exceptions: &[Exception]) {
        let head = page_head(planned, exceptions);
        let hash = hash_of(&planned.numbers, &head);
        if let Some(known) = self.known.get(&hash)
            && let Some(page) = self.pages.get(*known as usize)
            && page.head == head
            && self.numbers[page.numbers.clone()] == planned.numbers[..]
        {
            self.segments.push((segment, *known));
            return;
        }
        let before = self.numbers.len();
        self.numbers.extend_from_slice(&planned.numbers);
        let page = self.pages.len() as u32;
        self.pages.push(PendingPage { numbers: before..self.numbers.len(), head });
        self.known.insert(hash, page);
        self.segments.push((segment, page));
    }

    pub(super) fn numbers(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.pages.len() >= PAGES_MAX || self.numbers.len() >= NUMBERS_MAX
    }

    /// The payload of the group's frame.
    pub(super) fn pack(&self, kind: NumberKind) -> Result<Vec<u8>> {
        let numbers = self.numbers.iter();
        match kind {
            NumberKind::Narrow => {
                self.pack_as(kind, &numbers.map(|bits| *bits as i32).collect::<Vec<_>>())
            }
            NumberKind::Wide => {
                self.pack_as(kind, &numbers.map(|bits| *bits as i64).collect::<Vec<_>>())
            }
            NumberKind::Floats => {
                self.pack_as(kind, &numbers.map(|bits| f64::from_bits(*bits)).collect::<Vec<_>>())
            }
            NumberKind::Bits => self.pack_as(kind, &self.numbers),
        }
        .map_err(|error| Error::internal("cannot compress values of samples").with_source(error))
    }

    fn pack_as<T: Number>(&self, kind: NumberKind, numbers: &[T]) -> Result<Vec<u8>, PcoError> {
        let sizes = self.pages.iter().map(|page| page.numbers.len()).collect();
        let config = ChunkConfig::default()
            .with_compression_level(LEVEL)
            .with_mode_spec(kind.mode())
            .with_delta_spec(kind.delta())
            .with_paging_spec(PagingSpec::Exact(sizes));
        let compressor = FileCompressor::default();
        let mut chunk = compressor.chunk_compressor(numbers, &config)?;
        let meta = chunk.write_meta(compressor.write_header(Vec::new())?)?;
        let mut lengths = Vec::with_capacity(self.pages.len() * 2);
        let mut bodies = Vec::new();
        for (position, page) in self.pages.iter().enumerate() {
            let before = bodies.len();
            bodies.extend_from_slice(&page.head);
            bodies = chunk.write_page(position, bodies)?;
            write_varint(&mut lengths, (bodies.len() - before) as u64);
        }
        let mut payload = Vec::with_capacity(bodies.len() + lengths.len() + meta.len() + 16);
        payload.push(kind as u8);
        write_varint(&mut payload, self.pages.len() as u64);
        payload.extend_from_slice(&lengths);
        write_varint(&mut payload, meta.len() as u64);
        payload.extend_from_slice(&meta);
        payload.extend_from_slice(&bodies);
        Ok(payload)
    }
}

fn page_head(planned: &Planned, exceptions: &[Exception]) -> Vec<u8> {
    let mut head = Vec::new();
    if !exceptions.is_empty() {
        write_exceptions(exceptions, &mut head);
    }
    if planned.form.is_whole() {
        write_varint(&mut head, super::super::column::zigzag(planned.base));
        write_varint(&mut head, planned.multiplier as u64);
    }
    head
}

/// Needs no secret: two pages are compared number by number before they are taken for equal.
fn hash_of(numbers: &[u64], head: &[u8]) -> u64 {
    use std::hash::Hasher;
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(head);
    numbers
        .iter()
        .fold(hasher.finish(), |hash, number| (hash ^ number).wrapping_mul(FACTOR).rotate_left(29))
}

/// A group, ready to unpack its pages.
pub(super) struct Group {
    payload: Vec<u8>,
    /// Where each page ends in the payload, after where the first begins.
    bounds: Vec<usize>,
    numbers: Numbers,
}

enum Numbers {
    Narrow(ChunkDecompressor<i32>),
    Wide(ChunkDecompressor<i64>),
    Floats(ChunkDecompressor<f64>),
    Bits(ChunkDecompressor<u64>),
}

/// Memory for unpacking, used again from page to page.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pco: DecompressorScratch,
    narrow: Vec<i32>,
    wide: Vec<i64>,
    floats: Vec<f64>,
    bits: Vec<u64>,
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Group({} bytes)", self.payload.len())
    }
}

impl Group {
    pub(super) fn parse(payload: Vec<u8>) -> Option<Self> {
        let mut fields = Fields { rest: &payload };
        let kind = NumberKind::from_code(fields.byte()?)?;
        let count = fields.count()?;
        let mut lengths = Vec::with_capacity(count);
        for _ in 0..count {
            lengths.push(fields.size()?);
        }
        let meta = fields.bytes()?;
        let (file, rest) = FileDecompressor::new(meta).ok()?;
        let numbers = match kind {
            NumberKind::Narrow => Numbers::Narrow(file.chunk_decompressor(rest).ok()?.0),
            NumberKind::Wide => Numbers::Wide(file.chunk_decompressor(rest).ok()?.0),
            NumberKind::Floats => Numbers::Floats(file.chunk_decompressor(rest).ok()?.0),
            NumberKind::Bits => Numbers::Bits(file.chunk_decompressor(rest).ok()?.0),
        };
        let mut end = payload.len() - fields.rest.len();
        let mut bounds = Vec::with_capacity(count + 1);
        bounds.push(end);
        for length in lengths {
            end = end.checked_add(length).filter(|end| *end <= payload.len())?;
            bounds.push(end);
        }
        (end == payload.len()).then_some(Self { payload, bounds, numbers })
    }

    /// About how many bytes it holds.
    pub(super) fn byte_len(&self) -> usize {
        // The tables for unpacking are of about this size.
        const TABLES: usize = 16 << 10;
        self.payload.len() + self.bounds.len() * size_of::<usize>() + TABLES
    }

    /// Appends the values at the positions `cut` of a segment of `count` values to `out`.
    pub(super) fn unpack(
        &self,
        scratch: &mut Scratch,
        page: &PageRef,
        count: usize,
        cut: Range<usize>,
        out: &mut Vec<f64>,
    ) -> Option<()> {
        if count > SEGMENT_MAX || cut.end > count {
            return None;
        }
        if cut.is_empty() {
            return Some(());
        }
        let at = page.page as usize;
        let bytes = &self.payload[*self.bounds.get(at)?..*self.bounds.get(at + 1)?];
        let mut fields = Fields { rest: bytes };
        let exceptions =
            if page.exceptions { read_exceptions(&mut fields.rest)? } else { Vec::new() };
        let before = out.len();
        out.resize(before + cut.len(), 0.0);
        let values = &mut out[before..];
        match page.form {
            PageForm::Levels | PageForm::Deltas => {
                let scale = Scale {
                    base: fields.signed()?,
                    multiplier: fields.varint()? as i64,
                    power: power_of(page.exponent)?,
                };
                let deltas = page.form == PageForm::Deltas;
                let packed = count - usize::from(deltas);
                let needed = packed - cut.start;
                let pco = &mut scratch.pco;
                match &self.numbers {
                    Numbers::Narrow(chunk) => {
                        let numbers =
                            read(chunk, pco, fields.rest, packed, needed, &mut scratch.narrow)?;
                        let numbers = numbers.iter().map(|number| i64::from(*number));
                        scale.fill(deltas, numbers, count - cut.end, values);
                    }
                    Numbers::Wide(chunk) => {
                        let numbers =
                            read(chunk, pco, fields.rest, packed, needed, &mut scratch.wide)?;
                        scale.fill(deltas, numbers.iter().copied(), count - cut.end, values);
                    }
                    Numbers::Floats(_) | Numbers::Bits(_) => return None,
                }
            }
            PageForm::Floats => {
                let Numbers::Floats(chunk) = &self.numbers else { return None };
                let needed = count - cut.start;
                let buffer = &mut scratch.floats;
                let numbers = read(chunk, &mut scratch.pco, fields.rest, count, needed, buffer)?;
                fill(values, numbers[count - cut.end..].iter().copied());
            }
            PageForm::Bits => {
                let Numbers::Bits(chunk) = &self.numbers else { return None };
                let needed = count - cut.start;
                let buffer = &mut scratch.bits;
                let numbers = read(chunk, &mut scratch.pco, fields.rest, count, needed, buffer)?;
                fill(values, numbers[count - cut.end..].iter().map(|bits| f64::from_bits(*bits)));
            }
        }
        put_back(&exceptions, count, &cut, values)
    }
}

/// Puts exceptions back whose positions count from the start of the segment, into the values of a
/// cut; `None` where one lies outside of the segment.
pub(super) fn put_back(
    exceptions: &[Exception],
    count: usize,
    cut: &Range<usize>,
    values: &mut [f64],
) -> Option<()> {
    for (position, bits) in exceptions {
        let position = *position as usize;
        if position >= count {
            return None;
        }
        if cut.contains(&position) {
            values[position - cut.start] = f64::from_bits(*bits);
        }
    }
    Some(())
}

/// From packed whole numbers to values.
struct Scale {
    base: i64,
    multiplier: i64,
    power: f64,
}

impl Scale {
    /// Fills `values` from numbers of which the newest comes first; the first `skip` positions
    /// are newer than what is wanted.
    fn fill(
        &self,
        deltas: bool,
        numbers: impl Iterator<Item = i64>,
        skip: usize,
        values: &mut [f64],
    ) {
        let Self { base, multiplier, power } = *self;
        if !deltas {
            let levels = numbers.skip(skip);
            let of = |number: i64| number.wrapping_mul(multiplier).wrapping_add(base);
            fill(values, levels.map(|number| of(number) as f64 / power));
        } else if multiplier == 1 && power == 1.0 {
            fill_deltas(base, numbers, skip, values, |number| number as f64);
        } else if multiplier == 1 {
            fill_deltas(base, numbers, skip, values, |number| number as f64 / power);
        } else {
            let numbers = numbers.map(|number| number.wrapping_mul(multiplier));
            fill_deltas(base, numbers, skip, values, |number| number as f64 / power);
        }
    }
}

#[inline]
fn fill(values: &mut [f64], newest_first: impl Iterator<Item = f64>) {
    for (value, number) in values.iter_mut().rev().zip(newest_first) {
        *value = number;
    }
}

#[inline]
fn fill_deltas(
    base: i64,
    mut deltas: impl Iterator<Item = i64>,
    skip: usize,
    values: &mut [f64],
    value_of: impl Fn(i64) -> f64,
) {
    let mut level = base;
    for delta in deltas.by_ref().take(skip) {
        level = level.wrapping_sub(delta);
    }
    let mut slots = values.iter_mut().rev();
    if let Some(newest) = slots.next() {
        *newest = value_of(level);
    }
    for (slot, delta) in slots.zip(deltas) {
        level = level.wrapping_sub(delta);
        *slot = value_of(level);
    }
}

/// Unpacks the first `needed` of the `count` numbers of a page, or more.
fn read<'a, T: Number + Default>(
    chunk: &ChunkDecompressor<T>,
    scratch: &mut DecompressorScratch,
    page: &[u8],
    count: usize,
    needed: usize,
    buffer: &'a mut Vec<T>,
) -> Option<&'a [T]> {
    if needed == 0 {
        return Some(&[]);
    }
    let wanted = needed.next_multiple_of(FULL_BATCH_N).min(count);
    if buffer.len() < wanted {
        buffer.resize(wanted, T::default());
    }
    let mut page = chunk.page_decompressor_with_scratch(page, count, scratch).ok()?;
    let progress = page.read(&mut buffer[..wanted]).ok()?;
    (progress.n_processed == wanted && progress.finished == (wanted == count))
        .then_some(&buffer[..wanted])
}
