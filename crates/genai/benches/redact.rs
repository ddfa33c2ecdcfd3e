//! What redaction takes, with all detectors on: `cargo bench -p watchkeep-genai --bench redact`.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use watchkeep_genai::redact::{Action, Detector, KeyAction, KeyRule, Redactor, Rules};

fn main() {
    divan::main();
}

const PIECES: usize = 1_000;

fn redactor(keys: Vec<KeyRule>) -> Redactor {
    let detectors = Detector::ALL.iter().map(|detector| (*detector, Action::Mask)).collect();
    let rules = Rules { detectors, keys, ..Rules::default() };
    Redactor::new(&rules).unwrap_or_else(|error| panic!("{error}"))
}

fn run(bencher: Bencher<'_, '_>, redactor: &Redactor, piece: impl Fn(usize) -> String) {
    let texts: Vec<String> = (0..PIECES).map(piece).collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        let mut counts = redactor.counts();
        for text in &texts {
            black_box(redactor.attribute("gen_ai.input.messages", black_box(text), &mut counts));
        }
        counts.total()
    });
}

fn prompt(at: usize) -> String {
    let said = "Please look at the order and tell the customer when it will arrive. ".repeat(8);
    format!(r#"[{{"role":"user","parts":[{{"type":"text","content":"{said} Order {at}."}}]}}]"#)
}

fn line(at: usize) -> String {
    format!(
        "2026-11-23T09:35:00.{at:06}Z level=info msg=\"request served\" method=GET path=/orders/{at} \
         status=200 duration_ms=12.{at} trace_id=0af7651916cd43dd8448eb211c80{at:04} bytes=51{at}"
    )
}

/// Prompts without a finding.
#[divan::bench]
fn prompts(bencher: Bencher<'_, '_>) {
    run(bencher, &redactor(Vec::new()), prompt);
}

/// Lines of a log full of numbers, without a finding.
#[divan::bench]
fn lines(bencher: Bencher<'_, '_>) {
    run(bencher, &redactor(Vec::new()), line);
}

/// Prompts each with a finding.
#[divan::bench]
fn prompts_with_a_finding(bencher: Bencher<'_, '_>) {
    run(bencher, &redactor(Vec::new()), |at| prompt(at).replace("Order", "ada@example.com"));
}

/// Prompts that are read as JSON for a rule by key.
#[divan::bench]
fn prompts_with_a_rule_by_key(bencher: Bencher<'_, '_>) {
    let rule = KeyRule { key: "*password*".into(), action: KeyAction::Mask };
    run(bencher, &redactor(vec![rule]), prompt);
}
