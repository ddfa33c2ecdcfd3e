//! Properties, most of them against a model that knows each bucket by its index.

use std::collections::BTreeMap;

use proptest::prelude::*;
use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::BucketSpan;
use watchkeep_model::histogram::bounds::exponential_bound;

use super::*;
use crate::histogram::{
    HistogramMean, HistogramSum, Keep, MixedSchemas, add, detect_reset, divide, fraction, multiply,
    quantile, subtract, trim, variance,
};

/// A histogram with its buckets in maps.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    schema: i32,
    threshold: f64,
    zero: f64,
    sides: [BTreeMap<i64, f64>; 2],
}

impl Model {
    fn of(histogram: &NativeHistogram) -> Self {
        Self {
            schema: histogram.schema,
            threshold: histogram.zero_threshold,
            zero: histogram.zero_count,
            sides: populated(histogram).map(|side| side.into_iter().collect()),
        }
    }

    fn coarsen(&mut self, schema: i32) {
        for side in &mut self.sides {
            let mut coarse = BTreeMap::new();
            for (index, count) in std::mem::take(side) {
                // The bucket whose upper bound is the next one that both schemas have.
                let width = 1_i64 << (self.schema - schema);
                let target = (index + width - 1).div_euclid(width);
                *coarse.entry(target).or_insert(0.0) += count;
            }
            *side = coarse;
        }
        self.schema = schema;
    }

    /// Moves the threshold up to where no populated bucket is cut, and takes in what is below.
    fn widen(&mut self, threshold: f64) {
        self.threshold = threshold;
        loop {
            let cut = self.sides.iter().flat_map(BTreeMap::keys).find(|index| {
                exponential_bound(**index - 1, self.schema) < self.threshold
                    && exponential_bound(**index, self.schema) > self.threshold
            });
            let Some(index) = cut else { break };
            self.threshold = exponential_bound(*index, self.schema);
        }
        for side in &mut self.sides {
            side.retain(|index, count| {
                let is_inside = exponential_bound(*index, self.schema) <= self.threshold;
                self.zero += if is_inside { *count } else { 0.0 };
                !is_inside
            });
        }
    }

    /// Adds another; where zero buckets or schemas differ, as the module says.
    fn add(&mut self, mut other: Self, sign: f64) {
        while self.threshold != other.threshold {
            if self.threshold < other.threshold {
                self.widen(other.threshold);
            } else {
                other.widen(self.threshold);
            }
        }
        let schema = self.schema.min(other.schema);
        self.coarsen(schema);
        other.coarsen(schema);
        self.zero += sign * other.zero;
        let [positive, negative] = other.sides;
        for (mine, theirs) in self.sides.iter_mut().zip([positive, negative]) {
            for (index, count) in theirs {
                *mine.entry(index).or_insert(0.0) += sign * count;
            }
            mine.retain(|_, count| *count != 0.0);
        }
    }
}

/// Buckets that overlap the zero bucket are outside of what instruments make; they are left out
/// where the model says nothing about them.
fn without_overlap(mut histogram: NativeHistogram) -> NativeHistogram {
    let threshold = histogram.zero_threshold;
    let schema = histogram.schema;
    let mut model = Model::of(&histogram);
    model.sides.iter_mut().for_each(|side| {
        side.retain(|index, _| exponential_bound(index - 1, schema) >= threshold);
    });
    let [positive, negative] =
        model.sides.map(|side| super::side(&side.into_iter().collect::<Vec<_>>()));
    (histogram.positive_spans, histogram.positive_counts) = positive;
    (histogram.negative_spans, histogram.negative_counts) = negative;
    histogram.count = total(&histogram);
    histogram
}

