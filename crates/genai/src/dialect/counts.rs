//! From what an emitter counted to disjoint buckets (rules R1 and R2). The sum over the buckets is
//! always what the provider charged for: nothing is counted twice, nothing lost, nothing negative.

use super::keys::Field;
use crate::usage::{Basis, Bucket, Usage};

/// More tokens than this are no number of tokens of one step.
pub(super) const TOKENS_MAX: u64 = 1 << 40;

/// Numbers of tokens as they were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// What was read; with or without what is cached.
    pub(super) input: Option<u64>,
    /// What was written; with or without what was thought.
    pub(super) output: Option<u64>,
    /// The sum by the emitter.
    pub(super) total: Option<u64>,
    /// What was read and neither came out of the cache nor went into it.
    pub(super) fresh: Option<u64>,
    pub(super) cache_read: u64,
    /// What went into the cache, for however long.
    pub(super) cache_write: u64,
    pub(super) cache_write_5m: u64,
    pub(super) cache_write_1h: u64,
    pub(super) reasoning: u64,
    pub(super) text_input: u64,
    /// Audio that was read, with what of it is cached.
    pub(super) audio_input: u64,
    pub(super) image_input: u64,
    pub(super) audio_cached: u64,
    pub(super) image_cached: u64,
    pub(super) text_output: u64,
    pub(super) audio_output: u64,
    pub(super) image_output: u64,
    /// What was read besides (answers of tools, by Gemini's count).
    pub(super) beside_input: u64,
    /// Whether what was thought is on top of what was written, where the way it says it tells.
    pub(super) reasoning_apart: bool,
    /// How the emitter counts, where the way it says it tells.
    pub(super) declared: Option<Basis>,
}

impl Counts {
    /// Whether nothing was counted.
    pub(super) fn is_empty(&self) -> bool {
        let nothing = Self {
            declared: self.declared,
            reasoning_apart: self.reasoning_apart,
            ..Self::default()
        };
        *self == nothing
    }

    /// Notes a number that a field says. Where two say the same the greater one counts.
    pub(super) fn put(&mut self, field: Field, tokens: u64) {
        let whole = match field {
            Field::InputTokens => &mut self.input,
            Field::OutputTokens => &mut self.output,
            Field::TotalTokens => &mut self.total,
            Field::FreshTokens => &mut self.fresh,
            _ => {
                if let Some(part) = self.part(field) {
                    *part = tokens.max(*part);
                }
                return;
            }
        };
        *whole = (*whole).max(Some(tokens));
    }

    fn part(&mut self, field: Field) -> Option<&mut u64> {
        Some(match field {
            Field::CacheReadTokens => &mut self.cache_read,
            Field::CacheWriteTokens => &mut self.cache_write,
            Field::CacheWrite5mTokens => &mut self.cache_write_5m,
            Field::CacheWrite1hTokens => &mut self.cache_write_1h,
            Field::ReasoningTokens => &mut self.reasoning,
            Field::TextInputTokens => &mut self.text_input,
            Field::AudioInputTokens => &mut self.audio_input,
            Field::ImageInputTokens => &mut self.image_input,
            Field::AudioCachedTokens => &mut self.audio_cached,
            Field::ImageCachedTokens => &mut self.image_cached,
            Field::TextOutputTokens => &mut self.text_output,
            Field::AudioOutputTokens => &mut self.audio_output,
            Field::ImageOutputTokens => &mut self.image_output,
            _ => return None,
        })
    }

    /// Takes what another source knows and these numbers leave out: parts, never the whole.
    pub(super) fn supplement(&mut self, other: &Self) {
        let fill = |mine: &mut u64, other: u64| {
            if *mine == 0 {
                *mine = other;
            }
        };
        fill(&mut self.cache_read, other.cache_read);
        fill(&mut self.cache_write, other.written());
        fill(&mut self.cache_write_5m, other.cache_write_5m);
        fill(&mut self.cache_write_1h, other.cache_write_1h);
        fill(&mut self.reasoning, other.reasoning);
        self.fresh = self.fresh.or(other.fresh);
        self.input = self.input.or(other.input);
        self.output = self.output.or(other.output);
    }

