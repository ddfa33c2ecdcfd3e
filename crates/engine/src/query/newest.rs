//! The newest sample of each series, as federation hands it on; and samples as they are stored, as
//! remote read does.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchkeep_model::metrics::STALE_NAN_BITS;
use watchkeep_model::{Error, Labels, Matcher, NativeHistogram, Result, SeriesSamples, TenantId};
use watchkeep_storage::seam::{SampleCursor, SamplesRequest, SeriesRequest};

use crate::engine::Engine;

/// A value of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum NewestValue {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<NativeHistogram>),
}

/// The newest sample of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct NewestSample {
    /// When, milliseconds since the epoch.
    pub time_ms: i64,
    /// Its value.
    pub value: NewestValue,
}

impl NewestSample {
    /// Of a series' samples the newest; none where the series has ended by then.
    fn of(samples: &SeriesSamples) -> Option<Self> {
        let float = samples.floats.times_ms.last().zip(samples.floats.values.last());
        let histogram = samples.histograms.last();
        match (float, histogram) {
            (Some((time_ms, value)), newest)
                if newest.is_none_or(|histogram| histogram.time_ms < *time_ms) =>
            {
                let is_end = value.to_bits() == STALE_NAN_BITS;
                (!is_end).then_some(Self { time_ms: *time_ms, value: NewestValue::Float(*value) })
            }
            (_, Some(newest)) => {
                let is_end = newest.histogram.sum.to_bits() == STALE_NAN_BITS;
                let value = NewestValue::Histogram(Arc::clone(&newest.histogram));
                (!is_end).then_some(Self { time_ms: newest.time_ms, value })
            }
            _ => None,
        }
    }
}

impl Engine {
    /// The newest sample in the closed range of every series that any of the selectors selects, in
    /// the order of names. A series whose newest sample is the stale marker is left out.
    pub async fn newest_samples(
        &self,
        tenant: &TenantId,
        selectors: Vec<Vec<Matcher>>,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<(Labels, NewestSample)>> {
        self.query(async {
            let mut cursors = Vec::new();
            for matchers in selectors {
                cursors.push(self.samples(tenant, matchers, start_ms, end_ms).await?);
            }
            let series_max = self.limits.query_series_max;
            let reading = tokio::task::spawn_blocking(move || {
                // By name first, so that a family's series stand together.
                let mut found: BTreeMap<(String, Labels), NewestSample> = BTreeMap::new();
                for samples in cursors.into_iter().flatten() {
                    let samples = samples?;
                    let Some(newest) = NewestSample::of(&samples) else { continue };
                    let name = samples.labels.metric_name().to_owned();
                    found.insert((name, samples.labels), newest);
                    if found.len() > series_max {
                        return Err(Error::new(
                            watchkeep_model::ErrorKind::LimitExceeded {
                                key: "limits.query_series_max",
                            },
                            format!(
                                "more than {series_max} series are selected \
                                 (limits.query_series_max)"
                            ),
                        ));
                    }
                }
                Ok(found.into_iter().map(|((_, labels), newest)| (labels, newest)).collect())
            });
            reading
                .await
                .map_err(|error| Error::internal("reading samples panicked").with_source(error))?
        })
        .await
    }

    /// Samples of the series that match, in the closed range, as the store has them. The cursor
    /// blocks: it is for threads that may.
    pub async fn samples(
        &self,
        tenant: &TenantId,
        matchers: Vec<Matcher>,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<SampleCursor> {
        let request = SamplesRequest {
            series: SeriesRequest { matchers, start_ms, end_ms, limit: None },
            samples_max: usize::MAX,
        };
        self.store()?.samples(tenant, request).await
    }
}

#[cfg(test)]
mod tests {
    use watchkeep_model::{FloatSamples, HistogramSample};

    use super::*;

    fn histogram(time_ms: i64, sum: f64) -> HistogramSample {
        let empty = NativeHistogram {
            schema: 0,
            zero_threshold: 0.0,
            zero_count: 0.0,
            count: 0.0,
            sum,
            is_float: true,
            reset_hint: watchkeep_model::histogram::ResetHint::Unknown,
            positive_spans: vec![],
            positive_counts: vec![],
            negative_spans: vec![],
            negative_counts: vec![],
            custom_values: vec![],
        };
        HistogramSample { time_ms, start_ms: 0, histogram: Arc::new(empty) }
    }

    #[test]
    fn the_newest_of_both_kinds_counts_and_an_end_is_none() {
        let stale = f64::from_bits(STALE_NAN_BITS);
        let case = |floats: &[(i64, f64)], histograms: Vec<HistogramSample>| {
            NewestSample::of(&SeriesSamples {
                labels: Labels::default(),
                floats: FloatSamples {
                    times_ms: floats.iter().map(|(time_ms, _)| *time_ms).collect(),
                    values: floats.iter().map(|(_, value)| *value).collect(),
                    starts_ms: None,
                },
                histograms,
            })
            .map(|newest| (newest.time_ms, matches!(newest.value, NewestValue::Float(_))))
        };
        assert_eq!(case(&[(1, 1.0), (2, 2.0)], vec![]), Some((2, true)));
        assert_eq!(case(&[(1, 1.0)], vec![histogram(2, 1.0)]), Some((2, false)));
        assert_eq!(case(&[(3, 1.0)], vec![histogram(2, 1.0)]), Some((3, true)));
        assert_eq!(case(&[(3, stale)], vec![histogram(2, 1.0)]), None);
        assert_eq!(case(&[], vec![histogram(2, stale)]), None);
        assert_eq!(case(&[], vec![]), None);
    }
}
