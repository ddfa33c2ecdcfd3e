//! Where bodies are decoded: small ones at once, large ones on a thread where CPU work may block.

use std::sync::Arc;

use watchkeep_model::{Error, Result};

use crate::app::App;

/// Bodies above this are decoded off the reactor.
const INLINE_BYTES_MAX: usize = 128 << 10;
/// The same for compressed bodies, which may be far longer than they look.
const INLINE_COMPRESSED_BYTES_MAX: usize = 16 << 10;

/// How long a body is, as it was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodySize {
    pub(crate) bytes: usize,
    pub(crate) is_compressed: bool,
}

/// Runs the work of decoding a body here, or on a thread of its own where that may take long.
pub(crate) async fn run<T: Send + 'static>(
    app: &App,
    size: BodySize,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let inline_max =
        if size.is_compressed { INLINE_COMPRESSED_BYTES_MAX } else { INLINE_BYTES_MAX };
    if size.bytes <= inline_max {
        return work();
    }
    let permit = Arc::clone(&app.decoders)
        .acquire_owned()
        .await
        .map_err(|closed| Error::internal("cannot start decoding").with_source(closed))?;
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    })
    .await
    .map_err(|error| Error::internal("decoding a request panicked").with_source(error))?
}
