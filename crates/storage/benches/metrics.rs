//! How fast the metrics store takes in samples and gives them back, and what a sample costs: 200
//! targets with 100 series each, two hours at 15 s, in a mix of counters, histogram buckets, gauges
//! and money. Half of the targets are scraped to the millisecond, half with a jitter of 2.5 ms.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, reason = "a bench that fails should stop")]

use std::sync::OnceLock;
use std::time::Instant;

use divan::counter::ItemsCount;
use watchkeep_model::{Labels, MetricColumns};
use watchkeep_storage::metrics::bench::Store;
use watchkeep_storage::seam::Matcher;

const TARGETS: usize = 200;
const SERIES_PER_TARGET: usize = 100;
const ROUNDS: usize = 480;
const START_MS: i64 = 1_700_000_000_000;

fn main() {
    println!("written {:.3} bytes/sample", fixture().bytes_per_sample);
    for kind in Kind::ALL {
        let mut load = Load::new(|_| kind);
        let mut store = Store::default();
        load.fill(&store, ROUNDS / 4);
        let head = store.head_figures();
        store.freeze();
        let directory = tempfile::tempdir().unwrap();
        let (bytes, samples) = store.write(directory.path()).unwrap();
        println!(
            "{kind:?}: head {:.2}, part {:.3} bytes/sample at {} samples a series",
            head.0 as f64 / head.1 as f64,
            bytes as f64 / samples as f64,
            ROUNDS / 4,
        );
    }
    divan::main();
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Counter,
    IdleCounter,
    Bucket,
    Ratio,
    Percent,
    CpuSeconds,
    MemoryBytes,
    Tokens,
    CostSixDigits,
    CostAccumulated,
    Constant,
    SmallInt,
}

impl Kind {
    const ALL: [Self; 12] = [
        Self::Counter,
        Self::IdleCounter,
        Self::Bucket,
        Self::Ratio,
        Self::Percent,
        Self::CpuSeconds,
        Self::MemoryBytes,
        Self::Tokens,
        Self::CostSixDigits,
        Self::CostAccumulated,
        Self::Constant,
        Self::SmallInt,
    ];

    /// The mix, by the series' number within its target.
    fn of(series: usize) -> Self {
        match series {
            0..8 => Self::IdleCounter,
            8..30 => Self::Counter,
            30..55 => Self::Bucket,
            55..59 => Self::Ratio,
            59..63 => Self::Percent,
            63..68 => Self::CpuSeconds,
            68..76 => Self::MemoryBytes,
            76..81 => Self::Tokens,
            81..86 => Self::CostSixDigits,
            86..95 => Self::Constant,
            _ => Self::SmallInt,
        }
    }

    fn next(self, last: f64, random: &mut Random) -> f64 {
        let step = random.below(1000) as f64;
        match self {
            Self::Counter => last + (step / 10.0).floor(),
            Self::IdleCounter | Self::Constant => last,
            Self::Bucket => last + (step / 300.0).floor(),
            Self::Ratio => (last * 0.9 + step * 0.000_1).sqrt(),
            Self::Percent => (step * 10.0).floor() / 100.0,
            Self::CpuSeconds => ((last + step / 2000.0) * 100.0).round() / 100.0,
            Self::MemoryBytes => (last + (step - 500.0).trunc() * 4096.0).abs(),
            Self::Tokens => last + if step < 600.0 { 0.0 } else { step * 3.0 },
            Self::CostSixDigits => ((last + step / 250_000.0) * 1e6).round() / 1e6,
            Self::CostAccumulated => last + step / 250_000.0,
            Self::SmallInt => (step / 100.0).floor(),
        }
    }
}

/// A small generator that always tells the same story.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// One batch per target, whose times and values are renewed from round to round.
struct Load {
    batches: Vec<MetricColumns>,
    kinds: Vec<Kind>,
    random: Random,
    round: usize,
}

impl Load {
    fn new(kind: impl Fn(usize) -> Kind) -> Self {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let batch = |target: usize| {
            let mut batch = MetricColumns::default();
            for series in 0..SERIES_PER_TARGET {
                let labels = Labels::from_pairs([
                    ("__name__", format!("watchkeep_bench_requests_{series}_total")),
                    ("job", format!("agents-{}", target % 7)),
                    ("instance", format!("10.20.{}.{target}:9100", target % 16)),
                    ("namespace", "production".to_owned()),
                    ("pod", format!("agent-runner-{target:04}-7c9f5d")),
                    ("handler", format!("/api/v1/resource/{}", series % 12)),
                ]);
                batch.series.labels.push(labels.as_bytes());
                batch.series.delta.push(0);
                batch.floats.series.push(series as u32);
                batch.floats.time_ms.push(0);
                batch.floats.start_ms.push(0);
                batch.floats.value.push(random.below(100_000) as f64);
            }
            batch
        };
        let batches = (0..TARGETS).map(batch).collect();
        let kinds = (0..SERIES_PER_TARGET).map(kind).collect();
        Self { batches, kinds, random, round: 0 }
    }

