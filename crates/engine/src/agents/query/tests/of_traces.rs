//! Questions over spans that are stored: the steps of a trace, conversations, dialects.

use watchkeep_genai::price::CostSource;
use watchkeep_genai::step::Kind;
use watchkeep_model::{AttributesColumn, ErrorKind, SpanColumns, SpanId, TraceId, ValueKind};

use super::{
    HOUR_NS, NOW_NS, SECOND_NS, day, engine, entry, llm, near, rating, run, span, step, tenant,
    trace, write,
};
use crate::agents::facts::{Counted, FeedbackFact, RunFact};
use crate::agents::query::Filter;
use crate::agents::query::graph::Graph;
use crate::agents::query::sessions::SessionsQuery;
use crate::engine::Engine;

/// Attributes of a span.
type Attributes<'a> = &'a [(&'a str, ValueKind, &'a str)];

fn span_columns(all: &[(u32, u32, &str, Attributes<'_>)]) -> SpanColumns {
    let mut columns = SpanColumns::default();
    for (at, (id, parent, name, told)) in all.iter().enumerate() {
        columns.trace_id.push(trace(1).0);
        columns.span_id.push(span(*id).0);
        columns.parent_span_id.push(if *parent == 0 { [0; 8] } else { span(*parent).0 });
        columns.start_ns.push(NOW_NS - HOUR_NS + i64::try_from(at).unwrap());
        columns.duration_ns.push(SECOND_NS);
        columns.name.push(name);
        columns.kind.push(1);
        columns.status_code.push(0);
        columns.status_message.push("");
        columns.service.push("assistant");
        columns.resource.push(r#"{"service.name":"assistant"}"#);
        for column in [
            &mut columns.scope_name,
            &mut columns.scope_version,
            &mut columns.scope_attributes,
            &mut columns.schema_url,
        ] {
            column.push("");
        }
        columns.trace_state.push("");
        columns.flags.push(0);
        let attributes: &mut AttributesColumn = &mut columns.attributes;
        for (key, kind, text) in *told {
            attributes.push_entry(key, *kind, text);
        }
        attributes.end_row();
        columns.dropped_attributes.push(0);
        columns.events.push("");
        columns.dropped_events.push(0);
        columns.links.push("");
        columns.dropped_links.push(0);
    }
    columns
}

/// An agent with a call of a model and a tool, a plain span between.
async fn send_trace(engine: &Engine) {
    use ValueKind::{Int, Json, String as Text};
    let input = r#"[{"role":"system","parts":[{"type":"text","content":"Be kind."}]},
        {"role":"user","parts":[{"type":"text","content":"Will it rain?"}]}]"#;
    let output = r#"[{"role":"assistant","parts":[{"type":"text","content":"Yes."}],"finish_reason":"stop"}]"#;
    let agent: Attributes<'_> = &[
        ("gen_ai.operation.name", Text, "invoke_agent"),
        ("gen_ai.agent.name", Text, "weather"),
        ("gen_ai.conversation.id", Text, "s1"),
    ];
    let call: Attributes<'_> = &[
        ("gen_ai.operation.name", Text, "chat"),
        ("gen_ai.provider.name", Text, "openai"),
        ("gen_ai.request.model", Text, "gpt-4o"),
        ("gen_ai.response.model", Text, "gpt-4o"),
        ("gen_ai.usage.input_tokens", Int, "1000"),
        ("gen_ai.usage.output_tokens", Int, "100"),
        ("gen_ai.input.messages", Json, input),
        ("gen_ai.output.messages", Json, output),
        ("gen_ai.never.heard_of", Text, "x"),
    ];
    let tool: Attributes<'_> = &[
        ("gen_ai.operation.name", Text, "execute_tool"),
        ("gen_ai.tool.name", Text, "get_weather"),
        ("gen_ai.tool.call.id", Text, "call_1"),
        ("gen_ai.tool.call.arguments", Text, r#"{"city":"Paris"}"#),
        ("gen_ai.tool.call.result", Text, r#"{"rain":true}"#),
    ];
    let columns = span_columns(&[
        (1, 0, "invoke_agent weather", agent),
        (2, 1, "POST", &[]),
        (3, 2, "chat gpt-4o", call),
        (4, 1, "execute_tool get_weather", tool),
    ]);
    engine.ingest_spans(&tenant(), columns, 0).await.unwrap();
}

#[tokio::test]
async fn the_steps_of_a_trace_say_what_was_said_and_why_it_costs() {
    let engine = engine();
    send_trace(&engine).await;
    let at = NOW_NS - HOUR_NS;
    let mut sum = step(Kind::Agent, "invoke_agent weather");
    sum.counted = Counted::RolledUp;
    sum.cost_usd = 0.0035;
    let mut call = llm("gpt-4o", 1000, 100, 0.0035);
    call.user = "u1".into();
    write(&engine, &[entry(at, trace(1), span(1), sum), entry(at + 2, trace(1), span(3), call)])
        .await;
    let found = engine.trace_steps(&tenant(), trace(1)).await.unwrap();
    let tree: Vec<(usize, &str, &str)> = found
        .steps
        .iter()
        .map(|step| (step.depth, step.step.kind.name(), step.decision.name()))
        .collect();
    assert_eq!(
        tree,
        [(0, "agent", "rolled_up"), (1, "llm", "yes"), (1, "tool", "undecided")],
        "the plain span is left out"
    );
    assert_eq!((found.spans, found.plain_spans), (4, 1));
    let call = &found.steps[1];
    assert_eq!((&*call.agent, &*call.step.user), ("weather", "u1"));
    assert_eq!(call.content.input.len(), 2);
    assert_eq!(call.unread, ["gen_ai.never.heard_of"]);
    assert_eq!(call.cost.source, CostSource::Computed);
    let of_lines: f64 = call.cost.lines.iter().map(|line| line.usd).sum();
    assert!(near(of_lines, call.cost.computed.unwrap()), "the lines add up");
    assert!(call.cost.row.is_some());
    let subtrees = found.subtrees();
    assert!(near(subtrees[0].0, 0.0035), "what is rolled up counts once");
    let graph = Graph::of(&found);
    assert_eq!(
        graph.nodes.keys().collect::<Vec<_>>(),
        ["agent:weather", "llm:gpt-4o", "tool:get_weather"]
    );
    assert_eq!(graph.edges.len(), 2);
    let missing = engine.trace_steps(&tenant(), trace(99)).await.unwrap_err();
    assert_eq!(missing.kind(), &ErrorKind::NotFound);
}

#[tokio::test]
async fn a_session_is_the_conversation_that_its_user_saw() {
    let engine = engine();
    send_trace(&engine).await;
    let at = NOW_NS - HOUR_NS;
    let with_session =
        |usd: f64| RunFact { session: "s1".into(), user: "u1".into(), ..run("weather", usd) };
    write(
        &engine,
        &[
            entry(at, trace(1), span(1), with_session(0.5)),
            // Its spans are gone.
            entry(at - HOUR_NS, trace(2), span(7), with_session(0.25)),
            entry(at, trace(3), span(8), run("weather", 1.0)),
        ],
    )
    .await;
    write(
        &engine,
        &[entry(
            at,
            TraceId::NONE,
            SpanId::NONE,
            FeedbackFact { session: "s1".into(), ..rating("a", 5.0) },
        )],
    )
    .await;
    let query = SessionsQuery { range: day(), filter: Filter::default(), limit: 10, after: None };
    let page = engine.sessions(&tenant(), query).await.unwrap();
    assert_eq!((page.sessions.len(), page.sessions[0].turns), (1, 2), "runs without one are none");
    assert_eq!(page.sessions[0].rating.average(), Some(5.0));
    let found = engine.conversation(&tenant(), "s1".into(), day()).await.unwrap();
    assert!(near(found.session.cost_usd, 0.75));
    let [old, new] = &found.turns[..] else { panic!("two turns") };
    assert_eq!(old.content_missing, "the spans of the trace are not kept any more");
    assert_eq!((new.input.len(), &*new.input[0].role), (1, "user"), "no system prompt");
    assert_eq!(new.output.len(), 1);
    let tool = &new.tools[0];
    assert_eq!((&*tool.name, &*tool.id), ("get_weather", "call_1"));
    assert_eq!(tool.arguments, Some(serde_json::json!({"city": "Paris"})));
    assert_eq!(tool.result, Some(serde_json::json!({"rain": true})));
    let missing = engine.conversation(&tenant(), "s2".into(), day()).await.unwrap_err();
    assert_eq!(missing.kind(), &ErrorKind::NotFound);
}

#[tokio::test]
async fn dialects_and_what_nobody_reads_are_told() {
    let engine = engine();
    send_trace(&engine).await;
    let services = engine.dialects(&tenant(), day(), None).await.unwrap();
    assert_eq!(services.len(), 1);
    let told = &services[0];
    assert_eq!((&*told.service, told.sampled, told.understood), ("assistant", 4, 3));
    assert_eq!(told.dialects.get("opentelemetry"), Some(&3));
    assert_eq!(told.unread, [("gen_ai.never.heard_of".to_owned(), 1, trace(1))]);
}

#[tokio::test]
async fn clients_that_send_circles_get_all_their_steps() {
    let engine = engine();
    let told: Attributes<'_> = &[("gen_ai.operation.name", ValueKind::String, "invoke_agent")];
    let columns = span_columns(&[(1, 2, "a", told), (2, 1, "b", told), (3, 3, "c", told)]);
    engine.ingest_spans(&tenant(), columns, 0).await.unwrap();
    let found = engine.trace_steps(&tenant(), trace(1)).await.unwrap();
    assert_eq!(found.steps.len(), 3);
}
