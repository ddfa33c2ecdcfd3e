//! OTLP names to Prometheus names, as Prometheus 3 translates them by each
//! [`TranslationStrategy`] and as OpenTelemetry's "Prometheus and OpenMetrics Compatibility"
//! specifies. Where the two differ, Prometheus is followed.

use std::fmt::Write as _;

use super::options::{MetricsOptions, TranslationStrategy};

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
pub(super) fn metric_name(
    strategy: TranslationStrategy,
    name: &str,
    unit: &str,
    suffix: Suffix,
) -> Option<String> {
    match (strategy.escapes(), strategy.adds_suffixes()) {
        (true, true) => escaped_name_with_suffixes(name, unit, suffix),
        (true, false) => escaped_name(name),
        (false, true) => Some(name_with_suffixes(name, unit, suffix)),
        (false, false) => Some(name.to_owned()),
    }
}

/// Underscores in place of other letters, of which those at the ends and in a row count as one.
fn escaped_name(name: &str) -> Option<String> {
    let tokens: Vec<&str> = name
        .split(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, ':' | '_'))
        .filter(|token| !token.is_empty())
        .collect();
    let mut out = tokens.join("_");
    if out.starts_with(|letter: char| letter.is_ascii_digit()) {
        out.insert(0, '_');
    }
    let is_sound = out == name || out.contains(|letter| letter != '_');
    (is_sound && !out.is_empty()).then_some(out)
}

/// The name as it is, with unit and type at its end; what is there already moves.
fn name_with_suffixes(name: &str, unit: &str, suffix: Suffix) -> String {
    let (above, below) = unit.split_once('/').unwrap_or((unit, ""));
    let plain = |part: &str| !part.is_empty() && !part.contains(['{', '}']);
    let (above, below) = (above.trim(), below.trim());
    let unit_word = if plain(above) && above != "1" { word(&UNITS, above) } else { "" };
    let per_word =
        if plain(below) { format!("per_{}", word(&PER_UNITS, below)) } else { String::new() };
    let last = match suffix {
        Suffix::Counter => "total",
        Suffix::Gauge if unit == "1" => "ratio",
        Suffix::Gauge | Suffix::Other => "",
    };
    let mut out = without_ending(without_ending(name, last), &per_word).to_owned();
    if !out.ends_with(unit_word) {
        out.push('_');
        out.push_str(unit_word);
    }
    for ending in [&*per_word, last] {
        if !ending.is_empty() {
            out.push('_');
            out.push_str(ending);
        }
    }
    out
}

/// The name without an ending and the letter before that.
fn without_ending<'a>(name: &'a str, ending: &str) -> &'a str {
    let rest = name.strip_suffix(ending).filter(|_| !ending.is_empty());
    let Some(rest) = rest else { return name };
    let mut letters = rest.chars();
    match letters.next_back() {
        Some(_) if !letters.as_str().is_empty() => letters.as_str(),
        _ => name,
    }
}

