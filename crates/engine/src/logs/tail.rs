//! Following records as they come: whoever tails is handed what was stored, in the order in which it
//! was; a slow one loses records and is told which. The newest records from before are shown first.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use watchkeep_logql::LogExpr;
use watchkeep_logql::pipeline::{LabelSet, Pipeline, PipelineOptions};
use watchkeep_model::column::Table as _;
use watchkeep_model::stream::from_text;
use watchkeep_model::{Labels, LogColumns, Result, TenantId};

use super::config::LokiConfig;
use super::rows::RowReader;
use super::{Direction, LogQuery, QueryError, Range, Steps, Value};
use crate::engine::Engine;

/// Batches that wait for one that tails.
const BATCHES_MAX: usize = 256;

/// Bytes of batches that wait for one that tails.
const WAITING_BYTES_MAX: usize = 32 << 20;

/// Lost records that one that tails is told of; of more only these are named.
const LOST_MAX: usize = 1000;

/// A record that was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailEntry {
    /// All its labels.
    pub labels: LabelSet,
    /// Those of its labels that came as structured metadata.
    pub metadata: LabelSet,
    /// Those of its labels that the pipeline made.
    pub parsed: LabelSet,
    /// When it happened, nanoseconds since the epoch.
    pub time_ns: i64,
    /// Its text after the pipeline.
    pub line: String,
}

/// A record that was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostEntry {
    /// Labels of its stream.
    pub labels: Labels,
    /// When it happened, nanoseconds since the epoch.
    pub time_ns: i64,
}

/// Who tails, to be handed what is stored.
#[derive(Debug, Default)]
pub(crate) struct TailHub {
    followers: RwLock<Vec<Follower>>,
}

#[derive(Debug)]
struct Follower {
    tenant: TenantId,
    sender: mpsc::Sender<Arc<LogColumns>>,
    shared: Weak<Shared>,
}

/// What the side that stores and the side that follows both know.
#[derive(Debug, Default)]
struct Shared {
    waiting_bytes: AtomicUsize,
    lost: Mutex<Vec<(String, i64)>>,
}

impl TailHub {
    /// Whether anyone follows a tenant's records.
    pub(crate) fn follows(&self, tenant: &TenantId) -> bool {
        self.followers.read().iter().any(|follower| follower.tenant == *tenant)
    }

    /// Hands out what was stored.
    pub(crate) fn publish(&self, tenant: &TenantId, columns: LogColumns) {
        let columns = Arc::new(columns);
        let mut any_gone = false;
        for follower in self.followers.read().iter().filter(|one| one.tenant == *tenant) {
            match follower.shared.upgrade() {
                Some(shared) => offer(&follower.sender, &shared, &columns),
                None => any_gone = true,
            }
        }
        if any_gone {
            self.followers.write().retain(|follower| follower.shared.strong_count() > 0);
        }
    }
}

/// Hands a batch to one follower, or notes what it loses.
fn offer(sender: &mpsc::Sender<Arc<LogColumns>>, shared: &Shared, columns: &Arc<LogColumns>) {
    let bytes = columns.byte_len();
    let waiting = shared.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
    let fits = waiting == 0 || waiting + bytes <= WAITING_BYTES_MAX;
    if fits && sender.try_send(Arc::clone(columns)).is_ok() {
        return;
    }
    shared.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    let mut lost = shared.lost.lock();
    let room = LOST_MAX.saturating_sub(lost.len());
    let rows = columns.stream.iter().zip(&columns.time_ns).take(room);
    lost.extend(rows.map(|(stream, time_ns)| (stream.to_owned(), *time_ns)));
}

/// What is to be followed.
#[derive(Debug, Clone)]
pub struct TailRequest {
    /// The query.
    pub text: String,
    /// Since when records from before are shown, nanoseconds since the epoch.
    pub start_ns: i64,
    /// The most records from before.
    pub limit: usize,
}

/// Records as they come. Dropping it ends the following.
#[derive(Debug)]
pub struct Tail {
    work: Arc<TailWork>,
    receiver: mpsc::Receiver<Arc<LogColumns>>,
    shared: Arc<Shared>,
    /// Records from before, oldest first, until they were taken.
    before: Vec<TailEntry>,
    /// Records from before that may come again.
    seen: HashSet<(i64, String, LabelSet)>,
    /// A batch that is being put through the pipeline.
    under_way: Option<JoinHandle<Vec<TailEntry>>>,
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct TailWork {
    log: LogExpr,
    pipeline: Pipeline,
    config: Arc<LokiConfig>,
}

impl Engine {
    /// Follows the records that a query for lines keeps.
    pub async fn tail(&self, tenant: &TenantId, request: TailRequest) -> Result<Tail, QueryError> {
        let log = watchkeep_logql::parse_log(&request.text)
            .map_err(|error| QueryError::Invalid(error.to_string()))?;
        let now_ns = self.clock.now_ns();
        let options = PipelineOptions { now_ns, ..PipelineOptions::default() };
        let pipeline = Pipeline::new(&log.stages, options)
            .map_err(|error| QueryError::Invalid(error.to_string()))?;
        let max = self.loki.tails_max;
        let permit = Arc::clone(&self.tails).try_acquire_owned().map_err(|_| {
            QueryError::Invalid(format!(
                "max concurrent tail requests limit exceeded, count > limit ({} > {max}) \
                 (loki.tails_max)",
                max + 1
            ))
        })?;
        let (sender, receiver) = mpsc::channel(BATCHES_MAX);
        let shared = Arc::new(Shared::default());
        // Before what is there is read, so that nothing falls between.
        self.tail_hub.followers.write().push(Follower {
            tenant: tenant.clone(),
            sender,
            shared: Arc::downgrade(&shared),
        });
        let before = self.records_before(tenant, &request, now_ns).await?;
        let seen = before
            .iter()
            .map(|entry| (entry.time_ns, entry.line.clone(), entry.labels.clone()))
            .collect();
        let work = Arc::new(TailWork { log, pipeline, config: Arc::clone(&self.loki) });
        Ok(Tail { work, receiver, shared, before, seen, under_way: None, _permit: permit })
    }

