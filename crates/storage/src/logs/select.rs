//! Streams that a request is about, and rows that were deleted.

use std::sync::Arc;

use hashbrown::HashMap;
use watchkeep_model::{Error, Labels, LogColumns, Matcher, Result, TimeRange, stream};

use super::part::BlockStream;
use super::truth::{Truth, truths};
use crate::seam::{LogDeletion, LogTest};

/// A stream, by the text of its labels.
#[derive(Debug, Clone)]
pub(crate) struct StreamName {
    /// The labels' text, by which streams are ordered.
    pub(crate) text: Arc<str>,
    /// The labels.
    pub(crate) labels: Arc<Labels>,
}

/// Tells the streams that matchers want. Each text is parsed and matched once.
#[derive(Debug)]
pub(crate) struct Selector {
    matchers: Vec<Matcher>,
    known: HashMap<Arc<str>, Option<Arc<Labels>>>,
}

impl Selector {
    /// Wants streams for which every matcher holds.
    pub(crate) fn new(matchers: Vec<Matcher>) -> Self {
        Self { matchers, known: HashMap::new() }
    }

    /// Wants one stream.
    pub(crate) fn only(stream: &StreamName) -> Self {
        // No label has this name, so no other stream is wanted.
        let none = Matcher::not_equal("", "");
        let known =
            HashMap::from_iter([(Arc::clone(&stream.text), Some(Arc::clone(&stream.labels)))]);
        Self { matchers: vec![none], known }
    }

    /// The stream of a text, if it is wanted. A text that is none stands for no labels.
    pub(crate) fn stream(&mut self, text: &str) -> Option<StreamName> {
        if let Some((text, labels)) = self.known.get_key_value(text) {
            let labels = labels.clone()?;
            return Some(StreamName { text: Arc::clone(text), labels });
        }
        let labels = stream::from_text(text).unwrap_or_default();
        let wanted = self.matchers.iter().all(|matcher| matcher.matches(&labels));
        let labels = wanted.then(|| Arc::new(labels));
        let text: Arc<str> = text.into();
        self.known.insert(Arc::clone(&text), labels.clone());
        Some(StreamName { text, labels: labels? })
    }

    /// Whether a stream is wanted.
    pub(crate) fn accepts(&mut self, stream: &StreamName) -> bool {
        if let Some(known) = self.known.get(&stream.text) {
            return known.is_some();
        }
        let wanted = self.matchers.iter().all(|matcher| matcher.matches(&stream.labels));
        let labels = wanted.then(|| Arc::clone(&stream.labels));
        self.known.insert(Arc::clone(&stream.text), labels);
        wanted
    }
}

/// What a deletion takes away.
#[derive(Debug, Clone)]
pub(crate) struct Erasure {
    /// Every one holds for the stream.
    pub(crate) matchers: Vec<Matcher>,
    /// When.
    pub(crate) range: TimeRange,
    /// What is true of the record.
    pub(crate) test: LogTest,
}

impl Erasure {
    /// What a request deletes.
    ///
    /// Errors: `Invalid` without a matcher, or with a test that is not always decided.
    pub(crate) fn new(deletion: LogDeletion) -> Result<Self> {
        let LogDeletion { matchers, range, test } = deletion;
        if matchers.is_empty() {
            return Err(Error::invalid("a deletion needs a matcher"));
        }
        if !is_decided(&test) {
            return Err(Error::invalid("a deletion looks at labels and lines only"));
        }
        Ok(Self { matchers, range, test })
    }

    /// Whether it may take rows of a stream away.
    pub(crate) fn touches(&self, stream: &StreamName, rows: &BlockStream) -> bool {
        self.range.overlaps_closed(rows.min_ns, rows.max_ns)
            && self.matchers.iter().all(|matcher| matcher.matches(&stream.labels))
    }

    /// Tells of each row of a table whether it is taken away.
    pub(crate) fn erased(&self, rows: &LogColumns) -> Vec<bool> {
        let mut selector = Selector::new(self.matchers.clone());
        let (values, keys) = rows.stream.parts();
        let meant: Vec<bool> = values.iter().map(|text| selector.stream(text).is_some()).collect();
        let mut erased = vec![false; rows.time_ns.len()];
        for (row, key) in keys.iter().enumerate() {
            if meant[*key as usize] && self.range.contains(rows.time_ns[row]) {
                erased[row] = truths(&self.test, rows, &[row as u32]) == [Truth::True];
            }
        }
        erased
    }
}

/// Whether a test is true or false of every record.
fn is_decided(test: &LogTest) -> bool {
    match test {
        LogTest::And(inner) | LogTest::Or(inner) => inner.iter().all(is_decided),
        LogTest::Not(inner) => is_decided(inner),
        LogTest::Contains(_) | LogTest::Matches(_) => true,
        LogTest::Field { .. } | LogTest::Words(_) | LogTest::Unknown => false,
    }
}
