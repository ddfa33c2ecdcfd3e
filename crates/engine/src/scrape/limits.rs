//! The limits of a job on the labels and native histograms of its samples.

use watchkeep_model::{Labels, NativeHistogram};

use super::config::ScrapeConfig;

/// The finest resolution that a factor between buckets allows, from the factor of schema 8 on.
const FINEST_FACTOR: f64 = 1.00271;

/// Characters of names and values that errors show.
const SHOWN_CHARS_MAX: usize = 50;

/// Fails where labels exceed a limit of the job.
pub(super) fn check_labels(config: &ScrapeConfig, labels: &Labels) -> Result<(), String> {
    let shown = |text: &str| text.chars().take(SHOWN_CHARS_MAX).collect::<String>();
    let metric = || shown(labels.metric_name());
    let exceeds = |limit: u64, got: usize| limit > 0 && got as u64 > limit;
    let count = labels.iter().count();
    if exceeds(config.label_limit, count) {
        return Err(format!(
            "label_limit exceeded (metric: {}, number of labels: {count}, limit: {})",
            metric(),
            config.label_limit
        ));
    }
    for (name, value) in labels.iter() {
        if exceeds(config.label_name_length_limit, name.len()) {
            return Err(format!(
                "label_name_length_limit exceeded (metric: {}, label name: {}, length: {}, limit: \
                 {})",
                metric(),
                shown(name),
                name.len(),
                config.label_name_length_limit
            ));
        }
        if exceeds(config.label_value_length_limit, value.len()) {
            return Err(format!(
                "label_value_length_limit exceeded (metric: {}, label name: {}, value: {:?}, \
                 length: {}, limit: {})",
                metric(),
                shown(name),
                shown(value),
                value.len(),
                config.label_value_length_limit
            ));
        }
    }
    Ok(())
}

/// The finest schema whose buckets are at least a factor apart.
pub(super) fn schema_max(bucket_factor: f64) -> i32 {
    let factor = if bucket_factor <= 1.0 { FINEST_FACTOR } else { bucket_factor };
    let schema = (-factor.log2().log2()).floor();
    let (min, max) = (NativeHistogram::SCHEMA_MIN, NativeHistogram::SCHEMA_MAX);
    schema.clamp(f64::from(min), f64::from(max)) as i32
}

/// Makes a histogram coarser until it keeps the limits; fails where that can not be. `None` where
/// it keeps them as it is.
pub(super) fn coarser(
    histogram: &NativeHistogram,
    bucket_limit: u64,
    schema_max: i32,
) -> Result<Option<NativeHistogram>, String> {
    let too_many = |histogram: &NativeHistogram| {
        let buckets = histogram.positive_counts.len() + histogram.negative_counts.len();
        bucket_limit > 0 && buckets as u64 > bucket_limit
    };
    let too_fine = !histogram.uses_custom_buckets() && histogram.schema > schema_max;
    if !too_fine && !too_many(histogram) {
        return Ok(None);
    }
    let mut coarser = histogram.clone();
    if too_fine {
        coarser.reduce_resolution(schema_max)?;
    }
    while too_many(&coarser) {
        if coarser.uses_custom_buckets() || coarser.schema <= NativeHistogram::SCHEMA_MIN {
            return Err("histogram bucket limit exceeded".into());
        }
        coarser.reduce_resolution(coarser.schema - 1)?;
    }
    Ok(Some(coarser))
}
