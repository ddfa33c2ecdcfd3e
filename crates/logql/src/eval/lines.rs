//! Log queries: the lines that go through the pipeline, newest or oldest first, up to a limit.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use watchkeep_model::Labels;

use crate::ast::LogExpr;
use crate::eval::error::{EvalError, Result};
use crate::eval::output::{Entry, Output, Stats, Stream, Value};
use crate::eval::{Direction, Options, Range};
use crate::pipeline::{LabelSet, Pipeline, PipelineOptions, Runner};
use crate::source::{LogBatch, LogSource, Order, Select};

/// Rows between two looks at whether the evaluation is to end.
const ROWS_PER_CHECK: usize = 1024;

/// So many different records of one nanosecond are told from repetitions.
const TIED_MAX: usize = 1 << 20;

/// The answer to a log query.
pub(crate) fn select(
    query: &LogExpr,
    source: &dyn LogSource,
    range: &Range,
    limit: usize,
    direction: Direction,
    options: &Options<'_>,
) -> Result<Output> {
    let pipeline_options = PipelineOptions { now_ns: options.now_ns, ..PipelineOptions::default() };
    let pipeline = Pipeline::new(&query.stages, pipeline_options)
        .map_err(|error| EvalError::Invalid(error.message))?;
    let mut runner = pipeline.runner();
    let mut found = Found {
        options,
        limit,
        direction,
        interval_ns: range.interval_ns,
        shown: 0,
        last_ns: None,
        tied: Tied::default(),
        streams: Vec::new(),
        numbers: HashMap::default(),
        stats: Stats::default(),
    };
    if limit > 0 && range.start_ns < range.end_ns {
        let order = match direction {
            Direction::Forward => Order::OldestFirst,
            Direction::Backward => Order::NewestFirst,
        };
        let batches = source.select(&Select {
            log: query,
            start_ns: range.start_ns,
            end_ns: range.end_ns,
            order,
            wanted: Some(limit),
        })?;
        for batch in batches {
            if !found.add_batch(&mut runner, &batch?)? {
                break;
            }
        }
        found.show_tied();
    }
    Ok(found.finish())
}

/// Lines so far.
struct Found<'f> {
    options: &'f Options<'f>,
    limit: usize,
    direction: Direction,
    interval_ns: i64,
    shown: usize,
    /// The time of the last line shown.
    last_ns: Option<i64>,
    tied: Tied,
    streams: Vec<Stream>,
    numbers: HashMap<LabelSet, usize, foldhash::fast::FixedState>,
    stats: Stats,
}

/// Lines of one nanosecond: shown once all are there, in the order of their streams.
#[derive(Default)]
struct Tied {
    time_ns: i64,
    lines: Vec<TiedLine>,
    /// Of each record of this time a hash of its stream, text and metadata, once there are several.
    seen: HashSet<u128, foldhash::fast::FixedState>,
}

struct TiedLine {
    /// Labels of the stream that it came from.
    origin: Arc<Labels>,
    labels: LabelSet,
    entry: Entry,
}

impl Found<'_> {
    /// Whether more are wanted.
    fn add_batch(&mut self, runner: &mut Runner<'_>, batch: &LogBatch) -> Result<bool> {
        for row in 0..batch.len() {
            if row % ROWS_PER_CHECK == 0
                && let Some(failure) = (self.options.interrupt)()
            {
                return Err(failure);
            }
            let time_ns = batch.time_ns[row];
            if time_ns != self.tied.time_ns {
                self.show_tied();
                if self.shown >= self.limit {
                    return Ok(false);
                }
                self.tied.time_ns = time_ns;
            }
            if !self.is_repeated(batch, row) {
                self.add(runner, batch, row);
            }
        }
        Ok(true)
    }

    /// Whether the same record was there before. Only records of one time are compared, and only
    /// where there are several.
    fn is_repeated(&mut self, batch: &LogBatch, row: usize) -> bool {
        let time_ns = batch.time_ns[row];
        let same = |other: Option<usize>| {
            // Beyond the batch nothing is known.
            other.and_then(|other| batch.time_ns.get(other)).is_none_or(|other| *other == time_ns)
        };
        if !same(row.checked_sub(1)) && !same(Some(row + 1)) {
            return false;
        }
        if self.tied.seen.len() >= TIED_MAX {
            return false;
        }
        let stream = &batch.streams[batch.stream[row] as usize];
        let metadata: Vec<(&str, &str)> = batch.metadata(row).collect();
        let record = (stream.as_bytes(), batch.lines.get(row), metadata);
        let half =
            |seed| u128::from(foldhash::quality::FixedState::with_seed(seed).hash_one(&record));
        !self.tied.seen.insert(half(1) << 64 | half(2))
    }

    fn add(&mut self, runner: &mut Runner<'_>, batch: &LogBatch, row: usize) {
        let (time_ns, line) = (batch.time_ns[row], batch.lines.get(row));
        let stream = &batch.streams[batch.stream[row] as usize];
        self.stats.rows += 1;
        self.stats.bytes += line.len() as u64;
        let Some(done) = runner.process(stream, batch.metadata(row), time_ns, line) else { return };
        self.stats.rows_kept += 1;
        let (_, metadata, parsed) = done.labels.by_category();
        let labels = done.labels.label_set();
        let entry = Entry { time_ns, line: done.line.into(), metadata, parsed };
        self.tied.lines.push(TiedLine { origin: Arc::clone(stream), labels, entry });
        // No more than the limit can be shown of one time.
        if self.tied.lines.len() / 2 >= self.limit.max(ROWS_PER_CHECK) {
            self.tied.order();
            self.tied.lines.truncate(self.limit);
        }
    }

    /// Shows the lines of one time and gets ready for the next.
    fn show_tied(&mut self) {
        self.tied.order();
        let tied = std::mem::take(&mut self.tied.lines);
        self.tied.seen.clear();
        for line in tied {
            if self.shown < self.limit && self.is_due(line.entry.time_ns) {
                self.show(line);
            }
        }
    }

    /// Whether the interval since the last line is over.
    fn is_due(&self, time_ns: i64) -> bool {
        let (true, Some(last_ns)) = (self.interval_ns > 0, self.last_ns) else { return true };
        match self.direction {
            Direction::Forward => time_ns >= last_ns.saturating_add(self.interval_ns),
            Direction::Backward => time_ns <= last_ns.saturating_sub(self.interval_ns),
        }
    }

    fn show(&mut self, line: TiedLine) {
        self.shown += 1;
        self.last_ns = Some(line.entry.time_ns);
        let streams = &mut self.streams;
        let number = *self.numbers.entry(line.labels).or_insert_with_key(|labels| {
            streams.push(Stream { labels: labels.clone(), entries: Vec::new() });
            streams.len() - 1
        });
        streams[number].entries.push(line.entry);
    }

    fn finish(mut self) -> Output {
        self.streams.sort_by(|a, b| a.labels.iter().cmp(b.labels.iter()));
        Output { value: Value::Streams(self.streams), warnings: Vec::new(), stats: self.stats }
    }
}

impl Tied {
    /// By stream, and within one as they came.
    fn order(&mut self) {
        self.lines.sort_by(|a, b| a.origin.compare(&b.origin));
    }
}
