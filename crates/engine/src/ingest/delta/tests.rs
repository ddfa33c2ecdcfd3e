//! What users of delta temporality rely on.

use super::*;
use watchkeep_model::Labels;

fn batch(series: &str, samples: &[(i64, f64)]) -> MetricColumns {
    let mut columns = MetricColumns::default();
    let labels = Labels::from_pairs([("__name__", series)]);
    columns.series.labels.push(labels.as_bytes());
    columns.series.delta.push(1);
    for (time_ms, value) in samples {
        columns.floats.series.push(0);
        columns.floats.time_ms.push(*time_ms);
        columns.floats.start_ms.push(0);
        columns.floats.value.push(*value);
    }
    columns
}

fn convert(deltas: &DeltaAccumulator, columns: &mut MetricColumns) -> Change {
    deltas.convert(&TenantId::default(), columns)
}

#[test]
fn increments_become_totals_and_resent_ones_are_dropped() {
    let deltas = DeltaAccumulator::new(10);
    let mut first = batch("a", &[(20, 2.0), (10, 1.0)]);
    convert(&deltas, &mut first);
    assert_eq!(first.floats.value, [3.0, 1.0, 0.0], "a total starts with a zero");
    assert_eq!(first.floats.time_ms, [20, 10, 9]);
    assert_eq!(first.series.delta, [0]);
    let mut resent = batch("a", &[(10, 1.0), (20, 2.0), (30, 4.0)]);
    assert_eq!(convert(&deltas, &mut resent).out_of_order(), 2);
    assert_eq!(resent.floats.time_ms, [30]);
    assert_eq!(resent.floats.value, [7.0]);
}

#[test]
fn tenants_do_not_share_totals() {
    let deltas = DeltaAccumulator::new(10);
    convert(&deltas, &mut batch("a", &[(10, 1.0)]));
    let mut other = batch("a", &[(10, 5.0)]);
    deltas.convert(&TenantId::new("other").unwrap(), &mut other);
    assert_eq!(other.floats.value, [5.0, 0.0]);
}

#[test]
fn a_failed_append_counts_when_it_is_sent_again() {
    let deltas = DeltaAccumulator::new(10);
    convert(&deltas, &mut batch("a", &[(10, 1.0)]));
    let change = convert(&deltas, &mut batch("a", &[(20, 2.0), (30, 4.0)]));
    deltas.undo(change);
    let mut again = batch("a", &[(20, 2.0), (30, 4.0)]);
    convert(&deltas, &mut again);
    assert_eq!(again.floats.value, [3.0, 7.0]);

    let change = convert(&deltas, &mut batch("new", &[(20, 2.0)]));
    deltas.undo(change);
    assert_eq!(deltas.len(), 1);
}

#[test]
fn a_failed_append_that_was_built_upon_is_counted_once() {
    let deltas = DeltaAccumulator::new(10);
    let failed = convert(&deltas, &mut batch("a", &[(10, 1.0)]));
    convert(&deltas, &mut batch("a", &[(20, 2.0)]));
    deltas.undo(failed);
    let mut again = batch("a", &[(10, 1.0), (30, 4.0)]);
    convert(&deltas, &mut again);
    assert_eq!(again.floats.value, [7.0]);
}

#[test]
fn the_least_recently_used_series_are_evicted_and_counted() {
    let deltas = DeltaAccumulator::new(4);
    let mut evicted = 0;
    for (time_ms, series) in (1..).zip(["a", "b", "c", "a", "d", "e", "f"]) {
        evicted += convert(&deltas, &mut batch(series, &[(time_ms, 1.0)])).evicted();
        assert!(deltas.len() <= 4, "{series}");
    }
    assert!(evicted > 0);
    let mut used_last = batch("f", &[(100, 1.0)]);
    convert(&deltas, &mut used_last);
    assert_eq!(used_last.floats.value, [2.0]);
}
