//! What becomes of discovered targets.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Outcome, populate};
use crate::scrape::config::{ScrapeConfig, load};
use crate::scrape::discovery::{LabelMap, TargetGroup};
use crate::scrape::environment::Environment;

fn job(yaml: &str) -> ScrapeConfig {
    let text = format!("scrape_configs: [{{job_name: j, {yaml}}}]");
    let loaded = load(&text, Path::new("."), &Environment::default());
    loaded.unwrap_or_else(|error| panic!("{text}: {error}")).config.scrape_configs.remove(0)
}

fn map(pairs: &[(&str, &str)]) -> LabelMap {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

fn outcome(yaml: &str, own: &[(&str, &str)], group: &[(&str, &str)]) -> Outcome {
    let group = TargetGroup { source: "g".into(), labels: map(group), targets: vec![map(own)] };
    populate(&job(yaml), &group).next().unwrap()
}

fn active(yaml: &str, own: &[(&str, &str)], group: &[(&str, &str)]) -> crate::scrape::Target {
    match outcome(yaml, own, group) {
        Outcome::Active(target) => target,
        other => panic!("{yaml}: {other:?}"),
    }
}

#[test]
fn a_target_gets_the_labels_of_its_group_and_job() {
    let target = active(
        "scrape_interval: 20s, params: {module: [a, b]}, scheme: https",
        &[("__address__", "host:1"), ("x", "own"), ("__meta_y", "m")],
        &[("x", "group"), ("z", "group")],
    );
    let shown: BTreeMap<_, _> = target.labels().iter().collect();
    let expected = BTreeMap::from([
        ("__address__", "host:1"),
        ("__always_scrape_classic_histograms__", "false"),
        ("__convert_classic_histograms_to_nhcb__", "false"),
        ("__metrics_path__", "/metrics"),
        ("__param_module", "a"),
        ("__scheme__", "https"),
        ("__scrape_interval__", "20s"),
        ("__scrape_native_histograms__", "false"),
        ("__scrape_timeout__", "10s"),
        ("instance", "host:1"),
        ("job", "j"),
        ("x", "own"),
        ("z", "group"),
    ]);
    assert_eq!(shown, expected);
    assert_eq!(target.discovered_labels().get("__meta_y"), "m");
    assert_eq!(target.discovered_labels().get("instance"), "");
    assert_eq!(target.url(), "https://host:1/metrics?module=a&module=b");
    let public: BTreeMap<_, _> =
        BTreeMap::from_iter([("instance", "host:1"), ("job", "j"), ("x", "own"), ("z", "group")]);
    assert_eq!(target.public_labels().iter().collect::<BTreeMap<_, _>>(), public);
}

#[test]
fn relabelling_decides_where_and_how_a_target_is_asked() {
    let rules = "relabel_configs: [{target_label: __address__, replacement: 'other:2'}, \
                 {target_label: __metrics_path__, replacement: probe}, \
                 {source_labels: [__meta_t], target_label: __param_target}, \
                 {target_label: __scrape_interval__, replacement: 5s}, \
                 {target_label: __scrape_timeout__, replacement: 4s}, \
                 {target_label: __scrape_native_histograms__, replacement: 'true'}, \
                 {target_label: instance, replacement: i}, \
                 {target_label: job, replacement: k}]";
    let own = [("__address__", "host:1"), ("__meta_t", "a b")];
    let target = active(rules, &own, &[]);
    assert_eq!(target.url(), "http://other:2/probe?target=a+b");
    assert_eq!((target.interval().as_secs(), target.timeout().as_secs()), (5, 4));
    assert!(target.scrape_native_histograms());
    assert_eq!(target.public_labels().get("instance"), "i");
    assert_eq!(target.public_labels().get("job"), "k");
}

#[test]
fn dropped_targets_keep_their_labels_to_be_shown() {
    let rules = "relabel_configs: [{action: drop, source_labels: [x], regex: y}]";
    match outcome(rules, &[("__address__", "h:1"), ("x", "y"), ("__meta_a", "b")], &[]) {
        Outcome::Dropped(labels) => assert_eq!(labels.get("__meta_a"), "b"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn targets_that_can_not_be_scraped_are_refused() {
    let rule = |target: &str, text: &str| {
        format!("relabel_configs: [{{target_label: {target}, replacement: '{text}'}}]")
    };
    for (rules, expected) in [
        (rule("__address__", ""), "instance 0 in group g: no address"),
        (rule("__address__", "http://x/"), "\"http://x/\" is not a valid hostname"),
        (
            rule("__scrape_interval__", "x"),
            "error parsing scrape interval: not a valid duration string: \"x\"",
        ),
        (rule("__scrape_interval__", ""), "error parsing scrape interval: empty duration string"),
        (rule("__scrape_interval__", "0s"), "scrape interval cannot be 0"),
        (rule("__scrape_timeout__", "0"), "scrape timeout cannot be 0"),
        (
            rule("__scrape_timeout__", "2m"),
            "scrape timeout cannot be greater than scrape interval (\"2m\" > \"1m\")",
        ),
        (rule("__scrape_native_histograms__", "maybe"), "error parsing scrape native histograms"),
    ] {
        match outcome(&rules, &[("__address__", "h:1")], &[]) {
            Outcome::Failed(error) => assert!(error.message().contains(expected), "{error}"),
            other => panic!("{rules}: {other:?}"),
        }
    }
}
