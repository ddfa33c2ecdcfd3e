//! Whatever the bytes, a parser ends, and what it says of a series does not depend on how often it
//! is asked.

use proptest::prelude::*;

use super::super::{Format, Options};
use super::shown;

fn options() -> impl Strategy<Value = Options> {
    proptest::collection::vec(any::<bool>(), 5).prop_map(|flags| Options {
        convert_classic_histograms: flags[0],
        keep_classic_histograms: flags[1],
        ignore_native_histograms: flags[2],
        skip_created_series: flags[3],
        type_and_unit_labels: flags[4],
    })
}

/// Text made of what the formats are made of.
fn near_text() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("# TYPE "),
        Just("# HELP "),
        Just("# UNIT "),
        Just("# EOF\n"),
        Just("h"),
        Just("h_bucket"),
        Just("_created"),
        Just("{"),
        Just("}"),
        Just("le"),
        Just("="),
        Just("\"1\""),
        Just("\"a.b\""),
        Just(","),
        Just(" "),
        Just("\n"),
        Just("1"),
        Just("NaN"),
        Just(" # {"),
        Just("\\"),
        Just("\""),
        Just("histogram\n"),
        Just("counter\n"),
        Just("h_count 1\n"),
        Just("h_bucket{le=\"1\"} 1\n"),
    ];
    proptest::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, options in options()) {
        for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
            let _any_outcome = shown(&bytes, format, options);
        }
    }

    #[test]
    fn no_text_panics(text in near_text(), options in options()) {
        for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
            let _any_outcome = shown(text.as_bytes(), format, options);
        }
    }
}
