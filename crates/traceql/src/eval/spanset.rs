//! Pipelines on the spans of a trace: filters, operators between sets, groups, and numbers of sets.

use std::cell::OnceCell;
use std::ops::Range;

use hashbrown::HashMap;
use watchkeep_model::attributes::Value;

use super::error::{EvalError, Result};
use super::expr::rows::Rows;
use super::expr::scalar::Scalar;
use super::expr::{Elements, Expr};
use super::structure::{TraceTree, merge};
use super::{label, scalar};
use crate::ast::{FieldExpr, Pipeline, SpansetExpr, SpansetOp, Stage};
use crate::plan::Fields;

/// Spans of one trace, and what was reckoned about them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Set {
    /// Rows of the batch, rising.
    pub spans: Vec<u32>,
    /// What `by` and aggregates tell: name and value.
    pub attributes: Vec<(String, Value)>,
}

/// A pipeline that is ready to be evaluated on batches of its [`Fields`].
#[derive(Debug)]
pub struct Program {
    steps: Steps,
    elements: Elements,
    /// How many filters it has.
    filters: usize,
}

impl Program {
    /// Prepares a pipeline; asks `fields` for what it takes.
    ///
    /// # Errors
    /// [`EvalError::Invalid`] for what can not be evaluated.
    pub fn new(pipeline: &Pipeline, fields: &mut Fields) -> Result<Self> {
        let elements = elements(pipeline);
        let mut compiler = Compiler { fields, elements, filters: 0 };
        let steps = Steps::new(pipeline, &mut compiler)?;
        Ok(Self { steps, elements, filters: compiler.filters })
    }

    /// Whether conditions on events have to hold of one event.
    pub fn elements(&self) -> Elements {
        self.elements
    }

    /// The pipeline on a batch.
    pub fn on<'r>(&'r self, rows: &'r Rows<'r>) -> Running<'r> {
        let masks = (0..self.filters).map(|_| OnceCell::new()).collect();
        Running { program: self, rows, masks: Masks { of_filter: masks } }
    }
}

/// A pipeline at work on a batch.
#[derive(Debug)]
pub struct Running<'r> {
    program: &'r Program,
    rows: &'r Rows<'r>,
    masks: Masks,
}

impl Running<'_> {
    /// The sets that the pipeline leaves of a trace: the one at a place of the batch.
    ///
    /// # Errors
    /// [`EvalError::Invalid`] where an operator between sets meets several of them.
    pub fn sets(&self, place: usize) -> Result<Vec<Set>> {
        let span_of = |place: usize| self.rows.batch.traces[place].rows_end;
        let from = if place == 0 { 0 } else { span_of(place - 1) };
        let trace =
            Trace { rows: self.rows, masks: &self.masks, place, span: from..span_of(place) };
        self.program.steps.run_from_all(&trace)
    }

    /// The rows that are in one of the sets, of all traces; of spans one by one those that pass the
    /// filters.
    ///
    /// # Errors
    /// As [`Running::sets`]; also [`EvalError::Invalid`] for a pipeline that takes whole traces on a
    /// batch without.
    pub fn mask(&self) -> Result<Vec<bool>> {
        if let [Step::Spans(Spans::Filter(filter))] = self.program.steps.list.as_slice() {
            return Ok(self.masks.get(filter, self.rows).to_vec());
        }
        let rows = self.rows.len();
        let mut mask = vec![false; rows];
        if self.rows.batch.traces.is_empty() && rows > 0 {
            let trace =
                Trace { rows: self.rows, masks: &self.masks, place: 0, span: 0..rows as u32 };
            self.mark(&mut mask, self.program.steps.run_from_all(&trace)?);
            return Ok(mask);
        }
        for place in 0..self.rows.batch.traces.len() {
            self.mark(&mut mask, self.sets(place)?);
        }
        Ok(mask)
    }

    fn mark(&self, mask: &mut [bool], sets: Vec<Set>) {
        debug_assert_eq!(mask.len(), self.rows.len(), "a verdict for each row");
        for row in sets.into_iter().flat_map(|set| set.spans) {
            mask[row as usize] = true;
        }
    }
}

/// What a pipeline works on.
#[derive(Debug)]
pub(crate) struct Trace<'r> {
    pub(crate) rows: &'r Rows<'r>,
    masks: &'r Masks,
    /// Its place in the batch.
    place: usize,
    span: Range<u32>,
}

/// Verdicts of filters on all rows of a batch, by the filters' places.
#[derive(Debug)]
struct Masks {
    of_filter: Vec<OnceCell<Vec<bool>>>,
}

impl Masks {
    fn get(&self, filter: &SpanFilter, rows: &Rows<'_>) -> &[bool] {
        self.of_filter[filter.place].get_or_init(|| filter.expr.mask(rows))
    }
}

/// What a pipeline is prepared with.
#[derive(Debug)]
pub(crate) struct Compiler<'f> {
    pub(crate) fields: &'f mut Fields,
    elements: Elements,
    filters: usize,
}

