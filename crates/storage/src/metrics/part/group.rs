//! Pages of values. Segments of like numbers are gathered into groups; pco finds the statistics of
//! a group once and packs each segment into a page of its own, so that one series can be read
//! without its neighbours.

use pco::data_types::Number;
use pco::errors::PcoError;
use pco::wrapped::{ChunkDecompressor, FileCompressor, FileDecompressor};
use pco::{ChunkConfig, PagingSpec};
use watchkeep_model::{Error, Result};

use super::super::values::{
    Exception, Form, apply_exceptions, power_of, read_exceptions, write_exceptions,
};
use super::entry::SEGMENT_MAX;

/// Measured: level 8 saves 1 % of the bytes for a fifth of the speed.
const LEVEL: usize = 6;

/// Segments of a group, and samples of a group: at either it is written.
pub(super) const PAGES_MAX: usize = 128;
pub(super) const NUMBERS_MAX: usize = 1 << 20;

/// What numbers a group holds; also the first byte of its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum NumberKind {
    Decimals = 1,
    Floats = 2,
    Bits = 3,
}

/// Which group a segment goes to: numbers of one kind that change by about as much.
pub(super) type GroupKey = (NumberKind, u32);

/// A group that is being gathered.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Bits of the numbers, whatever their kind.
    numbers: Vec<u64>,
    sizes: Vec<usize>,
    exceptions: Vec<Vec<Exception>>,
    /// Positions of the segments, in the writer's list.
    pub(super) segments: Vec<usize>,
}

/// A group as bytes.
#[derive(Debug)]
pub(super) struct Packed {
    /// Payload of the group's frame.
    pub(super) group: Vec<u8>,
    /// Payloads of the pages.
    pub(super) pages: Vec<Vec<u8>>,
}

impl Pending {
    /// Takes in the values of a segment, none of which is a constant.
    pub(super) fn push(&mut self, segment: usize, form: &Form, exceptions: Vec<Exception>) {
        let before = self.numbers.len();
        match form {
            Form::Constant(_) => {}
            Form::Decimals { numbers, .. } => {
                self.numbers.extend(numbers.iter().map(|number| *number as u64));
            }
            Form::Floats(values) => {
                self.numbers.extend(values.iter().map(|value| value.to_bits()));
            }
            Form::Bits(bits) => self.numbers.extend(bits),
        }
        self.sizes.push(self.numbers.len() - before);
        self.exceptions.push(exceptions);
        self.segments.push(segment);
    }

    pub(super) fn numbers(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.sizes.len() >= PAGES_MAX || self.numbers.len() >= NUMBERS_MAX
    }

    pub(super) fn pack(&self, kind: NumberKind) -> Result<Packed> {
        let numbers = self.numbers.iter();
        match kind {
            NumberKind::Decimals => {
                self.pack_as(kind, &numbers.map(|bits| *bits as i64).collect::<Vec<_>>())
            }
            NumberKind::Floats => {
                self.pack_as(kind, &numbers.map(|bits| f64::from_bits(*bits)).collect::<Vec<_>>())
            }
            NumberKind::Bits => self.pack_as(kind, &self.numbers),
        }
        .map_err(|error| Error::internal("cannot compress values of samples").with_source(error))
    }

    fn pack_as<T: Number>(&self, kind: NumberKind, numbers: &[T]) -> Result<Packed, PcoError> {
        let config = ChunkConfig::default()
            .with_compression_level(LEVEL)
            .with_paging_spec(PagingSpec::Exact(self.sizes.clone()));
        let compressor = FileCompressor::default();
        let mut chunk = compressor.chunk_compressor(numbers, &config)?;
        let group = chunk.write_meta(compressor.write_header(vec![kind as u8])?)?;
        let pages = self.exceptions.iter().enumerate().map(|(position, exceptions)| {
            let mut page = Vec::with_capacity(chunk.page_size_hint(position) + 8);
            write_exceptions(exceptions, &mut page);
            chunk.write_page(position, page)
        });
        let pages = pages.collect::<Result<Vec<_>, PcoError>>()?;
        Ok(Packed { group, pages })
    }
}

/// Which group the values of a segment go to; `None` for a constant.
pub(super) fn key_of(form: &Form) -> Option<GroupKey> {
    match form {
        Form::Constant(_) => None,
        Form::Decimals { numbers, .. } => {
            let change: u128 =
                numbers.windows(2).map(|pair| u128::from(pair[1].abs_diff(pair[0]))).sum();
            let mean = change / numbers.len() as u128;
            Some((NumberKind::Decimals, u128::BITS - mean.leading_zeros()))
        }
        Form::Floats(_) => Some((NumberKind::Floats, 0)),
        Form::Bits(_) => Some((NumberKind::Bits, 0)),
    }
}

/// A group, ready to unpack its pages.
pub(super) enum Group {
    Decimals(ChunkDecompressor<i64>),
    Floats(ChunkDecompressor<f64>),
    Bits(ChunkDecompressor<u64>),
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Group")
    }
}

impl Group {
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let (kind, rest) = payload.split_first()?;
        let (file, rest) = FileDecompressor::new(rest).ok()?;
        Some(match *kind {
            kind if kind == NumberKind::Decimals as u8 => {
                Self::Decimals(file.chunk_decompressor(rest).ok()?.0)
            }
            kind if kind == NumberKind::Floats as u8 => {
                Self::Floats(file.chunk_decompressor(rest).ok()?.0)
            }
            kind if kind == NumberKind::Bits as u8 => {
                Self::Bits(file.chunk_decompressor(rest).ok()?.0)
            }
            _ => return None,
        })
    }

    /// Unpacks a page of `count` values.
    pub(super) fn page(&mut self, payload: &[u8], exponent: u8, count: usize) -> Option<Vec<f64>> {
        if count > SEGMENT_MAX {
            return None;
        }
        let mut rest = payload;
        let exceptions = read_exceptions(&mut rest)?;
        let mut values = match self {
            Self::Decimals(group) => {
                let power = power_of(exponent)?;
                let numbers = unpack(group, rest, count)?;
                numbers.into_iter().map(|number: i64| number as f64 / power).collect()
            }
            Self::Floats(group) => unpack(group, rest, count)?,
            Self::Bits(group) => {
                unpack(group, rest, count)?.into_iter().map(f64::from_bits).collect::<Vec<f64>>()
            }
        };
        apply_exceptions(&exceptions, &mut values)?;
        Some(values)
    }
}

fn unpack<T: Number + Default>(
    group: &mut ChunkDecompressor<T>,
    page: &[u8],
    count: usize,
) -> Option<Vec<T>> {
    let mut numbers = vec![T::default(); count];
    let progress = group.page_decompressor(page, count).ok()?.read(&mut numbers).ok()?;
    (progress.n_processed == count && progress.finished).then_some(numbers)
}
