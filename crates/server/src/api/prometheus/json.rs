//! Writes answers as Prometheus writes them: numbers as text, instants as seconds, histograms with
//! their buckets. Straight into bytes, since answers can be large. (Prometheus documentation, "HTTP
//! API", sections "Expression query result formats" and "Native histograms".)

use std::io::Write as _;

use watchkeep_model::{Labels, NativeHistogram};
use watchkeep_promql::value::{MatrixSeries, Sample, VectorSample};
use watchkeep_promql::{Annotations, Value};

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

/// A label set as an object.
pub(super) fn labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    list(out, labels.iter(), |out, (name, value)| {
        string(out, name);
        out.push(b':');
        string(out, value);
    });
    out.push(b'}');
}

/// Items with commas between.
pub(super) fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    for (position, item) in items.into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write(out, item);
    }
}

/// A text in quotes.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing text to a vector can not fail.
        let _infallible = serde_json::to_writer(out, text);
    }
}

/// Milliseconds as seconds with as many decimals as need be.
pub(super) fn timestamp(out: &mut Vec<u8>, time_ms: i64) {
    if time_ms < 0 {
        out.push(b'-');
    }
    let (seconds, millis) = (time_ms.unsigned_abs() / 1000, time_ms.unsigned_abs() % 1000);
    if millis == 0 {
        push(out, format_args!("{seconds}"));
    } else {
        let text = format!("{seconds}.{millis:03}");
        out.extend_from_slice(text.trim_end_matches('0').as_bytes());
    }
}

/// A number as text, the shortest that reads back the same.
pub(super) fn number(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    push(out, format_args!("{}", watchkeep_promql::number::Shortest(value)));
    out.push(b'"');
}

fn push(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector can not fail.
    let _infallible = out.write_fmt(text);
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
    fn numbers_and_instants_look_as_prometheus_writes_them() {
        let numbers = [
            (1.0, "1"),
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1e-7, "1e-07"),
            (1e21, "1e+21"),
            (123_456_789.125, "123456789.125"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (1e20, "100000000000000000000"),
        ];
        for (value, expect) in numbers {
            assert_eq!(text(|out| number(out, value)), format!("\"{expect}\""));
        }
        let instants = [
            (0, "0"),
            (1_500, "1.5"),
            (1_001, "1.001"),
            (-20, "-0.02"),
            (1_435_781_451_781, "1435781451.781"),
        ];
        for (time_ms, expect) in instants {
            assert_eq!(text(|out| timestamp(out, time_ms)), expect);
        }
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
