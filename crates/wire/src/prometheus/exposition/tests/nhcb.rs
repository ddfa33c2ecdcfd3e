//! Classic histograms of the text formats to native ones.

use super::super::{Format, Options};
use super::shown;

fn convert(body: &str, keep_classic_histograms: bool) -> Vec<String> {
    let options =
        Options { convert_classic_histograms: true, keep_classic_histograms, ..Options::default() };
    let mut lines = shown(body.as_bytes(), Format::Text, options);
    lines.retain(|line| !line.starts_with("TYPE"));
    lines
}

const HISTOGRAM: &str = "# TYPE h histogram\n\
    h_bucket{a=\"1\",le=\"1\"} 2 5\n\
    h_bucket{le=\"+Inf\",a=\"1\"} 3 5\n\
    h_sum{a=\"1\"} 7 5\n\
    h_count{a=\"1\"} 3 5\n";

#[test]
fn the_series_of_a_histogram_become_one() {
    let native = "h{a=\"1\"} schema=-53 count=3 sum=7 [1:2 inf:1] @5";
    for after in ["", "# HELP b x\n", "b 1\n", "# TYPE h histogram\nh_count{a=\"2\"} x"] {
        let lines = convert(&format!("{HISTOGRAM}{after}"), false);
        assert_eq!(lines[0], native, "{after:?}");
    }
    let two = format!("{HISTOGRAM}{}", HISTOGRAM.replace("a=\"1\"", "a=\"2\""));
    assert_eq!(convert(&two, false).len(), 2);
    let kept = convert(&format!("{HISTOGRAM}b 1\n"), true);
    assert_eq!(kept.len(), 6);
    assert_eq!(kept[4..], [native, "b{} 1"]);
}

#[test]
fn only_series_of_the_typed_family_are_taken() {
    let lines =
        convert("# TYPE h histogram\nother_bucket{le=\"1\"} 1\nh_max 2\nh_bucket 1\n", false);
    assert_eq!(lines, ["other_bucket{le=\"1.0\"} 1", "h_max{} 2", "h_bucket{} 1"]);
    let untyped = convert("h_bucket{le=\"1\"} 1\nh_count 1\n", false);
    assert_eq!(untyped.len(), 2);
}

#[test]
fn a_histogram_that_contradicts_itself_is_left_out() {
    let body = "# TYPE h histogram\n\
        h_bucket{le=\"1\"} 5\nh_bucket{le=\"2\"} 3\nh_count 5\n\
        # TYPE b gauge\nb 1\n";
    assert_eq!(convert(body, false), ["b{} 1"]);
}

#[test]
fn exemplars_and_starts_go_along() {
    let body = "# TYPE h histogram\n\
        h_bucket{le=\"1\"} 2 # {id=\"x\"} 0.5 3\n\
        h_bucket{le=\"+Inf\"} 3\n\
        h_count 3\n\
        h_sum 7\n\
        h_created 4\n\
        # EOF\n";
    let options = Options {
        convert_classic_histograms: true,
        skip_created_series: true,
        ..Options::default()
    };
    let lines = shown(body.as_bytes(), Format::OpenMetrics, options);
    assert_eq!(
        lines[1..],
        ["h{} schema=-53 count=3 sum=7 [1:2 inf:1] start=4000 # {id=\"x\"} 0.5 @3000"]
    );
}
