//! How fast the metrics store takes in samples and gives them back, and what a sample costs: 200
//! targets with 100 series each, two hours at 15 s, in a mix of counters, histogram buckets, gauges
//! and money. Half of the targets are scraped to the millisecond, half with a jitter of 2.5 ms.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, reason = "a bench that fails should stop")]

mod load;

use std::sync::OnceLock;
use std::time::Instant;

use divan::counter::ItemsCount;
use watchkeep_storage::metrics::bench::Store;
use watchkeep_storage::seam::Matcher;

use load::{Kind, Load, SERIES_PER_TARGET, TARGETS};

const ROUNDS: usize = 480;

fn main() {
    println!("written {:.3} bytes/sample", fixture().bytes_per_sample);
    for kind in Kind::ALL {
        let mut load = Load::new(|_| kind, 1);
        let mut store = Store::default();
        fill(&mut load, &store, ROUNDS / 4);
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

/// Appends rounds; gives the seconds spent appending.
fn fill(load: &mut Load, store: &Store, rounds: usize) -> f64 {
    let mut spent = 0.0;
    for _ in 0..rounds {
        load.next_round();
        let start = Instant::now();
        load.batches.iter_mut().for_each(|batch| store.append(batch));
        spent += start.elapsed().as_secs_f64();
    }
    spent
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
        let seconds = fill(&mut Load::new(Kind::of, 1), &store, ROUNDS);
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
