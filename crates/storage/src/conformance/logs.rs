//! Cases about streams of log records.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchkeep_model::column::Table;
use watchkeep_model::{
    AttributesColumn, DictColumn, Labels, Level, LogColumns, MatchOp, Matcher, Pattern, TenantId,
    TimeRange, Value, stream,
};

use super::Fixture;
use super::rows::{SECOND_NS, logs};
use crate::seam::{
    Append, Batch, Bucket, LogCount, LogCountFrame, LogCountRequest, LogDeletion, LogField,
    LogParts, LogTest, LogsRequest, Order, Store, StreamsRequest,
};

/// A record: second, stream's labels, body.
type Row = (i64, &'static [(&'static str, &'static str)], &'static str);

const APP: &[(&str, &str)] = &[("app", "api"), ("env", "prod")];
const WORKER: &[(&str, &str)] = &[("app", "worker"), ("env", "prod")];
const BARE: &[(&str, &str)] = &[];

/// What most cases are about: two batches that overlap in time, with ties.
const FIRST: [Row; 5] = [
    (1, APP, "GET /a error 17"),
    (3, APP, "GET /b ok"),
    (2, WORKER, "job a done"),
    (3, WORKER, "job b error"),
    (9, BARE, "alone"),
];
const SECOND: [Row; 4] = [
    (3, APP, "GET /c ok"),
    (1, WORKER, "job c error"),
    (7, WORKER, r#"{"level":"error","took":5}"#),
    (3, APP, "GET /d error 171"),
];

fn columns(rows: &[Row]) -> LogColumns {
    let plain: Vec<_> = rows
        .iter()
        .map(|(second, _, body)| (second * SECOND_NS, Level::Info, "s", *body))
        .collect();
    let mut columns = logs(&plain);
    columns.stream = DictColumn::default();
    for (_, labels, _) in rows {
        columns.stream.push(&stream::to_text(&Labels::from_pairs(labels.iter().copied())));
    }
    columns
}

async fn filled(mut fixture: Fixture) -> Fixture {
    fixture.append(Batch::Logs(columns(&FIRST))).await;
    fixture.append(Batch::Logs(columns(&SECOND))).await;
    fixture
}

fn range(from: i64, to: i64) -> TimeRange {
    TimeRange { start_ns: from * SECOND_NS, end_ns: to * SECOND_NS }
}

fn contains(needle: &str) -> LogTest {
    LogTest::Contains(needle.to_owned())
}

fn everything() -> LogsRequest {
    LogsRequest {
        matchers: Vec::new(),
        range: TimeRange::ALL,
        test: LogTest::And(Vec::new()),
        parts: LogParts::All,
        order: Some(Order::OldestFirst),
        wanted: None,
    }
}

async fn read(store: &Arc<dyn Store>, tenant: &TenantId, request: LogsRequest) -> LogColumns {
    let mut rows = LogColumns::default();
    for piece in store.logs(tenant, request).await.unwrap() {
        rows.extend_from(&piece.unwrap().rows);
    }
    rows
}

fn bodies(rows: &LogColumns) -> Vec<&str> {
    rows.body.iter().collect()
}

/// Streams come with what the range holds of them.
pub(super) async fn log_streams_are_listed(fixture: Fixture) {
    type Case = (Vec<Matcher>, TimeRange, &'static [(&'static str, u64)]);
    let fixture = filled(fixture).await;
    let cases: [Case; 5] = [
        (Vec::new(), TimeRange::ALL, &[("", 1), ("api", 4), ("worker", 4)]),
        (vec![Matcher::equal("app", "api")], range(3, 4), &[("api", 3)]),
        (vec![Matcher::equal("env", "prod")], range(7, 9), &[("worker", 1)]),
        (vec![Matcher::new("app", MatchOp::NotRegex, ".+").unwrap()], range(0, 10), &[("", 1)]),
        (vec![Matcher::equal("app", "none")], TimeRange::ALL, &[]),
    ];
    for (matchers, range, expected) in cases {
        let request = StreamsRequest { matchers: matchers.clone(), range };
        let mut found = fixture.store.log_streams(&fixture.tenant, request).await.unwrap();
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        let figures: Vec<_> =
            found.iter().map(|stream| (stream.labels.get("app"), stream.rows)).collect();
        assert_eq!(figures, expected, "{matchers:?} {range:?}");
    }
    let alone = vec![Matcher::equal("app", "")];
    let request = StreamsRequest { matchers: alone, range: TimeRange::ALL };
    let found = fixture.store.log_streams(&fixture.tenant, request).await.unwrap();
    // The attribute `n` of these rows is the time in nanoseconds.
    assert_eq!(found[0].bytes, "alone".len() as u64 + 1 + 10);
}

