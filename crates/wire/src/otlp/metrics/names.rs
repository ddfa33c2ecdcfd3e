//! OTLP names to Prometheus names, as Prometheus 3 translates them by default
//! (`translation_strategy: UnderscoreEscapingWithSuffixes`) and as OpenTelemetry's "Prometheus and
//! OpenMetrics Compatibility" specifies. Where the two differ, Prometheus is followed.

use std::fmt::Write as _;

/// What decides the suffix that tells a metric's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suffix {
    /// `_total`.
    Counter,
    /// `_ratio`, where the unit is `1`.
    Gauge,
    /// None.
    Other,
}

/// Units of UCUM by the words that Prometheus uses. `TiBy` is spelled as Prometheus spells it.
const UNITS: [(&str, &str); 25] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("%", "percent"),
];

/// Units below the stroke, in the singular.
const PER_UNITS: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

fn word<'a>(table: &[(&str, &'static str)], unit: &'a str) -> &'a str {
    table.iter().find(|(other, _)| *other == unit).map_or(unit, |(_, word)| word)
}

/// The name of a metric family; `None` where nothing is left of it.
pub(super) fn metric_name(name: &str, unit: &str, suffix: Suffix) -> Option<String> {
    let mut tokens: Vec<&str> = name
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != ':')
        .filter(|token| !token.is_empty())
        .collect();
    let (unit_word, per_word) = unit_words(unit);
    let per_word = per_word.trim_end_matches('_');
    let unit_word = if per_word.is_empty() { &*unit_word } else { unit_word.trim_end_matches('_') };
    let unit_known = tokens.contains(&unit_word);
    let per_known = tokens.contains(&per_word);
    if !unit_word.is_empty() && !unit_known {
        tokens.push(unit_word);
    }
    if !per_word.is_empty() && per_word != "per" && !per_known {
        tokens.push(per_word);
    }
    let last = match suffix {
        Suffix::Counter => Some("total"),
        Suffix::Gauge if unit == "1" => Some("ratio"),
        Suffix::Gauge | Suffix::Other => None,
    };
    if let Some(last) = last {
        tokens.retain(|token| *token != last);
        tokens.push(last);
    }
    let mut out = tokens.join("_");
    if out.starts_with(|letter: char| letter.is_ascii_digit()) {
        out.insert(0, '_');
    }
    (!out.is_empty()).then_some(out)
}

/// The words for a unit, above and below the stroke; units in braces are annotations.
fn unit_words(unit: &str) -> (String, String) {
    let (above, below) = unit.split_once('/').unwrap_or((unit, ""));
    let plain = |part: &str| !part.is_empty() && !part.contains(['{', '}']);
    let (above, below) = (above.trim(), below.trim());
    let unit_word =
        if plain(above) && above != "1" { clean(word(&UNITS, above)) } else { String::new() };
    let per_word = if plain(below) {
        clean(&format!("per_{}", word(&PER_UNITS, below)))
    } else {
        String::new()
    };
    (unit_word, per_word)
}