    fn next_round(&mut self) {
        for (target, batch) in self.batches.iter_mut().enumerate() {
            let jitter = if target % 2 == 0 { 0 } else { self.random.below(6) as i64 - 3 };
            let at = START_MS + self.round as i64 * 15_000 + target as i64 * 71 + jitter;
            batch.floats.time_ms.fill(at);
            for (value, kind) in batch.floats.value.iter_mut().zip(&self.kinds) {
                *value = kind.next(*value, &mut self.random);
            }
        }
        self.round += 1;
    }

    /// Appends rounds; gives the seconds spent appending.
    fn fill(&mut self, store: &Store, rounds: usize) -> f64 {
        let mut spent = 0.0;
        for _ in 0..rounds {
            self.next_round();
            let start = Instant::now();
            self.batches.iter_mut().for_each(|batch| store.append(batch));
            spent += start.elapsed().as_secs_f64();
        }
        spent
    }
}

struct Fixture {
    directory: tempfile::TempDir,
    frozen: Store,
    bytes_per_sample: f64,
}

fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let mut store = Store::default();
        let seconds = Load::new(Kind::of).fill(&store, ROUNDS);
        let (bytes, samples) = store.head_figures();
        println!("appended {:.2} M samples/s", samples as f64 / seconds / 1e6);
        println!(
            "head {:.2} bytes/sample (labels and index included)",
            bytes as f64 / samples as f64
        );
        println!("resident {}", resident().unwrap_or_default());
        store.freeze();
        let directory = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let (bytes, samples) = store.write(directory.path()).unwrap();
        println!("wrote {:.2} M samples/s", samples as f64 / start.elapsed().as_secs_f64() / 1e6);
        Fixture { directory, frozen: store, bytes_per_sample: bytes as f64 / samples as f64 }
    })
}

/// Memory of this process, where the system tells.
fn resident() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    Some(status.lines().find(|line| line.starts_with("VmRSS"))?.to_owned())
}

fn part() -> Store {
    Store::open(fixture().directory.path()).unwrap()
}

fn one_metric() -> Vec<Matcher> {
    vec![Matcher::equal("__name__", "watchkeep_bench_requests_20_total")]
}

fn one_series() -> Vec<Matcher> {
    let mut matchers = one_metric();
    matchers.push(Matcher::equal("instance", "10.20.3.51:9100"));
    matchers
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn part_read_everything(bencher: divan::Bencher<'_, '_>) {
    let store = part();
    let samples = TARGETS * SERIES_PER_TARGET * ROUNDS;
    bencher
        .counter(ItemsCount::new(samples))
        .bench(|| assert_eq!(store.read(Vec::new(), 0, i64::MAX).unwrap(), samples));
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn part_read_one_metric_of_200_series(bencher: divan::Bencher<'_, '_>) {
    let store = part();
    bencher
        .counter(ItemsCount::new(TARGETS * ROUNDS))
        .bench(|| store.read(one_metric(), 0, i64::MAX).unwrap());
}

#[divan::bench(sample_count = 100, sample_size = 1)]
fn part_read_one_series(bencher: divan::Bencher<'_, '_>) {
    let store = part();
    bencher.bench(|| assert_eq!(store.read(one_series(), 0, i64::MAX).unwrap(), ROUNDS));
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn head_read_everything(bencher: divan::Bencher<'_, '_>) {
    let samples = TARGETS * SERIES_PER_TARGET * ROUNDS;
    bencher
        .counter(ItemsCount::new(samples))
        .bench(|| assert_eq!(fixture().frozen.read(Vec::new(), 0, i64::MAX).unwrap(), samples));
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn merge_one_part(bencher: divan::Bencher<'_, '_>) {
    let store = part();
    bencher
        .counter(ItemsCount::new(TARGETS * SERIES_PER_TARGET * ROUNDS))
        .with_inputs(|| tempfile::tempdir().unwrap())
        .bench_refs(|directory| store.merge(directory.path()).unwrap());
}