/// The default strategy.
fn escaped_name_with_suffixes(name: &str, unit: &str, suffix: Suffix) -> Option<String> {
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

/// How attributes' keys become names of labels.
#[derive(Debug, Clone, Copy)]
pub(super) struct LabelNames {
    escapes: bool,
    marks_underscore: bool,
    keeps_underscores: bool,
}

impl LabelNames {
    pub(super) fn of(options: &MetricsOptions) -> Self {
        Self {
            escapes: options.translation_strategy.escapes(),
            marks_underscore: options.label_name_underscore_sanitization,
            keeps_underscores: options.label_name_preserve_multiple_underscores,
        }
    }

    /// Whether a key is a label's name as it stands; a few that are may be missed.
    pub(super) fn keeps(self, key: &str) -> bool {
        let meaningful = || key.bytes().any(|byte| byte != b'_');
        if !self.escapes {
            return meaningful();
        }
        let mut last = b'a';
        let plain = key.bytes().all(|byte| {
            let doubled = byte == b'_' && last == b'_';
            last = byte;
            byte.is_ascii_alphanumeric() || byte == b'_' && (self.keeps_underscores || !doubled)
        });
        plain
            && match key.as_bytes() {
                [] => false,
                [first, ..] if first.is_ascii_alphabetic() => true,
                [b'_', b'_', ..] => meaningful(),
                [b'_', ..] => !self.marks_underscore && meaningful(),
                _ => false,
            }
    }

    /// Appends the label's name for an attribute's key; `false`, with nothing useful appended,
    /// where nothing but underscores is left.
    pub(super) fn write(self, key: &str, out: &mut String) -> bool {
        let start = out.len();
        if !self.escapes {
            out.push_str(key);
        } else if self.keeps_underscores {
            out.extend(key.chars().map(
                |letter| {
                    if letter.is_ascii_alphanumeric() { letter } else { '_' }
                },
            ));
        } else {
            // Names between two underscores on each side are reserved, and stay so.
            let inner = key.strip_prefix("__").and_then(|rest| rest.strip_suffix("__"));
            let around = if inner.is_some() { "__" } else { "" };
            out.push_str(around);
            let mut after_underscore = false;
            for letter in inner.unwrap_or(key).chars() {
                let plain = letter.is_ascii_alphanumeric();
                if plain || !after_underscore {
                    out.push(if plain { letter } else { '_' });
                }
                after_underscore = !plain;
            }
            out.push_str(around);
        }
        let name = out.get(start..).unwrap_or_default();
        let meaningful = name.contains(|letter| letter != '_');
        if self.escapes {
            if name.starts_with(|letter: char| letter.is_ascii_digit()) {
                out.insert_str(start, "key_");
            } else if self.marks_underscore && name.starts_with('_') && !name.starts_with("__") {
                out.insert_str(start, "key");
                // As in Prometheus, `key` makes a name of a lone underscore.
                return true;
            }
        }
        meaningful
    }
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
            let got = metric_name(TranslationStrategy::default(), name, unit, suffix);
            assert_eq!(got.as_deref(), Some(expect), "{name} {unit}");
        }
        assert_eq!(metric_name(TranslationStrategy::default(), "...", "", Other), None);
    }

    #[test]
    fn the_other_strategies_follow_prometheus() {
        use Suffix::{Counter, Gauge, Other};
        use TranslationStrategy::{
            NoTranslation, NoUtf8EscapingWithSuffixes, UnderscoreEscapingWithoutSuffixes,
        };
        let cases = [
            (UnderscoreEscapingWithoutSuffixes, "a.b__c", "s", Counter, Some("a_b__c")),
            (UnderscoreEscapingWithoutSuffixes, "..2x..y.", "", Other, Some("_2x_y")),
            (UnderscoreEscapingWithoutSuffixes, "...", "", Other, None),
            (UnderscoreEscapingWithoutSuffixes, "._.", "", Other, None),
            (UnderscoreEscapingWithoutSuffixes, "__", "", Other, Some("__")),
            (NoTranslation, "http.request.duré e", "s", Counter, Some("http.request.duré e")),
            (
                NoUtf8EscapingWithSuffixes,
                "http.requests",
                "1",
                Counter,
                Some("http.requests_total"),
            ),
            (NoUtf8EscapingWithSuffixes, "requests.total", "", Counter, Some("requests_total")),
            (NoUtf8EscapingWithSuffixes, "total", "", Counter, Some("total_total")),
            (NoUtf8EscapingWithSuffixes, "cpu.ratio", "1", Gauge, Some("cpu_ratio")),
            (NoUtf8EscapingWithSuffixes, "io.bytes", "By", Counter, Some("io.bytes_total")),
            (NoUtf8EscapingWithSuffixes, "io", "By/s", Gauge, Some("io_bytes_per_second")),
            (NoUtf8EscapingWithSuffixes, "x", "a b/{c}", Other, Some("x_a b")),
            (NoUtf8EscapingWithSuffixes, "x", "{c}/m", Other, Some("x_per_minute")),
        ];
        for (strategy, name, unit, suffix, expect) in cases {
            let got = metric_name(strategy, name, unit, suffix);
            assert_eq!(got.as_deref(), expect, "{strategy:?} {name} {unit}");
        }
    }

    #[test]
    fn label_names_follow_prometheus() {
        let by_default = LabelNames::of(&MetricsOptions::default());
        let preserving = LabelNames { keeps_underscores: true, ..by_default };
        let lenient = LabelNames { marks_underscore: false, ..by_default };
        let utf8 = LabelNames { escapes: false, ..by_default };
        let cases = [
            (by_default, "http.method", Some("http_method")),
            (by_default, "a", Some("a")),
            (by_default, "a__b..c", Some("a_b_c")),
            (by_default, "3xx", Some("key_3xx")),
            (by_default, "_private", Some("key_private")),
            (by_default, ".hidden", Some("key_hidden")),
            (by_default, "__reserved__", Some("__reserved__")),
            (by_default, "__re..served__", Some("__re_served__")),
            (by_default, "__half", Some("key_half")),
            (by_default, "_.x", Some("key_x")),
            (by_default, "état", Some("key_tat")),
            (by_default, "", None),
            (by_default, "..", Some("key_")),
            (by_default, "____", None),
            (preserving, "a__b..c", Some("a__b__c")),
            (preserving, "_.x", Some("__x")),
            (preserving, "_x", Some("key_x")),
            (preserving, "..", None),
            (preserving, "__", None),
            (lenient, "_private", Some("_private")),
            (lenient, "..", None),
            (lenient, "_", None),
            (utf8, "http.method", Some("http.method")),
            (utf8, "3 été", Some("3 été")),
            (utf8, "__", None),
            (utf8, "", None),
        ];
        for (names, key, expect) in cases {
            let mut out = String::new();
            let useful = names.write(key, &mut out);
            assert_eq!(useful.then_some(&*out), expect, "{names:?} {key:?}");
            assert!(!names.keeps(key) || expect == Some(key), "{names:?} {key:?}");
        }
        assert!(by_default.keeps("http_method") && lenient.keeps("_a") && utf8.keeps("a.b"));
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