/// Records come by time, those of one instant by stream and then by arrival, whole.
pub(super) async fn log_records_come_in_order(fixture: Fixture) {
    let fixture = filled(fixture).await;
    let mut rows: Vec<Row> = FIRST.into_iter().chain(SECOND).collect();
    rows.sort_by_key(|(second, labels, _)| (*second, *labels));
    let expected = columns(&rows);
    for wanted in [None, Some(1), Some(3)] {
        let request = LogsRequest { wanted, ..everything() };
        let found = read(&fixture.store, &fixture.tenant, request.clone()).await;
        assert_eq!(found, expected, "{wanted:?}");
        let newest = LogsRequest { order: Some(Order::NewestFirst), ..request.clone() };
        let found = read(&fixture.store, &fixture.tenant, newest).await;
        let reversed: Vec<&str> = bodies(&expected).into_iter().rev().collect();
        assert_eq!(bodies(&found), reversed, "{wanted:?}");
        let any =
            read(&fixture.store, &fixture.tenant, LogsRequest { order: None, ..request }).await;
        let (mut any, mut all) = (bodies(&any), bodies(&expected));
        any.sort_unstable();
        all.sort_unstable();
        assert_eq!(any, all);
    }
    let request = LogsRequest {
        matchers: vec![Matcher::equal("app", "api")],
        range: range(1, 3),
        parts: LogParts::Lines,
        ..everything()
    };
    let found = read(&fixture.store, &fixture.tenant, request).await;
    let row = columns(&FIRST[..1]);
    let lines = LogColumns {
        time_ns: row.time_ns,
        stream: row.stream,
        body: row.body,
        ..LogColumns::default()
    };
    assert_eq!(found, lines, "only the columns that were asked for come");
}

/// Records of which the test is false are left out; what is not known is left to the caller.
pub(super) async fn log_tests_are_joined(fixture: Fixture) {
    use LogTest::{And, Matches, Not, Or, Unknown};
    let fixture = filled(fixture).await;
    let not = |test| Not(Box::new(test));
    let cases = [
        (And(Vec::new()), 9),
        (Or(Vec::new()), 0),
        (contains("error"), 5),
        (not(contains("error")), 4),
        (And(vec![contains("error"), contains("GET")]), 2),
        (Or(vec![contains("done"), contains("alone")]), 2),
        (Matches(Pattern::unanchored("GET /[ab]").unwrap()), 2),
        (Matches(Pattern::anchored("alone").unwrap()), 1),
        (Unknown, 9),
        (And(vec![Unknown, contains("error")]), 5),
        (not(Or(vec![Unknown, contains("error")])), 4),
    ];
    for (test, expected) in cases {
        let request = LogsRequest { test: test.clone(), ..everything() };
        let found = read(&fixture.store, &fixture.tenant, request).await;
        assert_eq!(found.len(), expected, "{test:?}");
        let (counts, undecided) = count(&fixture, counting(test.clone())).await;
        let counted: u64 = counts.iter().map(|count| count.rows).sum();
        assert_eq!(counted + undecided.len() as u64, expected as u64, "{test:?}");
    }
}

