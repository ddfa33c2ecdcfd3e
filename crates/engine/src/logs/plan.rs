//! What of a query the store can decide. Each filter of lines and labels becomes a test that is true
//! only where LogQL surely keeps a record, and false only where it surely drops it; what comes after a
//! stage that rewrites the line or the labels is left to LogQL.
//!
//! A test of a field stands for a filter of a label that `| json` made. Where a stream has a label of
//! that name, or a record metadata, the parser would have called its label otherwise: names that
//! streams have are never asked for, and metadata the store looks at itself. A text of letters and
//! digits is looked for as a word; a JSON text that spells such letters as `\u` escapes is not found
//! so.

use std::collections::BTreeSet;

use watchkeep_logql::LogExpr;
use watchkeep_logql::ast::{
    Compare, Extraction, LabelFilter, LineFilter, LineOp, LineOperand, Stage,
};
use watchkeep_logql::pipeline::{ERROR_DETAILS_LABEL, ERROR_LABEL, JsonPath, PathStep, TextTest};
use watchkeep_model::{MatchOp, Matcher, Pattern};
use watchkeep_storage::seam::{CompareOp, FieldTest, LogField, LogTest};

/// Metadata that is made of what else a record says, which no attribute tells of.
const DERIVED: [&str; 11] = [
    "detected_level",
    "dropped_attributes_count",
    "event_name",
    "flags",
    "observed_timestamp",
    "scope_name",
    "scope_version",
    "severity_number",
    "severity_text",
    "span_id",
    "trace_id",
];

/// What a label gets whose name is taken.
const EXTRACTED: &str = "_extracted";

/// A word that is looked for has at least so many characters; shorter ones are everywhere.
const WORD_CHARS_MIN: usize = 3;

/// Where the labels of a record are from, at some stage.
#[derive(Debug, Clone)]
enum Origin {
    /// Stream and metadata.
    Given,
    /// Also all fields of a JSON line.
    Json,
    /// Also some fields of a JSON line, by the names of their labels; `None` for a path that goes
    /// through arrays.
    JsonSome(Vec<(String, Option<Vec<String>>)>),
    /// Also fields of the line.
    Logfmt,
    /// Unknown.
    Other,
}

/// A plan under way.
#[derive(Debug)]
struct Plan<'s> {
    /// Whether words are asked for beside fields: that passes over blocks, but leaves records unknown
    /// which would be decided.
    adds_words: bool,
    /// Names of labels that some stream has; `None` where that is not known.
    stream_labels: Option<&'s BTreeSet<String>>,
    tests: Vec<LogTest>,
    origin: Origin,
    /// Tests that, where they are unknown, may have marked the record with an error.
    may_fail: Vec<LogTest>,
    line_is_as_stored: bool,
    labels_are_known: bool,
}

/// What can be counted without showing records.
#[derive(Debug, Clone)]
pub(super) struct CountPlan {
    /// True of what is counted.
    pub(super) test: LogTest,
    /// Labels of streams that tell groups apart.
    pub(super) by_labels: Vec<String>,
    /// Fields that tell groups apart, and the names of their labels.
    pub(super) by_fields: Vec<(String, LogField)>,
}

/// The test that a query's stages make; what it leaves unknown goes through the stages.
pub(super) fn test(log: &LogExpr, stream_labels: Option<&BTreeSet<String>>) -> LogTest {
    LogTest::And(Plan::of(log, stream_labels, true).tests)
}

/// Whether a test of the stages would ask for labels of streams.
pub(super) fn asks_for_labels(log: &LogExpr) -> bool {
    log.stages.iter().any(|stage| matches!(stage.stage, Stage::LabelFilter(_)))
}

/// How records can be counted; `None` where that takes showing them.
pub(super) fn count(
    log: &LogExpr,
    by: Option<&[String]>,
    in_all_streams: &BTreeSet<String>,
    in_some_stream: &BTreeSet<String>,
) -> Option<CountPlan> {
    let by = by?;
    let mut plan = Plan::of(log, Some(in_some_stream), false);
    let changes = log.stages.iter().any(|stage| !keeps_labels(&stage.stage));
    if changes || matches!(plan.origin, Origin::Logfmt | Origin::Other) {
        return None;
    }
    if !matches!(plan.origin, Origin::Given) {
        // A line that is no JSON marks its record with an error.
        plan.tests.push(known(&is_json()));
    }
    // A filter that fails marks a record with an error, which is for LogQL to tell.
    plan.tests.extend(plan.may_fail.iter().map(known));
    let (mut by_labels, mut by_fields) = (Vec::new(), Vec::new());
    for name in by {
        if in_all_streams.contains(name) {
            by_labels.push(name.clone());
        } else {
            by_fields.push((name.clone(), plan.field(name)?));
        }
    }
    Some(CountPlan { test: LogTest::And(plan.tests), by_labels, by_fields })
}

