//! What every implementation of the seam must do, as code. An engine's tests call [`run`] with a
//! store of theirs; each case works for a tenant of its own, so one store serves all.

#![expect(clippy::unwrap_used, reason = "the suite is a test: what fails here is the engine")]

mod logs;
mod metrics;
mod records;
mod rows;
#[cfg(test)]
pub(crate) use rows::{Span, logs, samples, spans};
mod spans;
mod traces;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::StreamExt;
use watchkeep_model::{Result, TenantId};

use crate::seam::{Append, AppendAck, Batch, Frame, FrameStream, IngestToken, Store};

/// What to do after each append of a case, to see that it makes no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterAppend {
    /// Nothing.
    Nothing,
    /// Flush every time.
    Flush,
    /// Flush every second time, so that answers come from disk and from memory.
    FlushSometimes,
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;
type Case = (&'static str, fn(Fixture) -> Running);

/// Runs every case. Panics, naming the case, where the store does not do what it must.
pub async fn run(store: Arc<dyn Store>, after_append: AfterAppend) {
    let cases: &[Case] = &[
        ("rows_come_back_whole", |f| Box::pin(records::rows_come_back_whole(f))),
        ("a_scan_is_in_order", |f| Box::pin(records::a_scan_is_in_order(f))),
        ("predicates", |f| Box::pin(records::predicates(f))),
        ("projection", |f| Box::pin(records::projection(f))),
        ("aggregation", |f| Box::pin(records::aggregation(f))),
        ("tenants_are_apart", |f| Box::pin(records::tenants_are_apart(f))),
        ("a_token_counts_once", |f| Box::pin(records::a_token_counts_once(f))),
        ("nothing_is_an_answer", |f| Box::pin(records::nothing_is_an_answer(f))),
        ("traces_are_listed", |f| Box::pin(traces::traces_are_listed(f))),
        ("traces_are_paged", |f| Box::pin(traces::traces_are_paged(f))),
        ("late_spans_join_their_trace", |f| Box::pin(traces::late_spans_join_their_trace(f))),
        ("log_streams_are_listed", |f| Box::pin(logs::log_streams_are_listed(f))),
        ("log_records_come_in_order", |f| Box::pin(logs::log_records_come_in_order(f))),
        ("log_tests_are_joined", |f| Box::pin(logs::log_tests_are_joined(f))),
        ("words_leave_nothing_out", |f| Box::pin(logs::words_leave_nothing_out(f))),
        ("log_records_are_counted", |f| Box::pin(logs::log_records_are_counted(f))),
        ("log_fields_are_counted_or_left", |f| Box::pin(logs::log_fields_are_counted_or_left(f))),
        ("log_streams_are_apart", |f| Box::pin(logs::log_streams_are_apart(f))),
        ("deleted_log_records_are_gone", |f| Box::pin(logs::deleted_log_records_are_gone(f))),
        ("log_records_come_back_whole", |f| Box::pin(logs::log_records_come_back_whole(f))),
        ("samples_come_back", |f| Box::pin(metrics::samples_come_back(f))),
        ("labels_are_listed", |f| Box::pin(metrics::labels_are_listed(f))),
        ("start_timestamps_come_back", |f| Box::pin(metrics::start_timestamps_come_back(f))),
        ("series_are_counted", |f| Box::pin(metrics::series_are_counted(f))),
        ("starts_come_back", |f| Box::pin(metrics::starts_come_back(f))),
        ("deleted_series_are_gone", |f| Box::pin(metrics::deleted_series_are_gone(f))),
        ("exemplars_and_metadata", |f| Box::pin(metrics::exemplars_and_metadata(f))),
    ];
    for (name, case) in cases.iter().chain(SPAN_CASES) {
        let tenant = TenantId::new(name).expect("a case's name is a legal tenant");
        let fixture = Fixture { store: Arc::clone(&store), tenant, after_append, appends: 0 };
        let outcome = tokio::spawn(case(fixture)).await;
        assert!(outcome.is_ok(), "case {name} fails with {after_append:?}");
    }
}

const SPAN_CASES: &[Case] = &[
    ("whole_traces_are_put_together", |f| Box::pin(spans::whole_traces_are_put_together(f))),
    ("whole_traces_come_newest_first", |f| Box::pin(spans::whole_traces_come_newest_first(f))),
    ("ranges_of_spans_and_traces", |f| Box::pin(spans::ranges_of_spans_and_traces(f))),
    ("resent_spans_count_once", |f| Box::pin(spans::resent_spans_count_once(f))),
    ("fields_of_spans", |f| Box::pin(spans::fields_of_spans(f))),
    ("span_tests_are_joined", |f| Box::pin(spans::span_tests_are_joined(f))),
    ("trace_tests_look_at_all_spans", |f| Box::pin(spans::trace_tests_look_at_all_spans(f))),
    ("a_server_is_called_by_the_client_that_shares_its_id", |f| {
        Box::pin(spans::a_server_is_called_by_the_client_that_shares_its_id(f))
    }),
    ("names_of_spans_are_listed", |f| Box::pin(spans::names_of_spans_are_listed(f))),
];

/// Series that a store must let in, and refuse beyond, to be shown to
/// [`new_series_are_refused`].
pub const SERIES_MAX: u64 = 3;

/// The case about the limit of series, for a store that was set to [`SERIES_MAX`].
pub async fn new_series_are_refused(store: Arc<dyn Store>) {
    let tenant = TenantId::new("new_series_are_refused").expect("it is a legal tenant");
    let after_append = AfterAppend::Nothing;
    metrics::new_series_are_refused(Fixture { store, tenant, after_append, appends: 0 }).await;
}

/// A store, seen by one case.
#[derive(Debug)]
struct Fixture {
    store: Arc<dyn Store>,
    tenant: TenantId,
    after_append: AfterAppend,
    appends: usize,
}

impl Fixture {
    async fn append(&mut self, batch: Batch) {
        let rows = batch.rows() as u64;
        let ack = self.append_with(batch, None).await;
        assert_eq!(ack, AppendAck { rows, ..AppendAck::default() });
    }

    async fn append_with(&mut self, batch: Batch, token: Option<IngestToken>) -> AppendAck {
        let ack = self.store.append(&self.tenant, Append { batch, token }).await.unwrap();
        self.appends += 1;
        let flush = match self.after_append {
            AfterAppend::Nothing => false,
            AfterAppend::Flush => true,
            AfterAppend::FlushSometimes => self.appends % 2 == 1,
        };
        if flush {
            self.store.flush().await.unwrap();
        }
        ack
    }
}

/// All rows of an answer, which must end as answers do.
async fn collect(stream: Result<FrameStream>) -> Vec<RecordBatch> {
    let mut stream = stream.unwrap();
    let mut batches = Vec::new();
    let mut done = None;
    while let Some(frame) = stream.next().await {
        assert!(done.is_none(), "nothing follows the end");
        match frame.unwrap() {
            Frame::Rows(rows) => batches.push(rows),
            Frame::Done(stats) => done = Some(stats),
        }
    }
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(done.expect("an answer ends with Done").rows, rows as u64);
    batches
}
