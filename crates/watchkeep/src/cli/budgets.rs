//! Arguments of the subcommands about budgets.

use clap::{Args, Subcommand};

use super::ServerArguments;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  watchkeep budgets list
  watchkeep budgets status users-daily --limit 10
  watchkeep budgets check --user ann --model gpt-4o --tokens 2000")]
pub(crate) struct BudgetsArguments {
    #[command(subcommand)]
    pub(crate) command: BudgetsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BudgetsCommand {
    /// All budgets, and how they stand
    List(BudgetsListArguments),
    /// Who spent how much of one
    Status(BudgetsStatusArguments),
    /// Whether a call may be made; exits 1 where it may not
    Check(BudgetsCheckArguments),
}

#[derive(Debug, Args)]
pub(crate) struct BudgetsListArguments {
    /// Print what the server answered
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

#[derive(Debug, Args)]
pub(crate) struct BudgetsStatusArguments {
    /// The budget's id
    pub(crate) id: String,

    /// Only this value of its scope, such as a user
    #[arg(long, value_name = "VALUE")]
    pub(crate) scope_value: Option<String>,

    /// The most values: those with the highest percentage
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,

    /// Print what the server answered
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

#[derive(Debug, Args)]
pub(crate) struct BudgetsCheckArguments {
    /// User that the call is for
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) user: String,

    /// Agent that makes it
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) agent: String,

    /// Model that is called
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) model: String,

    /// Service that it is made from
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) service: String,

    /// Another attribute; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) attribute: Vec<(String, String)>,

    /// What it will cost, USD
    #[arg(long, value_name = "USD")]
    pub(crate) usd: Option<f64>,

    /// How many tokens it will take
    #[arg(long, value_name = "N")]
    pub(crate) tokens: Option<u64>,

    /// Print what the server answered
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=VALUE".to_owned()),
    }
}
