//! Evaluations that end early: interrupted, with a source that fails, or with what they wanted.

use std::cell::Cell;
use std::sync::Arc;

use watchkeep_logql::eval::{Direction, EvalError, Options, Output, Range, Value, range};
use watchkeep_logql::parse;
use watchkeep_logql::source::{BatchIter, LogBatch, LogSource, Select};
use watchkeep_model::{Error, Labels, Result};

/// Batches without end, one a second, each of two rows at one time; fails at some point.
struct Endless {
    batches: Cell<i64>,
    fails_at: i64,
}

impl LogSource for Endless {
    fn select(&self, _select: &Select<'_>) -> Result<BatchIter<'_>> {
        Ok(Box::new(std::iter::repeat_with(|| {
            let number = self.batches.get() + 1;
            self.batches.set(number);
            if number == self.fails_at {
                return Err(Error::internal("the disk is gone"));
            }
            let mut batch = LogBatch { metadata_ends: vec![0, 0, 0], ..LogBatch::default() };
            batch.streams.push(Arc::new(Labels::from_pairs([("app", "a")])));
            batch.stream = vec![0, 0];
            batch.time_ns = vec![number * 1_000_000_000; 2];
            batch.lines.push("one");
            batch.lines.push("two");
            Ok(batch)
        })))
    }
}

fn ask(
    source: &Endless,
    query: &str,
    options: &Options<'_>,
) -> std::result::Result<Output, EvalError> {
    let asked = Range {
        start_ns: 1_000_000_000,
        end_ns: 1_000_000_000_000,
        step_ns: 1_000_000_000,
        interval_ns: 0,
    };
    range(&parse(query).unwrap(), source, &asked, 5, Direction::Forward, options)
}

const QUERIES: [&str; 4] = [
    r#"{app="a"} |= "nosuch""#,
    r#"sum(count_over_time({app="a"}[1m]))"#,
    r#"quantile_over_time(0.5, {app="a"} | label_format v="1" | unwrap v [1m])"#,
    r#"topk(1, rate({app="a"}[1m])) / vector(2)"#,
];

#[test]
fn reading_stops_at_the_first_time_beyond_the_limit() {
    let source = Endless { batches: Cell::new(0), fails_at: 100 };
    let found = ask(&source, r#"{app="a"}"#, &Options::default()).unwrap();
    let Value::Streams(streams) = found.value else { panic!("no streams") };
    let lines: Vec<_> = streams[0]
        .entries
        .iter()
        .map(|entry| (entry.time_ns / 1_000_000_000, &*entry.line))
        .collect();
    assert_eq!(lines, [(1, "one"), (1, "two"), (2, "one"), (2, "two"), (3, "one")]);
    assert_eq!(source.batches.get(), 4);
}

#[test]
fn an_interrupt_ends_the_evaluation_with_its_error() {
    for query in QUERIES {
        let source = Endless { batches: Cell::new(0), fails_at: 1000 };
        let interrupt = || (source.batches.get() >= 10).then_some(EvalError::Timeout);
        let options = Options { interrupt: &interrupt, ..Options::default() };
        let found = ask(&source, query, &options);
        assert!(matches!(found, Err(EvalError::Timeout)), "{query}: {found:?}");
        assert_eq!(source.batches.get(), 10, "{query}");
    }
}

#[test]
fn an_error_of_the_source_is_that_of_the_query() {
    for query in QUERIES {
        let source = Endless { batches: Cell::new(0), fails_at: 7 };
        let found = ask(&source, query, &Options::default());
        assert!(
            matches!(&found, Err(EvalError::Source(error)) if error.message() == "the disk is gone"),
            "{query}: {found:?}"
        );
    }
}
