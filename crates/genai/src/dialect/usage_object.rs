//! Numbers of tokens in JSON: what providers answer with and SDKs pass on (`usage_details`,
//! `providerMetadata`, `usage_metadata`). The names tell how they are counted.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::counts::{Counts, TOKENS_MAX};
use super::keys::Field;
use super::sheet::usd;
use crate::usage::Basis;

/// Larger JSON is no object of usage and is not read.
const OBJECT_BYTES_MAX: usize = 64 << 10;
/// Larger JSON of a response is not searched for its usage.
const RESPONSE_BYTES_MAX: usize = 1 << 20;
/// Objects in objects deeper than this have no numbers that mean something.
const DEPTH_MAX: usize = 3;
/// Numbers of one object beyond these are left out.
const NUMBERS_MAX: usize = 64;

/// What a path says, and how whoever has such a path counts.
type Path = (&'static str, Field, Option<Basis>);

const PATHS: &[Path] = &[
    // Langfuse.
    ("input", Field::InputTokens, Some(Basis::Disjoint)),
    ("output", Field::OutputTokens, Some(Basis::Disjoint)),
    ("total", Field::TotalTokens, None),
    ("input_cached_tokens", Field::CacheReadTokens, Some(Basis::Disjoint)),
    ("input_cache_read", Field::CacheReadTokens, Some(Basis::Disjoint)),
    ("input_cache_read_tokens", Field::CacheReadTokens, Some(Basis::Disjoint)),
    ("input_cache_creation", Field::CacheWriteTokens, Some(Basis::Disjoint)),
    ("input_cache_creation_5m", Field::CacheWrite5mTokens, Some(Basis::Disjoint)),
    ("input_cache_creation_1h", Field::CacheWrite1hTokens, Some(Basis::Disjoint)),
    ("input_audio_tokens", Field::AudioInputTokens, None),
    ("input_audio", Field::AudioInputTokens, None),
    ("input_image_tokens", Field::ImageInputTokens, None),
    ("input_image", Field::ImageInputTokens, None),
    ("output_reasoning_tokens", Field::ReasoningTokens, None),
    ("output_reasoning", Field::ReasoningTokens, None),
    ("output_audio_tokens", Field::AudioOutputTokens, None),
    ("output_audio", Field::AudioOutputTokens, None),
    ("output_image_tokens", Field::ImageOutputTokens, None),
    ("output_image", Field::ImageOutputTokens, None),
    // OpenAI's chat completions, OpenRouter, LiteLLM.
    ("prompt_tokens", Field::InputTokens, Some(Basis::Inclusive)),
    ("promptTokens", Field::InputTokens, Some(Basis::Inclusive)),
    ("completion_tokens", Field::OutputTokens, None),
    ("completionTokens", Field::OutputTokens, None),
    ("total_tokens", Field::TotalTokens, None),
    ("totalTokens", Field::TotalTokens, None),
    ("prompt_tokens_details.cached_tokens", Field::CacheReadTokens, Some(Basis::Inclusive)),
    ("promptTokensDetails.cachedTokens", Field::CacheReadTokens, Some(Basis::Inclusive)),
    ("prompt_tokens_details.cache_write_tokens", Field::CacheWriteTokens, Some(Basis::Inclusive)),
    ("prompt_tokens_details.audio_tokens", Field::AudioInputTokens, None),
    ("prompt_tokens_details.image_tokens", Field::ImageInputTokens, None),
    ("completion_tokens_details.reasoning_tokens", Field::ReasoningTokens, None),
    ("completionTokensDetails.reasoningTokens", Field::ReasoningTokens, None),
    ("completion_tokens_details.audio_tokens", Field::AudioOutputTokens, None),
    ("completion_tokens_details.image_tokens", Field::ImageOutputTokens, None),
    ("cachedPromptTokens", Field::CacheReadTokens, Some(Basis::Inclusive)),
    // OpenAI's responses, Anthropic's messages (which say how by what stands beside them).
    ("input_tokens", Field::InputTokens, None),
    ("output_tokens", Field::OutputTokens, None),
    ("input_tokens_details.cached_tokens", Field::CacheReadTokens, Some(Basis::Inclusive)),
    ("input_tokens_details.audio_tokens", Field::AudioInputTokens, None),
    ("input_tokens_details.image_tokens", Field::ImageInputTokens, None),
    ("output_tokens_details.reasoning_tokens", Field::ReasoningTokens, None),
    ("output_tokens_details.audio_tokens", Field::AudioOutputTokens, None),
    ("cache_read_input_tokens", Field::CacheReadTokens, Some(Basis::Exclusive)),
    ("cache_creation_input_tokens", Field::CacheWriteTokens, Some(Basis::Exclusive)),
    ("cache_creation.ephemeral_5m_input_tokens", Field::CacheWrite5mTokens, Some(Basis::Exclusive)),
    ("cache_creation.ephemeral_1h_input_tokens", Field::CacheWrite1hTokens, Some(Basis::Exclusive)),
    // Bedrock's Converse, Vercel's SDK, Genkit.
    ("inputTokens", Field::InputTokens, None),
    ("outputTokens", Field::OutputTokens, None),
    ("cacheReadInputTokens", Field::CacheReadTokens, Some(Basis::Exclusive)),
    ("cacheWriteInputTokens", Field::CacheWriteTokens, Some(Basis::Exclusive)),
    ("cacheCreationInputTokens", Field::CacheWriteTokens, Some(Basis::Exclusive)),
    ("cachedInputTokens", Field::CacheReadTokens, None),
    ("cachedContentTokens", Field::CacheReadTokens, Some(Basis::Inclusive)),
    ("reasoningTokens", Field::ReasoningTokens, None),
    ("reasoning_tokens", Field::ReasoningTokens, None),
    ("thoughtsTokens", Field::ReasoningTokens, None),
    // Gemini.
    ("promptTokenCount", Field::InputTokens, Some(Basis::Inclusive)),
    ("prompt_token_count", Field::InputTokens, Some(Basis::Inclusive)),
    ("cachedContentTokenCount", Field::CacheReadTokens, Some(Basis::Inclusive)),
    ("cached_content_token_count", Field::CacheReadTokens, Some(Basis::Inclusive)),
    ("candidatesTokenCount", Field::OutputTokens, None),
    ("candidates_token_count", Field::OutputTokens, None),
    ("thoughtsTokenCount", Field::ReasoningTokens, None),
    ("thoughts_token_count", Field::ReasoningTokens, None),
    ("totalTokenCount", Field::TotalTokens, None),
    ("total_token_count", Field::TotalTokens, None),
];

/// Gemini's tokens of what tools answered, which are read but not part of the prompt.
const TOOL_PROMPTS: [&str; 2] = ["toolUsePromptTokenCount", "tool_use_prompt_token_count"];
/// Gemini's tokens of thoughts, which are not part of what was written.
const APART: [&str; 2] = ["thoughtsTokenCount", "thoughts_token_count"];

/// Numbers of tokens, and the same as they were sent.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The numbers.
    pub(super) counts: Counts,
    /// By their paths.
    pub(super) raw: Vec<(String, u64)>,
    /// What it cost, USD, where that stands beside them.
    pub(super) cost: Option<f64>,
}

