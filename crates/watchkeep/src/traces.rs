//! `watchkeep trace` and `watchkeep traces`: ask a running server for one trace, or in TraceQL, and
//! print trees, lists and tables for people, or what the server answered for programs.

mod draw;
mod list;

use std::io::IsTerminal as _;
use std::time::Duration;

use serde_json::Value;
use watchkeep_engine::scrape::Environment;
use watchkeep_engine::scrape::config::HttpClientConfig;
use watchkeep_engine::scrape::http_client::{HttpClient, read_body};
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Clock as _, Error, Result, SystemClock, TraceId};
use watchkeep_traceql::ast::Root;

use crate::cli::{ServerArguments, TraceArguments, TracesArguments};

const TIMEOUT: Duration = Duration::from_mins(1);
/// Longer answers are not read.
const ANSWER_BYTES_MAX: usize = 1 << 30;
/// Steps of a query for numbers: about what a terminal can show.
const STEPS: u64 = 60;

/// Prints one trace on stdout.
pub(crate) fn run_one(arguments: &TraceArguments) -> Result<()> {
    let id = TraceId::parse_hex(&arguments.id)?;
    let trace = get(&arguments.server, &format!("/api/watchkeep/v1/traces/{id}"))?;
    if arguments.json {
        return crate::print(&format!("{trace:#}\n"));
    }
    // Colours are for eyes; a file or a pipe gets plain text.
    let paint = draw::Paint::new(std::io::stdout().is_terminal() && !is_set("NO_COLOR"));
    crate::print(&draw::tree(&trace, paint))
}

/// Whether a variable of the environment is there and not empty.
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Prints the traces, or the numbers, that a query asks for on stdout.
pub(crate) fn run_many(arguments: &TracesArguments) -> Result<()> {
    let query = watchkeep_traceql::parse(&arguments.expression)
        .map_err(|error| Error::invalid(format!("not a TraceQL query: {error}")))?;
    let end_ns = SystemClock.now_ns();
    let since_ns = i64::try_from(arguments.since.0.as_nanos()).unwrap_or(i64::MAX);
    // Up to the second that has begun.
    let end = end_ns / 1_000_000_000 + 1;
    let start = (end_ns.saturating_sub(since_ns) / 1_000_000_000).max(0);
    let is_metric = matches!(query.root, Root::Metric(_));
    let mut form = vec![
        ("q", arguments.expression.clone()),
        ("start", start.to_string()),
        ("end", end.to_string()),
    ];
    if is_metric {
        let step = (arguments.since.0.as_secs() / STEPS).max(1);
        form.push(("step", format!("{step}s")));
    } else {
        form.push(("limit", arguments.limit.to_string()));
        form.push(("spss", "1".to_owned()));
    }
    let form = serde_html_form::to_string(&form).context(|| "cannot write the query".into())?;
    let path = if is_metric { "metrics/query_range" } else { "search" };
    let answer = get(&arguments.server, &format!("/tempo/api/{path}?{form}"))?;
    if arguments.json {
        return crate::print(&format!("{answer:#}\n"));
    }
    if is_metric {
        crate::print(&crate::query::print::table(&list::as_matrix(&answer)))?;
        if let Some(remark) = answer["message"].as_str() {
            crate::complain(remark);
        }
        return Ok(());
    }
    crate::print(&list::traces(&answer))
}

/// Asks the server; its answer is JSON, or an error's text.
pub(crate) fn get(server: &ServerArguments, path: &str) -> Result<Value> {
    json(server, &call(server, path, None)?)
}

/// Asks the server for whatever it answers.
pub(crate) fn get_bytes(server: &ServerArguments, path: &str) -> Result<Vec<u8>> {
    call(server, path, None)
}

/// Sends JSON to the server; its answer is JSON, or an error's text.
pub(crate) fn post(server: &ServerArguments, path: &str, body: &Value) -> Result<Value> {
    json(server, &call(server, path, Some(body))?)
}

fn json(server: &ServerArguments, answer: &[u8]) -> Result<Value> {
    serde_json::from_slice(answer).map_err(|error| {
        let server = &server.server;
        Error::invalid(format!("{server} answered with something that is not JSON"))
            .with_source(error)
    })
}

fn call(server: &ServerArguments, path: &str, body: Option<&Value>) -> Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context(|| "cannot start the runtime".into())?;
    runtime.block_on(ask(server, path, body))
}

async fn ask(arguments: &ServerArguments, path: &str, body: Option<&Value>) -> Result<Vec<u8>> {
    let server = arguments.server.trim_end_matches('/');
    let client =
        HttpClient::new(&HttpClientConfig::default(), &Environment::new(std::env::vars()))?;
    let url = format!("{server}{path}");
    let request = match body {
        Some(body) => {
            client.post(&url).header("Content-Type", "application/json").body(body.to_string())
        }
        None => client.get(&url),
    };
    let mut request = request.timeout(TIMEOUT);
    if let Some(tenant) = &arguments.tenant {
        request = request.header("X-Scope-OrgID", tenant);
    }
    let response = client.send(request).await.map_err(|error| {
        Error::invalid(format!(
            "no server answers at {server}: start one with `watchkeep serve`, or name it with \
             --server"
        ))
        .with_source(error)
    })?;
    let status = response.status();
    let body = read_body(response, ANSWER_BYTES_MAX).await?;
    if !status.is_success() {
        let answer = serde_json::from_slice::<Value>(&body);
        let told = answer.ok().and_then(|body| Some(body["error"]["message"].as_str()?.to_owned()));
        let why = told.unwrap_or_else(|| String::from_utf8_lossy(&body).trim().to_owned());
        return Err(Error::invalid(format!("the server answered {status}: {why}")));
    }
    Ok(body)
}

/// Text of others without what a terminal would obey.
pub(crate) fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A duration in the unit that suits it.
pub(crate) fn duration(ns: i64) -> String {
    let value = ns as f64;
    match ns.unsigned_abs() {
        0..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => format!("{:.1}µs", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}ms", value / 1e6),
        1_000_000_000..60_000_000_000 => format!("{:.2}s", value / 1e9),
        _ => format!("{}m{:04.1}s", ns / 60_000_000_000, (value / 1e9) % 60.0),
    }
}

/// So many things, by their name.
pub(crate) fn count(number: u64, name: &str) -> String {
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}

/// An instant with milliseconds.
pub(crate) fn instant(time_ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time_ns))
        .map_or_else(|_| time_ns.to_string(), |at| format!("{at:.3}"))
}

/// A 64-bit number, which JSON has as text.
pub(crate) fn number(value: &Value) -> i64 {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}
