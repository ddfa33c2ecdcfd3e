//! Expressions on the spans of a batch: [`Expr::mask`] tells which spans fulfil one, [`Expr::value`]
//! what it is on a span.
//!
//! Comparisons of a name with a constant go over a column in one pass, texts once each; `&&`, `||`
//! and `!` work on the verdicts. Everything else is reckoned row by row on values that borrow from the
//! batch: nothing is allocated for a row.

pub(crate) mod compile;
pub mod rows;
pub mod scalar;
pub(crate) mod test;

use watchkeep_model::span_query::FieldColumn;

use crate::ast::{BinaryOp, Static};
use crate::plan::FieldRef;
use rows::{Rows, present_mask};
use scalar::{Scalar, arithmetic, compare, negated};
use test::{Test, any_element};

pub use compile::Elements;

use super::structure::NONE;

/// An expression that is ready to be evaluated on batches of its [`Fields`](crate::plan::Fields).
#[derive(Debug)]
pub struct Expr {
    node: Node,
}

#[derive(Debug)]
enum Node {
    Constant(Static),
    Field(FieldRef),
    /// `name op constant`.
    Compare(FieldRef, Test),
    /// Several of these that one event or link has to fulfil together.
    SameElement(Vec<(FieldRef, Test)>),
    /// `name != nil`, or with `false` `name = nil`.
    Exists(FieldRef, bool),
    /// The same of an expression.
    IsThere(Box<Node>, bool),
    Minus(Box<Node>),
    Not(Box<Node>),
    /// Comparison and arithmetic.
    Binary(BinaryOp, Box<Node>, Box<Node>),
    /// `a && b && …`.
    Every(Vec<Node>),
    /// `a || b || …`.
    Some(Vec<Node>),
}

impl Expr {
    /// Which rows fulfil the expression: those on which it is true.
    pub fn mask(&self, rows: &Rows<'_>) -> Vec<bool> {
        self.node.mask(rows)
    }

    /// What the expression is on a row.
    pub fn value<'r>(&'r self, rows: &'r Rows<'_>, row: usize) -> Scalar<'r> {
        self.node.value(rows, row)
    }

    /// Whether it is the same for all spans.
    pub fn constant(&self) -> Option<Scalar<'_>> {
        match &self.node {
            Node::Constant(constant) => Some(Scalar::of_static(constant)),
            _ => None,
        }
    }

    /// The column of a plain name, where its values can be taken as they are: neither of the
    /// parent nor with a special meaning.
    pub fn column<'r>(&self, rows: &'r Rows<'_>) -> Option<&'r FieldColumn> {
        match &self.node {
            Node::Field(field) if !field.of_parent => Some(rows.column(field.source)),
            _ => None,
        }
    }
}

impl Node {
    fn mask(&self, rows: &Rows<'_>) -> Vec<bool> {
        match self {
            Self::Constant(constant) => vec![*constant == Static::Bool(true); rows.len()],
            Self::Compare(field, test) => {
                let column = rows.column(field.source);
                of_field(rows, *field, test.rows(column, field.reading, rows.len()))
            }
            Self::SameElement(tests) => same_element(rows, tests),
            Self::Exists(field, exists) => {
                let mut there = if field.reading.absent_text().is_some() {
                    vec![true; rows.len()]
                } else {
                    present_mask(rows.column(field.source), rows.len())
                };
                there = of_field(rows, *field, there);
                if !exists {
                    invert(&mut there);
                }
                there
            }
            Self::Every(nodes) => folded(rows, nodes, true, |left, right| left & right),
            Self::Some(nodes) => folded(rows, nodes, false, |left, right| left | right),
            Self::Not(of) if of.is_truth() => {
                let mut mask = of.mask(rows);
                invert(&mut mask);
                mask
            }
            Self::Field(_)
            | Self::IsThere(..)
            | Self::Minus(_)
            | Self::Not(_)
            | Self::Binary(..) => {
                (0..rows.len()).map(|row| self.value(rows, row) == Scalar::Bool(true)).collect()
            }
        }
    }

    /// Whether it is true or false of every span, and never something else.
    fn is_truth(&self) -> bool {
        match self {
            Self::Constant(constant) => matches!(constant, Static::Bool(_)),
            Self::Field(_) | Self::Minus(_) => false,
            Self::Not(of) => of.is_truth(),
            Self::Binary(op, ..) => is_comparison(*op),
            Self::Compare(..)
            | Self::SameElement(_)
            | Self::Exists(..)
            | Self::IsThere(..)
            | Self::Every(_)
            | Self::Some(_) => true,
        }
    }

