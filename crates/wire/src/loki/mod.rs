//! Loki's push API: requests to columns of log records, as protobuf and as JSON, and the older forms
//! of both. (Loki documentation, "HTTP API", section "Ingest logs"; `logproto.PushRequest`.)
//!
//! An entry that can not be kept is left out alone and counted; labels or a timestamp that can not be
//! read refuse the request, as Loki does. Which service and level a record belongs to is for the
//! application to say.

mod cursor;
mod entries;
mod json;
mod labels;
mod legacy;
mod lines;
mod proto;
mod rows;

#[cfg(test)]
mod tests;

use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{Error, ErrorKind};

use crate::compression::DECOMPRESSED_BYTES_MAX_KEY;

pub use entries::Entries;
pub use json::decode as decode_json;
pub use labels::parse as parse_labels;
pub use legacy::decode as decode_legacy_json;
pub use lines::decode as decode_lines;
pub use proto::decode as decode_proto;

/// A body larger than this is refused, whatever `limits.decompressed_bytes_max` says: its columns
/// might not fit the 32-bit offsets of a column.
pub const BODY_BYTES_HARD_MAX: usize = 128 << 20;

/// Entries of one request; more are refused. An entry of two bytes makes a row of a hundred.
pub const ENTRIES_MAX: usize = 4_000_000;

/// Bytes of the name of a label; a stream with a longer one is rejected. As in Loki.
pub const LABEL_NAME_BYTES_MAX: usize = 1024;

/// Bytes of the value of a label; a stream with a longer one is rejected. As in Loki.
pub const LABEL_VALUE_BYTES_MAX: usize = 2048;

/// What is said of a request without any stream.
pub const NO_STREAMS: &str = "error at least one valid stream is required for ingestion";

/// What a decoder of push requests is told.
#[derive(Debug, Clone, Copy)]
pub struct PushOptions<'a> {
    /// How much is accepted.
    pub limits: &'a DecodeLimits,
    /// Whether a stream without any label is rejected.
    pub labels_required: bool,
}

/// Why a whole request is refused.
#[derive(Debug)]
enum Fault {
    /// It is malformed; the text is whole.
    Malformed(String),
    /// It grows beyond bounds.
    TooLarge(&'static str),
}

impl Fault {
    fn into_error(self) -> Error {
        match self {
            Self::Malformed(message) => Error::invalid(message),
            Self::TooLarge(message) => {
                Error::new(ErrorKind::TooLarge { key: DECOMPRESSED_BYTES_MAX_KEY }, message)
            }
        }
    }
}

impl From<crate::protobuf::Malformed> for Fault {
    fn from(malformed: crate::protobuf::Malformed) -> Self {
        Self::Malformed(format!("malformed push request: {malformed}"))
    }
}

fn check_body(body: &[u8]) -> Result<(), Fault> {
    if body.len() <= BODY_BYTES_HARD_MAX {
        return Ok(());
    }
    Err(Fault::TooLarge("a push request holds at most 128 MiB"))
}
