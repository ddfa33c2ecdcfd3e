//! Binary operators between two vectors: which series form pairs, and what each pair gives.

use hashbrown::HashMap;
use watchkeep_model::Labels;

use crate::algebra::Dialect;
use crate::ast::{Cardinality, VectorMatching};
use crate::eval::binary::{Operand, Operator, matched_labels, operand, signature};
use crate::eval::error::{EvalError, Result};
use crate::eval::series::{Column, Keys, Merged, Series, is_metadata, written};
use crate::eval::{Evaluator, Frame};

/// The series of both sides with one signature. "Many" is the side that may have several at one
/// step; of a one-to-one match the left one.
#[derive(Default)]
struct Match {
    many: Vec<Series>,
    one: Vec<Series>,
}

/// A join under way.
struct Join<'j> {
    evaluator: &'j Evaluator<'j>,
    operation: Operator,
    matching: &'j VectorMatching,
    frame: Frame,
    /// Steps at which the "many" side has any series, or could be filled; in LogQL all.
    relevant: Vec<bool>,
    out: Merged,
}

/// Steps at which a result was found for a signature, all in all and by its labels.
struct Found {
    any: Vec<bool>,
    by_labels: HashMap<Labels, Vec<bool>, foldhash::fast::FixedState>,
}

impl Evaluator<'_> {
    /// The result of an operator that is no set operator.
    pub(crate) fn joined(
        &self,
        operation: Operator,
        matching: &VectorMatching,
        lhs: Vec<Series>,
        rhs: Vec<Series>,
        frame: Frame,
    ) -> Result<Vec<Series>> {
        let (many, one) =
            if matching.cardinality == Cardinality::OneToMany { (rhs, lhs) } else { (lhs, rhs) };
        let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
        let mut relevant = vec![fills || self.dialect == Dialect::LogQl; frame.steps];
        for series in &many {
            for (step, relevant) in relevant.iter_mut().enumerate() {
                *relevant |= series.column.is_present(step);
            }
        }
        let mut keys = Keys::default();
        let mut matches: Vec<Match> = Vec::new();
        let mut key = Vec::new();
        for (is_many, series) in
            many.into_iter().map(|s| (true, s)).chain(one.into_iter().map(|s| (false, s)))
        {
            signature(&series.labels, matching, &mut key);
            let (number, is_new) = keys.number(&key);
            if is_new {
                matches.push(Match::default());
            }
            let found = &mut matches[number];
            if is_many { found.many.push(series) } else { found.one.push(series) }
        }
        let mut join = Join {
            evaluator: self,
            operation,
            matching,
            frame,
            relevant,
            out: Merged::new(self.dialect),
        };
        for found in &matches {
            self.check()?;
            join.add(found)?;
        }
        Ok(join.out.finish())
    }
}

