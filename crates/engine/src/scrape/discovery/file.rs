//! Targets from files in JSON or YAML. Files are looked at often and read when they have changed.
//! A file that can not be read as targets keeps its last groups.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use tokio::time::MissedTickBehavior;
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result};

use super::group::{TargetGroup, parse_json, parse_yaml};
use super::provider::Updates;
use crate::scrape::config::discovery::FileConfig;
use crate::scrape::config::load::glob;

/// How often files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Bytes of a file of targets.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The label that names the file.
const FILE_PATH: &str = "__meta_filepath";

/// What is known of a file.
#[derive(Debug, Default)]
struct Known {
    stamp: Option<(SystemTime, u64)>,
    groups: Vec<TargetGroup>,
}

/// Reads files again and again.
pub(super) async fn run(config: FileConfig, updates: Updates) {
    let mut ticks = tokio::time::interval(LOOK_INTERVAL.min(config.refresh_interval));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = BTreeMap::new();
    let mut full = Instant::now();
    let mut first = true;
    loop {
        ticks.tick().await;
        let all = first || full.elapsed() >= config.refresh_interval;
        if all {
            full = Instant::now();
        }
        let patterns = config.files.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let outcome = look(&patterns, &mut known, all);
            (known, outcome)
        });
        // Only a panic, which there is none, or the end of the runtime stops the blocking part.
        let Ok((seen, (changed, errors))) = looking.await else { return };
        known = seen;
        for error in &errors {
            updates.failed(error);
        }
        if changed || first {
            updates.replace(known.values().flat_map(|file: &Known| file.groups.iter().cloned()));
        }
        first = false;
    }
}

/// Reads what has changed, or everything. Says whether something changed, and what failed.
fn look(
    patterns: &[PathBuf],
    known: &mut BTreeMap<PathBuf, Known>,
    all: bool,
) -> (bool, Vec<Error>) {
    let mut errors = Vec::new();
    let mut paths = Vec::new();
    for pattern in patterns {
        match glob(pattern) {
            Ok(found) => paths.extend(found),
            Err(error) => errors.push(error),
        }
    }
    let before = known.len();
    known.retain(|path, _| paths.contains(path));
    let mut changed = known.len() != before;
    for path in paths {
        let stamp = stamp(&path);
        let file = known.entry(path.clone()).or_default();
        if !all && file.stamp == stamp && stamp.is_some() {
            continue;
        }
        file.stamp = stamp;
        match read(&path) {
            Ok(groups) => {
                changed |= file.groups != groups;
                file.groups = groups;
            }
            Err(error) => errors.push(error),
        }
    }
    (changed, errors)
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read(path: &Path) -> Result<Vec<TargetGroup>> {
    let shown = path.display().to_string();
    let context = || format!("cannot read the targets in {shown}");
    if std::fs::metadata(path).context(context)?.len() > FILE_BYTES_MAX {
        return Err(Error::invalid(format!("{shown} is larger than {FILE_BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(path).context(context)?;
    let is_json = path.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("json"));
    let groups = if is_json {
        parse_json(&bytes, &shown)
    } else {
        String::from_utf8(bytes)
            .map_err(|_| Error::invalid("not UTF-8"))
            .and_then(|text| parse_yaml(&text, &shown))
    };
    let mut groups =
        groups.map_err(|error| Error::invalid(format!("{}: {}", context(), error.message())))?;
    for group in &mut groups {
        group.labels.insert(FILE_PATH.to_owned(), shown.clone());
    }
    Ok(groups)
}
