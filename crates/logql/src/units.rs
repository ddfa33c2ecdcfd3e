//! Texts that stand for values: durations and sizes, as Prometheus and Loki read and write them.

use std::fmt::Write;

use watchkeep_promql::go;

/// Nanoseconds of a duration as Prometheus writes them, such as `1h30m` or `1d`.
pub(crate) fn prometheus_duration(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    watchkeep_promql::parse_duration(text).map(|millis| millis * 1_000_000)
}

/// Nanoseconds of a duration: Prometheus's (`1d`, `1h30m`) or else Go's (`-1.5h`, `10µs`).
pub fn duration(text: &str) -> Result<i64, String> {
    prometheus_duration(text).or_else(|_| go::parse_duration(text))
}

/// A size with a decimal unit and, below ten of it, one digit behind the point. The units are those
/// that queries have.
pub(crate) fn format_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    if bytes < 10 {
        return format!("{bytes}B");
    }
    let mut power = 0;
    while power < UNITS.len() - 1 && bytes >= 1000_u64.pow(power as u32 + 1) {
        power += 1;
    }
    let value = (bytes as f64 / 1000_f64.powi(power as i32) * 10.0 + 0.5).floor() / 10.0;
    let unit = UNITS[power];
    if value < 10.0 { format!("{value:.1}{unit}") } else { format!("{value:.0}{unit}") }
}

/// A duration as Prometheus prints it: `1h30m`, `1d`; below milliseconds is cut off.
pub(crate) fn format_prometheus_duration(nanos: i64) -> String {
    const UNITS: [(&str, u64, bool); 7] = [
        ("y", 365 * 24 * 3_600_000, true),
        ("w", 7 * 24 * 3_600_000, true),
        ("d", 24 * 3_600_000, false),
        ("h", 3_600_000, false),
        ("m", 60_000, false),
        ("s", 1_000, false),
        ("ms", 1, false),
    ];
    let mut rest = nanos.unsigned_abs() / 1_000_000;
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut out = if nanos < 0 { "-".to_owned() } else { String::new() };
    for (name, unit, only_whole) in UNITS {
        if rest >= unit && (!only_whole || rest.is_multiple_of(unit)) {
            let _infallible = write!(out, "{}{name}", rest / unit);
            rest %= unit;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_of_both_kinds_are_read() {
        let cases = [
            ("5m", Ok(300)),
            ("1h30m", Ok(5_400)),
            ("1d", Ok(86_400)),
            ("1w2d", Ok(9 * 86_400)),
            ("1y", Ok(365 * 86_400)),
            ("0", Ok(0)),
            ("-1h", Ok(-3_600)),
            ("2.5m", Ok(150)),
            ("30m1h", Ok(5_400)),
            ("-1d", Err(())),
            ("5", Err(())),
            ("", Err(())),
            ("1x", Err(())),
            ("999999999y", Err(())),
        ];
        for (text, expect) in cases {
            let expect = expect.map(|seconds: i64| seconds * 1_000_000_000);
            assert_eq!(duration(text).map_err(|_| ()), expect, "{text}");
        }
    }

    #[test]
    fn values_are_written_as_go_and_prometheus_write_them() {
        let hour = 3_600_000_000_000;
        for (nanos, go_form, prometheus) in [
            (0, "0s", "0s"),
            (1, "1ns", "0s"),
            (1_500, "1.5µs", "0s"),
            (2_000_000, "2ms", "2ms"),
            (1_500_000_000, "1.5s", "1s500ms"),
            (hour + 60_000_000_000, "1h1m0s", "1h1m"),
            (36 * hour, "36h0m0s", "1d12h"),
            (14 * 24 * hour, "336h0m0s", "2w"),
            (365 * 24 * hour, "8760h0m0s", "1y"),
            (-hour, "-1h0m0s", "-1h"),
        ] {
            assert_eq!(go::format_duration(nanos), go_form);
            assert_eq!(format_prometheus_duration(nanos), prometheus);
        }
        for (bytes, expect) in [
            (0, "0B"),
            (9, "9B"),
            (999, "999B"),
            (1_000, "1.0kB"),
            (5_120, "5.1kB"),
            (12_345_678, "12MB"),
            (2_000_000_000_000_000_000, "2000PB"),
        ] {
            assert_eq!(format_bytes(bytes), expect);
        }
    }

    proptest! {
        #[test]
        fn durations_are_read_as_they_were_written(nanos: i64, millis in 0..i64::MAX / 1_000_000) {
            prop_assert_eq!(duration(&go::format_duration(nanos)), Ok(nanos));
            let nanos = millis * 1_000_000;
            prop_assert_eq!(prometheus_duration(&format_prometheus_duration(nanos)), Ok(nanos));
        }
    }
}
