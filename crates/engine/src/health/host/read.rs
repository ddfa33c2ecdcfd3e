//! Reading the host, with what the operating system tells anyway. Blocks: a file system may take long.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashSet;
use sysinfo::{
    CpuRefreshKind, DiskRefreshKind, Disks, Networks, Pid, ProcessRefreshKind, ProcessesToUpdate,
    System,
};

use super::gpu::Gpus;
use super::reading::{About, Disk, HostReading, Interface, Memory, Process, Watched, percent};

/// The most file systems that are told.
const DISKS_MAX: usize = 64;
/// The most network interfaces that are told.
const INTERFACES_MAX: usize = 64;
/// Characters of a process' name that the kernel keeps.
const PROCESS_NAME_BYTES: usize = 15;
/// What is mounted but holds no files of anyone.
const NO_DISKS: [&str; 8] =
    ["efivarfs", "nsfs", "ramfs", "tracefs", "debugfs", "bpf", "fuse.lxcfs", "binfmt_misc"];

/// What is remembered between two readings.
#[derive(Debug)]
pub(super) struct Reader {
    about: Arc<About>,
    data_dir: PathBuf,
    processes: Vec<String>,
    system: Option<System>,
    networks: Option<Networks>,
    gpus: Gpus,
    own: Option<Pid>,
    /// Bytes received and sent by interface.
    transferred: BTreeMap<String, (u64, u64)>,
    read_ns: i64,
}

impl Reader {
    /// The first look, from which on use is counted.
    pub(super) fn new(data_dir: &Path, processes: Vec<String>, now_ns: i64) -> Self {
        let mut reader = Self {
            about: Arc::default(),
            data_dir: data_dir.to_owned(),
            processes,
            system: System::new().ok(),
            networks: Networks::new().ok(),
            gpus: Gpus::find(),
            own: sysinfo::get_current_pid().ok(),
            transferred: BTreeMap::new(),
            read_ns: now_ns,
        };
        reader.refresh();
        reader.network(now_ns);
        let cpus = reader.system.as_ref().map_or(0, |system| system.cpus().len());
        reader.about = Arc::new(About {
            host: System::host_name().unwrap_or_else(|_| "localhost".to_owned()),
            os: os(),
            cpus,
        });
        reader
    }

    fn refresh(&mut self) {
        let Some(system) = &mut self.system else { return };
        if system.cpus().is_empty() {
            system.refresh_cpu_list(CpuRefreshKind::nothing().with_usage());
        } else {
            system.refresh_cpu_usage();
        }
        system.refresh_memory();
        let list = ProcessRefreshKind::nothing().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, list);
        let watched = system.processes().iter().filter(|(pid, process)| {
            Some(**pid) == self.own
                || self
                    .processes
                    .iter()
                    .any(|name| is_named(process.name().as_encoded_bytes(), name))
        });
        let pids: Vec<Pid> = watched.map(|(pid, _)| *pid).collect();
        let use_of = list.with_cpu().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), false, use_of);
    }

    /// Reads everything; none where the operating system can not be asked.
    pub(super) fn read(&mut self, now_ns: i64) -> Option<HostReading> {
        self.refresh();
        let network = self.network(now_ns);
        let disks = disks(&self.data_dir);
        let system = self.system.as_ref()?;
        let load = System::load_average();
        let swap = Memory {
            total_bytes: system.total_swap(),
            used_bytes: system.used_swap(),
            available_bytes: system.free_swap(),
        };
        let (used, total) = (system.used_memory(), system.total_memory());
        let own = self.own.and_then(|pid| system.process(pid));
        Some(HostReading {
            about: Arc::clone(&self.about),
            time_ns: now_ns,
            uptime_seconds: System::uptime().unwrap_or(0),
            cpu_percent: f64::from(system.global_cpu_usage()).clamp(0.0, 100.0),
            load: load.map_or([0.0; 3], |load| [load.one, load.five, load.fifteen]),
            memory_percent: percent(used, total),
            memory_used_bytes: used,
            memory_available_bytes: system.available_memory(),
            memory_total_bytes: total,
            swap: (swap.total_bytes > 0).then_some(swap),
            disk_usage_percent: disks.iter().find(|disk| disk.data).map_or(0.0, Disk::percent),
            disks,
            network,
            processes: system.processes().len() as u64,
            process: own.map(use_of).unwrap_or_default(),
            watched: self.processes.iter().map(|name| watched(system, name)).collect(),
            gpus: self.gpus.read(),
        })
    }

    /// Interfaces with what they carried since the last time.
    fn network(&mut self, now_ns: i64) -> Vec<Interface> {
        let Some(networks) = &mut self.networks else { return Vec::new() };
        networks.refresh(true);
        let seconds = now_ns.saturating_sub(self.read_ns) as f64 / 1e9;
        let rate = |now: u64, before: u64| {
            if seconds > 0.0 { now.saturating_sub(before) as f64 / seconds } else { 0.0 }
        };
        let mut found: Vec<Interface> = networks
            .iter()
            .map(|(name, data)| (name.to_string_lossy().into_owned(), data))
            // What containers have on this side comes and goes, and counts twice.
            .filter(|(name, _)| name != "lo" && !name.starts_with("veth"))
            .map(|(name, data)| {
                let now = (data.total_received(), data.total_transmitted());
                let before = self.transferred.get(&name).copied().unwrap_or(now);
                Interface {
                    name,
                    receive_bytes: now.0,
                    transmit_bytes: now.1,
                    receive_bytes_per_second: rate(now.0, before.0),
                    transmit_bytes_per_second: rate(now.1, before.1),
                }
            })
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found.truncate(INTERFACES_MAX);
        self.read_ns = now_ns;
        let transferred = found.iter();
        self.transferred = transferred
            .map(|one| (one.name.clone(), (one.receive_bytes, one.transmit_bytes)))
            .collect();
        found
    }
}