    async fn records_before(
        &self,
        tenant: &TenantId,
        request: &TailRequest,
        now_ns: i64,
    ) -> Result<Vec<TailEntry>, QueryError> {
        if request.start_ns >= now_ns {
            return Ok(Vec::new());
        }
        let end_ns = now_ns.saturating_add(1);
        let range = Range { start_ns: request.start_ns, end_ns, step_ns: 1, interval_ns: 0 };
        let query = LogQuery {
            text: request.text.clone(),
            steps: Steps::Range(range),
            limit: request.limit,
            direction: Direction::Backward,
        };
        let Value::Streams(streams) = self.logql(tenant, query).await?.value else {
            return Ok(Vec::new());
        };
        let mut entries: Vec<TailEntry> = streams
            .into_iter()
            .flat_map(|stream| {
                let labels = stream.labels;
                stream.entries.into_iter().map(move |entry| TailEntry {
                    labels: labels.clone(),
                    metadata: entry.metadata,
                    parsed: entry.parsed,
                    time_ns: entry.time_ns,
                    line: entry.line.into(),
                })
            })
            .collect();
        entries.sort_by_key(|entry| entry.time_ns);
        Ok(entries)
    }
}

impl Tail {
    /// The next records: first those from before, then what comes. `None` where nothing will.
    /// Nothing is lost where the future is dropped before it is done.
    pub async fn next(&mut self) -> Option<Vec<TailEntry>> {
        if !self.before.is_empty() {
            return Some(std::mem::take(&mut self.before));
        }
        loop {
            let under_way = match &mut self.under_way {
                Some(under_way) => under_way,
                none => {
                    let columns = self.receiver.recv().await?;
                    self.shared.waiting_bytes.fetch_sub(columns.byte_len(), Ordering::Relaxed);
                    let work = Arc::clone(&self.work);
                    none.insert(tokio::task::spawn_blocking(move || work.kept(&columns)))
                }
            };
            let kept = under_way.await;
            self.under_way = None;
            let mut kept = kept.ok()?;
            // What was stored while the past was read may be in both.
            if !self.seen.is_empty() {
                kept.retain(|entry| {
                    let key = (entry.time_ns, entry.line.clone(), entry.labels.clone());
                    !self.seen.remove(&key)
                });
            }
            if !kept.is_empty() {
                return Some(kept);
            }
        }
    }

    /// Records that were lost since this was asked last.
    pub fn lost(&mut self) -> Vec<LostEntry> {
        let lost = std::mem::take(&mut *self.shared.lost.lock());
        lost.into_iter()
            .filter_map(|(stream, time_ns)| {
                let labels = from_text(&stream)?;
                let wanted = self.work.log.matchers.iter().all(|matcher| matcher.matches(&labels));
                wanted.then_some(LostEntry { labels, time_ns })
            })
            .collect()
    }
}

impl TailWork {
    /// The records of a batch that the query keeps, oldest first.
    fn kept(&self, columns: &LogColumns) -> Vec<TailEntry> {
        let batch = RowReader::new(Arc::clone(&self.config)).batch(columns.clone());
        let wanted: Vec<bool> = batch
            .streams
            .iter()
            .map(|labels| self.log.matchers.iter().all(|matcher| matcher.matches(labels)))
            .collect();
        let mut runner = self.pipeline.runner();
        let mut kept = Vec::new();
        for row in 0..batch.len() {
            let stream = batch.stream[row] as usize;
            if !wanted[stream] {
                continue;
            }
            let (labels, time_ns) = (&batch.streams[stream], batch.time_ns[row]);
            let line = batch.lines.get(row);
            let Some(found) = runner.process(labels, batch.metadata(row), time_ns, line) else {
                continue;
            };
            let (_, metadata, parsed) = found.labels.by_category();
            kept.push(TailEntry {
                labels: found.labels.label_set(),
                metadata,
                parsed,
                time_ns,
                line: found.line.to_owned(),
            });
        }
        kept.sort_by_key(|entry| entry.time_ns);
        kept
    }
}

/// As many permits as there may be tails.
pub(crate) fn permits(config: &LokiConfig) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(config.tails_max.min(Semaphore::MAX_PERMITS)))
}
