//! `watchkeep health`: asks a running server how everything is, and prints it for people or programs.

use std::fmt::Write as _;

use serde_json::{Value, json};
use watchkeep_model::{Error, Result};

use crate::agents::form;
use crate::agents::print::{head, or_dash, text};
use crate::cli::{HealthArguments, HealthFormat};
use crate::traces::{duration, get, number};

const BASE: &str = "/api/watchkeep/v1/health";

/// Prints how everything is; an error where something is unhealthy.
pub(crate) fn run(arguments: &HealthArguments) -> Result<()> {
    let form = form(arguments.since, &[])?;
    let ask = |path: &str| get(&arguments.server, &format!("{BASE}{path}?{form}"));
    let (health, checks, host) = (ask("")?, ask("/checks")?, ask("/host")?);
    match arguments.format {
        HealthFormat::Json => {
            let mut all = json!({"health": health, "checks": checks["checks"], "host": host});
            // What a page draws is not for here.
            if let Some(host) = all["host"].as_object_mut() {
                host.remove("series");
                host.remove("step");
            }
            crate::print(&format!("{all:#}\n"))?;
        }
        HealthFormat::Text => crate::print(&shown(&health, &checks, &host))?,
    }
    if health["status"] == "unhealthy" {
        return Err(Error::invalid("not everything is healthy"));
    }
    Ok(())
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn percent(value: &Value) -> String {
    or_dash(value.as_f64(), |percent| format!("{percent:.1}%"))
}

fn gibibytes(value: &Value) -> String {
    or_dash(value.as_f64(), |bytes| format!("{:.1} GiB", bytes / f64::from(1 << 30)))
}

fn shown(health: &Value, checks: &Value, host: &Value) -> String {
    let mut out = String::new();
    let counts = |of: &Value| {
        let names = ["healthy", "degraded", "unhealthy", "unknown"];
        let told = names.iter().filter(|name| of[**name].as_u64().unwrap_or(0) > 0);
        let told: Vec<String> = told.map(|name| format!("{} {name}", of[*name])).collect();
        if told.is_empty() { "none".to_owned() } else { told.join(", ") }
    };
    let rows = vec![
        vec!["overall".to_owned(), text(&health["status"])],
        vec!["agents".to_owned(), counts(&health["agents"])],
        vec!["checks".to_owned(), counts(&health["checks"])],
        vec!["host".to_owned(), or_dash(health["host"]["status"].as_str(), str::to_owned)],
    ];
    out.push_str(&columns(&rows));
    let mut rows = vec![head(&["ISSUE", "SEVERITY", "MESSAGE"])];
    rows.extend(each(&health["issues"]).map(|issue| {
        let name = format!("{} {}", text(&issue["kind"]), text(&issue["name"]));
        vec![name, text(&issue["severity"]), text(&issue["message"])]
    }));
    section(&mut out, &rows);
    let names = ["CHECK", "TYPE", "STATUS", "UPTIME", "LAST", "TARGET", "ERROR"];
    let mut rows = vec![head(&names)];
    rows.extend(each(&checks["checks"]).map(|check| {
        vec![
            text(&check["name"]),
            text(&check["type"]),
            text(&check["status"]),
            or_dash(check["uptime"].as_f64(), |share| format!("{:.2}%", share * 100.0)),
            or_dash(check["last_duration_ns"].as_i64(), duration),
            text(&check["target"]),
            or_dash(check["error"].as_str(), crate::traces::tame),
        ]
    }));
    section(&mut out, &rows);
    let latest = &host["latest"];
    if latest.is_object() {
        let load: Vec<String> =
            each(&latest["load"]).filter_map(Value::as_f64).map(|it| format!("{it:.2}")).collect();
        let mut rows = vec![
            head(&["HOST", "USED", "OF"]),
            vec![
                "cpu".to_owned(),
                percent(&latest["cpu_percent"]),
                format!("{} cpus", host["cpus"]),
            ],
            memory("memory", &latest["memory"]),
        ];
        if latest["swap"].is_object() {
            rows.push(memory("swap", &latest["swap"]));
        }
        rows.extend(
            each(&latest["disks"])
                .map(|disk| memory(&format!("disk {}", text(&disk["mountpoint"])), disk)),
        );
        section(&mut out, &rows);
        let _infallible = writeln!(
            out,
            "\n{}, {}: load {}, {} processes; the server has {}",
            text(&host["host"]),
            text(&host["os"]),
            load.join(" "),
            number(&latest["processes"]),
            gibibytes(&latest["process"]["resident_bytes"]),
        );
    }
    out
}

fn memory(name: &str, of: &Value) -> Vec<String> {
    vec![name.to_owned(), percent(&of["percent"]), gibibytes(&of["total_bytes"])]
}

/// A table with a line before it; nothing where it has no rows.
fn section(out: &mut String, rows: &[Vec<String>]) {
    if rows.len() > 1 {
        out.push('\n');
        out.push_str(&columns(rows));
    }
}

/// Columns in line, all of them text.
fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let line: Vec<String> = cells.collect();
        out.push_str(line.join("  ").trim_end());
        out.push('\n');
    }
    out
}
