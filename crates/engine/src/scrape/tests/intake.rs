//! From bodies to columns, scrape by scrape.

use watchkeep_model::Labels;
use watchkeep_wire::prometheus::exposition::Options;

use super::super::cache::ScrapeCache;
use super::super::config::ScrapeConfig;
use super::super::intake::{Counts, Rules, take};
use super::super::relabel::{RelabelAction, RelabelRule, RelabelSpec};
use super::{config, lines};

const TEXT: &str = "text/plain; version=0.0.4";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0";

struct Scraped {
    lines: Vec<String>,
    counts: Counts,
    error: Option<String>,
}

/// A target with the label `job="j"`, scraped again and again.
struct Target {
    config: ScrapeConfig,
    cache: ScrapeCache,
    labels: Labels,
    time_ms: i64,
}

impl Target {
    fn new(config: ScrapeConfig) -> Self {
        let labels = Labels::from_pairs([("job", "j")]);
        Self { config, cache: ScrapeCache::default(), labels, time_ms: 0 }
    }

    /// Scrapes, one second after the scrape before.
    fn scrape(&mut self, body: &str) -> Scraped {
        self.scrape_as(TEXT, body)
    }

    fn scrape_as(&mut self, content_type: &str, body: &str) -> Scraped {
        self.time_ms += 1000;
        let rules =
            Rules { config: &self.config, parser: Options::default(), target_labels: &self.labels };
        let intake =
            take(&rules, &mut self.cache, body.as_bytes(), Some(content_type), self.time_ms);
        Scraped { lines: lines(&intake.columns), counts: intake.counts, error: intake.error }
    }
}

fn rule(spec: RelabelSpec) -> RelabelRule {
    RelabelRule::new(spec, super::super::config::names::NameValidation::Utf8).unwrap()
}

#[test]
fn samples_get_the_labels_of_their_target() {
    let mut target = Target::new(config());
    let scraped = target.scrape("a 1\nb{l=\"v\"} 2 5\n");
    assert_eq!(scraped.lines, ["a{job=\"j\"} 1 @1000", "b{job=\"j\",l=\"v\"} 2 @5"]);
    let counts = Counts { scraped: 2, kept: 2, series_added: 2, ..Counts::default() };
    assert_eq!((scraped.counts, scraped.error), (counts, None));
    let again = target.scrape("a 1\nb{l=\"v\"} 2 5\n");
    assert_eq!(again.counts.series_added, 0);
    assert_eq!(again.lines[0], "a{job=\"j\"} 1 @2000");
}

#[test]
fn conflicting_labels_are_exported_or_honoured() {
    let conflict = "a{job=\"x\"} 1\n";
    let twice = "a{job=\"x\",exported_job=\"y\"} 1\n";
    let empty = "a{job=\"\"} 1\n";
    let cases = [
        (false, conflict, "a{exported_job=\"x\",job=\"j\"} 1 @1000"),
        (false, twice, "a{exported_exported_job=\"x\",exported_job=\"y\",job=\"j\"} 1 @1000"),
        (false, empty, "a{job=\"j\"} 1 @1000"),
        (true, conflict, "a{job=\"x\"} 1 @1000"),
        (true, "a 1\n", "a{job=\"j\"} 1 @1000"),
        (true, empty, "a{} 1 @1000"),
    ];
    for (honor_labels, body, expect) in cases {
        let mut target = Target::new(ScrapeConfig { honor_labels, ..config() });
        assert_eq!(target.scrape(body).lines, [expect], "{body}");
    }
}

#[test]
fn a_series_that_vanishes_is_stale_once() {
    let mut target = Target::new(config());
    target.scrape("a 1\nb 2\n");
    assert_eq!(target.scrape("a 1\n").lines, ["a{job=\"j\"} 1 @2000", "b{job=\"j\"} STALE @2000"]);
    assert_eq!(target.scrape("a 1\n").lines, ["a{job=\"j\"} 1 @3000"]);
    let back = target.scrape("a 1\nb 2\n");
    assert_eq!((back.lines.len(), back.counts.series_added), (2, 1));
    let empty = target.scrape("");
    assert_eq!(empty.lines, ["a{job=\"j\"} STALE @5000", "b{job=\"j\"} STALE @5000"]);
    assert_eq!(empty.error, None);
    assert_eq!(target.scrape("").lines, [""; 0]);
}

