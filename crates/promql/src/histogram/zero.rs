//! Brings two histograms to the same zero bucket.

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::bounds::exponential_bound;
use watchkeep_model::histogram::buckets::Indexed;
use watchkeep_model::histogram::layout::compact_side;

use super::add::Lost;
use super::kahan;

/// A zero bucket that took in others.
pub(super) struct Widened {
    pub(super) count: f64,
    pub(super) lost: f64,
    pub(super) threshold: f64,
}

/// The zero bucket that `histogram` would have with a threshold that is not below its own. Where
/// the threshold is inside a populated bucket, it moves up to the far end of that bucket.
pub(super) fn widened(histogram: &NativeHistogram, threshold: f64, lost: Option<&Lost>) -> Widened {
    let start = Widened {
        count: histogram.zero_count,
        lost: lost.map_or(0.0, |lost| lost.zero_count),
        threshold,
    };
    if threshold == histogram.zero_threshold {
        return start;
    }
    let sides = [
        (histogram.positive(), lost.map(|lost| lost.positive.as_slice())),
        (histogram.negative(), lost.map(|lost| lost.negative.as_slice())),
    ];
    let mut zero = start;
    loop {
        let reached = zero.threshold;
        for (buckets, lost) in &sides {
            take_in(&mut zero, buckets.clone(), *lost, histogram.schema);
        }
        if zero.threshold == reached {
            return zero;
        }
        // One of the sides moved the threshold, perhaps after the other had been taken in.
        zero = Widened {
            count: histogram.zero_count,
            lost: lost.map_or(0.0, |lost| lost.zero_count),
            threshold: zero.threshold,
        };
    }
}

/// Takes the buckets of one side that begin below the threshold into the zero bucket.
fn take_in(zero: &mut Widened, buckets: Indexed<'_>, lost: Option<&[f64]>, schema: i32) {
    for (at, (index, count)) in buckets.enumerate() {
        if exponential_bound(index - 1, schema) >= zero.threshold {
            break;
        }
        kahan::add(count, &mut zero.count, &mut zero.lost);
        if let Some(lost) = lost.and_then(|lost| lost.get(at)) {
            kahan::add(*lost, &mut zero.count, &mut zero.lost);
        }
        let upper = exponential_bound(index, schema);
        if upper > zero.threshold {
            if count != 0.0 {
                zero.threshold = upper;
            }
            break;
        }
    }
}

/// Widens the zero bucket of `total` until it is one that both may have, and returns the count and
/// the lost part of the zero bucket that `other` has then.
pub(super) fn reconcile(
    total: &mut NativeHistogram,
    other: &NativeHistogram,
    mut lost: Option<&mut Lost>,
) -> [f64; 2] {
    let mut theirs =
        Widened { count: other.zero_count, lost: 0.0, threshold: other.zero_threshold };
    // Each round moves the smaller threshold up to a bucket bound, so the rounds come to an end,
    // unless a threshold is NaN: then nothing compares, and there is nothing to reconcile.
    while theirs.threshold != total.zero_threshold {
        if total.zero_threshold > theirs.threshold {
            theirs = widened(other, total.zero_threshold, None);
        }
        if theirs.threshold > total.zero_threshold {
            widen(total, theirs.threshold, lost.as_deref_mut());
        } else if theirs.threshold != total.zero_threshold {
            break;
        }
    }
    [theirs.count, theirs.lost]
}

fn widen(total: &mut NativeHistogram, threshold: f64, lost: Option<&mut Lost>) {
    let zero = widened(total, threshold, lost.as_deref());
    (total.zero_count, total.zero_threshold) = (zero.count, zero.threshold);
    let schema = total.schema;
    let (mut positive_lost, mut negative_lost) = (None, None);
    if let Some(lost) = lost {
        lost.zero_count = zero.lost;
        (positive_lost, negative_lost) = (Some(&mut lost.positive), Some(&mut lost.negative));
    }
    for (spans, counts, mut lost) in [
        (&mut total.positive_spans, &mut total.positive_counts, positive_lost),
        (&mut total.negative_spans, &mut total.negative_counts, negative_lost),
    ] {
        let is_inside = |index: i64| exponential_bound(index - 1, schema) < zero.threshold;
        let inside = Indexed::new(spans, counts).take_while(|(index, _)| is_inside(*index)).count();
        counts[..inside].fill(0.0);
        if let Some(lost) = &mut lost {
            lost.iter_mut().take(inside).for_each(|lost| *lost = 0.0);
        }
        compact_side(spans, counts, lost, 0);
    }
}
