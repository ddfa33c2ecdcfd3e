//! Cases about tables of records.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampNanosecondType, UInt64Type};
use watchkeep_model::{Level, TenantId, TimeRange, Value};

use super::rows::{SECOND_NS, Span, logs, spans};
use super::{Fixture, collect};
use crate::schema::to_record_batch;
use crate::seam::{
    Aggregate, AggregateRequest, Append, Batch, Bucket, CompareOp, Field, IngestToken, Literal,
    Order, Predicate, Projection, ScanRequest, Scope, TableName,
};

fn all(table: TableName) -> ScanRequest {
    ScanRequest {
        table,
        range: TimeRange::ALL,
        predicate: Predicate::ALL,
        projection: Projection::All,
        order: Order::OldestFirst,
        limit: None,
    }
}

fn texts(batches: &[RecordBatch], name: &str) -> Vec<String> {
    let column = |batch: &RecordBatch| -> Vec<String> {
        let array = batch.column_by_name(name).unwrap().as_string::<i32>().clone();
        array.iter().map(|text| text.unwrap().to_owned()).collect()
    };
    batches.iter().flat_map(column).collect()
}

/// Every column of a row is what was appended.
pub(super) async fn rows_come_back_whole(mut fixture: Fixture) {
    let attributes = vec![
        ("text", Value::String("é\"\n".into())),
        ("int", Value::Int(-5)),
        ("list", Value::Array(vec![Value::Bool(true), Value::Double(0.5)])),
        ("none", Value::Empty),
    ];
    let span = Span { attributes, status: 2, ..Span::default() };
    let columns = spans(&[span, Span { id: 2, start_ns: 2 * SECOND_NS, ..Span::default() }]);
    fixture.append(Batch::Spans(columns.clone())).await;
    let expected = to_record_batch(columns).unwrap();
    let found = collect(fixture.store.scan(&fixture.tenant, all(TableName::Spans)).await).await;
    let [found] = found.as_slice() else { panic!("two rows fit into one batch") };
    assert_eq!(found.schema().fields(), expected.schema().fields());
    assert_eq!(format!("{:?}", found.columns()), format!("{:?}", expected.columns()));
}

/// Rows of overlapping batches come by time, those of one instant by stream and arrival, up to the
/// limit.
pub(super) async fn a_scan_is_in_order(mut fixture: Fixture) {
    const SERVICES: [&str; 2] = ["gateway", "worker"];
    let mut expected: Vec<(i64, &str, String)> = Vec::new();
    for batch in 0..6_i64 {
        let bodies: Vec<(i64, String)> = (0..50_i64)
            .map(|row| ((row * 37 + batch * 11) % 90 * SECOND_NS, format!("{batch}-{row}")))
            .collect();
        let rows: Vec<_> = bodies
            .iter()
            .map(|(time, body)| (*time, Level::Info, SERVICES[batch as usize % 2], body.as_str()))
            .collect();
        let columns = logs(&rows);
        let service = SERVICES[batch as usize % 2];
        expected.extend(bodies.into_iter().map(|(time, body)| (time, service, body)));
        fixture.append(Batch::Logs(columns)).await;
    }
    expected.sort_by_key(|(time, service, _)| (*time, *service));
    let ranges = [TimeRange::ALL, TimeRange { start_ns: 20 * SECOND_NS, end_ns: 61 * SECOND_NS }];
    for (range, order, limit) in ranges.iter().flat_map(|range| {
        [Order::OldestFirst, Order::NewestFirst]
            .into_iter()
            .flat_map(move |order| [None, Some(0), Some(1), Some(77)].map(|n| (*range, order, n)))
    }) {
        let request = ScanRequest { range, order, limit, ..all(TableName::Logs) };
        let found = collect(fixture.store.scan(&fixture.tenant, request).await).await;
        let inside = expected.iter().filter(|(time, ..)| range.contains(*time));
        let mut bodies: Vec<&str> = inside.map(|(.., body)| body.as_str()).collect();
        if order == Order::NewestFirst {
            bodies.reverse();
        }
        bodies.truncate(limit.unwrap_or(usize::MAX));
        assert_eq!(texts(&found, "body"), bodies, "{range:?} {order:?} {limit:?}");
    }
}

