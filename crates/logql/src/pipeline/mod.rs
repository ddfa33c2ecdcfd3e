//! What the stages of a query do to one line: it is dropped, or goes on with other labels and
//! another text.
//!
//! A [`Pipeline`] is the stages made ready to run; a [`Runner`] is what changes while they run and
//! is used again from line to line, so that a line costs no allocations. [`labels`] has the rules of
//! the three categories of labels, which every stage goes by.

mod captures;
mod format;
mod ip;
mod json;
mod keys;
mod label_filter;
mod labels;
mod line_filter;
mod logfmt;
mod names;
pub mod number;
mod pattern;
mod select;
mod symbols;
mod text_test;
mod unwrap;

pub use ip::{IpPattern, IpPatternError};
pub use json::{
    FieldVisitor, JsonError, JsonPath, JsonPathError, PathStep, ValueKind, json_fields,
};
pub(crate) use keys::push_sanitized;
pub use labels::{
    Category, ERROR_DETAILS_LABEL, ERROR_LABEL, LabelSet, LabelsBuilder, PRESERVE_ERROR_LABEL,
};
pub use logfmt::{LogfmtError, logfmt_fields};
pub use pattern::{PatternExpression, PatternExpressionError};
pub use text_test::TextTest;

use std::sync::Arc;

use watchkeep_model::{GroupPlaces, Labels};

use crate::ast::{Span, Stage, StageExpr, Unwrap};
use captures::{PatternParser, Regexp};
use format::{LabelMaker, LineMaker, Moment, decolorize};
use json::{JsonFields, JsonFieldsState, JsonState, UnpackState, parse_json, unpack};
use label_filter::LabelTest;
use labels::{Hints, Piece};
use line_filter::LineTest;
use logfmt::{Logfmt, LogfmtField, LogfmtState, field_key};
use names::Symbol;
use select::{Selected, drop_labels, keep_labels};
use symbols::Symbols;
use unwrap::Unwrapper;

/// Why stages can not be run: one of them is written wrongly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PipelineError {
    /// What is wrong, in Loki's words.
    pub message: String,
    /// Where the stage stands.
    pub span: Span,
}

/// What a pipeline is to be run for.
#[derive(Debug, Clone, Default)]
pub struct PipelineOptions {
    /// Time of the evaluation, nanoseconds since the epoch.
    pub now_ns: i64,
    /// The labels that the result is grouped by; `None` for all labels. Parsers leave out what
    /// neither these, the stages nor `unwrap` speak of, and stop reading a line (without finding
    /// what is broken behind) once they have all. That is what Loki does for the range aggregation
    /// inside a `sum`, and for one with a `by` clause: `Some` of the names in the clause.
    pub needed: Option<Vec<String>>,
    /// The number to take of each line.
    pub unwrap: Option<Unwrap>,
}

/// Stages made ready to run.
#[derive(Debug)]
pub struct Pipeline {
    steps: Vec<Step>,
    /// How many of the steps do nothing but look at the line as it came.
    line_filters: usize,
    unwrap: Option<Unwrapper>,
    now_ns: i64,
    names: Vec<String>,
    hints: Arc<Hints>,
}

#[derive(Debug)]
enum Step {
    LineFilter(LineTest),
    Json,
    JsonFields(JsonFields),
    Logfmt(Logfmt),
    Regexp(Regexp),
    Pattern(PatternParser),
    Unpack,
    LabelFilter(LabelTest),
    LineFormat(LineMaker),
    LabelFormat(LabelMaker),
    Decolorize,
    Drop(Vec<Selected>),
    Keep(Vec<Selected>),
}

