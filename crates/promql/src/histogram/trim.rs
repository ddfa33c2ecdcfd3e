//! Cuts a histogram off at a value (operators `</` and `>/`).

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::Bucket;
use watchkeep_model::histogram::buckets::Place;

/// Which observations stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Those below the value (`</`).
    Below,
    /// Those above the value (`>/`).
    Above,
}

/// What stays of a bucket: how many observations, and the value they are taken to have.
struct Rest {
    count: f64,
    value: f64,
}

impl Rest {
    const NOTHING: Self = Self { count: 0.0, value: 0.0 };
}

/// Removes the observations on the other side of `at`, estimating what is left of the bucket that it
/// falls into. If any bucket changed, count and sum become those estimated from the buckets.
pub fn trim(histogram: &mut NativeHistogram, at: f64, keep: Keep) {
    let mut total = Rest::NOTHING;
    let mut is_trimmed = false;
    let mut take = |count: &mut f64, rest: &Rest| {
        total.count += rest.count;
        total.value += rest.value * rest.count;
        is_trimmed |= *count != rest.count;
        *count = rest.count;
    };
    let (positive, has_positive) =
        rests(histogram, histogram.positive(), Place::Positive, at, keep);
    let (negative, has_negative) =
        rests(histogram, histogram.negative(), Place::Negative, at, keep);
    for (counts, rests) in
        [(&mut histogram.positive_counts, positive), (&mut histogram.negative_counts, negative)]
    {
        counts.iter_mut().zip(&rests).for_each(|(count, rest)| take(count, rest));
    }
    if histogram.zero_count > 0.0 {
        let mut bucket = histogram.zero_bucket();
        match (has_negative, has_positive) {
            (true, false) => bucket.upper = 0.0,
            (false, true) => bucket.lower = 0.0,
            _ => {}
        }
        take(&mut histogram.zero_count, &rest_of_zero_bucket(&bucket, at, keep));
    }
    if is_trimmed {
        histogram.is_float = true;
        (histogram.count, histogram.sum) = (total.count, total.value);
        histogram.compact(0);
    }
}

/// What stays of each bucket of a side, and whether the side had any observation.
fn rests(
    histogram: &NativeHistogram,
    buckets: impl Iterator<Item = (i64, f64)>,
    place: fn(i64) -> Place,
    at: f64,
    keep: Keep,
) -> (Vec<Rest>, bool) {
    let mut is_populated = false;
    let is_linear = histogram.uses_custom_buckets();
    let rests = buckets.map(|(index, count)| {
        if count == 0.0 {
            return Rest::NOTHING;
        }
        is_populated = true;
        rest_of(&histogram.plain_bucket(place(index), count), at, keep, is_linear)
    });
    let rests = rests.collect();
    (rests, is_populated)
}

fn rest_of(bucket: &Bucket, at: f64, keep: Keep, is_linear: bool) -> Rest {
    let (is_inside, is_cut) = match keep {
        Keep::Below => (bucket.upper <= at, bucket.lower < at),
        Keep::Above => (bucket.lower >= at, bucket.upper > at),
    };
    if is_inside {
        Rest { count: bucket.count, value: middle(bucket.lower, bucket.upper, is_linear) }
    } else if !is_cut {
        Rest::NOTHING
    } else if bucket.lower == f64::NEG_INFINITY || bucket.upper == f64::INFINITY {
        rest_of_endless(bucket, at, keep)
    } else {
        let below = if at <= bucket.lower {
            0.0
        } else if at >= bucket.upper {
            bucket.count
        } else {
            bucket.count * bucket.fraction_below(at, is_linear)
        };
        match keep {
            Keep::Below => Rest { count: below, value: middle(bucket.lower, at, is_linear) },
            Keep::Above => {
                Rest { count: bucket.count - below, value: middle(at, bucket.upper, is_linear) }
            }
        }
    }
}

/// Of a bucket without an end, nobody knows where its observations are. The first custom bucket is
/// taken to begin at zero if its bound is positive; else it, or the last one, stays or goes as a
/// whole.
fn rest_of_endless(bucket: &Bucket, at: f64, keep: Keep) -> Rest {
    let Bucket { lower, upper, count, .. } = *bucket;
    let begins_at_zero = lower == f64::NEG_INFINITY && upper > 0.0 && upper.is_finite();
    match keep {
        Keep::Below if begins_at_zero && at > 0.0 => {
            Rest { count: count * at / upper, value: at / 2.0 }
        }
        Keep::Below if lower == f64::NEG_INFINITY && upper <= 0.0 => Rest { count, value: at },
        Keep::Above if begins_at_zero && at >= 0.0 => {
            Rest { count: count * (1.0 - at / upper), value: f64::midpoint(at, upper) }
        }
        Keep::Above if lower != f64::NEG_INFINITY => Rest { count, value: at },
        _ => Rest::NOTHING,
    }
}

fn rest_of_zero_bucket(bucket: &Bucket, at: f64, keep: Keep) -> Rest {
    let Bucket { lower, upper, count, .. } = *bucket;
    let whole = Rest { count, value: f64::midpoint(lower, upper) };
    match keep {
        Keep::Below if at <= lower => Rest::NOTHING,
        Keep::Below if at >= upper => whole,
        Keep::Below => Rest {
            count: count * ((at - lower) / (upper - lower)),
            value: f64::midpoint(lower, at),
        },
        Keep::Above if at <= lower => whole,
        Keep::Above if at >= upper => Rest::NOTHING,
        Keep::Above => Rest {
            count: count * ((upper - at) / (upper - lower)),
            value: f64::midpoint(at, upper),
        },
    }
}

/// The value that the observations between two bounds are taken to have: the geometric mean, or the
/// arithmetic one in custom buckets; beside infinity the other bound, or half of it if the first
/// custom bucket is taken to begin at zero.
fn middle(lower: f64, upper: f64, is_linear: bool) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => 0.0,
        (true, false) if upper > 0.0 => upper / 2.0,
        (true, false) => upper,
        (false, true) => lower,
        (false, false) if is_linear => f64::midpoint(lower, upper),
        (false, false) => (lower * upper).abs().sqrt().copysign(lower),
    }
}
