//! The series of a range aggregation while its records are read.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashTable;
use watchkeep_model::Labels;

use crate::ast::{Grouping, RangeOp};
use crate::eval::accumulate::{Accumulator, Operation};
use crate::eval::error::{EvalError, Result};
use crate::eval::leaf::Context;
use crate::pipeline::{LabelSet, LabelsBuilder, PRESERVE_ERROR_LABEL, Runner};
use crate::source::LogBatch;

/// Rows between two looks at whether the evaluation is to end.
const ROWS_PER_CHECK: usize = 1024;

/// Samples that a series counts for besides those of its windows: its labels and its place.
const SERIES_SAMPLES: u64 = 16;

/// Series so far.
pub(crate) struct Gathered<'g> {
    pub(crate) context: &'g Context<'g>,
    pub(crate) operation: Operation,
    /// `None`: records are told apart by all labels.
    pub(crate) grouping: Option<Grouping>,
    /// With more series than this the query fails in any case.
    series_max: Option<usize>,
    table: HashTable<usize>,
    series: Vec<(LabelSet, Accumulator)>,
    hasher: foldhash::fast::FixedState,
    /// Scratch space.
    key: Vec<u8>,
    /// Samples held.
    pub(crate) held: u64,
}

impl<'g> Gathered<'g> {
    pub(crate) fn new(
        context: &'g Context<'g>,
        operation: Operation,
        grouping: Option<Grouping>,
        series_max: Option<usize>,
    ) -> Self {
        Self {
            context,
            operation,
            grouping,
            series_max,
            table: HashTable::new(),
            series: Vec::new(),
            hasher: foldhash::fast::FixedState::default(),
            key: Vec::new(),
            held: 0,
        }
    }

    /// The series in an order that does not depend on that in which records came.
    pub(crate) fn finish(mut self) -> Vec<(LabelSet, Accumulator)> {
        self.series.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        self.series
    }

    /// Puts rows through the pipeline.
    pub(crate) fn add_batch(&mut self, runner: &mut Runner<'_>, batch: &LogBatch) -> Result<()> {
        let (mut rows, mut bytes, mut kept) = (0, 0, 0);
        for row in 0..batch.len() {
            if row % ROWS_PER_CHECK == 0 {
                self.context.check()?;
            }
            let time_ns = batch.time_ns[row];
            let Some(steps) = self.operation.windows.steps_of(time_ns) else { continue };
            let stream = &batch.streams[batch.stream[row] as usize];
            let line = batch.lines.get(row);
            rows += 1;
            bytes += line.len() as u64;
            let Some(done) = runner.process(stream, batch.metadata(row), time_ns, line) else {
                continue;
            };
            let value = match self.operation.op {
                _ if self.operation.unwraps => match done.value {
                    Some(value) => value,
                    None => continue,
                },
                RangeOp::BytesOverTime | RangeOp::BytesRate => done.line.len() as f64,
                _ => 1.0,
            };
            kept += 1;
            refuse_error(done.labels)?;
            self.key.clear();
            match &self.grouping {
                Some(grouping) => done.labels.write_grouped(grouping, &mut self.key),
                None => done.labels.write_labels(&mut self.key),
            }
            let number = self.number()?;
            let accumulator = &mut self.series[number].1;
            let before = accumulator.held();
            accumulator.add(&self.operation, steps, (time_ns, value));
            let after = accumulator.held();
            if after > before {
                self.hold(after - before)?;
            }
        }
        let mut stats = self.context.stats.borrow_mut();
        stats.rows += rows;
        stats.bytes += bytes;
        stats.rows_kept += kept;
        Ok(())
    }

    /// Adds records that the source counted, all in the windows of the same steps.
    pub(crate) fn add_counted(
        &mut self,
        labels: &Arc<Labels>,
        steps: (usize, usize),
        records: u64,
        bytes: u64,
    ) -> Result<()> {
        self.key.clear();
        match &self.grouping {
            Some(grouping) => {
                let listed = |name: &[u8]| grouping.labels.iter().any(|l| l.as_bytes() == name);
                labels.write_kept(|name| listed(name) != grouping.without, &mut self.key);
            }
            None => self.key.extend_from_slice(labels.as_bytes()),
        }
        let number = self.number()?;
        let accumulator = &mut self.series[number].1;
        let before = accumulator.held();
        accumulator.add_counted(&self.operation, steps, records, bytes);
        let after = accumulator.held();
        self.context.stats.borrow_mut().rows_counted += records;
        self.hold(after.saturating_sub(before))
    }

    fn hold(&mut self, samples: u64) -> Result<()> {
        self.held += samples;
        self.context.hold(samples)
    }

    /// The number of the series whose labels are the key.
    fn number(&mut self) -> Result<usize> {
        let hash = self.hasher.hash_one(&*self.key);
        let (series, key) = (&self.series, &*self.key);
        if let Some(found) = self.table.find(hash, |at| series[*at].0.as_bytes() == key) {
            return Ok(*found);
        }
        let number = series.len();
        if self.series_max.is_some_and(|series_max| number >= series_max) {
            return Err(EvalError::TooManySeries(number));
        }
        let accumulator = Accumulator::new(&self.operation);
        self.hold(SERIES_SAMPLES + self.key.len() as u64 / 8 + accumulator.held())?;
        self.series.push((LabelSet::from_written(&self.key), accumulator));
        let (series, hasher) = (&self.series, &self.hasher);
        let rehash = |at: &usize| hasher.hash_one(series[*at].0.as_bytes());
        self.table.insert_unique(hash, number, rehash);
        Ok(number)
    }
}

/// An error of a stage fails the query, unless the query asks for errors.
fn refuse_error(labels: &LabelsBuilder) -> Result<()> {
    if !labels.has_error() || labels.get(PRESERVE_ERROR_LABEL) == Some("true") {
        return Ok(());
    }
    Err(EvalError::pipeline(&labels.label_set()))
}
