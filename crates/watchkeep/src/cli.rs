//! The command line. What it says overrides the environment, which overrides the file.

mod agents;
mod budgets;
mod feedback;
mod health;
mod prices;

pub(crate) use agents::{
    AgentsArguments, ExplainCostArguments, ReportArguments, ReportFormat, SessionsArguments,
};
pub(crate) use budgets::{
    BudgetsArguments, BudgetsCheckArguments, BudgetsCommand, BudgetsListArguments,
    BudgetsStatusArguments,
};
pub(crate) use feedback::{FeedbackCommand, FeedbackListArguments, FeedbackSummaryArguments};
pub(crate) use health::{HealthArguments, HealthFormat};
pub(crate) use prices::{PriceListArguments, PriceMatchArguments, PricesArguments, PricesCommand};

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use watchkeep_engine::humane::{HumaneDuration, parse_duration};

/// The version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that the program was built from; empty where the build did not say.
pub(crate) const COMMIT: &str = match option_env!("WATCHKEEP_COMMIT") {
    Some(commit) => commit,
    None => "",
};

/// Runs a minute that the demo sends at most.
const RATE_MAX: f64 = 100_000.0;

/// Keeps watch over AI agents: takes in their traces, logs and metrics, keeps them safely on
/// disk, and shows them in a browser.
#[derive(Debug, Parser)]
#[command(name = "watchkeep", version = VERSION, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server
    Serve(ServeArguments),
    /// Send the telemetry of a simulated application of several agents to a running server
    Demo(DemoArguments),
    /// Ask a running server in PromQL
    Query(QueryArguments),
    /// Ask a running server for log lines in LogQL, or follow them
    Logs(LogsArguments),
    /// Show one trace of a running server as a tree
    Trace(TraceArguments),
    /// Ask a running server for traces, or numbers over them, in TraceQL
    Traces(TracesArguments),
    /// Show the prices that a running server charges models by
    Prices(PricesArguments),
    /// List the agents of a running server: health, runs, latency, cost
    Agents(AgentsArguments),
    /// List the sessions of a running server, the newest activity first
    Sessions(SessionsArguments),
    /// Explain what a trace costs: each step, bucket, price, and why it counts or not
    ExplainCost(ExplainCostArguments),
    /// Print the report on an agent, or on all
    Report(ReportArguments),
    /// Ask a running server what people think of answers
    #[command(subcommand)]
    Feedback(FeedbackCommand),
    /// Ask a running server what may be spent, and what was
    Budgets(BudgetsArguments),
    /// Ask a running server how agents, dependencies and its host are; exits 1 where one is unhealthy
    Health(HealthArguments),
    /// Print the version
    Version,
    /// Print the OpenAPI document of the native API
    Openapi,
    /// Ask a running server whether it is ready; exits 0 if so
    Healthcheck(HealthcheckArguments),
}

/// Every setting can also come from a YAML file (--config) or from the environment, as
/// WATCHKEEP__SECTION__KEY. What is given here wins.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
  watchkeep serve
  watchkeep serve --data-dir /var/lib/watchkeep --listen 0.0.0.0:7070 --retention 15d
  WATCHKEEP__LIMITS__BODY_BYTES_MAX=16MiB watchkeep serve --config watchkeep.yaml")]
pub(crate) struct ServeArguments {
    /// Folder that holds the data [default: ./watchkeep-data]
    #[arg(long, value_name = "DIR", alias = "storage.tsdb.path")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Address of the main listener: web UI, API, OTLP over HTTP and gRPC [default: 127.0.0.1:7070]
    #[arg(long, value_name = "ADDR", alias = "web.listen-address")]
    pub(crate) listen: Option<String>,

    /// Address for OTLP over gRPC, or "off" [default: 127.0.0.1:4317]
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) otlp_grpc_listen: Option<String>,

    /// Address for OTLP over HTTP, or "off" [default: 127.0.0.1:4318]
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) otlp_http_listen: Option<String>,

    /// Also open the ports of the programs that this one replaces: Prometheus, Loki, Tempo, Jaeger,
    /// Zipkin, and Jaeger's agent over UDP
    #[arg(long)]
    pub(crate) legacy_ports: bool,

    /// How long data is kept, such as 15d; 0 keeps it for ever [default: 30d]
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = duration,
        alias = "storage.tsdb.retention.time"
    )]
    pub(crate) retention: Option<HumaneDuration>,

    /// YAML file with settings
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Configuration file of Prometheus that says what to scrape
    #[arg(long = "config.file", value_name = "FILE")]
    pub(crate) scrape_config: Option<PathBuf>,

    /// Let series be deleted and snapshots be taken over HTTP
    #[arg(long = "web.enable-admin-api")]
    pub(crate) admin_api: bool,

    /// Let the scrape configuration be read again over HTTP
    #[arg(long = "web.enable-lifecycle")]
    pub(crate) lifecycle_api: bool,
}

