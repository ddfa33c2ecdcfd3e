//! Groups of targets, as every kind of discovery yields them.

use std::collections::BTreeMap;

use serde::Deserialize;
use watchkeep_model::{Error, Result};

use crate::scrape::config::section::Section;
use crate::scrape::config::yaml::{self, Value, error_at};
use crate::scrape::target::ADDRESS;

/// Labels before relabelling, by name.
pub type LabelMap = BTreeMap<String, String>;

/// Targets that were found together, with labels that all of them have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetGroup {
    /// What tells this group from others of the same discovery. A later group replaces an earlier
    /// one of the same source.
    pub source: String,
    /// Labels of all targets.
    pub labels: LabelMap,
    /// The labels of each target, its address among them.
    pub targets: Vec<LabelMap>,
}

/// A group as files and HTTP answers write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonGroup {
    #[serde(default)]
    targets: Option<Vec<String>>,
    #[serde(default)]
    labels: Option<LabelMap>,
}

impl TargetGroup {
    /// A group from addresses.
    pub fn from_addresses(
        source: impl Into<String>,
        addresses: impl IntoIterator<Item = String>,
        labels: LabelMap,
    ) -> Self {
        let target = |address| LabelMap::from([(ADDRESS.to_owned(), address)]);
        let targets = addresses.into_iter().map(target).collect();
        Self { source: source.into(), labels, targets }
    }
}

/// Reads a list of groups in JSON. Sources are `name:0`, `name:1`, …
pub fn parse_json(bytes: &[u8], name: &str) -> Result<Vec<TargetGroup>> {
    let groups: Option<Vec<Option<JsonGroup>>> = serde_json::from_slice(bytes)
        .map_err(|error| Error::invalid(format!("this is no list of targets: {error}")))?;
    let mut out = Vec::new();
    for (position, group) in groups.unwrap_or_default().into_iter().enumerate() {
        let group = group.ok_or_else(|| Error::invalid("nil target group item found"))?;
        let labels = group.labels.unwrap_or_default();
        check(&labels)?;
        out.push(TargetGroup::from_addresses(
            format!("{name}:{position}"),
            group.targets.unwrap_or_default(),
            labels,
        ));
    }
    Ok(out)
}

/// Reads a list of groups in YAML.
pub fn parse_yaml(text: &str, name: &str) -> Result<Vec<TargetGroup>> {
    let Some(root) = yaml::parse(text)? else { return Ok(Vec::new()) };
    let items = match &root.value {
        Value::Sequence(items) => items,
        _ if root.is_null() => return Ok(Vec::new()),
        _ => return Err(error_at(root.line, "a list of groups was expected")),
    };
    let mut out = Vec::new();
    for (position, item) in items.iter().enumerate() {
        if item.is_null() {
            return Err(error_at(item.line, "nil target group item found"));
        }
        let mut own = Section::new(item, "a group of targets")?;
        let addresses = own.texts("targets")?;
        let labels = own.text_map("labels")?;
        own.finish()?;
        check(&labels)?;
        out.push(TargetGroup::from_addresses(format!("{name}:{position}"), addresses, labels));
    }
    Ok(out)
}

fn check(labels: &LabelMap) -> Result<()> {
    if labels.contains_key("") {
        return Err(Error::invalid("\"\" is not a valid label name"));
    }
    Ok(())
}

/// A text as part of a label name: other characters than letters, digits and the underscore become
/// underscores.
pub(super) fn sanitize(text: &str) -> String {
    let kept = |c: char| if c == '_' || c.is_ascii_alphanumeric() { c } else { '_' };
    text.chars().map(kept).collect()
}

/// Host and port as an address; IPv6 hosts get brackets.
pub(super) fn host_port(host: &str, port: impl std::fmt::Display) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