/// Whether a stage leaves line and labels of the stream as they are.
fn keeps_labels(stage: &Stage) -> bool {
    matches!(stage, Stage::LineFilter(_) | Stage::LabelFilter(_) | Stage::Json(_))
}

/// True where a test is decided, unknown elsewhere.
fn known(test: &LogTest) -> LogTest {
    LogTest::Or(vec![test.clone(), not(test.clone())])
}

/// False where a test is decided, unknown elsewhere.
fn unclear(test: &LogTest) -> LogTest {
    LogTest::And(vec![test.clone(), not(test.clone())])
}

fn not(test: LogTest) -> LogTest {
    LogTest::Not(Box::new(test))
}

/// Decided for bodies that are JSON objects.
fn is_json() -> LogTest {
    let field =
        LogField { path: vec!["\u{0}".to_owned()], shadowed_by: String::new(), flattened: false };
    LogTest::Field { field, test: FieldTest::Equal(String::new()) }
}

impl<'s> Plan<'s> {
    fn of(log: &LogExpr, stream_labels: Option<&'s BTreeSet<String>>, adds_words: bool) -> Self {
        let mut plan = Self {
            adds_words,
            stream_labels,
            tests: Vec::new(),
            origin: Origin::Given,
            may_fail: Vec::new(),
            line_is_as_stored: true,
            labels_are_known: true,
        };
        for stage in &log.stages {
            plan.stage(&stage.stage);
        }
        plan
    }

    fn stage(&mut self, stage: &Stage) {
        match stage {
            Stage::LineFilter(filter) => {
                let test = if self.line_is_as_stored { line(filter) } else { LogTest::Unknown };
                self.tests.push(test);
            }
            Stage::LabelFilter(filter) => {
                let test = self.label(filter);
                self.tests.push(test);
            }
            Stage::Json(fields) => self.parser(if fields.is_empty() {
                Origin::Json
            } else {
                Origin::JsonSome(fields.iter().map(path_of).collect())
            }),
            Stage::Logfmt { .. } => self.parser(Origin::Logfmt),
            Stage::Regexp(_) | Stage::Pattern(_) => self.parser(Origin::Other),
            Stage::LineFormat(_) | Stage::Decolorize => {
                self.line_is_as_stored = false;
                // A template that fails marks the record.
                self.may_fail.push(LogTest::Unknown);
            }
            Stage::Unpack => {
                self.line_is_as_stored = false;
                self.labels_are_known = false;
            }
            Stage::LabelFormat(_) | Stage::Drop(_) | Stage::Keep(_) => {
                self.labels_are_known = false;
            }
        }
    }

    fn parser(&mut self, origin: Origin) {
        let first = matches!(self.origin, Origin::Given) && self.line_is_as_stored;
        self.origin = if first { origin } else { Origin::Other };
        match self.origin {
            // What is no JSON is unknown of every field.
            Origin::Given | Origin::Json | Origin::JsonSome(_) => {}
            Origin::Logfmt | Origin::Other => self.may_fail.push(LogTest::Unknown),
        }
    }

    fn label(&mut self, filter: &LabelFilter) -> LogTest {
        match filter {
            LabelFilter::And(left, right) => {
                let left = self.label(left);
                LogTest::And(vec![left, self.label(right)])
            }
            LabelFilter::Or(left, right) => {
                let left = self.label(left);
                LogTest::Or(vec![left, self.label(right)])
            }
            LabelFilter::Text(matcher) => self.text(matcher),
            LabelFilter::Number(name, compare, than) => self.number(name, *compare, *than),
            LabelFilter::Duration(..) | LabelFilter::Bytes(..) | LabelFilter::Ip(..) => {
                self.may_fail.push(LogTest::Unknown);
                LogTest::Unknown
            }
        }
    }

    /// The field that a label is made of, where only that can be.
    fn field(&self, name: &str) -> Option<LogField> {
        let is_special =
            DERIVED.contains(&name) || name.starts_with("__") || name.ends_with(EXTRACTED);
        if !self.labels_are_known || is_special || self.stream_labels?.contains(name) {
            return None;
        }
        let (path, flattened) = match &self.origin {
            Origin::Json => (vec![name.to_owned()], true),
            Origin::JsonSome(labels) => {
                let mut of_name = labels.iter().filter(|(label, _)| label == name);
                let (path, more) = (of_name.next()?.1.clone(), of_name.next());
                (path.filter(|_| more.is_none())?, false)
            }
            Origin::Given | Origin::Logfmt | Origin::Other => return None,
        };
        Some(LogField { path, shadowed_by: name.to_owned(), flattened })
    }

