//! How a kind of error becomes a gRPC status, with `RetryInfo` where a retry helps.

use std::time::Duration;

use bytes::Bytes;
use tonic::{Code, Status};
use watchkeep_model::{Error, ErrorKind};
use watchkeep_wire::protobuf::Writer;

use crate::error_log::public_message;

/// The code for a kind of error.
pub(crate) fn code_of(kind: &ErrorKind) -> Code {
    match kind {
        ErrorKind::Invalid | ErrorKind::LimitExceeded { .. } => Code::InvalidArgument,
        ErrorKind::Unsupported => Code::Unimplemented,
        // Without RetryInfo, RESOURCE_EXHAUSTED tells OTLP clients not to retry.
        ErrorKind::TooLarge { .. } | ErrorKind::Overloaded { .. } => Code::ResourceExhausted,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::Unavailable { .. } => Code::Unavailable,
        ErrorKind::Timeout => Code::DeadlineExceeded,
        ErrorKind::Corrupt => Code::DataLoss,
        _ => Code::Internal,
    }
}

/// The status of an error: its code, what may be said of it outside, and when to try again. Where the
/// cause is a status, which is how a surface picks a code of its own, it is that.
pub(crate) fn status_of(error: &Error) -> Status {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<Status>());
    if let Some(status) = cause {
        return status.clone();
    }
    let (code, message) = (code_of(error.kind()), public_message(error));
    match error.kind() {
        ErrorKind::Overloaded { retry_after } | ErrorKind::Unavailable { retry_after } => {
            Status::with_details(code, message, retry_details(code, message, *retry_after))
        }
        _ => Status::new(code, message),
    }
}

/// `google.rpc.Status` with one detail, `google.rpc.RetryInfo`.
fn retry_details(code: Code, message: &str, delay: Duration) -> Bytes {
    let mut writer = Writer::default();
    writer.varint(1, code as u64);
    writer.bytes(2, message.as_bytes());
    let detail = writer.begin_message(3);
    writer.bytes(1, b"type.googleapis.com/google.rpc.RetryInfo");
    let retry_info = writer.begin_message(2);
    let retry_delay = writer.begin_message(1);
    writer.varint(1, delay.as_secs());
    writer.varint(2, u64::from(delay.subsec_nanos()));
    writer.end_message(retry_delay);
    writer.end_message(retry_info);
    writer.end_message(detail);
    writer.into_bytes().into()
}