#[test]
fn a_failed_scrape_stores_nothing_and_ends_every_series() {
    let mut target = Target::new(config());
    target.scrape("a 1\nb 2\n");
    let failed = target.scrape("a 1\nc 3\nb oops\n");
    assert_eq!(failed.lines, ["a{job=\"j\"} STALE @2000", "b{job=\"j\"} STALE @2000"]);
    assert_eq!(failed.error.unwrap(), "line 3: value \"oops\" is not a number");
    assert_eq!((failed.counts.scraped, failed.counts.kept), (2, 2));
    // Nothing is left to end, and what comes back is tracked again.
    assert_eq!(target.scrape("x").lines, [""; 0]);
    assert_eq!(target.scrape("a 1\n").lines, ["a{job=\"j\"} 1 @4000"]);
    assert_eq!(target.scrape("b 1\n").lines, ["a{job=\"j\"} STALE @5000", "b{job=\"j\"} 1 @5000"]);
}

#[test]
fn a_series_with_times_of_its_own_is_not_tracked_unless_asked() {
    for (track, stale) in [(false, 0), (true, 1)] {
        let config = ScrapeConfig { track_timestamps_staleness: track, ..config() };
        let mut target = Target::new(config);
        target.scrape("a 1 5\n");
        assert_eq!(target.scrape("b 1 6\n").lines.len(), 1 + stale);
    }
    let mut target = Target::new(ScrapeConfig { honor_timestamps: false, ..config() });
    assert_eq!(target.scrape("a 1 5\n").lines, ["a{job=\"j\"} 1 @1000"]);
    assert_eq!(target.scrape("b 1 5\n").lines.len(), 2);
}

#[test]
fn of_duplicates_the_first_wins_and_the_others_are_counted() {
    let mut target = Target::new(config());
    let scraped = target.scrape("a 1\na 2\na{l=\"\"} 3\nb 1 5\nb 2 6\nb 3 6\n");
    assert_eq!(scraped.lines, ["a{job=\"j\"} 1 @1000", "b{job=\"j\"} 1 @5", "b{job=\"j\"} 2 @6"]);
    assert_eq!((scraped.counts.duplicates, scraped.counts.kept), (3, 6));
    let again = target.scrape("a 1\na 2\n");
    assert_eq!((again.lines.len(), again.counts.duplicates), (1, 1));
}

#[test]
fn samples_far_ahead_of_the_clock_are_left_out() {
    let mut target = Target::new(config());
    let scraped = target.scrape("a 1 601000\nb 1 601001\n");
    assert_eq!(scraped.lines, ["a{job=\"j\"} 1 @601000"]);
    assert_eq!((scraped.counts.out_of_bounds, scraped.error), (1, None));
}

#[test]
fn limits_fail_the_whole_scrape() {
    let limited = |change: fn(&mut ScrapeConfig), body: &str| {
        let mut config = config();
        change(&mut config);
        let mut target = Target::new(config);
        target.scrape("a 1\n");
        target.scrape(body)
    };
    let many = limited(|config| config.sample_limit = 2, "a 1\nb 1\nc 1\nd 1\n");
    assert_eq!(many.error.as_deref(), Some("sample limit exceeded"));
    assert_eq!(many.lines, ["a{job=\"j\"} STALE @2000"]);
    // All of the exposition is counted, to show how far over the limit it is.
    assert_eq!((many.counts.scraped, many.counts.kept, many.counts.series_added), (4, 4, 1));
    let fits = limited(|config| config.sample_limit = 2, "a 1\nb 1\na 2\n");
    assert_eq!(fits.error, None);
    let label = limited(|config| config.label_value_length_limit = 3, "a{l=\"long\"} 1\n");
    assert!(label.error.unwrap().starts_with("label_value_length_limit exceeded"));
    assert!(label.counts.label_limit_exceeded);
}

