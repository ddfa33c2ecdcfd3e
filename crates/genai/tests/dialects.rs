//! Records of each dialect in `testdata/` become the steps that stand beside them.
#![expect(clippy::unwrap_used, reason = "test")]

mod records;

use records::{Owned, cases};
use serde_json::{Map, Value, json};
use watchkeep_genai::Step;
use watchkeep_genai::dialect::{
    LogReading, Measure, Point, canonical_hash, read_log, read_point, read_span, unread,
};

/// The members of a step, as the cases name them.
fn shown(step: &Step) -> Value {
    let usage: Map<String, Value> =
        step.usage.buckets().map(|(bucket, n)| (bucket.name().to_owned(), json!(n))).collect();
    json!({
        "kind": step.kind, "dialect": step.dialect, "operation": step.operation,
        "provider": step.provider, "request_model": step.request_model,
        "response_model": step.response_model, "response_id": step.response_id,
        "agent": step.agent, "agent_id": step.agent_id, "agent_version": step.agent_version,
        "session": step.session, "user": step.user, "interaction": step.interaction,
        "workflow": step.workflow, "prompt": step.prompt, "prompt_version": step.prompt_version,
        "tool": step.tool, "tool_call_id": step.tool_call_id, "usage": usage,
        "basis": step.basis, "is_aggregate": step.is_aggregate, "is_free": step.is_free,
        "reported_cost": step.reported_cost, "service_tier": step.service_tier,
        "first_token_ns": step.first_token_ns, "finish_reasons": step.finish_reasons,
        "error": step.error, "tags": step.tags, "release": step.release,
        "environment": step.environment, "evaluations": step.evaluations,
        "arguments": step.tool_arguments_hash, "result": step.tool_result_hash,
    })
}

/// What differs from the step beside a case.
fn differences(step: Option<&Step>, expected: &Value) -> Vec<String> {
    let (Some(step), Some(members)) = (step, expected.as_object()) else {
        return match (step.is_some(), expected.is_null()) {
            (true, true) => vec!["a step where none was expected".to_owned()],
            (false, false) => vec!["no step".to_owned()],
            _ => Vec::new(),
        };
    };
    let shown = shown(step);
    let differs = members.iter().filter_map(|(member, want)| {
        let is_hash = matches!(&**member, "arguments" | "result");
        let want =
            if is_hash { json!(canonical_hash(want.as_str().unwrap())) } else { want.clone() };
        let got = shown.get(member);
        (got != Some(&want)).then(|| format!("{member}: {got:?} is not {want}"))
    });
    differs.collect()
}

#[test]
fn spans_of_each_dialect_become_the_steps_beside_them() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for (file, case) in cases("spans.json") {
        let step = Owned::new(&case).with(read_span);
        for difference in differences(step.as_ref(), &case["expect"]) {
            wrong.push(format!("{file}: {}: {difference}", case["name"]));
        }
        seen += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 70, "only {seen} cases were found");
}

#[test]
fn log_records_of_each_dialect_become_what_stands_beside_them() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for (file, case) in cases("logs.json") {
        let name = format!("{file}: {}", case["name"]);
        let differs = match Owned::new(&case).with(read_log) {
            Some(LogReading::Step { step, duration_ns }) => {
                assert_eq!(case["duration"].as_i64(), Some(duration_ns), "{name}");
                differences(Some(&step), &case["expect"])
            }
            Some(LogReading::Details(step)) => {
                assert_eq!(case["details"], true, "{name}");
                differences(Some(&step), &case["expect"])
            }
            Some(LogReading::Evaluation(judged)) => {
                let shown =
                    json!({"evaluation": judged.evaluation, "response_id": judged.response_id});
                assert_eq!(shown, case["judged"], "{name}");
                Vec::new()
            }
            None => {
                assert!(case["judged"].is_null(), "{name}");
                differences(None, &case["expect"])
            }
        };
        wrong.extend(differs.into_iter().map(|difference| format!("{name}: {difference}")));
        seen += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 10, "only {seen} cases were found");
}

/// Name and labels of a series, and what it counts.
type Series<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<Measure>);

#[test]
fn metrics_of_tokens_and_dollars_are_known_by_either_spelling() {
    use watchkeep_genai::Bucket::{Input, InputAudio, InputCached, Output, Reasoning};
    let tokens = |bucket, within| Some(Measure::Tokens { bucket, within });
    let cases: &[Series<'_>] = &[
        ("gen_ai.client.token.usage", &[("gen_ai.token.type", "input")], tokens(Input, None)),
        ("gen_ai_client_token_usage_sum", &[("gen_ai_token_type", "output")], tokens(Output, None)),
        ("gen_ai_client_token_usage_count", &[("gen_ai_token_type", "output")], None),
        ("gen_ai_client_token_usage_bucket", &[("gen_ai_token_type", "output")], None),
        ("gen_ai.client.token.usage", &[], None),
        (
            "gen_ai.client.inference.usage.cache_read.input_tokens",
            &[],
            tokens(InputCached, Some(Input)),
        ),
        (
            "gen_ai.client.inference.usage.cache_read.input_tokens",
            &[("gen_ai.token.modality", "audio")],
            tokens(InputCached, Some(InputAudio)),
        ),
        (
            "gen_ai.client.inference.usage.reasoning.output_tokens",
            &[],
            tokens(Reasoning, Some(Output)),
        ),
        ("claude_code.token.usage", &[("type", "cacheRead")], tokens(InputCached, None)),
        ("claude_code_token_usage_tokens_total", &[("type", "input")], tokens(Input, None)),
        ("claude_code.cost.usage", &[], Some(Measure::Cost)),
        ("claude_code_cost_usage_USD_total", &[], Some(Measure::Cost)),
        ("operation.cost", &[], Some(Measure::Cost)),
        ("operation.duration", &[], None),
        ("http.server.request.duration", &[], None),
    ];
    for (name, labels, measure) in cases {
        let read = read_point(&Point { name, labels });
        assert_eq!(read.map(|reading| reading.measure), *measure, "{name} {labels:?}");
    }
}

#[test]
fn a_metric_says_of_whom_it_is() {
    let labels = [("type", "input"), ("model", "claude"), ("session_id", "s"), ("user.email", "u")];
    let read = read_point(&Point { name: "claude_code.token.usage", labels: &labels }).unwrap();
    let shown = [read.provider, read.model, read.session, read.user].join(" ");
    assert_eq!(shown, "anthropic claude s u");
}

#[test]
fn every_key_of_the_cases_is_read() {
    for (file, case) in cases("spans.json").into_iter().chain(cases("logs.json")) {
        let unread = Owned::new(&case)
            .with(|record| unread(record).into_iter().map(str::to_owned).collect::<Vec<_>>());
        assert!(unread.is_empty(), "{file}: {}: {unread:?}", case["name"]);
    }
}

#[test]
fn what_nobody_reads_is_told() {
    let case = json!({"span": "x", "attributes": {
        "gen_ai.request.model": "m", "gen_ai.usage.shiny_tokens": 4, "traceloop.odd": 1,
        "tool.name": "t", "embedding.odd": 2, "http.method": "GET",
    }});
    let unread = Owned::new(&case)
        .with(|record| unread(record).into_iter().map(str::to_owned).collect::<Vec<_>>());
    assert_eq!(unread, ["embedding.odd", "gen_ai.usage.shiny_tokens", "traceloop.odd"]);
}
