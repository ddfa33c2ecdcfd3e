//! The program under test.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::http::Connection;

/// Small bounds, so that in a short time everything happens: tables become parts, segments of the
/// log are filled and used again. Nothing is stored that the test did not send.
const SETTINGS: [(&str, &str); 5] = [
    ("WATCHKEEP__HEALTH__HOST__ENABLED", "false"),
    ("WATCHKEEP__STORAGE__TABLE_BYTES_MAX", "256KiB"),
    ("WATCHKEEP__STORAGE__WAL_SEGMENT_BYTES", "1MiB"),
    ("WATCHKEEP__STORAGE__WAL_BYTES_MAX", "4MiB"),
    ("WATCHKEEP__STORAGE__FLUSH_INTERVAL", "1s"),
];
const START_MAX: Duration = Duration::from_mins(1);
const STOP_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    child: Child,
    began: Instant,
    address: Option<String>,
    log: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Server {
    /// Starts the program and returns at once.
    #[allow(dead_code, reason = "another test that shares this file starts it with settings")]
    pub(crate) fn start(directory: &Path) -> Self {
        Self::start_with(directory, &[])
    }

    /// Likewise, with more settings.
    pub(crate) fn start_with(directory: &Path, settings: &[(&str, String)]) -> Self {
        let program = std::env::var_os("WATCHKEEP_BIN")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_watchkeep").into());
        let log = directory.join("server.log");
        let stderr = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(["--otlp-grpc-listen", "off", "--otlp-http-listen", "off"])
            .arg("--data-dir")
            .arg(directory.join("data"))
            .envs(SETTINGS)
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        Self { child, began: Instant::now(), address: None, log }
    }

    /// Reads the address that it prints and waits until it takes requests. Returns how long after
    /// the start that was.
    pub(crate) fn wait_until_ready(&mut self) -> Result<Duration, String> {
        let stdout = BufReader::new(self.child.stdout.take().unwrap());
        let address = stdout.lines().map_while(Result::ok).find_map(|line| {
            line.trim_start().strip_prefix("Web UI")?.trim().strip_prefix("http://").map(Into::into)
        });
        self.address = address;
        if self.address.is_none() {
            return Err(format!("it ended before it printed its address: {}", self.last_words()));
        }
        while self.began.elapsed() < START_MAX {
            let answer = self.connect().and_then(|mut server| server.ask("GET", "/ready", b""));
            if answer.is_ok_and(|answer| answer.status == 200) {
                return Ok(self.began.elapsed());
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                return Err(format!("it ended with {status}: {}", self.last_words()));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Err(format!("not ready after {START_MAX:?}: {}", self.last_words()))
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().next_back().unwrap_or("(nothing in its log)").to_owned()
    }

    pub(crate) fn address(&self) -> &str {
        self.address.as_deref().unwrap()
    }

    pub(crate) fn connect(&self) -> std::io::Result<Connection> {
        Connection::open(self.address())
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        // It may be dead already.
        let _best_effort = self.child.kill();
        let _best_effort = self.child.wait();
    }

    /// SIGTERM, which must end it with 0.
    pub(crate) fn stop(&mut self) -> Result<(), String> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let asked = Instant::now();
        while asked.elapsed() < STOP_MAX {
            match self.child.try_wait().unwrap() {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("SIGTERM ended it with {status}")),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Err(format!("still running {STOP_MAX:?} after SIGTERM"))
    }
}
