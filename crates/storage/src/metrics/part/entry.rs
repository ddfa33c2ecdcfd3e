//! Where the data of a series is in a part, and the byte form of that, and of the frames that are
//! mere lists: exemplars and metadata. Entries of neighbours are much alike, so what an entry says
//! is told by how it differs from the one before it in its block.

use hashbrown::HashMap;
use watchkeep_model::labels::write_varint;
use watchkeep_model::metrics::MetricKind;

use super::super::column::zigzag;
use super::super::data::Exemplar;
use super::super::values::{Exception, read_exceptions, write_exceptions};
use super::frame::Fields;
use crate::seam::MetadataRow;

/// The most samples of a segment. A page is unpacked from its newest value back to the first that
/// is wanted, so a longer one would make short questions about old times dear.
pub(super) const SEGMENT_MAX: usize = 1024;

/// Times of a run of samples of one series.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Span {
    pub(super) count: u32,
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
    /// Offset of the frame that holds the timestamps, which other series may share.
    pub(super) times_at: u64,
    /// Offset of the frame that holds the start timestamps; 0 where no sample has one.
    pub(super) starts_at: u64,
}

/// Where the values of a run of floats are.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Values {
    /// All have these bits, save the exceptions.
    Constant { bits: u64, exceptions: Vec<Exception> },
    /// A page of a group.
    Page(PageRef),
}

/// How the values of a page are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum PageForm {
    /// Whole numbers over the least, each to be divided by ten to the exponent.
    Levels = 1,
    /// Whole numbers as differences, each value to be divided by ten to the exponent.
    Deltas = 2,
    /// Floats.
    Floats = 3,
    /// Bits of floats.
    Bits = 4,
}

impl PageForm {
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Levels | Self::Deltas)
    }
}

/// One page of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PageRef {
    pub(super) form: PageForm,
    /// 0 unless the form is of whole numbers.
    pub(super) exponent: u8,
    /// Whether the page begins with exceptions.
    pub(super) exceptions: bool,
    /// Number of the group in its part.
    pub(super) group: u32,
    /// Number of the page in its group.
    pub(super) page: u32,
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

/// What the entries of a block said so far.
#[derive(Debug, Default)]
pub(super) struct Context {
    span: Span,
    last_at: u64,
    /// The page of each group that would come next.
    pages: HashMap<u32, u32>,
}

const FORM: u8 = 0x07;
const CONSTANT: u8 = 0;
const HISTOGRAMS: u8 = 5;
const EXCEPTIONS: u8 = 0x08;
const SAME_SPAN: u8 = 0x10;

/// Writes entries of one block.
#[derive(Debug, Default)]
pub(super) struct EntryWriter {
    context: Context,
}

impl EntryWriter {
    pub(super) fn entry(
        &mut self,
        floats: &[FloatSegment],
        histograms: &[HistogramSegment],
        exemplars_at: Option<u64>,
        out: &mut Vec<u8>,
    ) {
        write_varint(out, floats.len() as u64);
        for segment in floats {
            self.floats(segment, out);
        }
        write_varint(out, histograms.len() as u64);
        for segment in histograms {
            self.span(&segment.span, HISTOGRAMS, out);
            write_varint(out, zigzag(segment.at.wrapping_sub(self.context.last_at) as i64));
            self.context.last_at = segment.at;
        }
        // No frame starts at 0, so that can mean that there is none.
        write_varint(out, exemplars_at.unwrap_or(0));
    }

    fn floats(&mut self, segment: &FloatSegment, out: &mut Vec<u8>) {
        match &segment.values {
            Values::Constant { bits, exceptions } => {
                let flag = if exceptions.is_empty() { 0 } else { EXCEPTIONS };
                self.span(&segment.span, CONSTANT | flag, out);
                out.extend_from_slice(&bits.to_le_bytes());
                if flag != 0 {
                    write_exceptions(exceptions, out);
                }
            }
            Values::Page(page) => {
                let flag = if page.exceptions { EXCEPTIONS } else { 0 };
                self.span(&segment.span, page.form as u8 | flag, out);
                if page.form.is_whole() {
                    out.push(page.exponent);
                }
                write_varint(out, u64::from(page.group));
                let expected = self.context.pages.entry(page.group).or_default();
                write_varint(out, zigzag(i64::from(page.page) - i64::from(*expected)));
                *expected = page.page.wrapping_add(1);
            }
        }
    }

