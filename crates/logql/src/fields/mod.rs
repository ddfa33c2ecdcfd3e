//! Which fields the records of a query have, and which values: structured metadata, what the query
//! itself parsed, and what the line holds as JSON or else as logfmt. Follows what Loki answers to
//! `/detected_fields` and `/detected_field/{name}/values`, but counts distinct values exactly and
//! takes the type that most records have instead of that of the last one.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use hashbrown::{HashMap, HashSet};
use watchkeep_model::Labels;
use watchkeep_promql::go;

use crate::ast::{Span, Stage, StageExpr};
use crate::pipeline::{
    ERROR_DETAILS_LABEL, ERROR_LABEL, PRESERVE_ERROR_LABEL, Pipeline, PipelineError,
    PipelineOptions, Runner, json_fields, number, push_sanitized,
};
use crate::units::format_bytes;

/// A record that a query answered.
#[derive(Debug, Clone, Copy)]
pub struct FieldRow<'r> {
    /// Labels of its stream.
    pub stream: &'r Labels,
    /// Names and values of its structured metadata.
    pub metadata: &'r [(&'r str, &'r str)],
    /// Labels that the query parsed out of it or made.
    pub parsed: &'r [(&'r str, &'r str)],
    /// Its text.
    pub line: &'r str,
}

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// Integers that fit into 64 bits.
    Int,
    /// Numbers.
    Float,
    /// `true` and `false`, in the forms that Go reads.
    Boolean,
    /// Durations as Go writes them.
    Duration,
    /// Sizes such as `5KB`.
    Bytes,
    /// Anything.
    String,
}

impl FieldType {
    const ALL: [Self; 6] =
        [Self::Int, Self::Float, Self::Boolean, Self::Duration, Self::Bytes, Self::String];

    /// The first of the types that reads the text.
    fn of(text: &str) -> Self {
        const BOOLEANS: [&str; 10] =
            ["t", "T", "TRUE", "true", "True", "f", "F", "FALSE", "false", "False"];
        if text.parse::<i64>().is_ok() {
            Self::Int
        } else if number::parse_float(text).is_ok() {
            Self::Float
        } else if BOOLEANS.contains(&text) {
            Self::Boolean
        } else if go::parse_duration(text).is_ok() {
            Self::Duration
        } else if number::parse_bytes(text).is_ok() {
            Self::Bytes
        } else {
            Self::String
        }
    }

    /// The name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Duration => "duration",
            Self::Bytes => "bytes",
            Self::String => "string",
        }
    }
}

/// A field of the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectedField {
    /// The name that a query finds it by.
    pub label: String,
    /// What its values are.
    pub field_type: FieldType,
    /// How many different values were seen.
    pub cardinality: u64,
    /// The parsers that find it in lines, `json` and `logfmt`; none for structured metadata.
    pub parsers: Vec<&'static str>,
    /// Where it stands in JSON lines, as the keys are written; empty where it was in none.
    pub json_path: Vec<String>,
}

#[derive(Debug, Default)]
struct Seen {
    values: HashSet<Box<str>>,
    /// Records by the type of the field, in the order of [`FieldType::ALL`].
    types: [u64; 6],
    parsers: BTreeSet<&'static str>,
    json_path: Vec<String>,
}

impl Seen {
    /// Takes in the values of one record.
    fn insert<'v>(&mut self, values: impl IntoIterator<Item = &'v str>) {
        for (at, value) in values.into_iter().enumerate() {
            if at == 0 {
                self.types[FieldType::of(value) as usize] += 1;
            }
            if !self.values.contains(value) {
                self.values.insert(value.into());
            }
        }
    }

    /// The type that most records have, of equals the wider one.
    fn field_type(&self) -> FieldType {
        let widest = FieldType::ALL.into_iter().max_by_key(|kind| self.types[*kind as usize]);
        widest.unwrap_or(FieldType::String)
    }
}

/// The fields of records, at most `limit`, those first that came first; sorted by name.
pub fn detect_fields<'r>(
    rows: impl IntoIterator<Item = FieldRow<'r>>,
    limit: usize,
) -> Result<Vec<DetectedField>, PipelineError> {
    let parsers = Parsers::new()?;
    let mut reader = Reader::new(&parsers);
    let mut fields: HashMap<String, Seen> = HashMap::new();
    for row in rows {
        for (name, value) in row.metadata {
            if let Some(seen) = field(&mut fields, name, limit) {
                seen.insert([*value]);
            }
        }
        let (parsed, parser) = reader.read(&row);
        let mut rest = parsed.as_slice();
        let mut wants_paths = false;
        while let Some((name, _)) = rest.first() {
            let same = rest.iter().take_while(|(other, _)| other == name).count();
            let (values, behind) = rest.split_at(same);
            rest = behind;
            let Some(seen) = field(&mut fields, name, limit) else { continue };
            seen.parsers.extend(parser);
            wants_paths |= parser == Some(JSON) && seen.json_path.is_empty();
            seen.insert(values.iter().map(|(_, value)| value.as_str()));
        }
        if wants_paths {
            add_json_paths(&row, &mut fields);
        }
    }
    let mut detected: Vec<DetectedField> = fields
        .into_iter()
        .map(|(label, seen)| DetectedField {
            label,
            field_type: seen.field_type(),
            cardinality: seen.values.len() as u64,
            parsers: seen.parsers.into_iter().collect(),
            json_path: seen.json_path,
        })
        .collect();
    detected.sort_unstable_by(|a, b| a.label.cmp(&b.label));
    Ok(detected)
}

