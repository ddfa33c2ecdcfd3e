//! Data points to samples, by type:
//!
//! - Gauge and Sum: one sample. A point without a value is rejected.
//! - Histogram: `_bucket` with `le`, `_count`, and `_sum` where the client sent one; or one native
//!   histogram with custom buckets, as the options say.
//! - ExponentialHistogram: one native histogram.
//! - Summary: a sample a `quantile`, `_sum` and `_count`.
//!
//! A point flagged as having no recorded value ends its series with the stale marker. Exemplars
//! belong to the series of the sample, for a histogram to that of the bucket that holds them.

use std::borrow::Cow;

use watchkeep_model::metrics::STALE_NAN_BITS;
use watchkeep_model::{Labels, NativeHistogram, SpanId, TraceId};

use super::exponential::{custom, stale};
use super::names::write_bound;
use super::{Decoder, Family, write_label_value};
use crate::otlp::Fault;
use crate::otlp::common::{Repeated, key_value};
use crate::protobuf::{Malformed, Reader};

const NO_RECORDED_VALUE: u32 = 1;

/// Names and values of an exemplar's labels together have at most so many characters, or else
/// only the ids are kept (OpenMetrics 1.0, "Exemplars").
const EXEMPLAR_CHARS_MAX: usize = 128;

/// What the points of all types share.
struct Point<'a> {
    time: u64,
    start: u64,
    flags: u32,
    attributes: Repeated<'a>,
    exemplars: Repeated<'a>,
}

impl<'a> Point<'a> {
    fn new(reader: Reader<'a>, attributes: u32, exemplars: u32) -> Self {
        Self {
            time: 0,
            start: 0,
            flags: 0,
            attributes: Repeated::none(reader, attributes),
            exemplars: Repeated::none(reader, exemplars),
        }
    }

    /// When the counting began, where the family counts from a time; 0 where that is not known.
    fn start_ms(&self, family: &Family) -> i64 {
        // Below 2^45, so it fits.
        if family.has_start { (self.start / 1_000_000) as i64 } else { 0 }
    }

    fn is_stale(&self) -> bool {
        self.flags & NO_RECORDED_VALUE != 0
    }

    /// A value, or the stale marker in its place.
    fn value(&self, value: f64) -> f64 {
        if self.is_stale() { f64::from_bits(STALE_NAN_BITS) } else { value }
    }
}