    fn span(&mut self, span: &Span, head: u8, out: &mut Vec<u8>) {
        let last = &mut self.context.span;
        if span == last {
            out.push(head | SAME_SPAN);
            return;
        }
        out.push(head);
        write_varint(out, u64::from(span.count));
        write_varint(out, zigzag(span.min_ms.wrapping_sub(last.min_ms)));
        write_varint(out, span.max_ms.wrapping_sub(span.min_ms) as u64);
        write_varint(out, zigzag(span.times_at.wrapping_sub(last.times_at) as i64));
        write_varint(out, zigzag(span.starts_at.wrapping_sub(last.starts_at) as i64));
        *last = *span;
    }
}

/// Entries of a block, end to end.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Entries {
    pub(super) floats: Vec<FloatSegment>,
    pub(super) histograms: Vec<HistogramSegment>,
    pub(super) ends: Vec<EntryEnd>,
}

/// Where the segments of a series end among those of its block.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct EntryEnd {
    pub(super) floats: usize,
    pub(super) histograms: usize,
    /// Offset of the frame of exemplars, if there are any.
    pub(super) exemplars_at: Option<u64>,
}

impl Entries {
    /// Takes so many entries off the front.
    pub(super) fn decode(fields: &mut Fields<'_>, count: usize) -> Option<Self> {
        let (mut entries, mut context) = (Self::default(), Context::default());
        for _ in 0..count {
            for _ in 0..fields.count()? {
                entries.floats.push(decode_floats(&mut context, fields)?);
            }
            for _ in 0..fields.count()? {
                let head = fields.byte().filter(|head| head & FORM == HISTOGRAMS)?;
                let span = decode_span(&mut context, head, fields)?;
                context.last_at = context.last_at.wrapping_add(fields.signed()? as u64);
                entries.histograms.push(HistogramSegment { span, at: context.last_at });
            }
            let exemplars_at = Some(fields.varint()?).filter(|at| *at != 0);
            let (floats, histograms) = (entries.floats.len(), entries.histograms.len());
            entries.ends.push(EntryEnd { floats, histograms, exemplars_at });
        }
        Some(entries)
    }

    /// The segments of a series, by its position.
    pub(super) fn of(&self, position: usize) -> Option<(&[FloatSegment], &[HistogramSegment])> {
        let end = self.ends.get(position)?;
        let start = position.checked_sub(1).map_or_else(EntryEnd::default, |at| self.ends[at]);
        Some((
            &self.floats[start.floats..end.floats],
            &self.histograms[start.histograms..end.histograms],
        ))
    }

    /// About how many bytes they take in memory.
    pub(super) fn byte_len(&self) -> usize {
        self.floats.len() * size_of::<FloatSegment>()
            + self.histograms.len() * size_of::<HistogramSegment>()
            + self.ends.len() * size_of::<EntryEnd>()
    }
}

fn decode_span(context: &mut Context, head: u8, fields: &mut Fields<'_>) -> Option<Span> {
    let last = &mut context.span;
    if head & SAME_SPAN == 0 {
        let count = u32::try_from(fields.varint()?).ok()?;
        let min_ms = last.min_ms.wrapping_add(fields.signed()?);
        let max_ms = min_ms.wrapping_add(fields.varint()? as i64);
        let times_at = last.times_at.wrapping_add(fields.signed()? as u64);
        let starts_at = last.starts_at.wrapping_add(fields.signed()? as u64);
        *last = Span { count, min_ms, max_ms, times_at, starts_at };
    }
    let valid = last.count > 0 && last.count as usize <= SEGMENT_MAX && last.min_ms <= last.max_ms;
    Some(*last).filter(|_| valid)
}

fn decode_floats(context: &mut Context, fields: &mut Fields<'_>) -> Option<FloatSegment> {
    let head = fields.byte()?;
    let span = decode_span(context, head, fields)?;
    let exceptions = head & EXCEPTIONS != 0;
    let form = match head & FORM {
        CONSTANT => {
            let bits = fields.word()?;
            let exceptions =
                if exceptions { read_exceptions(&mut fields.rest)? } else { Vec::new() };
            return Some(FloatSegment { span, values: Values::Constant { bits, exceptions } });
        }
        1 => PageForm::Levels,
        2 => PageForm::Deltas,
        3 => PageForm::Floats,
        4 => PageForm::Bits,
        _ => return None,
    };
    let exponent = if form.is_whole() { fields.byte()? } else { 0 };
    let group = u32::try_from(fields.varint()?).ok()?;
    let expected = context.pages.entry(group).or_default();
    let page = u32::try_from(i64::from(*expected).checked_add(fields.signed()?)?).ok()?;
    *expected = page.wrapping_add(1);
    let page = PageRef { form, exponent, exceptions, group, page };
    Some(FloatSegment { span, values: Values::Page(page) })
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