/// Conditions let through what they say.
pub(super) async fn predicates(mut fixture: Fixture) {
    use CompareOp::{Eq, Ge, Gt, Le, Lt, Ne};
    use Scope::{Any, Record, Resource};
    let with = |id, name, service, status, attributes| Span {
        id,
        name,
        service,
        status,
        attributes,
        start_ns: i64::from(id) * SECOND_NS,
        duration_ns: i64::from(id) * SECOND_NS,
        ..Span::default()
    };
    let text = |text: &str| Value::String(text.into());
    let first = [
        with(1, "a", "gateway", 0, vec![("model", text("gpt-4o")), ("n", Value::Int(5))]),
        with(2, "b", "worker", 2, vec![("model", text("sonnet")), ("n", Value::Double(7.5))]),
    ];
    let second = [
        with(3, "c", "gateway", 2, vec![("load", text("heavy")), ("n", text("6"))]),
        with(4, "d", "worker", 1, vec![("empty", text(""))]),
    ];
    fixture.append(Batch::Spans(spans(&first))).await;
    fixture.append(Batch::Spans(spans(&second))).await;
    let column = |name, op, value| Predicate::Compare { field: Field::Column(name), op, value };
    let attribute = |scope, key: &str, op, value| Predicate::Compare {
        field: Field::Attribute(scope, key.to_owned()),
        op,
        value,
    };
    let exists = |key: &str| Predicate::Exists(Field::Attribute(Record, key.to_owned()));
    let words = |text: &str| Literal::Text(text.to_owned());
    let cases: Vec<(Predicate, &str)> = vec![
        (column("service", Eq, words("worker")), "bd"),
        (column("name", Ne, words("a")), "bcd"),
        (column("status_code", Eq, Literal::Int(2)), "bc"),
        (column("duration_ns", Ge, Literal::Int(3 * SECOND_NS)), "cd"),
        (column("duration_ns", Lt, Literal::Double(1.5e9)), "a"),
        (column("span_id", Eq, Literal::Bytes(vec![2; 8])), "b"),
        (attribute(Record, "model", Eq, words("gpt-4o")), "a"),
        (attribute(Record, "model", Ne, words("gpt-4o")), "bcd"),
        (attribute(Record, "n", Eq, Literal::Int(5)), "a"),
        (attribute(Record, "n", Gt, Literal::Int(4)), "ab"),
        (attribute(Record, "n", Le, Literal::Double(7.5)), "ab"),
        (attribute(Record, "n", Eq, words("6")), "c"),
        (attribute(Resource, "replica", Eq, Literal::Int(3)), "abcd"),
        (attribute(Resource, "load", Gt, Literal::Double(0.4)), "abcd"),
        (attribute(Resource, "spot", Eq, Literal::Bool(false)), ""),
        (attribute(Any, "load", Eq, words("heavy")), "c"),
        (attribute(Any, "load", Eq, words("0.5")), "abd"),
        (exists("model"), "ab"),
        (exists("empty"), "d"),
        (Predicate::Not(Box::new(exists("n"))), "d"),
        (Predicate::Exists(Field::Column("status_message")), "bc"),
        (exists("model").and(column("service", Eq, words("worker"))), "b"),
        (Predicate::Or(vec![exists("load"), exists("empty")]), "cd"),
        (Predicate::Or(Vec::new()), ""),
    ];
    for (predicate, expected) in cases {
        let request = ScanRequest { predicate: predicate.clone(), ..all(TableName::Spans) };
        let found = collect(fixture.store.scan(&fixture.tenant, request).await).await;
        assert_eq!(texts(&found, "name").concat(), expected, "{predicate:?}");
    }
    contains_ignores_case_when_told(&fixture).await;
}

async fn contains_ignores_case_when_told(fixture: &Fixture) {
    for (needle, ignore_case, expected) in [
        ("BROKE", false, 0),
        ("BROKE", true, 2),
        ("überLAUF", true, 2),
        ("überlauf", false, 0),
        ("", true, 4),
    ] {
        let needle = needle.to_owned();
        let field = Field::Column("status_message");
        let predicate = Predicate::Contains { field, needle, ignore_case };
        let request = ScanRequest { predicate, ..all(TableName::Spans) };
        let found = collect(fixture.store.scan(&fixture.tenant, request).await).await;
        assert_eq!(texts(&found, "name").len(), expected);
    }
}

/// Only the columns asked for come (and the time, which places a row), in the schema's order.
pub(super) async fn projection(mut fixture: Fixture) {
    fixture.append(Batch::Spans(spans(&[Span::default()]))).await;
    let request = ScanRequest {
        projection: Projection::Columns(vec!["service", "name"]),
        predicate: Predicate::column_is("status_code", Literal::Int(0)),
        ..all(TableName::Spans)
    };
    let found = collect(fixture.store.scan(&fixture.tenant, request).await).await;
    let names: Vec<_> = found[0].schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["start_ns", "name", "service"]);
}

