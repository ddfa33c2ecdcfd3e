//! From the configuration to stages.

use regex::Regex;
use serde_json::{Map, Value};
use watchkeep_model::{Error, Result};

use super::timestamp::TimeFormat;
use super::{Drop, Named, Pipeline, Stage};
use crate::humane::{parse_duration, parse_size};

impl Pipeline {
    /// Reads stages; gives what does not apply along. Fails where a known stage is written wrongly.
    pub(crate) fn read(stages: &[Value]) -> Result<(Self, Vec<String>)> {
        let (mut pipeline, mut warnings) = (Self::default(), Vec::new());
        for (at, stage) in stages.iter().enumerate() {
            let one = stage.as_object().filter(|members| members.len() == 1);
            let Some((name, options)) = one.and_then(|members| members.iter().next()) else {
                return Err(Error::invalid(format!(
                    "pipeline_stages[{at}] must be one name with its options"
                )));
            };
            match read(name, options) {
                Ok(Some(stage)) => pipeline.stages.push(stage),
                Ok(None) => warnings.push(format!(
                    "pipeline_stages[{at}]: the stage {name} does not apply here; lines pass by it \
                     unchanged"
                )),
                Err(why) => {
                    return Err(Error::invalid(format!("pipeline_stages[{at}].{name}: {why}")));
                }
            }
        }
        Ok((pipeline, warnings))
    }
}

/// `None` for a stage that is not known.
fn read(name: &str, options: &Value) -> Result<Option<Stage>, String> {
    let none = Map::new();
    let members = options.as_object().unwrap_or(&none);
    let text = |key: &str| -> Option<String> { text_of(members.get(key)?) };
    let wanted = |key: &str| text(key).ok_or_else(|| format!("{key} is missing"));
    let source = text("source").filter(|source| !source.is_empty());
    Ok(Some(match name {
        "json" => {
            let fields = named(members.get("expressions"))?;
            let paths = fields.into_iter().map(|(name, path)| Ok((name, keys(&path)?)));
            Stage::Json { fields: paths.collect::<Result<_, String>>()?, source }
        }
        "regex" => Stage::Regex { expression: regex(&wanted("expression")?)?, source },
        "logfmt" => Stage::Logfmt { fields: named(members.get("mapping"))?, source },
        "timestamp" => {
            let location = text("location").unwrap_or_default();
            let mut formats = vec![TimeFormat::read(&wanted("format")?, &location)?];
            for other in
                members.get("fallback_formats").and_then(Value::as_array).into_iter().flatten()
            {
                let other = text_of(other).ok_or("fallback_formats must be texts")?;
                formats.push(TimeFormat::read(&other, &location)?);
            }
            Stage::Timestamp { source: wanted("source")?, formats }
        }
        "labels" => Stage::Labels(named(Some(options))?),
        "structured_metadata" => Stage::Metadata(named(Some(options))?),
        "static_labels" => Stage::StaticLabels(named(Some(options))?),
        "labeldrop" => Stage::LabelDrop(texts(options)?),
        "labelallow" => Stage::LabelAllow(texts(options)?),
        "output" => Stage::Output(wanted("source")?),
        "drop" => Stage::Drop(drop_options(members)?),
        _ => return Ok(None),
    }))
}

fn drop_options(members: &Map<String, Value>) -> Result<Drop, String> {
    let text = |key: &str| members.get(key).and_then(text_of).filter(|text| !text.is_empty());
    let sources = match members.get("source") {
        Some(source @ Value::Array(_)) => texts(source)?,
        source => source.and_then(text_of).into_iter().filter(|text| !text.is_empty()).collect(),
    };
    let older_than = text("older_than").map(|text| parse_duration(&text)).transpose();
    let older_than = older_than.map_err(|error| error.message().to_owned())?;
    let longer_than = text("longer_than").map(|text| parse_size(&text)).transpose();
    let longer_than = longer_than.map_err(|error| error.message().to_owned())?;
    let options = Drop {
        sources,
        separator: text("separator").unwrap_or_else(|| ";".to_owned()),
        expression: text("expression").map(|text| regex(&text)).transpose()?,
        value: text("value"),
        older_than_ns: older_than.map(|age| i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)),
        longer_than: longer_than.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
    };
    if options.expression.is_some() && options.value.is_some() {
        return Err("expression and value can not both be set".to_owned());
    }
    let has_test = !options.sources.is_empty()
        || options.expression.is_some()
        || options.older_than_ns.is_some()
        || options.longer_than.is_some();
    if has_test { Ok(options) } else { Err("nothing says what is to be dropped".to_owned()) }
}

/// Names with the names of their values; the same where none is given.
fn named(value: Option<&Value>) -> Result<Vec<Named>, String> {
    let members = value.and_then(Value::as_object).ok_or("names are missing")?;
    let pair = |(name, value): (&String, &Value)| match value {
        Value::Null => Ok((name.clone(), name.clone())),
        value => match text_of(value) {
            Some(text) if text.is_empty() => Ok((name.clone(), name.clone())),
            Some(text) => Ok((name.clone(), text)),
            None => Err(format!("{name} must be a text")),
        },
    };
    members.iter().map(pair).collect()
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    let all = value.as_array().ok_or("a list of names is missing")?;
    all.iter().map(|one| text_of(one).ok_or_else(|| "names must be texts".to_owned())).collect()
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| error.to_string())
}

/// The keys of an expression: names with dots between them, quoted where they hold other
/// characters. Of JMESPath that is what configurations use.
fn keys(expression: &str) -> Result<Vec<String>, String> {
    let mut keys = Vec::new();
    let mut rest = expression.trim();
    loop {
        let key = if let Some(quoted) = rest.strip_prefix('"') {
            let (key, after) = quoted.split_once('"').ok_or("a quote stays open")?;
            rest = after;
            key
        } else {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '@')));
            let (key, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after;
            key
        };
        if key.is_empty() {
            return Err(format!("{expression:?}: only names with dots between them are known"));
        }
        keys.push(key.to_owned());
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Ok(keys),
            None => {
                return Err(format!("{expression:?}: only names with dots between them are known"));
            }
        }
    }
}
