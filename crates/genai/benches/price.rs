//! What pricing a step takes: `cargo bench -p watchkeep-genai --bench price`.

use divan::{Bencher, black_box};
use watchkeep_genai::price::{PriceBook, PriceTable};
use watchkeep_genai::step::Dialect;
use watchkeep_genai::{Bucket, Kind, Step};

fn main() {
    divan::main();
}

const MODELS: [(&str, &str); 4] = [
    ("openai", "gpt-4o-2024-08-06"),
    ("anthropic", "claude-sonnet-4-5-20250929"),
    ("aws.bedrock", "us.anthropic.claude-sonnet-4-20250514-v1:0"),
    ("acme", "no-such-model"),
];

fn step(provider: &str, model: &str) -> Step {
    let mut step = Step {
        provider: provider.to_owned(),
        response_model: model.to_owned(),
        ..Step::new(Kind::Llm, Dialect::OpenTelemetry)
    };
    for bucket in [Bucket::Input, Bucket::InputCached, Bucket::Output, Bucket::Reasoning] {
        step.usage.set(bucket, 1_000);
    }
    step
}

/// A step of a model that was seen before.
#[divan::bench(args = MODELS.map(|(_, model)| model))]
fn again(bencher: Bencher<'_, '_>, model: &str) {
    let (provider, model) =
        MODELS.into_iter().find(|(_, known)| *known == model).unwrap_or(MODELS[0]);
    let (book, step) = (PriceBook::default(), step(provider, model));
    bencher.bench_local(|| book.cost(black_box(&step), black_box(0)));
}

/// A step of a model that is new.
#[divan::bench]
fn first(bencher: Bencher<'_, '_>) {
    let step = step("aws.bedrock", "us.anthropic.claude-sonnet-4-20250514-v1:0");
    bencher
        .with_inputs(PriceBook::default)
        .bench_local_refs(|book| book.cost(black_box(&step), black_box(0)));
}

/// Reading a table of some thousand rows.
#[divan::bench]
fn read_table(bencher: Bencher<'_, '_>) {
    let row = r#"{"litellm_provider": "openai", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "supports_vision": true}"#;
    let rows: Vec<String> = (0..4_000).map(|at| format!("\"model-{at}\": {row}")).collect();
    let text = format!("{{{}}}", rows.join(",\n"));
    bencher.bench_local(|| PriceTable::read("bench", black_box(&text)));
}
