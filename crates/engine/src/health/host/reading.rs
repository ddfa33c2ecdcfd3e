//! What is read of the host.

use std::sync::Arc;

/// What does not change about the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Its name.
    pub host: String,
    /// Kernel and distribution.
    pub os: String,
    /// Processors, as the scheduler counts them.
    pub cpus: usize,
}

/// The host at one instant. Percentages are from 0 to 100.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostReading {
    /// What does not change.
    pub about: Arc<About>,
    /// When, nanoseconds since the epoch.
    pub time_ns: i64,
    /// Since the host started.
    pub uptime_seconds: u64,
    /// Of all processors, since the reading before.
    pub cpu_percent: f64,
    /// Load over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Memory that is not available, as a share of all.
    pub memory_percent: f64,
    /// Memory that is not available.
    pub memory_used_bytes: u64,
    /// Memory that programs may have without swapping.
    pub memory_available_bytes: u64,
    /// All memory.
    pub memory_total_bytes: u64,
    /// Swap space, where there is some.
    pub swap: Option<Memory>,
    /// Of the file system that the data directory is on; 0 where it can not be asked.
    pub disk_usage_percent: f64,
    /// Real file systems, each device once.
    pub disks: Vec<Disk>,
    /// Network interfaces without the loopback, by name.
    pub network: Vec<Interface>,
    /// Processes.
    pub processes: u64,
    /// The server's own process.
    pub process: Process,
    /// Processes that are watched, in order of the configuration.
    pub watched: Vec<Watched>,
    /// NVIDIA's GPUs.
    pub gpus: Vec<Gpu>,
}

/// Memory of a kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Memory {
    pub total_bytes: u64,
    pub used_bytes: u64,
    pub available_bytes: u64,
}

impl Memory {
    /// What is used, as a share of all.
    pub fn percent(self) -> f64 {
        percent(self.used_bytes, self.total_bytes)
    }
}

/// A file system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disk {
    /// What is mounted.
    pub device: String,
    /// Where.
    pub mountpoint: String,
    /// All of it.
    pub total_bytes: u64,
    /// What is taken.
    pub used_bytes: u64,
    /// What may still be taken by a user that is not the superuser.
    pub available_bytes: u64,
    /// Whether the data directory is on it.
    pub data: bool,
}

impl Disk {
    /// What is used of what users may use, as `df` tells it.
    pub fn percent(&self) -> f64 {
        percent(self.used_bytes, self.used_bytes.saturating_add(self.available_bytes))
    }
}

/// A network interface. Totals count since the host started.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Interface {
    pub name: String,
    pub receive_bytes: u64,
    pub transmit_bytes: u64,
    /// Since the reading before.
    pub receive_bytes_per_second: f64,
    /// Since the reading before.
    pub transmit_bytes_per_second: f64,
}

/// What a process uses.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Process {
    /// Percent of one processor; more than 100 where several are used.
    pub cpu_percent: f64,
    /// Memory that it has.
    pub resident_bytes: u64,
}

/// Processes of a name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Watched {
    /// Their name.
    pub name: String,
    /// How many there are.
    pub count: u64,
    /// What they use together.
    pub process: Process,
}

/// A GPU; what it does not tell is none.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Gpu {
    pub index: u32,
    pub name: String,
    pub usage_percent: Option<f64>,
    pub memory_used_bytes: Option<u64>,
    pub memory_total_bytes: Option<u64>,
    pub temperature_celsius: Option<f64>,
    pub power_watts: Option<f64>,
}

/// A share as percent; 0 of nothing.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}
