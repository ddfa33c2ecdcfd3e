//! Writing feedback down: bound as far as what it is about is known, replacing what has its id.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use watchkeep_model::{Error, ErrorKind, Result, SpanId, TenantId, TimeRange, TraceId};
use watchkeep_storage::seam::{LogTest, Order};

use super::waiting::keys_of;
use crate::agents::facts::{Entry, EventFact, FeedbackFact};
use crate::agents::ledger::LedgerQuery;
use crate::engine::Engine;

/// Ids that are looked up by what the store knows about texts; with more, everything is read.
const LOOKED_UP_MAX: usize = 64;

/// The line of an event has at most so many bytes of a comment.
const QUOTED_BYTES_MAX: usize = 200;

/// A test that lets pass all that may mention one of some texts.
pub(super) fn mentions_any<'a>(texts: impl IntoIterator<Item = &'a str>) -> LogTest {
    let tests =
        texts.into_iter().map(|text| LogTest::Contains(serde_json::Value::from(text).to_string()));
    either(tests.collect())
}

/// A test that lets pass all of which one of some tests may be true; everything where there are many.
pub(super) fn either(tests: Vec<LogTest>) -> LogTest {
    if tests.len() > LOOKED_UP_MAX { LogTest::And(Vec::new()) } else { LogTest::Or(tests) }
}