/// The stages of a pipeline.
#[derive(Debug)]
pub(crate) struct Steps {
    list: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Spans(Spans),
    Scalar(Box<scalar::Filter>),
    By { key: Expr, label: String },
    Coalesce,
}

#[derive(Debug)]
enum Spans {
    Filter(SpanFilter),
    Binary { op: SpansetOp, left: Box<Spans>, right: Box<Spans> },
    Pipeline(Steps),
}

#[derive(Debug)]
struct SpanFilter {
    expr: Expr,
    place: usize,
}

impl Steps {
    pub(crate) fn new(pipeline: &Pipeline, compiler: &mut Compiler<'_>) -> Result<Self> {
        let mut list = Vec::new();
        for stage in &pipeline.stages {
            list.push(match stage {
                Stage::Spans(spans) => Step::Spans(Spans::new(spans, compiler)?),
                Stage::Scalar(filter) => {
                    Step::Scalar(Box::new(scalar::Filter::new(filter, compiler)?))
                }
                Stage::By(key) => Step::By {
                    key: Expr::new(key, Elements::Any, compiler.fields)?,
                    label: stage.to_string(),
                },
                Stage::Coalesce => Step::Coalesce,
                // What it names is told of the spans that are found.
                Stage::Select(_) => continue,
            });
        }
        Ok(Self { list })
    }

    fn run_from_all(&self, trace: &Trace<'_>) -> Result<Vec<Set>> {
        let all = |span: Range<u32>| Set { spans: span.collect(), attributes: Vec::new() };
        // The first filter picks from the trace itself.
        if let Some((Step::Spans(Spans::Filter(first)), rest)) = self.list.split_first() {
            let mask = trace.masks.get(first, trace.rows);
            let spans: Vec<u32> = trace.span.clone().filter(|row| mask[*row as usize]).collect();
            if spans.is_empty() {
                return Ok(Vec::new());
            }
            return run(rest, trace, vec![Set { spans, attributes: Vec::new() }]);
        }
        self.run(trace, vec![all(trace.span.clone())])
    }

    pub(crate) fn run(&self, trace: &Trace<'_>, sets: Vec<Set>) -> Result<Vec<Set>> {
        run(&self.list, trace, sets)
    }
}

fn run(steps: &[Step], trace: &Trace<'_>, mut sets: Vec<Set>) -> Result<Vec<Set>> {
    for step in steps {
        sets.retain(|set| !set.spans.is_empty());
        if sets.is_empty() {
            break;
        }
        sets = step.run(trace, sets)?;
    }
    Ok(sets)
}

impl Step {
    fn run(&self, trace: &Trace<'_>, sets: Vec<Set>) -> Result<Vec<Set>> {
        let mut kept = Vec::with_capacity(sets.len());
        match self {
            Self::Spans(spans) => {
                for set in sets {
                    spans.apply(trace, set, &mut kept)?;
                }
            }
            Self::Scalar(filter) => {
                for set in sets {
                    kept.extend(filter.keep(trace, set)?);
                }
            }
            Self::By { key, label } => {
                for set in &sets {
                    group(trace, set, key, label, &mut kept);
                }
            }
            Self::Coalesce => {
                let spans = sets.iter().fold(Vec::new(), |all, set| merge(&all, &set.spans));
                kept.push(Set { spans, attributes: Vec::new() });
            }
        }
        Ok(kept)
    }
}

/// Cuts a set by the value of an expression; groups come in the order of their first spans.
fn group(trace: &Trace<'_>, set: &Set, key: &Expr, label: &str, groups: &mut Vec<Set>) {
    let mut places: HashMap<Key<'_>, usize, foldhash::fast::RandomState> = HashMap::default();
    for row in &set.spans {
        let value = key.value(trace.rows, *row as usize);
        let place = *places.entry(Key::of(value)).or_insert_with(|| {
            let mut attributes = set.attributes.clone();
            attributes.push((label.to_owned(), label::value(value)));
            groups.push(Set { spans: Vec::new(), attributes });
            groups.len() - 1
        });
        groups[place].spans.push(*row);
    }
}

/// A value by which spans are grouped: equal only to values of its type.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Number(u8, u64),
    Text(&'a str),
    List(String),
}

impl<'a> Key<'a> {
    fn of(value: Scalar<'a>) -> Self {
        match value {
            Scalar::Nil => Self::Number(0, 0),
            Scalar::Int(value) => Self::Number(1, value as u64),
            Scalar::Float(value) => Self::Number(2, value.to_bits()),
            Scalar::Bool(value) => Self::Number(3, value.into()),
            Scalar::Duration(value) => Self::Number(4, value as u64),
            Scalar::Status(value) => Self::Number(5, value as u64),
            Scalar::Kind(value) => Self::Number(6, value as u64),
            Scalar::Text(text) => Self::Text(text),
            Scalar::List(items) => {
                let mut text = String::new();
                Value::Array(items.to_vec()).write_json(&mut text);
                Self::List(text)
            }
        }
    }
}

