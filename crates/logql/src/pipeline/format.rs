//! `| line_format`, `| label_format` and `| decolorize`.

use std::sync::OnceLock;

use watchkeep_model::Pattern;

use super::Symbols;
use super::labels::{ERROR_DETAILS_LABEL, ERROR_LABEL, LabelsBuilder, Piece};
use super::names::Symbol;
use crate::ast::{LabelFormat, LabelFormatValue};
use crate::template::{LineTemplate, TemplateInput};

/// The error of a line that a template can not be made of.
const TEMPLATE_ERROR: &str = "TemplateFormatErr";

/// What all stages know of a record besides its labels and its line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Time of the record.
    pub(super) time_ns: i64,
    /// Time of the evaluation.
    pub(super) now_ns: i64,
}

struct Input<'i> {
    labels: &'i LabelsBuilder,
    line: Piece,
    moment: Moment,
}

impl TemplateInput for Input<'_> {
    fn label(&self, name: &str) -> Option<&str> {
        let labels = self.labels;
        match name {
            ERROR_LABEL => Some(labels.error()).filter(|error| !error.is_empty()),
            ERROR_DETAILS_LABEL => Some(labels.error_details()).filter(|text| !text.is_empty()),
            _ => labels.get(name),
        }
    }

    fn labels(&self) -> Vec<(&str, &str)> {
        let mut all = Vec::new();
        self.labels.for_each(|_, name, value| all.push((name, value)));
        all
    }

    fn line(&self) -> &str {
        &self.labels.text[self.line.clone()]
    }

    fn time_ns(&self) -> i64 {
        self.moment.time_ns
    }

    fn now_ns(&self) -> i64 {
        self.moment.now_ns
    }
}

/// Labels as they were, while others are set.
struct Snapshot<'i> {
    labels: &'i [(String, String)],
    line: &'i str,
    moment: Moment,
}

impl TemplateInput for Snapshot<'_> {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels().into_iter().find(|label| label.0 == name).map(|label| label.1)
    }

    fn labels(&self) -> Vec<(&str, &str)> {
        self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    fn line(&self) -> &str {
        self.line
    }

    fn time_ns(&self) -> i64 {
        self.moment.time_ns
    }

    fn now_ns(&self) -> i64 {
        self.moment.now_ns
    }
}

/// `| line_format`.
#[derive(Debug)]
pub(super) enum LineMaker {
    /// `{{.label}}` and nothing else.
    Label(Symbol),
    Template(LineTemplate),
}

impl LineMaker {
    /// Fails with Go's words where the text is no template.
    pub(super) fn new(text: &str, symbols: &mut Symbols) -> Result<Self, String> {
        let template =
            LineTemplate::parse(text).map_err(|error| format!("invalid line template: {error}"))?;
        symbols.needed_by(&template);
        Ok(match only_label(text) {
            Some(label) => Self::Label(symbols.needed(label)),
            None => Self::Template(template),
        })
    }

    /// The new line.
    pub(super) fn run(
        &self,
        line: Piece,
        moment: Moment,
        labels: &mut LabelsBuilder,
        out: &mut String,
    ) -> Piece {
        let template = match self {
            Self::Label(label) => return label_piece(*label, labels),
            Self::Template(template) => template,
        };
        out.clear();
        let input = Input { labels, line: line.clone(), moment };
        match template.execute(&input, out) {
            Ok(()) => labels.push_text(out),
            Err(details) => {
                labels.set_error(TEMPLATE_ERROR, Some(&details));
                line
            }
        }
    }
}

/// The label that a template writes without doing anything else.
fn only_label(text: &str) -> Option<&str> {
    let name = text.strip_prefix("{{")?.strip_suffix("}}")?.trim_matches(' ').strip_prefix('.')?;
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins = name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    (begins && name.bytes().all(word)).then_some(name)
}

/// Where the value of a label stands in the text, after it was put there.
fn label_piece(label: Symbol, labels: &mut LabelsBuilder) -> Piece {
    if let Some(piece) = labels.added_piece(label) {
        return piece;
    }
    let value = labels.get_symbol(label).unwrap_or_default().to_owned();
    labels.push_text(&value)
}

