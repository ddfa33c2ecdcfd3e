//! Answers of a search as a list, and of a metric query as data that `query` prints.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{count, duration, instant, number, tame};

/// A line a trace, newest first: when, which, how long, spans that match of all, errors, its root.
pub(super) fn traces(answer: &Value) -> String {
    let mut out = String::new();
    for trace in answer["traces"].as_array().into_iter().flatten() {
        let sum = |name: &str| -> u64 {
            let services = trace["serviceStats"].as_object().into_iter().flatten();
            services.map(|(_, stats)| stats[name].as_u64().unwrap_or_default()).sum()
        };
        let sets = trace["spanSets"].as_array().into_iter().flatten();
        let matched: u64 = sets.map(|set| set["matched"].as_u64().unwrap_or_default()).sum();
        let text = |name: &str| tame(trace[name].as_str().unwrap_or_default());
        let errors = match sum("errorCount") {
            0 => String::new(),
            errors => format!("  {}", count(errors, "error")),
        };
        // Writing to a string can not fail.
        let _infallible = writeln!(
            out,
            "{}  {}  {:>9}  {:>4} of {:<4} spans  {}: {}{errors}",
            instant(number(&trace["startTimeUnixNano"])),
            text("traceID"),
            duration(number(&trace["durationMs"]).saturating_mul(1_000_000)),
            matched,
            sum("spanCount"),
            text("rootServiceName"),
            text("rootTraceName"),
        );
    }
    if out.is_empty() { "no traces\n".to_owned() } else { out }
}

/// Series in the shape of an answer to a PromQL query over a range.
pub(super) fn as_matrix(answer: &Value) -> Value {
    let series = answer["series"].as_array().into_iter().flatten().map(|series| {
        let labels = series["labels"].as_array().into_iter().flatten();
        let metric: Map<String, Value> = labels
            .map(|label| {
                let name = label["key"].as_str().unwrap_or_default().to_owned();
                (name, Value::String(tame(&label_text(&label["value"]))))
            })
            .collect();
        let samples = series["samples"].as_array().into_iter().flatten().map(|sample| {
            let seconds = number(&sample["timestampMs"]) as f64 / 1e3;
            let value = match &sample["value"] {
                Value::String(text) => text.clone(),
                // What is zero is left out.
                value => value.as_f64().unwrap_or_default().to_string(),
            };
            json!([seconds, value])
        });
        json!({ "metric": metric, "values": samples.collect::<Vec<_>>() })
    });
    json!({ "resultType": "matrix", "result": series.collect::<Vec<_>>() })
}

fn label_text(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten();
    members
        .map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_listed_with_their_figures() {
        let answer = json!({ "traces": [{
            "traceID": "0af7651916cd43dd8448eb211c80319c", "rootServiceName": "shop",
            "rootTraceName": "GET /", "startTimeUnixNano": "1000000000", "durationMs": 1500,
            "spanSets": [{ "matched": 2 }, { "matched": 1 }],
            "serviceStats": { "shop": { "spanCount": 5 }, "db": { "spanCount": 2, "errorCount": 1 } },
        }]});
        assert_eq!(
            traces(&answer),
            "1970-01-01T00:00:01.000Z  0af7651916cd43dd8448eb211c80319c      1.50s     3 of 7    \
             spans  shop: GET /  1 error\n"
        );
        assert_eq!(traces(&json!({ "traces": [] })), "no traces\n");
    }

    #[test]
    fn series_are_shown_as_those_of_metrics_are() {
        let answer = json!({ "series": [{
            "labels": [
                { "key": "span.code", "value": { "intValue": "500" } },
                { "key": "ok", "value": { "boolValue": true } },
            ],
            "samples": [{ "timestampMs": "1500", "value": 2.5 }, { "timestampMs": "2500" }],
        }]});
        assert_eq!(
            as_matrix(&answer),
            json!({ "resultType": "matrix", "result": [{
                "metric": { "span.code": "500", "ok": "true" },
                "values": [[1.5, "2.5"], [2.5, "0"]],
            }]})
        );
    }
}
