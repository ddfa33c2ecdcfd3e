//! What the evaluator asks of a store of spans.

use watchkeep_model::{Error, ErrorKind, Result, SpanCursor, SpanKey, SpansRequest, TimeRange};

/// A store of spans, of one tenant.
pub trait SpanSource {
    /// Spans that a query may want, read as they are asked for.
    fn spans(&self, request: SpansRequest) -> Result<SpanCursor>;

    /// Attributes that spans which start in the range may have, each at least once. `compare()` looks
    /// at all of them.
    fn keys(&self, range: TimeRange) -> Result<Vec<SpanKey>> {
        let _ = range;
        Err(Error::new(ErrorKind::Unsupported, "this store does not tell the attributes it has"))
    }
}
