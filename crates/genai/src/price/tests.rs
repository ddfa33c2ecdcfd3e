//! Which row is found, what is charged by it, and that no token is charged twice. Tests that are
//! named after an issue would have caught what users reported there.

#![expect(clippy::float_cmp, reason = "prices are copied, not computed, where they are compared")]

use std::sync::Arc;

use super::*;
use crate::step::Dialect;

mod properties;

/// 2026-03-01.
const MARCH: i64 = 1_772_323_200_000_000_000;

fn usage(tokens: &[(Bucket, u64)]) -> Usage {
    let mut usage = Usage::default();
    for (bucket, tokens) in tokens {
        usage.add(*bucket, *tokens);
    }
    usage
}

fn step(provider: &str, model: &str, tokens: &[(Bucket, u64)]) -> Step {
    Step {
        provider: provider.to_owned(),
        response_model: model.to_owned(),
        usage: usage(tokens),
        ..Step::new(Kind::Llm, Dialect::OpenTelemetry)
    }
}

fn book(json: &str) -> PriceBook {
    choosing(json, CostChoice::Computed)
}

fn choosing(json: &str, choice: CostChoice) -> PriceBook {
    let table = PriceTable::read("test", json).unwrap();
    assert_eq!(table.problems, []);
    PriceBook::new(vec![Arc::new(table)], choice)
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 + 1e-9 * a.abs().max(b.abs())
}

/// The row that a model is priced by, as `key how`.
fn found(book: &PriceBook, provider: &str, model: &str) -> String {
    book.find(provider, model, MARCH).map_or_else(
        || "nothing".to_owned(),
        |found| format!("{} {:?}", found.row.key, found.matched),
    )
}

#[test]
fn keys_are_found_exactly_then_by_provider_then_without_date() {
    let book = book(
        r#"{
        "gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 1e-6},
        "gpt-4o-2024-05-13": {"litellm_provider": "openai", "input_cost_per_token": 2e-6},
        "azure/gpt-4o": {"litellm_provider": "azure", "input_cost_per_token": 3e-6},
        "groq/llama-3.3-70b": {"litellm_provider": "groq", "input_cost_per_token": 4e-6},
        "llama-3.3-70b": {"litellm_provider": "meta_llama", "input_cost_per_token": 5e-6},
        "claude-sonnet-4": {"litellm_provider": "anthropic", "input_cost_per_token": 6e-6},
        "claude-3-5-sonnet-20241022": {"litellm_provider": "anthropic", "input_cost_per_token": 6e-6},
        "us.anthropic.claude-opus-4-v1:0": {"litellm_provider": "bedrock_converse", "input_cost_per_token": 7e-6},
        "fireworks_ai/accounts/fireworks/models/qwen3": {"litellm_provider": "fireworks_ai", "input_cost_per_token": 8e-6},
        "gemini/gemini-2.5-pro": {"litellm_provider": "gemini", "input_cost_per_token": 9e-6},
        "vertex_ai/claude-opus-4": {"litellm_provider": "vertex_ai-anthropic_models", "input_cost_per_token": 9e-6},
        "mistral/mistral-large-latest": {"litellm_provider": "mistral", "input_cost_per_token": 1e-6}
    }"#,
    );
    for (provider, model, expected) in [
        ("openai", "gpt-4o", "gpt-4o Exact"),
        ("", "GPT-4o", "gpt-4o Exact"),
        ("openai.chat", "gpt-4o", "gpt-4o Exact"),
        ("openai", "gpt-4o-2024-08-06", "gpt-4o Date"),
        ("openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13 Exact"),
        ("openai", "gpt-4o-latest", "gpt-4o Date"),
        ("openai", "gpt-4o-mini", "nothing"),
        ("openai", "my-gpt-4o", "nothing"),
        ("azure.ai.openai", "gpt-4o", "azure/gpt-4o Provider"),
        ("azure.ai.openai", "gpt-4o-2024-08-06", "azure/gpt-4o Date"),
        ("", "azure/gpt-4o", "azure/gpt-4o Exact"),
        ("", "openai/gpt-4o", "gpt-4o Provider"),
        ("openrouter", "openai/gpt-4o:free", "gpt-4o Date"),
        ("groq", "llama-3.3-70b", "groq/llama-3.3-70b Provider"),
        ("groq", "gpt-4o", "nothing"),
        ("ollama", "llama-3.3-70b", "nothing"),
        ("", "ollama/llama-3.3-70b", "nothing"),
        ("", "llama-3.3-70b", "llama-3.3-70b Exact"),
        ("anthropic", "claude-sonnet-4-20250514", "claude-sonnet-4 Date"),
        ("anthropic", "claude-sonnet-4-5-20250929", "nothing"),
        ("gcp.vertex_ai", "claude-sonnet-4@20250514", "claude-sonnet-4 Date"),
        ("gcp.vertex_ai", "claude-3-5-sonnet@20241022", "claude-3-5-sonnet-20241022 Date"),
        ("gcp.vertex_ai", "claude-opus-4@default", "vertex_ai/claude-opus-4 Date"),
        ("aws.bedrock", "us.anthropic.claude-opus-4-v1:0", "us.anthropic.claude-opus-4-v1:0 Exact"),
        ("aws.bedrock", "eu.anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet-4 Date"),
        ("", "bedrock/us-east-1/anthropic.claude-sonnet-4", "claude-sonnet-4 Provider"),
        (
            "aws.bedrock",
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0",
            "claude-sonnet-4 Date",
        ),
        (
            "fireworks",
            "accounts/fireworks/models/qwen3",
            "fireworks_ai/accounts/fireworks/models/qwen3 Provider",
        ),
        ("gcp.gemini", "models/gemini-2.5-pro", "gemini/gemini-2.5-pro Provider"),
        ("gcp.gen_ai", "gemini-2.5-pro-preview-05-06", "nothing"),
        (
            "gcp.vertex_ai",
            "projects/p/locations/l/publishers/google/models/gemini-2.5-pro",
            "gemini/gemini-2.5-pro Provider",
        ),
        ("mistral_ai", "mistral-large-latest", "mistral/mistral-large-latest Provider"),
        ("acme-proxy", "gpt-4o", "gpt-4o Exact"),
        ("acme-proxy", "team-a/gpt-4o", "nothing"),
        ("openai", "", "nothing"),
    ] {
        assert_eq!(found(&book, provider, model), expected, "{provider} {model}");
    }
}

