//! The host over time, out of the stored samples.

use std::collections::BTreeMap;

use watchkeep_model::{Result, SeriesSamples, TenantId, TimeRange};

use crate::engine::Engine;
use crate::health::stored::{Mean, Steps};

/// Steps of a range where none are asked for, about.
const STEPS: i64 = 120;

/// The host in one step of time; none where there is no sample.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[expect(missing_docs, reason = "members are named as in HostReading")]
pub struct HostPoint {
    /// Start of the step.
    pub time_ns: i64,
    pub cpu_percent: Option<f64>,
    pub memory_percent: Option<f64>,
    /// Of the file system that the data directory is on.
    pub disk_percent: Option<f64>,
    pub load1: Option<f64>,
    pub receive_bytes_per_second: Option<f64>,
    pub transmit_bytes_per_second: Option<f64>,
}

/// What one step adds up to.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    cpu: Mean,
    load: Mean,
    memory_used: Mean,
    memory_total: Mean,
    disk_used: Mean,
    disk_available: Mean,
    receive: Option<f64>,
    transmit: Option<f64>,
}

const NAMES: [&str; 8] = [
    "watchkeep_host_cpu_usage_ratio",
    "watchkeep_host_load1",
    "watchkeep_host_memory_used_bytes",
    "watchkeep_host_memory_total_bytes",
    "watchkeep_host_disk_used_bytes",
    "watchkeep_host_disk_available_bytes",
    "watchkeep_host_network_receive_bytes_total",
    "watchkeep_host_network_transmit_bytes_total",
];

impl Cell {
    fn add(&mut self, name: &str, value: f64) {
        match name {
            "watchkeep_host_cpu_usage_ratio" => self.cpu.add(value * 100.0),
            "watchkeep_host_load1" => self.load.add(value),
            "watchkeep_host_memory_used_bytes" => self.memory_used.add(value),
            "watchkeep_host_memory_total_bytes" => self.memory_total.add(value),
            "watchkeep_host_disk_used_bytes" => self.disk_used.add(value),
            "watchkeep_host_disk_available_bytes" => self.disk_available.add(value),
            _ => {}
        }
    }

    fn point(&self, time_ns: i64) -> HostPoint {
        let percent = |part: Option<f64>, whole: Option<f64>| {
            let whole = whole.filter(|whole| *whole > 0.0)?;
            Some(part? / whole * 100.0)
        };
        let (used, free) = (self.disk_used.get(), self.disk_available.get());
        HostPoint {
            time_ns,
            cpu_percent: self.cpu.get(),
            memory_percent: percent(self.memory_used.get(), self.memory_total.get()),
            disk_percent: percent(used, used.zip(free).map(|(used, free)| used + free)),
            load1: self.load.get(),
            receive_bytes_per_second: self.receive,
            transmit_bytes_per_second: self.transmit,
        }
    }
}

/// Bytes a second of a counter by step: of each step, what was added since the sample before.
fn rates(steps: &Steps, series: &SeriesSamples) -> BTreeMap<usize, f64> {
    let mut sums: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    let (times, values) = (&series.floats.times_ms, &series.floats.values);
    for at in 1..times.len() {
        let Some(step) = steps.of_ms(times[at]) else { continue };
        let (before, now) = (values[at - 1], values[at]);
        if !before.is_finite() || !now.is_finite() {
            continue;
        }
        // A counter that is less than before began again.
        let added = if now >= before { now - before } else { now };
        let sum = sums.entry(step).or_default();
        sum.0 += added;
        sum.1 += (times[at] - times[at - 1]) as f64 / 1e3;
    }
    let rate = |(bytes, seconds): (f64, f64)| if seconds > 0.0 { bytes / seconds } else { 0.0 };
    sums.into_iter().map(|(step, sum)| (step, rate(sum))).collect()
}

impl Engine {
    /// The host over time.
    pub async fn host_history(
        &self,
        range: TimeRange,
        step_ns: Option<i64>,
    ) -> Result<(Steps, Vec<HostPoint>)> {
        let config = &self.health.config.host;
        let interval_ns = i64::try_from(config.interval.0.as_nanos()).unwrap_or(i64::MAX);
        let steps = Steps::new(range, step_ns, STEPS, interval_ns)?;
        let tenant = TenantId::new(&config.tenant)?;
        let latest = self.health.host().latest();
        let mountpoint = latest.as_ref().and_then(|latest| {
            latest.disks.iter().find(|disk| disk.data).map(|disk| disk.mountpoint.clone())
        });
        // Rates of the first step need a sample from before.
        let from_ns = range.start_ns.saturating_sub(2 * interval_ns.min(i64::MAX / 2));
        let read = TimeRange { start_ns: from_ns, end_ns: range.end_ns };
        let cells = vec![Cell::default(); steps.count];
        let cells = self.stored_series(&tenant, &NAMES, read, cells, move |cells, series| {
            let name = series.labels.metric_name();
            if name.ends_with("_total") {
                for (step, rate) in rates(&steps, series) {
                    let sum = match name {
                        "watchkeep_host_network_receive_bytes_total" => &mut cells[step].receive,
                        _ => &mut cells[step].transmit,
                    };
                    *sum = Some(sum.unwrap_or(0.0) + rate);
                }
                return;
            }
            if name.contains("_disk_")
                && mountpoint.as_deref() != Some(series.labels.get("mountpoint"))
            {
                return;
            }
            for (time_ms, value) in series.floats.times_ms.iter().zip(&series.floats.values) {
                if let Some(step) = steps.of_ms(*time_ms) {
                    cells[step].add(name, *value);
                }
            }
        });
        let cells = cells.await?;
        let points = cells.iter().enumerate();
        Ok((steps, points.map(|(step, cell)| cell.point(steps.start_of(step))).collect()))
    }
}
