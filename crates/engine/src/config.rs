//! The section `limits` of the configuration: every bound that ingest and queries enforce. Read
//! once at start; nothing here looks at files or the environment.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use watchkeep_model::{DecodeLimits, Error, Result};

use crate::humane::{ByteSize, HumaneDuration};

/// Section `limits`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Bytes of one request body as sent, compressed or not.
    pub body_bytes_max: ByteSize,
    /// Bytes of one request body after decompression.
    pub decompressed_bytes_max: ByteSize,
    /// Bytes of all request bodies that are being read, decoded or stored at one time.
    pub ingest_bytes_in_flight_max: ByteSize,
    /// How long a request waits for its share of those bytes before it is told to retry.
    pub ingest_wait_max: HumaneDuration,
    /// Attributes kept on one span, record, point, event, link, scope or resource.
    pub attributes_per_item_max: usize,
    /// Bytes of one attribute's text form; a longer string is cut.
    pub attribute_value_bytes_max: ByteSize,
    /// How deep arrays and maps may nest inside one value.
    pub nesting_depth_max: usize,
    /// Events, and likewise links, kept on one span.
    pub events_per_span_max: usize,
    /// Labels of one series, its name included.
    pub labels_per_series_max: usize,
    /// Bytes of one log record's body in text form.
    pub log_body_bytes_max: ByteSize,
    /// Series with delta temporality of which the running total is remembered.
    pub delta_series_max: usize,
    /// Series of metrics that a tenant may have in memory; new ones beyond it are refused. 0 lets
    /// in any number.
    pub series_max: u64,
    /// How long one query may take.
    pub query_timeout: HumaneDuration,
    /// Queries that run at one time.
    pub queries_max: usize,
    /// Spans of one trace that are returned, and records of one instant that a cursor may skip.
    pub query_rows_max: usize,
    /// Bytes of spans or log records that one query may return.
    pub query_bytes_max: ByteSize,
    /// Series that the list of metrics looks at.
    pub query_series_max: usize,
    /// Samples that one query may read.
    pub query_samples_max: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let decode = DecodeLimits::default();
        Self {
            body_bytes_max: ByteSize(64 << 20),
            decompressed_bytes_max: ByteSize(128 << 20),
            ingest_bytes_in_flight_max: ByteSize(512 << 20),
            ingest_wait_max: HumaneDuration(Duration::from_millis(250)),
            attributes_per_item_max: decode.attributes_per_item_max,
            attribute_value_bytes_max: ByteSize(decode.attribute_value_bytes_max as u64),
            nesting_depth_max: decode.nesting_depth_max,
            events_per_span_max: decode.events_per_span_max,
            labels_per_series_max: decode.labels_per_series_max,
            log_body_bytes_max: ByteSize(decode.log_body_bytes_max as u64),
            delta_series_max: 200_000,
            series_max: 5_000_000,
            query_timeout: HumaneDuration(Duration::from_secs(30)),
            queries_max: 64,
            query_rows_max: 200_000,
            query_bytes_max: ByteSize(256 << 20),
            query_series_max: 100_000,
            query_samples_max: 20_000_000,
        }
    }
}

impl LimitsConfig {
    /// What decoders enforce inside a request.
    pub fn decode(&self) -> DecodeLimits {
        DecodeLimits {
            attributes_per_item_max: self.attributes_per_item_max,
            attribute_value_bytes_max: self.attribute_value_bytes_max.bytes(),
            nesting_depth_max: self.nesting_depth_max,
            events_per_span_max: self.events_per_span_max,
            labels_per_series_max: self.labels_per_series_max,
            log_body_bytes_max: self.log_body_bytes_max.bytes(),
        }
    }

    /// Fails where two limits contradict each other or one leaves nothing allowed.
    pub fn check(&self) -> Result<()> {
        let at_least_one = [
            ("limits.body_bytes_max", self.body_bytes_max.bytes()),
            ("limits.attributes_per_item_max", self.attributes_per_item_max),
            ("limits.labels_per_series_max", self.labels_per_series_max),
            ("limits.delta_series_max", self.delta_series_max),
            ("limits.queries_max", self.queries_max),
            ("limits.query_rows_max", self.query_rows_max),
            ("limits.query_series_max", self.query_series_max),
            ("limits.query_samples_max", self.query_samples_max),
        ];
        if let Some((key, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
            return Err(Error::invalid(format!("{key} must be at least 1")));
        }
        // Offsets into columns are 31 bits wide, and columns can be longer than what they were
        // decoded from; decoders refuse longer bodies whatever the limit says.
        if self.decompressed_bytes_max > ByteSize(128 << 20) {
            return Err(Error::invalid("limits.decompressed_bytes_max must be at most 128MiB"));
        }
        let one_request = self.body_bytes_max.0.saturating_add(self.decompressed_bytes_max.0);
        if self.ingest_bytes_in_flight_max.0 < one_request {
            return Err(Error::invalid(format!(
                "limits.ingest_bytes_in_flight_max ({}) must be at least limits.body_bytes_max \
                 plus limits.decompressed_bytes_max ({})",
                self.ingest_bytes_in_flight_max,
                ByteSize(one_request)
            )));
        }
        // The most KiB that the semaphore behind it can count.
        if self.ingest_bytes_in_flight_max.0 > 1 << 40 {
            return Err(Error::invalid("limits.ingest_bytes_in_flight_max must be at most 1TiB"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_consistent_and_contradictions_name_their_key() {
        LimitsConfig::default().check().unwrap();
        let small = LimitsConfig {
            ingest_bytes_in_flight_max: ByteSize(1 << 20),
            ..LimitsConfig::default()
        };
        assert!(small.check().unwrap_err().message().contains("ingest_bytes_in_flight_max"));
        let none = LimitsConfig { queries_max: 0, ..LimitsConfig::default() };
        assert!(none.check().unwrap_err().message().contains("limits.queries_max"));
    }
}