    fn text(&self, matcher: &Matcher) -> LogTest {
        let name = matcher.label();
        if matches!(name, ERROR_LABEL | ERROR_DETAILS_LABEL) {
            return self.error(name, matcher);
        }
        let Some(field) = self.field(name) else { return self.word(matcher) };
        let equal = |text: &str| LogTest::Field {
            field: field.clone(),
            test: FieldTest::Equal(text.to_owned()),
        };
        match matcher.op() {
            MatchOp::Equal if self.adds_words => {
                LogTest::And(vec![equal(matcher.value()), self.word(matcher)])
            }
            MatchOp::Equal => equal(matcher.value()),
            MatchOp::NotEqual => not(equal(matcher.value())),
            MatchOp::Regex | MatchOp::NotRegex => {
                let Some(values) = listed(matcher) else { return LogTest::Unknown };
                let any = LogTest::Or(values.into_iter().map(|value| equal(&value)).collect());
                if matcher.op() == MatchOp::Regex { any } else { not(any) }
            }
        }
    }

    /// A filter of errors: where everything is decided, there is none.
    fn error(&self, name: &str, matcher: &Matcher) -> LogTest {
        let is_clear = self.labels_are_known
            && name == ERROR_LABEL
            && matches!(self.origin, Origin::Given | Origin::Json | Origin::JsonSome(_));
        if !is_clear {
            return LogTest::Unknown;
        }
        let mut all: Vec<LogTest> = self.may_fail.iter().map(known).collect();
        if !matches!(self.origin, Origin::Given) {
            all.push(known(&is_json()));
        }
        let no_error = LogTest::And(all);
        if TextTest::new(matcher).accepts("") { no_error } else { not(no_error) }
    }

    /// A filter that asks for a text which must stand somewhere in the record.
    fn word(&self, matcher: &Matcher) -> LogTest {
        let (name, value) = (matcher.label(), matcher.value());
        let is_word = value.len() >= WORD_CHARS_MIN
            && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        // Ids are words too; what else is derived of a record is none.
        let has_words = !DERIVED.contains(&name) || matches!(name, "trace_id" | "span_id");
        let of_stream = self.stream_labels.is_none_or(|labels| labels.contains(name));
        let is_known = self.labels_are_known && !matches!(self.origin, Origin::Other);
        // A number may be written otherwise than it is shown.
        let may_be_number = value.parse::<f64>().is_ok() && value.contains(['e', 'E']);
        if matcher.op() == MatchOp::Equal
            && is_word
            && has_words
            && !of_stream
            && is_known
            && !may_be_number
        {
            return LogTest::Words(vec![value.to_owned()]);
        }
        LogTest::Unknown
    }

    fn number(&mut self, name: &str, compare: Compare, than: f64) -> LogTest {
        let test = match self.field(name) {
            Some(field) => {
                LogTest::Field { field, test: FieldTest::Number(compare_op(compare), than) }
            }
            None => LogTest::Unknown,
        };
        // A record with an error passes.
        let mut passes: Vec<LogTest> = self.may_fail.iter().map(unclear).collect();
        passes.push(test.clone());
        self.may_fail.push(test);
        LogTest::Or(passes)
    }
}

fn compare_op(compare: Compare) -> CompareOp {
    match compare {
        Compare::Eq => CompareOp::Eq,
        Compare::Ne => CompareOp::Ne,
        Compare::Gt => CompareOp::Gt,
        Compare::Ge => CompareOp::Ge,
        Compare::Lt => CompareOp::Lt,
        Compare::Le => CompareOp::Le,
    }
}

/// The texts that a regular expression matches, where that is nothing but a choice of them.
fn listed(matcher: &Matcher) -> Option<Vec<String>> {
    let pattern = Pattern::anchored(matcher.value()).ok()?;
    let values = pattern.literals()?;
    Some(values.into_iter().map(str::to_owned).collect())
}

/// The label of an extraction, and the path of its field where that goes through objects alone.
fn path_of(extraction: &Extraction) -> (String, Option<Vec<String>>) {
    let path = JsonPath::parse(&extraction.expression).ok().and_then(|path| {
        path.steps
            .iter()
            .map(|step| match step {
                PathStep::Field(key) => Some(key.clone()),
                PathStep::Index(_) => None,
            })
            .collect()
    });
    (extraction.label.clone(), path)
}

/// A filter of lines.
pub(super) fn line(filter: &LineFilter) -> LogTest {
    let (contains, negated) = match filter.op {
        LineOp::Contains => (true, false),
        LineOp::NotContains => (true, true),
        LineOp::Matches => (false, false),
        LineOp::NotMatches => (false, true),
        LineOp::PatternMatches | LineOp::PatternNotMatches => return LogTest::Unknown,
    };
    let mut tests = Vec::new();
    for operand in &filter.operands {
        let LineOperand::Text(text) = operand else { return LogTest::Unknown };
        tests.push(if contains {
            LogTest::Contains(text.clone())
        } else {
            match Pattern::unanchored(text) {
                Ok(pattern) => LogTest::Matches(pattern),
                Err(_) => return LogTest::Unknown,
            }
        });
    }
    let any = LogTest::Or(tests);
    if negated { not(any) } else { any }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