    fn value<'r>(&'r self, rows: &'r Rows<'_>, row: usize) -> Scalar<'r> {
        match self {
            Self::Constant(constant) => Scalar::of_static(constant),
            Self::Field(field) => rows.value(*field, row),
            Self::Compare(field, test) => Scalar::Bool(holds_on(rows, *field, test, row)),
            Self::SameElement(tests) => Scalar::Bool(same_element(rows, tests)[row]),
            Self::Exists(field, exists) => {
                let there = is_there(rows, *field, row);
                Scalar::Bool(there == *exists)
            }
            Self::IsThere(of, exists) => Scalar::Bool(of.value(rows, row).is_nil() != *exists),
            Self::Minus(of) => negated(of.value(rows, row)),
            Self::Not(of) => match of.value(rows, row) {
                Scalar::Bool(value) => Scalar::Bool(!value),
                _ => Scalar::Nil,
            },
            Self::Binary(op, left, right) => {
                let (left, right) = (left.value(rows, row), right.value(rows, row));
                if is_comparison(*op) {
                    Scalar::Bool(compare(*op, left, right))
                } else {
                    arithmetic(*op, left, right)
                }
            }
            Self::Every(nodes) => Scalar::Bool(nodes.iter().all(|node| node.is_true(rows, row))),
            Self::Some(nodes) => Scalar::Bool(nodes.iter().any(|node| node.is_true(rows, row))),
        }
    }

    fn is_true(&self, rows: &Rows<'_>, row: usize) -> bool {
        self.value(rows, row) == Scalar::Bool(true)
    }
}

fn invert(mask: &mut [bool]) {
    for verdict in mask {
        *verdict = !*verdict;
    }
}

fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne};
    matches!(op, Eq | Ne | Lt | Le | Gt | Ge)
}

/// Joins the verdicts of all nodes; stops where the rest can not change any of them.
fn folded(
    rows: &Rows<'_>,
    nodes: &[Node],
    open: bool,
    join: impl Fn(bool, bool) -> bool,
) -> Vec<bool> {
    let mut mask = vec![open; rows.len()];
    for node in nodes {
        if !mask.contains(&open) {
            break;
        }
        let other = node.mask(rows);
        mask.iter_mut().zip(other).for_each(|(verdict, other)| *verdict = join(*verdict, other));
    }
    mask
}

/// Whether a test holds on one row; of a repeated column of one of its values.
fn holds_on(rows: &Rows<'_>, field: FieldRef, test: &Test, row: usize) -> bool {
    let Some(row) = row_of(rows, field, row) else { return false };
    match rows.column(field.source) {
        FieldColumn::Repeated { ends, values } => rows::elements(ends, row)
            .any(|element| test.holds(rows::read(values, field.reading, element))),
        column => test.holds(rows::read(column, field.reading, row)),
    }
}

/// Whether a span has a field.
fn is_there(rows: &Rows<'_>, field: FieldRef, row: usize) -> bool {
    let Some(row) = row_of(rows, field, row) else { return false };
    field.reading.absent_text().is_some() || rows::is_present(rows.column(field.source), row)
}

/// The row that a field is read on: of the parent its row, where it is there.
fn row_of(rows: &Rows<'_>, field: FieldRef, row: usize) -> Option<usize> {
    if !field.of_parent {
        return Some(row);
    }
    let parent = rows.parents()[row];
    (parent != NONE).then_some(parent as usize)
}

/// Verdicts on spans, or where the field is of the parent on the parents of spans.
fn of_field(rows: &Rows<'_>, field: FieldRef, verdicts: Vec<bool>) -> Vec<bool> {
    if !field.of_parent {
        return verdicts;
    }
    let verdict = |parent: &u32| match *parent {
        NONE => false,
        parent => verdicts[parent as usize],
    };
    rows.parents().iter().map(verdict).collect()
}

/// Which spans have an event (or link) of which all tests hold.
fn same_element(rows: &Rows<'_>, tests: &[(FieldRef, Test)]) -> Vec<bool> {
    let mut all: Option<(&[u32], Vec<bool>)> = None;
    for (field, test) in tests {
        let FieldColumn::Repeated { ends, values } = rows.column(field.source) else {
            return vec![false; rows.len()];
        };
        let count = ends.last().map_or(0, |end| *end as usize);
        let verdicts = test.single(values, field.reading, count);
        match &mut all {
            None => all = Some((ends, verdicts)),
            Some((_, all)) => {
                all.iter_mut().zip(verdicts).for_each(|(all, verdict)| *all &= verdict);
            }
        }
    }
    all.map_or_else(|| vec![false; rows.len()], |(ends, all)| any_element(ends, &all))
}
