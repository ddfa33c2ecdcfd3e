//! The program `watchkeep`: reads the command line and configuration, wires the crates together,
//! and waits for signals. Everything else lives in the crates below.

mod agents;
mod budgets;
mod cli;
mod config;
mod demo;
mod feedback;
mod health;
mod healthcheck;
mod logs;
mod prices;
mod query;
mod serve;
mod traces;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};

/// Columns and steps are many small things of many sizes that live for seconds to minutes: the
/// system's allocator spends a third of ingest on them and keeps what they left (ADR 0012).
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Query(arguments) => query::run(&arguments),
        Command::Logs(arguments) => logs::run(&arguments),
        Command::Trace(arguments) => traces::run_one(&arguments),
        Command::Traces(arguments) => traces::run_many(&arguments),
        Command::Prices(arguments) => prices::run(&arguments),
        Command::Agents(arguments) => agents::run_agents(&arguments),
        Command::Sessions(arguments) => agents::run_sessions(&arguments),
        Command::ExplainCost(arguments) => agents::run_explain(&arguments),
        Command::Report(arguments) => agents::run_report(&arguments),
        Command::Feedback(command) => feedback::run(&command),
        Command::Budgets(arguments) => budgets::run(&arguments),
        Command::Health(arguments) => health::run(&arguments),
        Command::Version => print(&format!("watchkeep {}\n", cli::VERSION)),
        Command::Openapi => print(&watchkeep_server::openapi_json()),
        Command::Healthcheck(arguments) => healthcheck::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.report());
            ExitCode::FAILURE
        }
    }
}

/// Writes a line to stderr; nothing is left to do where even that can not be written.
pub(crate) fn complain(text: &str) {
    let _best_effort = writeln!(std::io::stderr(), "watchkeep: {text}");
}

/// Writes to stdout. A reader that has seen enough (`| head`) is no error.
pub(crate) fn print(text: &str) -> watchkeep_model::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(watchkeep_model::Error::internal("cannot write to stdout").with_source(error))
        }
        _ => Ok(()),
    }
}
