//! From what was discovered to targets: the labels that a job adds, relabelling, and the checks
//! that a target must pass.

use watchkeep_model::{Error, Labels, Result};

use super::config::values::{format_duration, parse_duration};
use super::config::{ScrapeConfig, check_address};
use super::discovery::{LabelMap, TargetGroup};
use super::relabel::{LabelsBuilder, apply_all};
use super::target::{
    ADDRESS, ALWAYS_SCRAPE_CLASSIC, CONVERT_CLASSIC, META_PREFIX, METRICS_PATH, PARAM_PREFIX,
    SCHEME, SCRAPE_INTERVAL, SCRAPE_NATIVE_HISTOGRAMS, SCRAPE_TIMEOUT, Target, parse_bool,
};

/// What became of a discovered target.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is scraped.
    Active(Target),
    /// Relabelling dropped it; these are its labels before.
    Dropped(Labels),
    /// It is not valid.
    Failed(Error),
}

/// Makes the targets of a group.
pub(super) fn populate(
    config: &ScrapeConfig,
    group: &TargetGroup,
) -> impl Iterator<Item = Outcome> {
    group.targets.iter().enumerate().map(|(position, own)| {
        let discovered = discovered_labels(config, own, &group.labels);
        match relabelled(config, &discovered) {
            Ok(Some(target)) => Outcome::Active(target),
            Ok(None) => Outcome::Dropped(discovered),
            Err(error) => Outcome::Failed(Error::invalid(format!(
                "instance {position} in group {}: {}",
                group.source,
                error.message()
            ))),
        }
    })
}

/// The labels of a target before relabelling: its own, those of its group, those of the job.
fn discovered_labels(config: &ScrapeConfig, own: &LabelMap, group: &LabelMap) -> Labels {
    let mut labels = LabelsBuilder::new();
    for (name, value) in group {
        if !own.contains_key(name) {
            labels.set(name, value);
        }
    }
    for (name, value) in own {
        labels.set(name, value);
    }
    let settings = [
        ("job", config.job_name.clone()),
        (SCRAPE_INTERVAL, format_duration(config.scrape_interval)),
        (SCRAPE_TIMEOUT, format_duration(config.scrape_timeout)),
        (METRICS_PATH, config.metrics_path.clone()),
        (SCHEME, config.scheme.clone()),
        (CONVERT_CLASSIC, config.convert_classic_histograms_to_nhcb.to_string()),
        (ALWAYS_SCRAPE_CLASSIC, config.always_scrape_classic_histograms.to_string()),
        (SCRAPE_NATIVE_HISTOGRAMS, config.scrape_native_histograms.to_string()),
    ];
    for (name, value) in settings {
        if labels.get(name).is_empty() {
            labels.set(name, value);
        }
    }
    for (param, values) in &config.params {
        let name = format!("{PARAM_PREFIX}{param}");
        if let (Some(value), "") = (values.first(), labels.get(&name)) {
            labels.set(name, value);
        }
    }
    labels.labels()
}

fn relabelled(config: &ScrapeConfig, discovered: &Labels) -> Result<Option<Target>> {
    let mut labels = LabelsBuilder::from_labels(discovered);
    if !apply_all(&config.relabel_configs, &mut labels) {
        return Ok(None);
    }
    let address = labels.get(ADDRESS).to_owned();
    if address.is_empty() {
        return Err(Error::invalid("no address"));
    }
    check_address(&address)?;
    let time = |name: &str, what: &str| {
        let duration = parse_duration(labels.get(name)).map_err(|error| {
            Error::invalid(format!("error parsing scrape {what}: {}", error.message()))
        })?;
        if duration.is_zero() {
            return Err(Error::invalid(format!("scrape {what} cannot be 0")));
        }
        Ok(duration)
    };
    let interval = time(SCRAPE_INTERVAL, "interval")?;
    let timeout = time(SCRAPE_TIMEOUT, "timeout")?;
    if timeout > interval {
        return Err(Error::invalid(format!(
            "scrape timeout cannot be greater than scrape interval ({:?} > {:?})",
            labels.get(SCRAPE_TIMEOUT),
            labels.get(SCRAPE_INTERVAL)
        )));
    }
    for (name, what) in [
        (CONVERT_CLASSIC, "convert classic histograms to nhcb"),
        (ALWAYS_SCRAPE_CLASSIC, "always scrape classic histograms"),
        (SCRAPE_NATIVE_HISTOGRAMS, "scrape native histograms"),
    ] {
        let text = labels.get(name);
        if !text.is_empty() && parse_bool(text).is_none() {
            return Err(Error::invalid(format!(
                "error parsing {what}: strconv.ParseBool: parsing {text:?}: invalid syntax"
            )));
        }
    }
    labels.retain(|name| !name.starts_with(META_PREFIX));
    if labels.get("instance").is_empty() {
        labels.set("instance", address);
    }
    let labels = labels.labels();
    Ok(Some(Target::new(config, labels, discovered.clone(), interval, timeout)))
}

#[cfg(test)]
mod tests;
