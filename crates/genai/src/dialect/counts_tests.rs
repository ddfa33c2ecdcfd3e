//! Tests of how what was counted becomes disjoint: properties, and the bugs that others shipped.

use proptest::prelude::*;

use super::counts::Counts;
use super::{BasisRule, BasisRules, read_span, read_span_with};
use crate::record::{Attribute, Record};
use crate::step::{Kind, Step};
use crate::usage::{Basis, Bucket, Usage};
use watchkeep_model::ValueKind;

fn record<'a>(name: &'a str, attributes: &'a [Attribute<'a>]) -> Record<'a> {
    Record {
        name,
        scope: "",
        service: "",
        attributes,
        resource: &[],
        events: "",
        body: "",
        time_ns: 0,
        duration_ns: 0,
        is_error: false,
        status_message: "",
    }
}

fn attributes<'a>(pairs: &'a [(&'a str, &'a str)]) -> Vec<Attribute<'a>> {
    let one = |(key, text): &(&'a str, &'a str)| Attribute::new(key, ValueKind::String, text);
    pairs.iter().map(one).collect()
}

fn step(pairs: &[(&str, &str)]) -> Step {
    let mut all = vec![("gen_ai.operation.name", "chat")];
    all.extend(pairs);
    read_span(&record("chat", &attributes(&all))).unwrap()
}

fn tokens(usage: &Usage) -> Vec<(Bucket, u64)> {
    usage.buckets().collect()
}

#[test]
fn cached_tokens_of_anthropic_are_not_counted_twice() {
    // langfuse#12306, pydantic-ai#4364: what is cached was added to an input that had it already.
    let read = step(&[
        ("gen_ai.provider.name", "anthropic"),
        ("gen_ai.usage.input_tokens", "10100"),
        ("gen_ai.usage.output_tokens", "5"),
        ("gen_ai.usage.cache_read.input_tokens", "10000"),
    ]);
    assert_eq!(read.usage.total(), 10_105);
    assert_eq!(read.usage.get(Bucket::Input), 100);
}

#[test]
fn a_gateway_that_names_disjoint_buckets_and_overlaps_them_is_counted_once() {
    // langfuse#10592: 17,903 tokens by OpenRouter were shown as 35,720.
    let read = step(&[(
        "langfuse.observation.usage_details",
        r#"{"input":17850,"output":53,"total":17903,"input_cached_tokens":17817}"#,
    )]);
    assert_eq!(read.usage.total(), 17_903);
    assert_eq!(read.basis, Basis::Inclusive);
}

#[test]
fn cached_reads_are_a_bucket_of_their_own_and_not_input_at_full_price() {
    // langfuse#12635: $3.71 instead of $1.47.
    let read = step(&[
        ("gen_ai.usage.input_tokens", "1000000"),
        ("gen_ai.usage.details.cache_read_tokens", "900000"),
        ("gen_ai.usage.output_tokens", "0"),
    ]);
    let expected = [(Bucket::Input, 100_000), (Bucket::InputCached, 900_000)];
    assert_eq!(tokens(&read.usage), expected);
}

#[test]
fn the_cache_breakdown_of_adk_is_not_lost() {
    // langfuse#13988: the attributes have only the sum, the response has the parts.
    let response = r#"{"usage_metadata":{"prompt_token_count":5000,"cached_content_token_count":4500,
        "candidates_token_count":10,"total_token_count":5010}}"#;
    let read = step(&[
        ("gen_ai.usage.input_tokens", "5000"),
        ("gen_ai.usage.output_tokens", "10"),
        ("gcp.vertex.agent.llm_response", response),
    ]);
    assert_eq!(read.usage.get(Bucket::InputCached), 4500);
    assert_eq!(read.usage.total(), 5010);
}

#[test]
fn what_was_written_to_the_cache_is_not_counted_twice() {
    // litellm#26919, and rule R5: three spellings of one number.
    let read = step(&[
        ("gen_ai.usage.input_tokens", "1000"),
        ("gen_ai.usage.cache_creation.input_tokens", "300"),
        ("gen_ai.usage.cache_write.input_tokens", "300"),
        ("gen_ai.usage.cache_creation_input_tokens", "300"),
        ("gen_ai.usage.details.cache_write_tokens", "300"),
    ]);
    let expected = [(Bucket::Input, 700), (Bucket::CacheWrite5m, 300)];
    assert_eq!(tokens(&read.usage), expected);
}

