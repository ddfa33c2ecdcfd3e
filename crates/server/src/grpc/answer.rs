//! Bodies of answers: messages as they come, and the status at the end, in trailers.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body::Frame;
use prost::Message;
use tokio::sync::mpsc;
use tonic::Status;
use watchkeep_model::{Error, Result};
use watchkeep_wire::compression::Coding;

use super::frame::frame;
use super::{ACCEPTED, status_of};

/// Messages of a streamed answer that wait for the client at most; who makes more waits too.
const WAITING_MAX: usize = 4;

/// The answer to a call that succeeded with one message.
pub(crate) fn success(message: &[u8], coding: Option<Coding>) -> Response {
    match frame(message, coding) {
        Ok(framed) => respond(coding, Unary { message: Some(framed), ended: false }),
        Err(error) => failure(&status_of(&error)),
    }
}

/// The answer to a call that failed: only trailers, which travel as headers.
pub(crate) fn failure(status: &Status) -> Response {
    let mut response = Response::new(Body::empty());
    set_head(response.headers_mut());
    *response.headers_mut() = trailers(status, std::mem::take(response.headers_mut()));
    response
}

/// What an answer that streams is told through. Cheap to clone.
pub(crate) struct Frames<A> {
    sender: mpsc::Sender<Bytes>,
    coding: Option<Coding>,
    of: std::marker::PhantomData<fn(A)>,
}

impl<A> std::fmt::Debug for Frames<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frames").field("coding", &self.coding).finish_non_exhaustive()
    }
}

impl<A> Clone for Frames<A> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), coding: self.coding, of: self.of }
    }
}

impl<A: Message> Frames<A> {
    /// Sends a message when there is room. False when nobody reads any more.
    pub(crate) async fn send(&self, message: &A) -> Result<bool> {
        let framed = frame(&message.encode_to_vec(), self.coding)?;
        Ok(self.sender.send(framed).await.is_ok())
    }
}

/// An answer of as many messages as `work` sends. `work` is driven by the reading of the answer: a
/// client that stops reading stops it, and when it goes away or `time` is up, `work` is dropped.
pub(super) fn stream<A, F>(
    coding: Option<Coding>,
    time: Option<Duration>,
    work: impl FnOnce(Frames<A>) -> F,
) -> Response
where
    A: Message,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let (sender, waiting) = mpsc::channel(WAITING_MAX);
    let work = work(Frames { sender, coding, of: std::marker::PhantomData });
    let work = async move { within(time, work).await.map_err(|error| status_of(&error)) };
    respond(coding, Streamed { waiting, work: Some(Box::pin(work)), end: None })
}

/// Lets the time that the client gave run out.
pub(super) async fn within<T>(
    time: Option<Duration>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(time) = time else { return work.await };
    tokio::time::timeout(time, work).await.unwrap_or_else(|_| {
        let kind = watchkeep_model::ErrorKind::Timeout;
        Err(Error::new(kind, format!("the call did not end within its deadline of {time:?}")))
    })
}

fn respond<B>(coding: Option<Coding>, body: B) -> Response
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let mut response = Response::new(Body::new(body));
    set_head(response.headers_mut());
    if let Some(coding) = coding {
        let name = HeaderValue::from_static(coding.name());
        response.headers_mut().insert("grpc-encoding", name);
    }
    response
}

fn set_head(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-accept-encoding", HeaderValue::from_static(ACCEPTED));
}

/// Adds a status. Its message is escaped by then, so that it can not fail; were it to, the code is
/// told without it.
fn trailers(status: &Status, mut to: HeaderMap) -> HeaderMap {
    if status.add_header(&mut to).is_err() {
        to.insert("grpc-status", HeaderValue::from(status.code() as i32));
    }
    to
}

/// A message, then the trailers of success.
struct Unary {
    message: Option<Bytes>,
    ended: bool,
}

impl http_body::Body for Unary {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(message) = self.message.take() {
            return Poll::Ready(Some(Ok(Frame::data(message))));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        self.ended = true;
        let done = trailers(&Status::ok(""), HeaderMap::with_capacity(1));
        Poll::Ready(Some(Ok(Frame::trailers(done))))
    }
}

type Work = Pin<Box<dyn Future<Output = Result<(), Status>> + Send>>;

/// Messages while the work goes on, then the trailers of how it ended.
struct Streamed {
    waiting: mpsc::Receiver<Bytes>,
    /// None once it has ended.
    work: Option<Work>,
    /// How it ended, until that is told.
    end: Option<Status>,
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(work) = self.work.as_mut()
            && let Poll::Ready(outcome) = work.as_mut().poll(context)
        {
            self.work = None;
            self.end = Some(outcome.err().unwrap_or_else(|| Status::ok("")));
            self.waiting.close();
        }
        match self.waiting.poll_recv(context) {
            Poll::Ready(Some(message)) => return Poll::Ready(Some(Ok(Frame::data(message)))),
            Poll::Pending => return Poll::Pending,
            // Nothing more is sent, but the work goes on: it wakes this when it ends.
            Poll::Ready(None) if self.work.is_some() => return Poll::Pending,
            Poll::Ready(None) => {}
        }
        let end = self.end.take();
        Poll::Ready(
            end.map(|status| Ok(Frame::trailers(trailers(&status, HeaderMap::with_capacity(2))))),
        )
    }
}
