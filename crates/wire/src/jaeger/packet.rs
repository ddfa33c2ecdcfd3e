//! Datagrams to jaeger-agent: a Thrift call without an answer (`agent.thrift`), in the protocol that
//! its first byte tells, whatever the port.

use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{Result, SpanColumns};

use super::{WHAT, thrift};
use crate::decoded::Decoded;
use crate::protobuf::Malformed;
use crate::spans::{Fault, SpanRows};
use crate::thrift::{Kind, Reader};
use crate::zipkin;

/// Bytes of the largest datagram that there is.
pub const PACKET_BYTES_MAX: usize = 65_535;

/// Kinds of messages.
const CALL: u8 = 1;
const ONEWAY: u8 = 4;

/// Decodes a call of `emitBatch` or `emitZipkinBatch`. A Zipkin span without a time of its own began
/// when it arrived.
pub fn decode(
    packet: &[u8],
    limits: &DecodeLimits,
    arrival_ns: i64,
) -> Result<Decoded<SpanColumns>> {
    let mut rows = SpanRows::new(limits);
    call(packet, &mut rows, arrival_ns).map_err(|fault| fault.into_error(WHAT))?;
    Ok(rows.finish())
}

fn call(packet: &[u8], rows: &mut SpanRows, arrival_ns: i64) -> Result<(), Fault> {
    let mut reader = Reader::of_message(packet);
    let message = reader.message()?;
    if message.kind != CALL && message.kind != ONEWAY {
        return Err(Malformed { at: 0, what: "a message that is no call" }.into());
    }
    let mut last = 0;
    while let Some(field) = reader.field(&mut last)? {
        match (message.name, field.id, field.kind) {
            (b"emitBatch", 1, Kind::Struct) => thrift::batch(&mut reader, rows)?,
            (b"emitZipkinBatch", 1, Kind::List) => {
                zipkin::read_thrift_spans(&mut reader, rows, arrival_ns)?;
            }
            (b"emitBatch" | b"emitZipkinBatch", ..) => reader.skip(&field)?,
            _ => return Err(Malformed { at: 0, what: "a call of an unknown method" }.into()),
        }
    }
    Ok(())
}
