//! `histogram_quantile`, `histogram_quantiles` and `histogram_fraction`, of classic histograms (one
//! series a bucket) and native ones, and of both in one vector.

use watchkeep_model::Labels;

use crate::annotations::Monotonicity;
use crate::ast::Span;
use crate::eval::call::{argument, text};
use crate::eval::error::Result;
use crate::eval::number::open_metrics;
use crate::eval::plan::Call;
use crate::eval::series::{Column, Keys, Merged, Series, is_absent};
use crate::eval::{Evaluator, Frame, Sink};
use crate::histogram::{self, NanRemark};
use crate::quantile::{ClassicBucket, classic_fraction, classic_quantile};
use crate::quote::quote;

/// What is asked of each distribution.
enum Ask {
    /// The quantile at each step, and the label that says which one where there are several.
    Quantile {
        q: Vec<f64>,
        label: Option<(String, Vec<String>)>,
    },
    Fraction {
        lower: Vec<f64>,
        upper: Vec<f64>,
    },
}

/// Series that describe one thing.
#[derive(Default)]
struct Group {
    /// Without the bound.
    labels: Labels,
    /// Series of buckets by bound.
    classic: Vec<(f64, Column)>,
    /// The series without a bound, of native histograms.
    native: Option<Series>,
}

impl Evaluator<'_> {
    pub(crate) fn distribution(&self, call: &Call, frame: Frame, sink: Sink<'_>) -> Result<()> {
        let scalar = |position: usize| self.scalar(argument(call, position)?, frame);
        let (asks, input) = match call.name {
            "histogram_quantile" => {
                let q = scalar(0)?;
                self.check_quantiles(&q, call.args[0].span);
                (vec![Ask::Quantile { q, label: None }], 1)
            }
            "histogram_fraction" => {
                (vec![Ask::Fraction { lower: scalar(0)?, upper: scalar(1)? }], 2)
            }
            _ => {
                let label = text(call, 1)?;
                let mut asks = Vec::new();
                for position in 2..call.args.len() {
                    let q = scalar(position)?;
                    self.check_quantiles(&q, call.args[position].span);
                    let values = q.iter().map(|q| open_metrics(*q)).collect();
                    asks.push(Ask::Quantile { q, label: Some((label.to_owned(), values)) });
                }
                (asks, 0)
            }
        };
        let input = argument(call, input)?;
        let span = input.span;
        let mut groups = Groups::default();
        self.each(input, frame, &mut |series| {
            self.hold(series.column.samples())?;
            groups.add(self, series, span);
            Ok(())
        })?;
        for group in &mut groups.all {
            self.drop_mixed(group, frame, span);
        }
        let mut out = Merged::default();
        for ask in &asks {
            // Native ones come first, as they do upstream.
            for group in groups.all.iter().filter(|group| group.native.is_some()) {
                self.native(group, ask, frame, span, &mut out)?;
            }
            for group in groups.all.iter().filter(|group| !group.classic.is_empty()) {
                self.classic(group, ask, frame, span, &mut out)?;
            }
        }
        self.release(groups.samples());
        out.finish().into_iter().try_for_each(sink)
    }

    fn check_quantiles(&self, all: &[f64], span: Span) {
        let mut last = None;
        for q in all {
            if last != Some(q.to_bits()) {
                self.check_quantile(*q, span);
                last = Some(q.to_bits());
            }
        }
    }

    /// Where classic buckets and a native histogram describe the same at one step, neither counts.
    fn drop_mixed(&self, group: &mut Group, frame: Frame, span: Span) {
        let Some(native) = &mut group.native else { return };
        for step in 0..frame.steps {
            let classic = group.classic.iter().any(|(_, column)| !is_absent(column.floats[step]));
            if !classic || native.column.histogram(step).is_none() {
                continue;
            }
            let text = "vector contains a mix of classic and native histograms";
            self.warn(named(text, &native.labels), span);
            native.column.clear(step);
            for (_, column) in &mut group.classic {
                column.floats[step] = crate::eval::series::ABSENT;
            }
        }
    }

    fn native(
        &self,
        group: &Group,
        ask: &Ask,
        frame: Frame,
        span: Span,
        out: &mut Merged,
    ) -> Result<()> {
        let Some(native) = &group.native else { return Ok(()) };
        let mut answers = Answers::new(&native.labels, ask);
        for step in 0..frame.steps {
            let Some(histogram) = native.column.histogram(step) else { continue };
            let value = match ask {
                Ask::Quantile { q, .. } => {
                    let found = histogram::quantile(q[step], histogram);
                    let text = match found.remark {
                        None => None,
                        Some(NanRemark::Result) => Some("result is NaN"),
                        Some(NanRemark::Skew) => Some("result is skewed higher"),
                    };
                    if let Some(text) = text {
                        let text =
                            format!("input to histogram_quantile has NaN observations, {text}");
                        self.info(named(&text, &native.labels), span);
                    }
                    found.value
                }
                Ask::Fraction { lower, upper } => {
                    let found = histogram::fraction(lower[step], upper[step], histogram);
                    if found.has_nan {
                        let text = "input to histogram_fraction has NaN observations, which are \
                                    excluded from all fractions";
                        self.info(named(text, &native.labels), span);
                    }
                    found.value
                }
            };
            answers.set(frame, step, value);
        }
        answers.finish(out)
    }

    fn classic(
        &self,
        group: &Group,
        ask: &Ask,
        frame: Frame,
        span: Span,
        out: &mut Merged,
    ) -> Result<()> {
        let mut answers = Answers::new(&group.labels, ask);
        let mut buckets = Vec::with_capacity(group.classic.len());
        for step in 0..frame.steps {
            buckets.clear();
            buckets.extend(group.classic.iter().filter_map(|(upper_bound, column)| {
                let count = column.floats[step];
                (!is_absent(count)).then_some(ClassicBucket { upper_bound: *upper_bound, count })
            }));
            if buckets.is_empty() {
                continue;
            }
            let value = match ask {
                Ask::Quantile { q, .. } => {
                    let found = classic_quantile(q[step], &mut buckets);
                    if let Some(forced) = found.forced_monotonic {
                        let time_ms = frame.time_ms(step);
                        self.notes.borrow_mut().info_monotonicity(
                            named(
                                "input to histogram_quantile needed to be fixed for monotonicity \
                                 (see https://prometheus.io/docs/prometheus/latest/querying/\
                                 functions/#histogram_quantile)",
                                &group.labels,
                            ),
                            span,
                            Monotonicity {
                                time_min_ms: time_ms,
                                time_max_ms: time_ms,
                                bucket_min: forced.lowest_bound,
                                bucket_max: forced.highest_bound,
                                difference_max: forced.difference_max,
                                samples: 1,
                            },
                        );
                    }
                    found.value
                }
                Ask::Fraction { lower, upper } => {
                    classic_fraction(lower[step], upper[step], &mut buckets)
                }
            };
            answers.set(frame, step, value);
        }
        answers.finish(out)
    }
}

