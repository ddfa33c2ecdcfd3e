//! The section `traces` of the configuration: how much TraceQL and the APIs of traces may ask for.

use serde::{Deserialize, Serialize};
use watchkeep_model::{Error, Result};

use crate::humane::ByteSize;

/// Section `traces`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TracesConfig {
    /// Bytes of the text of one TraceQL query.
    pub query_text_bytes_max: ByteSize,
    /// Spans that one query may look at.
    pub query_spans_max: u64,
    /// Traces that one search may ask for.
    pub search_traces_max: usize,
    /// Series that the answer to one metric query may have.
    pub query_series_max: usize,
    /// Exemplars that the answer to one metric query may have.
    pub query_exemplars_max: usize,
    /// Values of one attribute that are listed.
    pub tag_values_max: usize,
    /// Bytes of the values of one attribute that are listed.
    pub tag_values_bytes_max: ByteSize,
}

impl Default for TracesConfig {
    fn default() -> Self {
        Self {
            query_text_bytes_max: ByteSize(128 << 10),
            query_spans_max: 50_000_000,
            search_traces_max: 100_000,
            query_series_max: 10_000,
            query_exemplars_max: 100,
            tag_values_max: 100_000,
            tag_values_bytes_max: ByteSize(10 << 20),
        }
    }
}

impl TracesConfig {
    /// Fails where a limit leaves nothing allowed.
    pub fn check(&self) -> Result<()> {
        let at_least_one = [
            ("traces.query_text_bytes_max", self.query_text_bytes_max.0),
            ("traces.query_spans_max", self.query_spans_max),
            ("traces.search_traces_max", self.search_traces_max as u64),
            ("traces.query_series_max", self.query_series_max as u64),
            ("traces.tag_values_max", self.tag_values_max as u64),
            ("traces.tag_values_bytes_max", self.tag_values_bytes_max.0),
        ];
        match at_least_one.iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => Err(Error::invalid(format!("{key} must be at least 1"))),
            None => Ok(()),
        }
    }
}