/// Words pass over what can not match, and nothing else.
pub(super) async fn words_leave_nothing_out(fixture: Fixture) {
    let fixture = filled(fixture).await;
    for (words, has) in [(vec!["GET", "17"], "error 17"), (vec!["171"], "171"), (vec![], "")] {
        let expected: Vec<_> =
            FIRST.iter().chain(&SECOND).filter(|(.., body)| body.ends_with(has)).collect();
        let test = LogTest::Words(words.iter().map(|word| (*word).to_owned()).collect());
        let request = LogsRequest { test: test.clone(), ..everything() };
        let found = read(&fixture.store, &fixture.tenant, request).await;
        for (.., body) in &expected {
            assert!(bodies(&found).contains(body), "{words:?} {body}");
        }
        // Others may come along, now these and then those: filters differ from block to block, and
        // blocks are merged.
        let (counts, undecided) = count(&fixture, counting(test)).await;
        assert_eq!(counts.len(), 0, "never true");
        assert!(undecided.len() >= expected.len(), "{words:?}");
    }
    let nowhere = LogTest::Words(vec!["nowhere".to_owned()]);
    let request = LogsRequest { test: nowhere, ..everything() };
    assert_eq!(read(&fixture.store, &fixture.tenant, request).await.len(), 0);
}

fn counting(test: LogTest) -> LogCountRequest {
    LogCountRequest {
        matchers: Vec::new(),
        range: TimeRange::ALL,
        test,
        bucket: Bucket { origin_ns: SECOND_NS, step_ns: 2 * SECOND_NS },
        by_labels: None,
        by_fields: Vec::new(),
        bytes: true,
        parts: LogParts::All,
        groups_max: 100,
    }
}

async fn count(fixture: &Fixture, request: LogCountRequest) -> (Vec<LogCount>, LogColumns) {
    let (mut counts, mut undecided) = (Vec::new(), LogColumns::default());
    for frame in fixture.store.count_logs(&fixture.tenant, request).await.unwrap() {
        match frame.unwrap() {
            LogCountFrame::Counts(more) => counts.extend(more),
            LogCountFrame::Undecided(more) => undecided.extend_from(&more.rows),
        }
    }
    (counts, undecided)
}

/// Groups as text: label `app`, fields, step, with rows and bytes.
fn groups(counts: &[LogCount]) -> BTreeMap<(String, Vec<String>, i64), (u64, u64)> {
    let mut groups = BTreeMap::new();
    for LogCount { labels, fields, step, rows, bytes } in counts {
        let group: &mut (u64, u64) =
            groups.entry((labels.get("app").to_owned(), fields.clone(), *step)).or_default();
        *group = (group.0 + rows, group.1 + bytes);
    }
    groups
}

/// Records are counted by labels and step; too many groups are an error.
pub(super) async fn log_records_are_counted(fixture: Fixture) {
    let fixture = filled(fixture).await;
    let request = LogCountRequest {
        range: range(1, 8),
        matchers: vec![Matcher::equal("env", "prod")],
        ..counting(contains("error"))
    };
    let (counts, undecided) = count(&fixture, request.clone()).await;
    assert_eq!(undecided.len(), 0);
    let group = |app: &str, step| (app.to_owned(), Vec::new(), step);
    let expected = BTreeMap::from([
        (group("api", 0), (1, 15)),
        (group("api", 1), (1, 16)),
        (group("worker", 0), (1, 11)),
        (group("worker", 1), (1, 11)),
        (group("worker", 3), (1, 26)),
    ]);
    assert_eq!(groups(&counts), expected);
    assert!(counts.iter().all(|count| count.labels.get("env") == "prod"));
    let by = LogCountRequest { by_labels: Some(vec!["env".to_owned()]), ..request.clone() };
    let (counts, _) = count(&fixture, by).await;
    assert_eq!(groups(&counts).values().map(|(rows, _)| rows).sum::<u64>(), 5);
    assert!(counts.iter().all(|count| count.labels.get("app").is_empty()));
    let refused = LogCountRequest { groups_max: 4, ..request };
    let mut frames = fixture.store.count_logs(&fixture.tenant, refused).await.unwrap();
    assert!(frames.any(|frame| frame.is_err()), "more groups than allowed are an error");
}

