//! `watchkeep agents`, `sessions`, `explain-cost` and `report`: ask a running server about agents, and
//! print tables for people, or what the server answered for programs.

pub(crate) mod print;

use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Clock as _, Result, SystemClock, TraceId};

use crate::cli::{
    AgentsArguments, ExplainCostArguments, ReportArguments, ReportFormat, SessionsArguments,
};
use crate::traces::{get, get_bytes};
use watchkeep_engine::humane::HumaneDuration;

const BASE: &str = "/api/watchkeep/v1";

/// A query string: the time until now, and what is given of the rest.
pub(crate) fn form(since: HumaneDuration, rest: &[(&str, Option<&str>)]) -> Result<String> {
    let end_ns = SystemClock.now_ns();
    let start_ns = end_ns.saturating_sub(i64::try_from(since.0.as_nanos()).unwrap_or(i64::MAX));
    let (start, end) = (start_ns.max(0).to_string(), end_ns.to_string());
    let mut pairs = vec![("start", &*start), ("end", &*end)];
    pairs.extend(rest.iter().filter_map(|(key, value)| Some((*key, (*value)?))));
    serde_html_form::to_string(&pairs).context(|| "cannot write the query".into())
}

/// Prints the table of agents on stdout.
pub(crate) fn run_agents(arguments: &AgentsArguments) -> Result<()> {
    let form = form(arguments.since, &[("service", arguments.service.as_deref())])?;
    let answer = get(&arguments.server, &format!("{BASE}/agents?{form}"))?;
    if arguments.json {
        return crate::print(&format!("{answer:#}\n"));
    }
    crate::print(&print::agents(&answer))
}

/// Prints sessions on stdout.
pub(crate) fn run_sessions(arguments: &SessionsArguments) -> Result<()> {
    let limit = arguments.limit.to_string();
    let rest = [
        ("agent", arguments.agent.as_deref()),
        ("user", arguments.user.as_deref()),
        ("limit", Some(&*limit)),
    ];
    let form = form(arguments.since, &rest)?;
    let answer = get(&arguments.server, &format!("{BASE}/sessions?{form}"))?;
    if arguments.json {
        return crate::print(&format!("{answer:#}\n"));
    }
    crate::print(&print::sessions(&answer))
}

/// Prints what a trace costs, and why, on stdout.
pub(crate) fn run_explain(arguments: &ExplainCostArguments) -> Result<()> {
    let id = TraceId::parse_hex(&arguments.id)?;
    let answer = get(&arguments.server, &format!("{BASE}/traces/{id}/cost"))?;
    if arguments.json {
        return crate::print(&format!("{answer:#}\n"));
    }
    crate::print(&print::cost(&answer))
}

/// Prints a report on stdout, or writes it to a file.
pub(crate) fn run_report(arguments: &ReportArguments) -> Result<()> {
    let format = match arguments.format {
        ReportFormat::Text => "text",
        ReportFormat::Json => "json",
        ReportFormat::Html => "html",
        ReportFormat::Markdown => "markdown",
    };
    let rest = [
        ("agent", arguments.agent.as_deref()),
        ("service", arguments.service.as_deref()),
        ("format", Some(format)),
    ];
    let path = format!("{BASE}/report?{}", form(arguments.since, &rest)?);
    let text = if arguments.format == ReportFormat::Json {
        format!("{:#}\n", get(&arguments.server, &path)?)
    } else {
        String::from_utf8_lossy(&get_bytes(&arguments.server, &path)?).into_owned()
    };
    match &arguments.out {
        None => crate::print(&text),
        Some(file) => {
            std::fs::write(file, text).context(|| format!("cannot write {}", file.display()))
        }
    }
}
