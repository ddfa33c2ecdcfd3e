//! Samples for the benches: targets with a mix of counters, histogram buckets, gauges and money.
//! Half of the targets are scraped to the millisecond, half with a jitter of 2.5 ms.

#![allow(dead_code, reason = "each bench uses what it needs")]

use watchkeep_model::{Labels, MetricColumns};

pub(crate) const TARGETS: usize = 200;
pub(crate) const SERIES_PER_TARGET: usize = 100;
const START_MS: i64 = 1_700_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
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
    pub(crate) const ALL: [Self; 12] = [
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
    pub(crate) fn of(series: usize) -> Self {
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

/// Batches of the series of some targets, whose times and values are renewed from round to round.
pub(crate) struct Load {
    pub(crate) batches: Vec<MetricColumns>,
    kinds: Vec<Kind>,
    random: Random,
    round: usize,
}

impl Load {
    pub(crate) fn new(kind: impl Fn(usize) -> Kind, targets_per_batch: usize) -> Self {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let targets: Vec<usize> = (0..TARGETS).collect();
        let batch = |targets: &[usize]| {
            let mut batch = MetricColumns::default();
            for target in targets {
                add_target(&mut batch, *target, &mut random);
            }
            batch
        };
        let batches = targets.chunks(targets_per_batch).map(batch).collect();
        let kinds = (0..SERIES_PER_TARGET).map(kind).collect();
        Self { batches, kinds, random, round: 0 }
    }

    pub(crate) fn next_round(&mut self) {
        let mut target = 0;
        for floats in self.batches.iter_mut().map(|batch| &mut batch.floats) {
            let (times, values) = (&mut floats.time_ms, &mut floats.value);
            let targets =
                times.chunks_mut(SERIES_PER_TARGET).zip(values.chunks_mut(SERIES_PER_TARGET));
            for (times, values) in targets {
                let jitter = if target % 2 == 0 { 0 } else { self.random.below(6) as i64 - 3 };
                let at = START_MS + self.round as i64 * 15_000 + target * 71 + jitter;
                times.fill(at);
                for (value, kind) in values.iter_mut().zip(&self.kinds) {
                    *value = kind.next(*value, &mut self.random);
                }
                target += 1;
            }
        }
        self.round += 1;
    }
}

fn add_target(batch: &mut MetricColumns, target: usize, random: &mut Random) {
    for series in 0..SERIES_PER_TARGET {
        let labels = Labels::from_pairs([
            ("__name__", format!("watchkeep_bench_requests_{series}_total")),
            ("job", format!("agents-{}", target % 7)),
            ("instance", format!("10.20.{}.{target}:9100", target % 16)),
            ("namespace", "production".to_owned()),
            ("pod", format!("agent-runner-{target:04}-7c9f5d")),
            ("handler", format!("/api/v1/resource/{}", series % 12)),
        ]);
        batch.floats.series.push(batch.series.labels.len() as u32);
        batch.series.labels.push(labels.as_bytes());
        batch.series.delta.push(0);
        batch.floats.time_ms.push(0);
        batch.floats.start_ms.push(0);
        batch.floats.value.push(random.below(100_000) as f64);
    }
}