impl Join<'_> {
    fn add(&mut self, pairs: &Match) -> Result<()> {
        // Upstream calls the values those of the right and the left side, but takes them for those
        // of the "one" and the "many" side.
        let (fill_one, fill_many) = (self.matching.fill_right, self.matching.fill_left);
        if (pairs.many.is_empty() && fill_many.is_none())
            || (pairs.one.is_empty() && fill_one.is_none())
        {
            return self.check_one(pairs).map(|_| ());
        }
        let covered = self.check_one(pairs)?;
        let mut found = Found { any: vec![false; self.frame.steps], by_labels: HashMap::default() };
        for many in &pairs.many {
            for one in &pairs.one {
                let value = |step: usize| operand(&one.column, step);
                self.pair(&many.labels, &one.labels, &mut found, |step| {
                    Some((operand(&many.column, step)?, value(step)?))
                })?;
            }
            if let Some(fill) = fill_one {
                let labels = matched_labels(&many.labels, self.matching);
                self.pair(&many.labels, &labels, &mut found, |step| {
                    let many = operand(&many.column, step)?;
                    (!covered[step]).then_some((many, Operand::Float(fill)))
                })?;
            }
        }
        if let Some(fill) = fill_many {
            let matched = found.any.clone();
            for one in &pairs.one {
                let labels = matched_labels(&one.labels, self.matching);
                self.pair(&labels, &one.labels, &mut found, |step| {
                    let one = operand(&one.column, step)?;
                    (!matched[step]).then_some((Operand::Float(fill), one))
                })?;
            }
        }
        Ok(())
    }

    /// At which steps the "one" side has a series; an error where it has several.
    fn check_one(&self, pairs: &Match) -> Result<Vec<bool>> {
        let mut covered = vec![false; self.frame.steps];
        for (position, one) in pairs.one.iter().enumerate() {
            for (step, covered) in covered.iter_mut().enumerate() {
                if !one.column.is_present(step) {
                    continue;
                }
                if *covered && self.relevant[step] {
                    let earlier = pairs.one[..position]
                        .iter()
                        .rfind(|other| other.column.is_present(step))
                        .unwrap_or(one);
                    return Err(self.ambiguous(&one.labels, &earlier.labels));
                }
                *covered = true;
            }
        }
        Ok(covered)
    }

    fn ambiguous(&self, one: &Labels, other: &Labels) -> EvalError {
        let side =
            if self.matching.cardinality == Cardinality::OneToMany { "left" } else { "right" };
        if self.operation.dialect == Dialect::LogQl {
            return EvalError::execution(format!(
                "found duplicate series on the {side} hand-side;many-to-many matching not allowed: \
                 matching labels must be unique on one side"
            ));
        }
        let mut both = [written(one), written(other)];
        both.sort();
        EvalError::execution(format!(
            "found duplicate series for the match group {} on the {side} hand-side of the \
             operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique \
             on one side",
            written(&matched_labels(one, self.matching)),
            both[0],
            both[1],
        ))
    }

    /// Works a pair of series out at the steps where `operands` gives both.
    fn pair<'v>(
        &mut self,
        many: &Labels,
        one: &Labels,
        found: &mut Found,
        operands: impl Fn(usize) -> Option<(Operand<'v>, Operand<'v>)>,
    ) -> Result<()> {
        let mut column = Column::absent(self.frame.steps);
        let mut labels: Option<Labels> = None;
        let mut has_value = false;
        for step in 0..self.frame.steps {
            let Some((many_value, one_value)) = operands(step) else { continue };
            let (a, b) = if self.matching.cardinality == Cardinality::OneToMany {
                (one_value, many_value)
            } else {
                (many_value, one_value)
            };
            let Some(value) = self.operation.apply(self.evaluator, a, b) else { continue };
            let labels = labels.get_or_insert_with(|| self.result_labels(many, one));
            self.claim(found, labels, step)?;
            if let Some(cell) = self.operation.keep(Some(value)) {
                has_value = true;
                column.set(step, cell);
            }
        }
        match labels {
            Some(labels) if has_value => {
                let drop_name = self.operation.return_bool;
                self.out.add(Series { labels, drop_name, column })
            }
            _ => Ok(()),
        }
    }

    /// Notes that a step has a result; an error where it has one that this is not told apart from.
    fn claim(&self, found: &mut Found, labels: &Labels, step: usize) -> Result<()> {
        let is_one = self.matching.cardinality == Cardinality::OneToOne;
        if is_one && found.any[step] {
            return Err(EvalError::execution(
                "multiple matches for labels: many-to-one matching must be explicit \
                 (group_left/group_right)",
            ));
        }
        found.any[step] = true;
        if is_one {
            return Ok(());
        }
        let steps = self.frame.steps;
        let claimed = match found.by_labels.get_mut(labels) {
            Some(claimed) => claimed,
            None => found.by_labels.entry(labels.clone()).or_insert_with(|| vec![false; steps]),
        };
        if std::mem::replace(&mut claimed[step], true) {
            return Err(EvalError::execution(
                "multiple matches for labels: grouping labels must ensure unique matches",
            ));
        }
        Ok(())
    }

    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let matching = self.matching;
        let drops_name = self.operation.op.changes_meaning();
        let listed = |name: &[u8]| matching.labels.iter().any(|label| label.as_bytes() == name);
        let mut labels = many.kept(|name| {
            if drops_name && is_metadata(name) {
                return false;
            }
            matching.cardinality != Cardinality::OneToOne || listed(name) == matching.is_on
        });
        for name in &matching.include {
            labels = labels.with(name, one.get(name));
        }
        labels
    }
}