impl Engine {
    /// Writes feedback down, bound to what it is about as far as that is known; once this returns it
    /// is durable. What has the id of earlier feedback replaces it and keeps its time. Gives the
    /// entries as they stand.
    pub async fn keep_feedback(
        &self,
        tenant: &TenantId,
        entries: Vec<Entry<FeedbackFact>>,
    ) -> Result<Vec<Entry<FeedbackFact>>> {
        self.know_feedback(tenant).await?;
        let _alone = self.feedback.writing.lock().await;
        let mut entries = last_of_each(entries);
        let order: Vec<String> = entries.iter().map(|entry| entry.fact.id.clone()).collect();
        let ids = order.iter().cloned().collect();
        let mut found = self.find_feedback(tenant, &ids).await?;
        // Judgements of spans that are sent again are known as they are.
        entries.retain(|entry| {
            let known = found.get(&entry.fact.id);
            !known.is_some_and(|known| is_same_judgement(known, entry))
        });
        for entry in &mut entries {
            if let Some(known) = found.get(&entry.fact.id) {
                entry.time_ns = known.time_ns;
                entry.written_ns = entry.written_ns.max(known.written_ns);
            }
        }
        // From here on a run that arrives finds them; one that was there before is found below.
        let waiting_max = self.feedback.config.waiting_max;
        let mut given_up = Vec::new();
        {
            let mut state = self.feedback.state.lock();
            for entry in entries.iter().filter(|entry| !keys_of(entry).is_empty()) {
                let is_counted = found.contains_key(&entry.fact.id);
                given_up.extend(state.waiting.insert(
                    tenant,
                    entry.clone(),
                    is_counted,
                    waiting_max,
                ));
            }
        }
        self.count_given_up(given_up);
        let kept = self.write_bound(tenant, &mut entries).await;
        if kept.is_err() {
            let mut state = self.feedback.state.lock();
            for entry in &entries {
                state.waiting.remove(tenant, &entry.fact.id);
            }
        }
        kept?;
        for entry in &entries {
            let is_new = !found.contains_key(&entry.fact.id);
            if is_new && (entry.fact.bound || keys_of(entry).is_empty()) {
                self.count_feedback(tenant, &entry.fact);
            }
        }
        found.extend(entries.into_iter().map(|entry| (entry.fact.id.clone(), entry)));
        Ok(order.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// Binds entries, writes them down with the events of low ratings, and lets go of those that are
    /// bound. The lock on writing is held.
    pub(super) async fn write_bound(
        &self,
        tenant: &TenantId,
        entries: &mut [Entry<FeedbackFact>],
    ) -> Result<()> {
        self.bind(tenant, entries).await?;
        self.write_feedback(tenant, entries).await?;
        let mut state = self.feedback.state.lock();
        for entry in entries.iter().filter(|entry| entry.fact.bound) {
            state.waiting.remove(tenant, &entry.fact.id);
        }
        Ok(())
    }

    /// Writes entries down, and the events of low ratings.
    async fn write_feedback(
        &self,
        tenant: &TenantId,
        entries: &mut [Entry<FeedbackFact>],
    ) -> Result<()> {
        let now_ns = self.clock.now_ns();
        let mut events = Vec::new();
        for entry in entries.iter_mut() {
            // Also later than what it replaces where the clock was set back since.
            let after_ns = entry.written_ns.saturating_add(1);
            entry.written_ns = self.feedback.written_ns(now_ns.max(after_ns));
            for said in [&mut entry.fact.comment, &mut entry.fact.correction] {
                if let Cow::Owned(redacted) = self.redaction.text(said) {
                    *said = redacted;
                }
            }
            events.extend(low_rating(entry, self.feedback.config.low_rating_max));
        }
        self.write_facts(tenant, entries, None).await?;
        self.write_facts(tenant, &events, None).await
    }

    /// Takes feedback back. Errors: `NotFound`.
    pub async fn delete_feedback(&self, tenant: &TenantId, id: &str) -> Result<()> {
        let _alone = self.feedback.writing.lock().await;
        let ids = BTreeSet::from([id.to_owned()]);
        let Some(mut entry) = self.find_feedback(tenant, &ids).await?.remove(id) else {
            return Err(Error::new(ErrorKind::NotFound, "there is no feedback with this id"));
        };
        self.feedback.state.lock().waiting.remove(tenant, id);
        bury(&mut entry.fact);
        let after_ns = entry.written_ns.saturating_add(1);
        entry.written_ns = self.feedback.written_ns(self.clock.now_ns().max(after_ns));
        self.write_facts(tenant, &[entry], None).await
    }

    /// One piece of feedback. Errors: `NotFound`.
    pub async fn feedback_of(&self, tenant: &TenantId, id: &str) -> Result<Entry<FeedbackFact>> {
        let ids = BTreeSet::from([id.to_owned()]);
        let found = self.find_feedback(tenant, &ids).await?.remove(id);
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no feedback with this id"))
    }

    /// What stands under some ids and is not deleted.
    pub(super) async fn find_feedback(
        &self,
        tenant: &TenantId,
        ids: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Entry<FeedbackFact>>> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let test = mentions_any(ids.iter().map(String::as_str));
        let query = LedgerQuery { test, ..LedgerQuery::all(TimeRange::ALL) };
        let ids = ids.clone();
        let found = BTreeMap::<String, Entry<FeedbackFact>>::new();
        let mut found = self
            .read_facts(tenant, query, found, move |found, entry: Entry<FeedbackFact>| {
                if ids.contains(&entry.fact.id) {
                    keep_last(found, entry);
                }
                Ok(true)
            })
            .await?;
        found.retain(|_, entry| !entry.fact.deleted);
        Ok(found)
    }

    /// Lets feedback of before the start wait again, and binds it where what it is about came since.
    pub(super) async fn know_feedback(&self, tenant: &TenantId) -> Result<()> {
        if self.feedback.state.lock().known.contains(tenant) {
            return Ok(());
        }
        let _alone = self.feedback.writing.lock().await;
        if self.feedback.state.lock().known.contains(tenant) {
            return Ok(());
        }
        let now_ns = self.clock.now_ns();
        let wait_ns = nanoseconds(self.feedback.config.wait.0);
        let range = TimeRange { start_ns: now_ns.saturating_sub(wait_ns), end_ns: i64::MAX };
        let query = LedgerQuery { order: Some(Order::NewestFirst), ..LedgerQuery::all(range) };
        // Twice as many as may wait, since some are bound.
        let read_max = self.feedback.config.waiting_max.saturating_mul(2);
        let found = BTreeMap::<String, Entry<FeedbackFact>>::new();
        let found = self
            .read_facts(tenant, query, found, move |found, entry: Entry<FeedbackFact>| {
                keep_last(found, entry);
                Ok(found.len() < read_max)
            })
            .await?;
        let waits = |entry: &Entry<FeedbackFact>| {
            !entry.fact.bound && !entry.fact.deleted && !keys_of(entry).is_empty()
        };
        let entries: Vec<_> = found.into_values().filter(waits).collect();
        let counted_ns = now_ns.saturating_sub(nanoseconds(self.feedback.config.count_after.0));
        let mut state = self.feedback.state.lock();
        let waiting_max = self.feedback.config.waiting_max;
        for entry in entries {
            let is_counted = entry.time_ns < counted_ns;
            state.jobs.bind.insert((tenant.clone(), entry.fact.id.clone()));
            state.waiting.insert(tenant, entry, is_counted, waiting_max);
        }
        state.known.insert(tenant.clone());
        if !state.jobs.bind.is_empty() {
            self.feedback.wake.notify_one();
        }
        Ok(())
    }

    /// Looks again for what some waiting feedback is about.
    pub(super) async fn bind_waiting(
        &self,
        tenant: &TenantId,
        ids: &BTreeSet<String>,
    ) -> Result<()> {
        let _alone = self.feedback.writing.lock().await;
        let mut entries: Vec<_> =
            self.feedback.state.lock().waiting.entries(tenant, ids).cloned().collect();
        self.bind(tenant, &mut entries).await?;
        entries.retain(|entry| entry.fact.bound);
        if entries.is_empty() {
            return Ok(());
        }
        self.write_feedback(tenant, &mut entries).await?;
        for entry in &entries {
            let removed = self.feedback.state.lock().waiting.remove(tenant, &entry.fact.id);
            if removed.is_some_and(|(_, is_counted)| !is_counted) {
                self.count_feedback(tenant, &entry.fact);
            }
        }
        Ok(())
    }

    fn count_given_up(&self, gone: Vec<(TenantId, Entry<FeedbackFact>, bool)>) {
        self.metrics.feedback_given_up.inc_by(gone.len() as u64);
        for (tenant, entry, is_counted) in gone {
            if !is_counted {
                self.count_feedback(&tenant, &entry.fact);
            }
        }
    }

    /// Counts in metrics what waits for long.
    pub(super) fn count_overdue_feedback(&self) {
        let config = &self.feedback.config;
        let now_ns = self.clock.now_ns();
        let before = |age: std::time::Duration| now_ns.saturating_sub(nanoseconds(age));
        let (given_up, counted) = (before(config.wait.0), before(config.count_after.0));
        let due = self.feedback.state.lock().waiting.overdue(given_up, counted);
        for (tenant, entry) in due {
            self.count_feedback(&tenant, &entry.fact);
        }
    }
}

fn nanoseconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Of entries with one id the last one written.
pub(super) fn keep_last(
    found: &mut BTreeMap<String, Entry<FeedbackFact>>,
    entry: Entry<FeedbackFact>,
) {
    match found.get_mut(&entry.fact.id) {
        Some(known) if known.written_ns > entry.written_ns => {}
        Some(known) => *known = entry,
        None => {
            found.insert(entry.fact.id.clone(), entry);
        }
    }
}

/// Of several entries with one id the last; in the order of the ids' first.
fn last_of_each(entries: Vec<Entry<FeedbackFact>>) -> Vec<Entry<FeedbackFact>> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut out: Vec<Entry<FeedbackFact>> = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Some(place) = places.get(&entry.fact.id) {
            out[*place] = entry;
        } else {
            places.insert(entry.fact.id.clone(), out.len());
            out.push(entry);
        }
    }
    out
}

