//! `watchkeep budgets`: asks a running server what may be spent and what was, and prints tables for
//! people, or what the server answered for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result};

use crate::cli::{
    BudgetsArguments, BudgetsCheckArguments, BudgetsCommand, BudgetsListArguments,
    BudgetsStatusArguments,
};
use crate::traces::{duration, get, instant, number, post, tame};

const BASE: &str = "/api/watchkeep/v1/budgets";

/// Prints what is asked for on stdout.
pub(crate) fn run(arguments: &BudgetsArguments) -> Result<()> {
    match &arguments.command {
        BudgetsCommand::List(arguments) => list(arguments),
        BudgetsCommand::Status(arguments) => status(arguments),
        BudgetsCommand::Check(arguments) => check(arguments),
    }
}

fn list(arguments: &BudgetsListArguments) -> Result<()> {
    let answer = get(&arguments.server, BASE)?;
    if arguments.json {
        return crate::print(&format!("{answer:#}\n"));
    }
    let header = ["ID", "NAME", "MODE", "WINDOW", "HIGHEST", "SPENT", "BUDGET", "%"];
    let row = |budget: &Value| {
        let (current, unit) = (&budget["current"], &budget["unit"]);
        let amount = if current.is_null() { &budget["amount"] } else { &current["budget"] };
        vec![
            text(&budget["id"]),
            text(&budget["name"]),
            text(&budget["mode"]),
            window(&budget["window"]),
            text(&current["scope_value"]),
            money(&current["spent"], unit),
            money(amount, unit),
            percent(&current["percentage"]),
        ]
    };
    crate::print(&table(&header, rows(&answer["budgets"]).map(row).collect()))
}

fn status(arguments: &BudgetsStatusArguments) -> Result<()> {
    let mut form = vec![("limit", arguments.limit.to_string())];
    form.extend(arguments.scope_value.clone().map(|value| ("scope_value", value)));
    let form = serde_html_form::to_string(&form).context(|| "cannot write the query".into())?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if arguments.id.is_empty() || !arguments.id.chars().all(legal) {
        return Err(Error::invalid("the id of a budget has only a-z, 0-9, `.`, `_` and `-`"));
    }
    let answer = get(&arguments.server, &format!("{BASE}/{}/status?{form}", arguments.id))?;
    if arguments.json {
        return crate::print(&format!("{answer:#}\n"));
    }
    let unit = &answer["budget"]["unit"];
    let header = ["WHO", "SPENT", "RESERVED", "BUDGET", "REMAINING", "%", "PROJECTION", "LEVEL"];
    let row = |standing: &Value| {
        let who = text(&standing["scope_value"]);
        vec![
            if who.is_empty() { "all".to_owned() } else { who },
            money(&standing["spent"], unit),
            money(&standing["reserved"], unit),
            money(&standing["budget"], unit),
            money(&standing["remaining"], unit),
            percent(&standing["percentage"]),
            money(&standing["projection"], unit),
            text(&standing["level"]),
        ]
    };
    let standings: Vec<&Value> = rows(&answer["standings"]).collect();
    let mut out = format!(
        "{} ({unit}, {})\n",
        text(&answer["budget"]["name"]),
        window(&answer["budget"]["window"]),
        unit = text(unit)
    );
    if let Some(first) = standings.first() {
        let (start, end) =
            (number(&first["period_start_unix_nano"]), number(&first["period_end_unix_nano"]));
        // Writing to a string can not fail.
        let _infallible = writeln!(out, "{} to {}", instant(start), instant(end));
    }
    if answer["known"] == false {
        out.push_str("what was spent before the start is still being counted\n");
    }
    out.push_str(&table(&header, standings.into_iter().map(row).collect()));
    crate::print(&out)
}

fn check(arguments: &BudgetsCheckArguments) -> Result<()> {
    let mut attributes = serde_json::Map::new();
    for (name, value) in &arguments.attribute {
        let held = attributes.entry(name.clone()).or_insert_with(|| json!([]));
        if let Some(values) = held.as_array_mut() {
            values.push(json!(value));
        }
    }
    let question = json!({
        "user": arguments.user, "agent": arguments.agent, "model": arguments.model,
        "service": arguments.service, "attributes": attributes,
        "estimated_usd": arguments.usd, "estimated_tokens": arguments.tokens,
    });
    let answer = post(&arguments.server, &format!("{BASE}/check"), &question)?;
    if arguments.json {
        crate::print(&format!("{answer:#}\n"))?;
    } else {
        let mut out = format!("{}\n", text(&answer["decision"]));
        for budget in rows(&answer["budgets"]) {
            let (who, left) = (text(&budget["scope_value"]), number_of(&budget["remaining"]));
            let who = if who.is_empty() { String::new() } else { format!(" for {who}") };
            let name = text(&budget["name"]);
            let decision = text(&budget["decision"]);
            let _infallible = writeln!(out, "  {decision}: {name}{who}, {left} left");
        }
        if let Some(wait) = answer["retry_after_ns"].as_i64() {
            let _infallible = writeln!(out, "  again in {}", duration(wait));
        }
        crate::print(&out)?;
    }
    if answer["decision"] == "deny" {
        return Err(Error::invalid(format!("denied: {}", text(&answer["reason"]))));
    }
    Ok(())
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    tame(value.as_str().unwrap_or_default())
}

fn number_of(value: &Value) -> String {
    value.as_f64().map_or_else(String::new, |number| format!("{number:.4}"))
}

fn money(value: &Value, unit: &Value) -> String {
    let Some(amount) = value.as_f64() else { return "-".to_owned() };
    if unit == "usd" { format!("${amount:.2}") } else { format!("{amount:.0}") }
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |share| format!("{share:.1}"))
}

fn window(value: &Value) -> String {
    match (value["calendar"].as_str(), value["rolling"].as_str()) {
        (Some(stretch), _) => tame(&format!("a {stretch}")),
        (_, Some(length)) => tame(&format!("last {length}")),
        _ => String::new(),
    }
}

fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut all = vec![header.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()];
    all.extend(rows);
    let width =
        |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut out = String::new();
    for row in &all {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up_and_numbers_have_their_unit() {
        let rows = vec![
            vec!["ann".to_owned(), money(&json!(8.1), &json!("usd"))],
            vec!["benjamin".to_owned(), money(&json!(1200.0), &json!("tokens"))],
            vec!["cyd".to_owned(), money(&Value::Null, &json!("usd"))],
        ];
        let expect = "WHO       SPENT\nann       $8.10\nbenjamin  1200\ncyd       -\n";
        assert_eq!(table(&["WHO", "SPENT"], rows), expect);
        assert_eq!(window(&json!({"rolling": "24h"})), "last 24h");
        assert_eq!(percent(&json!(81.25)), "81.2");
    }
}
