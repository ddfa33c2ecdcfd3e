//! A program: 0 is well. It runs without a shell, in a process group of its own, which ends with it, and
//! at the latest when its time is over.

use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use watchkeep_model::{Error, Result};

use super::super::config::CheckConfig;
use super::words;
use crate::scrape::environment::Environment;

/// Bytes of what a program writes that are looked at; the rest is read and forgotten.
const OUTPUT_BYTES_MAX: usize = 4096;
/// Variables of the server's environment that are handed on; others may be secret.
const VARIABLES: [&str; 9] =
    ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE"];

/// A program with its arguments, and the environment that it gets.
#[derive(Debug)]
pub(in crate::health) struct Program {
    parts: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

impl Program {
    pub(super) fn new(config: &CheckConfig, environment: &Environment) -> Result<Self> {
        let parts = parts(config)?;
        let variables = VARIABLES.into_iter().map(|name| (name, environment.get(name).to_owned()));
        Ok(Self { parts, variables: variables.filter(|(_, value)| !value.is_empty()).collect() })
    }

    /// The program alone: arguments may be secret.
    pub(super) fn target(&self) -> String {
        self.parts.first().cloned().unwrap_or_default()
    }
}

fn parts(config: &CheckConfig) -> Result<Vec<String>> {
    let command = config.command.clone().unwrap_or_default();
    if command.first().is_none_or(|program| program.trim().is_empty()) {
        return Err(Error::invalid("command must name a program"));
    }
    if command.iter().any(|part| part.contains('\0')) {
        return Err(Error::invalid("command has a byte 0"));
    }
    Ok(command)
}

/// A process group that is ended when nobody waits for it any more.
struct Group(Option<Pid>);

impl Group {
    fn end(&mut self) {
        if let Some(group) = self.0.take() {
            // There may be none left in it.
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

pub(super) async fn run(program: &Program) -> Result<(), String> {
    let Some((name, arguments)) = program.parts.split_first() else {
        return Err("there is no program".to_owned());
    };
    let mut command = Command::new(name);
    command.args(arguments).process_group(0).kill_on_drop(true);
    command.env_clear().envs(program.variables.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot be run: {}", words(&error)))?;
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let mut group = Group(pid);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let waiting = async {
        let status = child.wait().await;
        // What it left behind would keep its output open.
        group.end();
        status
    };
    let (status, output, errors) = tokio::join!(waiting, read(stdout), read(stderr));
    let status = status.map_err(|error| words(&error))?;
    if status.success() {
        return Ok(());
    }
    let said = if errors.trim().is_empty() { output } else { errors };
    let said = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let ended = ended(status);
    Err(if said.is_empty() { ended } else { format!("{ended}: {}", said.trim()) })
}

fn ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended badly".to_owned(),
    }
}

/// The beginning of what is written; all of it is read, so that the program is not held up.
async fn read(from: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut from) = from else { return String::new() };
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let room = OUTPUT_BYTES_MAX.saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..length.min(room)]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}