/// The values of one field, sorted; once there are `limit`, no more records are looked at. Sizes
/// that were parsed out of lines are written as queries read them.
pub fn detect_values<'r>(
    rows: impl IntoIterator<Item = FieldRow<'r>>,
    name: &str,
    limit: usize,
) -> Result<Vec<String>, PipelineError> {
    let parsers = Parsers::new()?;
    let mut reader = Reader::new(&parsers);
    let mut values = BTreeSet::new();
    for row in rows {
        if values.len() >= limit {
            break;
        }
        let metadata = row.metadata.iter().filter(|(other, _)| *other == name);
        values.extend(metadata.map(|(_, value)| (*value).to_owned()));
        let (parsed, _) = reader.read(&row);
        for (_, value) in parsed.into_iter().filter(|(other, _)| other == name) {
            let has_unit = value.ends_with(|c: char| c.is_ascii_alphabetic());
            values.insert(match number::parse_bytes(&value) {
                Ok(bytes) if has_unit => format_bytes(bytes),
                _ => value,
            });
        }
    }
    Ok(values.into_iter().collect())
}

fn field<'f>(
    fields: &'f mut HashMap<String, Seen>,
    name: &str,
    limit: usize,
) -> Option<&'f mut Seen> {
    if !fields.contains_key(name) {
        if fields.len() >= limit {
            return None;
        }
        fields.insert(name.to_owned(), Seen::default());
    }
    fields.get_mut(name)
}

const JSON: &str = "json";
const LOGFMT: &str = "logfmt";

#[derive(Debug)]
struct Parsers {
    json: Pipeline,
    logfmt: Pipeline,
}

impl Parsers {
    fn new() -> Result<Self, PipelineError> {
        let alone = |stage| {
            let stage = StageExpr { stage, span: Span::default() };
            Pipeline::new(&[stage], PipelineOptions::default())
        };
        let logfmt = Stage::Logfmt { strict: false, keep_empty: false, fields: Vec::new() };
        Ok(Self { json: alone(Stage::Json(Vec::new()))?, logfmt: alone(logfmt)? })
    }
}

/// Reads what lines hold.
#[derive(Debug)]
struct Reader<'p> {
    json: Runner<'p>,
    logfmt: Runner<'p>,
}

impl<'p> Reader<'p> {
    fn new(parsers: &'p Parsers) -> Self {
        Self { json: parsers.json.runner(), logfmt: parsers.logfmt.runner() }
    }

    /// Names and values that the query parsed and that the line holds, sorted, each once; and the
    /// parser that could read the line.
    fn read(&mut self, row: &FieldRow<'_>) -> (Vec<(String, String)>, Option<&'static str>) {
        let own = row.parsed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut fields: Vec<(String, String)> = own.collect();
        let stream = stream_of(row);
        let parser = if run(&mut self.json, &stream, row.line, &mut fields) {
            Some(JSON)
        } else if run(&mut self.logfmt, &stream, row.line, &mut fields) {
            Some(LOGFMT)
        } else {
            None
        };
        let errors = [ERROR_LABEL, ERROR_DETAILS_LABEL, PRESERVE_ERROR_LABEL];
        fields.retain(|(name, _)| !errors.contains(&name.as_str()));
        fields.sort_unstable();
        fields.dedup();
        (fields, parser)
    }
}

/// The labels of the stream that the query did not make itself.
fn stream_of(row: &FieldRow<'_>) -> Labels {
    row.stream.kept(|name| !row.parsed.iter().any(|(parsed, _)| parsed.as_bytes() == name))
}

/// Adds what a parser finds in a line, if it can read it.
fn run(
    runner: &mut Runner<'_>,
    stream: &Labels,
    line: &str,
    fields: &mut Vec<(String, String)>,
) -> bool {
    let Some(processed) = runner.process(stream, std::iter::empty(), 0, line) else { return false };
    if processed.labels.has_error() {
        return false;
    }
    let (_, _, parsed) = processed.labels.by_category();
    fields.extend(parsed.iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
    true
}

/// Adds where fields stand in a JSON line, for those of which that is not known.
fn add_json_paths(row: &FieldRow<'_>, fields: &mut HashMap<String, Seen>) {
    let stream = stream_of(row);
    let mut name = String::new();
    // The line has been read before without an error.
    let _read = json_fields(row.line, &mut |path, _, _| {
        name.clear();
        for key in path {
            push_sanitized(&mut name, key);
        }
        if !stream.get(&name).is_empty() {
            name.push_str("_extracted");
        }
        if let Some(seen) = fields.get_mut(&name)
            && seen.json_path.is_empty()
        {
            seen.json_path = path.iter().map(|key| (*key).to_owned()).collect();
        }
    });
}
