//! The algebra of vectors alone, for the query languages that share it: aggregations, operators and
//! changes of labels over series whose value at each step is known. Series come from the caller one
//! after the other; an aggregation keeps its groups, not its input.

use std::cell::RefCell;

use watchkeep_model::{Labels, Result as SourceResult};

pub use crate::ast::{AggregateOp, BinaryOp, Cardinality, VectorMatching};
use crate::ast::{Span, ValueType};
use crate::eval::error::Result;
use crate::eval::plan::{Aggregate, Binary, Call, Kind, Node};
use crate::eval::series::Series;
use crate::eval::{self, Evaluator, Frame, Options};
use crate::source::{Select, SeriesIter, SeriesSource};

/// Stands for "no sample" among the values of a series. Arithmetic never gives it.
pub const ABSENT: f64 = eval::series::ABSENT;

/// Whether there is no sample.
#[inline]
pub fn is_absent(value: f64) -> bool {
    eval::series::is_absent(value)
}

/// Whose rules hold where languages differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// PromQL.
    #[default]
    PromQl,
    /// LogQL. Dividing by zero gives NaN. Two series of the "one" side with the same matching labels
    /// are an error even at steps where the other side has none. Series with the same labels stand
    /// side by side, where PromQL refuses them. The spread of a single infinite value is 0.
    LogQl,
}

/// Takes a series: its labels, and its value at each step or [`ABSENT`].
pub type Sink<'s> = &'s mut dyn FnMut(Labels, Vec<f64>) -> Result<()>;

/// Hands series to a sink.
pub type Feed<'a> = Box<dyn FnOnce(Sink<'_>) -> Result<()> + 'a>;

/// An expression over series.
pub enum Term<'a> {
    /// Series.
    Series(Feed<'a>),
    /// A number; the operand of a [`Term::Binary`] whose other side has series.
    Number(f64),
    /// `sum by (a) (operand)`, `topk(parameter, operand)`.
    Aggregate {
        /// How.
        op: AggregateOp,
        /// The k of `topk` and `bottomk`.
        parameter: Option<f64>,
        /// By which labels.
        grouping: Vec<String>,
        /// Whether these are left out rather than kept.
        without: bool,
        /// What.
        operand: Box<Self>,
    },
    /// `left + on (a) right`.
    Binary {
        /// Which operator.
        op: BinaryOp,
        /// Left side.
        left: Box<Self>,
        /// Right side.
        right: Box<Self>,
        /// Whether a comparison answers 0 or 1.
        return_bool: bool,
        /// How series of both sides are matched.
        matching: VectorMatching,
    },
    /// `label_replace(operand, …)`.
    LabelReplace {
        /// Of what.
        operand: Box<Self>,
        /// The label that is set.
        destination: String,
        /// To what.
        replacement: String,
        /// The label that is looked at.
        source: String,
        /// What it must match as a whole.
        pattern: String,
    },
    /// `sort(operand)`: orders series by their value where there is a single step.
    Sort {
        /// What.
        operand: Box<Self>,
        /// Whether the greatest comes first.
        descending: bool,
    },
}

impl std::fmt::Debug for Term<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Series(_) => "Series",
            Self::Number(_) => "Number",
            Self::Aggregate { .. } => "Aggregate",
            Self::Binary { .. } => "Binary",
            Self::LabelReplace { .. } => "LabelReplace",
            Self::Sort { .. } => "Sort",
        })
    }
}

/// The value of an operator between two numbers; a comparison gives 0 or 1.
pub fn number(op: BinaryOp, a: f64, b: f64, dialect: Dialect) -> f64 {
    if op == BinaryOp::Div && b == 0.0 && dialect == Dialect::LogQl {
        return f64::NAN;
    }
    eval::binary::scalars(op, a, b)
}

/// Evaluates an expression for `steps` steps; series without any value may be among the result.
/// Of the options `samples_max` and `interrupt` are used.
///
/// # Errors
/// Those of the feeds, and [`crate::EvalError`].
pub fn evaluate(
    term: Term<'_>,
    steps: usize,
    dialect: Dialect,
    options: &Options<'_>,
) -> Result<Vec<(Labels, Vec<f64>)>> {
    if steps == 0 {
        return Ok(Vec::new());
    }
    let mut feeds = Feeds(Vec::new());
    let node = feeds.node(term);
    let evaluator = Evaluator::over_given(&NoSeries, options, dialect, &feeds);
    let frame = Frame { start_ms: 0, interval_ms: 1, steps };
    let series = evaluator.vector(&node, frame)?;
    Ok(series.into_iter().map(|series| (series.labels, series.column.floats)).collect())
}

/// What a [`Kind::Given`] stands for.
pub(crate) trait Given {
    /// Hands the series of a number over; there are none the second time.
    fn feed(&self, number: usize, sink: eval::Sink<'_>) -> Result<()>;
}

struct Feeds<'a>(Vec<RefCell<Option<Feed<'a>>>>);

impl Given for Feeds<'_> {
    fn feed(&self, number: usize, sink: eval::Sink<'_>) -> Result<()> {
        let feed = self.0.get(number).and_then(RefCell::take);
        let Some(feed) = feed else { return Ok(()) };
        feed(&mut |labels, values| {
            let column = eval::series::Column::from_floats(values);
            sink(Series { labels, drop_name: false, column })
        })
    }
}