/// Groups are counted by step and field.
pub(super) async fn aggregation(mut fixture: Fixture) {
    let rows = [
        (5 * SECOND_NS, Level::Info, "gateway", "a"),
        (14 * SECOND_NS, Level::Error, "gateway", "b"),
        (15 * SECOND_NS, Level::Error, "worker", "c"),
        (19 * SECOND_NS, Level::Error, "gateway", "d"),
    ];
    fixture.append(Batch::Logs(logs(&rows[..2]))).await;
    fixture.append(Batch::Logs(logs(&rows[2..]))).await;
    let request = AggregateRequest {
        table: TableName::Logs,
        range: TimeRange { start_ns: 0, end_ns: 19 * SECOND_NS },
        predicate: Predicate::ALL,
        bucket: Some(Bucket { origin_ns: 5 * SECOND_NS, step_ns: 10 * SECOND_NS }),
        group_by: vec![Field::Column("level"), Field::Column("service")],
        aggregates: vec![Aggregate::Count],
        groups_max: 10,
    };
    let found = collect(fixture.store.aggregate(&fixture.tenant, request.clone()).await).await;
    let mut groups = Vec::new();
    for batch in found {
        let steps = batch.column_by_name("bucket").unwrap().as_primitive::<Int64Type>().clone();
        let counts = batch.column_by_name("count").unwrap().as_primitive::<UInt64Type>().clone();
        let levels = texts(std::slice::from_ref(&batch), "group_0");
        let services = texts(std::slice::from_ref(&batch), "group_1");
        for row in 0..batch.num_rows() {
            groups.push(format!(
                "{} {} {} {}",
                steps.value(row) / SECOND_NS,
                levels[row],
                services[row],
                counts.value(row)
            ));
        }
    }
    groups.sort();
    assert_eq!(groups, ["15 5 worker 1", "5 3 gateway 1", "5 5 gateway 1"]);
    let refused = AggregateRequest { groups_max: 2, ..request };
    let mut stream = fixture.store.aggregate(&fixture.tenant, refused).await.unwrap();
    let first = futures::StreamExt::next(&mut stream).await;
    assert!(matches!(first, Some(Err(_))), "more groups than allowed are an error");
}

/// One tenant sees nothing of another.
pub(super) async fn tenants_are_apart(mut fixture: Fixture) {
    let other = TenantId::new("somebody-else").unwrap();
    let batch = Batch::Spans(spans(&[Span { name: "theirs", ..Span::default() }]));
    fixture.store.append(&other, Append::from(batch)).await.unwrap();
    fixture.append(Batch::Spans(spans(&[Span { name: "mine", ..Span::default() }]))).await;
    for (tenant, expected) in [(&fixture.tenant, "mine"), (&other, "theirs")] {
        let found = collect(fixture.store.scan(tenant, all(TableName::Spans)).await).await;
        assert_eq!(texts(&found, "name"), [expected]);
    }
    // The store has tenants of other cases too.
    let tenants = fixture.store.tenants();
    assert!(tenants.is_sorted() && tenants.contains(&other) && tenants.contains(&fixture.tenant));
}

/// The same token twice stores the batch once; for another tenant it is another token.
pub(super) async fn a_token_counts_once(mut fixture: Fixture) {
    let batch = || Batch::Spans(spans(&[Span::default()]));
    let token = Some(IngestToken(7));
    assert!(!fixture.append_with(batch(), token).await.duplicate);
    assert!(fixture.append_with(batch(), token).await.duplicate);
    let another = Batch::Spans(spans(&[Span { id: 2, ..Span::default() }]));
    assert!(!fixture.append_with(another, Some(IngestToken(8))).await.duplicate);
    let other = TenantId::new("another-token-user").unwrap();
    let ack = fixture.store.append(&other, Append { batch: batch(), token }).await.unwrap();
    assert!(!ack.duplicate);
    let found = collect(fixture.store.scan(&fixture.tenant, all(TableName::Spans)).await).await;
    assert_eq!(found.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
}

/// A tenant that sent nothing gets empty answers, and an unknown column is an error.
pub(super) async fn nothing_is_an_answer(mut fixture: Fixture) {
    let found = collect(fixture.store.scan(&fixture.tenant, all(TableName::Logs)).await).await;
    assert!(found.is_empty());
    let times = |batches: &[RecordBatch]| -> usize {
        let time = |b: &RecordBatch| {
            b.column_by_name("time_ns")
                .unwrap()
                .as_primitive::<TimestampNanosecondType>()
                .values()
                .len()
        };
        batches.iter().map(time).sum()
    };
    fixture.append(Batch::Logs(logs(&[(1, Level::Info, "s", "b")]))).await;
    let range = TimeRange { start_ns: 2, end_ns: 9 };
    let request = ScanRequest { range, ..all(TableName::Logs) };
    let found = collect(fixture.store.scan(&fixture.tenant, request).await).await;
    assert_eq!(times(&found), 0);
}