/// Letters that a name can not hold become underscores, and runs of those become one.
fn clean(unit: &str) -> String {
    let mut out = String::with_capacity(unit.len());
    for letter in unit.chars() {
        if letter.is_ascii_alphanumeric() || letter == ':' {
            out.push(letter);
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    out.strip_prefix('_').map(str::to_owned).unwrap_or(out)
}

/// Whether an attribute's key is a label's name as it stands.
pub(super) fn is_label_name(key: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    key.bytes().all(plain)
        && match key.as_bytes() {
            [] => false,
            [b'_', b'_', ..] => true,
            [first, ..] => first.is_ascii_alphabetic(),
        }
}

/// Appends the label's name for an attribute's key; `false`, with nothing useful appended, where
/// nothing but underscores is left.
pub(super) fn write_label_name(key: &str, out: &mut String) -> bool {
    let mut letters = key.chars();
    match letters.next() {
        None => return false,
        Some(first) if first.is_ascii_digit() => out.push_str("key_"),
        Some(first) if !first.is_ascii_alphabetic() => {
            let second = letters.next();
            if second.is_none_or(|second| second.is_ascii_alphanumeric()) {
                out.push_str("key");
            }
        }
        Some(_) => {}
    }
    let mut meaningful = false;
    for letter in key.chars() {
        meaningful |= letter.is_ascii_alphanumeric();
        out.push(if letter.is_ascii_alphanumeric() { letter } else { '_' });
    }
    meaningful
}

/// Appends a double as Prometheus prints it in `le` and `quantile`: shortest, without exponent.
pub(super) fn write_bound(value: f64, out: &mut String) {
    if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        let _infallible = write!(out, "{value}");
    }
}

/// The texts of a list of bounds. Points of one metric mostly have the same bounds, so each text is
/// kept until the bound in its place differs.
#[derive(Debug, Default)]
pub(super) struct BoundTexts {
    bounds: Vec<f64>,
    /// All texts, and where each ends.
    text: String,
    ends: Vec<usize>,
}

impl BoundTexts {
    /// The text of the bound in a place; places are asked for in order, from the first.
    pub(super) fn get(&mut self, position: usize, bound: f64) -> &str {
        let start = position.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let start = start.unwrap_or(0);
        let known = self.bounds.get(position).is_some_and(|b| b.to_bits() == bound.to_bits());
        if !known {
            self.bounds.truncate(position);
            self.ends.truncate(position);
            self.text.truncate(start);
            write_bound(bound, &mut self.text);
            self.bounds.push(bound);
            self.ends.push(self.text.len());
        }
        let end = self.ends.get(position).copied().unwrap_or(start);
        self.text.get(start..end).unwrap_or_default()
    }
}

/// Appends a double as the value of an attribute that becomes a label: shortest, with an exponent
/// only where JavaScript would use one.
pub(super) fn write_label_double(value: f64, out: &mut String) {
    let magnitude = value.abs();
    if magnitude >= 1e21 && value.is_finite() {
        let text = format!("{value:e}");
        out.push_str(&text.replace('e', "e+"));
    } else if magnitude < 1e-6 && value != 0.0 {
        let _infallible = write!(out, "{value:e}");
    } else {
        write_bound(value, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_names_follow_prometheus() {
        use Suffix::{Counter, Gauge, Other};
        let cases = [
            ("http.server.request.duration", "s", Other, "http_server_request_duration_seconds"),
            ("system.memory.usage", "By", Gauge, "system_memory_usage_bytes"),
            ("system.io", "foo/bar", Counter, "system_io_foo_per_bar_total"),
            ("broken.metric", "", Gauge, "broken_metric"),
            ("gen_ai.client.token.usage", "{token}", Other, "gen_ai_client_token_usage"),
            ("requests", "{request}/s", Gauge, "requests_per_second"),
            ("requests_total", "1", Counter, "requests_total"),
            ("total_requests", "1", Counter, "requests_total"),
            ("cpu.utilization", "1", Gauge, "cpu_utilization_ratio"),
            ("cpu.utilization", "1", Other, "cpu_utilization"),
            ("2xx.responses", "", Gauge, "_2xx_responses"),
            ("a..b__c", "", Gauge, "a_b_c"),
            ("duration_seconds", "s", Counter, "duration_seconds_total"),
            ("seconds.spent", "s", Gauge, "seconds_spent"),
            ("speed", "m/s", Gauge, "speed_meters_per_second"),
            ("speed", "km/h", Gauge, "speed_km_per_hour"),
            ("battery", "%", Gauge, "battery_percent"),
            ("été", "", Gauge, "t"),
            ("colon:ok", "", Gauge, "colon:ok"),
            ("x", " s ", Gauge, "x_seconds"),
        ];
        for (name, unit, suffix, expect) in cases {
            assert_eq!(metric_name(name, unit, suffix).as_deref(), Some(expect), "{name} {unit}");
        }
        assert_eq!(metric_name("...", "", Other), None);
    }

    #[test]
    fn label_names_follow_prometheus() {
        let cases = [
            ("http.method", "http_method", true),
            ("a", "a", true),
            ("3xx", "key_3xx", true),
            ("_private", "key_private", true),
            (".hidden", "key_hidden", true),
            ("__reserved__", "__reserved__", true),
            ("_.x", "__x", true),
            ("état", "key_tat", true),
            ("", "", false),
            ("..", "__", false),
        ];
        for (key, expect, useful) in cases {
            let mut out = String::new();
            assert_eq!(write_label_name(key, &mut out), useful, "{key:?}");
            assert_eq!(out, expect, "{key:?}");
            assert_eq!(is_label_name(key), key == expect && useful, "{key:?}");
        }
    }

    #[test]
    fn texts_of_bounds_follow_the_bounds() {
        let mut texts = BoundTexts::default();
        for bounds in [vec![0.5, 1.0, 2.0], vec![0.5, 1.0, 2.0], vec![0.5, 7.25, 8.0], vec![9.0]] {
            for (position, bound) in bounds.into_iter().enumerate() {
                assert_eq!(texts.get(position, bound), bound.to_string());
            }
        }
    }

    #[test]
    fn doubles_print_as_in_go() {
        let cases = [
            (1.0, "1"),
            (0.25, "0.25"),
            (1e-6, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (1e21, "1e+21"),
            (-0.5, "-0.5"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, expect) in cases {
            let mut out = String::new();
            write_label_double(value, &mut out);
            assert_eq!(out, expect);
        }
    }
}
