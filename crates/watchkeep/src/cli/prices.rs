//! Arguments of the subcommands about prices.

use clap::{Args, Subcommand};

use super::ServerArguments;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  watchkeep prices match gpt-4o-2024-08-06 --provider openai
  watchkeep prices list --query claude")]
pub(crate) struct PricesArguments {
    #[command(subcommand)]
    pub(crate) command: PricesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PricesCommand {
    /// Tell which row of the price tables is for a model, and what it costs; exits 1 if there is none
    Match(PriceMatchArguments),
    /// List rows of the price tables
    List(PriceListArguments),
}

#[derive(Debug, Args)]
pub(crate) struct PriceMatchArguments {
    /// The model, as telemetry names it
    pub(crate) model: String,

    /// Who runs it, as telemetry names them [default: anybody]
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) provider: String,

    /// At which instant: unix nanoseconds or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,

    /// Tokens that are read afresh
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) input_tokens: u64,

    /// Tokens that are read out of the provider's cache
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) cached_tokens: u64,

    /// Tokens that are written
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) output_tokens: u64,

    /// The price class, such as flex, priority or batch
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) service_tier: String,

    /// Print what the server answered
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

#[derive(Debug, Args)]
pub(crate) struct PriceListArguments {
    /// Part of the key
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) query: String,

    /// Part of the provider, by LiteLLM's names
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) provider: String,

    /// The most rows
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,

    /// Print what the server answered
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) server: ServerArguments,
}
