//! OTLP (OpenTelemetry protocol 1.x): requests in protobuf or JSON to columns, and the bodies of
//! answers. It knows the messages, not how they arrive.
//!
//! Fields may come in any order. Where a field that is not repeated comes more than once, the
//! last occurrence wins, for messages too (protobuf would merge them; no encoder sends that).
//! Unknown fields and unknown members of a `oneof` are ignored. A string that is not UTF-8 is
//! read with replacement characters and counted. JSON becomes protobuf on the way in, so that
//! both give the same columns by construction.

mod common;
mod encode;
mod json;
mod logs;
mod metrics;
#[cfg(test)]
mod tests;
mod traces;

use watchkeep_model::{Error, ErrorKind, Signal};

use crate::compression::DECOMPRESSED_BYTES_MAX_KEY;
use crate::protobuf::Malformed;

pub use encode::{Encoding, encode_traces, export_response, rpc_status};
pub use json::{decode_logs_json, decode_metrics_json, decode_traces_json};
pub use logs::decode_logs;
pub use metrics::{MetricsOptions, decode_metrics};
pub use traces::decode_traces;

/// Arrays and maps nest no deeper than this, whatever `limits.nesting_depth_max` says: the text
/// form is written by recursion.
pub const NESTING_DEPTH_HARD_MAX: usize = 64;

/// A body larger than this is refused, whatever `limits.decompressed_bytes_max` says: its columns
/// might not fit the 32-bit offsets of a column.
pub const BODY_BYTES_HARD_MAX: usize = 128 << 20;

/// Columns whose growing parts hold more than this are refused. A few bytes of a hostile body can
/// each stand for many of a column: a long resource beside very many points, say.
pub const COLUMN_BYTES_HARD_MAX: usize = 512 << 20;

/// A decoded request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded<T> {
    /// What was accepted.
    pub columns: T,
    /// Spans, log records or data points left out.
    pub rejected: u64,
    /// Why, for `partial_success`; empty when nothing was rejected.
    pub message: String,
    /// What was accepted with a loss.
    pub warnings: Warnings,
}

/// Losses inside accepted records, for metrics about clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Warnings {
    /// Strings that were not UTF-8 and hold replacement characters now.
    pub invalid_utf8: u64,
    /// Attribute values cut to `limits.attribute_value_bytes_max`.
    pub truncated_values: u64,
    /// Arrays and maps deeper than `limits.nesting_depth_max` that became empty values.
    pub values_too_deep: u64,
    /// Attributes over `limits.attributes_per_item_max`, and those that make no label.
    pub dropped_attributes: u64,
    /// Events over `limits.events_per_span_max`.
    pub dropped_events: u64,
    /// Links over `limits.events_per_span_max`, and those without valid ids.
    pub dropped_links: u64,
    /// Exemplars without a value.
    pub dropped_exemplars: u64,
    /// Parent ids, and ids of log records, of a wrong length that became "none".
    pub invalid_ids: u64,
}

impl Warnings {
    /// Each count under its name, which is safe as a metric's label.
    pub fn counts(&self) -> [(&'static str, u64); 8] {
        [
            ("invalid_utf8", self.invalid_utf8),
            ("truncated_values", self.truncated_values),
            ("values_too_deep", self.values_too_deep),
            ("dropped_attributes", self.dropped_attributes),
            ("dropped_events", self.dropped_events),
            ("dropped_links", self.dropped_links),
            ("dropped_exemplars", self.dropped_exemplars),
            ("invalid_ids", self.invalid_ids),
        ]
    }
}

/// Why records were rejected: how many for each of a few fixed reasons, with an example.
#[derive(Debug, Default)]
struct Rejections {
    total: u64,
    reasons: Vec<(&'static str, u64, String)>,
}

impl Rejections {
    const EXAMPLE_CHARS_MAX: usize = 100;

    fn add(&mut self, reason: &'static str, count: u64, example: &str) {
        self.total += count;
        let known = self.reasons.iter_mut().find(|(other, ..)| *other == reason);
        if let Some((_, so_far, _)) = known {
            *so_far += count;
        } else {
            let example = example.chars().take(Self::EXAMPLE_CHARS_MAX).collect();
            self.reasons.push((reason, count, example));
        }
    }

    fn message(&self, signal: Signal) -> String {
        let mut parts = Vec::new();
        for (reason, count, example) in &self.reasons {
            let example =
                if example.is_empty() { String::new() } else { format!(" (such as {example:?})") };
            parts.push(format!("{count} {} rejected: {reason}{example}", signal.items()));
        }
        parts.join("; ")
    }
}

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