impl<'a> Feeds<'a> {
    fn node(&mut self, term: Term<'a>) -> Node {
        let kind = match term {
            Term::Series(feed) => {
                self.0.push(RefCell::new(Some(feed)));
                Kind::Given(self.0.len() - 1)
            }
            Term::Number(value) => Kind::Number(value),
            Term::Aggregate { op, parameter, mut grouping, without, operand } => {
                grouping.sort();
                let param = parameter.map(|value| plain(Kind::Number(value)));
                let operand = self.node(*operand);
                Kind::Aggregate(Box::new(Aggregate { op, operand, param, grouping, without }))
            }
            Term::Binary { op, left, right, return_bool, matching } => {
                let (lhs, rhs) = (self.node(*left), self.node(*right));
                let matching = Some(matching);
                Kind::Binary(Box::new(Binary { op, lhs, rhs, return_bool, matching }))
            }
            Term::LabelReplace { operand, destination, replacement, source, pattern } => {
                let texts = [destination, replacement, source, pattern];
                let texts = texts.into_iter().map(|text| plain(Kind::Text(text)));
                let args = std::iter::once(self.node(*operand)).chain(texts).collect();
                call("label_replace", args)
            }
            Term::Sort { operand, descending } => {
                let name = if descending { "sort_desc" } else { "sort" };
                call(name, vec![self.node(*operand)])
            }
        };
        plain(kind)
    }
}

fn call(name: &'static str, args: Vec<Node>) -> Kind {
    Kind::Call(Box::new(Call { name, returns: ValueType::Vector, args }))
}

fn plain(kind: Kind) -> Node {
    Node { kind, span: Span::default() }
}

/// Nothing is read besides what the feeds give.
struct NoSeries;

impl SeriesSource for NoSeries {
    fn select(&self, _select: &Select) -> SourceResult<SeriesIter<'_>> {
        Ok(Box::new(std::iter::empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EvalError;

    fn series<'a>(all: &[(&'a str, &'a [f64])]) -> Term<'a> {
        let all = all.to_vec();
        Term::Series(Box::new(move |sink| {
            all.into_iter().try_for_each(|(name, values)| {
                sink(Labels::from_pairs([("a", name), ("all", "1")]), values.to_vec())
            })
        }))
    }

    fn on(labels: &[&str], cardinality: Cardinality) -> VectorMatching {
        VectorMatching {
            cardinality,
            is_on: true,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            include: Vec::new(),
            fill_left: None,
            fill_right: None,
        }
    }

    fn binary<'a>(
        op: BinaryOp,
        left: Term<'a>,
        right: Term<'a>,
        matching: VectorMatching,
    ) -> Term<'a> {
        let (left, right) = (Box::new(left), Box::new(right));
        Term::Binary { op, left, right, return_bool: false, matching }
    }

    fn run(term: Term<'_>, steps: usize, dialect: Dialect) -> Result<Vec<(Labels, Vec<f64>)>> {
        evaluate(term, steps, dialect, &Options::default())
    }

    fn single(term: Term<'_>, dialect: Dialect) -> f64 {
        run(term, 1, dialect).unwrap()[0].1[0]
    }

    #[test]
    fn dividing_by_zero_is_nan_in_logql() {
        let matching = || on(&["a"], Cardinality::OneToOne);
        for (left, right) in [(true, true), (true, false), (false, true)] {
            let side = |is_vector, value: &'static [f64]| {
                if is_vector { series(&[("x", value)]) } else { Term::Number(value[0]) }
            };
            let term =
                || binary(BinaryOp::Div, side(left, &[3.0]), side(right, &[0.0]), matching());
            assert!(single(term(), Dialect::LogQl).is_nan());
            assert!(single(term(), Dialect::PromQl).is_infinite());
        }
        assert!(number(BinaryOp::Div, 1.0, 0.0, Dialect::LogQl).is_nan());
    }

    #[test]
    fn series_that_can_not_be_told_apart_are_refused_even_without_a_partner_in_logql() {
        let two = || series(&[("x", &[1.0]), ("y", &[2.0])]);
        let term =
            || binary(BinaryOp::Add, series(&[]), two(), on(&["all"], Cardinality::OneToOne));
        assert_eq!(run(term(), 1, Dialect::PromQl).unwrap(), []);
        let failure = run(term(), 1, Dialect::LogQl).unwrap_err().to_string();
        assert_eq!(
            failure,
            "found duplicate series on the right hand-side;many-to-many matching not allowed: \
             matching labels must be unique on one side"
        );
    }

    #[test]
    fn series_of_the_same_labels_stand_side_by_side_in_logql() {
        let same = || Term::LabelReplace {
            operand: Box::new(series(&[("x", &[1.0]), ("y", &[2.0])])),
            destination: "a".to_owned(),
            replacement: String::new(),
            source: "a".to_owned(),
            pattern: ".*".to_owned(),
        };
        assert!(run(same(), 1, Dialect::PromQl).is_err());
        assert_eq!(run(same(), 1, Dialect::LogQl).unwrap().len(), 2);
        let sum = Term::Aggregate {
            op: AggregateOp::Sum,
            parameter: None,
            grouping: vec!["all".to_owned()],
            without: false,
            operand: Box::new(same()),
        };
        assert_eq!(single(sum, Dialect::LogQl), 3.0);
    }

    #[test]
    fn one_infinite_value_has_no_spread_in_logql() {
        let term = || Term::Aggregate {
            op: AggregateOp::Stddev,
            parameter: None,
            grouping: Vec::new(),
            without: false,
            operand: Box::new(series(&[("x", &[f64::INFINITY])])),
        };
        assert_eq!(single(term(), Dialect::LogQl), 0.0);
        assert!(single(term(), Dialect::PromQl).is_nan());
    }

    #[test]
    fn more_samples_than_may_be_held_are_refused() {
        let options = Options { samples_max: 1, ..Options::default() };
        let term = series(&[("x", &[1.0, 2.0])]);
        let failure = evaluate(term, 2, Dialect::LogQl, &options);
        assert!(matches!(failure, Err(EvalError::TooManySamples)), "{failure:?}");
    }
}
