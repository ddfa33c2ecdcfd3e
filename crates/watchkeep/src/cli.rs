//! The command line. What it says overrides the environment, which overrides the file.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use watchkeep_engine::humane::{HumaneDuration, parse_duration};

/// The version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that the program was built from; empty where the build did not say.
pub(crate) const COMMIT: &str = match option_env!("WATCHKEEP_COMMIT") {
    Some(commit) => commit,
    None => "",
};

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
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Address of the main listener: web UI, API, OTLP over HTTP and gRPC [default: 127.0.0.1:7070]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,

    /// Address for OTLP over gRPC, or "off" [default: 127.0.0.1:4317]
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) otlp_grpc_listen: Option<String>,

    /// Address for OTLP over HTTP, or "off" [default: 127.0.0.1:4318]
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) otlp_http_listen: Option<String>,

    /// How long data is kept, such as 15d; 0 keeps it for ever [default: 30d]
    #[arg(long, value_name = "DURATION", value_parser = retention)]
    pub(crate) retention: Option<HumaneDuration>,

    /// YAML file with settings
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct HealthcheckArguments {
    /// Address of the server's main listener
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7070")]
    pub(crate) address: String,
}

fn retention(text: &str) -> Result<HumaneDuration, String> {
    parse_duration(text).map(HumaneDuration).map_err(|error| error.message().to_owned())
}