/// A simulation: no model is called. It sends OTLP through the server's public port, as the SDKs
/// of six services would.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Server that takes OTLP over HTTP
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4318")]
    pub(crate) endpoint: String,

    /// Runs of agents a minute, on average
    #[arg(long, value_name = "RUNS_PER_MINUTE", default_value = "12", value_parser = rate)]
    pub(crate) rate: f64,

    /// How much of the past is sent first; 0 for none
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = duration)]
    pub(crate) history: HumaneDuration,

    /// How long it goes on live [default: until Ctrl-C]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) duration: Option<HumaneDuration>,

    /// Number that the simulation is drawn from; the same number gives the same events
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  watchkeep query 'sum by (model) (rate(agent_tokens_total[5m]))'
  watchkeep query 'histogram_quantile(0.95, sum by (le) (rate(latency_bucket[5m])))' --range 1h
  watchkeep query up --output json")]
pub(crate) struct QueryArguments {
    /// The query
    pub(crate) expression: String,

    /// Ask for a range that reaches so far back, such as 1h, instead of one instant
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) range: Option<HumaneDuration>,

    /// Distance of the points of a range [default: a 60th of it]
    #[arg(long, value_name = "DURATION", value_parser = step, requires = "range")]
    pub(crate) step: Option<HumaneDuration>,

    /// The instant, or the end of the range: unix seconds or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) time: Option<String>,

    /// Server that speaks the HTTP API of Prometheus
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7070")]
    pub(crate) server: String,

    /// Tenant [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,

    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = QueryOutput::Table)]
    pub(crate) output: QueryOutput,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueryOutput {
    /// For people
    Table,
    /// As the server answered
    Json,
    /// A line a sample
    Csv,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  watchkeep logs '{service=\"gateway\"} |= \"ERROR\"'
  watchkeep logs '{service=\"gateway\"} | json | duration_ms > 5000' --since 24h --output jsonl
  watchkeep logs '{service=\"gateway\"}' --tail
  watchkeep logs 'sum(rate({service=\"gateway\"}[5m]))'")]
pub(crate) struct LogsArguments {
    /// The query
    pub(crate) expression: String,

    /// Follow what comes, after the newest lines from before
    #[arg(long, conflicts_with_all = ["to", "forward"])]
    pub(crate) tail: bool,

    /// How far back to look
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1h")]
    pub(crate) since: HumaneDuration,

    /// Start of the range: unix seconds or RFC 3339; instead of --since
    #[arg(long, value_name = "TIME", conflicts_with = "since")]
    pub(crate) from: Option<String>,

    /// End of the range: unix seconds or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,

    /// The most lines: the newest, or with --forward the oldest
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: u32,

    /// Take the oldest lines of the range instead of the newest
    #[arg(long)]
    pub(crate) forward: bool,

    /// Server that speaks the HTTP API of Loki
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7070")]
    pub(crate) server: String,

    /// Tenant [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,

    /// How lines are printed, oldest first
    #[arg(long, value_enum, default_value_t = LogsOutput::Text)]
    pub(crate) output: LogsOutput,
}

/// How lines are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogsOutput {
    /// For people: instant, labels, line
    Text,
    /// A JSON object a line
    Jsonl,
    /// The line alone
    Raw,
}

/// Which server is asked, and as whom.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// Server to ask
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7070")]
    pub(crate) server: String,

    /// Tenant [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  watchkeep trace 0af7651916cd43dd8448eb211c80319c
  watchkeep trace 0af7651916cd43dd8448eb211c80319c --json")]
pub(crate) struct TraceArguments {
    /// The trace's id, in hexadecimal
    pub(crate) id: String,

    /// Print what the server answered
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  watchkeep traces '{ resource.service.name = \"gateway\" && status = error }'
  watchkeep traces '{ name = \"chat\" } | avg(duration) > 3s' --since 24h --limit 100
  watchkeep traces '{ } | rate() by (resource.service.name)'")]
pub(crate) struct TracesArguments {
    /// The query
    pub(crate) expression: String,

    /// The most traces: the newest
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,

    /// How far back to look
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1h")]
    pub(crate) since: HumaneDuration,

    /// Print what the server answered
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

#[derive(Debug, Args)]
pub(crate) struct HealthcheckArguments {
    /// Address of the server's main listener
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7070")]
    pub(crate) address: String,
}

fn duration(text: &str) -> Result<HumaneDuration, String> {
    parse_duration(text).map(HumaneDuration).map_err(|error| error.message().to_owned())
}

fn step(text: &str) -> Result<HumaneDuration, String> {
    match duration(text)? {
        HumaneDuration(step) if step.is_zero() => Err("must be above 0".to_owned()),
        step => Ok(step),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= RATE_MAX => Ok(rate),
        _ => Err(format!("must be a number above 0, at most {RATE_MAX}")),
    }
}
