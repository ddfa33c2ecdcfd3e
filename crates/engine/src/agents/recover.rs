//! What a start has to find out: the ledger is the truth, so steps that are stored and missing in it
//! are taken as new, and facts that are newer than the newest sample of the metrics are counted again.
//! Also reads single traces that the book must know whole.

use std::sync::Arc;

use futures::TryStreamExt as _;
use hashbrown::{HashMap, HashSet};
use watchkeep_genai::dialect::speaks;
use watchkeep_model::column::Table as _;
use watchkeep_model::{
    LogColumns, MatchOp, Matcher, Result, SeriesSamples, SpanColumns, SpanId, TenantId, TimeRange,
    TraceId,
};
use watchkeep_storage::Store;
use watchkeep_storage::schema::from_record_batch;
use watchkeep_storage::seam::{
    Frame, LogParts, LogTest, LogsRequest, SamplesRequest, SeriesRequest, SpansRequest,
};

use super::book::Rules;
use super::derived::NAMES;
use super::facts::{Counted, Entry, EventFact, FeedbackFact, RunFact, StepFact};
use super::ledger::{LedgerQuery, each};
use super::measured::MEASURED_OPERATION;
use super::seen::{self, Seen};
use super::step_sums::Change;
use crate::engine::Engine;

/// Samples of metrics that are read to find the newest.
const SAMPLES_MAX: usize = 20_000_000;

/// Names of metrics that may count tokens.
const MEASURED: &str = "(gen_ai|claude_code|operation)[._].*";

/// Ids of a step.
type Key = (TraceId, SpanId);

/// What the ledger has of the time before a start.
#[derive(Default)]
struct Ledger {
    steps: HashMap<Key, Entry<StepFact>>,
    runs: HashMap<Key, Entry<RunFact>>,
    /// What it had of them when the newest sample of the metrics was written.
    sampled_steps: HashMap<Key, Entry<StepFact>>,
    sampled_runs: HashSet<Key>,
}

impl Ledger {
    /// Traces whose runs are not told of as their steps are.
    fn with_untold_runs(&self) -> impl Iterator<Item = TraceId> {
        let is_untold = |entry: &&Entry<StepFact>| {
            entry.fact.run.is_some() && {
                let told = self.runs.get(&(entry.trace_id, entry.fact.run));
                told.is_none_or(|run| run.written_ns < entry.written_ns)
            }
        };
        self.steps.values().filter(is_untold).map(|entry| entry.trace_id)
    }

    /// Traces in which a step counts that may be a sum over others: a span between them that came last
    /// may have been stored and not thought of yet.
    fn with_sums(&self) -> impl Iterator<Item = TraceId> {
        let is_sum = |fact: &StepFact| fact.counted == Counted::Yes && !fact.kind.calls_model();
        self.steps.values().filter(move |entry| is_sum(&entry.fact)).map(|entry| entry.trace_id)
    }
}

/// Whether the newest sample of the metrics lacks what was written at an instant.
fn is_newer(written_ns: i64, newest_ms: Option<i64>) -> bool {
    newest_ms.is_none_or(|newest_ms| written_ns.div_euclid(1_000_000) > newest_ms)
}

impl Engine {
    /// Reads a trace, and what the ledger has of it if it was here before, and shows both to the book.
    pub(super) async fn look_up(&self, tenant: &TenantId, id: TraceId, was_here: bool) {
        self.agents.counters.lookups.inc();
        let read = async {
            let spans = self.read_trace(&self.store()?, tenant, id).await?;
            let (steps, runs) = if was_here {
                self.read_decided(tenant, id, &spans).await?
            } else {
                Default::default()
            };
            Ok::<_, watchkeep_model::Error>((spans, steps, runs))
        };
        let (spans, steps, runs) = read.await.unwrap_or_else(|error| {
            tracing::warn!("trace {id} of {tenant} could not be read: {}", error.report());
            Default::default()
        });
        let now_ns = self.clock.now_ns();
        let mut books = self.agents.books.lock();
        let book = books.entry(tenant.clone()).or_default();
        book.learn(id, spans, steps, runs, now_ns);
    }

    async fn read_trace(
        &self,
        store: &Arc<dyn Store>,
        tenant: &TenantId,
        id: TraceId,
    ) -> Result<Vec<Seen>> {
        let mut stream = store.trace(tenant, id).await?;
        let prices = self.prices.book(tenant);
        let mut found = Vec::new();
        while let Some(frame) = stream.try_next().await? {
            let Frame::Rows(batch) = frame else { break };
            let columns: SpanColumns = from_record_batch(&batch)?;
            found.extend(seen::of_spans(&columns, self.agents.readers.span, &prices, |_| true));
            if found.len() > self.agents_config.trace_steps_max {
                break;
            }
        }
        Ok(found)
    }

