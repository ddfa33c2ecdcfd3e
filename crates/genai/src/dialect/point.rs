//! From metrics (rule R4): which of them count tokens or dollars, and of what. They are taken only for
//! a service that tells nothing of the same in spans or log records.

use super::provider::provider_name;
use crate::step::Dialect;
use crate::usage::Bucket;

/// A series as its reader sees it.
#[derive(Debug, Clone, Copy)]
pub struct Point<'a> {
    /// The metric's name, as OpenTelemetry or as Prometheus writes it (`claude_code.cost.usage`,
    /// `claude_code_cost_usage_USD_total`). Of a histogram only the sum counts tokens: `_sum`.
    pub name: &'a str,
    /// Labels or attributes by name.
    pub labels: &'a [(&'a str, &'a str)],
}

/// What a series counts.
#[derive(Debug, Clone, PartialEq)]
pub struct PointReading {
    /// What.
    pub measure: Measure,
    /// Whose metric it is.
    pub dialect: Dialect,
    /// Who runs the model, by OpenTelemetry's names, or empty.
    pub provider: String,
    /// The model, or empty.
    pub model: String,
    /// The agent, or empty.
    pub agent: String,
    /// Session or conversation, or empty.
    pub session: String,
    /// The user, or empty.
    pub user: String,
}

/// What the value of a series is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Tokens.
    Tokens {
        /// Of which bucket.
        bucket: Bucket,
        /// The bucket whose own series counts them too: they are to be taken off it.
        within: Option<Bucket>,
    },
    /// Dollars.
    Cost,
}

/// Metrics that count tokens of one bucket whatever their labels say.
const TOKENS: [(&str, Bucket, Option<Bucket>); 5] = [
    ("gen_ai.client.inference.usage.input_tokens", Bucket::Input, None),
    ("gen_ai.client.inference.usage.output_tokens", Bucket::Output, None),
    (
        "gen_ai.client.inference.usage.cache_read.input_tokens",
        Bucket::InputCached,
        Some(Bucket::Input),
    ),
    (
        "gen_ai.client.inference.usage.cache_write.input_tokens",
        Bucket::CacheWrite5m,
        Some(Bucket::Input),
    ),
    (
        "gen_ai.client.inference.usage.reasoning.output_tokens",
        Bucket::Reasoning,
        Some(Bucket::Output),
    ),
];

/// Metrics that count tokens of the bucket that a label names.
const TOKENS_BY_TYPE: [(&str, &str, Dialect); 2] = [
    ("gen_ai.client.token.usage", "gen_ai.token.type", Dialect::OpenTelemetry),
    ("claude_code.token.usage", "type", Dialect::ClaudeCode),
];

/// Metrics that count dollars.
const COSTS: [(&str, Dialect); 3] = [
    ("claude_code.cost.usage", Dialect::ClaudeCode),
    ("operation.cost", Dialect::PydanticAi),
    ("gen_ai.usage.cost", Dialect::OpenLit),
];

/// What a series counts; none where it counts neither tokens nor dollars.
pub fn read_point(point: &Point<'_>) -> Option<PointReading> {
    let (measure, dialect) = measure(point)?;
    let label = |names: &[&str]| {
        let found = names.iter().find_map(|name| label(point, name));
        found.unwrap_or_default().to_owned()
    };
    let mut provider = provider_name(&label(&["gen_ai.provider.name", "gen_ai.system"]));
    if dialect == Dialect::ClaudeCode {
        "anthropic".clone_into(&mut provider);
    }
    let model = ["gen_ai.response.model", "gen_ai.request.model", "model"];
    Some(PointReading {
        measure,
        dialect,
        provider,
        model: label(&model),
        agent: label(&["gen_ai.agent.name", "agent.name"]),
        session: label(&["gen_ai.conversation.id", "session.id"]),
        user: label(&["user.email", "user.account_uuid", "user.id", "enduser.id"]),
    })
}

/// Whether a metric of that name can count tokens or dollars at all; most can not.
pub fn may_count(name: &[u8]) -> bool {
    ["gen_ai", "claude_code", "operation"].iter().any(|start| name.starts_with(start.as_bytes()))
}

fn measure(point: &Point<'_>) -> Option<(Measure, Dialect)> {
    if !may_count(point.name.as_bytes()) {
        return None;
    }
    for (name, bucket, within) in TOKENS {
        if is_named(point.name, name) {
            let (bucket, within) = of_modality(point, bucket, within);
            return Some((Measure::Tokens { bucket, within }, Dialect::OpenTelemetry));
        }
    }
    for (name, by, dialect) in TOKENS_BY_TYPE {
        if is_named(point.name, name) {
            let bucket = match label(point, by)? {
                "input" | "prompt" => Bucket::Input,
                "output" | "completion" => Bucket::Output,
                "cacheRead" => Bucket::InputCached,
                "cacheCreation" => Bucket::CacheWrite5m,
                _ => return None,
            };
            return Some((Measure::Tokens { bucket, within: None }, dialect));
        }
    }
    let cost = COSTS.into_iter().find(|(name, _)| is_named(point.name, name))?;
    Some((Measure::Cost, cost.1))
}

/// `gen_ai.token.modality` makes series of their own, which are disjoint.
fn of_modality(
    point: &Point<'_>,
    bucket: Bucket,
    within: Option<Bucket>,
) -> (Bucket, Option<Bucket>) {
    let modal = |bucket| match (bucket, label(point, "gen_ai.token.modality")) {
        (Bucket::Input, Some("audio")) => Bucket::InputAudio,
        (Bucket::Input, Some("image")) => Bucket::InputImage,
        (Bucket::Output, Some("audio")) => Bucket::OutputAudio,
        (Bucket::Output, Some("image")) => Bucket::OutputImage,
        (bucket, _) => bucket,
    };
    (modal(bucket), within.map(modal))
}

fn label<'a>(point: &Point<'a>, name: &str) -> Option<&'a str> {
    let found = point.labels.iter().find(|(other, _)| is_translated(other, name))?;
    Some(found.1).filter(|value| !value.is_empty())
}

/// Whether a name is another, written as OpenTelemetry or as Prometheus does.
fn is_translated(name: &str, original: &str) -> bool {
    name.len() == original.len()
        && name.bytes().zip(original.bytes()).all(|(a, b)| a == b || (b == b'.' && a == b'_'))
}

/// As [`is_translated`], with what Prometheus puts behind names: the unit, `_total`, `_sum`. What a
/// histogram has beside its sum are other numbers.
fn is_named(name: &str, original: &str) -> bool {
    const ENDS: [&str; 9] = [
        "",
        "_total",
        "_sum",
        "_tokens_total",
        "_token_sum",
        "_USD_total",
        "_USD_sum",
        "_usd_total",
        "_tokens_sum",
    ];
    let Some((start, end)) = name.split_at_checked(original.len()) else { return false };
    is_translated(start, original) && ENDS.contains(&end)
}
