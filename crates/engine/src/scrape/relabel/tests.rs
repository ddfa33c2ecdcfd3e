//! What rules do to labels, and which rules are refused.

use proptest::prelude::*;
use watchkeep_model::Labels;

use super::{LabelsBuilder, RelabelAction, RelabelRule, RelabelSpec, apply_all};
use crate::scrape::config::names::NameValidation;
use crate::scrape::config::{PrometheusConfig, load};
use crate::scrape::environment::Environment;

fn config(rules: &str) -> Result<PrometheusConfig, String> {
    let text = format!("scrape_configs: [{{job_name: a, metric_relabel_configs: [{rules}]}}]");
    load(&text, std::path::Path::new("."), &Environment::default())
        .map(|loaded| loaded.config)
        .map_err(|error| error.message().to_owned())
}

fn relabel(rules: &str, labels: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
    let config = config(rules).unwrap_or_else(|error| panic!("{rules}: {error}"));
    let mut builder = LabelsBuilder::from_pairs(labels.iter().copied());
    let kept = apply_all(&config.scrape_configs[0].metric_relabel_configs, &mut builder);
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    kept.then(|| builder.labels().iter().map(owned).collect())
}

/// Rules, labels before, labels after (`None` where they are dropped).
type Case = (
    &'static str,
    &'static [(&'static str, &'static str)],
    Option<&'static [(&'static str, &'static str)]>,
);

