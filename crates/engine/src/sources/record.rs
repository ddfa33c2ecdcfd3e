//! From a record of a source to an entry of the store: time, labels, and what the stages of a
//! pipeline make of it.

use std::collections::BTreeMap;

use watchkeep_model::Labels;
use watchkeep_model::stream::to_text;

use super::config::LineFormat;
use super::files::frame::Framing;
use super::pipeline::Pipeline;
use crate::ingest::line;

/// What becomes an entry.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Draft {
    pub(crate) time_ns: i64,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) line: String,
}

impl Draft {
    /// Labels as the selector of their stream.
    pub(crate) fn stream(&self) -> String {
        stream_of(&self.labels)
    }
}

/// Labels as the selector of their stream.
pub(crate) fn stream_of(labels: &BTreeMap<String, String>) -> String {
    let pairs = labels.iter().filter(|(_, value)| !value.is_empty());
    match to_text(&Labels::from_pairs(pairs)) {
        none if none.is_empty() => "{}".to_owned(),
        text => text,
    }
}

/// Makes drafts of the records of a source of files.
#[derive(Debug)]
pub(crate) struct Maker {
    pub(crate) format: LineFormat,
    pub(crate) framing: Framing,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) pipeline: Pipeline,
    pub(crate) line_bytes_max: usize,
}

/// The label that names the file.
pub(crate) const FILENAME: &str = "filename";

impl Maker {
    /// The labels of all records of a file.
    pub(crate) fn labels_of(&self, path: &str) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        labels.entry(FILENAME.to_owned()).or_insert_with(|| path.to_owned());
        labels
    }

    /// The draft of a record, and how many bytes of it were cut off; `None` where a stage drops it.
    pub(crate) fn make(
        &self,
        record: &[u8],
        labels: &BTreeMap<String, String>,
        arrival_ns: i64,
    ) -> (Option<Draft>, usize) {
        let unframed = self.framing.unframe(record);
        let mut line = unframed.text;
        let cut = cut(&mut line, self.line_bytes_max);
        let told = match self.format {
            LineFormat::Auto => line::time_of(&line),
            LineFormat::Json => line::time_of_json(&line),
            LineFormat::Text | LineFormat::Docker | LineFormat::Cri => None,
        };
        let mut draft = Draft {
            time_ns: told.or(unframed.time_ns).unwrap_or(arrival_ns),
            labels: labels.clone(),
            metadata: BTreeMap::new(),
            line,
        };
        if !unframed.stream.is_empty() {
            draft.labels.insert("stream".to_owned(), unframed.stream);
        }
        (self.pipeline.run(draft, arrival_ns), cut)
    }
}

/// Cuts a text to a length at the start of a character; gives the bytes cut off.
pub(crate) fn cut(text: &mut String, bytes_max: usize) -> usize {
    let before = text.len();
    text.truncate(text.floor_char_boundary(bytes_max));
    before - text.len()
}
