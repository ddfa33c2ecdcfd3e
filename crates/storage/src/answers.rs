//! Runs queries off the async threads and hands their answers out as streams. The channel between
//! is short, so a slow reader slows the query down instead of filling memory.

use std::pin::Pin;

use futures::Stream;
use tokio::sync::mpsc;
use watchkeep_model::{Error, Result};

/// Items that may wait for the reader.
const WAITING_MAX: usize = 2;

/// Runs a query that gives its items to a callback, which answers false when nobody reads on.
pub(crate) fn stream<T: Send + 'static>(
    query: impl FnOnce(&mut dyn FnMut(T) -> bool) -> Result<()> + Send + 'static,
) -> Pin<Box<dyn Stream<Item = Result<T>> + Send>> {
    let (sender, receiver) = mpsc::channel::<Result<T>>(WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        let outcome = query(&mut |item| sender.blocking_send(Ok(item)).is_ok());
        if let Err(error) = outcome {
            // Nobody reads on: then nobody needs the error either.
            let _reader_gone = sender.blocking_send(Err(error));
        }
    });
    Box::pin(futures::stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|item| (item, receiver))
    }))
}

/// Runs a query that has one answer.
pub(crate) async fn once<T: Send + 'static>(
    query: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(query)
        .await
        .map_err(|error| Error::internal("a query broke off").with_source(error))?
}