#[test]
fn an_earlier_table_wins_and_patterns_come_last() {
    let table = |name: &str, text: &str| Arc::new(PriceTable::read(name, text).unwrap());
    let tables = vec![
        table(
            "overrides",
            r#"{"gpt-4o": {"input_cost_per_token": 1e-6},
                "tuned": {"input_cost_per_token": 2e-6, "pattern": "ft:gpt-.*|gpt-9"}}"#,
        ),
        table(
            "built-in",
            r#"{"gpt-4o-2024-08-06": {"input_cost_per_token": 3e-6},
                "gpt-9": {"input_cost_per_token": 4e-6}}"#,
        ),
    ];
    let book = PriceBook::new(tables, CostChoice::Computed);
    for (model, expected) in [
        ("gpt-4o-2024-08-06", "gpt-4o Date"),
        ("gpt-9", "gpt-9 Exact"),
        ("ft:gpt-4o:acme", "tuned Pattern"),
        ("x-ft:gpt-4o", "nothing"),
    ] {
        assert_eq!(found(&book, "openai", model), expected, "{model}");
    }
    let row = book.cost(&step("openai", "ft:gpt-4o", &[(Bucket::Input, 1)]), 0).row.unwrap();
    assert_eq!((&*row.table, row.line), ("overrides", Some(2)));
}

#[test]
fn the_price_at_the_instant_of_the_step_counts() {
    let book = book(
        r#"{"m": [{"input_cost_per_token": 1e-6, "effective_to": "2026-03-01"},
                  {"input_cost_per_token": 2e-6, "effective_from": "2026-03-01"}],
            "old": {"input_cost_per_token": 1e-6, "effective_to": "2026-03-01"}}"#,
    );
    let cost = |model, at| book.cost(&step("", model, &[(Bucket::Input, 1_000_000)]), at);
    assert_eq!(cost("m", MARCH - 1).usd, 1.0);
    assert_eq!(cost("m", MARCH).usd, 2.0);
    assert_eq!(cost("m", MARCH).row.unwrap().effective_from, "2026-03-01");
    assert_eq!(cost("old", MARCH - 1).usd, 1.0);
    assert_eq!(cost("old", MARCH).source, CostSource::Unpriced);
}