    /// What was decided of a trace.
    async fn read_decided(
        &self,
        tenant: &TenantId,
        id: TraceId,
        spans: &[Seen],
    ) -> Result<(Vec<Entry<StepFact>>, Vec<SpanId>)> {
        let times = spans.iter().filter_map(|seen| seen.told.as_ref()).map(|told| told.time_ns);
        let (Some(first_ns), Some(last_ns)) = (times.clone().min(), times.max()) else {
            return Ok(Default::default());
        };
        let range = TimeRange { start_ns: first_ns, end_ns: last_ns.saturating_add(1) };
        // Records know their trace's id as a word.
        let test = LogTest::Words(vec![id.to_string()]);
        let query = LedgerQuery { test, ..LedgerQuery::all(range) };
        let steps = self
            .read_facts(tenant, query.clone(), HashMap::new(), move |found, entry| {
                if entry.trace_id == id {
                    keep_last(found, entry);
                }
                Ok(true)
            })
            .await?;
        let runs = self
            .read_facts(
                tenant,
                query,
                HashSet::new(),
                move |found: &mut HashSet<SpanId>, entry: Entry<RunFact>| {
                    if entry.trace_id == id {
                        found.insert(entry.span_id);
                    }
                    Ok(true)
                },
            )
            .await?;
        Ok((steps.into_values().collect(), runs.into_iter().collect()))
    }

    /// Takes up where the process before ended. Call it once, before the store is attached.
    pub async fn recover_agents(&self, store: &Arc<dyn Store>) -> Result<()> {
        if !self.agents_config.enabled {
            return Ok(());
        }
        for tenant in store.tenants() {
            // Ledgers belong to the tenants that they are of.
            if !tenant.as_str().ends_with(LEDGER_SUFFIX) {
                self.recover_tenant(store, &tenant).await?;
            }
        }
        Ok(())
    }

    async fn recover_tenant(&self, store: &Arc<dyn Store>, tenant: &TenantId) -> Result<()> {
        let now_ns = self.clock.now_ns();
        let window = i64::try_from(self.agents_config.recover_window.0.as_nanos());
        let start_ns = now_ns.saturating_sub(window.unwrap_or(i64::MAX));
        // Clocks of clients may be ahead.
        let range = TimeRange { start_ns, end_ns: i64::MAX };
        let newest_ms = newest_sample(store, tenant, range).await?;
        let ledger = read_ledger(store, tenant, range, newest_ms).await?;
        self.count_again(store, tenant, range, &ledger, newest_ms).await?;
        for entry in ledger.steps.values() {
            self.prices.note_step(tenant, entry);
        }
        let stored = self.read_stored(store, tenant, range).await?;
        let known = |seen: &Seen| ledger.steps.contains_key(&(seen.trace_id, seen.span_id));
        let missing: Vec<Seen> = stored.into_iter().filter(|seen| !known(seen)).collect();
        self.agents.counters.recovered.inc_by(missing.len() as u64);
        if !missing.is_empty() {
            tracing::info!("agents of {tenant}: {} steps were not decided yet", missing.len());
        }
        self.know_traces(tenant, &ledger);
        self.follow_series(store, tenant, range).await?;
        let mut traces: HashSet<TraceId> = missing.iter().map(|seen| seen.trace_id).collect();
        traces.extend(ledger.with_untold_runs());
        traces.extend(ledger.with_sums());
        // What was decided comes first, so that what is missing finds it.
        let mut by_trace: HashMap<TraceId, Vec<Entry<StepFact>>> = HashMap::new();
        for entry in ledger.steps.into_values().filter(|entry| traces.contains(&entry.trace_id)) {
            by_trace.entry(entry.trace_id).or_default().push(entry);
        }
        for id in &traces {
            let spans = self.read_trace(store, tenant, *id).await?;
            let plain = spans.into_iter().filter(|seen| seen.told.is_none()).collect();
            let runs = ledger.runs.keys().filter(|(trace, _)| trace == id).map(|(_, span)| *span);
            let runs = runs.collect();
            let mut books = self.agents.books.lock();
            let book = books.entry(tenant.clone()).or_default();
            book.learn(*id, plain, by_trace.remove(id).unwrap_or_default(), runs, now_ns);
        }
        self.take_steps(tenant, missing);
        Ok(())
    }

    /// Lets the book know what was decided, so that what is sent again is not taken as new.
    fn know_traces(&self, tenant: &TenantId, ledger: &Ledger) {
        let rules = Rules::of(&self.agents_config);
        let mut books = self.agents.books.lock();
        let book = books.entry(tenant.clone()).or_default();
        for (trace, _) in ledger.steps.keys() {
            book.was_here(*trace, &rules);
        }
        drop(books);
        let mut all = self.agents.measured.lock();
        let measured = all.entry(tenant.clone()).or_default();
        for entry in ledger.steps.values() {
            if entry.fact.operation != MEASURED_OPERATION && !entry.fact.tokens.0.is_empty() {
                measured.told_otherwise(&entry.fact.service, entry.written_ns);
            }
        }
    }