/// Records are either counted by what a field says, or come back.
pub(super) async fn log_fields_are_counted_or_left(fixture: Fixture) {
    let fixture = filled(fixture).await;
    let field = LogField {
        path: vec!["level".to_owned()],
        shadowed_by: "level".to_owned(),
        flattened: false,
    };
    let request = LogCountRequest { by_fields: vec![field], ..counting(contains("level")) };
    let (counts, undecided) = count(&fixture, request).await;
    assert_eq!(counts.iter().map(|count| count.rows).sum::<u64>() + undecided.len() as u64, 1);
    assert!(counts.iter().all(|count| count.fields == ["error"]));
}

/// One tenant sees nothing of another's streams.
pub(super) async fn log_streams_are_apart(fixture: Fixture) {
    let fixture = filled(fixture).await;
    let other = TenantId::new("another-log-sender").unwrap();
    let batch = Batch::Logs(columns(&[(1, APP, "theirs")]));
    fixture.store.append(&other, Append::from(batch)).await.unwrap();
    let found = read(&fixture.store, &other, everything()).await;
    assert_eq!(bodies(&found), ["theirs"]);
    assert_eq!(read(&fixture.store, &fixture.tenant, everything()).await.len(), 9);
    let nobody = TenantId::new("no-log-sender").unwrap();
    assert_eq!(read(&fixture.store, &nobody, everything()).await.len(), 0);
    let request = StreamsRequest { matchers: Vec::new(), range: TimeRange::ALL };
    assert_eq!(fixture.store.log_streams(&nobody, request).await.unwrap(), []);
}

/// What is deleted is gone, and only what was there before.
pub(super) async fn deleted_log_records_are_gone(fixture: Fixture) {
    let mut fixture = filled(fixture).await;
    let deletion = LogDeletion {
        matchers: vec![Matcher::equal("app", "api")],
        range: range(1, 4),
        test: LogTest::Not(Box::new(contains("ok"))),
    };
    fixture.store.delete_logs(&fixture.tenant, deletion.clone()).await.unwrap();
    fixture.append(Batch::Logs(columns(&[(2, APP, "later")]))).await;
    let request = LogsRequest { matchers: vec![Matcher::equal("app", "api")], ..everything() };
    for _ in 0..2 {
        let found = read(&fixture.store, &fixture.tenant, request.clone()).await;
        assert_eq!(bodies(&found), ["later", "GET /b ok", "GET /c ok"]);
        let (counts, _) = count(&fixture, counting(contains("error"))).await;
        assert_eq!(counts.iter().map(|count| count.rows).sum::<u64>(), 3);
        let figures = StreamsRequest { matchers: Vec::new(), range: TimeRange::ALL };
        let found = fixture.store.log_streams(&fixture.tenant, figures).await.unwrap();
        assert_eq!(found.iter().map(|stream| stream.rows).sum::<u64>(), 8);
        fixture.store.clean_tombstones().await.unwrap();
    }
    let whole = LogDeletion { matchers: Vec::new(), ..deletion };
    assert!(fixture.store.delete_logs(&fixture.tenant, whole).await.is_err(), "no matcher");
}

/// Every column of a record comes back.
pub(super) async fn log_records_come_back_whole(mut fixture: Fixture) {
    let mut rows = columns(&[(1, APP, "tab\t é \"x\"\n"), (2, APP, ""), (3, APP, "{\"a\": 1}")]);
    rows.trace_id[1] = [7; 16];
    rows.span_id[1] = [9; 8];
    rows.flags[2] = 1;
    rows.dropped_attributes[0] = 4;
    rows.observed_ns[2] = 77;
    rows.severity_number[1] = 17;
    rows.attributes = AttributesColumn::default();
    for value in [Value::Double(0.5), Value::Empty, Value::String("é".to_owned())] {
        rows.attributes.push_row([("k", &value), ("z", &Value::Bool(true))]);
    }
    fixture.append(Batch::Logs(rows.clone())).await;
    assert_eq!(read(&fixture.store, &fixture.tenant, everything()).await, rows);
}
