//! Log records while they are flushed, merged, deleted and brought back: the engine beside the one
//! in memory, which has none of that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use watchkeep_model::column::Table;
use watchkeep_model::{
    DictColumn, Labels, Level, LogColumns, MatchOp, Matcher, Pattern, Result, TenantId, TimeRange,
    stream,
};

use super::tests::crashed;
use super::upkeep_tests::{SetClock, open};
use super::{EmbeddedStore, LogRetention, Retention, StorageConfig};
use crate::conformance::logs;
use crate::memory::MemoryStore;
use crate::seam::{
    Batch, Bucket, LogCountFrame, LogCountRequest, LogDeletion, LogField, LogParts, LogTest,
    LogsRequest, Order, Store, StreamsRequest,
};

const MINUTE_NS: i64 = 60_000_000_000;
const HOUR_NS: i64 = 60 * MINUTE_NS;
const STREAMS: [&[(&str, &str)]; 5] = [
    &[],
    &[("app", "api"), ("env", "prod")],
    &[("app", "api"), ("env", "dev")],
    &[("app", "worker")],
    &[("app", "a\"b\\"), ("env", "prod")],
];
const WORDS: [&str; 6] = ["error", "ok", "request", "Überlauf", "x-17", "retry"];

fn tenant() -> TenantId {
    TenantId::default()
}

/// Stream, minute, words, number.
type Row = (u8, u16, (u8, u8), u16);

fn columns_of(rows: &[Row]) -> LogColumns {
    let bodies: Vec<String> = rows
        .iter()
        .map(|(_, _, (a, b), number)| {
            let (a, b) = (WORDS[usize::from(*a) % 6], WORDS[usize::from(*b) % 6]);
            match number % 3 {
                0 => format!("{a} {b} took {number}ms"),
                1 => format!(r#"{{"msg":"{a} {b}","level":"{b}","took":{number}}}"#),
                _ => format!(r#"{{"level":"{a}","nested":{{"id":"r-{number}","ok":true}}}}"#),
            }
        })
        .collect();
    let plain: Vec<_> = rows
        .iter()
        .zip(&bodies)
        .map(|((_, minute, ..), body)| {
            (i64::from(*minute) * MINUTE_NS, Level::Info, "s", body.as_str())
        })
        .collect();
    let mut columns = logs(&plain);
    columns.stream = DictColumn::default();
    for (of, ..) in rows {
        let labels = STREAMS[usize::from(*of) % STREAMS.len()];
        columns.stream.push(&stream::to_text(&Labels::from_pairs(labels.iter().copied())));
    }
    for (row, (.., number)) in rows.iter().enumerate() {
        if number % 7 == 0 {
            columns.trace_id[row] = [*number as u8; 16];
        }
    }
    columns
}

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Row>),
    Flush,
    /// At this hour.
    Compact(u8),
    Delete(Box<Question>),
    Clean,
    Crash,
}

/// Matchers, a range and a test.
#[derive(Debug, Clone)]
struct Question {
    matchers: Vec<Matcher>,
    range: TimeRange,
    test: LogTest,
}

fn row() -> impl Strategy<Value = Row> {
    // Few instants, so that many records share one; two days.
    (0_u8..5, (0_u16..48).prop_map(|hour| hour * 60), any::<(u8, u8)>(), 0_u16..60)
}

fn line_test() -> impl Strategy<Value = LogTest> {
    let needle = prop::sample::select(vec![
        "error",
        "\"error\"",
        " took ",
        "r-5",
        "",
        "Überlauf x",
        "level\":\"ok\"",
    ]);
    let contains = needle.prop_map(|needle| LogTest::Contains(needle.to_owned()));
    let pattern = prop::sample::select(vec!["took 1.ms", "err|ok", "(?i)ERROR ok", "^retry"]);
    let matches = pattern.prop_map(|text| LogTest::Matches(Pattern::unanchored(text).unwrap()));
    prop_oneof![contains, matches].prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(LogTest::And),
            prop::collection::vec(inner.clone(), 1..3).prop_map(LogTest::Or),
            inner.prop_map(|test| LogTest::Not(Box::new(test))),
        ]
    })
}

