//! Arguments of `watchkeep health`.

use clap::{Args, ValueEnum};
use watchkeep_engine::humane::HumaneDuration;

use super::{ServerArguments, duration};

/// How health is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HealthFormat {
    /// For people
    Text,
    /// As the server answered
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Exits 1 where something is unhealthy.

Examples:
  watchkeep health
  watchkeep health --since 24h --format json")]
pub(crate) struct HealthArguments {
    /// How far back agents are judged, and uptimes of checks reach
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1h")]
    pub(crate) since: HumaneDuration,

    /// How it is printed
    #[arg(long, value_enum, default_value_t = HealthFormat::Text)]
    pub(crate) format: HealthFormat,

    #[command(flatten)]
    pub(crate) server: ServerArguments,
}
