//! How long a series takes at a step, in queries of the kind that dashboards ask: sums of rates and
//! quantiles of classic histograms, over a store that has its samples decoded. Series of one target
//! share their times, as in the store.
#![expect(clippy::unwrap_used, reason = "a bench fails by it")]

use std::sync::Arc;

use divan::counter::ItemsCount;
use watchkeep_model::{FloatSamples, Labels, Result, SeriesSamples};
use watchkeep_promql::{Options, Select, SeriesIter, SeriesSource, parse, range};

const SCRAPE_MS: i64 = 15_000;
const SAMPLES: i64 = 480;
const TARGETS: usize = 20;
const BOUNDS: usize = 14;

struct Synthetic {
    series: Vec<SeriesSamples>,
}

impl Synthetic {
    fn new(series: usize) -> Self {
        let times: Vec<Arc<[i64]>> = (0..TARGETS as i64)
            .map(|target| (0..SAMPLES).map(|at| at * SCRAPE_MS + target * 700).collect())
            .collect();
        let make = |number: usize| {
            let rate = (number % 97) as f64 + 1.0;
            let values = (0..SAMPLES).map(|at| 1e6 + at as f64 * rate).collect();
            SeriesSamples {
                labels: Labels::from_pairs([
                    ("__name__", "x_total".to_owned()),
                    ("agent", format!("agent-{}", number / BOUNDS % 50)),
                    ("instance", format!("host-{}:9100", number % TARGETS)),
                    ("le", format!("{}", number % BOUNDS)),
                    ("model", format!("model-{}", number % 12)),
                    ("number", number.to_string()),
                ]),
                floats: FloatSamples {
                    times_ms: Arc::clone(&times[number % TARGETS]),
                    values,
                    starts_ms: None,
                },
                histograms: Vec::new(),
            }
        };
        Self { series: (0..series).map(make).collect() }
    }
}

impl SeriesSource for Synthetic {
    fn select(&self, _select: &Select) -> Result<SeriesIter<'_>> {
        Ok(Box::new(self.series.iter().map(|series| Ok(series.clone()))))
    }
}

fn main() {
    divan::main();
}

/// The cost of handing over the samples, which is in all others.
#[divan::bench]
fn source_alone(bencher: divan::Bencher<'_, '_>) {
    const SERIES: usize = 5_000;
    let source = Synthetic::new(SERIES);
    let select = Select { matchers: Vec::new(), start_ms: 0, end_ms: 0 };
    bencher.counter(ItemsCount::new(SERIES * SAMPLES as usize)).bench_local(|| {
        source.select(&select).unwrap().map(|series| series.unwrap().floats.len()).sum::<usize>()
    });
}

#[divan::bench(args = [
    "sum by (model) (rate(x_total[5m]))",
    "sum(x_total)",
    "avg by (agent) (x_total)",
    "max by (agent) (max_over_time(x_total[5m]))",
    "sum by (agent) (avg_over_time(x_total[5m]))",
    "histogram_quantile(0.95, sum by (le, agent) (rate(x_total[5m])))",
    "topk(5, rate(x_total[5m]))",
])]
fn query(bencher: divan::Bencher<'_, '_>, query: &str) {
    const SERIES: usize = 5_000;
    let source = Synthetic::new(SERIES);
    let expr = parse(query).unwrap();
    bencher.counter(ItemsCount::new(SERIES * SAMPLES as usize)).bench_local(|| {
        let end_ms = (SAMPLES - 1) * SCRAPE_MS;
        range(&source, query, &expr, 0, end_ms, SCRAPE_MS, &Options::default()).unwrap()
    });
}
