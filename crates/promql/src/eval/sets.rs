//! `and`, `or` and `unless`.

use crate::algebra::Dialect;
use crate::ast::{BinaryOp, VectorMatching};
use crate::eval::Frame;
use crate::eval::binary::signature;
use crate::eval::error::Result;
use crate::eval::series::{Keys, Merged, Series};

/// At which steps each signature has a series.
struct Presence {
    keys: Keys,
    steps: Vec<Vec<bool>>,
}

impl Presence {
    fn of(series: &[Series], matching: &VectorMatching, frame: Frame) -> Self {
        let mut presence = Self { keys: Keys::default(), steps: Vec::new() };
        let mut key = Vec::new();
        for series in series {
            signature(&series.labels, matching, &mut key);
            let (number, is_new) = presence.keys.number(&key);
            if is_new {
                presence.steps.push(vec![false; frame.steps]);
            }
            for (step, present) in presence.steps[number].iter_mut().enumerate() {
                *present |= series.column.is_present(step);
            }
        }
        presence
    }

    /// Removes the values at steps where the signature of the series is there, or is not.
    fn filter(&mut self, series: &mut Series, matching: &VectorMatching, keep_present: bool) {
        let mut key = Vec::new();
        signature(&series.labels, matching, &mut key);
        let known = self.keys.find(&key);
        for step in 0..series.column.floats.len() {
            let present = known.is_some_and(|number| self.steps[number][step]);
            if present != keep_present {
                series.column.clear(step);
            }
        }
    }
}

/// The result of a set operator.
pub(crate) fn combine(
    op: BinaryOp,
    matching: &VectorMatching,
    mut lhs: Vec<Series>,
    mut rhs: Vec<Series>,
    frame: Frame,
    dialect: Dialect,
) -> Result<Vec<Series>> {
    if op == BinaryOp::Or {
        let mut left = Presence::of(&lhs, matching, frame);
        for series in &mut rhs {
            left.filter(series, matching, false);
        }
        let mut merged = Merged::new(dialect);
        for series in lhs.into_iter().chain(rhs).filter(|series| !series.column.is_empty()) {
            merged.add(series)?;
        }
        return Ok(merged.finish());
    }
    let mut right = Presence::of(&rhs, matching, frame);
    for series in &mut lhs {
        right.filter(series, matching, op == BinaryOp::And);
    }
    lhs.retain(|series| !series.column.is_empty());
    Ok(lhs)
}
