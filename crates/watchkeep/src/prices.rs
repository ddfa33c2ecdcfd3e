//! `watchkeep prices`: ask a running server what it charges models by.

use std::fmt::Write as _;

use serde_json::Value;
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, ErrorKind, Result};

use crate::cli::{PriceListArguments, PriceMatchArguments, PricesArguments, PricesCommand};
use crate::traces::{get, tame};

const BASE: &str = "/api/watchkeep/v1/prices";

/// Prints what was asked for on stdout.
pub(crate) fn run(arguments: &PricesArguments) -> Result<()> {
    match &arguments.command {
        PricesCommand::Match(arguments) => matching(arguments),
        PricesCommand::List(arguments) => list(arguments),
    }
}

fn form(pairs: &[(&str, String)]) -> Result<String> {
    serde_html_form::to_string(pairs).context(|| "cannot write the query".into())
}

fn matching(arguments: &PriceMatchArguments) -> Result<()> {
    let mut pairs = vec![
        ("model", arguments.model.clone()),
        ("provider", arguments.provider.clone()),
        ("input_tokens", arguments.input_tokens.to_string()),
        ("cached_tokens", arguments.cached_tokens.to_string()),
        ("output_tokens", arguments.output_tokens.to_string()),
        ("service_tier", arguments.service_tier.clone()),
    ];
    if let Some(at) = &arguments.at {
        pairs.push(("at", at.clone()));
    }
    let answer = get(&arguments.server, &format!("{BASE}/match?{}", form(&pairs)?))?;
    if arguments.json {
        crate::print(&format!("{answer:#}\n"))?;
    } else {
        crate::print(&shown(&answer))?;
    }
    if answer["found"] == Value::Bool(true) {
        return Ok(());
    }
    let message = format!("{} has no price", tame(&arguments.model));
    Err(Error::new(ErrorKind::NotFound, message))
}

fn list(arguments: &PriceListArguments) -> Result<()> {
    let pairs = [
        ("q", arguments.query.clone()),
        ("provider", arguments.provider.clone()),
        ("limit", arguments.limit.to_string()),
    ];
    let answer = get(&arguments.server, &format!("{BASE}?{}", form(&pairs)?))?;
    if arguments.json {
        return crate::print(&format!("{answer:#}\n"));
    }
    crate::print(&table(&answer))?;
    if answer["truncated"] == Value::Bool(true) {
        let total = &answer["total"];
        crate::complain(&format!("these are not all {total} rows: ask for more with --limit"));
    }
    Ok(())
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// USD for a million tokens, as price lists say it.
fn per_million(row: &Value, field: &str) -> String {
    row["prices"][field].as_f64().map_or_else(|| "-".to_owned(), |usd| rounded(usd * 1e6))
}

/// A sum of money without digits that only the binary system made.
fn rounded(usd: f64) -> String {
    let text = format!("{usd:.9}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() { "0".to_owned() } else { text.to_owned() }
}

/// Where a row stands.
fn place(row: &Value) -> String {
    let line = row["line"].as_u64().map(|line| format!(", line {line}")).unwrap_or_default();
    format!("{}{line}", tame(text(row, "table")))
}

/// A match for people.
fn shown(answer: &Value) -> String {
    let mut out = String::new();
    let mut put = |line: std::fmt::Arguments<'_>| {
        // Writing to a string can not fail.
        let _infallible = writeln!(out, "{line}");
    };
    let row = &answer["row"];
    if row.is_object() {
        put(format_args!("row      {} ({})", tame(text(row, "key")), place(row)));
        put(format_args!("matched  {}", text(answer, "matched")));
        for (name, value) in [
            ("tier", text(answer, "tier")),
            ("class", text(answer, "service_tier")),
            ("since", text(row, "effective_from")),
            ("until", text(row, "effective_to")),
        ] {
            if !value.is_empty() {
                put(format_args!("{name:<8} {}", tame(value)));
            }
        }
        let cost = &answer["cost"];
        for line in cost["lines"].as_array().into_iter().flatten() {
            let usd = rounded(line["usd"].as_f64().unwrap_or_default());
            let (bucket, field) = (text(line, "bucket"), tame(text(line, "field")));
            put(format_args!(
                "{bucket:<14} {:>10} tokens  {usd:>14} USD  {field}",
                line["tokens"].as_u64().unwrap_or_default()
            ));
        }
        let usd = rounded(cost["usd"].as_f64().unwrap_or_default());
        put(format_args!("{:<14} {:>17}  {usd:>14} USD", "sum", ""));
        return out;
    }
    put(format_args!("no row; looked for"));
    for key in answer["tried"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        put(format_args!("  {}", tame(key)));
    }
    let near: Vec<String> = answer["nearest"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(tame)
        .collect();
    if !near.is_empty() {
        put(format_args!("alike, and not used: {}", near.join(", ")));
    }
    out
}

/// Rows for people, USD for a million tokens.
fn table(answer: &Value) -> String {
    let mut out = format!(
        "{:<44} {:>10} {:>10} {:>10} {:>10}  {}\n",
        "USD per million tokens", "input", "cached", "write", "output", "table"
    );
    for row in answer["rows"].as_array().into_iter().flatten() {
        let [input, cached, write, output] = [
            "input_cost_per_token",
            "cache_read_input_token_cost",
            "cache_creation_input_token_cost",
            "output_cost_per_token",
        ]
        .map(|field| per_million(row, field));
        let key = tame(text(row, "key"));
        let place = tame(text(row, "table"));
        // Writing to a string can not fail.
        let _infallible =
            writeln!(out, "{key:<44} {input:>10} {cached:>10} {write:>10} {output:>10}  {place}");
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sums_have_no_digits_of_the_binary_system() {
        for (usd, expected) in [
            (0.0, "0"),
            (2.5e-6 * 1e6, "2.5"),
            (0.1 + 0.2, "0.3"),
            (30.0, "30"),
            (1e-9, "0.000000001"),
        ] {
            assert_eq!(rounded(usd), expected);
        }
    }

    #[test]
    fn a_match_tells_row_and_lines_and_a_miss_what_was_tried() {
        let found = json!({
            "found": true, "matched": "date", "tier": "above_200k_tokens", "service_tier": "default",
            "row": {"key": "m\u{1b}", "table": "built-in", "line": 7, "effective_from": "2026-03-01"},
            "cost": {"usd": 0.0035, "lines": [
                {"bucket": "input", "tokens": 1000, "usd": 0.0035, "field": "input_cost_per_token"}
            ]}
        });
        let text = shown(&found);
        for part in [
            "m\u{fffd} (built-in, line 7)",
            "date",
            "above_200k_tokens",
            "2026-03-01",
            "0.0035 USD",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let missed = json!({"found": false, "tried": ["a/b"], "nearest": ["c"]});
        let text = shown(&missed);
        assert!(text.contains("  a/b\n") && text.contains("not used: c"), "{text}");
    }

    #[test]
    fn rows_are_told_in_usd_per_million() {
        let answer = json!({"rows": [{"key": "m", "table": "built-in",
            "prices": {"input_cost_per_token": 2.5e-6, "output_cost_per_token": 1e-5}}]});
        let text = table(&answer);
        let words: Vec<&str> = text.lines().nth(1).unwrap_or_default().split_whitespace().collect();
        assert_eq!(words, ["m", "2.5", "-", "-", "10", "built-in"]);
    }
}