    /// The buckets, and how what is cached was understood to be counted. `rule` is what the user says
    /// of the emitter, for where its numbers leave it open.
    pub(super) fn settle(&self, rule: Option<Basis>) -> (Usage, Basis) {
        if rule.or(self.declared) == Some(Basis::Disjoint) && !self.contradicts_disjoint() {
            return (self.as_they_are(), Basis::Disjoint);
        }
        let cached = self.cache_read + self.written();
        let basis = self.basis(cached, rule);
        let on_top = basis == Basis::Exclusive;
        let mut usage = self.cached();

        let told = self.input.unwrap_or_else(|| self.input_untold(cached, on_top));
        let fresh = if on_top { told } else { told.saturating_sub(cached) };
        let mut rest = fresh + self.beside_input;
        let audio = self.audio_input.saturating_sub(self.audio_cached);
        let image = self.image_input.saturating_sub(self.image_cached);
        usage.set(Bucket::InputAudio, take(&mut rest, audio));
        usage.set(Bucket::InputImage, take(&mut rest, image));
        usage.set(Bucket::Input, rest);

        let mut rest = self.whole_output(usage.input());
        usage.set(Bucket::Reasoning, take(&mut rest, self.reasoning));
        usage.set(Bucket::OutputAudio, take(&mut rest, self.audio_output));
        usage.set(Bucket::OutputImage, take(&mut rest, self.image_output));
        usage.set(Bucket::Output, rest);
        (usage, basis)
    }

    fn written(&self) -> u64 {
        self.cache_write.max(self.cache_write_5m + self.cache_write_1h)
    }

    fn cached(&self) -> Usage {
        let mut usage = Usage::default();
        let write = self.written();
        let hour = self.cache_write_1h.min(write);
        usage.set(Bucket::InputCached, self.cache_read);
        usage.set(Bucket::CacheWrite1h, hour);
        usage.set(Bucket::CacheWrite5m, write - hour);
        usage
    }

    /// Whether buckets that are said to be disjoint cannot be: two of them add up to the whole.
    fn contradicts_disjoint(&self) -> bool {
        let whole = self.input.unwrap_or(0) + self.output.unwrap_or(0);
        self.total == Some(whole) && whole > 0
    }

    fn as_they_are(&self) -> Usage {
        let mut usage = self.cached();
        usage.set(Bucket::Input, self.input.or(self.fresh).unwrap_or(self.text_input));
        usage.set(Bucket::InputAudio, self.audio_input);
        usage.set(Bucket::InputImage, self.image_input);
        usage.set(Bucket::Output, self.output.unwrap_or(self.text_output));
        usage.set(Bucket::Reasoning, self.reasoning);
        usage.set(Bucket::OutputAudio, self.audio_output);
        usage.set(Bucket::OutputImage, self.image_output);
        if usage.is_empty() {
            usage.set(Bucket::Input, self.total.unwrap_or(0));
        }
        usage
    }

    /// Rule R2. What the numbers cannot mean otherwise comes first, then what the user says, then
    /// what is likely.
    fn basis(&self, cached: u64, rule: Option<Basis>) -> Basis {
        let input = match self.input {
            _ if cached == 0 => return Basis::Same,
            Some(input) => input,
            None => return if self.fresh.is_some() { Basis::Exclusive } else { Basis::Inclusive },
        };
        let sum = input + self.output.unwrap_or(0);
        let is_total = |tokens| self.total == Some(tokens);
        if input < cached {
            return Basis::Exclusive;
        }
        if self.fresh.is_some_and(|fresh| fresh + cached == input) {
            return Basis::Inclusive;
        }
        let sums_up_with_cached = is_total(sum + cached) || is_total(sum + cached + self.reasoning);
        if self.fresh == Some(input) || sums_up_with_cached {
            return Basis::Exclusive;
        }
        match rule.or(self.declared) {
            Some(rule @ (Basis::Inclusive | Basis::Exclusive)) => rule,
            _ if is_total(sum) || is_total(sum + self.reasoning) => Basis::Inclusive,
            _ => Basis::Assumed,
        }
    }

    /// What was read, where only parts of it or a total were told.
    fn input_untold(&self, cached: u64, on_top: bool) -> u64 {
        if let Some(fresh) = self.fresh {
            return if on_top { fresh } else { fresh + cached };
        }
        let output = self.output.unwrap_or_else(|| self.parts_of_output());
        let of_total = self.total.map_or(0, |total| total.saturating_sub(output));
        let modalities = self.text_input + self.audio_input + self.image_input;
        let beside_cached = self.audio_input.saturating_sub(self.audio_cached)
            + self.image_input.saturating_sub(self.image_cached);
        of_total.max(modalities).max(cached + beside_cached)
    }

    fn parts_of_output(&self) -> u64 {
        self.text_output + self.reasoning + self.audio_output + self.image_output
    }

    /// What was written, with what was thought: some emitters (Gemini's) count that apart.
    fn whole_output(&self, input: u64) -> u64 {
        let Some(output) = self.output else {
            let of_total = match (self.total, self.input) {
                (Some(total), Some(_)) => total.saturating_sub(input),
                _ => 0,
            };
            return of_total.max(self.parts_of_output());
        };
        let is_apart = self.reasoning_apart
            || self.reasoning > output
            || self.reasoning > 0 && self.total == Some(input + output + self.reasoning);
        if is_apart { output + self.reasoning } else { output }
    }
}

fn take(rest: &mut u64, wanted: u64) -> u64 {
    let taken = wanted.min(*rest);
    *rest -= taken;
    taken
}
