//! Adding one native histogram to another. Of two resolutions the coarser is kept; histograms that
//! can not be added (custom bounds that differ) start the total again.

use std::collections::BTreeMap;

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::BucketSpan;

/// A histogram of the same shape without observations.
pub(super) fn cleared(total: &NativeHistogram) -> NativeHistogram {
    NativeHistogram {
        zero_count: 0.0,
        count: 0.0,
        sum: 0.0,
        positive_spans: Vec::new(),
        positive_counts: Vec::new(),
        negative_spans: Vec::new(),
        negative_counts: Vec::new(),
        ..total.clone()
    }
}

/// The sum of a total and an increment.
pub(super) fn add(total: &NativeHistogram, increment: &NativeHistogram) -> NativeHistogram {
    let custom = NativeHistogram::CUSTOM_BUCKETS;
    let mixed = (total.schema == custom) != (increment.schema == custom);
    if mixed || total.custom_values != increment.custom_values {
        return increment.clone();
    }
    let schema = total.schema.min(increment.schema);
    let zero_threshold = total.zero_threshold.max(increment.zero_threshold);
    let mut positive = BTreeMap::new();
    let mut negative = BTreeMap::new();
    for one in [total, increment] {
        let shift = u32::try_from(one.schema - schema).unwrap_or(0);
        collect(&mut positive, &one.positive_spans, &one.positive_counts, shift);
        collect(&mut negative, &one.negative_spans, &one.negative_counts, shift);
    }
    let (positive_spans, positive_counts) = runs(&positive);
    let (negative_spans, negative_counts) = runs(&negative);
    NativeHistogram {
        schema,
        zero_threshold,
        zero_count: total.zero_count + increment.zero_count,
        count: total.count + increment.count,
        sum: total.sum + increment.sum,
        is_float: total.is_float || increment.is_float,
        reset_hint: increment.reset_hint,
        positive_spans,
        positive_counts,
        negative_spans,
        negative_counts,
        custom_values: increment.custom_values.clone(),
    }
}

/// Adds the buckets by index; each halving of the resolution joins two neighbours (index `i` holds
/// what ends at `i`, so `i` goes to `ceil(i / 2)`).
fn collect(into: &mut BTreeMap<i64, f64>, spans: &[BucketSpan], counts: &[f64], shift: u32) {
    let mut index = 0_i64;
    let mut counts = counts.iter();
    for span in spans {
        index += i64::from(span.offset);
        for _ in 0..span.length {
            let Some(count) = counts.next() else { return };
            let coarse = if shift == 0 { index } else { ((index - 1) >> shift.min(62)) + 1 };
            *into.entry(coarse).or_insert(0.0) += count;
            index += 1;
        }
    }
}

fn runs(buckets: &BTreeMap<i64, f64>) -> (Vec<BucketSpan>, Vec<f64>) {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut next = 0_i64;
    for index in buckets.keys() {
        match spans.last_mut() {
            Some(span) if *index == next => span.length += 1,
            _ => {
                let gap = index - next;
                let offset =
                    i32::try_from(gap).unwrap_or(if gap < 0 { i32::MIN } else { i32::MAX });
                spans.push(BucketSpan { offset, length: 1 });
            }
        }
        next = index + 1;
    }
    (spans, buckets.values().copied().collect())
}

#[cfg(test)]
mod tests {
    use watchkeep_model::histogram::ResetHint;

    use super::*;

    fn histogram(schema: i32, spans: &[(i32, u32)], counts: &[f64]) -> NativeHistogram {
        NativeHistogram {
            schema,
            zero_threshold: 0.0,
            zero_count: 1.0,
            count: 1.0 + counts.iter().sum::<f64>(),
            sum: 2.0,
            is_float: false,
            reset_hint: ResetHint::Unknown,
            positive_spans: spans
                .iter()
                .map(|(offset, length)| BucketSpan { offset: *offset, length: *length })
                .collect(),
            positive_counts: counts.to_vec(),
            negative_spans: vec![],
            negative_counts: vec![],
            custom_values: vec![],
        }
    }

    #[test]
    fn buckets_add_by_index_at_the_coarser_resolution() {
        let coarse = histogram(0, &[(0, 2)], &[1.0, 2.0]);
        // At schema 1 the indexes 1 and 2 lie in index 1 of schema 0, and 3 in 2.
        let fine = histogram(1, &[(1, 3)], &[10.0, 20.0, 40.0]);
        let sum = add(&coarse, &fine);
        assert_eq!(sum.schema, 0);
        assert_eq!(sum.positive_spans, [BucketSpan { offset: 0, length: 3 }]);
        assert_eq!(sum.positive_counts, [1.0, 32.0, 40.0]);
        assert_eq!((sum.count, sum.zero_count, sum.sum), (75.0, 2.0, 4.0));
    }

    #[test]
    fn other_bounds_start_the_total_again() {
        let mut a = histogram(NativeHistogram::CUSTOM_BUCKETS, &[(0, 1)], &[1.0]);
        let mut b = a.clone();
        a.custom_values = vec![1.0];
        b.custom_values = vec![2.0];
        assert_eq!(add(&a, &b), b);
    }
}
