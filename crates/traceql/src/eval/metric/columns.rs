//! The spans of a batch that count, as columns: which rows, when they start, at which step, with which
//! number, in which group. Loops are without branches where they can be: one span counts and the next
//! does not, so a branch would be guessed wrong half of the time.

use watchkeep_model::span_query::FieldColumn;

use super::groups::NO_GROUP;
use super::numbers::Numbers;
use super::steps::{NO_STEP, StepFinder};
use crate::eval::error::Result;
use crate::eval::expr::rows::{Rows, read};
use crate::eval::expr::scalar::Scalar;
use crate::eval::spanset::Program;
use crate::plan::Reading;

/// Spans that count. All columns are of one length; `values` is empty where nothing is reckoned with.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) rows: Vec<u32>,
    pub(crate) starts: Vec<i64>,
    pub(crate) steps: Vec<u32>,
    pub(crate) values: Vec<f64>,
    pub(crate) groups: Vec<u32>,
}

impl Columns {
    /// Begins with the rows that a pipeline leaves, in order.
    pub(crate) fn pick(&mut self, program: &Program, rows: &Rows<'_>) -> Result<()> {
        let mask = program.on(rows).mask()?;
        self.rows.clear();
        self.rows.resize(mask.len(), 0);
        let mut count = 0;
        for (row, keeps) in mask.iter().enumerate() {
            self.rows[count] = row as u32;
            count += usize::from(*keeps);
        }
        self.rows.truncate(count);
        self.values.clear();
        self.groups.clear();
        Ok(())
    }

    /// Reads the number of each row.
    pub(crate) fn read_values(&mut self, numbers: &Numbers, rows: &Rows<'_>) {
        numbers.read(rows, &self.rows, &mut self.values);
    }

    /// Finds the step of each row, and drops rows that start in none or have no number. `start` is the
    /// place of the column that says when spans start.
    pub(crate) fn find_steps(&mut self, finder: &StepFinder, rows: &Rows<'_>, start: usize) {
        match rows.batch.columns.get(start) {
            Some(FieldColumn::Int { values, present: None }) => {
                self.compact(|row| (finder.find(values[row as usize]), values[row as usize]));
            }
            Some(column) => self.compact(|row| match read(column, Reading::Plain, row as usize) {
                Scalar::Int(start) => (finder.find(start), start),
                _ => (NO_STEP, 0),
            }),
            None => self.rows.clear(),
        }
    }

    fn compact(&mut self, find: impl Fn(u32) -> (u32, i64)) {
        let Self { rows, starts, steps, values, .. } = self;
        starts.resize(rows.len(), 0);
        steps.resize(rows.len(), 0);
        let mut count = 0;
        if values.is_empty() {
            for at in 0..rows.len() {
                let row = rows[at];
                let (step, start) = find(row);
                (rows[count], steps[count], starts[count]) = (row, step, start);
                count += usize::from(step != NO_STEP);
            }
        } else {
            for at in 0..rows.len() {
                let (row, value) = (rows[at], values[at]);
                let (step, start) = find(row);
                (rows[count], steps[count], starts[count]) = (row, step, start);
                values[count] = value;
                count += usize::from((step != NO_STEP) & !value.is_nan());
            }
            values.truncate(count);
        }
        rows.truncate(count);
        starts.truncate(count);
        steps.truncate(count);
    }

    /// Drops rows that are in no group; tells whether there were any.
    pub(crate) fn drop_ungrouped(&mut self) -> bool {
        if !self.groups.contains(&NO_GROUP) {
            return false;
        }
        let Self { rows, starts, steps, values, groups } = self;
        let mut count = 0;
        for at in 0..groups.len() {
            rows[count] = rows[at];
            starts[count] = starts[at];
            steps[count] = steps[at];
            if !values.is_empty() {
                values[count] = values[at];
            }
            groups[count] = groups[at];
            count += usize::from(groups[count] != NO_GROUP);
        }
        rows.truncate(count);
        starts.truncate(count);
        steps.truncate(count);
        values.truncate(count);
        groups.truncate(count);
        true
    }
}