proptest! {
    #[test]
    fn a_sum_is_that_of_the_model(a in any_exponential(), b in any_exponential()) {
        let (a, b) = (without_overlap(a), without_overlap(b));
        for sign in [1.0, -1.0] {
            let mut expected = Model::of(&a);
            expected.add(Model::of(&b), sign);
            let mut result = a.clone();
            if sign > 0.0 { add(&mut result, &b) } else { subtract(&mut result, &b) }.unwrap();
            prop_assert_eq!(Model::of(&result), expected);
            prop_assert_eq!(result.count, a.count + sign * b.count);
            prop_assert_eq!(result.sum, a.sum + sign * b.sum);
        }
        let mut compensated = HistogramSum::new(a.clone());
        compensated.add(&b).unwrap();
        let mut plain = a.clone();
        add(&mut plain, &b).unwrap();
        prop_assert_eq!(Model::of(&compensated.finish()), Model::of(&plain));
    }

    #[test]
    fn addition_commutes(a in any_exponential(), b in any_exponential()) {
        let (mut ab, mut ba) = (a.clone(), b.clone());
        add(&mut ab, &b).unwrap();
        add(&mut ba, &a).unwrap();
        ab.compact(0);
        ba.compact(0);
        // Where buckets overlap a zero bucket, upstream takes in those of one operand only.
        let (a, b) = (without_overlap(a.clone()) == a, without_overlap(b.clone()) == b);
        if a && b {
            prop_assert!(ab.same_data(&ba), "{ab} {ba}");
        }
        prop_assert_eq!((ab.count, ab.sum), (ba.count, ba.sum));
    }

    #[test]
    fn custom_sums_commute_and_keep_every_observation(a in any_custom(), b in any_custom()) {
        let (mut ab, mut ba) = (a.clone(), b.clone());
        let remarks = add(&mut ab, &b).unwrap();
        add(&mut ba, &a).unwrap();
        ab.compact(0);
        ba.compact(0);
        prop_assert!(ab.same_data(&ba), "{ab} {ba}");
        prop_assert_eq!(remarks.bounds_reconciled, a.custom_values != b.custom_values);
        prop_assert_eq!(total(&ab), a.count + b.count);
        prop_assert_eq!(validate(&ab), Ok(()));
        // Below each shared bound there are as many as in both.
        for (at, bound) in ab.custom_values.iter().enumerate() {
            let below = |h: &NativeHistogram| -> f64 {
                h.buckets().filter(|bucket| bucket.upper <= *bound).map(|bucket| bucket.count).sum()
            };
            prop_assert!(a.custom_values.contains(bound) && b.custom_values.contains(bound));
            prop_assert_eq!(below(&ab), below(&a) + below(&b), "bound {}", at);
        }
        let mut compensated = HistogramSum::new(a.clone());
        compensated.add(&b).unwrap();
        let mut compensated = compensated.finish();
        compensated.compact(0);
        prop_assert!(compensated.same_data(&ab));
    }

    #[test]
    fn subtraction_undoes_addition(a in any_exponential(), b in any_exponential()) {
        let (a, b) = (without_overlap(a), without_overlap(b));
        let mut result = a.clone();
        add(&mut result, &b).unwrap();
        subtract(&mut result, &b).unwrap();
        let mut expected = Model::of(&a);
        let mut same = Model::of(&b);
        same.add(Model::of(&a), 1.0);
        expected.widen(same.threshold);
        expected.coarsen(same.schema);
        prop_assert_eq!(Model::of(&result), expected);
        prop_assert_eq!((result.count, result.sum), (a.count, a.sum));
    }

    #[test]
    fn a_mean_of_equals_is_the_same(a in any_exponential(), n in 1_usize..5) {
        let a = without_overlap(a);
        let mut mean = HistogramMean::new(a.clone());
        for _ in 0..n {
            mean.add(&a).unwrap();
        }
        let mut mean = mean.finish();
        let mut expected = a.clone();
        (mean.is_float, expected.is_float) = (true, true);
        mean.compact(0);
        expected.compact(0);
        for ((place, count), (other, other_count)) in mean.places().zip(expected.places()) {
            prop_assert_eq!(place, other);
            prop_assert!((count - other_count).abs() <= 1e-12 * other_count.abs());
        }
    }

    #[test]
    fn growing_counts_are_no_reset_and_falling_ones_are(a in any_exponential(), b in any_exponential()) {
        let (a, b) = (without_overlap(a), without_overlap(b));
        let mut later = a.clone();
        add(&mut later, &b).unwrap();
        prop_assert!(!detect_reset(&later, &a));
        prop_assert!(!detect_reset(&a, &a));
        let fell = later.count > a.count || Model::of(&later) != Model::of(&a);
        prop_assert_eq!(detect_reset(&a, &later), fell);
    }

    #[test]
    fn growing_custom_counts_are_no_reset(a in any_custom(), b in any_custom()) {
        let mut later = a.clone();
        add(&mut later, &b).unwrap();
        prop_assert!(!detect_reset(&later, &a));
        prop_assert_eq!(detect_reset(&a, &later), b.count > 0.0);
    }

    #[test]
    fn quantiles_rise_with_q_and_fractions_undo_them(a in any_exponential(), b in any_custom()) {
        for h in [without_overlap(a), b] {
            if h.count == 0.0 {
                prop_assert!(quantile(0.5, &h).value.is_nan());
                continue;
            }
            if h.uses_custom_buckets() && h.custom_values.is_empty() {
                // One bucket for everything says nothing about a quantile.
                continue;
            }
            let mut before = f64::NEG_INFINITY;
            for step in 0..=20 {
                let q = f64::from(step) / 20.0;
                let value = quantile(q, &h).value;
                let slack = 1e-9 * value.abs().max(1e-9);
                prop_assert!(value + slack >= before, "q {q}: {value} < {before} in {h}");
                prop_assert!(h.uses_custom_buckets() || value.is_finite() || h.schema < 0);
                before = value;
                if h.uses_custom_buckets() {
                    continue;
                }
                let below = fraction(f64::NEG_INFINITY, value, &h).value;
                let next = fraction(f64::NEG_INFINITY, value + value.abs() * 1e-9, &h).value;
                prop_assert!(below <= q + 1e-6 && next >= q - 1e-6 || value == 0.0,
                    "q {q}: {below}..{next} below {value} in {h}");
            }
        }
    }

    #[test]
    fn trimming_both_ways_shares_the_observations_out(
        a in any_exponential(), b in any_custom(), at in -20.0..20.0_f64,
    ) {
        for h in [a, b] {
            let (mut below, mut above) = (h.clone(), h.clone());
            trim(&mut below, at, Keep::Below);
            trim(&mut above, at, Keep::Above);
            for part in [&below, &above] {
                prop_assert!(part.count <= h.count * (1.0 + 1e-12));
                prop_assert!((total(part) - part.count).abs() <= 1e-9 * h.count);
                prop_assert!(part.places().all(|(_, count)| count >= 0.0));
            }
            if !h.uses_custom_buckets() {
                prop_assert!((below.count + above.count - h.count).abs() <= 1e-9 * h.count.max(1.0));
            }
        }
    }

    #[test]
    fn kinds_of_schema_do_not_mix(a in any_exponential(), b in any_custom()) {
        let mut changed = a.clone();
        prop_assert_eq!(add(&mut changed, &b), Err(MixedSchemas));
        prop_assert_eq!(subtract(&mut changed, &b), Err(MixedSchemas));
        prop_assert!(HistogramSum::new(b.clone()).add(&a).is_err());
        prop_assert_eq!(&changed, &a);
        prop_assert!(detect_reset(&a, &b) && (detect_reset(&b, &a)));
    }

    /// Runs and counts that no instrument makes: what passes `validate` after the byte form must
    /// go through every operation, and so must what does not.
    #[test]
    fn odd_histograms_do_not_panic(a in any_odd(), b in any_odd(), at in any::<f64>()) {
        let mut bytes = Vec::new();
        a.encode(&mut bytes);
        let a = NativeHistogram::decode(&bytes).unwrap();
        let _any_outcome = validate(&a);
        let mut reduced = a.clone();
        let _any_outcome = reduced.reduce_to_supported();
        let _any_outcome = reduced.reduce_resolution(-4);
        let mut sum = a.clone();
        let _any_outcome = add(&mut sum, &b);
        let mut difference = b.clone();
        let _any_outcome = subtract(&mut difference, &a);
        let mut compensated = HistogramSum::new(a.clone());
        let _any_outcome = compensated.add(&b).and_then(|_| compensated.add(&a));
        let mut mean = HistogramMean::new(b.clone());
        let _any_outcome = mean.add(&a).and_then(|_| mean.add(&b));
        for h in [&a, &sum, &difference, &compensated.finish(), &mean.finish()] {
            let _any_outcome = (h.to_string(), variance(h), h.same_data(&b), detect_reset(h, &b));
            let _any_outcome = (quantile(0.3, h), quantile(0.9, h), fraction(at, 1.0, h));
            let mut changed = h.clone();
            trim(&mut changed, at, Keep::Below);
            multiply(&mut changed, at);
            divide(&mut changed, at);
            changed.compact(2);
            trim(&mut changed, -at, Keep::Above);
        }
    }
}

