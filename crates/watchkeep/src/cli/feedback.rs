//! Arguments of the subcommands about feedback.

use clap::{Args, Subcommand};
use watchkeep_engine::humane::HumaneDuration;

use super::{ServerArguments, duration};

/// What people think of answers.
#[derive(Debug, Subcommand)]
pub(crate) enum FeedbackCommand {
    /// List feedback, newest first
    List(FeedbackListArguments),
    /// Print averages and how ratings are distributed
    Summary(FeedbackSummaryArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  watchkeep feedback list
  watchkeep feedback list --agent shop --rating-max 2 --since 7d")]
pub(crate) struct FeedbackListArguments {
    /// Only on answers of this agent
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,

    /// Only of this user
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// Only ratings of at most this, 1 to 5
    #[arg(long, value_name = "RATING")]
    pub(crate) rating_max: Option<f64>,

    /// How many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,

    /// How far back to look
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30d")]
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
  watchkeep feedback summary
  watchkeep feedback summary --by model --since 7d")]
pub(crate) struct FeedbackSummaryArguments {
    /// Group by user, agent, model, version, service or name
    #[arg(long, value_name = "WHAT")]
    pub(crate) by: Option<String>,

    /// Only on answers of this agent
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,

    /// Only of this user
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// How far back to look
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30d")]
    pub(crate) since: HumaneDuration,

    /// Print what the server answered
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) server: ServerArguments,
}