impl Spans {
    fn new(spans: &SpansetExpr, compiler: &mut Compiler<'_>) -> Result<Self> {
        Ok(match spans {
            SpansetExpr::Filter(expression) => {
                let place = compiler.filters;
                compiler.filters += 1;
                let expr = Expr::new(expression, compiler.elements, compiler.fields)?;
                Self::Filter(SpanFilter { expr, place })
            }
            SpansetExpr::Binary { op, left, right } => {
                if let SpansetOp::Structural { .. } = op {
                    compiler.fields.place_tree();
                }
                Self::Binary {
                    op: *op,
                    left: Box::new(Self::new(left, compiler)?),
                    right: Box::new(Self::new(right, compiler)?),
                }
            }
            SpansetExpr::Pipeline(pipeline) => Self::Pipeline(Steps::new(pipeline, compiler)?),
        })
    }

    /// What is left of a set, with the attributes that it had.
    fn apply(&self, trace: &Trace<'_>, set: Set, kept: &mut Vec<Set>) -> Result<()> {
        match self {
            Self::Filter(filter) => {
                let spans = filter.pick(trace, &set.spans);
                if !spans.is_empty() {
                    kept.push(Set { spans, attributes: set.attributes });
                }
            }
            Self::Pipeline(steps) => kept.extend(steps.run(trace, vec![set])?),
            Self::Binary { op, left, right } => {
                let spans = join(trace, *op, left, right, &set)?;
                if !spans.is_empty() {
                    kept.push(Set { spans, attributes: set.attributes });
                }
            }
        }
        Ok(())
    }
}

impl SpanFilter {
    fn pick(&self, trace: &Trace<'_>, spans: &[u32]) -> Vec<u32> {
        let mask = trace.masks.get(self, trace.rows);
        spans.iter().copied().filter(|row| mask[*row as usize]).collect()
    }
}

fn join(
    trace: &Trace<'_>,
    op: SpansetOp,
    left: &Spans,
    right: &Spans,
    set: &Set,
) -> Result<Vec<u32>> {
    let sides = |side: &Spans| {
        let mut sets = Vec::new();
        side.apply(trace, set.clone(), &mut sets)?;
        Ok::<_, EvalError>(sets)
    };
    let (left, right) = (sides(left)?, sides(right)?);
    let all = |sets: &[Set]| sets.iter().fold(Vec::new(), |all, set| merge(&all, &set.spans));
    let SpansetOp::Structural { relation, form } = op else {
        let both = !left.is_empty() && !right.is_empty();
        let wanted = both || op == SpansetOp::Or;
        return Ok(if wanted { merge(&all(&left), &all(&right)) } else { Vec::new() });
    };
    if right.is_empty() {
        return Ok(Vec::new());
    }
    if left.len() > 1 || right.len() > 1 {
        return Err(EvalError::Invalid(
            "spanset operators are not supported for multiple spansets per trace. consider using \
             coalesce()"
                .to_owned(),
        ));
    }
    if trace.rows.batch.traces.is_empty() {
        return Err(EvalError::Invalid("a structural operator takes whole traces".to_owned()));
    }
    let (tree, parents) = (trace.rows.tree(), trace.rows.parents());
    let tree = TraceTree::new(tree, parents, trace.place, trace.span.clone());
    Ok(tree.join(relation, form, &all(&left), &all(&right)))
}

/// Conditions on events have to hold of one event as long as every condition of a query has to hold.
fn elements(pipeline: &Pipeline) -> Elements {
    let all = pipeline.stages.iter().all(|stage| match stage {
        Stage::Spans(SpansetExpr::Filter(expression)) => all_conditions(expression),
        Stage::Spans(SpansetExpr::Pipeline(inner)) => elements(inner) == Elements::Same,
        Stage::Select(_) | Stage::Coalesce => true,
        Stage::Spans(SpansetExpr::Binary { .. }) | Stage::Scalar(_) | Stage::By(_) => false,
    });
    if all { Elements::Same } else { Elements::Any }
}

/// Whether every condition of an expression has to hold: nothing is joined with `||`, and no name
/// is looked up in several scopes.
fn all_conditions(expression: &FieldExpr) -> bool {
    use crate::ast::{BinaryOp, Name};
    match expression {
        FieldExpr::Static(_) => true,
        FieldExpr::Attribute(attribute) => {
            !matches!(attribute.name, Name::Key(watchkeep_model::SpanScope::Any, _))
        }
        FieldExpr::Unary { of, .. } | FieldExpr::Exists { of, .. } => all_conditions(of),
        FieldExpr::Binary { op, left, right, .. } => {
            *op != BinaryOp::Or && all_conditions(left) && all_conditions(right)
        }
    }
}