fn question() -> impl Strategy<Value = Question> {
    let matchers = prop::sample::select(vec![
        vec![Matcher::equal("app", "api")],
        vec![Matcher::equal("app", "api"), Matcher::equal("env", "dev")],
        vec![Matcher::new("app", MatchOp::Regex, "w.*|a\"b\\\\").unwrap()],
        vec![Matcher::not_equal("env", "prod")],
    ]);
    let range = prop_oneof![
        Just(TimeRange::ALL),
        (0_i64..50, 0_i64..50).prop_map(|(from, to)| TimeRange {
            start_ns: from.min(to) * HOUR_NS,
            end_ns: from.max(to) * HOUR_NS + 1,
        }),
    ];
    (matchers, range, line_test()).prop_map(|(matchers, range, test)| Question {
        matchers,
        range,
        test,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(row(), 1..60).prop_map(Step::Append),
        4 => Just(Step::Flush),
        3 => (0_u8..110).prop_map(Step::Compact),
        2 => question().prop_map(|question| Step::Delete(Box::new(question))),
        1 => Just(Step::Clean),
        1 => Just(Step::Crash),
    ]
}

struct Game {
    folder: tempfile::TempDir,
    clock: Arc<SetClock>,
    store: EmbeddedStore,
    model: MemoryStore,
}

impl Game {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock::default());
        let store = open(StorageConfig::new(folder.path()), &clock).await;
        Self { folder, clock, store, model: MemoryStore::default() }
    }

    fn stores(&self) -> [&dyn Store; 2] {
        [&self.store, &self.model]
    }

    async fn play(&mut self, step: &Step) {
        match step {
            Step::Append(rows) => {
                for store in self.stores() {
                    let batch = Batch::Logs(columns_of(rows));
                    store.append(&tenant(), batch.into()).await.unwrap();
                }
            }
            Step::Flush => self.store.flush().await.unwrap(),
            Step::Compact(hour) => {
                self.clock.set_ms(i64::from(*hour) * HOUR_NS / 1_000_000);
                let inner = Arc::clone(&self.store.inner);
                tokio::task::spawn_blocking(move || inner.compact()).await.unwrap().unwrap();
            }
            Step::Delete(question) => {
                let Question { matchers, range, test } = (**question).clone();
                let deletion = LogDeletion { matchers, range, test };
                for store in self.stores() {
                    store.delete_logs(&tenant(), deletion.clone()).await.unwrap();
                }
            }
            Step::Clean => self.store.clean_tombstones().await.unwrap(),
            Step::Crash => {
                let folder = crashed(&self.store).await;
                self.store = open(StorageConfig::new(folder.path()), &self.clock).await;
                self.folder = folder;
            }
        }
    }

    async fn compare(&self, question: &Question) {
        let [found, expected] = self.stores();
        for order in [Some(Order::OldestFirst), Some(Order::NewestFirst)] {
            for wanted in [None, Some(3)] {
                let request = reading(question, order, wanted);
                let found = read(found, request.clone()).await;
                assert_eq!(found, read(expected, request).await, "{order:?} {question:?}");
            }
        }
        let any = reading(question, None, None);
        let [mut found_any, mut expected_any] =
            [read(found, any.clone()).await, read(expected, any).await];
        found_any.sort();
        expected_any.sort();
        assert_eq!(found_any, expected_any);
        let streams = |store| streams(store, question);
        assert_eq!(streams(found).await, streams(expected).await, "{question:?}");
        for by_field in [false, true] {
            let [found, expected] = [
                counts(found, question, by_field).await,
                counts(expected, question, by_field).await,
            ];
            assert_eq!(found, expected, "{question:?}");
        }
    }
}

fn reading(question: &Question, order: Option<Order>, wanted: Option<usize>) -> LogsRequest {
    let Question { matchers, range, test } = question.clone();
    LogsRequest { matchers, range, test, parts: LogParts::All, order, wanted }
}

/// Records as text.
fn texts(rows: &LogColumns) -> Vec<String> {
    let text = |row: usize| {
        let attributes: Vec<_> = rows.attributes.row(row).collect();
        format!(
            "{} {} {} {attributes:?} {:?} {}",
            rows.time_ns[row],
            rows.stream.get(row),
            rows.body.get(row),
            rows.trace_id[row],
            rows.service.get(row),
        )
    };
    (0..rows.len()).map(text).collect()
}

