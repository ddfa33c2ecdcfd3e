//! The algebra against tables, and against a model that keeps its buckets in maps.

mod model;
mod tables;

use proptest::prelude::*;
use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::layout::Runs;
use watchkeep_model::histogram::{BucketSpan, ResetHint, validate};

/// Index and count of the buckets of a side.
type Buckets<'a> = &'a [(i64, f64)];

/// An exponential histogram without a zero bucket whose count fits its buckets.
fn exponential(schema: i32, positive: Buckets<'_>, negative: Buckets<'_>) -> NativeHistogram {
    let (positive_spans, positive_counts) = side(positive);
    let (negative_spans, negative_counts) = side(negative);
    NativeHistogram {
        schema,
        zero_threshold: 0.0,
        zero_count: 0.0,
        count: positive_counts.iter().chain(&negative_counts).sum(),
        sum: 1.0,
        is_float: true,
        reset_hint: ResetHint::Unknown,
        positive_spans,
        positive_counts,
        negative_spans,
        negative_counts,
        custom_values: Vec::new(),
    }
}

fn with_zero(mut histogram: NativeHistogram, threshold: f64, count: f64) -> NativeHistogram {
    (histogram.zero_threshold, histogram.zero_count) = (threshold, count);
    histogram.count += count;
    histogram
}

fn custom(bounds: &[f64], buckets: Buckets<'_>) -> NativeHistogram {
    NativeHistogram {
        schema: NativeHistogram::CUSTOM_BUCKETS,
        custom_values: bounds.to_vec(),
        ..exponential(0, buckets, &[])
    }
}

fn side(buckets: Buckets<'_>) -> (Vec<BucketSpan>, Vec<f64>) {
    let mut runs = Runs::default();
    for (index, _) in buckets {
        runs.push(*index);
    }
    (runs.into_spans(), buckets.iter().map(|(_, count)| *count).collect())
}

/// The populated buckets of both sides.
fn populated(histogram: &NativeHistogram) -> [Vec<(i64, f64)>; 2] {
    [histogram.positive(), histogram.negative()]
        .map(|side| side.filter(|(_, count)| *count != 0.0).collect())
}

/// Runs and whole counts of one side.
fn any_side() -> impl Strategy<Value = (Vec<BucketSpan>, Vec<f64>)> {
    let runs = prop::collection::vec((0_i32..6, 0_u32..5), 0..5);
    (runs, -20_i32..20, prop::collection::vec(0_u16..50, 20)).prop_map(|(runs, first, counts)| {
        let spans: Vec<_> = runs
            .into_iter()
            .enumerate()
            .map(|(at, (offset, length))| {
                let offset = if at == 0 { first } else { offset };
                BucketSpan { offset, length }
            })
            .collect();
        let buckets: u32 = spans.iter().map(|span| span.length).sum();
        (spans, counts.into_iter().map(f64::from).take(buckets as usize).collect())
    })
}

prop_compose! {
    /// Valid exponential histograms, with empty buckets, empty runs and runs that touch.
    fn any_exponential()(
        schema in -4_i32..=8, threshold in prop::sample::select(vec![0.0, 0.001, 0.7, 1.0, 3.0]),
        zero_count in 0_u16..20, sum in -1000_i32..1000, positive in any_side(), negative in any_side(),
    ) -> NativeHistogram {
        let mut histogram = NativeHistogram {
            schema, zero_threshold: threshold, zero_count: f64::from(zero_count), count: 0.0,
            sum: f64::from(sum), is_float: false, reset_hint: ResetHint::Unknown,
            positive_spans: positive.0, positive_counts: positive.1,
            negative_spans: negative.0, negative_counts: negative.1, custom_values: Vec::new(),
        };
        histogram.count = total(&histogram);
        histogram
    }
}

prop_compose! {
    fn any_custom()(
        bounds in prop::collection::btree_set(-5_i8..12, 0..9),
        counts in prop::collection::vec(0_u16..50, 10), sum in -1000_i32..1000,
    ) -> NativeHistogram {
        let bounds: Vec<f64> = bounds.into_iter().map(f64::from).collect();
        let buckets: Vec<_> = counts.into_iter().map(f64::from).take(bounds.len() + 1).enumerate()
            .map(|(index, count)| (index as i64, count)).collect();
        NativeHistogram { sum: f64::from(sum), is_float: false, ..custom(&bounds, &buckets) }
    }
}

/// Observations in all buckets.
fn total(histogram: &NativeHistogram) -> f64 {
    let counts = histogram.positive_counts.iter().chain(&histogram.negative_counts);
    histogram.zero_count + counts.sum::<f64>()
}

proptest! {
    #[test]
    fn generated_histograms_are_valid(histogram in any_exponential(), other in any_custom()) {
        prop_assert_eq!(validate(&histogram), Ok(()));
        prop_assert_eq!(validate(&other), Ok(()));
    }
}
