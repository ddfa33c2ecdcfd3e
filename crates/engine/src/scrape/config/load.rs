//! Loads a configuration file with the files that it names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result};

use super::file::PrometheusConfig;
use super::read::{global, remote, scrape};
use super::scrape::ScrapeConfig;
use super::section::{Reading, Section};
use super::yaml::{self, Node, Value};
use crate::scrape::environment::Environment;

/// Bytes of a configuration file.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A configuration and what is to be said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: PrometheusConfig,
    /// Keys that are known and do nothing, each with its line.
    pub warnings: Vec<String>,
}

/// Reads a configuration file. Relative paths in it start from its folder. Blocks.
pub fn load_file(path: &Path, environment: &Environment) -> Result<Loaded> {
    let shown = path.display();
    let text = read_file(path)?;
    let directory = path.parent().unwrap_or(Path::new("")).to_owned();
    load(&text, &directory, environment)
        .map_err(|error| Error::invalid(format!("parsing YAML file {shown}: {}", error.message())))
}

fn read_file(path: &Path) -> Result<String> {
    let shown = path.display();
    let size = std::fs::metadata(path)
        .context(|| format!("cannot read the configuration file {shown}"))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(Error::invalid(format!("{shown} is larger than {FILE_BYTES_MAX} bytes")));
    }
    std::fs::read_to_string(path).context(|| format!("cannot read the configuration file {shown}"))
}

/// Reads a configuration from a text. Relative paths in it start from `directory`. Blocks, where
/// the text names further files.
pub fn load(text: &str, directory: &Path, environment: &Environment) -> Result<Loaded> {
    let mut reading = Reading { directory: directory.to_owned(), warnings: Vec::new() };
    let node = yaml::parse(text)?;
    let empty = Node::empty();
    let mut config = root(node.as_deref().unwrap_or(&empty), &mut reading, environment)?;
    config.further_jobs = further_jobs(&config, &mut reading)?;
    Ok(Loaded { config, warnings: reading.warnings })
}

fn root(node: &Node, reading: &mut Reading, environment: &Environment) -> Result<PrometheusConfig> {
    let mut own = Section::new(node, "the configuration")?;
    let global = global::global(&mut own, reading, environment)?;
    let names = global.metric_name_validation_scheme;
    let patterns = |own: &mut Section<'_>, key, what: &str, reading: &Reading| {
        let mut paths: Vec<PathBuf> = Vec::new();
        for text in own.texts(key)? {
            // A star only in the last part of the path, and only one.
            let (_, after) = text.split_once('*').unwrap_or_default();
            if after.contains('/') {
                return Err(own.fail(format!("invalid {what} file path {text:?}")));
            }
            paths.push(reading.path(&text));
        }
        Ok(paths)
    };
    let scrape_configs = own.each("scrape_configs", |node| scrape::job(node, &global, reading))?;
    let mut jobs = BTreeMap::new();
    for job in &scrape_configs {
        if jobs.insert(&job.job_name, ()).is_some() {
            let name = &job.job_name;
            return Err(own.fail(format!("found multiple scrape configs with job name {name:?}")));
        }
    }
    let config = PrometheusConfig {
        runtime: global::runtime(&mut own, reading)?,
        alerting: remote::alerting(&mut own, names, reading)?,
        rule_files: patterns(&mut own, "rule_files", "rule", reading)?,
        scrape_config_files: patterns(&mut own, "scrape_config_files", "scrape config", reading)?,
        scrape_configs,
        storage: global::storage(&mut own, reading)?,
        tracing: remote::tracing(&mut own, reading)?,
        remote_write: own.each("remote_write", |node| remote::write(node, names, reading))?,
        remote_read: own.each("remote_read", |node| remote::read(node, reading))?,
        otlp: global::otlp(&mut own, names, reading)?,
        global,
        further_jobs: Vec::new(),
    };
    check_names(&own, "write", config.remote_write.iter().map(|it| &it.name))?;
    check_names(&own, "read", config.remote_read.iter().map(|it| &it.name))?;
    warn(&mut own, &config, reading);
    own.finish()?;
    Ok(config)
}

