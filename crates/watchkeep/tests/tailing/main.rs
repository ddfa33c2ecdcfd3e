//! Programs write numbered lines to files that are rotated by renaming, copied and truncated, and
//! truncated, while the real server that follows them is killed again and again. In the end every
//! line is stored once.
//!
//! `WATCHKEEP_KILLS` is the number of kills (8), `WATCHKEEP_SEED` repeats the choices.

#![expect(clippy::unwrap_used, reason = "all of this is a test, helpers too")]

#[path = "../crash/http.rs"]
mod http;
#[path = "../crash/random.rs"]
mod random;
#[path = "../crash/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watchkeep_model::{Clock as _, SystemClock};

use crate::random::Random;
use crate::server::Server;

/// Lines bear times of their own, a millisecond apart, from here on before the present.
const HISTORY_MS: i64 = 3_600_000;
/// Lines of one question.
const WINDOW: i64 = 2000;
/// Longer than anything here takes, and short enough to end a test that hangs.
const PATIENCE: Duration = Duration::from_mins(3);
/// How long the server runs before a kill.
const RUNNING_MS: (u64, u64) = (20, 700);
const DOWN_MS: (u64, u64) = (0, 150);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Rotation {
    /// `x.log` becomes `x.log.1`, `x.log.1` becomes `x.log.2`, …
    Rename,
    /// `x.log` is copied to `x.log.1` and emptied.
    Copy,
    /// What is stored is thrown away.
    Truncate,
}

/// A program that writes a log, and what rotates it.
struct Writer {
    rotation: Rotation,
    path: PathBuf,
    file: File,
    base_ms: i64,
    written: i64,
    rotations: usize,
}

impl Writer {
    fn new(folder: &Path, kind: &str, rotation: Rotation, base_ms: i64) -> Self {
        let path = folder.join(format!("{kind}.log"));
        let file = Self::open(&path);
        Self { rotation, path, file, base_ms, written: 0, rotations: 0 }
    }

    fn open(path: &Path) -> File {
        OpenOptions::new().create(true).append(true).open(path).unwrap()
    }

    fn line(&self, number: i64) -> String {
        let time = jiff::Timestamp::from_millisecond(self.base_ms + number).unwrap();
        format!("{time} line {number}")
    }

    /// Writes some lines, the last of which may come in two pieces.
    fn write(&mut self, random: &mut Random) {
        let mut text = String::new();
        for _ in 0..random.between(1, 40) {
            text.push_str(&self.line(self.written));
            text.push('\n');
            self.written += 1;
        }
        let (first, second) = text.split_at(random.between(0, text.len() as u64) as usize);
        self.file.write_all(first.as_bytes()).unwrap();
        std::thread::sleep(random.millis((0, 2)));
        self.file.write_all(second.as_bytes()).unwrap();
    }

    fn numbered(&self, number: usize) -> PathBuf {
        PathBuf::from(format!("{}.{number}", self.path.display()))
    }

    fn rotate(&mut self) {
        self.rotations += 1;
        if self.rotation == Rotation::Truncate {
            self.file.set_len(0).unwrap();
            return;
        }
        for number in (1..self.rotations).rev() {
            std::fs::rename(self.numbered(number), self.numbered(number + 1)).unwrap();
        }
        if self.rotation == Rotation::Rename {
            std::fs::rename(&self.path, self.numbered(1)).unwrap();
            self.file = Self::open(&self.path);
        } else {
            std::fs::copy(&self.path, self.numbered(1)).unwrap();
            self.file.set_len(0).unwrap();
        }
    }
}