prop_compose! {
    fn odd_side()(
        spans in prop::collection::vec(
            (prop_oneof![-5_i32..40, any::<i32>()], prop_oneof![0_u32..4, any::<u32>()]), 0..4),
        counts in prop::collection::vec(any::<f64>(), 0..8), fits: bool,
    ) -> (Vec<BucketSpan>, Vec<f64>) {
        let spans: Vec<_> = spans.into_iter()
            .map(|(offset, length)| BucketSpan { offset, length: if fits { length % 3 } else { length } })
            .collect();
        let buckets: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
        let counts = if fits { (0..buckets).map(|i| i as f64).collect() } else { counts };
        (spans, counts)
    }
}

prop_compose! {
    fn any_odd()(
        schema in prop_oneof![-53_i32..=-53, -4_i32..9, any::<i32>()],
        zero in (prop_oneof![Just(0.0), any::<f64>()], any::<f64>()), totals in any::<(f64, f64)>(),
        positive in odd_side(), negative in odd_side(),
        custom_values in prop::collection::vec(any::<f64>(), 0..4),
    ) -> NativeHistogram {
        NativeHistogram {
            schema, zero_threshold: zero.0, zero_count: zero.1, count: totals.0, sum: totals.1,
            is_float: true, reset_hint: ResetHint::Unknown,
            positive_spans: positive.0, positive_counts: positive.1,
            negative_spans: negative.0, negative_counts: negative.1, custom_values,
        }
    }
}
