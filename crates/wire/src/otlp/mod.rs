//! OTLP (OpenTelemetry protocol 1.x): requests in protobuf or JSON to columns, and the bodies of
//! answers. It knows the messages, not how they arrive.
//!
//! Fields may come in any order. Where a field that is not repeated comes more than once, the
//! last occurrence wins, for messages too (protobuf would merge them; no encoder sends that).
//! Unknown fields and unknown members of a `oneof` are ignored. A string that is not UTF-8 is
//! read with replacement characters and counted. JSON becomes protobuf on the way in, so that
//! both give the same columns by construction.

pub(crate) mod common;
mod encode;
mod json;
mod logs;
mod metrics;
#[cfg(test)]
mod tests;
mod traces;

use watchkeep_model::{Error, ErrorKind, Signal};

use crate::compression::DECOMPRESSED_BYTES_MAX_KEY;
use crate::decoded::Rejections;
use crate::protobuf::Malformed;

pub use crate::decoded::{COLUMN_BYTES_HARD_MAX, Decoded, Warnings};
pub use encode::{Encoding, encode_traces, export_response, rpc_status};
pub use json::{
    JsonForm, decode_logs_json, decode_metrics_json, decode_traces_json, encode_traces_json,
};
pub use logs::decode_logs;
pub use metrics::{MetricsOptions, TranslationStrategy, decode_metrics};
pub use traces::decode_traces;

/// Arrays and maps nest no deeper than this, whatever `limits.nesting_depth_max` says: the text
/// form is written by recursion.
pub const NESTING_DEPTH_HARD_MAX: usize = 64;

/// A body larger than this is refused, whatever `limits.decompressed_bytes_max` says: its columns
/// might not fit the 32-bit offsets of a column.
pub const BODY_BYTES_HARD_MAX: usize = 128 << 20;

/// Why a whole request is refused.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Malformed(Malformed),
    ColumnsTooLarge,
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl Fault {
    fn into_error(self, signal: Signal) -> Error {
        match self {
            Self::Malformed(malformed) => {
                Error::invalid(format!("malformed OTLP {}: {malformed}", signal.name()))
            }
            Self::ColumnsTooLarge => Error::new(
                ErrorKind::TooLarge { key: DECOMPRESSED_BYTES_MAX_KEY },
                format!("the OTLP {} grow beyond bounds when decoded", signal.name()),
            ),
        }
    }
}

fn check_body(body: &[u8], signal: Signal) -> Result<(), Error> {
    if body.len() <= BODY_BYTES_HARD_MAX {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::TooLarge { key: DECOMPRESSED_BYTES_MAX_KEY },
        format!("a body of OTLP {} holds at most {BODY_BYTES_HARD_MAX} bytes", signal.name()),
    ))
}
