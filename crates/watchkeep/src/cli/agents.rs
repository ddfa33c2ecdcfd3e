//! Arguments of the subcommands about agents, their sessions, costs and reports.

use std::path::PathBuf;

use clap::Args;
use watchkeep_engine::humane::HumaneDuration;

use super::{ServerArguments, duration};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  watchkeep agents
  watchkeep agents --since 7d --service assistant")]
pub(crate) struct AgentsArguments {
    /// Only agents of this service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,

    /// How far back to look
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "24h")]
    pub(crate) since: HumaneDuration,

    /// Print what the server answered
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  watchkeep sessions
  watchkeep sessions --user alice --since 7d")]
pub(crate) struct SessionsArguments {
    /// Only sessions that this agent answered in
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,

    /// Only sessions of this user
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// How many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) limit: u32,

    /// How far back to look
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "24h")]
    pub(crate) since: HumaneDuration,

    /// Print what the server answered
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  watchkeep explain-cost 0af7651916cd43dd8448eb211c80319c
  watchkeep explain-cost 0af7651916cd43dd8448eb211c80319c --json")]
pub(crate) struct ExplainCostArguments {
    /// The trace's id, in hexadecimal
    pub(crate) id: String,

    /// Print what the server answered
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ReportFormat {
    Text,
    Json,
    Html,
    Markdown,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  watchkeep report --agent weather
  watchkeep report --agent weather --since 7d --format html --out weather.html")]
pub(crate) struct ReportArguments {
    /// The agent; all without one
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,

    /// Only what it did in this service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,

    /// How far back to look
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "24h")]
    pub(crate) since: HumaneDuration,

    /// How to write it
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) format: ReportFormat,

    /// Write to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) server: ServerArguments,
}
