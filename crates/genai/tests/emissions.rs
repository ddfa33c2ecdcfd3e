//! What the real SDKs emitted (`testdata/genai`, captured by `clients/dialects`) becomes steps that say what the
//! stub of the providers served, and every token counts once.
#![expect(clippy::unwrap_used, reason = "test")]

mod emission;

use std::collections::{BTreeMap, HashMap};

use emission::{Emission, SpanOf, emissions};
use serde_json::Value;
use watchkeep_genai::dialect::{LogReading, read_log, read_span, unread};
use watchkeep_genai::price::PriceBook;
use watchkeep_genai::step::Part;
use watchkeep_genai::{Bucket, Kind, Record, Step, Usage};

/// An instant at which the prices of the built-in table hold.
const AT_NS: i64 = 1_790_000_000_000_000_000;

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

/// Tokens by bucket as the expectation names them.
fn usage_of(told: &Value) -> Usage {
    let mut usage = Usage::default();
    for (bucket, tokens) in told.as_object().unwrap() {
        usage.set(Bucket::from_name(bucket).unwrap(), tokens.as_u64().unwrap());
    }
    usage
}

fn tokens_shown(usage: &Usage) -> BTreeMap<&'static str, u64> {
    usage.buckets().map(|(bucket, tokens)| (bucket.name(), tokens)).collect()
}

/// Why a model ended, whatever a dialect calls it.
fn finish_class(reason: &str) -> &str {
    match reason.replace('-', "_").as_str() {
        "tool_calls" | "tool_call" | "tool_use" => "tool",
        "stop" | "end_turn" | "completed" => "stop",
        _ => "unknown",
    }
}

/// What a step says differently than is expected of it.
fn differences(step: &Step, want: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut same = |member: &str, got: &str| {
        if want[member].is_string() && got != text(want, member) {
            wrong.push(format!("{member}: {got:?} is not {}", want[member]));
        }
    };
    same("provider", &step.provider);
    same("model", step.model());
    same("response_id", &step.response_id);
    same("session", &step.session);
    same("user", &step.user);
    same("agent", &step.agent);
    same("tool", &step.tool);
    same("finish", step.finish_reasons.first().map_or("", |reason| finish_class(reason)));
    if want["usage"].is_object() && step.usage != usage_of(&want["usage"]) {
        wrong.push(format!("usage: {:?} is not {}", tokens_shown(&step.usage), want["usage"]));
    }
    if want["error"].is_boolean() && want["error"] != !step.error.is_empty() {
        wrong.push(format!("error: {:?}, where {} was expected", step.error, want["error"]));
    }
    if want["first_token"] == true && step.first_token_ns.is_none() {
        wrong.push("the time to the first token is missing".to_owned());
    }
    if let Some(usd) = want["reported_cost"].as_f64()
        && step.reported_cost.is_none_or(|told| (told - usd).abs() > 1e-9)
    {
        wrong.push(format!("reported cost: {:?} is not {usd}", step.reported_cost));
    }
    wrong
}

/// What is wrong about what was read of a span.
fn compared(step: Option<&Step>, want: &Value) -> Vec<String> {
    let kinds = want["kinds"].as_array().unwrap();
    let kind = step.map_or(Value::Null, |step| step.kind.name().into());
    if !kinds.contains(&kind) {
        return vec![format!("{kind} is none of {}", want["kinds"])];
    }
    step.map_or_else(Vec::new, |step| differences(step, want))
}