impl Pipeline {
    /// Makes stages ready.
    pub fn new(stages: &[StageExpr], options: PipelineOptions) -> Result<Self, PipelineError> {
        let PipelineOptions { now_ns, needed, unwrap } = options;
        let mut symbols = Symbols::default();
        let mut steps = Vec::with_capacity(stages.len());
        for stage in stages {
            let step = Step::new(&stage.stage, &mut symbols);
            steps.push(step.map_err(|message| PipelineError { message, span: stage.span })?);
        }
        let unwrap = unwrap.map(|unwrap| {
            Unwrapper::new(&unwrap, &mut symbols)
                .map_err(|message| PipelineError { message, span: unwrap.span })
        });
        let line_filters = steps.iter().take_while(|step| matches!(step, Step::LineFilter(_)));
        let hints = symbols.hints(needed.as_deref());
        Ok(Self {
            line_filters: line_filters.count(),
            steps,
            unwrap: unwrap.transpose()?,
            now_ns,
            names: symbols.names,
            hints: Arc::new(hints),
        })
    }

    /// State for running it over the lines of streams; used again from line to line.
    pub fn runner(&self) -> Runner<'_> {
        let names = self.names.iter().map(String::as_str);
        Runner {
            pipeline: self,
            labels: LabelsBuilder::new(names, Arc::clone(&self.hints)),
            states: self.steps.iter().map(State::of).collect(),
            text: String::new(),
            symbols: Vec::new(),
        }
    }
}

/// Fails with Loki's words where a stage can not be run.
pub(crate) fn check(stage: &Stage) -> Result<(), String> {
    Step::new(stage, &mut Symbols::default()).map(drop)
}

impl Step {
    fn new(stage: &Stage, symbols: &mut Symbols) -> Result<Self, String> {
        let mut selected = |operands: &[_]| {
            operands.iter().map(|operand| Selected::new(operand, symbols)).collect()
        };
        Ok(match stage {
            Stage::LineFilter(filter) => Self::LineFilter(LineTest::new(filter)?),
            Stage::Json(fields) if fields.is_empty() => Self::Json,
            Stage::Json(fields) => {
                let field = |field: &crate::ast::Extraction| {
                    let path = JsonPath::parse(&field.expression);
                    let path = path.map_err(|error| error.to_string())?;
                    Ok::<_, String>((symbols.of(&field.label), path))
                };
                let fields = fields.iter().map(field).collect::<Result<_, _>>()?;
                Self::JsonFields(JsonFields::new(fields))
            }
            Stage::Logfmt { strict, keep_empty, fields } => {
                let field = |field: &crate::ast::Extraction| {
                    let key = symbols.of(&field_key(&field.expression)?);
                    Ok::<_, String>(LogfmtField { label: symbols.of(&field.label), key })
                };
                let fields = fields.iter().map(field).collect::<Result<_, _>>()?;
                Self::Logfmt(Logfmt { strict: *strict, keep_empty: *keep_empty, fields })
            }
            Stage::Regexp(text) => Self::Regexp(Regexp::new(text, symbols)?),
            Stage::Pattern(text) => Self::Pattern(PatternParser::new(text, symbols)?),
            Stage::Unpack => Self::Unpack,
            Stage::LabelFilter(filter) => Self::LabelFilter(LabelTest::new(filter, symbols)?),
            Stage::LineFormat(text) => Self::LineFormat(LineMaker::new(text, symbols)?),
            Stage::LabelFormat(formats) => Self::LabelFormat(LabelMaker::new(formats, symbols)?),
            Stage::Decolorize => Self::Decolorize,
            Stage::Drop(operands) => Self::Drop(selected(operands)),
            Stage::Keep(operands) => Self::Keep(selected(operands)),
        })
    }
}

/// What a step keeps from line to line.
#[derive(Debug)]
enum State {
    None,
    Json(JsonState),
    JsonFields(JsonFieldsState),
    Logfmt(LogfmtState),
    Regexp(GroupPlaces),
    Unpack(UnpackState),
}