impl Found {
    fn put_all(&mut self, object: &Map<String, Value>, path: &str, depth: usize) {
        for (name, value) in object {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match value {
                Value::Object(inner) if depth < DEPTH_MAX => self.put_all(inner, &path, depth + 1),
                Value::Number(_) if self.raw.len() < NUMBERS_MAX => self.put(path, value),
                _ => {}
            }
        }
    }

    fn put(&mut self, path: String, value: &Value) {
        if path == "cost" {
            self.cost = value.as_f64().and_then(|cost| usd(&cost.to_string()));
            return;
        }
        let Some(tokens) = whole(value) else { return };
        let counts = &mut self.counts;
        if let Some((_, field, basis)) = PATHS.iter().find(|(known, ..)| *known == path) {
            counts.put(*field, tokens);
            counts.declared = strongest(counts.declared, *basis);
        }
        if TOOL_PROMPTS.contains(&&*path) {
            counts.beside_input += tokens;
        }
        counts.reasoning_apart |= APART.contains(&&*path);
        self.raw.push((path, tokens));
    }
}

/// Who names disjoint buckets means them; else who has a name for a whole means that.
fn strongest(one: Option<Basis>, other: Option<Basis>) -> Option<Basis> {
    [Basis::Disjoint, Basis::Inclusive, Basis::Exclusive]
        .into_iter()
        .find(|basis| one == Some(*basis) || other == Some(*basis))
}

