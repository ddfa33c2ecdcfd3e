//! Answers as text.

use std::fmt::Write as _;

use serde_json::Value;
use watchkeep_model::{Error, Result};

/// Steps of a curve, lowest first.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Unix seconds of an instant that was given as such or in RFC 3339.
pub(super) fn seconds(text: &str) -> Result<f64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok(seconds);
    }
    text.parse::<jiff::Timestamp>().map(|at| at.as_millisecond() as f64 / 1e3).map_err(|error| {
        Error::invalid(format!("--time must be unix seconds or RFC 3339, got {text:?}"))
            .with_source(error)
    })
}

/// Warnings and infos, a line each.
pub(super) fn remarks(answer: &Value) -> Vec<String> {
    let of = |name: &str, word: &str| -> Vec<String> {
        let texts = answer[name].as_array().into_iter().flatten();
        texts.filter_map(|text| Some(format!("{word}: {}", text.as_str()?))).collect()
    };
    [of("warnings", "warning"), of("infos", "info")].concat()
}

/// `name{label="value"}` of a label set.
fn series_text(metric: &Value) -> String {
    let labels = metric.as_object().into_iter().flatten();
    let mut name = "";
    let mut pairs = Vec::new();
    for (label, value) in labels {
        let value = value.as_str().unwrap_or_default();
        if label == "__name__" {
            name = value;
        } else {
            pairs.push(format!("{label}={value:?}"));
        }
    }
    if pairs.is_empty() && !name.is_empty() {
        name.to_owned()
    } else {
        format!("{name}{{{}}}", pairs.join(", "))
    }
}

fn value_text(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        // A histogram.
        None => format!(
            "count {} sum {}",
            value["count"].as_str().unwrap_or_default(),
            value["sum"].as_str().unwrap_or_default()
        ),
    }
}

fn series(data: &Value) -> impl Iterator<Item = &Value> {
    data["result"].as_array().into_iter().flatten()
}

/// Samples of a series: instants and values, numbers before histograms.
fn samples(series: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let one = ["value", "histogram"].into_iter().map(|name| &series[name]);
    let many = ["values", "histograms"]
        .into_iter()
        .flat_map(|name| series[name].as_array().into_iter().flatten());
    one.chain(many).filter(|sample| sample.is_array()).map(|sample| (&sample[0], &sample[1]))
}

/// For people.
pub(crate) fn table(data: &Value) -> String {
    match data["resultType"].as_str() {
        Some("scalar" | "string") => format!("{}\n", value_text(&data["result"][1])),
        Some("matrix") => curves(data),
        _ => {
            let rows: Vec<(String, String)> = series(data)
                .flat_map(|series| samples(series).map(move |sample| (series, sample)))
                .map(|(series, (_, value))| (value_text(value), series_text(&series["metric"])))
                .collect();
            aligned(&rows)
        }
    }
}

fn aligned(rows: &[(String, String)]) -> String {
    if rows.is_empty() {
        return "no series\n".to_owned();
    }
    let width = rows.iter().map(|(value, _)| value.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for (value, series) in rows {
        // Writing to a string can not fail.
        let _infallible = writeln!(text, "{value:>width$}  {series}");
    }
    text
}

/// A curve, the last value, and the bounds of each series.
fn curves(data: &Value) -> String {
    let mut text = String::new();
    for one in series(data) {
        let values: Vec<f64> = samples(one)
            .filter_map(|(_, value)| value.as_str()?.trim_start_matches('+').parse().ok())
            .collect();
        // Writing to a string can not fail.
        let _infallible = writeln!(text, "{}", series_text(&one["metric"]));
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (min, max) =
            (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        let last = values.last().map_or_else(|| "-".to_owned(), ToString::to_string);
        let _infallible = if min <= max {
            writeln!(text, "  {}  last {last}  min {min}  max {max}", curve(&values, min, max))
        } else {
            let shown = samples(one).last().map(|(_, value)| value_text(value));
            writeln!(text, "  last {}", shown.unwrap_or(last))
        };
    }
    if text.is_empty() { "no series\n".to_owned() } else { text }
}

fn curve(values: &[f64], min: f64, max: f64) -> String {
    let height = |value: &f64| {
        if !value.is_finite() {
            return ' ';
        }
        let share = if max > min { (value - min) / (max - min) } else { 0.5 };
        BARS[((share * BARS.len() as f64) as usize).min(BARS.len() - 1)]
    };
    values.iter().map(height).collect()
}

/// For programs: a line a sample, with the labels as one field.
pub(super) fn csv(data: &Value) -> String {
    let field = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut text = "series,time,value\n".to_owned();
    if let Some("scalar" | "string") = data["resultType"].as_str() {
        let result = &data["result"];
        let _infallible = writeln!(text, "\"\",{},{}", result[0], field(&value_text(&result[1])));
        return text;
    }
    for one in series(data) {
        let name = field(&series_text(&one["metric"]));
        for (time, value) in samples(one) {
            let value = value_text(value);
            let value = if value.contains([',', '"', ' ']) { field(&value) } else { value };
            let _infallible = writeln!(text, "{name},{time},{value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn vectors_are_tables() {
        let data = json!({ "resultType": "vector", "result": [
            { "metric": { "__name__": "up", "job": "a" }, "value": [1, "1"] },
            { "metric": { "job": "b" }, "value": [1, "12.5"] },
            { "metric": {}, "histogram": [1, { "count": "3", "sum": "4" }] },
        ]});
        let expect =
            "            1  up{job=\"a\"}\n         12.5  {job=\"b\"}\ncount 3 sum 4  {}\n";
        assert_eq!(table(&data), expect);
        assert_eq!(table(&json!({ "resultType": "vector", "result": [] })), "no series\n");
    }

    #[test]
    fn ranges_are_curves() {
        let data = json!({ "resultType": "matrix", "result": [
            { "metric": { "__name__": "x" }, "values": [[1, "0"], [2, "7"], [3, "NaN"], [4, "8"]] },
        ]});
        assert_eq!(table(&data), "x\n  ▁█ █  last 8  min 0  max 8\n");
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        let data = json!({ "resultType": "vector", "result": [
            { "metric": { "__name__": "up", "job": "a,b" }, "value": [1.5, "1"] },
        ]});
        assert_eq!(csv(&data), "series,time,value\n\"up{job=\"\"a,b\"\"}\",1.5,1\n");
        let scalar = json!({ "resultType": "scalar", "result": [1, "2"] });
        assert_eq!(csv(&scalar), "series,time,value\n\"\",1,\"2\"\n");
    }
}
