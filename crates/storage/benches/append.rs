//! What a sample costs from decoded columns to a durable part, in CPU time: 20,000 series, a
//! request of 2,000 samples of as many series after the other, two hours at 15 s.
//!
//! `cargo bench -p watchkeep-storage --bench append`

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, reason = "a bench that fails should stop")]

mod load;

use std::sync::Arc;
use std::time::Duration;

use watchkeep_model::{MetricColumns, SystemClock, TenantId};
use watchkeep_storage::embedded::{EmbeddedStore, StorageConfig};
use watchkeep_storage::metrics::bench;
use watchkeep_storage::{Batch, Store};

use load::{Kind, Load, TARGETS};

const ROUNDS: usize = 480;
const TARGETS_PER_BATCH: usize = 20;

fn main() {
    let samples = head_alone();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let copying = cpu_of(|| {
        let mut load = Load::new(Kind::of, TARGETS_PER_BATCH);
        for _ in 0..ROUNDS {
            load.next_round();
            load.batches.iter().for_each(|batch| drop(std::hint::black_box(batch.clone())));
        }
    });
    println!(
        "making the batches   {:7.1} ns/sample (not in the figures below)",
        ns(copying, samples)
    );
    let folder = tempfile::tempdir().unwrap();
    let store = runtime.block_on(async {
        let config =
            StorageConfig { flush_interval: Duration::MAX, ..StorageConfig::new(folder.path()) };
        let registry = prometheus::Registry::new();
        EmbeddedStore::open(config, Arc::new(SystemClock), &registry, &mut |_| {}).unwrap()
    });
    let appending = cpu_of(|| runtime.block_on(append_all(&store)));
    println!(
        "appending            {:7.1} ns/sample",
        ns(appending.saturating_sub(copying), samples)
    );
    let stats = store.stats();
    println!(
        "  in memory {} bytes, {} parts, log {} bytes",
        stats.metrics.bytes_in_memory,
        stats.metrics.parts,
        stats.wal.unwrap_or_default().bytes
    );
    println!("  {}", resident().unwrap_or_default());
    let flushing = cpu_of(|| runtime.block_on(store.flush()).unwrap());
    println!("flushing             {:7.1} ns/sample", ns(flushing, samples));
    let stats = store.stats().metrics;
    println!(
        "  {} parts, {:.3} bytes/sample",
        stats.parts,
        stats.bytes_on_disk as f64 / stats.rows_on_disk as f64
    );
    println!("  {}", resident().unwrap_or_default());
}

/// Without log and engine. Gives the number of samples.
fn head_alone() -> u64 {
    let mut load = Load::new(Kind::of, TARGETS_PER_BATCH);
    let store = bench::Store::default();
    let (mut spent, mut first) = (Duration::ZERO, Duration::ZERO);
    for round in 0..ROUNDS {
        load.next_round();
        let start = std::time::Instant::now();
        load.batches.iter_mut().for_each(|batch| store.append(batch));
        spent += start.elapsed();
        if round == 0 {
            first = spent;
        }
    }
    let samples = store.head_figures().1;
    println!("new series           {:7.1} ns/series", ns(first, samples / ROUNDS as u64));
    println!("head alone           {:7.1} ns/sample", ns(spent.saturating_sub(first), samples));
    samples
}

async fn append_all(store: &EmbeddedStore) {
    let mut load = Load::new(Kind::of, TARGETS_PER_BATCH);
    for _ in 0..ROUNDS {
        load.next_round();
        let mut senders = tokio::task::JoinSet::new();
        // Two connections, as many senders have.
        for half in load.batches.chunks(TARGETS / TARGETS_PER_BATCH / 2) {
            let (store, batches): (_, Vec<MetricColumns>) = (store.clone(), half.to_vec());
            senders.spawn(async move {
                for batch in batches {
                    let tenant = TenantId::default();
                    store.append(&tenant, Batch::Metrics(batch).into()).await.unwrap();
                }
            });
        }
        senders.join_all().await;
    }
}

fn ns(spent: Duration, count: u64) -> f64 {
    spent.as_nanos() as f64 / count as f64
}

/// CPU time of all threads of this process while `run` runs, to a hundredth of a second.
fn cpu_of(run: impl FnOnce()) -> Duration {
    let before = cpu();
    run();
    cpu().saturating_sub(before)
}

fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks =
        fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// Memory of this process, where the system tells.
fn resident() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let lines =
        status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"));
    Some(lines.collect::<Vec<_>>().join(", "))
}
