//! Messages in a gRPC stream (gRPC "Protocol over HTTP2"): a flag, a length, a message.
//!
//! `tonic::server::Grpc` is not used: it sets aside what a message's length claims before the bytes
//! are there, copies every body once more, decompresses on the reactor, and knows nothing of the
//! account of bytes in flight. Status codes and their headers are tonic's.

use bytes::{BufMut as _, Bytes, BytesMut};
use watchkeep_model::{Error, Result};
use watchkeep_wire::compression::Coding;

/// Bytes before a message: the flag and the length.
pub(crate) const PREFIX_BYTES: usize = 5;

/// Messages below this are not worth compressing.
const COMPRESSED_BYTES_MIN: usize = 512;

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

/// A message with its prefix. One that does not compress to less travels as it is.
pub(super) fn frame(message: &[u8], coding: Option<Coding>) -> Result<Bytes> {
    let packed = match coding {
        Some(coding) if message.len() >= COMPRESSED_BYTES_MIN => Some(coding.compress(message)?),
        _ => None,
    };
    let packed = packed.filter(|packed| packed.len() < message.len());
    let (flag, body) = packed.as_deref().map_or((0, message), |packed| (1, packed));
    let length = u32::try_from(body.len()).map_err(|error| {
        let message = format!("a gRPC message of {} bytes is longer than 4 GiB", body.len());
        Error::internal(message).with_source(error)
    })?;
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + body.len());
    framed.put_u8(flag);
    framed.put_u32(length);
    framed.put_slice(body);
    Ok(framed.freeze())
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
