//! Answers about agents as text for terminals.

use std::fmt::Write as _;

use serde_json::Value;

use crate::traces::{duration, instant, number, tame};

/// Columns in line; the first is text, the others are numbers.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        rows.iter()
            .filter_map(|row| row.get(at))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _infallible = if at == 0 {
                write!(line, "{cell:<width$}")
            } else {
                write!(line, "  {cell:>width$}")
            };
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

pub(crate) fn text(value: &Value) -> String {
    tame(value.as_str().unwrap_or_default())
}

fn list(value: &Value) -> String {
    let all = value.as_array().into_iter().flatten();
    let texts: Vec<String> = all.map(text).filter(|text| !text.is_empty()).collect();
    texts.join(",")
}

pub(crate) fn or_dash<T>(value: Option<T>, write: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), write)
}

/// USD with as many places as it takes.
fn usd(usd: f64) -> String {
    let places = match usd.abs() {
        0.0 => 2,
        small if small < 0.001 => 6,
        small if small < 1.0 => 4,
        _ => 2,
    };
    format!("${usd:.places$}")
}

pub(crate) fn head(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// The table of agents.
pub(super) fn agents(answer: &Value) -> String {
    let names =
        ["AGENT", "HEALTH", "RUNS", "SUCCESS", "P50", "P95", "TOKENS", "COST", "A RUN", "RATING"];
    let mut rows = vec![head(&names)];
    let agents = answer["agents"].as_array().into_iter().flatten();
    for agent in agents {
        let latency = |at: &str| or_dash(agent["latency"][at].as_i64(), duration);
        // What works for others costs within them.
        let mark = if agent["is_subagent"] == true { "↳ " } else { "" };
        rows.push(vec![
            format!("{mark}{}", text(&agent["agent"])),
            text(&agent["health"]["status"]),
            number(&agent["runs"]).to_string(),
            or_dash(agent["success_rate"].as_f64(), |rate| format!("{:.1}%", rate * 100.0)),
            latency("p50_ns"),
            latency("p95_ns"),
            number(&agent["tokens"]["total"]).to_string(),
            or_dash(agent["cost_usd"].as_f64(), usd),
            or_dash(agent["cost_per_run_usd"].as_f64(), usd),
            or_dash(agent["rating"]["average"].as_f64(), |average| format!("{average:.1}")),
        ]);
    }
    if rows.len() == 1 {
        return "no agent was at work\n".to_owned();
    }
    table(&rows)
}

/// Sessions.
pub(super) fn sessions(answer: &Value) -> String {
    let names = [
        "SESSION",
        "LAST ACTIVITY",
        "USERS",
        "AGENTS",
        "TURNS",
        "ERRORS",
        "ACTIVE",
        "COST",
        "RATING",
    ];
    let mut rows = vec![head(&names)];
    for session in answer["sessions"].as_array().into_iter().flatten() {
        rows.push(vec![
            text(&session["session"]),
            instant(number(&session["last_activity_unix_nano"])),
            list(&session["users"]),
            list(&session["agents"]),
            number(&session["turns"]).to_string(),
            number(&session["errors"]).to_string(),
            duration(number(&session["active_ns"])),
            or_dash(session["cost_usd"].as_f64(), usd),
            or_dash(session["rating"]["average"].as_f64(), |average| format!("{average:.1}")),
        ]);
    }
    if rows.len() == 1 {
        return "no session\n".to_owned();
    }
    table(&rows)
}

/// What a trace costs, step by step.
pub(super) fn cost(answer: &Value) -> String {
    let mut out = String::new();
    for step in answer["steps"].as_array().into_iter().flatten() {
        explain_step(&mut out, step);
    }
    if out.is_empty() {
        return "no step of an agent in this trace\n".to_owned();
    }
    let total = answer["cost_usd"].as_f64().unwrap_or_default();
    let _infallible = write!(out, "\ntotal {}", exact(total));
    let ignored = answer["ignored_usd"].as_f64().unwrap_or_default();
    if ignored > 0.0 {
        let _infallible = write!(out, "  (not counted: {})", exact(ignored));
    }
    let unpriced = number(&answer["unpriced_tokens"]);
    if unpriced > 0 {
        let _infallible = write!(out, "  ({unpriced} tokens have no price)");
    }
    out.push('\n');
    out
}

fn explain_step(out: &mut String, step: &Value) {
    let depth = usize::try_from(number(&step["depth"])).unwrap_or(0).min(40);
    let indent = "  ".repeat(depth);
    let cost = &step["cost"];
    let model = text(&step["model"]);
    let of_model = if model.is_empty() { String::new() } else { format!(" [{model}]") };
    let _infallible = writeln!(
        out,
        "{indent}{} {}{of_model}  {}: {}",
        text(&step["kind"]),
        text(&step["name"]),
        match step["counted"].as_str() {
            Some("yes") => exact(cost["usd"].as_f64().unwrap_or_default()),
            _ => "not counted".to_owned(),
        },
        text(&step["counted_reason"]),
    );
    for line in cost["lines"].as_array().into_iter().flatten() {
        let price = or_dash(line["usd_per_token"].as_f64(), |price| format!("${price:e}"));
        let _infallible = writeln!(
            out,
            "{indent}    {:<14} {:>9} × {price:<12} = {}  {}",
            text(&line["bucket"]),
            number(&line["tokens"]),
            exact(line["usd"].as_f64().unwrap_or_default()),
            text(&line["field"]),
        );
    }
    let row = &cost["price"];
    if row.is_object() {
        let place = or_dash(row["line"].as_i64(), |line| format!(":{line}"));
        let _infallible = write!(
            out,
            "{indent}    price {} of {}{} ({}",
            text(&row["key"]),
            text(&row["table"]),
            if place == "-" { "" } else { &*place },
            text(&row["matched"]),
        );
        for (name, value) in [
            ("tier", &row["tier"]),
            ("service tier", &row["service_tier"]),
            ("valid from", &row["effective_from"]),
        ] {
            let value = text(value);
            if !value.is_empty() {
                let _infallible = write!(out, ", {name} {value}");
            }
        }
        out.push_str(")\n");
    }
    let source = text(&cost["source"]);
    if source != "nothing" {
        let reported = or_dash(cost["reported_usd"].as_f64(), exact);
        let told = if reported == "-" { String::new() } else { format!(", reported {reported}") };
        let again =
            if cost["repriced"] == true { ", counted at other prices than now" } else { "" };
        let _infallible = writeln!(out, "{indent}    source {source}{told}{again}");
    }
}

/// USD to a millionth of a cent.
fn exact(usd: f64) -> String {
    format!("${usd:.8}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn costs_are_explained_to_the_price_row() {
        let answer = json!({"cost_usd": 0.00125, "ignored_usd": 0.00125, "unpriced_tokens": 0, "steps": [
            {"depth": 0, "kind": "agent", "name": "run", "model": "", "counted": "rolled_up",
             "counted_reason": "the sum over steps below", "cost": {"usd": 0.00125, "source": "nothing",
             "lines": [], "price": null}},
            {"depth": 1, "kind": "llm", "name": "chat\u{1b}", "model": "gpt-4o", "counted": "yes",
             "counted_reason": "its tokens count", "cost": {"usd": 0.00125, "source": "computed",
             "lines": [{"bucket": "input", "tokens": 500, "usd_per_token": 0.000_002_5,
                        "field": "input_cost_per_token", "usd": 0.00125}],
             "price": {"key": "gpt-4o", "table": "built-in", "line": 12, "matched": "exact",
                       "tier": "", "service_tier": "batch", "effective_from": ""}}}]});
        let expect = "\
agent run  not counted: the sum over steps below
  llm chat\u{fffd} [gpt-4o]  $0.00125000: its tokens count
      input                500 × $2.5e-6      = $0.00125000  input_cost_per_token
      price gpt-4o of built-in:12 (exact, service tier batch)
      source computed

total $0.00125000  (not counted: $0.00125000)
";
        assert_eq!(cost(&answer), expect);
    }

    #[test]
    fn tables_stand_in_columns() {
        let answer = json!({"agents": [{"agent": "weather", "health": {"status": "healthy"}, "runs": 3,
            "success_rate": 1.0, "latency": {"p50_ns": 1_500_000_000, "p95_ns": 2_000_000_000},
            "tokens": {"total": 12}, "cost_usd": 0.5, "cost_per_run_usd": 0.1666, "rating": null}]});
        let lines: Vec<String> = agents(&answer).lines().map(str::to_owned).collect();
        assert!(lines[0].starts_with("AGENT     HEALTH"), "{}", lines[0]);
        assert!(
            lines[1].starts_with("weather  healthy     3   100.0%  1.50s  2.00s"),
            "{}",
            lines[1]
        );
        assert_eq!(agents(&json!({"agents": []})), "no agent was at work\n");
    }
}
