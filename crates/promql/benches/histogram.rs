//! Time for one operation on native histograms of some hundred buckets:
//! `cargo bench -p watchkeep-promql --bench histogram`.

use divan::{Bencher, black_box};
use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::{BucketSpan, ResetHint};
use watchkeep_promql::histogram::{
    HistogramSum, Keep, add, detect_reset, fraction, quantile, subtract, trim, variance,
};

fn main() {
    divan::main();
}

/// How many buckets a histogram has.
const BUCKETS: [u32; 2] = [20, 160];

/// Latencies from a millisecond on at this schema: runs of four buckets with a gap of one.
fn exponential(buckets: u32, schema: i32) -> NativeHistogram {
    let runs = buckets / 4;
    let spans = (0..runs).map(|at| BucketSpan { offset: if at == 0 { -30 } else { 1 }, length: 4 });
    let counts: Vec<f64> = (0..buckets).map(|at| f64::from(1 + at * 37 % 101)).collect();
    NativeHistogram {
        schema,
        zero_threshold: 2.938_735_877_055_719e-39,
        zero_count: 0.0,
        count: counts.iter().sum(),
        sum: 12.5,
        is_float: false,
        reset_hint: ResetHint::Unknown,
        positive_spans: spans.collect(),
        positive_counts: counts,
        negative_spans: Vec::new(),
        negative_counts: Vec::new(),
        custom_values: Vec::new(),
    }
}

fn custom(buckets: u32) -> NativeHistogram {
    NativeHistogram {
        schema: NativeHistogram::CUSTOM_BUCKETS,
        zero_threshold: 0.0,
        positive_spans: vec![BucketSpan { offset: 0, length: buckets }],
        custom_values: (1..buckets).map(f64::from).collect(),
        ..exponential(buckets, 0)
    }
}

#[divan::bench(args = BUCKETS)]
fn quantile_of_exponential_buckets(bencher: Bencher<'_, '_>, buckets: u32) {
    let histogram = exponential(buckets, 3);
    bencher.bench_local(|| quantile(black_box(0.9), &histogram));
}

#[divan::bench(args = BUCKETS)]
fn quantile_of_custom_buckets(bencher: Bencher<'_, '_>, buckets: u32) {
    let histogram = custom(buckets);
    bencher.bench_local(|| quantile(black_box(0.9), &histogram));
}

#[divan::bench(args = BUCKETS)]
fn fraction_of_exponential_buckets(bencher: Bencher<'_, '_>, buckets: u32) {
    let histogram = exponential(buckets, 3);
    bencher.bench_local(|| fraction(black_box(0.0), 2.0, &histogram));
}

#[divan::bench(args = BUCKETS)]
fn variance_of_exponential_buckets(bencher: Bencher<'_, '_>, buckets: u32) {
    let histogram = exponential(buckets, 3);
    bencher.bench_local(|| variance(black_box(&histogram)));
}

#[divan::bench(args = BUCKETS)]
fn add_of_the_same_layout(bencher: Bencher<'_, '_>, buckets: u32) {
    let other = exponential(buckets, 3);
    let mut total = other.clone();
    bencher.bench_local(|| add(&mut total, black_box(&other)));
}

#[divan::bench(args = BUCKETS)]
fn add_of_a_part_of_the_layout(bencher: Bencher<'_, '_>, buckets: u32) {
    let mut total = exponential(buckets, 3);
    let other = exponential(buckets / 2, 3);
    bencher.bench_local(|| add(&mut total, black_box(&other)));
}

#[divan::bench(args = BUCKETS)]
fn add_with_compensation(bencher: Bencher<'_, '_>, buckets: u32) {
    let other = exponential(buckets, 3);
    let mut total = HistogramSum::new(other.clone());
    bencher.bench_local(|| total.add(black_box(&other)));
}

#[divan::bench(args = BUCKETS)]
fn add_of_a_finer_schema(bencher: Bencher<'_, '_>, buckets: u32) {
    let mut total = exponential(buckets, 3);
    let other = exponential(buckets, 5);
    bencher.bench_local(|| add(&mut total, black_box(&other)));
}

#[divan::bench(args = BUCKETS)]
fn add_of_other_custom_bounds(bencher: Bencher<'_, '_>, buckets: u32) {
    let other = custom(buckets / 2);
    let mut total = custom(buckets);
    bencher.bench_local(|| {
        total.custom_values.resize(buckets as usize / 2 + 1, 1e9);
        add(&mut total, black_box(&other))
    });
}

#[divan::bench(args = BUCKETS)]
fn difference_of_two_samples(bencher: Bencher<'_, '_>, buckets: u32) {
    let (first, last) = (exponential(buckets, 3), exponential(buckets, 3));
    bencher.bench_local(|| {
        let mut difference = black_box(&last).clone();
        let remarks = subtract(&mut difference, &first);
        (difference, remarks)
    });
}

#[divan::bench(args = BUCKETS)]
fn look_for_a_reset(bencher: Bencher<'_, '_>, buckets: u32) {
    let (before, now) = (exponential(buckets, 3), exponential(buckets, 3));
    bencher.bench_local(|| detect_reset(black_box(&now), &before));
}

#[divan::bench(args = BUCKETS)]
fn trim_at_a_value(bencher: Bencher<'_, '_>, buckets: u32) {
    let histogram = exponential(buckets, 3);
    bencher.bench_local(|| {
        let mut trimmed = black_box(&histogram).clone();
        trim(&mut trimmed, 1.0, Keep::Below);
        trimmed
    });
}
