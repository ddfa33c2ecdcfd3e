//! One trace as columns, as clients sent it.

use std::collections::HashSet;

use futures::TryStreamExt as _;
use watchkeep_model::column::Table as _;
use watchkeep_model::{Error, ErrorKind, Result, SpanColumns, TenantId, TraceId};
use watchkeep_storage::schema::from_record_batch;
use watchkeep_storage::seam::Frame;

use crate::engine::Engine;

/// The spans of a trace.
#[derive(Debug, Clone)]
pub struct TraceSpans {
    /// Spans in no order; one that was sent twice may be there twice.
    pub columns: SpanColumns,
    /// Rows of `columns`: each span (by id and kind) once, by start.
    pub rows: Vec<u32>,
    /// Whether spans are missing because there are more than may be returned
    /// (`limits.query_rows_max`, `limits.query_bytes_max`).
    pub partial: bool,
}

impl Engine {
    /// The spans of a trace, whenever they were; `NotFound` where there are none.
    pub async fn trace_spans(&self, tenant: &TenantId, id: TraceId) -> Result<TraceSpans> {
        self.query(async {
            let mut stream = self.store()?.trace(tenant, id).await?;
            let (rows_max, bytes_max) =
                (self.limits.query_rows_max, self.limits.query_bytes_max.bytes());
            let mut columns = SpanColumns::default();
            let mut partial = false;
            while let Some(frame) = stream.try_next().await? {
                let Frame::Rows(batch) = frame else { break };
                let more: SpanColumns = from_record_batch(&batch)?;
                if columns.len() + more.len() > rows_max
                    || columns.byte_len() + more.byte_len() > bytes_max
                {
                    partial = true;
                    break;
                }
                columns.extend_from(&more);
            }
            if columns.is_empty() {
                return Err(Error::new(ErrorKind::NotFound, format!("no trace {id}")));
            }
            let rows = ordered(&columns);
            Ok(TraceSpans { columns, rows, partial })
        })
        .await
    }
}

/// Each span once, by start; of one instant roots first.
#[expect(clippy::indexing_slicing, reason = "rows are those of the table")]
fn ordered(columns: &SpanColumns) -> Vec<u32> {
    let mut seen = HashSet::new();
    let mut rows: Vec<u32> = (0..columns.len() as u32)
        .filter(|row| seen.insert((columns.span_id[*row as usize], columns.kind[*row as usize])))
        .collect();
    rows.sort_by_key(|row| {
        let row = *row as usize;
        let has_parent = columns.parent_span_id[row] != [0; 8];
        (columns.start_ns[row], has_parent, columns.span_id[row])
    });
    rows
}
