//! Native histograms: exponential buckets (or custom bounds) in sparse runs, as Prometheus keeps
//! them.
//!
//! [`bounds`] knows where buckets begin and end, [`buckets`] walks them, [`layout`] changes which
//! there are without changing what they mean, `validate` says what a histogram from outside must
//! fulfil, [`classic`] makes one from classic buckets, `text` writes one, `codec` is the byte form.
//! Arithmetic and the statistics of PromQL are not here: they are in the `promql` crate.

pub mod bounds;
pub mod buckets;
pub mod classic;
mod codec;
pub mod layout;
mod text;
mod validate;

pub use buckets::Bucket;
pub use classic::ClassicHistogram;
pub use validate::validate;

/// A run of consecutive buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketSpan {
    /// Gap to the end of the previous run; for the first run the index of its first bucket.
    pub offset: i32,
    /// Buckets in the run.
    pub length: u32,
}

/// What a native histogram says about its relation to the sample before it in its series.
/// (Prometheus specification "Native histograms", section "Counter reset considerations".)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResetHint {
    /// Not known: compare the buckets.
    #[default]
    Unknown,
    /// The counts began anew with this sample.
    Reset,
    /// The counts go on from the sample before.
    NotReset,
    /// A gauge histogram, of which a falling count is no reset.
    Gauge,
}

/// One sample of a native histogram. Bucket counts are absolute, not differences.
///
/// With `schema` in -4..=8 the bucket with index `i` holds values in
/// `(2^(2^-schema * (i-1)), 2^(2^-schema * i)]`; with [`NativeHistogram::CUSTOM_BUCKETS`] the
/// bounds are `custom_values`. (Prometheus specification "Native histograms", section "Data
/// model".)
#[derive(Debug, Clone, PartialEq)]
pub struct NativeHistogram {
    /// Resolution: each power of two is cut into `2^schema` buckets.
    pub schema: i32,
    /// Values of at most this magnitude are in the zero bucket.
    pub zero_threshold: f64,
    /// Count of the zero bucket.
    pub zero_count: f64,
    /// Number of observations; may be fractional for histograms that are results.
    pub count: f64,
    /// Sum of observations.
    pub sum: f64,
    /// Whether the counts may be fractional.
    pub is_float: bool,
    /// What is known about a reset of the counts since the sample before.
    pub reset_hint: ResetHint,
    /// Runs of positive buckets.
    pub positive_spans: Vec<BucketSpan>,
    /// Counts of the positive buckets, run by run.
    pub positive_counts: Vec<f64>,
    /// Runs of negative buckets.
    pub negative_spans: Vec<BucketSpan>,
    /// Counts of the negative buckets, run by run.
    pub negative_counts: Vec<f64>,
    /// Upper bounds of custom buckets; empty for exponential ones.
    pub custom_values: Vec<f64>,
}

impl NativeHistogram {
    /// The schema number that means custom bucket bounds.
    pub const CUSTOM_BUCKETS: i32 = -53;
    /// The exponential schema with the widest buckets.
    pub const SCHEMA_MIN: i32 = -4;
    /// The exponential schema with the narrowest buckets.
    pub const SCHEMA_MAX: i32 = 8;
    /// Exponential schemas below [`Self::SCHEMA_MIN`] down to this one are reserved.
    pub const RESERVED_SCHEMA_MIN: i32 = -9;
    /// Exponential schemas above [`Self::SCHEMA_MAX`] up to this one are reserved; senders may use
    /// them and receivers reduce them.
    pub const RESERVED_SCHEMA_MAX: i32 = 52;

    /// Whether the bounds of the buckets are given by `custom_values`.
    pub fn uses_custom_buckets(&self) -> bool {
        self.schema == Self::CUSTOM_BUCKETS
    }

    /// Whether the schema is one that a receiver must accept, though it may have to be reduced
    /// (see [`NativeHistogram::reduce_to_supported`]).
    pub fn is_known_schema(schema: i32) -> bool {
        schema == Self::CUSTOM_BUCKETS
            || (Self::RESERVED_SCHEMA_MIN..=Self::RESERVED_SCHEMA_MAX).contains(&schema)
    }

    /// Whether the schema is one that is kept and computed with.
    pub fn is_supported_schema(schema: i32) -> bool {
        schema == Self::CUSTOM_BUCKETS || (Self::SCHEMA_MIN..=Self::SCHEMA_MAX).contains(&schema)
    }
}