impl Decoder<'_> {
    fn time_ms(&self, nanoseconds: u64) -> i64 {
        // Below 2^45, so it fits.
        if nanoseconds == 0 { self.arrival_ms } else { (nanoseconds / 1_000_000) as i64 }
    }

    /// Makes the labels of a point, without its name. `false`, and the point is rejected, when
    /// they are more than a series may have; `extra` is how many will be added.
    fn point_labels(
        &mut self,
        attributes: Repeated<'_>,
        extra: usize,
        family: &Family,
    ) -> Result<bool, Malformed> {
        self.labels.clear();
        let mut rest = attributes;
        while self.labels.len() < self.context.limits.attributes_per_item_max {
            let Some(field) = rest.next()? else { break };
            let (key, value) = key_value(field.message()?)?;
            self.labels.push_attribute(&mut self.context, self.names, key, value)?;
        }
        self.context.drop_attributes(rest);
        self.labels.sort();
        for (name, value) in &self.resource.promoted {
            self.labels.set_if_absent(name, value);
        }
        self.set_target_labels();
        for (name, value) in &self.scope {
            self.labels.set(name, value);
        }
        if self.labels.len() + extra > self.context.limits.labels_per_series_max {
            self.reject("the series has more labels than limits.labels_per_series_max", family);
            return Ok(false);
        }
        Ok(true)
    }

    fn reject(&mut self, reason: &'static str, family: &Family) {
        self.context.rejections.add(reason, 1, &family.name);
    }

    /// The row of the series with the point's labels, a name, and perhaps one label more.
    pub(super) fn series(&mut self, name: &str, extra: Option<(&str, &str)>, delta: u8) -> u32 {
        let named = [("__name__", name)];
        match extra {
            None => self.labels.write(&named, &mut self.series),
            // "__name__" sorts before "le" and "quantile".
            Some(extra) => {
                self.labels.write(&[("__name__", name), extra], &mut self.series);
            }
        }
        self.table.intern(&mut self.columns.series, &self.series, delta)
    }

    fn sample(
        &mut self,
        name: &str,
        extra: Option<(&str, &str)>,
        delta: u8,
        (time_ms, start_ms, value): (i64, i64, f64),
    ) -> u32 {
        let series = self.series(name, extra, delta);
        self.columns.floats.series.push(series);
        self.columns.floats.time_ms.push(time_ms);
        self.columns.floats.start_ms.push(start_ms);
        self.columns.floats.value.push(value);
        self.newest_ms = self.newest_ms.max(Some(time_ms));
        series
    }

    pub(super) fn number_point(
        &mut self,
        reader: Reader<'_>,
        family: &Family,
    ) -> Result<(), Fault> {
        let mut point = Point::new(reader, 7, 5);
        let mut value = None;
        let mut rest = reader;
        while let Some(field) = rest.field()? {
            match field.number {
                2 => point.start = field.fixed64()?,
                3 => point.time = field.fixed64()?,
                4 => value = Some(field.double()?),
                5 => point.exemplars.see(&field),
                6 => value = Some(field.fixed64()? as i64 as f64),
                7 => point.attributes.see(&field),
                8 => point.flags = field.uint32()?,
                _ => {}
            }
        }
        if value.is_none() && !point.is_stale() {
            self.reject("the data point has no value", family);
            return Ok(());
        }
        if !self.point_labels(point.attributes, 1, family)? {
            return Ok(());
        }
        let time_ms = self.time_ms(point.time);
        let value = point.value(value.unwrap_or_default());
        let sample = (time_ms, point.start_ms(family), value);
        let series = self.sample(&family.name, None, family.delta, sample);
        self.exemplars(point.exemplars, time_ms, |_| series)?;
        Ok(())
    }

    /// Reads a histogram with explicit bounds: the point, its count and its sum if it has one; the
    /// counts and bounds of its buckets go into buffers.
    fn read_histogram<'a>(
        &mut self,
        reader: Reader<'a>,
    ) -> Result<(Point<'a>, u64, Option<f64>), Malformed> {
        let mut point = Point::new(reader, 9, 8);
        let (mut count, mut sum) = (0, None);
        self.counts.clear();
        self.bounds.clear();
        let mut rest = reader;
        while let Some(field) = rest.field()? {
            match field.number {
                2 => point.start = field.fixed64()?,
                3 => point.time = field.fixed64()?,
                4 => count = field.fixed64()?,
                5 => sum = Some(field.double()?),
                6 => field.each_fixed64(|count| self.counts.push(count))?,
                7 => field.each_fixed64(|bound| self.bounds.push(f64::from_bits(bound)))?,
                8 => point.exemplars.see(&field),
                9 => point.attributes.see(&field),
                10 => point.flags = field.uint32()?,
                _ => {}
            }
        }
        Ok((point, count, sum))
    }

    /// A histogram with explicit bounds as a native one with custom buckets.
    pub(super) fn custom_histogram_point(
        &mut self,
        reader: Reader<'_>,
        family: &Family,
    ) -> Result<(), Fault> {
        let (point, count, sum) = self.read_histogram(reader)?;
        let histogram = if point.is_stale() {
            Ok(stale())
        } else {
            custom(count, sum.unwrap_or_default(), &self.counts, &self.bounds)
        };
        self.native_sample(&point, histogram, family)
    }

    pub(super) fn histogram_point(
        &mut self,
        reader: Reader<'_>,
        family: &Family,
    ) -> Result<(), Fault> {
        let (point, count, sum) = self.read_histogram(reader)?;
        if !self.point_labels(point.attributes, 2, family)? {
            return Ok(());
        }
        let time_ms = self.time_ms(point.time);
        let start_ms = point.start_ms(family);
        if let Some(sum) = sum {
            let sample = (time_ms, start_ms, point.value(sum));
            self.sample(&family.sum, None, family.delta, sample);
        }
        let count = point.value(count as f64);
        self.sample(&family.count, None, family.delta, (time_ms, start_ms, count));
        self.bucket_samples(&point, count, family)?;
        let mut buckets = std::mem::take(&mut self.buckets);
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let outcome = self.exemplars(point.exemplars, time_ms, |value| {
            let at = buckets.partition_point(|(bound, _)| *bound < value);
            // The last bucket ends at infinity; a NaN is in it too.
            buckets.get(at).or(buckets.last()).map_or(0, |(_, series)| *series)
        });
        self.buckets = buckets;
        Ok(outcome?)
    }

    /// Samples of the buckets, each with what is below it added; notes their bounds and series.
    fn bucket_samples(
        &mut self,
        point: &Point<'_>,
        count: f64,
        family: &Family,
    ) -> Result<(), Fault> {
        let (time_ms, start_ms) = (self.time_ms(point.time), point.start_ms(family));
        let mut texts = std::mem::take(&mut self.bound_texts);
        let bounds = std::mem::take(&mut self.bounds);
        self.buckets.clear();
        let mut below = 0_u64;
        for (position, bound) in bounds.iter().enumerate() {
            let Some(inside) = self.counts.get(position).filter(|_| bound.is_finite()) else {
                break;
            };
            below = below.saturating_add(*inside);
            let le = texts.get(position, *bound);
            let sample = (time_ms, start_ms, point.value(below as f64));
            let series = self.sample(&family.bucket, Some(("le", le)), family.delta, sample);
            self.buckets.push((*bound, series));
            self.check_size()?;
        }
        let sample = (time_ms, start_ms, count);
        let series = self.sample(&family.bucket, Some(("le", "+Inf")), family.delta, sample);
        self.buckets.push((f64::INFINITY, series));
        (self.bound_texts, self.bounds) = (texts, bounds);
        Ok(())
    }

    pub(super) fn exponential_point(
        &mut self,
        reader: Reader<'_>,
        family: &Family,
    ) -> Result<(), Fault> {
        let mut point = Point::new(reader, 1, 11);
        let mut fields = std::mem::take(&mut self.exponential);
        fields.positive.clear();
        fields.negative.clear();
        (fields.count, fields.sum, fields.scale) = (0, 0.0, 0);
        (fields.zero_count, fields.zero_threshold) = (0, 0.0);
        let mut rest = reader;
        while let Some(field) = rest.field()? {
            match field.number {
                1 => point.attributes.see(&field),
                2 => point.start = field.fixed64()?,
                3 => point.time = field.fixed64()?,
                4 => fields.count = field.fixed64()?,
                5 => fields.sum = field.double()?,
                6 => fields.scale = field.sint32()?,
                7 => fields.zero_count = field.fixed64()?,
                8 => fields.positive.read(field.message()?)?,
                9 => fields.negative.read(field.message()?)?,
                10 => point.flags = field.uint32()?,
                11 => point.exemplars.see(&field),
                14 => fields.zero_threshold = field.double()?,
                _ => {}
            }
        }
        let histogram = if point.is_stale() { Ok(stale()) } else { fields.to_native() };
        self.exponential = fields;
        self.native_sample(&point, histogram, family)
    }

    /// One native histogram, or the rejection of a point that can not be one.
    fn native_sample(
        &mut self,
        point: &Point<'_>,
        histogram: Result<NativeHistogram, &'static str>,
        family: &Family,
    ) -> Result<(), Fault> {
        let histogram = match histogram {
            Ok(histogram) => histogram,
            Err(reason) => {
                self.reject(reason, family);
                return Ok(());
            }
        };
        if !self.point_labels(point.attributes, 1, family)? {
            return Ok(());
        }
        let time_ms = self.time_ms(point.time);
        let series = self.series(&family.name, None, family.delta);
        self.columns.histograms.series.push(series);
        self.columns.histograms.time_ms.push(time_ms);
        self.columns.histograms.start_ms.push(point.start_ms(family));
        self.columns.histograms.histogram.push_with(|out| histogram.encode(out));
        self.newest_ms = self.newest_ms.max(Some(time_ms));
        self.exemplars(point.exemplars, time_ms, |_| series)?;
        Ok(())
    }

    pub(super) fn summary_point(
        &mut self,
        reader: Reader<'_>,
        family: &Family,
    ) -> Result<(), Fault> {
        // A summary has no exemplars: the number is one that it does not use.
        let mut point = Point::new(reader, 7, u32::MAX);
        let (mut count, mut sum) = (0, 0.0);
        let mut quantiles = Repeated::none(reader, 6);
        let mut rest = reader;
        while let Some(field) = rest.field()? {
            match field.number {
                2 => point.start = field.fixed64()?,
                3 => point.time = field.fixed64()?,
                4 => count = field.fixed64()?,
                5 => sum = field.double()?,
                6 => quantiles.see(&field),
                7 => point.attributes.see(&field),
                8 => point.flags = field.uint32()?,
                _ => {}
            }
        }
        if !self.point_labels(point.attributes, 2, family)? {
            return Ok(());
        }
        let (time_ms, start_ms) = (self.time_ms(point.time), point.start_ms(family));
        let delta = family.delta;
        self.sample(&family.sum, None, delta, (time_ms, start_ms, point.value(sum)));
        self.sample(&family.count, None, delta, (time_ms, start_ms, point.value(count as f64)));
        while let Some(field) = quantiles.next()? {
            let (mut quantile, mut value) = (0.0, 0.0);
            let mut rest = field.message()?;
            while let Some(field) = rest.field()? {
                match field.number {
                    1 => quantile = field.double()?,
                    2 => value = field.double()?,
                    _ => {}
                }
            }
            let mut text = std::mem::take(&mut self.number);
            text.clear();
            write_bound(quantile, &mut text);
            let sample = (time_ms, start_ms, point.value(value));
            self.sample(&family.name, Some(("quantile", &text)), delta, sample);
            self.number = text;
            self.check_size()?;
        }
        Ok(())
    }

    fn exemplars(
        &mut self,
        mut exemplars: Repeated<'_>,
        point_ms: i64,
        series_of: impl Fn(f64) -> u32,
    ) -> Result<(), Malformed> {
        while let Some(field) = exemplars.next()? {
            let reader = field.message()?;
            let (mut time, mut value, mut trace_id, mut span_id) = (0, None, &[][..], &[][..]);
            let mut attributes = Repeated::none(reader, 7);
            let mut rest = reader;
            while let Some(field) = rest.field()? {
                match field.number {
                    2 => time = field.fixed64()?,
                    3 => value = Some(field.double()?),
                    4 => span_id = field.bytes()?,
                    5 => trace_id = field.bytes()?,
                    6 => value = Some(field.fixed64()? as i64 as f64),
                    7 => attributes.see(&field),
                    _ => {}
                }
            }
            let Some(value) = value else {
                self.context.warnings.dropped_exemplars += 1;
                continue;
            };
            let ids = (self.context.id_or_none(trace_id), self.context.id_or_none(span_id));
            let mut labels = self.exemplar_labels(ids, attributes)?;
            let time_ms = if time == 0 { point_ms } else { self.time_ms(time) };
            let columns = &mut self.columns.exemplars;
            columns.series.push(series_of(value));
            columns.time_ms.push(time_ms);
            columns.value.push(value);
            columns.labels.push_with(|out| Labels::write_canonical(&mut labels, out));
        }
        Ok(())
    }

    fn exemplar_labels<'a>(
        &mut self,
        (trace_id, span_id): ([u8; 16], [u8; 8]),
        mut attributes: Repeated<'a>,
    ) -> Result<Vec<(Cow<'a, str>, String)>, Malformed> {
        let mut labels = Vec::new();
        if TraceId(trace_id).is_some() {
            labels.push((Cow::Borrowed("trace_id"), TraceId(trace_id).to_string()));
        }
        if SpanId(span_id).is_some() {
            labels.push((Cow::Borrowed("span_id"), SpanId(span_id).to_string()));
        }
        let ids = labels.len();
        let mut chars: usize = labels.iter().map(|(name, value)| name.len() + value.len()).sum();
        while let Some(field) = attributes.next()? {
            let (key, value) = key_value(field.message()?)?;
            let name = self.context.text(key);
            let mut text = String::new();
            write_label_value(&mut self.context, value, &mut text)?;
            chars += name.chars().count() + text.chars().count();
            if chars > EXEMPLAR_CHARS_MAX {
                labels.truncate(ids);
                break;
            }
            if !name.is_empty() {
                labels.push((name, text));
            }
        }
        Ok(labels)
    }
}