#[test]
fn all_that_was_read_chooses_the_tier_of_all_buckets() {
    let book = book(
        r#"{"m": {"input_cost_per_token": 1e-6, "input_cost_per_token_above_200k_tokens": 2e-6,
            "output_cost_per_token": 5e-6, "output_cost_per_token_above_200k_tokens": 9e-6,
            "cache_read_input_token_cost": 1e-7, "input_cost_per_token_batches": 5e-7,
            "input_cost_per_token_above_200k_tokens_batches": 1e-6}}"#,
    );
    let tokens = [(Bucket::Input, 1_000), (Bucket::InputCached, 199_000), (Bucket::Output, 10)];
    let cost = book.cost(&step("", "m", &tokens), 0);
    assert_eq!(cost.row.unwrap().tier, "");
    let tokens = [(Bucket::Input, 1_001), (Bucket::InputCached, 199_000), (Bucket::Output, 10)];
    let mut above = step("", "m", &tokens);
    let cost = book.cost(&above, 0);
    let prices: Vec<_> = cost.lines.iter().map(|line| line.usd_per_token.unwrap()).collect();
    assert_eq!(prices, [2e-6, 1e-7, 9e-6]);
    assert_eq!(cost.row.unwrap().tier, "above_200k_tokens");
    above.service_tier = "batch".to_owned();
    let cost = book.cost(&above, 0);
    assert_eq!(cost.lines[0].field, "input_cost_per_token_above_200k_tokens_batches");
    assert_eq!(cost.row.unwrap().service_tier, "batch");
}

#[test]
fn the_price_class_of_a_step_is_charged_where_the_row_has_it() {
    let book = book(
        r#"{"m": {"input_cost_per_token": 2e-6, "input_cost_per_token_priority": 4e-6,
            "input_cost_per_token_flex": 1e-6, "output_cost_per_token": 8e-6}}"#,
    );
    for (class, usd, told) in [
        ("", 2.0, "default"),
        ("auto", 2.0, "default"),
        ("Priority", 4.0, "priority"),
        ("fast", 4.0, "fast"),
        ("flex", 1.0, "flex"),
        ("batch", 2.0, "default"),
        ("scale", 2.0, "default"),
    ] {
        let mut step = step("", "m", &[(Bucket::Input, 1_000_000)]);
        step.service_tier = class.to_owned();
        let cost = book.cost(&step, 0);
        assert_eq!((cost.usd, &*cost.row.unwrap().service_tier), (usd, told), "{class}");
    }
}

#[test]
fn a_bucket_without_a_price_of_its_own_is_charged_as_what_it_is_part_of_and_says_so() {
    let book = book(r#"{"m": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}}"#);
    let all: Vec<_> = Bucket::ALL.into_iter().map(|bucket| (bucket, 10)).collect();
    let cost = book.cost(&step("", "m", &all), 0);
    for line in &cost.lines {
        let side =
            if line.bucket.is_input() { "input_cost_per_token" } else { "output_cost_per_token" };
        assert_eq!(line.field, side, "{:?}", line.bucket);
    }
    assert!(near(cost.usd, 60e-6 + 80e-6));
}

#[test]
fn models_that_only_read_need_no_price_for_what_they_write() {
    let book = book(
        r#"{"embed": {"input_cost_per_token": 1e-6, "mode": "embedding"},
            "chat": {"input_cost_per_token": 1e-6, "mode": "chat"}}"#,
    );
    let tokens = [(Bucket::Input, 10), (Bucket::Output, 10)];
    let cost = book.cost(&step("", "embed", &tokens), 0);
    assert_eq!((cost.source, cost.unpriced_tokens(&usage(&tokens))), (CostSource::Computed, 0));
    let mut half = step("", "chat", &tokens);
    let cost = book.cost(&half, 0);
    assert_eq!((cost.source, cost.unpriced_tokens(&half.usage)), (CostSource::Computed, 10));
    // What is priced in part gives way to what the emitter says of the whole.
    half.reported_cost = Some(0.5);
    assert_eq!(book.cost(&half, 0).source, CostSource::Reported);
}

