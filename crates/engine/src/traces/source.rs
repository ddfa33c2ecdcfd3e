//! The store as TraceQL's source of spans.

use std::sync::Arc;

use tokio::runtime::Handle;
use watchkeep_model::{Result, SpanCursor, SpanKey, SpansRequest, TenantId, TimeRange};
use watchkeep_storage::Store;
use watchkeep_traceql::source::SpanSource;

/// The spans of one tenant, pulled on the thread that evaluates.
pub(super) struct StoreSource {
    pub(super) store: Arc<dyn Store>,
    pub(super) tenant: TenantId,
    pub(super) runtime: Handle,
}

impl SpanSource for StoreSource {
    fn spans(&self, request: SpansRequest) -> Result<SpanCursor> {
        self.runtime.block_on(self.store.spans(&self.tenant, request))
    }

    fn keys(&self, range: TimeRange) -> Result<Vec<SpanKey>> {
        self.runtime.block_on(self.store.span_keys(&self.tenant, range))
    }
}
