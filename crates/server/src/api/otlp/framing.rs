//! The framing of unary gRPC calls over HTTP/2 (gRPC "Protocol over HTTP2"): a flag, a length, a
//! message, and trailers at the end.
//!
//! `tonic::server::Grpc` is not used for these calls: it sets aside what a message's length claims
//! before the bytes are there, copies every body once more, decompresses on the reactor, and knows
//! nothing of the account of bytes in flight. Status codes and their headers are tonic's.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use http_body::Frame;
use tonic::Status;

/// Bytes before a message: the flag and the length.
pub(super) const PREFIX_BYTES: usize = 5;

/// Why a body is not one message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadFrame(pub(super) &'static str);

/// Takes the one message out of a body; true where its flag says that it is compressed.
pub(super) fn unframe(body: &Bytes) -> Result<(Bytes, bool), BadFrame> {
    let Some((prefix, message)) = body.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(BadFrame("the body is shorter than the prefix of a message"));
    };
    let [flag, length @ ..] = prefix;
    let length = u32::from_be_bytes(*length) as usize;
    match message.len() {
        found if found < length => Err(BadFrame("the message is cut off")),
        found if found > length => Err(BadFrame("the call holds more than one message")),
        _ if *flag > 1 => Err(BadFrame("the flag of the message is neither 0 nor 1")),
        _ => Ok((body.slice(PREFIX_BYTES..), *flag == 1)),
    }
}

/// The answer to a call that succeeded.
pub(super) fn success(message: &[u8]) -> Response {
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(message);
    let mut response =
        Response::new(Body::new(Unary { message: Some(framed.freeze()), ended: false }));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

/// The answer to a call that failed: only trailers, which travel as headers.
pub(super) fn failure(status: Status) -> Response {
    status.into_http()
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
        let mut trailers = HeaderMap::with_capacity(1);
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found = Result<(&'static [u8], bool), &'static str>;

    #[test]
    fn a_body_is_exactly_one_message() {
        let cases: [(&[u8], Found); 6] = [
            (b"\0\0\0\0\0", Ok((b"", false))),
            (b"\x01\0\0\0\x02ab", Ok((b"ab", true))),
            (b"\0\0\0", Err("the body is shorter than the prefix of a message")),
            (b"\0\xff\xff\xff\xffab", Err("the message is cut off")),
            (b"\0\0\0\0\x01ab", Err("the call holds more than one message")),
            (b"\x02\0\0\0\0", Err("the flag of the message is neither 0 nor 1")),
        ];
        for (body, expect) in cases {
            let found = unframe(&Bytes::copy_from_slice(body));
            let expect = expect
                .map(|(message, compressed)| (Bytes::copy_from_slice(message), compressed))
                .map_err(BadFrame);
            assert_eq!(found, expect, "{body:?}");
        }
    }
}
