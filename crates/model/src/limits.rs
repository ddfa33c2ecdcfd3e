//! Limits that decoders enforce on what comes from outside. Each has a name, a configuration key
//! and a default; the size of a body is checked where it is read, before and after decompression.

/// What a decoder accepts inside one request. Configuration section `limits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Attributes kept on one span, record, point, event, link, scope or resource; the rest is
    /// counted as dropped. Key `limits.attributes_per_item_max`.
    pub attributes_per_item_max: usize,
    /// Bytes of one attribute's text form; a longer string is cut at a character boundary. Key
    /// `limits.attribute_value_bytes_max`.
    pub attribute_value_bytes_max: usize,
    /// How deep arrays and maps may nest inside one value; a deeper part becomes an empty value.
    /// Key `limits.nesting_depth_max`.
    pub nesting_depth_max: usize,
    /// Events, and likewise links, kept on one span; the rest is counted as dropped. Key
    /// `limits.events_per_span_max`.
    pub events_per_span_max: usize,
    /// Labels of one series, its name included; a series with more is rejected. Key
    /// `limits.labels_per_series_max`.
    pub labels_per_series_max: usize,
    /// Bytes of one log record's body in text form; a longer one is rejected. Key
    /// `limits.log_body_bytes_max`.
    pub log_body_bytes_max: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            attributes_per_item_max: 512,
            attribute_value_bytes_max: 1 << 20,
            nesting_depth_max: 32,
            events_per_span_max: 1024,
            labels_per_series_max: 64,
            log_body_bytes_max: 1 << 20,
        }
    }
}
