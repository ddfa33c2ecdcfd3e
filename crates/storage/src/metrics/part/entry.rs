//! Where the data of a series is in a part, and the byte form of that, and of the frames that are
//! mere lists: exemplars and metadata.

use watchkeep_model::labels::write_varint;
use watchkeep_model::metrics::MetricKind;

use super::super::column::zigzag;
use super::super::data::Exemplar;
use super::super::values::{Exception, read_exceptions, write_exceptions};
use super::frame::Fields;
use crate::seam::MetadataRow;

/// The most samples of a segment.
pub(super) const SEGMENT_MAX: usize = 8192;

/// Times of a run of samples of one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span {
    pub(super) count: u32,
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
    /// Offset of the frame that holds the timestamps, which other series may share.
    pub(super) times_at: u64,
}

/// Where the values of a run of floats are.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Values {
    /// All have these bits, save the exceptions.
    Constant { bits: u64, exceptions: Vec<Exception> },
    /// A page of a group of whole numbers; each is to be divided by ten to the exponent.
    Decimals { exponent: u8, page: PageAt },
    /// A page of a group of floats.
    Floats(PageAt),
    /// A page of a group of bits.
    Bits(PageAt),
}

/// Offsets of the frames of a group and of one of its pages.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct PageAt {
    pub(super) group: u64,
    pub(super) page: u64,
}

/// A run of floats.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FloatSegment {
    pub(super) span: Span,
    pub(super) values: Values,
}

/// A run of histograms.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HistogramSegment {
    pub(super) span: Span,
    /// Offset of the frame with the encoded histograms.
    pub(super) at: u64,
}

/// Where everything of a series is.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Entry {
    pub(super) floats: Vec<FloatSegment>,
    pub(super) histograms: Vec<HistogramSegment>,
    /// Offset of the frame of exemplars, if there are any.
    pub(super) exemplars_at: Option<u64>,
}

impl Span {
    fn encode(&self, out: &mut Vec<u8>) {
        write_varint(out, u64::from(self.count));
        write_varint(out, zigzag(self.min_ms));
        write_varint(out, self.max_ms.wrapping_sub(self.min_ms) as u64);
        write_varint(out, self.times_at);
    }

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let count = u32::try_from(fields.varint()?).ok()?;
        let min_ms = fields.signed()?;
        let max_ms = min_ms.wrapping_add(fields.varint()? as i64);
        let valid = count > 0 && count as usize <= SEGMENT_MAX && min_ms <= max_ms;
        Some(Self { count, min_ms, max_ms, times_at: fields.varint()? }).filter(|_| valid)
    }
}

impl Values {
    const CONSTANT: u8 = 0;
    const DECIMALS: u8 = 1;
    const FLOATS: u8 = 2;
    const BITS: u8 = 3;

    fn encode(&self, out: &mut Vec<u8>) {
        let page = match self {
            Self::Constant { bits, exceptions } => {
                out.push(Self::CONSTANT);
                out.extend_from_slice(&bits.to_le_bytes());
                write_exceptions(exceptions, out);
                return;
            }
            Self::Decimals { exponent, page } => {
                out.extend_from_slice(&[Self::DECIMALS, *exponent]);
                page
            }
            Self::Floats(page) => {
                out.push(Self::FLOATS);
                page
            }
            Self::Bits(page) => {
                out.push(Self::BITS);
                page
            }
        };
        write_varint(out, page.group);
        write_varint(out, page.page.wrapping_sub(page.group));
    }

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let page = |fields: &mut Fields<'_>| {
            let group = fields.varint()?;
            Some(PageAt { group, page: group.wrapping_add(fields.varint()?) })
        };
        Some(match fields.byte()? {
            Self::CONSTANT => Self::Constant {
                bits: fields.word()?,
                exceptions: read_exceptions(&mut fields.rest)?,
            },
            Self::DECIMALS => Self::Decimals { exponent: fields.byte()?, page: page(fields)? },
            Self::FLOATS => Self::Floats(page(fields)?),
            Self::BITS => Self::Bits(page(fields)?),
            _ => return None,
        })
    }
}

/// Appends the byte form of an entry, which is given in pieces because the writer has it so.
pub(super) fn encode_entry(
    floats: &[FloatSegment],
    histograms: &[HistogramSegment],
    exemplars_at: Option<u64>,
    out: &mut Vec<u8>,
) {
    write_varint(out, floats.len() as u64);
    for segment in floats {
        segment.span.encode(out);
        segment.values.encode(out);
    }
    write_varint(out, histograms.len() as u64);
    for segment in histograms {
        segment.span.encode(out);
        write_varint(out, segment.at);
    }
    // No frame starts at 0, so that can mean that there is none.
    write_varint(out, exemplars_at.unwrap_or(0));
}

impl Entry {
    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let floats = (0..fields.count()?)
            .map(|_| {
                let span = Span::decode(fields)?;
                Some(FloatSegment { span, values: Values::decode(fields)? })
            })
            .collect::<Option<Vec<_>>>()?;
        let histograms = (0..fields.count()?)
            .map(|_| {
                let span = Span::decode(fields)?;
                Some(HistogramSegment { span, at: fields.varint()? })
            })
            .collect::<Option<Vec<_>>>()?;
        let exemplars_at = Some(fields.varint()?).filter(|at| *at != 0);
        Some(Self { floats, histograms, exemplars_at })
    }

    /// The times of all samples.
    pub(super) fn spans(&self) -> impl Iterator<Item = &Span> {
        let floats = self.floats.iter().map(|segment| &segment.span);
        floats.chain(self.histograms.iter().map(|segment| &segment.span))
    }
}

pub(super) fn encode_exemplars(exemplars: &[Exemplar]) -> Vec<u8> {
    let mut out = Vec::new();
    write_varint(&mut out, exemplars.len() as u64);
    for exemplar in exemplars {
        write_varint(&mut out, zigzag(exemplar.time_ms));
        out.extend_from_slice(&exemplar.value.to_le_bytes());
        write_bytes(&mut out, &exemplar.labels);
    }
    out
}

pub(super) fn decode_exemplars(payload: &[u8]) -> Option<Vec<Exemplar>> {
    let mut fields = Fields { rest: payload };
    (0..fields.count()?)
        .map(|_| {
            let time_ms = fields.signed()?;
            let value = f64::from_bits(fields.word()?);
            Some(Exemplar { time_ms, value, labels: fields.bytes()?.into() })
        })
        .collect()
}

pub(super) fn encode_metadata(rows: &[MetadataRow]) -> Vec<u8> {
    let mut out = Vec::new();
    write_varint(&mut out, rows.len() as u64);
    for row in rows {
        write_bytes(&mut out, row.family.as_bytes());
        out.push(row.kind as u8);
        write_bytes(&mut out, row.unit.as_bytes());
        write_bytes(&mut out, row.help.as_bytes());
    }
    out
}

pub(super) fn decode_metadata(payload: &[u8]) -> Option<Vec<MetadataRow>> {
    let mut fields = Fields { rest: payload };
    (0..fields.count()?)
        .map(|_| {
            let family = fields.text()?.to_owned();
            let kind = MetricKind::from_code(fields.byte()?);
            let unit = fields.text()?.to_owned();
            Some(MetadataRow { family, kind, unit, help: fields.text()?.to_owned() })
        })
        .collect()
}

pub(super) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
