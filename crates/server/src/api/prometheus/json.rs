//! Writes answers as Prometheus writes them: numbers as text, instants as seconds, histograms with
//! their buckets. Straight into bytes, since answers can be large. (Prometheus documentation, "HTTP
//! API", sections "Expression query result formats" and "Native histograms".)

use watchkeep_model::NativeHistogram;
use watchkeep_promql::value::{MatrixSeries, Sample, VectorSample};
use watchkeep_promql::{Annotations, Value};

use crate::json::push;
pub(super) use crate::json::{labels, list, number, string, timestamp};

/// Remarks of each kind that an answer shows; the rest are counted in one more.
const ANNOTATIONS_MAX: usize = 10;

/// The envelope of a success around what `data` writes.
pub(super) fn success(annotations: &Annotations, data: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(b"{\"status\":\"success\",\"data\":");
    data(&mut out);
    for (name, all) in [("warnings", &annotations.warnings), ("infos", &annotations.infos)] {
        if all.is_empty() {
            continue;
        }
        push(&mut out, format_args!(",\"{name}\":["));
        let shown = all.iter().take(ANNOTATIONS_MAX);
        list(&mut out, shown, |out, text| string(out, text));
        if let Some(more) = all.len().checked_sub(ANNOTATIONS_MAX).filter(|more| *more > 0) {
            let kind = if name == "warnings" { "warning" } else { "info" };
            out.push(b',');
            string(&mut out, &format!("{more} more {kind} annotations omitted"));
        }
        out.push(b']');
    }
    out.push(b'}');
    out
}

/// `resultType` and `result`, without the braces around them.
pub(super) fn value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Scalar { time_ms, value } => {
            out.extend_from_slice(b"\"resultType\":\"scalar\",\"result\":");
            point(out, *time_ms, *value);
        }
        Value::String { time_ms, value } => {
            out.extend_from_slice(b"\"resultType\":\"string\",\"result\":[");
            timestamp(out, *time_ms);
            out.push(b',');
            string(out, value);
            out.push(b']');
        }
        Value::Vector(samples) => {
            out.extend_from_slice(b"\"resultType\":\"vector\",\"result\":[");
            list(out, samples, vector_sample);
            out.push(b']');
        }
        Value::Matrix(series) => {
            out.extend_from_slice(b"\"resultType\":\"matrix\",\"result\":[");
            list(out, series, matrix_series);
            out.push(b']');
        }
    }
}

fn vector_sample(out: &mut Vec<u8>, sample: &VectorSample) {
    out.extend_from_slice(b"{\"metric\":");
    labels(out, &sample.labels);
    match &sample.sample {
        Sample::Float(value) => {
            out.extend_from_slice(b",\"value\":");
            point(out, sample.time_ms, *value);
        }
        Sample::Histogram(value) => {
            out.extend_from_slice(b",\"histogram\":");
            histogram_point(out, sample.time_ms, value);
        }
    }
    out.push(b'}');
}

fn matrix_series(out: &mut Vec<u8>, series: &MatrixSeries) {
    out.extend_from_slice(b"{\"metric\":");
    labels(out, &series.labels);
    if !series.floats.is_empty() {
        out.extend_from_slice(b",\"values\":[");
        list(out, &series.floats, |out, (time_ms, value)| point(out, *time_ms, *value));
        out.push(b']');
    }
    if !series.histograms.is_empty() {
        out.extend_from_slice(b",\"histograms\":[");
        list(out, &series.histograms, |out, (time_ms, value)| {
            histogram_point(out, *time_ms, value);
        });
        out.push(b']');
    }
    out.push(b'}');
}

fn point(out: &mut Vec<u8>, time_ms: i64, value: f64) {
    out.push(b'[');
    timestamp(out, time_ms);
    out.push(b',');
    number(out, value);
    out.push(b']');
}

fn histogram_point(out: &mut Vec<u8>, time_ms: i64, histogram: &NativeHistogram) {
    out.push(b'[');
    timestamp(out, time_ms);
    out.extend_from_slice(b",{\"count\":");
    number(out, histogram.count);
    out.extend_from_slice(b",\"sum\":");
    number(out, histogram.sum);
    let buckets: Vec<_> = histogram.buckets().filter(|bucket| bucket.count != 0.0).collect();
    if !buckets.is_empty() {
        out.extend_from_slice(b",\"buckets\":[");
        list(out, &buckets, |out, bucket| {
            push(out, format_args!("[{},", bucket.boundary_rule()));
            number(out, bucket.lower);
            out.push(b',');
            number(out, bucket.upper);
            out.push(b',');
            number(out, bucket.count);
            out.push(b']');
        });
        out.push(b']');
    }
    out.extend_from_slice(b"}]");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn remarks_beyond_ten_are_counted() {
        let mut annotations = Annotations::default();
        annotations.warnings.extend((0..12).map(|i| format!("w{i:02}")));
        let json = text(|out| *out = success(&annotations, |out| out.extend_from_slice(b"1")));
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        let warnings = parsed["warnings"].as_array().unwrap();
        assert_eq!(
            (warnings.len(), warnings[10].as_str()),
            (11, Some("2 more warning annotations omitted"))
        );
    }
}
