//! `watchkeep query`: asks a running server in PromQL and prints the answer for people (a table;
//! over a range a curve with its figures) or programs (JSON, CSV).

pub(crate) mod print;

use std::time::Duration;

use serde_json::Value;
use watchkeep_engine::scrape::Environment;
use watchkeep_engine::scrape::config::HttpClientConfig;
use watchkeep_engine::scrape::http_client::{HttpClient, read_body};
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result};

use crate::cli::{QueryArguments, QueryOutput};

const TIMEOUT: Duration = Duration::from_mins(1);
/// Longer answers are not read.
const ANSWER_BYTES_MAX: usize = 1 << 30;
/// Steps of a range where none is given: about what a terminal can show.
const STEPS: u64 = 60;

/// Asks, prints the answer on stdout and remarks on stderr.
pub(crate) fn run(arguments: &QueryArguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context(|| "cannot start the runtime".into())?;
    let (status, body) = runtime.block_on(ask(arguments))?;
    let answer: Value = serde_json::from_slice(&body).map_err(|error| {
        Error::invalid(format!(
            "{} answered {status} with something that is not an answer to a query",
            arguments.server
        ))
        .with_source(error)
    })?;
    if answer["status"] != "success" {
        let why = answer["error"].as_str().unwrap_or("no reason given");
        return Err(Error::invalid(format!("the query failed: {why}")));
    }
    let text = match arguments.output {
        QueryOutput::Table => print::table(&answer["data"]),
        QueryOutput::Csv => print::csv(&answer["data"]),
        QueryOutput::Json => format!("{answer:#}\n"),
    };
    crate::print(&text)?;
    for remark in print::remarks(&answer) {
        crate::complain(&remark);
    }
    Ok(())
}

async fn ask(arguments: &QueryArguments) -> Result<(String, Vec<u8>)> {
    let server = arguments.server.trim_end_matches('/');
    let mut form = vec![("query", arguments.expression.clone())];
    let path = if let Some(range) = arguments.range {
        let end = match &arguments.time {
            Some(time) => print::seconds(time)?,
            None => now(),
        };
        let step = arguments
            .step
            .map_or_else(|| (range.0.as_secs() / STEPS).max(1) as f64, |step| step.0.as_secs_f64());
        // Steps are laid so that the last one is the end.
        let steps = (range.0.as_secs_f64() / step).floor();
        form.push(("start", (end - steps * step).to_string()));
        form.push(("end", end.to_string()));
        form.push(("step", step.to_string()));
        "query_range"
    } else {
        if let Some(time) = &arguments.time {
            form.push(("time", time.clone()));
        }
        "query"
    };
    let form = serde_html_form::to_string(&form).context(|| "cannot write the query".into())?;
    let environment = Environment::new(std::env::vars());
    let client = HttpClient::new(&HttpClientConfig::default(), &environment)?;
    let mut request = client.get(&format!("{server}/api/v1/{path}?{form}")).timeout(TIMEOUT);
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
    let status = response.status().to_string();
    Ok((status, read_body(response, ANSWER_BYTES_MAX).await?))
}

/// The system's time: a client on a command line has no other clock.
fn now() -> f64 {
    use watchkeep_model::Clock as _;
    watchkeep_model::SystemClock.now_ns() as f64 / 1e9
}
