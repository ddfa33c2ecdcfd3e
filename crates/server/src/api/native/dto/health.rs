//! Health: of everything, of the host, of what is checked.

use serde::Serialize;
use utoipa::ToSchema;
use watchkeep_engine::agents::query::HealthStatus;
use watchkeep_engine::agents::query::agents::AgentTable;
use watchkeep_engine::health::checks::{Check, CheckHistory, CheckStatus, Checks, Uptime};
use watchkeep_engine::health::host::{self as engine, Host, HostIssue, HostPoint, HostReading};
use watchkeep_engine::health::stored::Steps;

/// How everything is.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthOverview)]
pub(in crate::api::native) struct Health {
    /// The worst of all: `healthy`, `degraded`, `unhealthy`; `unknown` where nothing is known.
    pub(in crate::api::native) status: &'static str,
    pub(in crate::api::native) issues: Vec<Issue>,
    pub(in crate::api::native) agents: AgentCounts,
    pub(in crate::api::native) checks: CheckCounts,
    /// Null where the host is not watched, or has not been read yet.
    pub(in crate::api::native) host: Option<HostStatus>,
    pub(in crate::api::native) time_unix_nano: String,
}

/// Something that is not well.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthIssue)]
pub(in crate::api::native) struct Issue {
    /// `agent`, `host` or `dependency`.
    pub(in crate::api::native) kind: &'static str,
    /// The agent, the check, or what of the host.
    pub(in crate::api::native) name: String,
    /// `degraded` or `unhealthy`.
    pub(in crate::api::native) severity: &'static str,
    pub(in crate::api::native) message: String,
    /// A share, or seconds of a response time.
    pub(in crate::api::native) value: Option<f64>,
    pub(in crate::api::native) threshold: Option<f64>,
}

/// Agents by how they are.
#[derive(Default, Serialize, ToSchema)]
pub(in crate::api::native) struct AgentCounts {
    healthy: usize,
    degraded: usize,
    unhealthy: usize,
    unknown: usize,
}

/// Checks by how they stand.
#[derive(Default, Serialize, ToSchema)]
pub(in crate::api::native) struct CheckCounts {
    healthy: usize,
    unhealthy: usize,
    unknown: usize,
}

/// How the host is.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct HostStatus {
    pub(in crate::api::native) status: &'static str,
}

impl Health {
    /// Of agents in a range, and of the rest now.
    pub(in crate::api::native) fn new(
        agents: &AgentTable,
        checks: &Checks,
        host: &Host,
        now_ns: i64,
    ) -> Self {
        let mut status = HealthStatus::Unknown;
        let (mut issues, mut agent_counts) = (Vec::new(), AgentCounts::default());
        for row in &agents.agents {
            let health = &row.health;
            status = status.max(health.status);
            match health.status {
                HealthStatus::Healthy => agent_counts.healthy += 1,
                HealthStatus::Degraded => agent_counts.degraded += 1,
                HealthStatus::Unhealthy => agent_counts.unhealthy += 1,
                HealthStatus::Unknown => agent_counts.unknown += 1,
            }
            issues.extend(health.issues.iter().map(|issue| Issue {
                kind: "agent",
                name: row.agent.to_string(),
                severity: issue.severity.name(),
                message: issue.message.clone(),
                value: Some(issue.value),
                threshold: Some(issue.threshold),
            }));
        }
        let mut check_counts = CheckCounts::default();
        for check in checks.all() {
            let state = check.state();
            match state.status {
                CheckStatus::Healthy => {
                    check_counts.healthy += 1;
                    status = status.max(HealthStatus::Healthy);
                }
                CheckStatus::Unknown => check_counts.unknown += 1,
                CheckStatus::Unhealthy => {
                    check_counts.unhealthy += 1;
                    status = status.max(HealthStatus::Unhealthy);
                    let error = state.last.and_then(|last| last.error);
                    issues.push(Issue {
                        kind: "dependency",
                        name: check.name().to_owned(),
                        severity: "unhealthy",
                        message: error.unwrap_or_default(),
                        value: None,
                        threshold: None,
                    });
                }
            }
        }
        status = status.max(host.status());
        issues.extend(host_issues(host));
        // The worst first.
        issues.sort_by_key(|issue| issue.severity != "unhealthy");
        let is_read = host.latest().is_some();
        Self {
            status: status.name(),
            issues,
            agents: agent_counts,
            checks: check_counts,
            host: is_read.then(|| HostStatus { status: host.status().name() }),
            time_unix_nano: now_ns.to_string(),
        }
    }
}

