//! The host that the server runs on: a reading every half minute, made off the async threads, kept as
//! samples and held against thresholds.
//!
//! In reading order: [`reading`] (what is read), `read` (reading it), `gpu`, `samples`, [`thresholds`],
//! [`history`].

mod gpu;
pub mod history;
mod read;
pub mod reading;
mod samples;
#[cfg(test)]
mod tests;
pub mod thresholds;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use serde_json::json;
use watchkeep_model::TenantId;
use watchkeep_storage::Batch;

pub use self::history::HostPoint;
use self::read::Reader;
pub use self::reading::{About, Disk, Gpu, HostReading, Interface, Memory, Process, Watched};
pub use self::thresholds::HostIssue;
use self::thresholds::Judge;
use super::announce::{Change, Told};
use crate::agents::query::HealthStatus;
use crate::engine::Engine;

/// How long after the start is looked for the first time, which counts nothing yet: use of the CPU is
/// told between two looks. So it disturbs no start.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// How long after the first look the first reading is. It is kept in memory only: samples and events
/// begin one interval after the start.
const FIRST_READING: Duration = Duration::from_secs(1);
/// Kind of the events.
const EVENT_KIND: &str = "host";

/// What is known of the host.
#[derive(Debug, Default)]
pub struct Host {
    data_dir: PathBuf,
    latest: RwLock<Option<Arc<HostReading>>>,
    reader: Arc<Mutex<Option<Reader>>>,
    judge: Mutex<Judge>,
    /// Every measure at the latest reading.
    measures: RwLock<Vec<HostIssue>>,
    /// What was told last of each measure; none before that was read.
    told: tokio::sync::Mutex<Option<HashMap<String, Told>>>,
}

impl Host {
    /// Nothing is known yet.
    pub fn new(data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_owned(), ..Self::default() }
    }

    /// The newest reading; none before the first, or where the host is not watched.
    pub fn latest(&self) -> Option<Arc<HostReading>> {
        self.latest.read().clone()
    }

    /// How the host is.
    pub fn status(&self) -> HealthStatus {
        self.measures.read().iter().map(|measure| measure.status).max().unwrap_or_default()
    }

    /// Thresholds that are crossed.
    pub fn issues(&self) -> Vec<HostIssue> {
        let measures = self.measures.read();
        measures.iter().filter(|one| one.status > HealthStatus::Healthy).cloned().collect()
    }

    /// What was measured and where it stands.
    #[cfg(test)]
    fn measures(&self) -> Vec<HostIssue> {
        self.measures.read().clone()
    }
}

impl Engine {
    /// Reads the host off this thread. The first time nothing comes of it.
    pub async fn read_host(&self) -> Option<Arc<HostReading>> {
        let host = &self.health.host;
        let reader = Arc::clone(&host.reader);
        let (data_dir, now_ns) = (host.data_dir.clone(), self.clock.now_ns());
        let processes = self.health.config.host.processes.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let mut reader = reader.lock();
            if let Some(reader) = &mut *reader {
                return reader.read(now_ns);
            }
            *reader = Some(Reader::new(&data_dir, processes, now_ns));
            None
        });
        match reading.await {
            Ok(reading) => {
                let reading = Arc::new(reading?);
                self.take_reading(Arc::clone(&reading));
                Some(reading)
            }
            Err(error) => {
                tracing::warn!("health: reading the host panicked: {error}");
                None
            }
        }
    }

    fn take_reading(&self, reading: Arc<HostReading>) {
        let host = &self.health.host;
        let measures = host.judge.lock().judge(&reading, &self.health.config.host);
        *host.measures.write() = measures;
        *host.latest.write() = Some(reading);
    }

    /// Stores the samples of a reading, and tells of what changed.
    pub async fn keep_reading(&self, reading: &HostReading) {
        // The configuration was checked.
        let tenant = TenantId::new(&self.health.config.host.tenant).unwrap_or_default();
        let batch = Batch::Metrics(samples::columns(reading));
        let stored = match self.store() {
            Ok(store) => store.append(&tenant, batch.into()).await.map(|_ack| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = stored {
            self.health.counters.failed_writes.inc();
            tracing::warn!("metrics of the host: {}", error.report());
        }
        self.announce_host(&tenant, reading.time_ns).await;
    }

    /// Reads what was told before, so that what lasts is not told twice.
    async fn recall_host(&self) {
        let tenant = TenantId::new(&self.health.config.host.tenant).unwrap_or_default();
        let mut told = self.health.host.told.lock().await;
        if told.is_some() {
            return;
        }
        match self.told_last(&tenant, EVENT_KIND).await {
            Ok(last) => {
                let mut judge = self.health.host.judge.lock();
                for (name, told) in &last {
                    judge.know(name, told.status);
                }
                drop(judge);
                *told = Some(last);
            }
            Err(error) => tracing::warn!("events of the host: {}", error.report()),
        }
    }

    async fn announce_host(&self, tenant: &TenantId, time_ns: i64) {
        let host = &self.health.host;
        let mut told = host.told.lock().await;
        // Without knowing what was told, nothing is.
        let Some(told) = &mut *told else { return };
        let (measures, latest) = (host.measures.read().clone(), host.latest());
        for measure in &measures {
            let last = told.get(&measure.name).map_or(HealthStatus::Healthy, |told| told.status);
            if last == measure.status {
                continue;
            }
            if self.announce(tenant, change(measure, last, latest.as_deref(), time_ns)).await {
                told.insert(measure.name.clone(), Told { status: measure.status, time_ns });
            }
        }
    }
}

fn change(
    measure: &HostIssue,
    last: HealthStatus,
    latest: Option<&HostReading>,
    time_ns: i64,
) -> Change {
    let host = latest.map_or("", |latest| &*latest.about.host);
    let title = match measure.status {
        HealthStatus::Unhealthy | HealthStatus::Degraded => format!("{host}: {}", measure.message),
        _ => format!("{host}: {}, back within its threshold", measure.message),
    };
    Change {
        kind: EVENT_KIND,
        subject: measure.name.clone(),
        status: measure.status,
        time_ns,
        agent: String::new(),
        title,
        text: measure.message.clone(),
        details: vec![
            ("host", json!(host)),
            ("measure", json!(measure.name)),
            ("status", json!(measure.status.name())),
            ("before", json!(last.name())),
            ("value", json!(measure.value)),
            ("threshold", json!(measure.threshold)),
        ],
    }
}

/// Reads until it is dropped.
pub(super) async fn run(engine: &Arc<Engine>) {
    let config = &engine.health.config.host;
    if !config.enabled {
        return;
    }
    let start = tokio::time::Instant::now() + config.interval.0;
    tokio::time::sleep(FIRST_LOOK.min(config.interval.0 / 4)).await;
    engine.read_host().await;
    tokio::time::sleep(FIRST_READING.min(config.interval.0 / 4)).await;
    engine.recall_host().await;
    engine.read_host().await;
    let mut ticks = tokio::time::interval_at(start, config.interval.0);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        engine.recall_host().await;
        if let Some(reading) = engine.read_host().await {
            engine.keep_reading(&reading).await;
        }
    }
}
