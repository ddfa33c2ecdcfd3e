//! What the events of a span tell: exceptions, judgements, the first token.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::record::Record;
use crate::step::{Evaluation, Step};

/// Events in larger JSON are not read.
const EVENTS_BYTES_MAX: usize = 1 << 20;
/// Judgements in the events of one span beyond these are left out.
const EVALUATIONS_MAX: usize = 64;

/// Names of events that tell of the first token: LlamaIndex by OpenInference, Vercel's SDK.
const FIRST_TOKEN: [&str; 3] =
    ["First Token Stream Event", "ai.stream.firstChunk", "gen_ai.first_token"];

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    time_unix_nano: i64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    attributes: Map<String, Value>,
}

impl Event {
    fn text(&self, key: &str) -> &str {
        self.attributes.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Adds what the events tell to a step.
pub(super) fn read(record: &Record<'_>, step: &mut Step) {
    let events = record.events;
    let wants_error = record.is_error && step.error.is_empty() && events.contains("exception");
    let wants_first =
        step.first_token_ns.is_none() && FIRST_TOKEN.iter().any(|name| events.contains(name));
    let has_judgements = events.contains("gen_ai.evaluation.result");
    if !(wants_error || wants_first || has_judgements) || events.len() > EVENTS_BYTES_MAX {
        return;
    }
    let Ok(all) = serde_json::from_str::<Vec<Event>>(events) else { return };
    for event in &all {
        match &*event.name {
            "exception" if wants_error => {
                let name = event.text("exception.type");
                if !name.is_empty() {
                    name.clone_into(&mut step.error);
                }
            }
            "gen_ai.evaluation.result" if step.evaluations.len() < EVALUATIONS_MAX => {
                step.evaluations.extend(evaluation(event));
            }
            name if wants_first && FIRST_TOKEN.contains(&name) => {
                let after = event.time_unix_nano.saturating_sub(record.time_ns);
                if step.first_token_ns.is_none() && after >= 0 && event.time_unix_nano > 0 {
                    step.first_token_ns = Some(after);
                }
            }
            _ => {}
        }
    }
}

fn evaluation(event: &Event) -> Option<Evaluation> {
    let score = event.attributes.get("gen_ai.evaluation.score.value").and_then(Value::as_f64);
    let one = Evaluation {
        name: event.text("gen_ai.evaluation.name").to_owned(),
        score,
        label: event.text("gen_ai.evaluation.score.label").to_owned(),
        explanation: event.text("gen_ai.evaluation.explanation").to_owned(),
        source: String::new(),
    };
    (one.score.is_some() || !one.label.is_empty()).then_some(one)
}