fn check_names<'a>(
    own: &Section<'_>,
    what: &str,
    names: impl Iterator<Item = &'a String>,
) -> Result<()> {
    let mut seen = Vec::new();
    for name in names.filter(|name| !name.is_empty()) {
        if seen.contains(&name) {
            return Err(
                own.fail(format!("found multiple remote {what} configs with job name {name:?}"))
            );
        }
        seen.push(name);
    }
    Ok(())
}

/// Says which sections do nothing.
fn warn(own: &mut Section<'_>, config: &PrometheusConfig, reading: &mut Reading) {
    let used = [
        ("rule_files", !config.rule_files.is_empty(), "rules are not evaluated"),
        ("alerting", !config.alerting.alertmanagers.is_empty(), "no alerts are sent"),
        ("remote_write", !config.remote_write.is_empty(), "samples are not sent on"),
        ("remote_read", !config.remote_read.is_empty(), "no other store is asked"),
        ("tracing", !config.tracing.endpoint.is_empty(), "own traces are not sent"),
    ];
    for (key, is_used, consequence) in used {
        if let (Some(line), true) = (own.line_of(key), is_used) {
            reading.warn(line, format!("{key} is not offered yet, {consequence}"));
        }
    }
}

/// The jobs of `scrape_config_files`. Paths in a file start from that file's folder.
fn further_jobs(config: &PrometheusConfig, reading: &mut Reading) -> Result<Vec<ScrapeConfig>> {
    let mut found: BTreeMap<String, String> = config
        .scrape_configs
        .iter()
        .map(|job| (job.job_name.clone(), "main config file".to_owned()))
        .collect();
    let mut jobs = Vec::new();
    for pattern in &config.scrape_config_files {
        for path in glob(pattern)? {
            let shown =
                format!("{:?}", std::path::absolute(&path).unwrap_or_else(|_| path.clone()));
            let fail = |message: &str| Error::invalid(format!("{shown}: {message}"));
            let text = read_file(&path)?;
            let mut own_reading = Reading {
                directory: path.parent().unwrap_or(Path::new("")).to_owned(),
                warnings: Vec::new(),
            };
            let read = jobs_of(&text, config, &mut own_reading);
            for job in read.map_err(|error| fail(error.message()))? {
                let name = job.job_name.clone();
                if let Some(first) = found.insert(name.clone(), shown.clone()) {
                    return Err(fail(&format!(
                        "found multiple scrape configs with job name {name:?}, first found in {first}"
                    )));
                }
                jobs.push(job);
            }
            let warnings = own_reading.warnings.iter().map(|text| format!("{shown}: {text}"));
            reading.warnings.extend(warnings);
        }
    }
    Ok(jobs)
}

fn jobs_of(
    text: &str,
    config: &PrometheusConfig,
    reading: &mut Reading,
) -> Result<Vec<ScrapeConfig>> {
    let Some(node) = yaml::parse(text)? else { return Ok(Vec::new()) };
    let mut own = Section::new(&node, "a file of scrape configurations")?;
    let jobs = own.each("scrape_configs", |node| scrape::job(node, &config.global, reading))?;
    own.finish()?;
    Ok(jobs)
}

/// Files that a path with at most one `*`, in its last part, stands for; sorted. A path without
/// one stands for itself, if there is such a file.
pub(in crate::scrape) fn glob(pattern: &Path) -> Result<Vec<PathBuf>> {
    let Some(name) = pattern.file_name().and_then(|name| name.to_str()) else {
        return Ok(Vec::new());
    };
    let Some((start, end)) = name.split_once('*') else {
        return Ok(if pattern.exists() { vec![pattern.to_owned()] } else { Vec::new() });
    };
    let folder = pattern.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.context(|| format!("cannot list {}", folder.display()))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let fits = name.len() >= start.len() + end.len()
            && name.starts_with(start)
            && matches_end(&name[start.len()..], end);
        if fits {
            paths.push(pattern.with_file_name(name));
        }
    }
    paths.sort();
    Ok(paths)
}

/// Whether a text ends with a pattern that may contain further stars.
fn matches_end(text: &str, pattern: &str) -> bool {
    let mut parts: Vec<&str> = pattern.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    let mut rest = text;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

impl Node {
    /// A section without keys.
    fn empty() -> Self {
        Self { line: 1, value: Value::Mapping(Vec::new()), size: 1 }
    }
}