fn whole(value: &Value) -> Option<u64> {
    let tokens = value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        (0.0..=TOKENS_MAX as f64).contains(&number).then_some(number as u64)
    })?;
    (tokens <= TOKENS_MAX).then_some(tokens)
}

/// What an object of usage says; none where there is no number of tokens in it.
pub(super) fn read_usage(text: &str) -> Option<Found> {
    if text.len() > OBJECT_BYTES_MAX {
        return None;
    }
    of_object(serde_json::from_str::<Value>(text).ok()?.as_object()?)
}

fn of_object(object: &Map<String, Value>) -> Option<Found> {
    let mut found = Found::default();
    found.put_all(object, "", 0);
    (!found.counts.is_empty() || found.cost.is_some()).then_some(found)
}

/// The usage in the JSON of a response (`usage_metadata`, `usage`).
pub(super) fn read_response(text: &str) -> Option<Found> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(alias = "usageMetadata", alias = "usage")]
        usage_metadata: Option<Map<String, Value>>,
    }
    if text.len() > RESPONSE_BYTES_MAX {
        return None;
    }
    of_object(&serde_json::from_str::<Response>(text).ok()?.usage_metadata?)
}

/// What providers add to an answer of Vercel's SDK: an object for each (`{"anthropic":{"usage":…}}`).
pub(super) fn read_metadata(text: &str) -> Option<Found> {
    if text.len() > OBJECT_BYTES_MAX {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let mut all = Found::default();
    for provider in value.as_object()?.values().filter_map(Value::as_object) {
        let usage = ["usage", "usageMetadata"].into_iter().find_map(|key| provider.get(key));
        let mut plain = Found::default();
        plain.put_all(provider, "", DEPTH_MAX);
        let beside = usage.and_then(Value::as_object).and_then(of_object).unwrap_or_default();
        let mut counts = beside.counts;
        if counts.declared == Some(Basis::Exclusive) {
            counts.fresh = counts.input;
        }
        // Wholes stand among the attributes, in the SDK's way of counting.
        (counts.input, counts.output) = (None, None);
        counts.supplement(&Counts { input: None, output: None, ..plain.counts });
        all.counts.supplement(&counts);
        let cost = provider.get("cost").and_then(|cost| usd(cost.as_str()?));
        all.cost = all.cost.or(beside.cost).or(plain.cost).or(cost);
    }
    Some(all)
}

/// The whole cost in an object of costs by bucket, or else the sum of its parts, USD.
pub(super) fn read_cost(text: &str) -> Option<f64> {
    if text.len() > OBJECT_BYTES_MAX {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let object = value.as_object()?;
    let valid = |value: &Value| usd(&value.as_f64()?.to_string());
    if let Some(total) = object.get("total").and_then(valid) {
        return Some(total);
    }
    let parts: Vec<f64> = object.values().filter_map(valid).collect();
    (!parts.is_empty()).then(|| parts.iter().sum())
}