async fn read(store: &dyn Store, request: LogsRequest) -> Vec<String> {
    let cursor = store.logs(&tenant(), request).await.unwrap();
    let pieces: Result<Vec<_>> = cursor.collect();
    pieces.unwrap().iter().flat_map(|piece| texts(&piece.rows)).collect()
}

async fn streams(store: &dyn Store, question: &Question) -> BTreeMap<String, (u64, u64)> {
    let Question { matchers, range, .. } = question.clone();
    let found = store.log_streams(&tenant(), StreamsRequest { matchers, range }).await.unwrap();
    let figures = found.iter().map(|one| (stream::to_text(&one.labels), (one.rows, one.bytes)));
    figures.collect()
}

/// Rows and bytes by labels, fields and step; what is left to the caller is counted here.
async fn counts(
    store: &dyn Store,
    question: &Question,
    by_field: bool,
) -> BTreeMap<String, (u64, u64)> {
    let Question { matchers, range, test } = question.clone();
    let bucket = Bucket { origin_ns: 7 * MINUTE_NS, step_ns: 5 * HOUR_NS };
    let field = LogField {
        path: vec!["level".to_owned()],
        shadowed_by: "level".to_owned(),
        flattened: false,
    };
    let request = LogCountRequest {
        matchers,
        range,
        test,
        bucket,
        by_labels: Some(vec!["app".to_owned()]),
        by_fields: if by_field { vec![field] } else { Vec::new() },
        bytes: true,
        parts: LogParts::Lines,
        groups_max: 10_000,
    };
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut add = |app: &str, field: &str, step: i64, rows: u64, bytes: u64| {
        let known = counts.entry(format!("{app} {field} {step}")).or_default();
        *known = (known.0 + rows, known.1 + bytes);
    };
    for frame in store.count_logs(&tenant(), request).await.unwrap() {
        match frame.unwrap() {
            LogCountFrame::Counts(counts) => {
                for count in counts {
                    let field = count.fields.first().map_or("", String::as_str);
                    add(count.labels.get("app"), field, count.step, count.rows, count.bytes);
                }
            }
            LogCountFrame::Undecided(left) => {
                for row in 0..left.rows.len() {
                    let body = left.rows.body.get(row);
                    let labels = stream::from_text(left.rows.stream.get(row)).unwrap();
                    let parsed: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
                    let field =
                        if by_field { parsed["level"].as_str().unwrap_or_default() } else { "" };
                    let since_ns = left.rows.time_ns[row] - bucket.origin_ns;
                    let step = since_ns.div_euclid(bucket.step_ns);
                    add(labels.get("app"), field, step, 1, body.len() as u64);
                }
            }
        }
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn answers_do_not_depend_on_where_records_lie(
        steps in prop::collection::vec(step(), 1..24),
        questions in prop::collection::vec(question(), 1..4),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut game = Game::new().await;
            for step in &steps {
                game.play(step).await;
            }
            for question in &questions {
                game.compare(question).await;
            }
            let all = Question {
                matchers: Vec::new(),
                range: TimeRange::ALL,
                test: LogTest::And(Vec::new()),
            };
            game.compare(&all).await;
            let stats = game.store.stats().logs;
            assert!(stats.rows_on_disk + stats.rows_in_memory >= read(&game.model, reading(&all, None, None)).await.len() as u64);
        });
    }
}