const CASES: &[Case] = &[
    // replace
    ("{source_labels: [a], target_label: b}", &[("a", "x")], Some(&[("a", "x"), ("b", "x")])),
    (
        "{source_labels: [a, c], separator: '-', target_label: b}",
        &[("a", "x"), ("c", "y")],
        Some(&[("a", "x"), ("b", "x-y"), ("c", "y")]),
    ),
    ("{source_labels: [a, nil], target_label: b}", &[("a", "x")], Some(&[("a", "x"), ("b", "x;")])),
    (
        "{source_labels: [a], regex: 'f(.*)', target_label: b, replacement: '${1}-$1'}",
        &[("a", "foo")],
        Some(&[("a", "foo"), ("b", "oo-oo")]),
    ),
    (
        "{source_labels: [a], regex: 'f(.*)', target_label: b, replacement: '$1x'}",
        &[("a", "foo"), ("b", "z")],
        Some(&[("a", "foo")]),
    ),
    (
        "{source_labels: [a], regex: 'no', target_label: b}",
        &[("a", "foo"), ("b", "z")],
        Some(&[("a", "foo"), ("b", "z")]),
    ),
    ("{source_labels: [a], regex: 'fo', target_label: b}", &[("a", "foo")], Some(&[("a", "foo")])),
    ("{target_label: b, replacement: fixed}", &[], Some(&[("b", "fixed")])),
    ("{target_label: b, replacement: ''}", &[("b", "gone")], Some(&[])),
    ("{source_labels: [nil], target_label: b}", &[("b", "gone")], Some(&[])),
    (
        "{source_labels: [a], regex: '(?P<first>.).*', target_label: b, replacement: '${first}'}",
        &[("a", "foo")],
        Some(&[("a", "foo"), ("b", "f")]),
    ),
    (
        "{source_labels: [a], regex: '(\\w+):(\\w+)', target_label: 'x_${1}', replacement: '$2'}",
        &[("a", "k:v")],
        Some(&[("a", "k:v"), ("x_k", "v")]),
    ),
    (
        "{source_labels: [a], regex: '(.*)', target_label: '$1', replacement: v}",
        &[("b", "z")],
        Some(&[("b", "z")]),
    ),
    (
        "{source_labels: [a], regex: '(?s).', target_label: b, replacement: v}",
        &[("a", "\n")],
        Some(&[("a", "\n"), ("b", "v")]),
    ),
    (
        "{source_labels: [a], regex: '.', target_label: b, replacement: v}",
        &[("a", "\n")],
        Some(&[("a", "\n"), ("b", "v")]),
    ),
    (
        "{source_labels: [a], regex: 'x|y', target_label: b, replacement: v}",
        &[("a", "xz")],
        Some(&[("a", "xz")]),
    ),
    (
        "{source_labels: [ä.ö], target_label: 'dots.are fine'}",
        &[("ä.ö", "x")],
        Some(&[("dots.are fine", "x"), ("ä.ö", "x")]),
    ),
    (
        "{source_labels: [a], regex: 12, target_label: b, replacement: 34}",
        &[("a", "12")],
        Some(&[("a", "12"), ("b", "34")]),
    ),
    // keep and drop
    ("{source_labels: [a], regex: 'f.*', action: keep}", &[("a", "foo")], Some(&[("a", "foo")])),
    ("{source_labels: [a], regex: 'o+', action: keep}", &[("a", "foo")], None),
    ("{source_labels: [a], regex: 'f.*', action: drop}", &[("a", "foo")], None),
    ("{source_labels: [a], regex: 'f', action: drop}", &[("a", "foo")], Some(&[("a", "foo")])),
    ("{source_labels: [a], regex: , action: drop}", &[("b", "x")], None),
    ("{action: drop}", &[("b", "x")], None),
    ("{action: KEEP}", &[("b", "x")], Some(&[("b", "x")])),
    // keepequal and dropequal
    (
        "{source_labels: [a], target_label: b, action: keepequal}",
        &[("a", "x"), ("b", "x")],
        Some(&[("a", "x"), ("b", "x")]),
    ),
    ("{source_labels: [a], target_label: b, action: keepequal}", &[("a", "x"), ("b", "y")], None),
    ("{source_labels: [a], target_label: b, action: dropequal}", &[("a", "x"), ("b", "x")], None),
    (
        "{source_labels: [a], target_label: b, action: dropequal}",
        &[("a", "x")],
        Some(&[("a", "x")]),
    ),
    // hashmod: the MD5 sum of "foo" is acbd18db4cc2f85cedef654fccc4a4d8
    (
        "{source_labels: [a], target_label: m, modulus: 1000, action: hashmod}",
        &[("a", "foo")],
        Some(&[("a", "foo"), ("m", "696")]),
    ),
    // labelmap, labeldrop, labelkeep
    (
        "{regex: 'meta_(.+)', action: labelmap}",
        &[("meta_a", "1"), ("meta_b", "2"), ("b", "old")],
        Some(&[("a", "1"), ("b", "2"), ("meta_a", "1"), ("meta_b", "2")]),
    ),
    (
        "{regex: 'meta_(ns|env)', replacement: '${1}_x', action: labelmap}",
        &[("meta_env", "1"), ("meta_no", "2")],
        Some(&[("env_x", "1"), ("meta_env", "1"), ("meta_no", "2")]),
    ),
    (
        "{regex: 'a|b', replacement: c, action: labelmap}",
        &[("a", "1"), ("b", "2")],
        Some(&[("a", "1"), ("b", "2"), ("c", "2")]),
    ),
    (
        "{regex: 'tmp_.*', action: labeldrop}",
        &[("tmp_a", "1"), ("a_tmp_", "2")],
        Some(&[("a_tmp_", "2")]),
    ),
    (
        "{regex: 'a|__name__', action: labelkeep}",
        &[("__name__", "m"), ("a", "1"), ("b", "2")],
        Some(&[("__name__", "m"), ("a", "1")]),
    ),
    // lowercase and uppercase
    (
        "{source_labels: [a], target_label: b, action: lowercase}",
        &[("a", "FoO Ä")],
        Some(&[("a", "FoO Ä"), ("b", "foo ä")]),
    ),
    (
        "{source_labels: [a], target_label: b, action: uppercase}",
        &[("a", "foO ß")],
        Some(&[("a", "foO ß"), ("b", "FOO ß")]),
    ),
    // several rules, the first that drops ends it
    (
        "{source_labels: [a], target_label: b}, {source_labels: [b], regex: x, action: drop}, {target_label: c, replacement: n}",
        &[("a", "x")],
        None,
    ),
    (
        "{source_labels: [a], target_label: b}, {source_labels: [b], regex: y, action: drop}, {target_label: c, replacement: n}",
        &[("a", "x")],
        Some(&[("a", "x"), ("b", "x"), ("c", "n")]),
    ),
];

#[test]
fn rules_rewrite_keep_and_drop() {
    for (rules, before, after) in CASES {
        let after: Option<Vec<_>> = after.map(|pairs| {
            let mut pairs: Vec<_> =
                pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            pairs.sort();
            pairs
        });
        assert_eq!(relabel(rules, before), after, "{rules} on {before:?}");
    }
}