/// Spans by id with their steps.
type Read<'a> = HashMap<&'a str, (&'a SpanOf, Step)>;

/// Tokens of each call once (rule R3): a step counts where nothing below it has tokens, and two steps
/// about one response are one. What Anthropic's client tells of itself is what another instrumentation
/// of it tells too, if there is one.
fn counted<'a>(read: &'a Read<'a>) -> Vec<&'a Step> {
    let above = |id: &str| {
        let mut chain = Vec::new();
        let mut at = read.get(id).map(|(span, _)| span.parent.as_str());
        while let Some(parent) = at.filter(|parent| !parent.is_empty() && chain.len() < 50) {
            chain.push(parent);
            at = read.get(parent).map(|(span, _)| span.parent.as_str());
        }
        chain
    };
    let has_tokens = |step: &Step| !step.usage.is_empty() && !step.is_aggregate;
    let mut rolled_up: Vec<&str> = Vec::new();
    for (id, (_, step)) in read {
        if has_tokens(step) && step.kind.calls_model() {
            rolled_up.extend(above(id));
        }
    }
    let all = read.iter().filter(|(_, (_, step))| has_tokens(step));
    let mut steps: Vec<_> = all.filter(|(id, _)| !rolled_up.contains(*id)).collect();
    steps.sort_by_key(|(id, (_, step))| (step.usage.total(), **id));
    let mut seen: Vec<&str> = Vec::new();
    let told_otherwise = |span: &SpanOf, step: &Step| {
        let sums = |step: &Step| (step.usage.input(), step.usage.output());
        let same = |other: &&(&&str, &(&SpanOf, Step))| {
            let (other, read) = other.1;
            other.scope != span.scope && read.response_id.is_empty() && sums(read) == sums(step)
        };
        span.scope == "com.anthropic.sdk.python" && steps.iter().any(|other| same(&other))
    };
    let mut counted = Vec::new();
    for (_, (span, step)) in &steps {
        let is_new = step.response_id.is_empty() || !seen.contains(&step.response_id.as_str());
        if is_new && !told_otherwise(span, step) {
            counted.push(step);
        }
        seen.push(&step.response_id);
    }
    counted
}

#[test]
fn spans_become_the_steps_that_were_served() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for Emission { name, spans, expected, .. } in emissions() {
        for want in expected["steps"].as_array().unwrap() {
            let Some(span) = spans.iter().find(|span| span.id == text(want, "span")) else {
                continue;
            };
            let step = span.record(read_span);
            for one in compared(step.as_ref(), want) {
                wrong.push(format!("{name}: {} {:?}: {one}", span.id, span.name));
            }
            seen += 1;
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen > 300, "only {seen} spans were compared");
}

#[test]
fn every_token_of_a_capture_counts_once() {
    let (book, mut wrong) = (PriceBook::default(), Vec::new());
    for Emission { name, spans, expected, .. } in emissions() {
        if spans.is_empty() {
            continue;
        }
        let read: Read<'_> = spans
            .iter()
            .map(|span| {
                let nothing = Step::new(Kind::Other, watchkeep_genai::step::Dialect::OpenTelemetry);
                (span.id.as_str(), (span, span.record(read_span).unwrap_or(nothing)))
            })
            .collect();
        let (mut sum, mut usd) = (Usage::default(), 0.0);
        for step in counted(&read) {
            sum.add_all(&step.usage);
            usd += book.cost(step, AT_NS).computed.unwrap_or(f64::NAN);
        }
        let want = usage_of(&expected["totals"]);
        if (sum.input(), sum.output()) != (want.input(), want.output()) {
            wrong.push(format!("{name}: {:?} is not {}", tokens_shown(&sum), expected["totals"]));
        } else if sum == want && (usd - expected["cost_usd"].as_f64().unwrap()).abs() > 1e-9 {
            wrong.push(format!("{name}: {usd} USD is not {}", expected["cost_usd"]));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Logfire tells of a stream by the request and by a record at its end, which are parts of one call.
#[test]
fn requests_and_streams_of_logfire_are_parts_of_calls() {
    let (mut requests, mut streams) = (0, 0);
    for Emission { name, spans, .. } in emissions() {
        for span in &spans {
            let Some(step) = span.record(read_span) else { continue };
            let is_of_client = span.scope.starts_with("logfire.") && step.kind == Kind::Llm;
            let part = match step.part {
                Part::Stream { read_ns } if read_ns > 0 && !step.usage.is_empty() => "stream",
                Part::Stream { .. } => "nothing",
                Part::Request => "request",
                Part::Whole => "whole",
            };
            let want = match is_of_client {
                true if span.name.starts_with("streaming") => "stream",
                true => "request",
                false => "whole",
            };
            assert_eq!(part, want, "{name}: {}", span.name);
            requests += u32::from(want == "request");
            streams += u32::from(want == "stream");
        }
    }
    assert!(requests > streams && streams > 4, "{requests} requests, {streams} streams");
}

#[test]
fn log_events_become_the_steps_that_were_served() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for Emission { name, logs, expected, .. } in emissions() {
        let Some(wants) = expected["records"].as_array() else { continue };
        assert_eq!(wants.len(), logs.len(), "{name}");
        for (record, want) in logs.iter().zip(wants) {
            let step = match record.record(read_log) {
                Some(LogReading::Step { step, .. }) => Some(step),
                _ => None,
            };
            for one in compared(step.as_deref(), want) {
                wrong.push(format!("{name}: {:?}: {one}", record.name));
            }
            seen += 1;
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen > 5, "only {seen} records were compared");
}

#[test]
fn every_attribute_that_was_sent_is_read() {
    let mut left: Vec<String> = Vec::new();
    for Emission { name, spans, .. } in emissions() {
        for span in &spans {
            let keys = |record: &Record<'_>| -> Vec<String> {
                unread(record).into_iter().map(|key| format!("{name}: {key}")).collect()
            };
            left.extend(span.record(keys));
        }
    }
    left.sort();
    left.dedup();
    assert!(left.is_empty(), "{}", left.join("\n"));
}
