//! What is different about some spans: attribute values that they have more often than others.

use hashbrown::HashMap;
use watchkeep_model::{TenantId, TimeRange, Value};
use watchkeep_traceql::eval::metric::{MetricRequest, MetricSeries, Steps, metric};
use watchkeep_traceql::{COMPARE_TOP_MAX, Query, parse};

use super::QueryError;
use crate::engine::Engine;

/// Values that fewer of the selected spans have than this share are left out: among few spans of many
/// values, some are rare elsewhere by chance.
const SHARE_MIN: f64 = 0.05;

/// Values that fewer spans of the selection have are left out, unless it has no more.
const SPANS_MIN: f64 = 2.0;

/// Asks which values are over-represented.
#[derive(Debug, Clone)]
pub struct LiftQuery {
    /// Which spans: `{ status = error }`.
    pub selection: String,
    /// Which other spans they are compared with: `{ }`. Those of the selection do not count.
    pub baseline: String,
    /// Spans that start inside.
    pub range: TimeRange,
    /// How many values at most.
    pub limit: usize,
}

/// Values that spans of the selection have more often than others.
#[derive(Debug, Clone, PartialEq)]
pub struct Lift {
    /// Spans of the selection.
    pub selection_spans: u64,
    /// Spans of the baseline.
    pub baseline_spans: u64,
    /// Most over-represented first.
    pub values: Vec<LiftedValue>,
}

/// A value of an attribute, and who has it.
#[derive(Debug, Clone, PartialEq)]
pub struct LiftedValue {
    /// The attribute as TraceQL writes it: `span.user.id`, `name`.
    pub attribute: String,
    /// The value.
    pub value: Value,
    /// Spans of the selection that have it.
    pub selection: u64,
    /// Spans of the baseline that have it.
    pub baseline: u64,
    /// The share among the selection divided by that among the baseline; none where no span of the
    /// baseline has it.
    pub lift: Option<f64>,
}

impl Engine {
    /// Compares the attributes of spans: TraceQL's `compare()` over the whole range, ranked.
    pub async fn lift(&self, tenant: &TenantId, asked: LiftQuery) -> Result<Lift, QueryError> {
        let LiftQuery { selection, baseline, range, limit } = asked;
        for text in [&selection, &baseline] {
            self.check_traceql_length(text)?;
            // Each alone, so that an error says where it stands in what was asked.
            parse(text)?;
        }
        let query: Query = parse(&format!("{baseline} | compare({selection}, {COMPARE_TOP_MAX})"))?;
        let steps = Steps::instant(range.start_ns, range.end_ns, self.clock.now_ns())?;
        self.span_work(tenant, move |work| {
            work.budgeted(|source, budget| {
                let request =
                    MetricRequest { query: &query, steps, exemplars: 0, series_max: usize::MAX };
                Ok(rank(metric(&request, source, budget)?.series, limit))
            })
        })
        .await
    }
}

/// Spans that have a value, of both sides.
#[derive(Default)]
struct Counts {
    selection: f64,
    baseline: f64,
}

fn rank(series: Vec<MetricSeries>, limit: usize) -> Lift {
    let mut totals = Counts::default();
    let mut found: Vec<(String, Value, Counts)> = Vec::new();
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    for one in series {
        let count: f64 = one.samples.iter().map(|(_, count)| count).sum();
        let mut labels = one.labels.into_iter();
        let Some((_, Value::String(side))) = labels.next() else { continue };
        let Some((attribute, value)) = labels.next() else { continue };
        match side.as_str() {
            // Every span has a kind.
            "selection_total" if attribute == "kind" => totals.selection = count,
            "baseline_total" if attribute == "kind" => totals.baseline = count,
            "selection" | "baseline" => {
                let mut key = String::new();
                key.push(char::from(value.kind() as u8));
                value.write_text(&mut key);
                let place = *places.entry((attribute.clone(), key)).or_insert_with(|| {
                    found.push((attribute, value, Counts::default()));
                    found.len() - 1
                });
                let counts = &mut found[place].2;
                let side =
                    if side == "selection" { &mut counts.selection } else { &mut counts.baseline };
                *side += count;
            }
            _ => {}
        }
    }
    let least = (totals.selection * SHARE_MIN).max(SPANS_MIN.min(totals.selection));
    let share = |count: f64, total: f64| (count + 0.5) / (total + 1.0);
    // A half is added to each count, so that a value which few have does not look certain.
    let score = |counts: &Counts| {
        share(counts.selection, totals.selection) / share(counts.baseline, totals.baseline)
    };
    found.retain(|(_, _, counts)| counts.selection >= least && score(counts) > 1.0);
    found.sort_by(|left, right| {
        score(&right.2).total_cmp(&score(&left.2)).then_with(|| left.0.cmp(&right.0))
    });
    found.truncate(limit);
    let told = |(attribute, value, counts): (String, Value, Counts)| LiftedValue {
        attribute,
        value,
        selection: counts.selection as u64,
        baseline: counts.baseline as u64,
        lift: (counts.baseline > 0.0)
            .then(|| (counts.selection / totals.selection) / (counts.baseline / totals.baseline)),
    };
    Lift {
        selection_spans: totals.selection as u64,
        baseline_spans: totals.baseline as u64,
        values: found.into_iter().map(told).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(side: &str, attribute: &str, value: &str, count: f64) -> MetricSeries {
        let text = |text: &str| Value::String(text.to_owned());
        MetricSeries {
            labels: vec![
                ("__meta_type".to_owned(), text(side)),
                (attribute.to_owned(), text(value)),
            ],
            samples: vec![(0, count)],
            exemplars: Vec::new(),
        }
    }

    #[test]
    fn values_that_many_of_the_selection_and_few_others_have_come_first() {
        let all = vec![
            series("selection_total", "kind", "nil", 100.0),
            series("baseline_total", "kind", "nil", 1_000.0),
            series("selection", "span.region", "eu", 90.0),
            series("baseline", "span.region", "eu", 100.0),
            series("selection", "span.model", "m1", 60.0),
            series("baseline", "span.model", "m1", 500.0),
            series("selection", "span.model", "m2", 40.0),
            series("baseline", "span.model", "m2", 500.0),
            series("selection", "span.host", "new", 20.0),
            series("selection", "span.id", "only-once", 1.0),
        ];
        let lift = rank(all, 10);
        assert_eq!((lift.selection_spans, lift.baseline_spans), (100, 1_000));
        let told: Vec<_> = lift
            .values
            .iter()
            .map(|value| (value.attribute.as_str(), value.selection, value.baseline, value.lift))
            .collect();
        assert_eq!(
            told,
            [
                ("span.host", 20, 0, None),
                ("span.region", 90, 100, Some(9.0)),
                ("span.model", 60, 500, Some(1.2)),
            ]
        );
        assert_eq!(rank(Vec::new(), 10).values, []);
    }
}
