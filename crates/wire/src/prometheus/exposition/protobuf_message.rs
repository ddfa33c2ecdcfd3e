//! The messages of `io.prometheus.client` below a metric family, read into buffers that are used
//! again for each metric.

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::{BucketSpan, ResetHint};

use crate::protobuf::{Field, Malformed, Reader};

type Result<T> = std::result::Result<T, Malformed>;

/// A `Metric`, whichever of its kinds is set.
#[derive(Debug, Default)]
pub(super) struct Metric<'a> {
    /// The `LabelPair` messages as they stand.
    pub(super) labels: Vec<Reader<'a>>,
    /// Milliseconds; 0 where there is none.
    pub(super) time_ms: i64,
    /// Value of a counter, gauge or untyped metric.
    pub(super) value: f64,
    /// When the counting began, milliseconds; 0 where that is not known.
    pub(super) start_ms: i64,
    /// Exemplar of a counter.
    pub(super) exemplar: Option<Reader<'a>>,
    pub(super) count: f64,
    pub(super) sum: f64,
    /// Quantile and value.
    pub(super) quantiles: Vec<(f64, f64)>,
    pub(super) histogram: Histogram<'a>,
}

/// What only a `Histogram` has.
#[derive(Debug, Default)]
pub(super) struct Histogram<'a> {
    count: u64,
    count_float: f64,
    schema: i32,
    zero_threshold: f64,
    zero_count: u64,
    zero_count_float: f64,
    positive: Side,
    negative: Side,
    pub(super) buckets: Vec<Bucket<'a>>,
    pub(super) exemplars: Vec<Reader<'a>>,
}

#[derive(Debug, Default)]
struct Side {
    spans: Vec<BucketSpan>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

/// A classic bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket<'a> {
    pub(super) upper_bound: f64,
    pub(super) cumulative_count: f64,
    pub(super) exemplar: Option<Reader<'a>>,
}

