//! Whether the counts of a histogram began anew.

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::bounds::exponential_bound;
use watchkeep_model::histogram::buckets::{Indexed, coarsening, merged};
use watchkeep_model::histogram::{BucketSpan, ResetHint};

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
    let positive = |h| Side { histogram: h, spans: &h.positive_spans, counts: &h.positive_counts };
    let negative = |h| Side { histogram: h, spans: &h.negative_spans, counts: &h.negative_counts };
    any_fell(&positive(current), &positive(previous))
        || any_fell(&negative(current), &negative(previous))
}

/// The buckets of one side of a histogram.
struct Side<'a> {
    histogram: &'a NativeHistogram,
    spans: &'a [BucketSpan],
    counts: &'a [f64],
}

impl Side<'_> {
    /// How many buckets come first that end inside a zero bucket with this threshold.
    fn inside(&self, threshold: f64) -> usize {
        if self.histogram.uses_custom_buckets() || threshold <= 0.0 {
            return 0;
        }
        let is_inside = |index| exponential_bound(index, self.histogram.schema) <= threshold;
        Indexed::new(self.spans, self.counts).take_while(|(index, _)| is_inside(*index)).count()
    }
}

/// Whether a bucket of one side, outside the zero bucket, has fewer observations than before.
fn any_fell<'a>(current: &Side<'a>, previous: &Side<'a>) -> bool {
    let (schema, threshold) = (current.histogram.schema, current.histogram.zero_threshold);
    let same_layout = schema == previous.histogram.schema && current.spans == previous.spans;
    if same_layout && current.counts.len() == previous.counts.len() {
        let mut counts = current.counts.iter().zip(previous.counts).skip(current.inside(threshold));
        return counts.any(|(now, before)| now < before);
    }
    // What is inside the zero bucket is left out before buckets are merged: a coarser one may reach
    // out of the zero bucket.
    let of = |side: &Side<'a>| {
        let bits = coarsening(side.histogram.schema, schema);
        let buckets = Indexed::new(side.spans, side.counts).skip(side.inside(threshold));
        merged(buckets, bits).peekable()
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
