//! Combines histograms of custom buckets whose bounds differ.

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::buckets::Indexed;
use watchkeep_model::histogram::layout::Runs;

use super::kahan;

/// The bounds that both have; both rise.
pub(super) fn shared_bounds(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut rest = b.iter().peekable();
    let is_shared = |bound: &&f64| {
        while rest.next_if(|other| other < bound).is_some() {}
        rest.next_if(|other| other == bound).is_some()
    };
    a.iter().filter(is_shared).copied().collect()
}

/// Calls `take` with each bucket's position, the number of the shared bucket that it is part of, and
/// its count.
pub(super) fn each_mapped(
    buckets: Indexed<'_>,
    bounds: &[f64],
    shared: &[f64],
    mut take: impl FnMut(usize, usize, f64),
) {
    let mut target = 0;
    for (position, (index, count)) in buckets.enumerate() {
        let bound = usize::try_from(index).ok().and_then(|at| bounds.get(at));
        match bound {
            Some(bound) => target += shared[target..].partition_point(|shared| shared < bound),
            None => target = shared.len(),
        }
        take(position, target, count);
    }
}

/// Adds `other` to `total`, or subtracts it, in the bounds that both have.
pub(super) fn combine(
    total: &mut NativeHistogram,
    other: &NativeHistogram,
    sign: f64,
    lost: Option<&mut Vec<f64>>,
) {
    let shared = shared_bounds(&total.custom_values, &other.custom_values);
    let mut sums = vec![(0.0, 0.0); shared.len() + 1];
    let carried = lost.as_deref();
    each_mapped(total.positive(), &total.custom_values, &shared, |at, target, count| {
        let (sum, sum_lost) = &mut sums[target];
        kahan::add(count, sum, sum_lost);
        if let Some(lost) = carried.and_then(|lost| lost.get(at)) {
            kahan::add(*lost, sum, sum_lost);
        }
    });
    each_mapped(other.positive(), &other.custom_values, &shared, |_, target, count| {
        let (sum, sum_lost) = &mut sums[target];
        kahan::add(sign * count, sum, sum_lost);
    });
    let mut runs = Runs::default();
    let populated = sums.iter().enumerate().filter(|(_, sums)| **sums != (0.0, 0.0));
    total.positive_counts.clear();
    let mut sums_lost = Vec::new();
    for (index, (sum, sum_lost)) in populated {
        runs.push(index as i64);
        total.positive_counts.push(*sum);
        sums_lost.push(*sum_lost);
    }
    total.positive_spans = runs.into_spans();
    total.custom_values = shared;
    if let Some(lost) = lost {
        *lost = sums_lost;
    }
}
