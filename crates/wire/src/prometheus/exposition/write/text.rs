//! The two text formats.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{FamilyKind, FamilyMetadata, OpenFamily, WrittenSample, WrittenValue, classic_buckets};
use crate::prometheus::exposition::escape::{is_legacy_label_name, is_legacy_name};
use crate::prometheus::exposition::number::{write_float, write_openmetrics_float};

type Labels<'a> = [(Cow<'a, str>, &'a str)];

#[derive(Debug)]
pub(super) struct TextEncoder {
    openmetrics: bool,
    out: String,
}

impl TextEncoder {
    pub(super) fn new(openmetrics: bool) -> Self {
        Self { openmetrics, out: String::new() }
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out).into_bytes()
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.openmetrics {
            self.out.push_str("# EOF\n");
        }
        self.take()
    }

    pub(super) fn begin(&mut self, family: &OpenFamily, metadata: &FamilyMetadata<'_>) {
        // OpenMetrics names the family of a counter without the suffix of its samples.
        let mut name = &*family.name;
        if self.openmetrics && family.kind == FamilyKind::Counter {
            name = name.strip_suffix("_total").unwrap_or(name);
        }
        if !metadata.help.is_empty() {
            self.comment("HELP", name);
            escape(metadata.help, self.openmetrics, &mut self.out);
            self.out.push('\n');
        }
        let kind = match (family.kind, self.openmetrics) {
            (FamilyKind::Counter, true) if name == family.name => "unknown",
            (FamilyKind::Counter, _) => "counter",
            (FamilyKind::Gauge, _) => "gauge",
            (FamilyKind::Untyped, true) => "unknown",
            (FamilyKind::Untyped, false) => "untyped",
            (FamilyKind::GaugeHistogram, true) => "gaugehistogram",
            (FamilyKind::Histogram | FamilyKind::GaugeHistogram, _) => "histogram",
        };
        self.comment("TYPE", name);
        self.out.push_str(kind);
        self.out.push('\n');
        let is_suffix = name.strip_suffix(metadata.unit).is_some_and(|base| base.ends_with('_'));
        if self.openmetrics && !metadata.unit.is_empty() && is_suffix {
            self.comment("UNIT", name);
            self.out.push_str(metadata.unit);
            self.out.push('\n');
        }
    }

    fn comment(&mut self, keyword: &str, name: &str) {
        self.out.push_str("# ");
        self.out.push_str(keyword);
        self.out.push(' ');
        if is_legacy_name(name) {
            self.out.push_str(name);
        } else {
            quote(name, &mut self.out);
        }
        self.out.push(' ');
    }

    pub(super) fn sample(
        &mut self,
        family: &OpenFamily,
        labels: &Labels<'_>,
        sample: &WrittenSample<'_>,
    ) {
        match sample.value {
            WrittenValue::Float(value) => {
                self.line(&family.name, labels, None, value, sample.time_ms);
            }
            WrittenValue::Histogram(histogram) => {
                let named = |suffix| format!("{}{suffix}", family.name);
                let gauge = self.openmetrics && family.kind == FamilyKind::GaugeHistogram;
                let bucket = named("_bucket");
                let infinite = (f64::INFINITY, histogram.count);
                for (bound, count) in classic_buckets(histogram).into_iter().chain([infinite]) {
                    self.line(&bucket, labels, Some(bound), count, sample.time_ms);
                }
                let (sum, count) = if gauge { ("_gsum", "_gcount") } else { ("_sum", "_count") };
                self.line(&named(sum), labels, None, histogram.sum, sample.time_ms);
                self.line(&named(count), labels, None, histogram.count, sample.time_ms);
            }
        }
    }

    fn line(
        &mut self,
        name: &str,
        labels: &Labels<'_>,
        bound: Option<f64>,
        value: f64,
        time_ms: Option<i64>,
    ) {
        let out = &mut self.out;
        let is_legacy = is_legacy_name(name);
        if is_legacy {
            out.push_str(name);
        }
        let mut separator = '{';
        let mut separate = |out: &mut String| out.push(std::mem::replace(&mut separator, ','));
        if !is_legacy {
            separate(out);
            quote(name, out);
        }
        for (name, value) in labels {
            separate(out);
            if is_legacy_label_name(name) {
                out.push_str(name);
            } else {
                quote(name, out);
            }
            out.push('=');
            quote(value, out);
        }
        if let Some(bound) = bound {
            separate(out);
            out.push_str("le=\"");
            if self.openmetrics {
                write_openmetrics_float(bound, out);
            } else {
                write_float(bound, out);
            }
            out.push('"');
        }
        if !is_legacy || !labels.is_empty() || bound.is_some() {
            out.push('}');
        }
        out.push(' ');
        self.value(value);
        if let Some(time_ms) = time_ms {
            self.out.push(' ');
            self.time(time_ms);
        }
        self.out.push('\n');
    }

    fn value(&mut self, value: f64) {
        if self.openmetrics {
            write_openmetrics_float(value, &mut self.out);
        } else {
            write_float(value, &mut self.out);
        }
    }

    fn time(&mut self, time_ms: i64) {
        if !self.openmetrics {
            self.out.push_str(&time_ms.to_string());
            return;
        }
        // Digits instead of a double: the reader's double of them is the nearest one.
        let (seconds, rest) = (time_ms / 1000, (time_ms % 1000).unsigned_abs());
        let sign = if time_ms < 0 { "-" } else { "" };
        let seconds = seconds.unsigned_abs();
        write!(self.out, "{sign}{seconds}.{rest:03}").expect("writing to a string does not fail");
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    escape(text, true, out);
    out.push('"');
}

fn escape(text: &str, quotes: bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            _ => out.push(c),
        }
    }
}
