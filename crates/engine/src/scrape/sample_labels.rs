//! From the labels of an exposition to those that are stored: the target's labels are added, and
//! the job's rules applied.

use std::borrow::Cow;

use watchkeep_model::Labels;
use watchkeep_model::labels::METRIC_NAME;
use watchkeep_wire::prometheus::exposition::LabelPairs;

use super::config::ScrapeConfig;
use super::limits::check_labels;
use super::relabel::{LabelsBuilder, apply_all};

/// What a label of the exposition is called beside one of the target with its name.
const EXPORTED_PREFIX: &str = "exported_";

/// The labels that a series is stored with; `None` where the rules drop it.
pub(super) fn resolve(
    config: &ScrapeConfig,
    target: &Labels,
    pairs: LabelPairs<'_>,
) -> Result<Option<Labels>, String> {
    check_unique(&pairs)?;
    // A label that is there and empty keeps the target's away, if labels are honoured.
    let exposed: Vec<String> = if config.honor_labels {
        pairs.iter().map(|(name, _)| name.to_string()).collect()
    } else {
        Vec::new()
    };
    let mut labels = LabelsBuilder::from_pairs(pairs);
    if config.honor_labels {
        for (name, value) in target.iter() {
            if !exposed.iter().any(|other| other == name) {
                labels.set(name, value);
            }
        }
    } else {
        add_target_labels(&mut labels, target);
    }
    if !apply_all(&config.metric_relabel_configs, &mut labels) || labels.is_empty() {
        return Ok(None);
    }
    let labels = labels.labels();
    check(config, &labels)?;
    Ok(Some(labels))
}

/// Adds the target's labels; those of the exposition with the same names get a prefix, as often as
/// it takes to be unique.
fn add_target_labels<'a>(labels: &mut LabelsBuilder<'a>, target: &'a Labels) {
    let mut conflicts: Vec<(&str, String)> = Vec::new();
    for (name, value) in target.iter() {
        let existing = labels.get(name);
        if !existing.is_empty() {
            conflicts.push((name, existing.to_owned()));
        }
        labels.set(name, value);
    }
    conflicts.sort_by_key(|(name, _)| name.len());
    for (name, value) in conflicts {
        let mut exported = format!("{EXPORTED_PREFIX}{name}");
        while !labels.get(&exported).is_empty() {
            exported.insert_str(0, EXPORTED_PREFIX);
        }
        labels.set(Cow::Owned(exported), Cow::Owned(value));
    }
}

fn check_unique(pairs: &LabelPairs<'_>) -> Result<(), String> {
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("label name {:?} is not unique: invalid sample", pair[0])),
        None => Ok(()),
    }
}

fn check(config: &ScrapeConfig, labels: &Labels) -> Result<(), String> {
    let names = config.metric_name_validation_scheme;
    let metric = labels.metric_name();
    if metric.is_empty() {
        return Err(format!("missing metric name ({METRIC_NAME} label)"));
    }
    let valid = names.is_metric_name(metric)
        && labels.iter().all(|(name, _)| name == METRIC_NAME || names.is_label_name(name));
    if !valid {
        return Err(format!("invalid metric name or label names: {labels:?}"));
    }
    check_labels(config, labels)
}

/// The labels of a series about the scrape itself.
pub(super) fn of_report(metric: &str, target: &Labels) -> Labels {
    Labels::from_pairs(std::iter::once((METRIC_NAME, metric)).chain(target.iter()))
}
