//! Reading request bodies: bounded in size and time, every byte accounted for before it is kept.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use watchkeep_engine::ingest::Reservation;
use watchkeep_model::{Error, ErrorKind, Result};

/// How much a body may hold, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    pub(crate) bytes_max: usize,
    pub(crate) timeout: Duration,
}

/// Memory set aside for a body of known length before its bytes are there.
const UPFRONT_BYTES_MAX: usize = 1 << 20;

/// Reads a whole body into one buffer, without copying where it came in one piece.
pub(crate) async fn read_body(
    body: Body,
    limits: BodyLimits,
    reservation: &mut Reservation,
) -> Result<Bytes> {
    let announced = http_body::Body::size_hint(&body).lower();
    if announced > limits.bytes_max as u64 {
        return Err(too_large(limits.bytes_max));
    }
    match tokio::time::timeout(limits.timeout, collect(body, limits, reservation)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Error::new(
            ErrorKind::Timeout,
            format!("the body did not arrive within {:?}", limits.timeout),
        )),
    }
}

async fn collect(
    mut body: Body,
    limits: BodyLimits,
    reservation: &mut Reservation,
) -> Result<Bytes> {
    let announced = http_body::Body::size_hint(&body).lower() as usize;
    let mut first = Bytes::new();
    let mut joined: Option<BytesMut> = None;
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| Error::invalid("the body broke off").with_source(error))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > limits.bytes_max {
            return Err(too_large(limits.bytes_max));
        }
        reservation.grow(data.len()).await?;
        if first.is_empty() && joined.is_none() {
            first = data;
            continue;
        }
        joined
            .get_or_insert_with(|| {
                let mut buffer = BytesMut::with_capacity(announced.min(UPFRONT_BYTES_MAX));
                buffer.extend_from_slice(&first);
                buffer
            })
            .extend_from_slice(&data);
    }
    Ok(joined.map_or(first, BytesMut::freeze))
}

fn too_large(bytes_max: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge { key: "limits.body_bytes_max" },
        format!("the body is larger than {bytes_max} bytes (limits.body_bytes_max)"),
    )
}
