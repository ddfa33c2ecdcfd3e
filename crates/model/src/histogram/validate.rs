//! What a histogram from outside must fulfil before anyone computes with it. The messages are those
//! of Prometheus, which senders show.

use super::text::ShortFloat;
use super::{BucketSpan, NativeHistogram};

const NEGATIVE_BUCKET: &str = "histogram has a bucket whose observation count is negative";
const NEGATIVE_OFFSET: &str = "histogram has a span whose offset is negative";
const SPANS_MISMATCH: &str = "histogram spans specify different number of buckets than provided";

/// Checks the runs against the counts, the signs, the bounds and the schema. Where counts are whole,
/// they must also add up to the number of observations (or to fewer, if the sum is NaN: NaN
/// observations are in no bucket). Fractional counts need not, since they may be rounded.
pub fn validate(histogram: &NativeHistogram) -> Result<(), String> {
    let h = histogram;
    if h.uses_custom_buckets() {
        check_custom(h)?;
    } else if NativeHistogram::is_supported_schema(h.schema) {
        check_exponential(h)?;
    } else {
        return Err(format!(
            "histogram has an invalid schema, which must be between {} and {} for exponential \
             buckets, or {} for custom buckets, got schema {}",
            NativeHistogram::SCHEMA_MIN,
            NativeHistogram::SCHEMA_MAX,
            NativeHistogram::CUSTOM_BUCKETS,
            h.schema
        ));
    }
    if h.count < 0.0 {
        let count = number(h, h.count);
        return Err(format!(
            "observation count is  {count}: histogram's observation count is negative"
        ));
    }
    check_counts(h, &h.positive_counts).map_err(|why| format!("positive side: {why}"))?;
    if h.is_float { Ok(()) } else { check_total(h) }
}

fn check_exponential(h: &NativeHistogram) -> Result<(), String> {
    let negative = |why| format!("negative side: {why}");
    check_spans(&h.positive_spans, h.positive_counts.len())
        .map_err(|why| format!("positive side: {why}"))?;
    check_spans(&h.negative_spans, h.negative_counts.len()).map_err(negative)?;
    check_counts(h, &h.negative_counts).map_err(negative)?;
    if h.zero_count < 0.0 {
        let count = number(h, h.zero_count);
        return Err(format!("zero bucket has observation count of {count}: {NEGATIVE_BUCKET}"));
    }
    if !h.custom_values.is_empty() {
        return Err("histogram with exponential schema must not have custom bounds".into());
    }
    Ok(())
}

fn check_custom(h: &NativeHistogram) -> Result<(), String> {
    check_custom_bounds(h).map_err(|why| format!("custom buckets: {why}"))?;
    let odd = [
        (h.zero_count != 0.0, "custom buckets: must have zero count of 0"),
        (h.zero_threshold != 0.0, "custom buckets: must have zero threshold of 0"),
        (!h.negative_spans.is_empty(), "custom buckets: must not have negative spans"),
        (!h.negative_counts.is_empty(), "custom buckets: must not have negative buckets"),
    ];
    odd.iter().find(|(is_odd, _)| *is_odd).map_or(Ok(()), |(_, why)| Err((*why).into()))
}

fn check_custom_bounds(h: &NativeHistogram) -> Result<(), String> {
    let bounds = &h.custom_values;
    if bounds.iter().any(|bound| bound.is_nan()) && !falls_before_nan(bounds) {
        return Err("histogram custom bounds must not be NaN".into());
    }
    if let Some(pair) = bounds.windows(2).find(|pair| pair[1] <= pair[0]) {
        let [previous, current] = [pair[0], pair[1]].map(plain);
        return Err(format!(
            "previous bound is {previous} and current is {current}: histogram custom bounds must \
             be in strictly increasing order"
        ));
    }
    if bounds.last() == Some(&f64::INFINITY) {
        return Err(
            "last +Inf bound must not be explicitly defined: histogram custom bounds must \
                    be finite"
                .into(),
        );
    }
    let spans = &h.positive_spans;
    if let Some(at) = spans.iter().position(|span| span.offset < 0) {
        return Err(negative_offset(at, spans[at]));
    }
    check_number(spans, h.positive_counts.len())?;
    let covered: i64 =
        spans.iter().map(|span| i64::from(span.offset) + i64::from(span.length)).sum();
    if covered > bounds.len() as i64 + 1 {
        return Err(format!(
            "only {} custom bounds defined which is insufficient to cover total span length of \
             {covered}: histogram custom bounds are too few",
            bounds.len()
        ));
    }
    Ok(())
}

