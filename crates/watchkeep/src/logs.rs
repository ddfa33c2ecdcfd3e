//! `watchkeep logs`: asks a running server in LogQL and prints lines for people or programs; with
//! `--tail` it follows what comes. A query for numbers is answered as `watchkeep query` answers.

mod print;

use std::time::Duration;

use futures::StreamExt as _;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use watchkeep_engine::scrape::Environment;
use watchkeep_engine::scrape::config::HttpClientConfig;
use watchkeep_engine::scrape::http_client::{HttpClient, read_body};
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Clock as _, Error, Result, SystemClock};

use crate::cli::LogsArguments;

const TIMEOUT: Duration = Duration::from_mins(1);
/// Longer answers are not read.
const ANSWER_BYTES_MAX: usize = 1 << 30;
/// Steps of a query for numbers: about what a terminal can show.
const STEPS: u64 = 60;

/// Asks, and prints the answer on stdout.
pub(crate) fn run(arguments: &LogsArguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context(|| "cannot start the runtime".into())?;
    if arguments.tail {
        runtime.block_on(follow(arguments))
    } else {
        runtime.block_on(ask(arguments))
    }
}

/// The range that is asked for, nanoseconds since the epoch.
fn range(arguments: &LogsArguments) -> Result<(i64, i64)> {
    let instant = |text: &str| {
        text.parse::<f64>().map_or_else(
            |_| {
                let at = text.parse::<jiff::Timestamp>().map_err(|error| {
                    Error::invalid(format!("{text:?} is neither unix seconds nor RFC 3339"))
                        .with_source(error)
                })?;
                i64::try_from(at.as_nanosecond())
                    .map_err(|_| Error::invalid(format!("{text:?} is too far away")))
            },
            |seconds| Ok((seconds * 1e9) as i64),
        )
    };
    let end_ns = arguments.to.as_deref().map_or_else(|| Ok(SystemClock.now_ns()), instant)?;
    let since_ns = i64::try_from(arguments.since.0.as_nanos()).unwrap_or(i64::MAX);
    let start_ns =
        arguments.from.as_deref().map_or_else(|| Ok(end_ns.saturating_sub(since_ns)), instant)?;
    Ok((start_ns, end_ns))
}

async fn ask(arguments: &LogsArguments) -> Result<()> {
    let server = arguments.server.trim_end_matches('/');
    let (start_ns, end_ns) = range(arguments)?;
    let step =
        (end_ns.saturating_sub(start_ns).max(0).unsigned_abs() / 1_000_000_000 / STEPS).max(1);
    let form = [
        ("query", arguments.expression.clone()),
        ("start", start_ns.to_string()),
        // The end is not part of a range.
        ("end", end_ns.saturating_add(1).to_string()),
        ("limit", arguments.limit.to_string()),
        ("step", step.to_string()),
        ("direction", if arguments.forward { "forward" } else { "backward" }.to_owned()),
    ];
    let form = serde_html_form::to_string(form).context(|| "cannot write the query".into())?;
    let client =
        HttpClient::new(&HttpClientConfig::default(), &Environment::new(std::env::vars()))?;
    let url = format!("{server}/loki/api/v1/query_range?{form}");
    let mut request = client.get(&url).timeout(TIMEOUT);
    if let Some(tenant) = &arguments.tenant {
        request = request.header("X-Scope-OrgID", tenant);
    }
    let response = client.send(request).await.map_err(|error| no_server(server, error))?;
    let status = response.status();
    let body = read_body(response, ANSWER_BYTES_MAX).await?;
    if !status.is_success() {
        let why = String::from_utf8_lossy(&body).trim().to_owned();
        return Err(Error::invalid(format!("the query failed: {why}")));
    }
    let answer: Value = serde_json::from_slice(&body).map_err(|error| {
        Error::invalid(format!(
            "{server} answered {status} with something that is not an answer to a query"
        ))
        .with_source(error)
    })?;
    let data = &answer["data"];
    if data["resultType"] == "streams" {
        crate::print(&print::lines(&print::entries(data, "result"), arguments.output))
    } else {
        crate::print(&crate::query::print::table(data))
    }
}

fn no_server(server: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::invalid(format!(
        "no server answers at {server}: start one with `watchkeep serve`, or name it with --server"
    ))
    .with_source(error)
}

/// Prints what comes until the server ends it.
async fn follow(arguments: &LogsArguments) -> Result<()> {
    let server = arguments.server.trim_end_matches('/');
    let Some(address) = server.strip_prefix("http://") else {
        return Err(Error::invalid("--tail follows over plain http:// alone"));
    };
    let (start_ns, _) = range(arguments)?;
    let form = [
        ("query", arguments.expression.clone()),
        ("start", start_ns.to_string()),
        ("limit", arguments.limit.to_string()),
    ];
    let form = serde_html_form::to_string(form).context(|| "cannot write the query".into())?;
    let url = format!("ws://{address}/loki/api/v1/tail?{form}");
    let mut request = url
        .into_client_request()
        .map_err(|error| Error::invalid(format!("{server:?} is no URL")).with_source(error))?;
    if let Some(tenant) = &arguments.tenant {
        let value = tenant.parse().map_err(|error| {
            Error::invalid(format!("{tenant:?} is no tenant")).with_source(error)
        })?;
        request.headers_mut().insert("X-Scope-OrgID", value);
    }
    let connected = tokio_tungstenite::connect_async(request).await;
    let (mut socket, _) = connected.map_err(|error| match error {
        tokio_tungstenite::tungstenite::Error::Http(response) => {
            let body = response.into_body().unwrap_or_default();
            let why = String::from_utf8_lossy(&body).trim().to_owned();
            Error::invalid(format!("the query failed: {why}"))
        }
        error => no_server(server, error),
    })?;
    while let Some(message) = socket.next().await {
        let message = message.map_err(|error| no_server(server, error))?;
        match message {
            Message::Text(text) => {
                let message: Value =
                    serde_json::from_str(&text).map_err(|error| no_server(server, error))?;
                crate::print(&print::lines(
                    &print::entries(&message, "streams"),
                    arguments.output,
                ))?;
                if let Some(lost) = message["dropped_entries"].as_array() {
                    crate::complain(&format!("{} lines came too fast and were lost", lost.len()));
                }
            }
            Message::Close(frame) => {
                if let Some(frame) = frame.filter(|frame| !frame.reason.is_empty()) {
                    crate::complain(&frame.reason);
                }
                break;
            }
            _ => {}
        }
    }
    Ok(())
}