impl State {
    fn of(step: &Step) -> Self {
        match step {
            Step::Json => Self::Json(JsonState::default()),
            Step::JsonFields(_) => Self::JsonFields(JsonFieldsState::default()),
            Step::Logfmt(_) => Self::Logfmt(LogfmtState::default()),
            Step::Regexp(regexp) => Self::Regexp(regexp.places()),
            Step::Unpack => Self::Unpack(UnpackState::default()),
            _ => Self::None,
        }
    }
}

/// A pipeline that is being run.
#[derive(Debug)]
pub struct Runner<'p> {
    pipeline: &'p Pipeline,
    labels: LabelsBuilder,
    /// One for each step.
    states: Vec<State>,
    /// Room for what templates write.
    text: String,
    symbols: Vec<Symbol>,
}

/// A line that went through.
#[derive(Debug)]
pub struct Processed<'r> {
    /// Its text.
    pub line: &'r str,
    /// Its labels.
    pub labels: &'r LabelsBuilder,
    /// The number that was unwrapped, where [`PipelineOptions::unwrap`] asks for one. A label that
    /// is no number gives 0 and sets the error label; a line without the label is dropped.
    pub value: Option<f64>,
}

impl Runner<'_> {
    /// Puts a line through. `None`: it is dropped.
    pub fn process<'r, 'm>(
        &'r mut self,
        stream: &Labels,
        metadata: impl Iterator<Item = (&'m str, &'m str)>,
        time_ns: i64,
        line: &str,
    ) -> Option<Processed<'r>> {
        let pipeline = self.pipeline;
        let (filters, steps) = pipeline.steps.split_at(pipeline.line_filters);
        for step in filters {
            if let Step::LineFilter(test) = step
                && !test.keeps(line)
            {
                return None;
            }
        }
        let mut piece = self.labels.begin(stream, line);
        for (name, value) in metadata {
            self.labels.add_metadata(name, value);
        }
        let moment = Moment { time_ns, now_ns: pipeline.now_ns };
        for (place, step) in steps.iter().enumerate() {
            piece = self.step(step, pipeline.line_filters + place, piece, moment)?;
        }
        let value = match &pipeline.unwrap {
            Some(unwrap) => Some(unwrap.value(&mut self.labels)?),
            None => None,
        };
        Some(Processed { line: &self.labels.text[piece], labels: &self.labels, value })
    }

    /// Takes one step; `None` drops the line.
    fn step(&mut self, step: &Step, place: usize, line: Piece, moment: Moment) -> Option<Piece> {
        let Self { labels, states, text, symbols, .. } = self;
        match (step, &mut states[place]) {
            (Step::LineFilter(test), _) => {
                return test.keeps(&labels.text[line.clone()]).then_some(line);
            }
            (Step::LabelFilter(test), _) => return test.keeps(labels).then_some(line),
            (Step::LineFormat(maker), _) => return Some(maker.run(line, moment, labels, text)),
            (Step::Decolorize, _) => return Some(decolorize(line, labels)),
            (Step::Unpack, State::Unpack(state)) => return Some(unpack(line, labels, state)),
            (Step::Json, State::Json(state)) => parse_json(line.clone(), labels, state),
            (Step::JsonFields(fields), State::JsonFields(state)) => {
                fields.parse(line.clone(), labels, state);
            }
            (Step::Logfmt(logfmt), State::Logfmt(state)) => {
                logfmt.parse(line.clone(), labels, state);
            }
            (Step::Regexp(regexp), State::Regexp(places)) => regexp.parse(&line, labels, places),
            (Step::Pattern(pattern), _) => pattern.parse(&line, labels),
            (Step::LabelFormat(maker), _) => maker.run(&line, moment, labels, text),
            (Step::Drop(dropped), _) => drop_labels(dropped, labels),
            (Step::Keep(kept), _) => keep_labels(kept, labels, symbols),
            (
                Step::Unpack | Step::Json | Step::JsonFields(_) | Step::Logfmt(_) | Step::Regexp(_),
                _,
            ) => unreachable!("states are made of the steps"),
        }
        Some(line)
    }
}
