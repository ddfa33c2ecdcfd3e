//! Tokens by bucket. Buckets are disjoint: the sum of all is what the provider counted.

use serde::{Deserialize, Serialize};

/// What a token was. Each is priced on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// Text (or what is priced as text) that was read afresh.
    Input,
    /// Read out of the provider's cache.
    InputCached,
    /// Written to the provider's cache for five minutes, or for as long as is the default.
    #[serde(rename = "cache_write_5m")]
    CacheWrite5m,
    /// Written to the provider's cache for an hour.
    #[serde(rename = "cache_write_1h")]
    CacheWrite1h,
    /// Audio that was read.
    InputAudio,
    /// Images that were read, where they are counted apart.
    InputImage,
    /// Text that was written.
    Output,
    /// What a model thought before it answered.
    Reasoning,
    /// Audio that was written.
    OutputAudio,
    /// Images that were written, where they are counted apart.
    OutputImage,
}

impl Bucket {
    /// All, input first.
    pub const ALL: [Self; 10] = [
        Self::Input,
        Self::InputCached,
        Self::CacheWrite5m,
        Self::CacheWrite1h,
        Self::InputAudio,
        Self::InputImage,
        Self::Output,
        Self::Reasoning,
        Self::OutputAudio,
        Self::OutputImage,
    ];

    /// The name in labels, records and the API: `input`, `input_cached`, `cache_write_5m`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::InputCached => "input_cached",
            Self::CacheWrite5m => "cache_write_5m",
            Self::CacheWrite1h => "cache_write_1h",
            Self::InputAudio => "input_audio",
            Self::InputImage => "input_image",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::OutputAudio => "output_audio",
            Self::OutputImage => "output_image",
        }
    }

    /// The bucket of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bucket| bucket.name() == name)
    }

    /// Whether it is of what a model read.
    pub fn is_input(self) -> bool {
        (self as usize) < (Self::Output as usize)
    }
}

/// How an emitter counts what is cached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Nothing was cached or nothing was said, so both ways of counting agree.
    #[default]
    Same,
    /// The number of input tokens includes the cached ones.
    Inclusive,
    /// The cached ones come on top.
    Exclusive,
    /// The emitter names disjoint buckets.
    Disjoint,
    /// Nothing told inclusive and exclusive apart, and it was taken to be inclusive.
    Assumed,
}

/// Tokens by bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    tokens: [u64; Bucket::ALL.len()],
}

impl Usage {
    /// Tokens of a bucket.
    pub fn get(&self, bucket: Bucket) -> u64 {
        self.tokens[bucket as usize]
    }

    /// Sets the tokens of a bucket.
    pub fn set(&mut self, bucket: Bucket, tokens: u64) {
        self.tokens[bucket as usize] = tokens;
    }

    /// Adds to a bucket.
    pub fn add(&mut self, bucket: Bucket, tokens: u64) {
        let held = &mut self.tokens[bucket as usize];
        *held = held.saturating_add(tokens);
    }

    /// Adds all buckets of another.
    pub fn add_all(&mut self, other: &Self) {
        for (bucket, tokens) in other.buckets() {
            self.add(bucket, tokens);
        }
    }

    /// Buckets that have tokens.
    pub fn buckets(&self) -> impl Iterator<Item = (Bucket, u64)> + '_ {
        Bucket::ALL.into_iter().map(|bucket| (bucket, self.get(bucket))).filter(|(_, n)| *n > 0)
    }

    /// All that was read.
    pub fn input(&self) -> u64 {
        self.sum(true)
    }

    /// All that was written.
    pub fn output(&self) -> u64 {
        self.sum(false)
    }

    /// Everything.
    pub fn total(&self) -> u64 {
        self.input().saturating_add(self.output())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tokens.iter().all(|tokens| *tokens == 0)
    }

    fn sum(&self, input: bool) -> u64 {
        let of_side = self.buckets().filter(|(bucket, _)| bucket.is_input() == input);
        of_side.fold(0, |sum, (_, tokens)| sum.saturating_add(tokens))
    }
}
