//! A store of series in memory, filled by `load`.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchkeep_model::histogram::ClassicHistogram;
use watchkeep_model::{
    FloatSamples, HistogramSample, Labels, NativeHistogram, Result, SeriesSamples,
};
use watchkeep_promql::{Select, SeriesIter, SeriesSource, reset_hint_after};

use super::values::Point;
use super::{Line, Load};

#[derive(Debug, Clone)]
enum Sample {
    Float(f64),
    Histogram(Arc<NativeHistogram>),
}

/// Value and start time by time.
type Samples = BTreeMap<i64, (Sample, i64)>;

/// Series by labels.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    series: BTreeMap<Vec<(String, String)>, Samples>,
}

impl Memory {
    pub(crate) fn load(&mut self, load: &Load) {
        for line in &load.series {
            self.add(line, load.step_ms);
        }
        if load.with_nhcb {
            self.add_custom_buckets(load);
        }
    }

    fn entry(&mut self, labels: &[(String, String)]) -> &mut Samples {
        let mut labels: Vec<_> =
            labels.iter().filter(|(_, value)| !value.is_empty()).cloned().collect();
        labels.sort();
        self.series.entry(labels).or_default()
    }

    fn add(&mut self, line: &Line, step_ms: i64) {
        let samples = self.entry(&line.labels);
        for (step, point) in line.points.iter().enumerate() {
            let time_ms = step_ms * step as i64;
            let start_ms =
                line.starts.get(step).copied().flatten().map_or(0, |start| time_ms + start);
            let sample = match point {
                Point::Nothing => continue,
                Point::Float(value) => Sample::Float(*value),
                Point::Histogram { histogram, .. } => {
                    Sample::Histogram(Arc::new(histogram.clone()))
                }
            };
            samples.insert(time_ms, (sample, start_ms));
        }
    }

    /// Adds a histogram with custom buckets for each classic one.
    fn add_custom_buckets(&mut self, load: &Load) {
        type ByTime = BTreeMap<i64, ClassicHistogram>;
        let mut found: BTreeMap<Vec<(String, String)>, ByTime> = BTreeMap::new();
        for line in &load.series {
            let label = |name: &str| {
                line.labels.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
            };
            let name = label("__name__");
            let Some((base, part)) = ["_bucket", "_sum", "_count"]
                .into_iter()
                .find_map(|part| Some((name.strip_suffix(part)?.to_owned(), part)))
            else {
                continue;
            };
            let Some(bound) = (match part {
                "_bucket" => label("le").parse::<f64>().ok().filter(|bound| !bound.is_nan()),
                _ => Some(0.0),
            }) else {
                continue;
            };
            let mut labels: Vec<_> = line
                .labels
                .iter()
                .filter(|(name, _)| name != "le" && name != "__name__")
                .cloned()
                .collect();
            labels.push(("__name__".to_owned(), base));
            labels.sort();
            let by_time = found.entry(labels).or_default();
            for (step, point) in line.points.iter().enumerate() {
                let Point::Float(value) = point else { continue };
                let histogram = by_time.entry(load.step_ms * step as i64).or_default();
                // What is wrong is told when the histogram is made.
                let _told_later = match part {
                    "_bucket" => histogram.set_bucket(bound, *value),
                    "_sum" => histogram.set_sum(*value),
                    _ => histogram.set_count(*value),
                };
            }
        }
        for (labels, by_time) in found {
            let samples = self.entry(&labels);
            for (time_ms, classic) in by_time {
                if let Ok(mut histogram) = classic.convert() {
                    histogram.is_float = true;
                    samples.insert(time_ms, (Sample::Histogram(Arc::new(histogram)), 0));
                }
            }
        }
    }
}

impl SeriesSource for Memory {
    fn select(&self, select: &Select) -> Result<SeriesIter<'_>> {
        let mut all = Vec::new();
        for (labels, samples) in &self.series {
            let labels = Labels::from_pairs(labels.iter().map(|(name, value)| (name, value)));
            if !select.matchers.iter().all(|matcher| matcher.matches(&labels)) {
                continue;
            }
            let (mut times, mut starts) = (Vec::new(), Vec::new());
            let (mut values, mut histograms) = (Vec::new(), Vec::new());
            let before = samples.range(..select.start_ms).next_back();
            let mut last = before.and_then(|(_, (sample, _))| match sample {
                Sample::Histogram(histogram) => Some(Arc::clone(histogram)),
                Sample::Float(_) => None,
            });
            for (time_ms, (sample, start_ms)) in samples.range(select.start_ms..=select.end_ms) {
                let (time_ms, start_ms) = (*time_ms, *start_ms);
                match sample {
                    Sample::Float(value) => {
                        times.push(time_ms);
                        starts.push(start_ms);
                        values.push(*value);
                        last = None;
                    }
                    Sample::Histogram(histogram) => {
                        let mut hinted = NativeHistogram::clone(histogram);
                        hinted.reset_hint = reset_hint_after(last.as_deref(), histogram);
                        last = Some(Arc::clone(histogram));
                        let histogram = Arc::new(hinted);
                        histograms.push(HistogramSample { time_ms, start_ms, histogram });
                    }
                }
            }
            if values.is_empty() && histograms.is_empty() {
                continue;
            }
            let starts_ms = starts.iter().any(|start| *start != 0).then(|| starts.into());
            let floats = FloatSamples { times_ms: times.into(), values, starts_ms };
            all.push(Ok(SeriesSamples { labels, floats, histograms }));
        }
        Ok(Box::new(all.into_iter()))
    }
}