    /// Finds out where the series stood that count tokens, and who tells tokens otherwise.
    async fn follow_series(
        &self,
        store: &Arc<dyn Store>,
        tenant: &TenantId,
        range: TimeRange,
    ) -> Result<()> {
        let mut standing = Vec::new();
        each_series(store, tenant, range, MEASURED, |series| {
            standing.extend(series.floats.values.last().map(|value| (series.labels, *value)));
        })
        .await?;
        let mut all = self.agents.measured.lock();
        let measured = all.entry(tenant.clone()).or_default();
        for (labels, value) in standing {
            measured.stood(&labels, value);
        }
        Ok(())
    }

    /// Steps of spans and log records of a range.
    async fn read_stored(
        &self,
        store: &Arc<dyn Store>,
        tenant: &TenantId,
        range: TimeRange,
    ) -> Result<Vec<Seen>> {
        let prices = self.prices.book(tenant);
        let mut found = Vec::new();
        for id in traces_with_steps(store, tenant, range).await? {
            let spans = self.read_trace(store, tenant, id).await?;
            found.extend(spans.into_iter().filter(|seen| seen.told.is_some()));
        }
        let (store, tenant, read) = (Arc::clone(store), tenant.clone(), self.agents.readers.log);
        let logged = blocking(move |runtime| {
            let mut found = Vec::new();
            let request = LogsRequest {
                matchers: Vec::new(),
                range,
                test: LogTest::And(Vec::new()),
                parts: LogParts::All,
                order: None,
                wanted: None,
            };
            for rows in runtime.block_on(store.logs(&tenant, request))? {
                let rows: LogColumns = rows?.rows;
                if !rows.is_empty() {
                    // Judgements were told of when they came.
                    let steps = seen::of_logs(&rows, read, &prices).into_iter();
                    let is_step = |seen: &Seen| {
                        seen.told.as_ref().is_some_and(|told| told.is != seen::Is::Judgement)
                    };
                    found.extend(steps.filter(is_step));
                }
            }
            Ok(found)
        })
        .await?;
        found.extend(logged);
        Ok(found)
    }

    /// Adds to the metrics again what was decided after their newest sample.
    async fn count_again(
        &self,
        store: &Arc<dyn Store>,
        tenant: &TenantId,
        range: TimeRange,
        ledger: &Ledger,
        newest_ms: Option<i64>,
    ) -> Result<()> {
        let now_ms = self.clock.now_ns().div_euclid(1_000_000);
        let is_newer = |written_ns: i64| is_newer(written_ns, newest_ms);
        let (store, tenant_name) = (Arc::clone(store), tenant.clone());
        let (events, feedback) = blocking(move |runtime| {
            let (mut events, mut feedback) = (Vec::<Entry<EventFact>>::new(), Vec::new());
            let query = LedgerQuery::all(range);
            each(runtime, &*store, &tenant_name, &query, |entry| {
                events.push(entry);
                Ok(true)
            })?;
            each(runtime, &*store, &tenant_name, &query, |entry: Entry<FeedbackFact>| {
                feedback.push(entry);
                Ok(true)
            })?;
            Ok((events, feedback))
        })
        .await?;
        self.agents.derived_of(tenant, &self.agents_config, |derived| {
            let newer = ledger.steps.iter().filter(|(_, entry)| is_newer(entry.written_ns));
            let changes = newer.map(|(key, entry)| {
                let before = ledger.sampled_steps.get(key).map(|entry| &entry.fact);
                let told_twice = matches!(entry.fact.counted, Counted::RolledUp | Counted::Covered);
                Change { entry, before, is_call: before.is_none() && !told_twice }
            });
            derived.add_steps(&changes.collect::<Vec<_>>(), now_ms);
            for (key, entry) in &ledger.runs {
                if is_newer(entry.written_ns) && !ledger.sampled_runs.contains(key) {
                    derived.add_run(entry, now_ms);
                }
            }
            for entry in events.iter().filter(|entry| is_newer(entry.written_ns)) {
                derived.add_event(entry, now_ms);
            }
            // Feedback is written again once it is bound; it was counted once.
            let old = feedback.iter().filter(|entry| !is_newer(entry.written_ns));
            let mut counted: HashSet<&str> = old.map(|entry| entry.fact.id.as_str()).collect();
            for entry in &feedback {
                if entry.fact.bound && !entry.fact.deleted && counted.insert(&entry.fact.id) {
                    derived.add_feedback(&entry.fact, now_ms);
                }
            }
        });
        Ok(())
    }
}

