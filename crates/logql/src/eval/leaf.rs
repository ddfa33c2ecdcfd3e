//! Range aggregations: reads the records of the windows of all steps once, in whatever order they
//! come, and keeps for each series what its windows need.

use std::cell::{Cell, RefCell};

use watchkeep_model::{Labels, MatchOp};
use watchkeep_promql::algebra::{ABSENT, is_absent};

use crate::ast::{Grouping, LogExpr, LogRange, RangeOp, Stage};
use crate::eval::accumulate::{Accumulator, Operation};
use crate::eval::error::{EvalError, Result};
use crate::eval::gathered::Gathered;
use crate::eval::output::Stats;
use crate::eval::series_labels::to_algebra;
use crate::eval::windows::{Steps, Windows};
use crate::eval::{Options, count};
use crate::pipeline::{LabelSet, Pipeline, PipelineOptions};
use crate::source::{LogSource, Order, Select};

/// What an evaluation needs and counts.
pub(crate) struct Context<'a> {
    pub(crate) source: &'a dyn LogSource,
    pub(crate) options: &'a Options<'a>,
    pub(crate) steps: Steps,
    pub(crate) stats: RefCell<Stats>,
    held: Cell<u64>,
    /// Why the algebra was told to stop.
    pub(crate) failure: RefCell<Option<EvalError>>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        source: &'a dyn LogSource,
        options: &'a Options<'a>,
        steps: Steps,
    ) -> Result<Self> {
        if steps.count as u64 > options.samples_max {
            return Err(EvalError::TooManySamples(options.samples_max));
        }
        Ok(Self {
            source,
            options,
            steps,
            stats: RefCell::default(),
            held: Cell::new(0),
            failure: RefCell::default(),
        })
    }

    /// Fails where the evaluation is to end.
    pub(crate) fn check(&self) -> Result<()> {
        (self.options.interrupt)().map_or(Ok(()), Err)
    }

    pub(crate) fn release(&self, samples: u64) {
        self.held.set(self.held.get().saturating_sub(samples));
    }

    pub(crate) fn hold(&self, samples: u64) -> Result<()> {
        let held = self.held.get() + samples;
        self.held.set(held);
        if held > self.options.samples_max {
            return Err(EvalError::TooManySamples(self.options.samples_max));
        }
        Ok(())
    }
}

/// A range aggregation of a query, and how its rows are put together.
#[derive(Debug, Clone)]
pub(crate) struct Leaf<'q> {
    pub(crate) op: RangeOp,
    pub(crate) parameter: Option<f64>,
    pub(crate) range: &'q LogRange,
    /// Its own, or that of the `sum` around it. `None`: by all labels.
    pub(crate) grouping: Option<Grouping>,
    /// Whether labels with an empty value stay.
    pub(crate) keep_empty: bool,
    /// With more series than this the query fails in any case.
    pub(crate) series_max: Option<usize>,
}

impl Leaf<'_> {
    /// Hands each series with its values over.
    pub(crate) fn feed(
        &self,
        context: &Context<'_>,
        sink: &mut dyn FnMut(Labels, Vec<f64>) -> Result<()>,
    ) -> Result<()> {
        let operation = Operation {
            op: self.op,
            unwraps: self.range.unwrap.is_some(),
            parameter: self.parameter.unwrap_or(f64::NAN),
            windows: Windows::new(context.steps, self.range.range_ns, self.range.offset_ns)?,
        };
        let mut gathered =
            Gathered::new(context, operation, self.effective_grouping(), self.series_max);
        self.read(&mut gathered)?;
        let held = gathered.held;
        let series = gathered.finish();
        if self.op == RangeOp::AbsentOverTime {
            sink(self.absent_labels(), absent(series, &operation)?)?;
        } else {
            let check = || context.check();
            for (labels, accumulator) in series {
                context.check()?;
                let values = accumulator.finish(&operation, &check)?;
                sink(to_algebra(&labels, self.keep_empty), values)?;
            }
        }
        context.release(held);
        Ok(())
    }

    fn read(&self, gathered: &mut Gathered<'_>) -> Result<()> {
        let log = self.log();
        let needed = gathered.grouping.as_ref().filter(|grouping| !grouping.without);
        let options = PipelineOptions {
            now_ns: gathered.context.options.now_ns,
            needed: needed.map(|grouping| grouping.labels.clone()),
            unwrap: self.range.unwrap.clone(),
        };
        let pipeline = Pipeline::new(&log.stages, options)
            .map_err(|error| EvalError::Invalid(error.message))?;
        let mut runner = pipeline.runner();
        let source = gathered.context.source;
        for (start_ns, end_ns) in gathered.operation.windows.spans() {
            gathered.context.check()?;
            let select = Select { log: &log, start_ns, end_ns, order: Order::Any, wanted: None };
            let rows = match count::count(gathered, &select)? {
                Some(rest) => rest,
                None => source.select(&select)?,
            };
            for batch in rows {
                gathered.add_batch(&mut runner, &batch?)?;
            }
        }
        Ok(())
    }

    /// How rows are told apart, with what `unwrap` changes about it.
    fn effective_grouping(&self) -> Option<Grouping> {
        if self.op == RangeOp::AbsentOverTime {
            return Some(Grouping { without: false, labels: Vec::new() });
        }
        let Some(unwrap) = &self.range.unwrap else { return self.grouping.clone() };
        let mut without = match &self.grouping {
            Some(grouping) if !grouping.without => return self.grouping.clone(),
            Some(grouping) => grouping.labels.clone(),
            None => Vec::new(),
        };
        without.push(unwrap.label.clone());
        Some(Grouping { without: true, labels: without })
    }

    /// The labels of a series that is not there: what the selector says of them.
    fn absent_labels(&self) -> Labels {
        let mut labels = Labels::default();
        let mut unclear = Vec::new();
        for matcher in &self.range.log.matchers {
            if matcher.op() == MatchOp::Equal && labels.get(matcher.label()).is_empty() {
                labels = labels.with(matcher.label(), matcher.value());
            } else {
                unclear.push(matcher.label());
            }
        }
        unclear.into_iter().fold(labels, |labels, name| labels.with(name, ""))
    }

    /// The selector with the stages that matter: what a `line_format` does to the line is lost where
    /// no stage reads it and no bytes are counted, and so are its errors.
    fn log(&self) -> LogExpr {
        let mut log = self.range.log.clone();
        if matches!(self.op, RangeOp::BytesOverTime | RangeOp::BytesRate) {
            return log;
        }
        let reads_line = |stage: &Stage| {
            matches!(
                stage,
                Stage::LineFilter(_)
                    | Stage::Json(_)
                    | Stage::Logfmt { .. }
                    | Stage::Regexp(_)
                    | Stage::Pattern(_)
                    | Stage::Unpack
            )
        };
        let last_reader = log.stages.iter().rposition(|stage| reads_line(&stage.stage));
        let mut place = 0;
        log.stages.retain(|stage| {
            let is_idle = matches!(stage.stage, Stage::LineFormat(_))
                && last_reader.is_none_or(|last| last < place);
            place += 1;
            !is_idle
        });
        log
    }
}

/// The other way round: 1 at steps without a row.
fn absent(series: Vec<(LabelSet, Accumulator)>, operation: &Operation) -> Result<Vec<f64>> {
    let mut values = vec![1.0; operation.windows.count];
    for (_, accumulator) in series {
        for (value, found) in values.iter_mut().zip(accumulator.finish(operation, &|| Ok(()))?) {
            if !is_absent(found) {
                *value = ABSENT;
            }
        }
    }
    Ok(values)
}
