//! Remarks about an answer that is given nonetheless: their texts, and how equal ones join.

use std::collections::{BTreeMap, BTreeSet};

use crate::ast::Span;
use crate::eval::number::{general, general_digits};
use crate::parser::position;

/// Warnings (the answer may be wrong) and infos (the query may be meant otherwise), each text once.
/// The texts follow those of Prometheus word by word, since clients and tests compare them; a place
/// in the query is written as `(line:column)`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Annotations {
    /// Warnings.
    pub warnings: BTreeSet<String>,
    /// Infos.
    pub infos: BTreeSet<String>,
}

impl Annotations {
    /// Takes over the remarks of another.
    pub fn extend(&mut self, other: Self) {
        self.warnings.extend(other.warnings);
        self.infos.extend(other.infos);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.warnings.is_empty() && self.infos.is_empty()
    }
}

/// The remarks made so far, one for each text. Of two with one text the later tells the place, as in
/// Prometheus.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    by_text: BTreeMap<String, Note>,
}

#[derive(Debug)]
struct Note {
    is_warning: bool,
    span: Span,
    detail: Detail,
}

#[derive(Debug)]
enum Detail {
    None,
    /// How often.
    Count(u64),
    Monotonicity(Monotonicity),
}

/// What had to be changed so that the buckets of a classic histogram rise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Monotonicity {
    pub(crate) time_min_ms: i64,
    pub(crate) time_max_ms: i64,
    pub(crate) bucket_min: f64,
    pub(crate) bucket_max: f64,
    pub(crate) difference_max: f64,
    pub(crate) samples: u64,
}

impl Notes {
    /// A warning; the text is without the leading `PromQL warning: `.
    pub(crate) fn warn(&mut self, text: String, span: Span) {
        let note = Note { is_warning: true, span, detail: Detail::None };
        self.by_text.insert(text, note);
    }

    /// An info; the text is without the leading `PromQL info: `.
    pub(crate) fn info(&mut self, text: String, span: Span) {
        let note = Note { is_warning: false, span, detail: Detail::None };
        self.by_text.insert(text, note);
    }

    /// A warning that says how often it came.
    pub(crate) fn warn_counted(&mut self, text: String, span: Span) {
        match self.by_text.get_mut(&text) {
            Some(Note { detail: Detail::Count(count), .. }) => *count += 1,
            _ => {
                let note = Note { is_warning: true, span, detail: Detail::Count(1) };
                self.by_text.insert(text, note);
            }
        }
    }

    /// An info about buckets that did not rise.
    pub(crate) fn info_monotonicity(&mut self, text: String, span: Span, new: Monotonicity) {
        match self.by_text.get_mut(&text) {
            Some(Note { detail: Detail::Monotonicity(old), .. }) => {
                old.time_min_ms = old.time_min_ms.min(new.time_min_ms);
                old.time_max_ms = old.time_max_ms.max(new.time_max_ms);
                old.bucket_min = old.bucket_min.min(new.bucket_min);
                old.bucket_max = old.bucket_max.max(new.bucket_max);
                old.difference_max = old.difference_max.max(new.difference_max);
                old.samples += new.samples;
            }
            _ => {
                let note = Note { is_warning: false, span, detail: Detail::Monotonicity(new) };
                self.by_text.insert(text, note);
            }
        }
    }

    /// The remarks as users see them.
    pub(crate) fn finish(self, query: &str) -> Annotations {
        let mut annotations = Annotations::default();
        for (text, note) in self.by_text {
            let place = place(query, note.span);
            let text = match note.detail {
                Detail::Count(count) if count > 1 => format!("{text} ({count} occurrences)"),
                Detail::None | Detail::Count(_) => text,
                Detail::Monotonicity(found) => describe_monotonicity(&text, &found),
            };
            if note.is_warning {
                annotations.warnings.insert(format!("PromQL warning: {text} ({place})"));
            } else {
                annotations.infos.insert(format!("PromQL info: {text} ({place})"));
            }
        }
        annotations
    }
}

fn describe_monotonicity(text: &str, found: &Monotonicity) -> String {
    format!(
        "{text}, from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
        general(found.bucket_min),
        general(found.bucket_max),
        general_digits(found.difference_max, 2),
        found.samples,
        crate::eval::calendar::rfc3339(found.time_min_ms),
        crate::eval::calendar::rfc3339(found.time_max_ms),
    )
}

/// Line and column where a span begins, both from 1; columns count bytes.
fn place(query: &str, span: Span) -> String {
    if query.is_empty() {
        return "unknown position".to_owned();
    }
    if span.start as usize > query.len() {
        return "invalid position".to_owned();
    }
    let (line, column) = position(query, span.start);
    format!("{line}:{column}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_and_columns_from_one() {
        for (query, start, expect) in [
            ("abc", 0, "1:1"),
            ("abc", 2, "1:3"),
            ("a\nbc", 3, "2:2"),
            ("a\n\nb", 3, "3:1"),
            ("", 0, "unknown position"),
            ("a", 5, "invalid position"),
        ] {
            assert_eq!(place(query, Span { start, end: start }), expect, "{query:?} {start}");
        }
    }
}
