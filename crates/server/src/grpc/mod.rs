//! gRPC over HTTP/2 for all surfaces: one request message a call, answered by one message or a
//! stream of them. Calls are routes of the same router as everything else; a handler gets a decoded
//! message and returns a message or an error of the model.
//!
//! Not offered: streams of requests, and reflection.

mod answer;
mod frame;
mod status;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use prost::Message;
use tonic::Status;
use watchkeep_engine::ingest::Reservation;
use watchkeep_model::{Error, ErrorKind, Result, TenantId};
use watchkeep_wire::compression::{Coding, decompress};

pub(crate) use answer::{Frames, failure, success};
pub(crate) use status::{code_of, status_of};

use self::answer::within;
use self::frame::{BadFrame, PREFIX_BYTES, unframe};
use crate::app::App;
use crate::body::{BodyLimits, read_body};
use crate::decode::{self, BodySize};
use crate::tenant::tenant_of;

/// What clients may compress with.
const ACCEPTED: &str = "identity,gzip,zstd";

/// A call's message as it arrived.
#[derive(Debug)]
pub(crate) struct RawCall {
    pub(crate) tenant: TenantId,
    /// What [`decompress`] must undo.
    pub(crate) compression: Option<&'static str>,
    /// The message without its prefix.
    pub(crate) body: Bytes,
    /// Accounts for the body; given back when it is dropped.
    pub(crate) reservation: Reservation,
}

/// A call with its message decoded.
#[derive(Debug)]
pub(crate) struct Call<M> {
    pub(crate) tenant: TenantId,
    pub(crate) message: M,
}

/// Whether a request is a gRPC call, by its media type.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    media_type.starts_with(b"application/grpc") && !media_type.starts_with(b"application/grpc-web")
}

/// The answer to a call of a method that is not there.
pub(crate) async fn unknown_method(request: Request) -> Response {
    if !is_grpc(request.headers()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let path: String = request.uri().path().chars().take(128).collect();
    failure(&Status::unimplemented(format!("no method {path}")))
}

/// Takes a call that is answered with one message. A client that goes away drops the work.
pub(crate) async fn unary<M, A, F>(
    app: &Arc<App>,
    surface: &'static str,
    request: Request,
    work: impl FnOnce(Call<M>) -> F,
) -> Response
where
    M: Message + Default + 'static,
    A: Message,
    F: Future<Output = Result<A>>,
{
    if !is_grpc(request.headers()) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let (coding, time) = (accepted_by(request.headers()), time_of(request.headers()));
    let answer = within(time, async move { work(message(app, request).await?).await });
    match answer.await {
        Ok(answer) => success(&answer.encode_to_vec(), coding),
        Err(error) => refuse(app, surface, &error),
    }
}

/// Takes a call that is answered with a stream of messages. `work` is dropped when the client goes
/// away, and waits in [`Frames::send`] while it does not read.
pub(crate) async fn streaming<M, A, F>(
    app: &Arc<App>,
    surface: &'static str,
    request: Request,
    work: impl FnOnce(Call<M>, Frames<A>) -> F,
) -> Response
where
    M: Message + Default + 'static,
    A: Message,
    F: Future<Output = Result<()>> + Send + 'static,
{
    if !is_grpc(request.headers()) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let (coding, time) = (accepted_by(request.headers()), time_of(request.headers()));
    match message(app, request).await {
        Ok(call) => {
            let app = Arc::clone(app);
            answer::stream(coding, time, |frames| {
                let work = work(call, frames);
                async move {
                    work.await.inspect_err(|error| {
                        app.error_log.note(app.engine.clock(), surface, error);
                    })
                }
            })
        }
        Err(error) => refuse(app, surface, &error),
    }
}

/// The answer to a call that failed; what is for the operator goes to the log.
pub(crate) fn refuse(app: &App, surface: &'static str, error: &Error) -> Response {
    app.error_log.note(app.engine.clock(), surface, error);
    failure(&status_of(error))
}

/// Reads the one message of a call, bounded in size and time and accounted for.
pub(crate) async fn receive(app: &App, request: Request) -> Result<RawCall> {
    let (head, body) = request.into_parts();
    let tenant = tenant_of(&head.headers)?;
    let coding = coding_of(&head.headers)?;
    let mut reservation = app.engine.gate().open();
    let limits = BodyLimits {
        bytes_max: app.engine.limits().body_bytes_max.bytes() + PREFIX_BYTES,
        timeout: app.config.body_timeout.0,
    };
    let body = read_body(body, limits, &mut reservation).await?;
    let (body, is_compressed) = unframe(&body)
        .map_err(|BadFrame(why)| Error::invalid(format!("not a unary gRPC call: {why}")))?;
    let compression = match (is_compressed, coding) {
        (false, _) => None,
        (true, Some(coding)) => Some(coding.name()),
        (true, None) => {
            let message = "the message is compressed, but grpc-encoding says not";
            return Err(Error::invalid(message).with_source(Status::internal(message)));
        }
    };
    Ok(RawCall { tenant, compression, body, reservation })
}

/// Reads and decodes the one message of a call.
async fn message<M: Message + Default + 'static>(app: &App, request: Request) -> Result<Call<M>> {
    let RawCall { tenant, compression, body, reservation, .. } = receive(app, request).await?;
    let size = BodySize { bytes: body.len(), is_compressed: compression.is_some() };
    let bytes_max = app.engine.limits().decompressed_bytes_max.bytes();
    let message = decode::run(app, size, move || {
        let _held_until_decoded = reservation;
        let plain = decompress(compression, &body, bytes_max)?;
        M::decode(&*plain).map_err(|error| {
            let bytes = plain.len();
            Error::invalid(format!("could not decode a gRPC message of {bytes} bytes"))
                .with_source(error)
        })
    })
    .await?;
    Ok(Call { tenant, message })
}

/// The compression that `grpc-encoding` names.
fn coding_of(headers: &HeaderMap) -> Result<Option<Coding>> {
    let name = headers.get("grpc-encoding").map_or(&b"identity"[..], HeaderValue::as_bytes);
    match name {
        b"identity" => Ok(None),
        b"gzip" => Ok(Some(Coding::Gzip)),
        b"zstd" => Ok(Some(Coding::Zstd)),
        other => {
            let shown: String = String::from_utf8_lossy(other).chars().take(32).collect();
            Err(Error::new(
                ErrorKind::Unsupported,
                format!("compression {shown:?} is not supported; accepted: {ACCEPTED}"),
            ))
        }
    }
}

/// What an answer may be compressed with, by `grpc-accept-encoding`.
fn accepted_by(headers: &HeaderMap) -> Option<Coding> {
    let given = headers.get("grpc-accept-encoding")?.to_str().ok()?;
    let has = |coding: &Coding| given.split(',').any(|name| name.trim() == coding.name());
    [Coding::Zstd, Coding::Gzip].into_iter().find(has)
}

/// The time that `grpc-timeout` leaves: up to eight digits and a unit. Without a valid one it is
/// unbounded here; limits on queries hold all the same.
fn time_of(headers: &HeaderMap) -> Option<Duration> {
    let given = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = given.split_at_checked(given.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}
