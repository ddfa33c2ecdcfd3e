//! Whether the counts of a histogram began anew.

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::ResetHint;
use watchkeep_model::histogram::bounds::exponential_bound;
use watchkeep_model::histogram::buckets::{Indexed, coarsening, merged};

use super::{custom, zero};

/// Whether the counts began anew between `previous` and `current`. The hint of the current one
/// decides if it knows; else the buckets: a count that fell, or a change of the layout that only a
/// restart can make (finer buckets, a narrower zero bucket, other kind of schema).
pub fn detect_reset(current: &NativeHistogram, previous: &NativeHistogram) -> bool {
    match current.reset_hint {
        ResetHint::Reset => return true,
        ResetHint::NotReset => return false,
        ResetHint::Unknown | ResetHint::Gauge => {}
    }
    if current.count < previous.count || current.schema > previous.schema {
        return true;
    }
    if current.uses_custom_buckets() {
        if !previous.uses_custom_buckets() {
            return true;
        }
        if current.custom_values != previous.custom_values {
            return any_shared_bucket_fell(current, previous);
        }
    }
    if current.zero_threshold < previous.zero_threshold {
        return true;
    }
    if current.zero_threshold > previous.zero_threshold {
        let zero = zero::widened(previous, current.zero_threshold, None);
        if zero.threshold != current.zero_threshold || current.zero_count < zero.count {
            return true;
        }
    } else if current.zero_count < previous.zero_count {
        return true;
    }
    any_fell(current, previous, NativeHistogram::positive)
        || any_fell(current, previous, NativeHistogram::negative)
}

/// Whether a bucket of one side, outside the zero bucket, has fewer observations than before.
fn any_fell<'a>(
    current: &'a NativeHistogram,
    previous: &'a NativeHistogram,
    side: impl Fn(&'a NativeHistogram) -> Indexed<'a>,
) -> bool {
    let threshold = current.zero_threshold;
    let has_zero = !current.uses_custom_buckets() && threshold > 0.0;
    // What is inside the zero bucket is left out before buckets are merged: a coarser one may reach
    // out of the zero bucket.
    let of = |histogram: &'a NativeHistogram| {
        let schema = histogram.schema;
        let is_inside = move |index| has_zero && exponential_bound(index, schema) <= threshold;
        let outside = side(histogram).skip_while(move |(index, _)| is_inside(*index));
        merged(outside, coarsening(schema, current.schema)).peekable()
    };
    let mut now = of(current);
    for (index, before) in of(previous) {
        while now.next_if(|(other, _)| *other < index).is_some() {}
        let is_fallen = match now.peek() {
            Some((other, count)) if *other == index => *count < before,
            _ => before != 0.0,
        };
        if is_fallen {
            return true;
        }
    }
    false
}

/// [`any_fell`] of custom buckets with different bounds, in the bounds that both have.
fn any_shared_bucket_fell(current: &NativeHistogram, previous: &NativeHistogram) -> bool {
    let shared = custom::shared_bounds(&current.custom_values, &previous.custom_values);
    let mut differences = vec![(0.0, 0.0); shared.len() + 1];
    custom::each_mapped(current.positive(), &current.custom_values, &shared, |_, at, count| {
        differences[at].0 += count;
    });
    custom::each_mapped(previous.positive(), &previous.custom_values, &shared, |_, at, count| {
        differences[at].1 += count;
    });
    differences.iter().any(|(now, before)| now < before)
}