#[test]
fn a_request_of_a_reranker_is_charged_once_unless_it_failed() {
    let book = book(r#"{"rerank": {"input_cost_per_query": 0.002, "mode": "rerank"}}"#);
    let mut rerank = Step { kind: Kind::Reranker, ..step("cohere", "rerank", &[]) };
    let cost = book.cost(&rerank, 0);
    assert_eq!((cost.usd, cost.source), (0.002, CostSource::Computed));
    assert_eq!((cost.lines[0].tokens, &*cost.lines[0].field), (0, "input_cost_per_query"));
    rerank.error = "timeout".to_owned();
    assert_eq!(book.cost(&rerank, 0).source, CostSource::Nothing);
    assert_eq!(book.cost(&Step { kind: Kind::Llm, ..rerank }, 0).source, CostSource::Nothing);
}

#[test]
fn what_is_free_costs_nothing() {
    let book = book(r#"{"openai/m": {"input_cost_per_token": 1e-6}}"#);
    let mut free = step("openrouter", "openai/m:free", &[(Bucket::Input, 1_000)]);
    let cost = book.cost(&free, 0);
    assert_eq!((cost.usd, cost.source), (0.0, CostSource::Computed));
    assert_eq!(cost.row.unwrap().service_tier, "free");
    free = step("openai", "m", &[(Bucket::Input, 1_000)]);
    assert!(book.cost(&free, 0).usd > 0.0);
    free.is_free = true;
    assert_eq!(book.cost(&free, 0), Cost::default());
}

#[test]
fn which_cost_counts_is_chosen() {
    use CostSource::{Computed, Nothing, Reported, Unpriced};
    let table = r#"{"m": {"input_cost_per_token": 1e-6}}"#;
    for (choice, model, reported, usd, source) in [
        (CostChoice::Computed, "m", Some(5.0), 1.0, Computed),
        (CostChoice::Computed, "x", Some(5.0), 5.0, Reported),
        (CostChoice::Computed, "x", None, 0.0, Unpriced),
        (CostChoice::Computed, "x", Some(-1.0), 0.0, Unpriced),
        (CostChoice::Computed, "x", Some(f64::NAN), 0.0, Unpriced),
        (CostChoice::PreferReported, "m", Some(5.0), 5.0, Reported),
        (CostChoice::PreferReported, "m", None, 1.0, Computed),
        (CostChoice::Reported, "m", Some(5.0), 5.0, Reported),
        (CostChoice::Reported, "m", None, 0.0, Unpriced),
    ] {
        let book = choosing(table, choice);
        let mut step = step("", model, &[(Bucket::Input, 1_000_000)]);
        step.reported_cost = reported;
        let cost = book.cost(&step, 0);
        assert_eq!((cost.usd, cost.source), (usd, source), "{choice:?} {model} {reported:?}");
        step.usage = Usage::default();
        let empty = book.cost(&step, 0);
        let reported = reported.filter(|usd| *usd >= 0.0);
        let expected = if reported.is_some() { Reported } else { Nothing };
        assert_eq!(empty.source, expected, "{choice:?} {model} {reported:?} without tokens");
    }
}

#[test]
fn the_model_that_was_asked_for_is_looked_up_where_the_other_has_no_price() {
    let book = book(r#"{"m": {"input_cost_per_token": 1e-6}}"#);
    let mut step = step("azure", "deployment-7", &[(Bucket::Input, 1_000_000)]);
    assert_eq!(book.cost(&step, 0).source, CostSource::Unpriced);
    step.request_model = "m".to_owned();
    assert_eq!(book.cost(&step, 0).usd, 1.0);
}

#[test]
fn names_that_are_no_key_are_shown_what_is_near() {
    let book = PriceBook::default();
    assert!(book.nearest("gpt-4o-minni", 3).contains(&"gpt-4o-mini".to_owned()));
    assert_eq!(book.nearest("zzzz", 3), Vec::<String>::new());
    assert_eq!(
        book.keys_tried("openai", "gpt-4o-2024-08-06"),
        [
            "gpt-4o-2024-08-06",
            "openai/gpt-4o-2024-08-06",
            "text-completion-openai/gpt-4o-2024-08-06",
            "gpt-4o",
            "openai/gpt-4o",
            "text-completion-openai/gpt-4o"
        ]
    );
}

// What users reported.

#[test]
fn langfuse_12306_cached_tokens_of_anthropic_are_charged_once() {
    let tokens = [
        (Bucket::Input, 1_000),
        (Bucket::InputCached, 50_000),
        (Bucket::CacheWrite5m, 2_000),
        (Bucket::Output, 500),
    ];
    let cost = PriceBook::default().cost(&step("anthropic", "claude-sonnet-4-6", &tokens), MARCH);
    let expected = 1_000.0 * 3e-6 + 50_000.0 * 0.3e-6 + 2_000.0 * 3.75e-6 + 500.0 * 15e-6;
    assert!(near(cost.usd, expected), "{cost:?}");
}

#[test]
fn langfuse_10592_cached_tokens_through_openrouter_are_charged_once() {
    // 17,903 tokens were read, 17,817 of them from the cache; counting these twice makes 35,720.
    let tokens = [(Bucket::Input, 86), (Bucket::InputCached, 17_817), (Bucket::Output, 100)];
    let cost = PriceBook::default().cost(&step("openrouter", "openai/gpt-4o", &tokens), MARCH);
    assert_eq!(cost.lines.iter().map(|line| line.tokens).sum::<u64>(), 18_003);
    assert!(near(cost.usd, 86.0 * 2.5e-6 + 17_817.0 * 1.25e-6 + 100.0 * 10e-6), "{cost:?}");
}

#[test]
fn langfuse_12635_cached_reads_are_not_charged_at_the_full_price() {
    let tokens = [(Bucket::InputCached, 1_000_000)];
    for (provider, model, usd) in [
        ("anthropic", "claude-opus-4-5-20251101", 0.5),
        ("aws.bedrock", "anthropic.claude-opus-4-5-20251101-v1:0", 0.5),
        ("openai", "gpt-5-2025-08-07", 0.125),
        ("gcp.gemini", "gemini-2.5-flash", 0.03),
    ] {
        let cost = PriceBook::default().cost(&step(provider, model, &tokens), MARCH);
        assert!(near(cost.usd, usd), "{model} {cost:?}");
    }
}

#[test]
fn litellm_26919_cache_writes_are_charged_once_and_by_how_long_they_are_kept() {
    let price = |bucket| {
        let step = step("anthropic", "claude-sonnet-4-6", &[(bucket, 1_000_000)]);
        PriceBook::default().cost(&step, MARCH).usd
    };
    assert!(near(price(Bucket::CacheWrite5m), 3.75));
    assert!(near(price(Bucket::CacheWrite1h), 6.0));
}

#[test]
fn signoz_12738_what_counts_is_in_one_place_and_is_the_sum_of_the_lines() {
    let tokens = [(Bucket::Input, 1_234), (Bucket::Output, 567)];
    let cost = PriceBook::default().cost(&step("openai", "gpt-4o-mini", &tokens), MARCH);
    assert_eq!(Some(cost.usd), cost.computed);
    assert!(near(cost.usd, cost.lines.iter().map(|line| line.usd).sum()));
    assert!(cost.usd > 0.0);
}

#[test]
fn phoenix_drops_reasoning_and_here_it_is_charged_as_output_and_not_twice() {
    let book = PriceBook::default();
    let apart = [(Bucket::Input, 10), (Bucket::Output, 100), (Bucket::Reasoning, 900)];
    let together = [(Bucket::Input, 10), (Bucket::Output, 1_000)];
    let usd = |tokens: &[(Bucket, u64)]| book.cost(&step("openai", "o3", tokens), MARCH).usd;
    assert!(near(usd(&apart), usd(&together)));
}

#[test]
fn signoz_prices_by_the_model_asked_for_and_here_the_one_that_answered_counts() {
    let book = PriceBook::default();
    let mut step = step("openai", "gpt-4o-mini-2024-07-18", &[(Bucket::Input, 1_000_000)]);
    step.request_model = "gpt-4o".to_owned();
    assert!(near(book.cost(&step, MARCH).usd, 0.15));
}
