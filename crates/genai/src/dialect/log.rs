//! From log records: Claude Code's events, and the events of OpenTelemetry's GenAI conventions.

use super::sheet::{Sheet, number};
use super::{BasisRules, claude_code, span};
use crate::record::Record;
use crate::step::{Evaluation, Step};

/// What a log record tells.
#[derive(Debug, Clone, PartialEq)]
pub enum LogReading {
    /// A step of its own.
    Step {
        /// The step.
        step: Box<Step>,
        /// How long it took, nanoseconds: it ended when the record was made.
        duration_ns: i64,
    },
    /// The step of the span that the record is in, told once more: it counts only where no span has
    /// that id.
    Details(Box<Step>),
    /// A judgement of the span that the record is in, or of a response.
    Evaluation(Box<Judged>),
}

/// A judgement, and of what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// The judgement.
    pub evaluation: Evaluation,
    /// Id of the response, or empty.
    pub response_id: String,
    /// Session or conversation, or empty.
    pub session: String,
    /// The application's own id of the interaction, or empty.
    pub interaction: String,
    /// The user that judged or that it was done for, or empty.
    pub user: String,
}

/// What a log record tells; none where it speaks no dialect, or tells only what was said.
pub fn read_log(record: &Record<'_>) -> Option<LogReading> {
    read_log_with(record, &BasisRules::default())
}

/// As [`read_log`], with what the user says about emitters.
pub fn read_log_with(record: &Record<'_>, rules: &BasisRules) -> Option<LogReading> {
    if let Some(event) = claude_code::event_name(record) {
        let (step, duration_ns) = claude_code::read_event(event, record)?;
        return Some(LogReading::Step { step: Box::new(step), duration_ns });
    }
    let name = if record.name.is_empty() { record.text("event.name")? } else { record.name };
    match name {
        "gen_ai.evaluation.result" => judged(record),
        "gen_ai.client.inference.operation.details" => {
            let mut sheet = Sheet::read(record)?;
            let step = span::step(record, &mut sheet, rules)?;
            Some(LogReading::Details(Box::new(step)))
        }
        _ => None,
    }
}

fn judged(record: &Record<'_>) -> Option<LogReading> {
    let text = |keys: &[&str]| record.first(keys).unwrap_or_default().to_owned();
    let evaluation = Evaluation {
        name: text(&["gen_ai.evaluation.name"]),
        score: record.text("gen_ai.evaluation.score.value").and_then(number),
        label: text(&["gen_ai.evaluation.score.label"]),
        explanation: text(&["gen_ai.evaluation.explanation"]),
        source: text(&["gen_ai.evaluation.source", "gen_ai.evaluation.type"]),
    };
    if evaluation.score.is_none()
        && evaluation.label.is_empty()
        && evaluation.explanation.is_empty()
    {
        return None;
    }
    Some(LogReading::Evaluation(Box::new(Judged {
        evaluation,
        response_id: text(&["gen_ai.response.id"]),
        session: text(&["gen_ai.conversation.id", "session.id"]),
        interaction: text(&["watchkeep.interaction.id", "interaction.id"]),
        user: text(&["user.id", "enduser.id"]),
    })))
}