#[test]
fn series_are_relabelled_once_and_may_be_dropped() {
    let drop = rule(RelabelSpec {
        source_labels: Some(vec!["__name__".into()]),
        regex: Some("go_.*".into()),
        action: RelabelAction::Drop,
        ..RelabelSpec::default()
    });
    let name = rule(RelabelSpec {
        source_labels: Some(vec!["l".into()]),
        regex: Some("(.+)".into()),
        target_label: "m".into(),
        replacement: "<$1>".into(),
        ..RelabelSpec::default()
    });
    let mut target =
        Target::new(ScrapeConfig { metric_relabel_configs: vec![drop, name], ..config() });
    for time in [1000, 2000] {
        let scraped = target.scrape("go_x 1\na{l=\"v\"} 2\n");
        assert_eq!(scraped.lines, [format!("a{{job=\"j\",l=\"v\",m=\"<v>\"}} 2 @{time}")]);
        assert_eq!((scraped.counts.scraped, scraped.counts.kept), (2, 1));
    }
}

#[test]
fn labels_that_can_not_be_stored_fail_the_scrape() {
    let mut target = Target::new(config());
    let twice = target.scrape("a{l=\"1\",l=\"2\"} 1\n");
    assert_eq!(twice.error.unwrap(), "label name \"l\" is not unique: invalid sample");
    let unname = rule(RelabelSpec {
        regex: Some("__name__".into()),
        action: RelabelAction::LabelDrop,
        ..RelabelSpec::default()
    });
    let mut target = Target::new(ScrapeConfig { metric_relabel_configs: vec![unname], ..config() });
    assert_eq!(target.scrape("a 1\n").error.unwrap(), "missing metric name (__name__ label)");
    let scheme = super::super::config::names::NameValidation::Legacy;
    let mut target =
        Target::new(ScrapeConfig { metric_name_validation_scheme: scheme, ..config() });
    let error = target.scrape("{\"a.b\"} 1\n").error.unwrap();
    assert!(error.starts_with("invalid metric name or label names"), "{error}");
    assert_eq!(target.scrape("ab 1\n").error, None);
}

#[test]
fn an_exemplar_is_stored_when_it_is_new() {
    let mut target = Target::new(config());
    let body = |id: &str| format!("a_total 1 # {{id=\"{id}\"}} 0.5 7\n# EOF\n");
    let exemplar = |id: &str| format!("a_total{{job=\"j\"}} # {{\"id\": \"{id}\"}} 0.5 @7000");
    for (id, is_new) in [("x", true), ("x", false), ("y", true)] {
        let scraped = target.scrape_as(OPENMETRICS, &body(id));
        assert_eq!(scraped.lines.contains(&exemplar(id)), is_new, "{id}");
    }
    let long = target.scrape_as(OPENMETRICS, &body(&"x".repeat(127)));
    assert_eq!((long.lines.len(), long.error), (1, None));
}

#[test]
fn start_times_are_stored() {
    let body = "# TYPE a counter\na_total 1\na_created 0.5\n# EOF\n";
    let lines = Target::new(config()).scrape_as(OPENMETRICS, body).lines;
    assert_eq!(lines, ["a_created{job=\"j\"} 0.5 @1000", "a_total{job=\"j\"} 1 @1000 start=500"]);
}

#[test]
fn an_unknown_format_is_read_as_the_fallback_says() {
    let mut target = Target::new(config());
    let refused = target.scrape_as("text/html", "a 1\n");
    assert!(refused.error.unwrap().contains("unsupported Content-Type \"text/html\""));
    target.config.scrape_fallback_protocol =
        Some(super::super::config::values::ScrapeProtocol::PrometheusText0_0_4);
    assert_eq!(target.scrape_as("text/html", "a 1\n").error, None);
}

#[test]
fn what_only_failed_scrapes_had_is_forgotten() {
    let mut target = Target::new(config());
    target.scrape("a 1\n");
    for round in 0..20 {
        let line = |number| format!("a{{l=\"{round}-{number}\"}} 1\n");
        let body: Vec<String> = (0..500).map(line).collect();
        target.scrape(&(body.concat() + "oops\n"));
        assert!(target.cache.keys() < 3000, "{}", target.cache.keys());
    }
    target.scrape("a 1\n");
    assert_eq!((target.cache.keys(), target.cache.live_series()), (1, 1));
}