/// What the names of tenants of ledgers end with.
const LEDGER_SUFFIX: &str = "!agents";

async fn read_ledger(
    store: &Arc<dyn Store>,
    tenant: &TenantId,
    range: TimeRange,
    newest_ms: Option<i64>,
) -> Result<Ledger> {
    let (store, tenant) = (Arc::clone(store), tenant.clone());
    blocking(move |runtime| {
        let mut ledger = Ledger::default();
        let query = LedgerQuery::all(range);
        each(runtime, &*store, &tenant, &query, |entry: Entry<StepFact>| {
            // Only what was written again later must be known as it was.
            let key = (entry.trace_id, entry.span_id);
            if let Some(other) = ledger.steps.get(&key) {
                for entry in [other, &entry] {
                    if !is_newer(entry.written_ns, newest_ms) {
                        keep_last(&mut ledger.sampled_steps, entry.clone());
                    }
                }
            }
            keep_last(&mut ledger.steps, entry);
            Ok(true)
        })?;
        each(runtime, &*store, &tenant, &query, |entry: Entry<RunFact>| {
            if !is_newer(entry.written_ns, newest_ms) {
                ledger.sampled_runs.insert((entry.trace_id, entry.span_id));
            }
            keep_last(&mut ledger.runs, entry);
            Ok(true)
        })?;
        Ok(ledger)
    })
    .await
}

fn keep_last<F>(found: &mut HashMap<Key, Entry<F>>, entry: Entry<F>) {
    let key = (entry.trace_id, entry.span_id);
    match found.entry(key) {
        hashbrown::hash_map::Entry::Vacant(place) => {
            place.insert(entry);
        }
        hashbrown::hash_map::Entry::Occupied(mut place) => {
            if place.get().written_ns <= entry.written_ns {
                place.insert(entry);
            }
        }
    }
}

/// Does something where blocking is allowed.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce(&tokio::runtime::Handle) -> Result<T> + Send + 'static,
) -> Result<T> {
    let runtime = tokio::runtime::Handle::current();
    let done = tokio::task::spawn_blocking(move || act(&runtime)).await;
    done.map_err(|error| {
        watchkeep_model::Error::internal("reading the ledger broke off").with_source(error)
    })?
}

/// Traces of a range with a span that may be a step.
async fn traces_with_steps(
    store: &Arc<dyn Store>,
    tenant: &TenantId,
    range: TimeRange,
) -> Result<Vec<TraceId>> {
    use watchkeep_model::{FieldColumn, SpanField, SpanRows, SpanScope, SpanTest};
    let keys = store.span_keys(tenant, range).await?;
    let tests = keys.into_iter().filter(|key| key.scope == SpanScope::Span && speaks(&key.key));
    let tests: Vec<SpanTest> =
        tests.map(|key| SpanTest::Exists(SpanField::Attribute(SpanScope::Span, key.key))).collect();
    if tests.is_empty() {
        return Ok(Vec::new());
    }
    let request = SpansRequest {
        range,
        rows: SpanRows::Spans(SpanTest::Or(tests)),
        fields: vec![SpanField::TraceId],
        wanted: None,
    };
    let cursor = store.spans(tenant, request).await?;
    blocking(move |_| {
        let mut traces = HashSet::new();
        for batch in cursor {
            if let Some(FieldColumn::Text { values, .. }) = batch?.columns.first() {
                traces.extend(values.iter().filter_map(|id| TraceId::parse_hex(id).ok()));
            }
        }
        Ok(traces.into_iter().collect())
    })
    .await
}

/// Shows the series of metrics whose names match a pattern, where blocking is allowed.
async fn each_series(
    store: &Arc<dyn Store>,
    tenant: &TenantId,
    range: TimeRange,
    names: &str,
    mut see: impl FnMut(SeriesSamples) + Send,
) -> Result<()> {
    let series = SeriesRequest {
        matchers: vec![Matcher::new("__name__", MatchOp::Regex, names)?],
        start_ms: range.start_ns.div_euclid(1_000_000),
        end_ms: i64::MAX,
        limit: None,
    };
    let request = SamplesRequest { series, samples_max: SAMPLES_MAX };
    let cursor = store.samples(tenant, request).await?;
    let read = blocking(move |_| cursor.collect::<Result<Vec<SeriesSamples>>>()).await?;
    read.into_iter().for_each(&mut see);
    Ok(())
}

/// Time of the newest sample of the metrics.
async fn newest_sample(
    store: &Arc<dyn Store>,
    tenant: &TenantId,
    range: TimeRange,
) -> Result<Option<i64>> {
    let mut newest = None;
    each_series(store, tenant, range, NAMES, |series| {
        newest = newest.max(series.floats.times_ms.last().copied());
    })
    .await?;
    Ok(newest)
}
