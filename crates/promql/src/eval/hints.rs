//! What histograms of a series say about resets between them. Senders seldom say it, and it is wrong
//! once a sample in between is missing, so it is worked out from the samples. Only what comes before
//! the first selected one is known to nobody but the store; see [`crate::SeriesSource::select`].

use std::sync::Arc;

use watchkeep_model::histogram::ResetHint;
use watchkeep_model::{HistogramSample, NativeHistogram, SeriesSamples};

use crate::eval::hist::{bare, detect_reset};
use crate::eval::series::is_absent;

/// Sets the hints of counters.
pub(crate) fn resolve(series: &mut SeriesSamples) {
    let times = &series.floats.times_ms;
    let mut next_float = 0;
    let mut last: Option<Arc<NativeHistogram>> = None;
    for (position, sample) in series.histograms.iter_mut().enumerate() {
        while next_float < times.len() && times[next_float] <= sample.time_ms {
            next_float += 1;
            last = None;
        }
        let is_first = position == 0 && next_float == 0;
        let known = is_first && sample.histogram.reset_hint == ResetHint::NotReset;
        let hint = if known {
            ResetHint::NotReset
        } else {
            reset_hint_after(last.as_deref(), &sample.histogram)
        };
        if hint != sample.histogram.reset_hint {
            let mut changed = NativeHistogram::clone(&sample.histogram);
            changed.reset_hint = hint;
            sample.histogram = Arc::new(changed);
        }
        last = Some(Arc::clone(&sample.histogram));
    }
}

/// What a histogram of a series says about resets, given the histogram right before it (`None` where
/// there is none, or a number is in between): that the counts go on, or nothing, which has whoever
/// needs to know look at the buckets. Gauges stay gauges. That there was a reset is never said, since
/// Prometheus' own store does not say it either and answers would differ.
pub fn reset_hint_after(last: Option<&NativeHistogram>, now: &NativeHistogram) -> ResetHint {
    if now.reset_hint == ResetHint::Gauge {
        return ResetHint::Gauge;
    }
    let Some(last) = last else { return ResetHint::Unknown };
    let apart = now.reset_hint == ResetHint::Reset
        || last.reset_hint == ResetHint::Gauge
        || is_absent(last.sum)
        || now.count < last.count
        || now.schema != last.schema
        || now.zero_threshold != last.zero_threshold
        || now.custom_values != last.custom_values;
    if apart || fell(now, last) { ResetHint::Unknown } else { ResetHint::NotReset }
}

/// Whether the buckets say so, whatever the hint.
fn fell(now: &NativeHistogram, last: &NativeHistogram) -> bool {
    if now.reset_hint == ResetHint::Unknown {
        return detect_reset(now, last);
    }
    let mut now = now.clone();
    now.reset_hint = ResetHint::Unknown;
    detect_reset(&now, last)
}

/// Leaves count and sum, for queries that ask for nothing else. Resets are told by the hint, since
/// they can not be seen any more.
pub(crate) fn without_buckets(samples: &mut [HistogramSample]) {
    let mut last: Option<Arc<NativeHistogram>> = None;
    for sample in samples {
        if is_absent(sample.histogram.sum) {
            continue;
        }
        let whole = Arc::clone(&sample.histogram);
        let reset_hint = match (&last, whole.reset_hint) {
            (Some(last), ResetHint::Unknown) if detect_reset(&whole, last) => ResetHint::Reset,
            (Some(_), ResetHint::Unknown) => ResetHint::NotReset,
            (_, hint) => hint,
        };
        sample.histogram = Arc::new(bare(&whole, reset_hint));
        last = Some(whole);
    }
}
