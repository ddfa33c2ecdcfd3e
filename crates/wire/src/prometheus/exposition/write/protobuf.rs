//! The protobuf format.

use std::borrow::Cow;

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::BucketSpan;
use watchkeep_model::labels::write_varint;

use super::{FamilyKind, FamilyMetadata, OpenFamily, WrittenSample, WrittenValue, classic_buckets};
use crate::protobuf::Writer;

/// Writes families; each is complete when the next begins.
#[derive(Debug, Default)]
pub(super) struct ProtobufEncoder {
    out: Vec<u8>,
    family: Writer,
}

impl ProtobufEncoder {
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.end_family();
        self.out
    }

    fn end_family(&mut self) {
        let body = std::mem::take(&mut self.family).into_bytes();
        if !body.is_empty() {
            write_varint(&mut self.out, body.len() as u64);
            self.out.extend_from_slice(&body);
        }
    }

    pub(super) fn begin(&mut self, family: &OpenFamily, metadata: &FamilyMetadata<'_>) {
        self.end_family();
        let writer = &mut self.family;
        writer.bytes(1, family.name.as_bytes());
        if !metadata.help.is_empty() {
            writer.bytes(2, metadata.help.as_bytes());
        }
        writer.varint(
            3,
            match family.kind {
                FamilyKind::Counter => 0,
                FamilyKind::Gauge => 1,
                FamilyKind::Untyped => 3,
                FamilyKind::Histogram => 4,
                FamilyKind::GaugeHistogram => 5,
            },
        );
        if !metadata.unit.is_empty() {
            writer.bytes(5, metadata.unit.as_bytes());
        }
    }

    pub(super) fn sample(
        &mut self,
        family: &OpenFamily,
        labels: &[(Cow<'_, str>, &str)],
        sample: &WrittenSample<'_>,
    ) {
        let writer = &mut self.family;
        let metric = writer.begin_message(4);
        for (name, value) in labels {
            let pair = writer.begin_message(1);
            writer.bytes(1, name.as_bytes());
            writer.bytes(2, value.as_bytes());
            writer.end_message(pair);
        }
        match sample.value {
            WrittenValue::Float(value) => {
                let number = writer.begin_message(match family.kind {
                    FamilyKind::Counter => 3,
                    FamilyKind::Gauge => 2,
                    _ => 5,
                });
                double(writer, 1, value);
                writer.end_message(number);
            }
            WrittenValue::Histogram(histogram) => {
                let message = writer.begin_message(7);
                if histogram.uses_custom_buckets() {
                    classic(writer, histogram);
                } else {
                    native(writer, histogram);
                }
                writer.end_message(message);
            }
        }
        if let Some(time_ms) = sample.time_ms {
            writer.varint(6, time_ms as u64);
        }
        writer.end_message(metric);
    }
}

fn double(writer: &mut Writer, number: u32, value: f64) {
    writer.fixed64(number, value.to_bits());
}

/// Counts are written as doubles, as Prometheus does, but for whole ones of a native histogram.
fn classic(writer: &mut Writer, histogram: &NativeHistogram) {
    double(writer, 4, histogram.count);
    double(writer, 2, histogram.sum);
    for (bound, count) in classic_buckets(histogram) {
        let bucket = writer.begin_message(3);
        double(writer, 2, bound);
        double(writer, 4, count);
        writer.end_message(bucket);
    }
}

fn native(writer: &mut Writer, histogram: &NativeHistogram) {
    let h = histogram;
    double(writer, 2, h.sum);
    writer.sint32(5, h.schema);
    double(writer, 6, h.zero_threshold);
    if h.is_float {
        double(writer, 4, h.count);
        double(writer, 8, h.zero_count);
    } else {
        writer.varint(1, h.count as u64);
        writer.varint(7, h.zero_count as u64);
    }
    let empty = h.zero_threshold == 0.0
        && h.zero_count == 0.0
        && h.positive_spans.is_empty()
        && h.negative_spans.is_empty();
    // An empty run tells a native histogram that has seen nothing from a classic one.
    let empty_span = [BucketSpan { offset: 0, length: 0 }];
    let positive_spans = if empty { &empty_span[..] } else { &h.positive_spans };
    for (spans, counts, numbers) in [
        (&h.negative_spans[..], &h.negative_counts, (9, 10, 11)),
        (positive_spans, &h.positive_counts, (12, 13, 14)),
    ] {
        for span in spans {
            let message = writer.begin_message(numbers.0);
            writer.sint32(1, span.offset);
            writer.varint(2, u64::from(span.length));
            writer.end_message(message);
        }
        let mut before = 0_i64;
        for count in counts {
            if h.is_float {
                double(writer, numbers.2, *count);
            } else {
                let delta = *count as i64 - std::mem::replace(&mut before, *count as i64);
                writer.varint(numbers.1, (delta << 1 ^ delta >> 63) as u64);
            }
        }
    }
}