fn host_issues(host: &Host) -> Vec<Issue> {
    let issue = |issue: HostIssue| Issue {
        kind: "host",
        name: issue.name,
        severity: issue.status.name(),
        message: issue.message,
        value: Some(issue.value),
        threshold: Some(issue.threshold),
    };
    host.issues().into_iter().map(issue).collect()
}

/// The host that the server runs on, now and over time.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct HostHealth {
    /// Its name; empty before the first reading.
    host: String,
    os: String,
    uptime_seconds: u64,
    /// Processors.
    cpus: usize,
    /// `healthy`, `degraded`, `unhealthy`; `unknown` before the first reading.
    status: &'static str,
    issues: Vec<Issue>,
    latest: Option<Reading>,
    series: Vec<Point>,
    /// Width of a step of `series`, nanoseconds.
    step: String,
}

/// The newest reading. Percentages are from 0 to 100.
#[derive(Serialize, ToSchema)]
#[schema(as = HostReading)]
struct Reading {
    time_unix_nano: String,
    cpu_percent: f64,
    /// Over 1, 5 and 15 minutes.
    load: [f64; 3],
    memory: Memory,
    swap: Option<Memory>,
    disks: Vec<Disk>,
    network: Vec<Interface>,
    /// How many there are.
    processes: u64,
    /// The server's own.
    process: Process,
    watched: Vec<Watched>,
    gpus: Vec<Gpu>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HostMemory)]
struct Memory {
    total_bytes: u64,
    used_bytes: u64,
    available_bytes: u64,
    percent: f64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HostDisk)]
struct Disk {
    device: String,
    mountpoint: String,
    total_bytes: u64,
    used_bytes: u64,
    available_bytes: u64,
    percent: f64,
    /// Whether the data directory is on it.
    data: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HostInterface)]
#[expect(clippy::struct_field_names, reason = "names of the API")]
struct Interface {
    interface: String,
    receive_bytes_per_second: f64,
    transmit_bytes_per_second: f64,
    /// Since the host started.
    receive_bytes: u64,
    transmit_bytes: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HostProcess)]
struct Process {
    /// Of one processor.
    cpu_percent: f64,
    resident_bytes: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HostWatched)]
struct Watched {
    name: String,
    count: u64,
    cpu_percent: f64,
    resident_bytes: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HostGpu)]
struct Gpu {
    index: u32,
    name: String,
    usage_percent: Option<f64>,
    memory_used_bytes: Option<u64>,
    memory_total_bytes: Option<u64>,
    temperature_celsius: Option<f64>,
    power_watts: Option<f64>,
}

/// Averages of a step of time; null where nothing was read.
#[derive(Serialize, ToSchema)]
#[schema(as = HostPoint)]
struct Point {
    time_unix_nano: String,
    cpu_percent: Option<f64>,
    memory_percent: Option<f64>,
    /// Of the file system that the data directory is on.
    disk_percent: Option<f64>,
    load1: Option<f64>,
    receive_bytes_per_second: Option<f64>,
    transmit_bytes_per_second: Option<f64>,
}

impl HostHealth {
    pub(in crate::api::native) fn new(host: &Host, steps: Steps, series: Vec<HostPoint>) -> Self {
        let latest = host.latest();
        let about = latest.as_ref().map(|latest| (*latest.about).clone()).unwrap_or_default();
        Self {
            host: about.host,
            os: about.os,
            uptime_seconds: latest.as_ref().map_or(0, |latest| latest.uptime_seconds),
            cpus: about.cpus,
            status: host.status().name(),
            issues: host_issues(host),
            latest: latest.as_deref().map(Reading::from),
            series: series.into_iter().map(Point::from).collect(),
            step: steps.step_ns.to_string(),
        }
    }
}

impl From<HostPoint> for Point {
    fn from(point: HostPoint) -> Self {
        Self {
            time_unix_nano: point.time_ns.to_string(),
            cpu_percent: point.cpu_percent,
            memory_percent: point.memory_percent,
            disk_percent: point.disk_percent,
            load1: point.load1,
            receive_bytes_per_second: point.receive_bytes_per_second,
            transmit_bytes_per_second: point.transmit_bytes_per_second,
        }
    }
}

impl From<&HostReading> for Reading {
    fn from(reading: &HostReading) -> Self {
        Self {
            time_unix_nano: reading.time_ns.to_string(),
            cpu_percent: reading.cpu_percent,
            load: reading.load,
            memory: Memory {
                total_bytes: reading.memory_total_bytes,
                used_bytes: reading.memory_used_bytes,
                available_bytes: reading.memory_available_bytes,
                percent: reading.memory_percent,
            },
            swap: reading.swap.map(|swap| Memory {
                total_bytes: swap.total_bytes,
                used_bytes: swap.used_bytes,
                available_bytes: swap.available_bytes,
                percent: swap.percent(),
            }),
            disks: reading.disks.iter().map(Disk::from).collect(),
            network: reading.network.iter().map(Interface::from).collect(),
            processes: reading.processes,
            process: Process {
                cpu_percent: reading.process.cpu_percent,
                resident_bytes: reading.process.resident_bytes,
            },
            watched: reading.watched.iter().map(Watched::from).collect(),
            gpus: reading.gpus.iter().map(Gpu::from).collect(),
        }
    }
}

