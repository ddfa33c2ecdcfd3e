//! A reading as samples.

use watchkeep_model::MetricColumns;
use watchkeep_model::metrics::MetricKind::{self, Counter, Gauge};

use super::reading::{Gpu, HostReading};
use crate::health::samples::Samples;

const FAMILIES: [(&str, MetricKind, &str); 27] = [
    ("watchkeep_host_cpu_usage_ratio", Gauge, "Share of all processors that was busy"),
    ("watchkeep_host_load1", Gauge, "Load over 1 minute"),
    ("watchkeep_host_load5", Gauge, "Load over 5 minutes"),
    ("watchkeep_host_load15", Gauge, "Load over 15 minutes"),
    ("watchkeep_host_memory_total_bytes", Gauge, "Memory"),
    ("watchkeep_host_memory_used_bytes", Gauge, "Memory that is not available"),
    ("watchkeep_host_memory_available_bytes", Gauge, "Memory that programs may have"),
    ("watchkeep_host_swap_total_bytes", Gauge, "Swap space"),
    ("watchkeep_host_swap_used_bytes", Gauge, "Swap space that is used"),
    ("watchkeep_host_swap_available_bytes", Gauge, "Swap space that is free"),
    ("watchkeep_host_disk_total_bytes", Gauge, "Size of a file system"),
    ("watchkeep_host_disk_used_bytes", Gauge, "Used of a file system"),
    ("watchkeep_host_disk_available_bytes", Gauge, "Free of a file system, for users"),
    ("watchkeep_host_network_receive_bytes_total", Counter, "Received by an interface"),
    ("watchkeep_host_network_transmit_bytes_total", Counter, "Sent by an interface"),
    ("watchkeep_host_processes", Gauge, "Processes"),
    ("watchkeep_host_uptime_seconds", Gauge, "Since the host started"),
    ("watchkeep_host_own_cpu_usage_ratio", Gauge, "Processors that the server keeps busy"),
    ("watchkeep_host_own_resident_bytes", Gauge, "Memory of the server"),
    ("watchkeep_host_watched_processes", Gauge, "Processes of a name"),
    ("watchkeep_host_watched_cpu_usage_ratio", Gauge, "Processors that these keep busy"),
    ("watchkeep_host_watched_resident_bytes", Gauge, "Memory of processes of a name"),
    ("watchkeep_host_gpu_usage_ratio", Gauge, "Share of the time that a GPU was busy"),
    ("watchkeep_host_gpu_memory_used_bytes", Gauge, "Memory of a GPU that is used"),
    ("watchkeep_host_gpu_memory_total_bytes", Gauge, "Memory of a GPU"),
    ("watchkeep_host_gpu_temperature_celsius", Gauge, "Temperature of a GPU"),
    ("watchkeep_host_gpu_power_watts", Gauge, "Power that a GPU draws"),
];

/// The samples of a reading.
pub(super) fn columns(reading: &HostReading) -> MetricColumns {
    let mut samples = Samples::new(reading.time_ns);
    for (name, kind, help) in FAMILIES {
        if reading.gpus.is_empty() && name.starts_with("watchkeep_host_gpu_") {
            continue;
        }
        samples.family(name, kind, help);
    }
    let host = ("host", &*reading.about.host);
    let mut put = |name: &str, labels: &[(&str, &str)], value: f64| {
        let mut all = vec![host];
        all.extend(labels);
        samples.push(&format!("watchkeep_host_{name}"), &all, value);
    };
    put("cpu_usage_ratio", &[], reading.cpu_percent / 100.0);
    for (name, load) in ["load1", "load5", "load15"].into_iter().zip(reading.load) {
        put(name, &[], load);
    }
    put("memory_total_bytes", &[], reading.memory_total_bytes as f64);
    put("memory_used_bytes", &[], reading.memory_used_bytes as f64);
    put("memory_available_bytes", &[], reading.memory_available_bytes as f64);
    if let Some(swap) = reading.swap {
        put("swap_total_bytes", &[], swap.total_bytes as f64);
        put("swap_used_bytes", &[], swap.used_bytes as f64);
        put("swap_available_bytes", &[], swap.available_bytes as f64);
    }
    for disk in &reading.disks {
        let labels = [("device", &*disk.device), ("mountpoint", &*disk.mountpoint)];
        put("disk_total_bytes", &labels, disk.total_bytes as f64);
        put("disk_used_bytes", &labels, disk.used_bytes as f64);
        put("disk_available_bytes", &labels, disk.available_bytes as f64);
    }
    for interface in &reading.network {
        let labels = [("interface", &*interface.name)];
        put("network_receive_bytes_total", &labels, interface.receive_bytes as f64);
        put("network_transmit_bytes_total", &labels, interface.transmit_bytes as f64);
    }
    put("processes", &[], reading.processes as f64);
    put("uptime_seconds", &[], reading.uptime_seconds as f64);
    put("own_cpu_usage_ratio", &[], reading.process.cpu_percent / 100.0);
    put("own_resident_bytes", &[], reading.process.resident_bytes as f64);
    for watched in &reading.watched {
        let labels = [("process", &*watched.name)];
        put("watched_processes", &labels, watched.count as f64);
        put("watched_cpu_usage_ratio", &labels, watched.process.cpu_percent / 100.0);
        put("watched_resident_bytes", &labels, watched.process.resident_bytes as f64);
    }
    for gpu in &reading.gpus {
        gpu_samples(gpu, &mut put);
    }
    samples.finish()
}

fn gpu_samples(gpu: &Gpu, put: &mut impl FnMut(&str, &[(&str, &str)], f64)) {
    let index = gpu.index.to_string();
    let labels = [("gpu", &*index), ("name", &*gpu.name)];
    for (name, value) in [
        ("gpu_usage_ratio", gpu.usage_percent.map(|percent| percent / 100.0)),
        ("gpu_memory_used_bytes", gpu.memory_used_bytes.map(|bytes| bytes as f64)),
        ("gpu_memory_total_bytes", gpu.memory_total_bytes.map(|bytes| bytes as f64)),
        ("gpu_temperature_celsius", gpu.temperature_celsius),
        ("gpu_power_watts", gpu.power_watts),
    ] {
        if let Some(value) = value {
            put(name, &labels, value);
        }
    }
}
