//! A source that counts records without showing them changes no answer, whichever it decides about.

use std::sync::Arc;

use proptest::prelude::*;
use watchkeep_logql::eval::{Direction, Options, Output, Range, Value, instant, range};
use watchkeep_logql::parse;
use watchkeep_model::Labels;

use crate::memory::{MemorySource, Record};

/// Ranges and steps that have large and small pieces in common, or leave gaps.
const QUERIES: [&str; 16] = [
    r#"sum by (zone) (count_over_time({app=~".+"}[10s]))"#,
    r#"sum by (zone, level) (count_over_time({app=~".+"} |= "e" [6s]))"#,
    r#"sum(count_over_time({app="a"} != "x" [4s]))"#,
    r#"sum without (zone) (rate({app=~".+"}[15s]))"#,
    r#"count_over_time({app="b"}[5s] offset 3s)"#,
    r#"rate({app=~".+"} |~ "^[a-m]" [1s])"#,
    r#"bytes_over_time({app=~".+"}[12s])"#,
    r#"sum by (app) (bytes_rate({app=~".+"} |= "a" [6s]))"#,
    r#"max by (app) (count_over_time({app=~".+"}[6s]))"#,
    r#"sum by (user) (count_over_time({app=~".+"} | user!="" [6s]))"#,
    r#"sum by (level) (count_over_time({app=~".+"} | logfmt | level!="" [6s]))"#,
    r#"sum by (level, app) (bytes_over_time({app=~".+"} | logfmt | line_format "{{.level}}" [6s]))"#,
    r#"count_over_time({app=~".+"} | logfmt | drop line [7s])"#,
    r#"sum by (level) (count_over_time({app=~".+"} | logfmt level [6s]))"#,
    r#"sum by (level, __error__) (count_over_time({app=~".+"} | logfmt --strict [6s]))"#,
    r#"sum by (level) (count_over_time({app=~".+"} | logfmt [6s])) / ignoring (level) group_left sum(count_over_time({app=~".+"}[6s]))"#,
];

fn records() -> impl Strategy<Value = Vec<Record>> {
    let record = (0..4_usize, 0..60_000_i64, "(level=(info|warn|error) )?[a-z ]{0,6}", 0..3_usize);
    prop::collection::vec(record, 0..60).prop_map(|records| {
        let streams = [("a", "x"), ("a", "y"), ("b", "x"), ("c", "")]
            .map(|(app, zone)| Arc::new(Labels::from_pairs([("app", app), ("zone", zone)])));
        records
            .into_iter()
            .map(|(stream, time_ms, line, user)| Record {
                stream: Arc::clone(&streams[stream]),
                time_ns: time_ms * 1_000_000,
                line,
                metadata: ["", "alice", "bob"][user..=user]
                    .iter()
                    .filter(|user| !user.is_empty())
                    .map(|user| ("user".to_owned(), (*user).to_owned()))
                    .collect(),
            })
            .collect()
    })
}

fn answers(query: &str, source: &MemorySource, step_ms: i64) -> [Output; 2] {
    let expr = parse(query).unwrap();
    let options = Options::default();
    let asked = Range {
        start_ns: 5_000_000_000,
        end_ns: 50_000_000_000,
        step_ns: step_ms * 1_000_000,
        interval_ns: 0,
    };
    [
        instant(&expr, source, 30_000_000_000, &options).unwrap(),
        range(&expr, source, &asked, 0, Direction::Forward, &options).unwrap(),
    ]
}

fn near(a: &Value, b: &Value) -> bool {
    let same = |a: f64, b: f64| a == b || (a - b).abs() <= 1e-9 * b.abs();
    match (a, b) {
        (Value::Vector(a), Value::Vector(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| a.labels == b.labels && same(a.value, b.value))
        }
        (Value::Matrix(a), Value::Matrix(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| {
                    a.labels == b.labels
                        && a.points.len() == b.points.len()
                        && a.points.iter().zip(&b.points).all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
                })
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn counting_changes_no_answer(
        records in records(), seed in any::<u64>(), batch_rows in 0_usize..9,
        step_ms in prop::sample::select(vec![500_i64, 1000, 3000, 6000, 10_000, 12_345, 40_000]),
    ) {
        let mut source = MemorySource { records, batch_rows, counts: None };
        for query in QUERIES {
            source.counts = None;
            let shown = answers(query, &source, step_ms);
            source.counts = Some(Box::new(move |record: &Record| {
                (record.time_ns as u64).wrapping_mul(seed | 1) >> 40 & 1 == 0
            }));
            let counted = answers(query, &source, step_ms);
            for (shown, counted) in shown.iter().zip(&counted) {
                prop_assert!(
                    near(&shown.value, &counted.value),
                    "{}: {:?} instead of {:?}", query, counted.value, shown.value
                );
            }
        }
    }
}

#[test]
fn a_source_that_decides_about_all_records_shows_none() {
    let stream = Arc::new(Labels::from_pairs([("app", "a")]));
    let records = (0..100).map(|at| Record {
        stream: Arc::clone(&stream),
        time_ns: at * 500_000_000,
        line: "a line".to_owned(),
        metadata: Vec::new(),
    });
    let source = MemorySource {
        records: records.collect(),
        batch_rows: 0,
        counts: Some(Box::new(|_| true)),
    };
    let query = r#"sum by (app) (count_over_time({app="a"}[10s]))"#;
    let [at_once, by_step] = answers(query, &source, 5000);
    assert_eq!((at_once.stats.rows, at_once.stats.rows_counted), (0, 20));
    assert_eq!(by_step.stats.rows, 0);
}