impl From<&engine::Disk> for Disk {
    fn from(disk: &engine::Disk) -> Self {
        Self {
            percent: disk.percent(),
            device: disk.device.clone(),
            mountpoint: disk.mountpoint.clone(),
            total_bytes: disk.total_bytes,
            used_bytes: disk.used_bytes,
            available_bytes: disk.available_bytes,
            data: disk.data,
        }
    }
}

impl From<&engine::Interface> for Interface {
    fn from(interface: &engine::Interface) -> Self {
        Self {
            interface: interface.name.clone(),
            receive_bytes_per_second: interface.receive_bytes_per_second,
            transmit_bytes_per_second: interface.transmit_bytes_per_second,
            receive_bytes: interface.receive_bytes,
            transmit_bytes: interface.transmit_bytes,
        }
    }
}

impl From<&engine::Watched> for Watched {
    fn from(watched: &engine::Watched) -> Self {
        Self {
            name: watched.name.clone(),
            count: watched.count,
            cpu_percent: watched.process.cpu_percent,
            resident_bytes: watched.process.resident_bytes,
        }
    }
}

impl From<&engine::Gpu> for Gpu {
    fn from(gpu: &engine::Gpu) -> Self {
        Self {
            index: gpu.index,
            name: gpu.name.clone(),
            usage_percent: gpu.usage_percent,
            memory_used_bytes: gpu.memory_used_bytes,
            memory_total_bytes: gpu.memory_total_bytes,
            temperature_celsius: gpu.temperature_celsius,
            power_watts: gpu.power_watts,
        }
    }
}

/// Checks of what others depend on.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct CheckList {
    pub(in crate::api::native) checks: Vec<CheckBody>,
}

/// A check. `uptime`, `runs`, `failures` and the rest below are of the range.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthCheck)]
pub(in crate::api::native) struct CheckBody {
    name: String,
    /// `http`, `tcp`, `postgres`, `redis`, `dns` or `command`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What is asked, without secrets.
    target: String,
    /// `healthy`, `unhealthy`; `unknown` before it has run.
    status: &'static str,
    since_unix_nano: Option<String>,
    last_run_unix_nano: Option<String>,
    last_duration_ns: Option<i64>,
    /// Why the last run failed.
    error: Option<String>,
    interval_ns: i64,
    timeout_ns: i64,
    /// Share of the runs that succeeded; null without runs.
    uptime: Option<f64>,
    runs: u64,
    failures: u64,
    avg_duration_ns: Option<i64>,
    history: Vec<CheckPoint>,
}

/// A check in a step of time.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthCheckPoint)]
struct CheckPoint {
    time_unix_nano: String,
    uptime: Option<f64>,
    avg_duration_ns: Option<i64>,
}

impl CheckBody {
    pub(in crate::api::native) fn new(check: &Check, history: Option<&CheckHistory>) -> Self {
        let state = check.state();
        let config = check.config();
        let nanoseconds =
            |time: std::time::Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let all = history.map(|history| history.all).unwrap_or_default();
        let steps = history.map(|history| &*history.steps).unwrap_or_default();
        Self {
            name: check.name().to_owned(),
            kind: config.kind.name(),
            target: check.target(),
            status: state.status.name(),
            since_unix_nano: state.since_ns.map(|ns| ns.to_string()),
            last_run_unix_nano: state.last.as_ref().map(|last| last.time_ns.to_string()),
            last_duration_ns: state.last.as_ref().map(|last| last.duration_ns),
            error: state.last.and_then(|last| last.error),
            interval_ns: nanoseconds(config.interval.0),
            timeout_ns: nanoseconds(config.timeout.0),
            uptime: all.share(),
            runs: all.runs,
            failures: all.failures,
            avg_duration_ns: all.avg_duration_ns.map(|ns| ns as i64),
            history: steps.iter().map(CheckPoint::from).collect(),
        }
    }
}

impl From<&Uptime> for CheckPoint {
    fn from(step: &Uptime) -> Self {
        Self {
            time_unix_nano: step.time_ns.to_string(),
            uptime: step.share(),
            avg_duration_ns: step.avg_duration_ns.map(|ns| ns as i64),
        }
    }
}
