//! Limits on labels and native histograms.

use watchkeep_model::histogram::{BucketSpan, ResetHint};
use watchkeep_model::{Labels, NativeHistogram};

use super::super::limits::{check_labels, coarser, schema_max};
use super::config;

#[test]
fn labels_over_a_limit_are_named() {
    let labels = Labels::from_pairs([("__name__", "m"), ("label", "value")]);
    let mut config = config();
    assert_eq!(check_labels(&config, &labels), Ok(()));
    (config.label_limit, config.label_name_length_limit, config.label_value_length_limit) =
        (2, 8, 5);
    assert_eq!(check_labels(&config, &labels), Ok(()));
    config.label_value_length_limit = 4;
    assert_eq!(
        check_labels(&config, &labels).unwrap_err(),
        "label_value_length_limit exceeded (metric: m, label name: label, value: \"value\", \
         length: 5, limit: 4)"
    );
    config.label_name_length_limit = 7;
    assert_eq!(
        check_labels(&config, &labels).unwrap_err(),
        "label_name_length_limit exceeded (metric: m, label name: __name__, length: 8, limit: 7)"
    );
    config.label_limit = 1;
    assert_eq!(
        check_labels(&config, &labels).unwrap_err(),
        "label_limit exceeded (metric: m, number of labels: 2, limit: 1)"
    );
}

#[test]
fn a_factor_between_buckets_names_the_finest_schema() {
    let cases = [
        (0.0, 8),
        (1.0, 8),
        (1.002, 8),
        (1.01, 6),
        (1.1, 2),
        (1.5, 0),
        (2.0, 0),
        (4.0, -1),
        (65536.0, -4),
        (1e9, -4),
    ];
    for (factor, schema) in cases {
        assert_eq!(schema_max(factor), schema, "{factor}");
    }
}

fn histogram(schema: i32, buckets: u32) -> NativeHistogram {
    NativeHistogram {
        schema,
        zero_threshold: 0.0,
        zero_count: 0.0,
        count: f64::from(buckets),
        sum: 1.0,
        is_float: false,
        reset_hint: ResetHint::Unknown,
        positive_spans: vec![BucketSpan { offset: 0, length: buckets }],
        positive_counts: vec![1.0; buckets as usize],
        negative_spans: Vec::new(),
        negative_counts: Vec::new(),
        custom_values: Vec::new(),
    }
}

#[test]
fn histograms_become_coarser_until_they_fit() {
    assert_eq!(coarser(&histogram(3, 8), 8, 8), Ok(None));
    assert_eq!(coarser(&histogram(3, 8), 0, 8), Ok(None));
    let fit = coarser(&histogram(3, 8), 5, 8).unwrap().unwrap();
    assert_eq!((fit.schema, fit.count), (2, 8.0));
    assert!(fit.positive_counts.len() <= 5);
    let fit = coarser(&histogram(3, 8), 0, 1).unwrap().unwrap();
    assert_eq!(fit.schema, 1);
    let exceeded = Err("histogram bucket limit exceeded".to_owned());
    assert_eq!(coarser(&histogram(-4, 8), 5, 8), exceeded);
    assert_eq!(coarser(&histogram(NativeHistogram::CUSTOM_BUCKETS, 8), 5, 8), exceeded);
}