/// Whether a bound that is too low comes before the first NaN; the first fault is the one told.
fn falls_before_nan(bounds: &[f64]) -> bool {
    bounds
        .windows(2)
        .take_while(|pair| !pair[0].is_nan() && !pair[1].is_nan())
        .any(|pair| pair[1] <= pair[0])
}

/// Checks the runs of one side of an exponential histogram.
pub(super) fn check_spans(spans: &[BucketSpan], counts: usize) -> Result<(), String> {
    if let Some(at) = spans.iter().skip(1).position(|span| span.offset < 0) {
        return Err(negative_offset(at + 1, spans[at + 1]));
    }
    check_number(spans, counts)
}

fn negative_offset(at: usize, span: BucketSpan) -> String {
    format!("span number {} with offset {}: {NEGATIVE_OFFSET}", at + 1, span.offset)
}

fn check_number(spans: &[BucketSpan], counts: usize) -> Result<(), String> {
    let needed: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
    if needed == counts as u64 {
        return Ok(());
    }
    Err(format!("spans need {needed} buckets, have {counts} buckets: {SPANS_MISMATCH}"))
}

fn check_counts(h: &NativeHistogram, counts: &[f64]) -> Result<(), String> {
    counts.iter().position(|count| *count < 0.0).map_or(Ok(()), |at| {
        let count = number(h, counts[at]);
        Err(format!("bucket number {} has observation count of {count}: {NEGATIVE_BUCKET}", at + 1))
    })
}

fn check_total(h: &NativeHistogram) -> Result<(), String> {
    let found: f64 = h.zero_count + h.positive_counts.iter().chain(&h.negative_counts).sum::<f64>();
    let why = if h.sum.is_nan() {
        if found <= h.count {
            return Ok(());
        }
        "histogram's observation count should be at least the number of observations found in the \
         buckets"
    } else {
        if found == h.count {
            return Ok(());
        }
        "histogram's observation count should equal the number of observations found in the \
         buckets (in absence of NaN)"
    };
    let count = number(h, h.count);
    let found = number(h, found);
    Err(format!("{found} observations found in buckets, but the Count field is {count}: {why}"))
}

/// A count in a message: whole ones are never written with an exponent.
fn number(h: &NativeHistogram, count: f64) -> String {
    if h.is_float { ShortFloat(count).to_string() } else { format!("{count:.0}") }
}