fn many(minute: u16, rows: u16) -> Step {
    Step::Append((0..rows).map(|n| ((n % 5) as u8, minute + n % 60, (n as u8, 1), n)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn merging_takes_blocks_over_and_leaves_out_what_was_deleted() {
    let mut game = Game::new().await;
    // Streams of 3000 rows a part have blocks of their own, which a merge takes over.
    for part in 0..4 {
        game.play(&many(part * 60, 15_000)).await;
        game.play(&Step::Flush).await;
    }
    let deleted = Question {
        matchers: vec![Matcher::equal("env", "dev")],
        range: TimeRange { start_ns: 0, end_ns: 90 * MINUTE_NS },
        test: LogTest::And(Vec::new()),
    };
    game.play(&Step::Delete(Box::new(deleted))).await;
    let all = Question {
        matchers: Vec::new(),
        range: TimeRange::ALL,
        test: LogTest::Contains("error".to_owned()),
    };
    game.compare(&all).await;
    game.play(&Step::Compact(1)).await;
    game.play(&Step::Clean).await;
    let stats = game.store.stats().logs;
    assert_eq!((stats.parts, stats.rows_on_disk), (1, 60_000 - 4_500));
    game.compare(&all).await;
    assert!(game.store.inner.catalog.lock().manifest.log_tombstones.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_kept_as_long_as_their_rule_says() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SetClock::default());
    let hours = |hours| Some(Duration::from_hours(hours));
    let rule =
        |env: &str, age_max| LogRetention { matchers: vec![Matcher::equal("env", env)], age_max };
    let config = StorageConfig {
        retention: Retention { age_max: hours(48), bytes_max: None },
        log_retention: vec![rule("dev", hours(1)), rule("prod", None)],
        ..StorageConfig::new(folder.path())
    };
    let store = open(config, &clock).await;
    for day in 0..4 {
        let rows: Vec<Row> = (0..5).map(|stream| (stream, day * 1440, (0, 0), 0)).collect();
        store.append(&tenant(), Batch::Logs(columns_of(&rows)).into()).await.unwrap();
    }
    store.flush().await.unwrap();
    clock.set_ms(4 * 24 * HOUR_NS / 1_000_000);
    store.inner.enforce_retention().unwrap();
    assert_eq!(store.stats().logs.rows_on_disk, 20, "some rule keeps a record of each part");
    let inner = Arc::clone(&store.inner);
    tokio::task::spawn_blocking(move || inner.drop_expired_streams()).await.unwrap().unwrap();
    let all = StreamsRequest { matchers: Vec::new(), range: TimeRange::ALL };
    let kept: BTreeMap<String, u64> = store
        .log_streams(&tenant(), all)
        .await
        .unwrap()
        .iter()
        .map(|one| (stream::to_text(&one.labels), one.rows))
        .collect();
    // Nothing of `dev`, all days of `prod`, two days of the others.
    assert_eq!(kept.into_values().collect::<Vec<_>>(), [2, 4, 4, 2]);
    assert_eq!(store.stats().logs.rows_on_disk, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_holds_log_records_and_what_hides_them() {
    let mut game = Game::new().await;
    game.play(&many(0, 50)).await;
    let question = Question {
        matchers: vec![Matcher::equal("app", "api")],
        range: TimeRange::ALL,
        test: LogTest::Contains("error".to_owned()),
    };
    game.play(&Step::Delete(Box::new(question))).await;
    let all = || StreamsRequest { matchers: Vec::new(), range: TimeRange::ALL };
    let before = game.store.log_streams(&tenant(), all()).await.unwrap();
    let path = game.store.snapshot().await.unwrap();
    game.play(&many(5, 50)).await;
    let copied = open(StorageConfig::new(&path), &game.clock).await;
    assert_eq!(copied.log_streams(&tenant(), all()).await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_of_a_part_of_logs_is_noticed() {
    let mut game = Game::new().await;
    game.play(&many(0, 3000)).await;
    game.play(&Step::Flush).await;
    let part = game.folder.path().join("parts/logs").join(tenant().as_str());
    let part = std::fs::read_dir(part).unwrap().next().unwrap().unwrap().path();
    let needle = LogTest::Contains(" took ".to_owned());
    let question = Question { matchers: Vec::new(), range: TimeRange::ALL, test: needle };
    for name in ["index", "blocks", "blooms"] {
        let path = part.join(name);
        let sound = std::fs::read(&path).unwrap();
        let mut damaged = sound.clone();
        damaged[sound.len() / 2] ^= 4;
        std::fs::write(&path, &damaged).unwrap();
        let reopened = {
            let copy = crashed(&game.store).await;
            open(StorageConfig::new(copy.path()), &game.clock).await
        };
        let outcome: Result<Vec<_>> = match reopened
            .logs(&tenant(), reading(&question, Some(Order::NewestFirst), None))
            .await
        {
            Ok(cursor) => cursor.collect(),
            Err(error) => Err(error),
        };
        assert!(outcome.is_err(), "{name}");
        std::fs::write(&path, &sound).unwrap();
    }
}
