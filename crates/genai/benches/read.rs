//! Spans read a second: one that speaks no dialect, a call of a model by each of two dialects (the
//! second has its messages as attributes of their own), and the same priced:
//! `cargo bench -p watchkeep-genai --bench read`.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use watchkeep_genai::dialect::read_span;
use watchkeep_genai::price::PriceBook;
use watchkeep_genai::{Attribute, Record};
use watchkeep_model::ValueKind;

fn main() {
    divan::main();
}

const WEB: &[(&str, &str)] = &[
    ("http.request.method", "POST"),
    ("http.route", "/api/orders/{id}"),
    ("http.response.status_code", "200"),
    ("url.path", "/api/orders/4711"),
    ("url.scheme", "https"),
    ("server.address", "shop.example.org"),
    ("server.port", "443"),
    ("client.address", "10.0.0.7"),
    ("user_agent.original", "curl/8.5"),
    ("network.protocol.version", "1.1"),
    ("thread.id", "17"),
    ("code.function.name", "orders.get"),
];

const OTEL: &[(&str, &str)] = &[
    ("gen_ai.operation.name", "chat"),
    ("gen_ai.provider.name", "anthropic"),
    ("gen_ai.request.model", "claude-sonnet-4-5"),
    ("gen_ai.response.model", "claude-sonnet-4-5-20250929"),
    ("gen_ai.response.id", "msg_01"),
    ("gen_ai.request.max_tokens", "1024"),
    ("gen_ai.request.temperature", "0.2"),
    ("gen_ai.conversation.id", "c-1"),
    ("gen_ai.agent.name", "support"),
    ("user.id", "u-1"),
    ("server.address", "api.anthropic.com"),
    ("gen_ai.usage.input_tokens", "2500"),
    ("gen_ai.usage.output_tokens", "300"),
    ("gen_ai.usage.cache_read.input_tokens", "2000"),
    ("gen_ai.usage.cache_creation.input_tokens", "100"),
    ("gen_ai.usage.reasoning.output_tokens", "120"),
    ("gen_ai.response.finish_reasons", r#"["stop"]"#),
    ("gen_ai.input.messages", r#"[{"role":"user","parts":[{"type":"text","content":"hi"}]}]"#),
];

const OPENINFERENCE: &[(&str, &str)] = &[
    ("openinference.span.kind", "LLM"),
    ("llm.provider", "openai"),
    ("llm.system", "openai"),
    ("llm.model_name", "gpt-5-mini"),
    ("llm.invocation_parameters", r#"{"temperature": 0.2}"#),
    ("llm.input_messages.0.message.role", "system"),
    ("llm.input_messages.0.message.content", "You are kind."),
    ("llm.input_messages.1.message.role", "user"),
    ("llm.input_messages.1.message.content", "Where is my order?"),
    ("llm.input_messages.2.message.role", "assistant"),
    ("llm.input_messages.2.message.tool_calls.0.tool_call.id", "call_1"),
    ("llm.input_messages.2.message.tool_calls.0.tool_call.function.name", "find_order"),
    ("llm.input_messages.2.message.tool_calls.0.tool_call.function.arguments", "{}"),
    ("llm.input_messages.3.message.role", "tool"),
    ("llm.input_messages.3.message.content", "on its way"),
    ("llm.output_messages.0.message.role", "assistant"),
    ("llm.output_messages.0.message.content", "It is on its way."),
    ("llm.tools.0.tool.json_schema", "{}"),
    ("llm.token_count.prompt", "2500"),
    ("llm.token_count.completion", "300"),
    ("llm.token_count.total", "2800"),
    ("llm.token_count.prompt_details.cache_read", "2000"),
    ("llm.token_count.completion_details.reasoning", "120"),
    ("input.value", r#"{"messages":[]}"#),
    ("input.mime_type", "application/json"),
    ("output.value", r#"{"choices":[]}"#),
    ("output.mime_type", "application/json"),
    ("session.id", "c-1"),
    ("user.id", "u-1"),
];

/// Spans in a batch.
const SPANS: usize = 1000;

fn run(bencher: Bencher<'_, '_>, pairs: &[(&str, &str)], read: impl Fn(&Record<'_>) + Sync) {
    let attributes: Vec<_> =
        pairs.iter().map(|&(key, text)| Attribute::new(key, ValueKind::String, text)).collect();
    let record = Record {
        name: "chat claude-sonnet-4-5",
        scope: "shop",
        service: "shop",
        attributes: &attributes,
        resource: &[],
        events: "",
        body: "",
        time_ns: 1_790_000_000_000_000_000,
        duration_ns: 1_000_000,
        is_error: false,
        status_message: "",
    };
    bencher.counter(ItemsCount::new(SPANS)).bench_local(|| {
        for _ in 0..SPANS {
            read(black_box(&record));
        }
    });
}

#[divan::bench]
fn no_dialect(bencher: Bencher<'_, '_>) {
    run(bencher, WEB, |record| {
        black_box(read_span(record));
    });
}

#[divan::bench]
fn opentelemetry(bencher: Bencher<'_, '_>) {
    run(bencher, OTEL, |record| {
        black_box(read_span(record));
    });
}

#[divan::bench]
fn openinference(bencher: Bencher<'_, '_>) {
    run(bencher, OPENINFERENCE, |record| {
        black_box(read_span(record));
    });
}

#[divan::bench]
fn opentelemetry_priced(bencher: Bencher<'_, '_>) {
    let prices = PriceBook::default();
    run(bencher, OTEL, |record| {
        let step = read_span(record);
        black_box(step.map(|step| prices.cost(&step, record.time_ns)));
    });
}
