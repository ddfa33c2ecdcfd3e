//! Stages of Promtail that change an entry before it is stored: `json`, `regex`, `logfmt`,
//! `timestamp`, `labels`, `structured_metadata`, `static_labels`, `labeldrop`, `labelallow`, `output`
//! and `drop`. Others are named, so that a warning can tell; entries pass by them unchanged.
//! (Promtail documentation, "Pipelines" and "Stages".)

mod read;
mod run;
#[cfg(test)]
mod tests;
mod timestamp;

use regex::Regex;

use self::timestamp::TimeFormat;

/// Stages in their order.
#[derive(Debug, Default)]
pub(crate) struct Pipeline {
    stages: Vec<Stage>,
}

/// A name, and where its value is found.
type Named = (String, String);

#[derive(Debug)]
enum Stage {
    /// Names and the keys that lead to their values.
    Json {
        fields: Vec<(String, Vec<String>)>,
        source: Option<String>,
    },
    Regex {
        expression: Regex,
        source: Option<String>,
    },
    Logfmt {
        fields: Vec<Named>,
        source: Option<String>,
    },
    Timestamp {
        source: String,
        formats: Vec<TimeFormat>,
    },
    Labels(Vec<Named>),
    Metadata(Vec<Named>),
    StaticLabels(Vec<Named>),
    LabelDrop(Vec<String>),
    LabelAllow(Vec<String>),
    Output(String),
    Drop(Drop),
}

/// All that is set must be true.
#[derive(Debug)]
struct Drop {
    sources: Vec<String>,
    separator: String,
    expression: Option<Regex>,
    value: Option<String>,
    older_than_ns: Option<i64>,
    longer_than: Option<usize>,
}
