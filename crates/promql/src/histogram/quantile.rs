//! Quantiles and fractions of the observations in a histogram.

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::Bucket;
use watchkeep_model::histogram::buckets::Place;

/// What NaN observations, which are in no bucket, did to a quantile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NanRemark {
    /// The quantile is among them, so it is NaN.
    Result,
    /// The quantile is higher than without them.
    Skew,
}

/// A quantile and what is to be remarked about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    /// The estimated quantile.
    pub value: f64,
    /// What NaN observations did to it.
    pub remark: Option<NanRemark>,
}

/// A fraction and what is to be remarked about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fraction {
    /// The estimated fraction.
    pub value: f64,
    /// There are NaN observations, which are in no fraction.
    pub has_nan: bool,
}

/// The estimated value below which the part `q` of the observations is (`histogram_quantile`):
/// interpolated on a logarithmic scale, in custom buckets and the zero bucket on a linear one. NaN
/// without observations and for a NaN, infinite for a `q` that is no part.
pub fn quantile(q: f64, histogram: &NativeHistogram) -> Quantile {
    let plain = |value| Quantile { value, remark: None };
    if q < 0.0 {
        return plain(f64::NEG_INFINITY);
    }
    if q > 1.0 {
        return plain(f64::INFINITY);
    }
    if histogram.count == 0.0 || q.is_nan() {
        return plain(f64::NAN);
    }
    // The upper half is counted from above, so that small errors of the counts weigh less. Not with
    // NaN observations: they are part of the count, but in no bucket.
    let may_have_nan = histogram.sum.is_nan();
    if may_have_nan || q < 0.5 {
        quantile_from(histogram, q * histogram.count, histogram.places(), true)
    } else {
        quantile_from(histogram, (1.0 - q) * histogram.count, histogram.places_back(), false)
    }
}

fn quantile_from(
    histogram: &NativeHistogram,
    rank: f64,
    mut places: impl Iterator<Item = (Place, f64)>,
    rises: bool,
) -> Quantile {
    let plain = |value| Quantile { value, remark: None };
    let is_custom = histogram.uses_custom_buckets();
    let mut count = 0.0;
    let mut found = None;
    for (place, bucket_count) in places.by_ref() {
        found = Some((place, bucket_count));
        count += bucket_count;
        if bucket_count != 0.0 && count >= rank {
            break;
        }
    }
    let at = |found: Option<_>| {
        found.map_or(Bucket::default(), |(place, count)| histogram.bucket(place, count))
    };
    let mut bucket = at(found);
    if is_custom {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return plain(bucket.upper);
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return plain(bucket.lower);
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        cut_zero_bucket(&mut bucket, histogram);
    }
    // Rounded counts may add up to more than there are.
    if count > histogram.count {
        count = histogram.count;
    }
    if count < rank {
        return if histogram.sum.is_nan() {
            Quantile { value: f64::NAN, remark: Some(NanRemark::Result) }
        } else {
            plain(bucket.upper)
        };
    }
    let rank = if rises { rank - (count - bucket.count) } else { count - rank };
    let mut remark = None;
    if histogram.sum.is_nan() {
        // Infinities of both signs make the sum NaN too. What tells NaN observations is that the
        // buckets do not add up. The bucket that was looked at last is the one that Prometheus
        // interpolates in, so the answer must do so too.
        for (place, bucket_count) in places {
            bucket = histogram.bucket(place, bucket_count);
            count += bucket_count;
        }
        remark = (count < histogram.count).then_some(NanRemark::Skew);
    }
    Quantile { value: interpolate(&bucket, rank / bucket.count, is_custom), remark }
}

/// The value at a fraction of a bucket.
fn interpolate(bucket: &Bucket, fraction: f64, is_custom: bool) -> f64 {
    let Bucket { lower, upper, .. } = *bucket;
    if is_custom || (lower <= 0.0 && upper >= 0.0) {
        return lower + (upper - lower) * fraction;
    }
    let [log_lower, log_upper] = [lower, upper].map(|bound| bound.abs().log2());
    if lower > 0.0 {
        (log_lower + (log_upper - log_lower) * fraction).exp2()
    } else {
        -(log_upper + (log_lower - log_upper) * (1.0 - fraction)).exp2()
    }
}

/// Where a histogram has buckets on one side only, its zero bucket is taken to end at zero.
fn cut_zero_bucket(bucket: &mut Bucket, histogram: &NativeHistogram) {
    match (histogram.negative_counts.is_empty(), histogram.positive_counts.is_empty()) {
        (true, false) => bucket.lower = 0.0,
        (false, true) => bucket.upper = 0.0,
        _ => {}
    }
}

/// The estimated part of the observations between two values (`histogram_fraction`), interpolated
/// as in [`quantile`]. NaN without observations and for a NaN.
pub fn fraction(lower: f64, upper: f64, histogram: &NativeHistogram) -> Fraction {
    let plain = |value| Fraction { value, has_nan: false };
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return plain(f64::NAN);
    }
    if lower >= upper {
        return plain(0.0);
    }
    let mut places = histogram.places();
    let (mut count, mut rank) = (0.0, 0.0);
    let (mut lower_rank, mut upper_rank) = (None, None);
    for (place, bucket_count) in places.by_ref() {
        count += bucket_count;
        let mut bucket = histogram.bucket(place, bucket_count);
        let is_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if is_zero {
            cut_zero_bucket(&mut bucket, histogram);
        }
        let is_linear = is_zero || histogram.uses_custom_buckets();
        lower_rank = lower_rank.or_else(|| rank_in(&bucket, lower, rank, is_linear));
        upper_rank = upper_rank.or_else(|| rank_in(&bucket, upper, rank, is_linear));
        if lower_rank.is_some() && upper_rank.is_some() {
            break;
        }
        rank += bucket_count;
    }
    let mut has_nan = false;
    if histogram.sum.is_nan() {
        count += places.map(|(_, count)| count).sum::<f64>();
        has_nan = count < histogram.count;
    } else {
        count = histogram.count;
    }
    let [lower_rank, upper_rank] = [lower_rank, upper_rank]
        .map(|rank| rank.map_or(count, |rank| if rank > count { count } else { rank }));
    Fraction { value: (upper_rank - lower_rank) / histogram.count, has_nan }
}

/// How many observations are below a value that is not above a bucket, given how many are below the
/// bucket.
fn rank_in(bucket: &Bucket, value: f64, rank: f64, is_linear: bool) -> Option<f64> {
    if bucket.lower >= value {
        Some(rank)
    } else if bucket.upper > value {
        // A bucket without a beginning counts as a whole, one without an end not at all.
        Some(if is_linear && bucket.lower == f64::NEG_INFINITY {
            bucket.count
        } else {
            rank + bucket.count * bucket.fraction_below(value, is_linear)
        })
    } else {
        None
    }
}