#[derive(Default)]
struct Groups {
    keys: Keys,
    all: Vec<Group>,
}

impl Groups {
    /// Adds a series of buckets to the group of its other labels. Numbers without a bound are
    /// remarked upon; histograms go to the group of all their labels.
    fn add(&mut self, evaluator: &Evaluator<'_>, mut series: Series, span: Span) {
        if let Some(histograms) = series.column.histograms.take() {
            let steps = series.column.floats.len();
            let group = self.group(&series.labels);
            let mut column = Column::absent(steps);
            column.histograms = Some(histograms);
            let (labels, drop_name) = (series.labels.clone(), series.drop_name);
            group.native = Some(Series { labels, drop_name, column });
        }
        if series.column.floats.iter().all(|value| is_absent(*value)) {
            return;
        }
        let bound = series.labels.get("le");
        let Some(upper_bound) = parse_bound(bound) else {
            let text = format!(
                "bucket label \"le\" is missing or has a malformed value of {}",
                quote(bound)
            );
            evaluator.warn(named(&text, &series.labels), span);
            return;
        };
        let labels = series.labels.kept(|name| name != b"le");
        self.group(&labels).classic.push((upper_bound, series.column));
    }

    fn group(&mut self, labels: &Labels) -> &mut Group {
        let (number, is_new) = self.keys.number(labels.as_bytes());
        if is_new {
            self.all.push(Group { labels: labels.clone(), ..Group::default() });
        }
        &mut self.all[number]
    }

    fn samples(&self) -> u64 {
        let of = |group: &Group| {
            let classic: u64 = group.classic.iter().map(|(_, column)| column.samples()).sum();
            classic + group.native.as_ref().map_or(0, |native| native.column.samples())
        };
        self.all.iter().map(of).sum()
    }
}

/// The answers for a distribution, by the label that says which quantile where that changes.
struct Answers<'a> {
    labels: &'a Labels,
    ask: &'a Ask,
    series: Vec<Series>,
}

impl<'a> Answers<'a> {
    fn new(labels: &'a Labels, ask: &'a Ask) -> Self {
        Self { labels, ask, series: Vec::new() }
    }

    fn set(&mut self, frame: Frame, step: usize, value: f64) {
        let labels = match self.ask {
            Ask::Quantile { label: Some((name, values)), .. } => {
                self.labels.with(name, &values[step])
            }
            _ if !self.series.is_empty() => {
                self.series[0].column.floats[step] = value;
                return;
            }
            _ => self.labels.clone(),
        };
        let known = self.series.iter().position(|series| series.labels == labels);
        let at = known.unwrap_or_else(|| {
            let column = Column::absent(frame.steps);
            self.series.push(Series { labels, drop_name: true, column });
            self.series.len() - 1
        });
        self.series[at].column.floats[step] = value;
    }

    fn finish(self, out: &mut Merged) -> Result<()> {
        self.series.into_iter().try_for_each(|series| out.add(series))
    }
}

fn named(text: &str, labels: &Labels) -> String {
    match labels.metric_name() {
        "" => text.to_owned(),
        name => format!("{text} for metric name {}", quote(name)),
    }
}

/// A bound as Go reads numbers.
fn parse_bound(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    // Rust reads the same words for infinity and NaN, but no digits apart.
    let plain = digits.chars().all(|c| c.is_ascii_alphanumeric() || ".+-".contains(c));
    if !plain { None } else { text.parse().ok() }
}