#[test]
fn totals_of_an_agent_do_not_claim_to_be_of_a_call() {
    // phoenix#12768, openinference#3164 and others: sums on agents' spans were added to their parts.
    for (key, value) in [
        ("openinference.span.kind", "AGENT"),
        ("openinference.span.kind", "CHAIN"),
        ("langfuse.observation.type", "agent"),
        ("gen_ai.operation.name", "invoke_agent"),
        ("traceloop.span.kind", "workflow"),
        ("ai.operationId", "ai.generateText"),
        ("ai.operationId", "ai.streamObject"),
    ] {
        let pairs = [(key, value), ("gen_ai.usage.input_tokens", "10")];
        let read = read_span(&record("x", &attributes(&pairs))).unwrap();
        assert!(!read.kind.calls_model(), "{key}={value}");
    }
    let pairs =
        [("gen_ai.operation.name", "invoke_agent"), ("gen_ai.aggregated_usage.input_tokens", "10")];
    assert!(read_span(&record("x", &attributes(&pairs))).unwrap().is_aggregate);
}

#[test]
fn tokens_and_reported_cost_are_of_the_same_step() {
    // mlflow#25007: tokens were summed over other spans than cost.
    let read = step(&[("gen_ai.usage.input_tokens", "7"), ("gen_ai.usage.cost", "0.5")]);
    assert_eq!((read.usage.total(), read.reported_cost), (7, Some(0.5)));
}

#[test]
fn few_fresh_tokens_beside_many_cached_are_not_free() {
    // langsmith-sdk#2519: 19 - 5,000 was clamped to 0.
    let read = step(&[
        ("gen_ai.usage.input_tokens", "19"),
        ("gen_ai.usage.cache_read.input_tokens", "5000"),
    ]);
    assert_eq!(tokens(&read.usage), [(Bucket::Input, 19), (Bucket::InputCached, 5000)]);
    assert_eq!(read.basis, Basis::Exclusive);
}

#[test]
fn reasoning_tokens_are_a_part_of_the_output() {
    let read = step(&[
        ("gen_ai.usage.output_tokens", "100"),
        ("gen_ai.usage.reasoning_tokens", "80"),
        ("gen_ai.usage.completion_tokens_details.reasoning", "80"),
    ]);
    assert_eq!(tokens(&read.usage), [(Bucket::Output, 20), (Bucket::Reasoning, 80)]);
}

#[test]
fn a_model_call_in_an_unknown_dialect_is_told_and_not_silently_empty() {
    // phoenix#10622, openinference#2205, posthog#66614.
    let list = attributes(&[("gen_ai.request.model", "m"), ("gen_ai.usage.in", "5")]);
    assert_eq!(super::unread(&record("x", &list)), ["gen_ai.usage.in"]);
}

#[test]
fn presence_of_an_agents_name_is_no_agent() {
    // openinference#3426.
    let list = attributes(&[("gen_ai.agent.name", "a"), ("gen_ai.request.model", "m")]);
    assert_eq!(read_span(&record("x", &list)).unwrap().kind, Kind::Llm);
}

#[test]
fn what_the_user_says_decides_where_numbers_leave_it_open() {
    let rules = BasisRules {
        rules: vec![BasisRule {
            provider: "anthropic".to_owned(),
            scope: String::new(),
            basis: Basis::Exclusive,
        }],
    };
    for (provider, input, basis, total) in [
        ("anthropic", "500", Basis::Exclusive, 900),
        ("openai", "500", Basis::Assumed, 500),
        ("openai", "300", Basis::Exclusive, 700),
    ] {
        let pairs = [
            ("gen_ai.provider.name", provider),
            ("gen_ai.request.model", "m"),
            ("gen_ai.usage.input_tokens", input),
            ("gen_ai.usage.cache_read.input_tokens", "400"),
        ];
        let list = attributes(&pairs);
        let read = read_span_with(&record("x", &list), &rules).unwrap();
        assert_eq!((read.basis, read.usage.total()), (basis, total), "{provider} {input}");
    }
}

#[test]
fn numbers_are_kept_as_they_were_sent() {
    let read = step(&[
        ("gen_ai.usage.input_tokens", "500"),
        ("gen_ai.usage.cache_read.input_tokens", "400"),
    ]);
    let raw: Vec<_> = read.raw_usage.iter().map(|(key, n)| (&**key, *n)).collect();
    assert_eq!(
        raw,
        [("gen_ai.usage.input_tokens", 500), ("gen_ai.usage.cache_read.input_tokens", 400)]
    );
}

prop_compose! {
    /// Tokens of each bucket, of which anything may be 0.
    fn truth()(tokens in proptest::array::uniform10(prop_oneof![Just(0u64), 1..200_000u64])) -> Usage {
        let mut usage = Usage::default();
        for (bucket, tokens) in Bucket::ALL.into_iter().zip(tokens) {
            usage.set(bucket, tokens);
        }
        usage
    }
}