/// `| label_format`.
#[derive(Debug)]
pub(super) struct LabelMaker {
    assignments: Vec<(Symbol, Assigned)>,
    templates: usize,
}

#[derive(Debug)]
enum Assigned {
    Rename(Symbol),
    Template(LineTemplate),
}

impl LabelMaker {
    /// Fails where a label is set twice, may not be set, or to what is no template.
    pub(super) fn new(formats: &[LabelFormat], symbols: &mut Symbols) -> Result<Self, String> {
        let mut assignments = Vec::new();
        let mut templates = 0;
        for (place, LabelFormat { label, value }) in formats.iter().enumerate() {
            if label == ERROR_LABEL {
                return Err(format!("{label} cannot be formatted"));
            }
            if formats[..place].iter().any(|earlier| earlier.label == *label) {
                return Err(format!(
                    "multiple label name '{label}' not allowed in a single format operation"
                ));
            }
            let assigned = match value {
                LabelFormatValue::Rename(from) => Assigned::Rename(symbols.needed(from)),
                LabelFormatValue::Template(text) => {
                    templates += 1;
                    let template = LineTemplate::parse_label(text).map_err(|error| {
                        format!("invalid template for label '{label}': {error}")
                    })?;
                    symbols.needed_by(&template);
                    Assigned::Template(template)
                }
            };
            assignments.push((symbols.of(label), assigned));
        }
        Ok(Self { assignments, templates })
    }

    /// Sets the labels one after the other. Templates see the labels as they were before the first
    /// template.
    pub(super) fn run(
        &self,
        line: &Piece,
        moment: Moment,
        labels: &mut LabelsBuilder,
        out: &mut String,
    ) {
        let mut snapshot: Vec<(String, String)> = Vec::new();
        for (label, assigned) in &self.assignments {
            let template = match assigned {
                Assigned::Rename(from) => {
                    if labels.get_symbol(*from).is_some() {
                        let value = label_piece(*from, labels);
                        labels.set_parsed_piece(*label, value);
                        labels.delete_symbol(*from);
                    }
                    continue;
                }
                Assigned::Template(template) => template,
            };
            out.clear();
            let outcome = if self.templates == 1 {
                template.execute(&Input { labels, line: line.clone(), moment }, out)
            } else {
                if snapshot.is_empty() {
                    labels.for_each(|_, name, value| snapshot.push((name.into(), value.into())));
                }
                let line = &labels.text[line.clone()];
                template.execute(&Snapshot { labels: &snapshot, line, moment }, out)
            };
            match outcome {
                Ok(()) => {
                    let value = labels.push_text(out);
                    labels.set_parsed_piece(*label, value);
                }
                Err(details) => labels.set_error(TEMPLATE_ERROR, Some(&details)),
            }
        }
    }
}

/// The sequences that colour a terminal and move its cursor.
const ANSI: &str = concat!(
    "[\u{1b}\u{9b}][\\[\\]()#;?]*",
    "(?:(?:(?:[a-zA-Z\\d]*(?:;[a-zA-Z\\d]*)*)?\u{7})",
    "|(?:(?:\\d{1,4}(?:;\\d{0,4})*)?[\\dA-PRZcf-ntqry=><~]))"
);

/// `| decolorize`: the line without colours.
pub(super) fn decolorize(line: Piece, labels: &mut LabelsBuilder) -> Piece {
    static PATTERN: OnceLock<Option<Pattern>> = OnceLock::new();
    let text = &labels.text[line.clone()];
    // The second byte of the other character that such sequences begin with.
    if memchr::memchr2(0x1b, 0x9b, text.as_bytes()).is_none() {
        return line;
    }
    match PATTERN.get_or_init(|| Pattern::unanchored(ANSI).ok()) {
        Some(pattern) => {
            let plain = pattern.replace_all_literal(text, "");
            labels.push_text(&plain)
        }
        None => line,
    }
}