#[test]
fn rules_that_make_no_sense_are_refused() {
    for (rules, expected) in [
        (
            "{action: replace}",
            "relabel configuration for replace action requires 'target_label' value",
        ),
        (
            "{action: hashmod, target_label: a}",
            "relabel configuration for hashmod requires non-zero modulus",
        ),
        (
            "{action: hashmod, modulus: 2}",
            "relabel configuration for hashmod action requires 'target_label' value",
        ),
        (
            "{action: lowercase, target_label: a, replacement: x}",
            "'replacement' can not be set for lowercase action",
        ),
        (
            "{action: keepequal, source_labels: [a], target_label: b, regex: (.*)}",
            "keepequal action requires only 'source_labels' and `target_label`, and no other fields",
        ),
        (
            "{action: dropequal, source_labels: [a], target_label: b, separator: x}",
            "dropequal action requires only 'source_labels' and `target_label`, and no other fields",
        ),
        (
            "{action: labeldrop, source_labels: [a]}",
            "labeldrop action requires only 'regex', and no other fields",
        ),
        (
            "{action: labelkeep, target_label: a}",
            "labelkeep action requires only 'regex', and no other fields",
        ),
        (
            "{action: labelmap, replacement: ''}",
            "\"\" is invalid 'replacement' for labelmap action",
        ),
        ("{action: ''}", "unknown relabel action \"\""),
        ("{source_labels: ['']}", "\"\" is not a valid label name"),
        ("{target: a}", "unknown key \"target\" in a relabelling rule"),
    ] {
        let message = config(rules).unwrap_err();
        assert!(message.contains(expected), "{rules}: {message}");
    }
}

#[test]
fn legacy_names_limit_what_rules_may_write() {
    let rule = |target: &str, action: RelabelAction| {
        let replacement = if action == RelabelAction::LabelMap { target } else { "$1" };
        let spec = RelabelSpec {
            target_label: target.into(),
            replacement: replacement.into(),
            action,
            ..RelabelSpec::default()
        };
        RelabelRule::new(spec, NameValidation::Legacy)
    };
    for good in ["a", "_", "a1", "${1}", "$x_y", "a_${b}_c", "x$1"] {
        assert!(rule(good, RelabelAction::Replace).is_ok(), "{good}");
        assert!(rule(good, RelabelAction::LabelMap).is_ok(), "{good}");
    }
    for bad in ["1a", "a.b", "ä", "a-$1", "${", "${}", "a$", "$", "a b", "${a-b}"] {
        assert!(rule(bad, RelabelAction::Replace).is_err(), "{bad}");
        assert!(rule(bad, RelabelAction::LabelMap).is_err(), "{bad}");
    }
    let mut labels = LabelsBuilder::from_pairs([("a", "no-name")]);
    let spec = RelabelSpec {
        source_labels: Some(vec!["a".into()]),
        target_label: "$1".into(),
        ..RelabelSpec::default()
    };
    RelabelRule::new(spec, NameValidation::Legacy).unwrap().apply(&mut labels);
    assert_eq!(labels.len(), 1, "a name that is not allowed is not written");
}

fn any_rule() -> impl Strategy<Value = Option<RelabelRule>> {
    let names = || prop::sample::select(vec!["a", "b", "é", "__name__", "$1", "x_${1}", ""]);
    let regexes = prop::sample::select(vec![
        None,
        Some("(.*)"),
        Some("a|b"),
        Some("(.)(.*)"),
        Some(""),
        Some("[^b]*"),
        Some("(?i:A)"),
    ]);
    let actions = prop::sample::select(RelabelAction::NAMES.map(|(_, action)| action).to_vec());
    let sources = prop::option::of(prop::collection::vec(names(), 0..3));
    (sources, regexes, names(), names(), 0_u64..3, actions).prop_map(
        |(sources, regex, target, replacement, modulus, action)| {
            let spec = RelabelSpec {
                source_labels: sources.map(|all| all.into_iter().map(str::to_owned).collect()),
                regex: regex.map(str::to_owned),
                target_label: target.into(),
                replacement: replacement.into(),
                modulus,
                action,
                ..RelabelSpec::default()
            };
            RelabelRule::new(spec, NameValidation::Utf8).ok()
        },
    )
}

proptest! {
    #[test]
    fn no_rules_panic_and_labels_stay_canonical(
        rules in prop::collection::vec(any_rule(), 0..6),
        pairs in prop::collection::vec(("[ab_é]{0,2}", "[ab\\n✓]{0,3}"), 0..6),
    ) {
        let rules: Vec<RelabelRule> = rules.into_iter().flatten().collect();
        let start = Labels::from_pairs(pairs);
        let mut builder = LabelsBuilder::from_labels(&start);
        let kept = apply_all(&rules, &mut builder);
        let labels = builder.labels();
        prop_assert_eq!(&Labels::from_canonical(labels.as_bytes()).unwrap(), &labels);
        prop_assert_eq!(labels.iter().count(), builder.len(), "no label stands twice");
        if rules.is_empty() {
            prop_assert!(kept && labels == start);
        }
    }
}