/// How an emitter that counts cached tokens within would tell of it.
fn inclusive(truth: &Usage, with_total: bool) -> Counts {
    Counts {
        input: Some(truth.input()),
        output: Some(truth.output()),
        total: with_total.then(|| truth.total()),
        cache_read: truth.get(Bucket::InputCached),
        cache_write: truth.get(Bucket::CacheWrite5m) + truth.get(Bucket::CacheWrite1h),
        cache_write_1h: truth.get(Bucket::CacheWrite1h),
        reasoning: truth.get(Bucket::Reasoning),
        audio_input: truth.get(Bucket::InputAudio),
        image_input: truth.get(Bucket::InputImage),
        audio_output: truth.get(Bucket::OutputAudio),
        image_output: truth.get(Bucket::OutputImage),
        ..Counts::default()
    }
}

fn cached(truth: &Usage) -> u64 {
    [Bucket::InputCached, Bucket::CacheWrite5m, Bucket::CacheWrite1h]
        .into_iter()
        .map(|bucket| truth.get(bucket))
        .sum()
}

proptest! {
    #[test]
    fn buckets_of_an_inclusive_emitter_add_up_to_the_providers_total(
        truth in truth(), with_total: bool,
    ) {
        let counts = inclusive(&truth, with_total);
        // Nothing can tell a total that happens to be what an exclusive emitter would say.
        prop_assume!(counts.total != Some(truth.total() + cached(&truth)) || cached(&truth) == 0);
        let (usage, basis) = counts.settle(None);
        prop_assert_eq!(usage, truth);
        prop_assert!(basis != Basis::Exclusive);
    }

    #[test]
    fn buckets_of_an_exclusive_emitter_add_up_to_the_providers_total(
        truth in truth(), with_total: bool,
    ) {
        let fresh = truth.input() - cached(&truth);
        let counts = Counts { input: Some(fresh), ..inclusive(&truth, with_total) };
        prop_assume!(with_total || fresh < cached(&truth) || cached(&truth) == 0);
        prop_assert_eq!(counts.settle(None).0, truth);
        let counts = Counts { input: Some(fresh), ..inclusive(&truth, false) };
        prop_assert_eq!(counts.settle(Some(Basis::Exclusive)).0, truth);
    }

    #[test]
    fn disjoint_buckets_stay_as_they_are(truth in truth()) {
        let counts = Counts {
            input: Some(truth.get(Bucket::Input)),
            output: Some(truth.get(Bucket::Output)),
            declared: Some(Basis::Disjoint),
            ..inclusive(&truth, true)
        };
        prop_assert_eq!(counts.settle(None).0, truth);
    }

    #[test]
    fn whatever_is_sent_the_sum_is_bounded_and_nothing_panics(
        values in proptest::collection::vec((0..KEYS.len(), hostile()), 0..20),
    ) {
        let pairs: Vec<_> = values.iter().map(|(key, text)| (KEYS[*key], &**text)).collect();
        let read = step(&pairs);
        for (_, tokens) in read.usage.buckets() {
            prop_assert!(tokens <= 1 << 44);
        }
        prop_assert!(read.reported_cost.is_none_or(|cost| cost >= 0.0 && cost.is_finite()));
    }
}

const KEYS: [&str; 16] = [
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.total_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.audio.input_tokens",
    "gen_ai.usage.audio.cache_read.input_tokens",
    "gen_ai.usage.cost",
    "gen_ai.usage.input_cost",
    "gen_ai.response.time_to_first_chunk",
    "ai.response.msToFirstChunk",
    "langfuse.observation.usage_details",
    "langfuse.observation.completion_start_time",
    "ai.response.providerMetadata",
    "gcp.vertex.agent.llm_response",
];

/// Values that nobody should send.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u64>().prop_map(|n| n.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| n.to_string()),
        Just("NaN".to_owned()),
        Just("1e400".to_owned()),
        Just("-0".to_owned()),
        ".{0,12}",
        (any::<i64>(), any::<f64>()).prop_map(|(a, b)| format!(
            r#"{{"input":{a},"input_cached_tokens":18446744073709551615,"total":{b:e},"usage":{{"cost":-1}}}}"#
        )),
        any::<u64>().prop_map(|n| format!(
            r#"{{"usage_metadata":{{"prompt_token_count":{n}}},"x":{{"usage":{{"input_tokens":{n}}}}}}}"#
        )),
    ]
}