fn os() -> String {
    let kernel = System::kernel_long_version().unwrap_or_default();
    match System::long_os_version() {
        Ok(long) if kernel.is_empty() => long,
        Ok(long) => format!("{kernel} ({long})"),
        Err(_) => kernel,
    }
}

/// Whether a process has a name. The kernel keeps no more than its beginning.
fn is_named(told: &[u8], name: &str) -> bool {
    let name = name.as_bytes();
    told == name || (name.len() > PROCESS_NAME_BYTES && told == &name[..PROCESS_NAME_BYTES])
}

fn use_of(process: &sysinfo::Process) -> Process {
    Process { cpu_percent: f64::from(process.cpu_usage()), resident_bytes: process.memory() }
}

fn watched(system: &System, name: &str) -> Watched {
    let mut found = Watched { name: name.to_owned(), ..Watched::default() };
    for process in system.processes().values() {
        if is_named(process.name().as_encoded_bytes(), name) {
            let one = use_of(process);
            found.count += 1;
            found.process.cpu_percent += one.cpu_percent;
            found.process.resident_bytes += one.resident_bytes;
        }
    }
    found
}

/// A place where something is mounted.
struct Mount {
    device: String,
    path: PathBuf,
    number: u64,
}

/// Real file systems, each once, and the one of the data directory whatever it is.
fn disks(data_dir: &Path) -> Vec<Disk> {
    let listed = Disks::new_with_refreshed_list_specifics(DiskRefreshKind::nothing());
    let mut mounts: Vec<Mount> = Vec::new();
    let listed = listed.iter().flat_map(|disks| disks.iter());
    for disk in listed
        .filter(|disk| disk.file_system().to_str().is_none_or(|name| !NO_DISKS.contains(&name)))
    {
        let path = disk.mount_point().to_owned();
        // An image of a container that is mounted for it is on a disk that is listed.
        if disk.file_system() == "overlay" && path != Path::new("/") {
            continue;
        }
        let Ok(number) = path.metadata().map(|told| told.dev()) else { continue };
        mounts.push(Mount { device: disk.name().to_string_lossy().into_owned(), path, number });
    }
    let data_number = data_dir.metadata().map(|told| told.dev()).ok();
    // Where one is mounted at several places, the shortest path tells it.
    mounts.sort_by(|a, b| {
        let length = |mount: &Mount| mount.path.as_os_str().len();
        length(a).cmp(&length(b)).then_with(|| a.path.cmp(&b.path))
    });
    let mut seen: HashSet<u64> = HashSet::new();
    mounts.retain(|mount| seen.insert(mount.number));
    if let Some(number) = data_number
        && !seen.contains(&number)
    {
        mounts.push(Mount { device: "data".to_owned(), path: data_dir.to_owned(), number });
    }
    mounts.sort_by_key(|mount| Some(mount.number) != data_number);
    mounts.truncate(DISKS_MAX);
    let told = mounts.iter().filter_map(|mount| space(mount, Some(mount.number) == data_number));
    told.filter(|disk| disk.total_bytes > 0).collect()
}

fn space(mount: &Mount, data: bool) -> Option<Disk> {
    let told = rustix::fs::statvfs(&mount.path).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
    Some(Disk {
        device: mount.device.clone(),
        mountpoint: mount.path.display().to_string(),
        total_bytes: bytes(told.f_blocks),
        used_bytes: bytes(told.f_blocks.saturating_sub(told.f_bfree)),
        available_bytes: bytes(told.f_bavail),
        data,
    })
}