/// Whether a judgement that came with telemetry is there already.
fn is_same_judgement(known: &Entry<FeedbackFact>, entry: &Entry<FeedbackFact>) -> bool {
    matches!(&*entry.fact.origin, "otlp" | "openinference")
        && known.fact.origin == entry.fact.origin
}

/// Makes a tombstone of a fact: what was said and by whom goes.
fn bury(fact: &mut FeedbackFact) {
    fact.deleted = true;
    for text in [&mut fact.comment, &mut fact.correction, &mut fact.label, &mut fact.user] {
        text.clear();
    }
    fact.metadata.clear();
}

/// The event of a low rating. It has the id of the feedback, so what is written when the feedback is
/// bound replaces it.
fn low_rating(entry: &Entry<FeedbackFact>, low_max: f64) -> Option<Entry<EventFact>> {
    let fact = &entry.fact;
    let rating = fact.rating.filter(|rating| *rating <= low_max)?;
    let text = |text: &str| serde_json::Value::from(text);
    let mut details = BTreeMap::from([
        ("feedback_id".to_owned(), text(&fact.id)),
        ("rating".to_owned(), serde_json::Value::from(rating)),
        ("name".to_owned(), text(&fact.name)),
    ]);
    let more = [
        ("interaction", &fact.interaction),
        ("response_id", &fact.response_id),
        ("model", &fact.model),
        ("source", &fact.source),
    ];
    for (name, value) in more.into_iter().filter(|(_, value)| !value.is_empty()) {
        details.insert(name.to_owned(), text(value));
    }
    if entry.trace_id != TraceId::default() {
        details.insert("trace_id".to_owned(), text(&entry.trace_id.to_string()));
    }
    if entry.span_id != SpanId::default() {
        details.insert("span_id".to_owned(), text(&entry.span_id.to_string()));
    }
    let about = if fact.agent.is_empty() { String::new() } else { format!(" for {}", fact.agent) };
    let mut end = fact.comment.len().min(QUOTED_BYTES_MAX);
    while !fact.comment.is_char_boundary(end) {
        end -= 1;
    }
    Some(Entry {
        time_ns: entry.time_ns,
        written_ns: entry.written_ns,
        trace_id: entry.trace_id,
        span_id: entry.span_id,
        fact: EventFact {
            id: format!("low_rating:{}", fact.id),
            kind: "low_rating".to_owned(),
            severity: "warning".to_owned(),
            service: fact.service.clone(),
            agent: fact.agent.clone(),
            session: fact.session.clone(),
            user: fact.user.clone(),
            title: format!("{} of {rating} out of 5{about}", fact.name),
            text: fact.comment[..end].to_owned(),
            details,
        },
    })
}
