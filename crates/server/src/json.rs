//! Pieces of JSON as the surfaces of Prometheus and Loki write them: numbers as text, instants as
//! seconds. Straight into bytes, since answers can be large.

use std::io::Write as _;

use watchkeep_model::Labels;

/// A label set as an object.
pub(crate) fn labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    list(out, labels.iter(), |out, (name, value)| {
        string(out, name);
        out.push(b':');
        string(out, value);
    });
    out.push(b'}');
}

/// Items with commas between.
pub(crate) fn list<T>(
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
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
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
pub(crate) fn timestamp(out: &mut Vec<u8>, time_ms: i64) {
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
pub(crate) fn number(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    push(out, format_args!("{}", watchkeep_promql::number::Shortest(value)));
    out.push(b'"');
}

/// Formatted text.
pub(crate) fn push(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
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
}
