//! No attributes make the readers of agents' records panic, and no bucket gets beyond all reason.
//! The input is lines: name, scope, body, events, then `key=value`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_genai::dialect::{LogReading, Point, read_log, read_point, read_span, unread};
use watchkeep_genai::{Attribute, Record, Step};
use watchkeep_model::ValueKind;

fn check(step: &Step) {
    assert!(step.usage.buckets().all(|(_, tokens)| tokens <= 1 << 44));
    assert!(step.reported_cost.is_none_or(|cost| cost.is_finite() && cost >= 0.0));
    assert!(step.first_token_ns.is_none_or(|after| after >= 0));
}

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (name, scope, body, events) = (next(), next(), next(), next());
    let pairs: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once('=')).collect();
    let attributes: Vec<_> = pairs
        .iter()
        .map(|&(key, text)| Attribute::new(key, ValueKind::String, text))
        .collect();
    let record = Record {
        name,
        scope,
        service: "s",
        attributes: &attributes,
        resource: &attributes,
        events,
        body,
        time_ns: 1,
        duration_ns: 1,
        is_error: text.len() % 2 == 0,
        status_message: "",
    };
    if let Some(step) = read_span(&record) {
        check(&step);
    }
    match read_log(&record) {
        Some(LogReading::Step { step, duration_ns }) => {
            check(&step);
            assert!(duration_ns >= 0);
        }
        Some(LogReading::Details(step)) => check(&step),
        Some(LogReading::Evaluation(_)) | None => {}
    }
    unread(&record);
    read_point(&Point { name, labels: &pairs });
});
