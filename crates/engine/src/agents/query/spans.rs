//! The spans and log records of one trace, out of the store.

use futures::StreamExt as _;
use hashbrown::HashMap;
use watchkeep_genai::Record;
use watchkeep_model::{Error, ErrorKind, Result, SpanColumns, SpanId, TimeRange, TraceId};
use watchkeep_storage::schema;
use watchkeep_storage::seam::{Frame, LogParts, LogTest, LogsRequest};

use super::Asked;
use crate::agents::ledger::stopped;
use crate::agents::records::each_log;

/// The most spans of a trace that are read.
const SPANS_MAX: usize = 100_000;
/// The most log records of a trace that are read.
const LOGS_MAX: usize = 20_000;

impl Asked<'_> {
    /// All spans of a trace, batch by batch.
    pub(super) fn spans(&self, id: TraceId) -> Result<Vec<SpanColumns>> {
        self.reader.runtime.block_on(async {
            let mut stream = self.reader.store.trace(self.reader.tenant, id).await?;
            let (mut batches, mut rows) = (Vec::new(), 0);
            while let Some(frame) = stream.next().await {
                if let Some(stop) = self.reader.watch.stop() {
                    return Err(stopped(stop));
                }
                let Frame::Rows(batch) = frame? else { return Ok(batches) };
                rows += batch.num_rows();
                if rows > SPANS_MAX {
                    return Err(Error::new(
                        ErrorKind::LimitExceeded { key: "agents.query" },
                        format!("trace {id} has more than {SPANS_MAX} spans"),
                    ));
                }
                batches.push(schema::from_record_batch::<SpanColumns>(&batch)?);
            }
            Err(Error::internal("the store's answer broke off before its end"))
        })
    }

    /// Log records that were written in a trace, with their spans, as `see` reads them.
    pub(super) fn logs_of<T>(
        &self,
        id: TraceId,
        range: TimeRange,
        mut see: impl FnMut(&Record<'_>) -> Option<T>,
    ) -> Result<HashMap<SpanId, Vec<T>>> {
        let request = LogsRequest {
            matchers: Vec::new(),
            range,
            test: LogTest::Words(vec![id.to_string()]),
            parts: LogParts::All,
            order: Some(watchkeep_storage::seam::Order::OldestFirst),
            wanted: None,
        };
        let cursor =
            self.reader.runtime.block_on(self.reader.store.logs(self.reader.tenant, request))?;
        let (mut found, mut rows) = (HashMap::new(), 0_usize);
        for batch in cursor {
            if let Some(stop) = self.reader.watch.stop() {
                return Err(stopped(stop));
            }
            let columns = batch?.rows;
            each_log(&columns, |row, record| {
                if columns.trace_id[row] != id.0 || rows >= LOGS_MAX {
                    return;
                }
                if let Some(read) = see(record) {
                    rows += 1;
                    found.entry(SpanId(columns.span_id[row])).or_insert_with(Vec::new).push(read);
                }
            });
        }
        Ok(found)
    }
}