/// A bound in a message.
fn plain(bound: f64) -> String {
    if bound.is_infinite() { ShortFloat(bound).to_string() } else { format!("{bound:.6}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::ResetHint;

    /// A change that makes a histogram invalid, and what is said about it.
    type Case = (fn(&mut NativeHistogram), &'static str);

    fn exponential() -> NativeHistogram {
        NativeHistogram {
            schema: 1,
            zero_threshold: 0.001,
            zero_count: 2.0,
            count: 19.0,
            sum: 1.0,
            is_float: false,
            reset_hint: ResetHint::Unknown,
            positive_spans: vec![
                BucketSpan { offset: 0, length: 2 },
                BucketSpan { offset: 1, length: 1 },
            ],
            positive_counts: vec![1.0, 2.0, 10.0],
            negative_spans: vec![BucketSpan { offset: -3, length: 2 }],
            negative_counts: vec![1.0, 3.0],
            custom_values: vec![],
        }
    }

    fn custom() -> NativeHistogram {
        NativeHistogram {
            schema: NativeHistogram::CUSTOM_BUCKETS,
            zero_threshold: 0.0,
            zero_count: 0.0,
            count: 13.0,
            negative_spans: vec![],
            negative_counts: vec![],
            custom_values: vec![1.0, 2.0, 3.0],
            ..exponential()
        }
    }

    fn message(histogram: NativeHistogram, change: impl Fn(&mut NativeHistogram)) -> String {
        let mut changed = histogram;
        assert_eq!(validate(&changed), Ok(()));
        change(&mut changed);
        validate(&changed).unwrap_err()
    }

    #[test]
    fn faults_of_exponential_histograms_are_named() {
        let cases: [Case; 11] = [
            (
                |h| h.schema = 9,
                "histogram has an invalid schema, which must be between -4 and 8 for exponential \
                 buckets, or -53 for custom buckets, got schema 9",
            ),
            (
                |h| h.positive_spans[1].offset = -1,
                "positive side: span number 2 with offset -1: histogram has a span whose offset is \
                 negative",
            ),
            (
                |h| h.negative_spans[0].length = u32::MAX,
                "negative side: spans need 4294967295 buckets, have 2 buckets: histogram spans \
                 specify different number of buckets than provided",
            ),
            (
                |h| h.negative_counts[1] = -3.0,
                "negative side: bucket number 2 has observation count of -3: histogram has a bucket \
                 whose observation count is negative",
            ),
            (
                |h| h.positive_counts[0] = -1_000_000.0,
                "positive side: bucket number 1 has observation count of -1000000: histogram has a \
                 bucket whose observation count is negative",
            ),
            (
                |h| {
                    h.is_float = true;
                    h.positive_counts[0] = -1_000_000.0;
                },
                "positive side: bucket number 1 has observation count of -1e+06: histogram has a \
                 bucket whose observation count is negative",
            ),
            (
                |h| h.zero_count = -1.0,
                "zero bucket has observation count of -1: histogram has a bucket whose observation \
                 count is negative",
            ),
            (
                |h| h.count = -19.0,
                "observation count is  -19: histogram's observation count is negative",
            ),
            (
                |h| h.custom_values = vec![1.0],
                "histogram with exponential schema must not have custom bounds",
            ),
            (
                |h| h.count = 20.0,
                "19 observations found in buckets, but the Count field is 20: histogram's \
                 observation count should equal the number of observations found in the buckets (in \
                 absence of NaN)",
            ),
            (
                |h| {
                    h.sum = f64::NAN;
                    h.count = 18.0;
                },
                "19 observations found in buckets, but the Count field is 18: histogram's \
                 observation count should be at least the number of observations found in the \
                 buckets",
            ),
        ];
        for (change, expected) in cases {
            assert_eq!(message(exponential(), change), expected);
        }
    }

    #[test]
    fn faults_of_custom_buckets_are_named() {
        let cases: [Case; 9] = [
            (
                |h| h.custom_values[1] = f64::NAN,
                "custom buckets: histogram custom bounds must not be NaN",
            ),
            (
                |h| h.custom_values[1] = 1.0,
                "custom buckets: previous bound is 1.000000 and current is 1.000000: histogram \
                 custom bounds must be in strictly increasing order",
            ),
            (
                |h| h.custom_values = vec![3.0, 2.0, f64::NAN],
                "custom buckets: previous bound is 3.000000 and current is 2.000000: histogram \
                 custom bounds must be in strictly increasing order",
            ),
            (
                |h| h.custom_values[2] = f64::INFINITY,
                "custom buckets: last +Inf bound must not be explicitly defined: histogram custom \
                 bounds must be finite",
            ),
            (
                |h| h.positive_spans[0].offset = -1,
                "custom buckets: span number 1 with offset -1: histogram has a span whose offset is \
                 negative",
            ),
            (
                |h| h.positive_spans[1].offset = 2,
                "custom buckets: only 3 custom bounds defined which is insufficient to cover total \
                 span length of 5: histogram custom bounds are too few",
            ),
            (|h| h.zero_count = 1.0, "custom buckets: must have zero count of 0"),
            (|h| h.zero_threshold = 1.0, "custom buckets: must have zero threshold of 0"),
            (
                |h| h.negative_spans = vec![BucketSpan { offset: 0, length: 0 }],
                "custom buckets: must not have negative spans",
            ),
        ];
        for (change, expected) in cases {
            assert_eq!(message(custom(), change), expected);
        }
    }

    #[test]
    fn nan_observations_may_be_in_no_bucket_and_fractions_need_not_add_up() {
        let mut nan = exponential();
        (nan.sum, nan.count) = (f64::NAN, 25.0);
        assert_eq!(validate(&nan), Ok(()));
        let mut float = exponential();
        (float.is_float, float.count) = (true, 18.999_999);
        assert_eq!(validate(&float), Ok(()));
    }
}