/// How often each line is stored.
fn stored(server: &Server, kind: &str, writer: &Writer) -> Result<BTreeMap<String, u64>, String> {
    let mut counts = BTreeMap::new();
    let mut connection = server.connect().map_err(|error| error.to_string())?;
    for window in 0..=writer.written / WINDOW {
        let start_ms = writer.base_ms + window * WINDOW;
        let path = format!(
            "/loki/api/v1/query_range?query=%7Bkind%3D%22{kind}%22%7D&limit=5000&start={}000000\
             &end={}000000",
            start_ms,
            start_ms + WINDOW
        );
        let answer = connection.ask("GET", &path, b"").map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status != 200 {
            return Err(format!("{path}: {} {text}", answer.status));
        }
        let answer: Value = serde_json::from_str(&text).unwrap();
        for stream in answer["data"]["result"].as_array().unwrap() {
            for entry in stream["values"].as_array().unwrap() {
                *counts.entry(entry[1].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
    }
    Ok(counts)
}

/// What is missing or doubled, if anything.
fn verdict(counts: &BTreeMap<String, u64>, writer: &Writer) -> Result<(), String> {
    let missing: Vec<String> = (0..writer.written)
        .map(|number| writer.line(number))
        .filter(|line| !counts.contains_key(line))
        .collect();
    let doubled: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    let strange = counts.len() as i64 + missing.len() as i64 - writer.written;
    if missing.is_empty() && doubled.is_empty() && strange == 0 {
        return Ok(());
    }
    Err(format!(
        "{:?}: of {} lines {} are missing (first {:?}), {} doubled (first {:?}), {strange} strange",
        writer.rotation,
        writer.written,
        missing.len(),
        missing.first(),
        doubled.len(),
        doubled.first(),
    ))
}

/// Waits until nothing is missing; fails as soon as anything is doubled.
fn wait_until_stored(server: &Server, kind: &str, writer: &Writer) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let counts = stored(server, kind, writer)?;
        let outcome = verdict(&counts, writer);
        let is_doubled = counts.values().any(|count| *count > 1);
        if outcome.is_ok() || is_doubled || began.elapsed() > PATIENCE {
            return outcome;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn settings(logs: &Path) -> Vec<(&'static str, String)> {
    let source =
        |kind: &str, path: &str| json!({"paths": [logs.join(path)], "labels": {"kind": kind}});
    // One finds rotated files by their names too, the others by what they are.
    let files = json!([
        source("renamed", "renamed.log"),
        source("wide", "wide.log*"),
        source("copied", "copied.log"),
        source("both", "both.log*"),
        source("cut", "cut.log"),
    ]);
    vec![
        ("WATCHKEEP__SOURCES__FILES", files.to_string()),
        ("WATCHKEEP__SOURCES__POLL_INTERVAL", "10ms".to_owned()),
        ("WATCHKEEP__SOURCES__ROTATED_WAIT", "500ms".to_owned()),
        ("WATCHKEEP__SOURCES__BATCH_BYTES_MAX", "4KiB".to_owned()),
    ]
}

const KINDS: [(&str, Rotation); 5] = [
    ("renamed", Rotation::Rename),
    ("wide", Rotation::Rename),
    ("copied", Rotation::Copy),
    ("both", Rotation::Copy),
    ("cut", Rotation::Truncate),
];

/// Writes and rotates until told to stop. What is truncated is not rotated here: that must wait
/// until it is stored.
fn write(writers: &mut [Writer], stop: &AtomicBool, mut random: Random) {
    while !stop.load(Ordering::Relaxed) {
        for writer in &mut *writers {
            writer.write(&mut random);
            if writer.rotation != Rotation::Truncate && random.chance(0.02) {
                writer.rotate();
            }
        }
        std::thread::sleep(random.millis((0, 5)));
    }
}

fn play(directory: &Path, kills: u64, mut random: Random) -> Result<String, String> {
    let logs = directory.join("logs");
    std::fs::create_dir(&logs).unwrap();
    let base_ms = SystemClock.now_ns() / 1_000_000 - HISTORY_MS;
    let mut writers: Vec<Writer> =
        KINDS.iter().map(|(kind, rotation)| Writer::new(&logs, kind, *rotation, base_ms)).collect();
    let settings = settings(&logs);
    let mut server = Server::start_with(directory, &settings);
    server.wait_until_ready()?;
    // A file that was rotated out of its pattern before anyone looked is not known to be one.
    for ((kind, _), writer) in KINDS.iter().zip(&mut writers) {
        writer.write(&mut random);
        wait_until_stored(&server, kind, writer)?;
    }
    let mut killed = 0;
    while killed < kills {
        let stop = AtomicBool::new(false);
        let writing = random.fork();
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| write(&mut writers, &stop, writing));
            for _ in 0..2 {
                std::thread::sleep(random.millis(RUNNING_MS));
                server.kill();
                killed += 1;
                std::thread::sleep(random.millis(DOWN_MS));
                server = Server::start_with(directory, &settings);
            }
            stop.store(true, Ordering::Relaxed);
            writing.join().unwrap();
        });
        server.wait_until_ready()?;
        for ((kind, rotation), writer) in KINDS.iter().zip(&mut writers) {
            wait_until_stored(&server, kind, writer)?;
            if *rotation == Rotation::Truncate {
                writer.rotate();
            }
        }
    }
    // After an orderly stop nothing comes again either.
    server.stop()?;
    let mut server = Server::start_with(directory, &settings);
    server.wait_until_ready()?;
    let mut summary = String::new();
    for ((kind, _), writer) in KINDS.iter().zip(&mut writers) {
        writer.write(&mut random);
        wait_until_stored(&server, kind, writer)?;
        let (lines, rotations) = (writer.written, writer.rotations);
        summary.extend([format!("{kind}: {lines} lines, {rotations} rotations; ")]);
        if writer.written == 0 || writer.rotations == 0 {
            return Err(format!("{kind}: nothing was tested"));
        }
    }
    server.stop()?;
    Ok(format!("{summary}{killed} kills"))
}

#[test]
fn every_line_is_stored_once_whatever_happens_to_files_and_server() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = setting("WATCHKEEP_SEED").unwrap_or_else(|| SystemClock.now_ns() as u64);
    let data = tempfile::tempdir().unwrap();
    let random = Random::new(seed);
    match play(data.path(), setting("WATCHKEEP_KILLS").unwrap_or(8), random) {
        Ok(summary) => println!("{summary} (WATCHKEEP_SEED={seed})"),
        Err(why) => panic!("{why}\nWATCHKEEP_SEED={seed}; kept in {}", data.keep().display()),
    }
}