impl<'a> Metric<'a> {
    /// Reads a message in place of the one before.
    pub(super) fn read(&mut self, mut reader: Reader<'a>) -> Result<()> {
        self.clear();
        while let Some(field) = reader.field()? {
            match field.number {
                1 => self.labels.push(field.message()?),
                2 | 3 | 5 => self.number(field.message()?)?,
                4 => self.summary(field.message()?)?,
                6 => self.time_ms = field.varint()? as i64,
                7 => self.read_histogram(field.message()?)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.labels.clear();
        self.quantiles.clear();
        (self.time_ms, self.start_ms, self.exemplar) = (0, 0, None);
        (self.value, self.count, self.sum) = (0.0, 0.0, 0.0);
        self.histogram.clear();
    }

    /// A `Counter`, `Gauge` or `Untyped`, of which the fields agree.
    fn number(&mut self, mut reader: Reader<'a>) -> Result<()> {
        while let Some(field) = reader.field()? {
            match field.number {
                1 => self.value = field.double()?,
                2 => self.exemplar = Some(field.message()?),
                3 => self.start_ms = timestamp_ms(&field)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn summary(&mut self, mut reader: Reader<'a>) -> Result<()> {
        while let Some(field) = reader.field()? {
            match field.number {
                1 => self.count = field.varint()? as f64,
                2 => self.sum = field.double()?,
                3 => {
                    let (mut quantile, mut value) = (0.0, 0.0);
                    let mut inner = field.message()?;
                    while let Some(field) = inner.field()? {
                        match field.number {
                            1 => quantile = field.double()?,
                            2 => value = field.double()?,
                            _ => {}
                        }
                    }
                    self.quantiles.push((quantile, value));
                }
                4 => self.start_ms = timestamp_ms(&field)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_histogram(&mut self, mut reader: Reader<'a>) -> Result<()> {
        let h = &mut self.histogram;
        while let Some(field) = reader.field()? {
            match field.number {
                1 => h.count = field.varint()?,
                2 => self.sum = field.double()?,
                3 => h.buckets.push(bucket(field.message()?)?),
                4 => h.count_float = field.double()?,
                5 => h.schema = field.sint32()?,
                6 => h.zero_threshold = field.double()?,
                7 => h.zero_count = field.varint()?,
                8 => h.zero_count_float = field.double()?,
                9 => h.negative.spans.push(span(field.message()?)?),
                10 => field.each_varint(|raw| h.negative.deltas.push(zigzag(raw)))?,
                11 => field.each_fixed64(|bits| h.negative.counts.push(f64::from_bits(bits)))?,
                12 => h.positive.spans.push(span(field.message()?)?),
                13 => field.each_varint(|raw| h.positive.deltas.push(zigzag(raw)))?,
                14 => field.each_fixed64(|bits| h.positive.counts.push(f64::from_bits(bits)))?,
                15 => self.start_ms = timestamp_ms(&field)?,
                16 => h.exemplars.push(field.message()?),
                _ => {}
            }
        }
        // Zero and absent are the same; a count that is not whole stands in a field of its own.
        self.count = if h.count_float == 0.0 { h.count as f64 } else { h.count_float };
        Ok(())
    }
}

impl Histogram<'_> {
    fn clear(&mut self) {
        (self.count, self.zero_count, self.schema) = (0, 0, 0);
        (self.count_float, self.zero_count_float, self.zero_threshold) = (0.0, 0.0, 0.0);
        for side in [&mut self.positive, &mut self.negative] {
            side.spans.clear();
            side.deltas.clear();
            side.counts.clear();
        }
        self.buckets.clear();
        self.exemplars.clear();
    }

    /// Whether there is a native histogram. One that has seen nothing yet says so by an empty run.
    pub(super) fn is_native(&self) -> bool {
        !self.positive.spans.is_empty()
            || !self.negative.spans.is_empty()
            || self.zero_threshold > 0.0
            || self.zero_count > 0
    }

    /// The native histogram; fails where runs and counts do not fit.
    pub(super) fn native(
        &self,
        sum: f64,
        is_gauge: bool,
    ) -> std::result::Result<NativeHistogram, String> {
        let is_float = self.count_float > 0.0 || self.zero_count_float > 0.0;
        let mut histogram = NativeHistogram {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: if is_float { self.zero_count_float } else { self.zero_count as f64 },
            count: if is_float { self.count_float } else { self.count as f64 },
            sum,
            is_float,
            reset_hint: if is_gauge { ResetHint::Gauge } else { ResetHint::Unknown },
            positive_spans: self.positive.spans.clone(),
            positive_counts: self.positive.absolute("positive", is_float)?,
            negative_spans: self.negative.spans.clone(),
            negative_counts: self.negative.absolute("negative", is_float)?,
            custom_values: Vec::new(),
        };
        histogram.reduce_to_supported()?;
        histogram.compact(0);
        watchkeep_model::histogram::validate(&histogram)?;
        Ok(histogram)
    }
}

impl Side {
    fn absolute(&self, side: &str, is_float: bool) -> std::result::Result<Vec<f64>, String> {
        let have = if is_float { self.counts.len() } else { self.deltas.len() };
        let need: u64 = self.spans.iter().map(|span| u64::from(span.length)).sum();
        if need != have as u64 {
            return Err(format!("{side} side: spans require {need} buckets, have {have}"));
        }
        if is_float {
            return Ok(self.counts.clone());
        }
        let mut count = 0_i64;
        let absolute = self.deltas.iter().map(|delta| {
            count = count.checked_add(*delta)?;
            Some(count as f64)
        });
        absolute
            .collect::<Option<Vec<f64>>>()
            .ok_or_else(|| format!("{side} side: the differences of the buckets exceed 64 bits"))
    }
}

fn zigzag(raw: u64) -> i64 {
    (raw >> 1) as i64 ^ -((raw & 1) as i64)
}

fn span(mut reader: Reader<'_>) -> Result<BucketSpan> {
    let mut span = BucketSpan { offset: 0, length: 0 };
    while let Some(field) = reader.field()? {
        match field.number {
            1 => span.offset = field.sint32()?,
            2 => span.length = field.uint32()?,
            _ => {}
        }
    }
    Ok(span)
}

fn bucket(mut reader: Reader<'_>) -> Result<Bucket<'_>> {
    let (mut count, mut count_float) = (0, 0.0);
    let mut bucket = Bucket { upper_bound: 0.0, cumulative_count: 0.0, exemplar: None };
    while let Some(field) = reader.field()? {
        match field.number {
            1 => count = field.varint()?,
            2 => bucket.upper_bound = field.double()?,
            3 => bucket.exemplar = Some(field.message()?),
            4 => count_float = field.double()?,
            _ => {}
        }
    }
    bucket.cumulative_count = if count_float == 0.0 { count as f64 } else { count_float };
    Ok(bucket)
}

/// A `google.protobuf.Timestamp` as milliseconds.
pub(super) fn timestamp_ms(field: &Field<'_>) -> Result<i64> {
    let (mut seconds, mut nanos) = (0, 0);
    let mut reader = field.message()?;
    while let Some(field) = reader.field()? {
        match field.number {
            1 => seconds = field.varint()? as i64,
            2 => nanos = field.int32()?,
            _ => {}
        }
    }
    Ok(seconds.saturating_mul(1000).saturating_add(i64::from(nanos) / 1_000_000))
}
