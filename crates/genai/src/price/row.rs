//! One row of a price table: what its fields are called in `LiteLLM`'s format, and when they hold.

use regex::Regex;

use crate::usage::Bucket;

/// What a price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Base {
    Input,
    CacheRead,
    CacheWrite,
    CacheWrite1h,
    InputAudio,
    InputImage,
    Output,
    Reasoning,
    OutputAudio,
    OutputImage,
    /// A request of a reranker.
    Query,
    /// A call of a model, whatever its tokens.
    Request,
}

/// Names of fields without what may stand behind them.
const BASES: &[(&str, Base)] = &[
    ("input_cost_per_token_cache_hit", Base::CacheRead),
    ("input_cost_per_token", Base::Input),
    ("cache_read_input_token_cost", Base::CacheRead),
    ("cache_creation_input_token_cost", Base::CacheWrite),
    ("input_cost_per_audio_token", Base::InputAudio),
    ("input_cost_per_image_token", Base::InputImage),
    ("output_cost_per_token", Base::Output),
    ("output_cost_per_reasoning_token", Base::Reasoning),
    ("output_cost_per_audio_token", Base::OutputAudio),
    ("output_cost_per_image_token", Base::OutputImage),
    ("input_cost_per_query", Base::Query),
    ("input_cost_per_request", Base::Request),
];

/// The prices that a bucket may be charged by, the fittest first: what has no price of its own is
/// charged as what it is a part of.
pub(super) fn bases_of(bucket: Bucket) -> &'static [Base] {
    match bucket {
        Bucket::Input => &[Base::Input],
        Bucket::InputCached => &[Base::CacheRead, Base::Input],
        Bucket::CacheWrite5m => &[Base::CacheWrite, Base::Input],
        Bucket::CacheWrite1h => &[Base::CacheWrite1h, Base::CacheWrite, Base::Input],
        Bucket::InputAudio => &[Base::InputAudio, Base::Input],
        Bucket::InputImage => &[Base::InputImage, Base::Input],
        Bucket::Output => &[Base::Output],
        Bucket::Reasoning => &[Base::Reasoning, Base::Output],
        Bucket::OutputAudio => &[Base::OutputAudio, Base::Output],
        Bucket::OutputImage => &[Base::OutputImage, Base::Output],
    }
}

/// One price of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    pub(super) base: Base,
    /// It holds where more tokens than this were read; 0 for always.
    pub(super) above: u64,
    /// The price class that it holds for; empty for the default.
    pub(super) class: Box<str>,
    /// The field that it stands in.
    pub field: Box<str>,
    /// USD for one.
    pub usd: f64,
}

impl Rate {
    /// The price that a field holds; `None` where the field is not one of those that are priced by.
    pub(super) fn read(field: &str, usd: f64) -> Option<Self> {
        let (name, base) = BASES.iter().find(|(name, _)| field.starts_with(name))?;
        let (mut base, mut rest) = (*base, &field[name.len()..]);
        let (mut above, mut class) = (0, "");
        while !rest.is_empty() {
            rest = rest.strip_prefix('_')?;
            if let Some(after) = rest.strip_prefix("above_1hr") {
                base = (base == Base::CacheWrite).then_some(Base::CacheWrite1h)?;
                rest = after;
            } else if let Some(after) = rest.strip_prefix("above_") {
                let (number, after) = after.split_once("k_tokens")?;
                above = number.parse::<u64>().ok()?.checked_mul(1000)?;
                rest = after;
            } else {
                let is_word = rest.bytes().all(|byte| byte.is_ascii_lowercase());
                class = is_word.then_some(rest)?;
                rest = "";
            }
        }
        Some(Self { base, above, class: class_name(class).into(), field: field.into(), usd })
    }
}

/// The name of a price class: as it stands in fields (`batches`), or as providers tell it
/// (`standard`); empty for the default.
pub(super) fn class_name(text: &str) -> &str {
    match text {
        "batches" | "batch" => "batch",
        "" | "default" | "auto" | "standard" | "standard_only" | "on_demand" => "",
        other => other,
    }
}

/// One row: the prices of a model of a provider for some time.
#[derive(Debug)]
pub struct Row {
    /// Its key: the model as `LiteLLM` calls it (`gpt-4o`, `azure/gpt-4o`).
    pub key: String,
    /// The provider as `LiteLLM` calls it; empty where the row does not say.
    pub provider: String,
    /// `chat`, `embedding`, `rerank`, …; empty where the row does not say.
    pub mode: String,
    /// Line of its file, from 1; `None` where it is of no file.
    pub line: Option<u32>,
    /// Since when it holds, as it was written; empty for ever since.
    pub effective_from: String,
    /// Until when it holds (not included), as it was written; empty for ever.
    pub effective_to: String,
    /// Models that it is for besides its key: a regular expression over the whole name.
    pub pattern: Option<Regex>,
    /// Its prices.
    pub rates: Vec<Rate>,
    pub(super) from_ns: i64,
    pub(super) to_ns: i64,
}

impl Row {
    /// Whether it holds at an instant, nanoseconds since the epoch.
    pub fn holds_at(&self, at_ns: i64) -> bool {
        (self.from_ns..self.to_ns).contains(&at_ns) || self.holds_always()
    }

    pub(super) fn holds_always(&self) -> bool {
        self.from_ns == i64::MIN && self.to_ns == i64::MAX
    }

    /// The price of the first of some bases that has one, for so many tokens read. A tier goes before
    /// a class: which tier holds was counted, while a class that has no price there may have been
    /// declined by the provider.
    pub(super) fn rate(&self, bases: &[Base], input: u64, classes: &[&str]) -> Option<&Rate> {
        bases.iter().find_map(|base| {
            let rank = |rate: &Rate| {
                let class = classes.iter().position(|class| *class == &*rate.class);
                class.map_or(0, |at| classes.len() - at)
            };
            let fits = |rate: &&Rate| {
                rate.base == *base
                    && (rate.above == 0 || input > rate.above)
                    && (rate.class.is_empty() || classes.contains(&&*rate.class))
            };
            self.rates.iter().filter(fits).max_by_key(|rate| (rate.above, rank(rate)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_apart_by_what_stands_behind_their_names() {
        for (field, expected) in [
            ("input_cost_per_token", Some((Base::Input, 0, ""))),
            ("input_cost_per_token_batches", Some((Base::Input, 0, "batch"))),
            ("input_cost_per_token_cache_hit", Some((Base::CacheRead, 0, ""))),
            (
                "output_cost_per_token_above_272k_tokens_priority",
                Some((Base::Output, 272_000, "priority")),
            ),
            ("cache_creation_input_token_cost_above_1hr", Some((Base::CacheWrite1h, 0, ""))),
            (
                "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
                Some((Base::CacheWrite1h, 200_000, "")),
            ),
            ("cache_creation_input_token_cost_above_12hr", None),
            ("input_cost_per_audio_token", Some((Base::InputAudio, 0, ""))),
            ("input_cost_per_token_above_1hr", None),
            ("output_cost_per_second_1080p", None),
            ("input_cost_per_character", None),
            ("input_cost_per_tokens", None),
            ("input_cost_per_token_above_99999999999999999999k_tokens", None),
        ] {
            let read = Rate::read(field, 1.0).map(|rate| (rate.base, rate.above, rate.class));
            let read = read.as_ref().map(|(base, above, class)| (*base, *above, &**class));
            assert_eq!(read, expected, "{field}");
        }
    }
}
