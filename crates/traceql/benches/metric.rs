//! Spans a second that metric queries count, once a store has made columns of them: two hours of a
//! million spans in batches of 8,192 (`cargo bench -p watchkeep-traceql --bench metric`).

use divan::Bencher;
use divan::counter::ItemsCount;
use watchkeep_model::span_query::{FieldColumn, SpansRequest};
use watchkeep_model::{Result, SpanBatch, SpanCursor, SpanField, SpanScope, Utf8Column};
use watchkeep_traceql::eval::Budget;
use watchkeep_traceql::eval::metric::{MetricRequest, Steps, metric};
use watchkeep_traceql::source::SpanSource;

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_700_000_100 * SECOND;
const ROWS: usize = 8_192;
const BATCHES: usize = 122;

fn main() {
    divan::main();
}

/// Copies columns: what a store would have to do on top is not in the figures.
struct Columns {
    fields: Vec<SpanField>,
    batches: Vec<Vec<FieldColumn>>,
}

impl SpanSource for Columns {
    fn spans(&self, request: SpansRequest) -> Result<SpanCursor> {
        let place = |field: &SpanField| self.fields.iter().position(|known| known == field);
        let places: Vec<usize> = request.fields.iter().filter_map(place).collect();
        let batch = |columns: &Vec<FieldColumn>| {
            let columns = places.iter().map(|place| columns[*place].clone()).collect();
            Ok(SpanBatch { rows: ROWS, traces: Vec::new(), columns })
        };
        let batches: Vec<_> = self.batches.iter().map(batch).collect();
        Ok(Box::new(batches.into_iter()))
    }
}

/// Numbers that look random and are always the same (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn ints(&mut self, make: impl Fn(usize, u64) -> i64) -> Vec<i64> {
        (0..ROWS).map(|row| make(row, self.below(u64::from(u32::MAX)))).collect()
    }

    fn texts(&mut self, count: u64) -> FieldColumn {
        let mut values = Utf8Column::default();
        (0..count).for_each(|at| values.push(&format!("value-{at}")));
        FieldColumn::Text { keys: (0..ROWS).map(|_| self.below(count) as u32).collect(), values }
    }
}

fn columns() -> Columns {
    let mut numbers = Numbers(1);
    let attribute = |scope, key: &str| SpanField::Attribute(scope, key.to_owned());
    let batch = |at: usize| {
        let start = START + at as i64 * 59 * SECOND;
        let near = |row: usize, random: u64| start + (row as u64 * 7_000_000 + random * 7) as i64;
        let present = (0..ROWS).map(|_| numbers.below(2) == 0).collect();
        vec![
            FieldColumn::Int { values: numbers.ints(near), present: None },
            FieldColumn::Int { values: numbers.ints(|_, random| random as i64), present: None },
            numbers.texts(6),
            FieldColumn::Int {
                values: numbers.ints(|_, random| (random % 9_000) as i64),
                present: Some(present),
            },
            numbers.texts(40),
        ]
    };
    Columns {
        fields: vec![
            SpanField::Start,
            SpanField::Duration,
            attribute(SpanScope::Resource, "service.name"),
            attribute(SpanScope::Span, "tokens"),
            SpanField::Name,
        ],
        batches: (0..BATCHES).map(batch).collect(),
    }
}

#[divan::bench(args = [
    "{ } | rate()",
    "{ } | rate() by (resource.service.name)",
    "{ } | rate() by (resource.service.name, name)",
    "{ } | sum_over_time(span.tokens) by (resource.service.name)",
    "{ } | quantile_over_time(duration, .95) by (resource.service.name)",
    "{ resource.service.name = \"value-1\" } | histogram_over_time(duration)",
])]
fn query(bencher: Bencher<'_, '_>, text: &str) {
    let source = columns();
    let query = watchkeep_traceql::parse(text).unwrap_or_else(|error| panic!("{error}"));
    let steps = Steps::range(START, START + 7_200 * SECOND, 30 * SECOND, i64::MAX)
        .unwrap_or_else(|error| panic!("{error}"));
    let request = MetricRequest { query: &query, steps, exemplars: 0, series_max: 10_000 };
    bencher.counter(ItemsCount::new(ROWS * BATCHES)).bench(|| {
        let answer = metric(&request, &source, &Budget::default());
        answer.map_or(0, |answer| answer.series.len())
    });
}
