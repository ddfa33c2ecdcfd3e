//! What a record says, by meaning: its attributes sorted into fields in one pass.

use super::counts::{Counts, TOKENS_MAX};
use super::keys::Field;
use super::pydantic;
use crate::record::{Attribute, Record};
use crate::step::{Dialect, Evaluation};

/// Judgements in the attributes of one span beyond these are left out.
const EVALUATIONS_MAX: usize = 64;

/// A value and the line of the table that its key is in.
#[derive(Clone, Copy)]
struct Held<'a> {
    rank: u16,
    dialect: Dialect,
    attribute: Attribute<'a>,
}

const _: () = assert!(Field::COUNT < u8::MAX as usize);

/// What a record says.
pub(super) struct Sheet<'a> {
    /// By field one more than its place among `held`, or 0: of many fields a span tells few.
    places: [u8; Field::COUNT],
    held: Vec<Held<'a>>,
    /// Numbers of tokens as they were sent.
    pub(super) raw_usage: Vec<(&'a str, u64)>,
    /// Judgements that came as a list, by the key that they have in common.
    evaluations: Vec<(&'a str, Evaluation)>,
    /// Sum of what parts cost.
    pub(super) cost_of_parts: Option<f64>,
    /// The dialects whose keys are there, by their numbers.
    spoken: u32,
    /// The first dialect whose namespace a key is in.
    pub(super) first: Option<Dialect>,
}

impl<'a> Sheet<'a> {
    /// What a record says; none where no key is a dialect's.
    pub(super) fn read(record: &Record<'a>) -> Option<Self> {
        if !record.attributes.iter().any(|attribute| attribute.meaning.speaks()) {
            return None;
        }
        let sheet = Self::read_all(record.attributes);
        sheet.first.is_some().then_some(sheet)
    }

    /// What attributes say, whether or not a key is a dialect's.
    pub(super) fn read_all(attributes: &[Attribute<'a>]) -> Self {
        let mut sheet = Self {
            places: [0; Field::COUNT],
            held: Vec::with_capacity(attributes.len().min(Field::COUNT)),
            raw_usage: Vec::new(),
            evaluations: Vec::new(),
            cost_of_parts: None,
            spoken: 0,
            first: None,
        };
        for attribute in attributes {
            sheet.put(attribute);
        }
        sheet
    }

    fn put(&mut self, attribute: &Attribute<'a>) {
        let Some(known) = attribute.meaning.known else {
            // What is unknown below `ai.` and `llm.` may be anybody's.
            if let Some(dialect @ (Dialect::OpenTelemetry | Dialect::Langfuse)) =
                attribute.meaning.namespace
            {
                self.first.get_or_insert(dialect);
            }
            return;
        };
        if let Some(dialect) = attribute.meaning.namespace
            && known.field != Field::LogfireType
        {
            self.first.get_or_insert(dialect);
            self.spoken |= 1 << known.dialect as u32;
        }
        if attribute.text.is_empty() {
            return;
        }
        match known.field {
            Field::Content | Field::Context => {}
            Field::EvaluationItem => self.put_evaluation(attribute),
            Field::CostPart => {
                if let Some(cost) = usd(attribute.text) {
                    *self.cost_of_parts.get_or_insert(0.0) += cost;
                }
            }
            field => {
                let held = Held { rank: known.rank, dialect: known.dialect, attribute: *attribute };
                if field.is_count() { self.put_count(field, held) } else { self.hold(field, held) }
            }
        }
    }

    fn get(&self, field: Field) -> Option<&Held<'a>> {
        let place = self.places[field as usize].checked_sub(1)?;
        self.held.get(place as usize)
    }

    fn set(&mut self, field: Field, new: Held<'a>) {
        let place = &mut self.places[field as usize];
        if *place == 0 {
            self.held.push(new);
            *place = self.held.len() as u8;
        } else {
            self.held[*place as usize - 1] = new;
        }
    }

    fn hold(&mut self, field: Field, new: Held<'a>) {
        if self.get(field).is_none_or(|held| new.rank <= held.rank) {
            self.set(field, new);
        }
    }

    /// Of numbers that say the same the first of the table counts, but a zero never hides a number
    /// (rule R5).
    fn put_count(&mut self, field: Field, new: Held<'a>) {
        let Some(count) = tokens(new.attribute.text) else { return };
        match self.raw_usage.iter_mut().find(|(key, _)| *key == new.attribute.key) {
            Some((_, held)) => *held = count,
            None => self.raw_usage.push((new.attribute.key, count)),
        }
        let replaces = self.get(field).is_none_or(|held| {
            let held_count = tokens(held.attribute.text).unwrap_or(0);
            if new.rank <= held.rank {
                count > 0 || held_count == 0 || new.rank == held.rank
            } else {
                held_count == 0 && count > 0
            }
        });
        if replaces {
            self.set(field, new);
        }
    }

    fn put_evaluation(&mut self, attribute: &Attribute<'a>) {
        // `annotations.0.annotation.score`: what is before `.score` names the judgement.
        let Some((group, member)) = attribute.key.rsplit_once('.') else { return };
        let at = match self.evaluations.iter().position(|(name, _)| *name == group) {
            Some(at) => at,
            None if self.evaluations.len() < EVALUATIONS_MAX => {
                self.evaluations.push((group, Evaluation::default()));
                self.evaluations.len() - 1
            }
            None => return,
        };
        let evaluation = &mut self.evaluations[at].1;
        match member {
            "name" => attribute.text.clone_into(&mut evaluation.name),
            "label" => attribute.text.clone_into(&mut evaluation.label),
            "explanation" => attribute.text.clone_into(&mut evaluation.explanation),
            "score" => evaluation.score = number(attribute.text),
            "annotator_kind" => evaluation.source = attribute.text.to_ascii_lowercase(),
            _ => {}
        }
    }

    /// What a field says.
    pub(super) fn text(&self, field: Field) -> Option<&'a str> {
        self.get(field).map(|held| held.attribute.text)
    }

    /// What a field says, or nothing.
    pub(super) fn owned(&self, field: Field) -> String {
        self.text(field).unwrap_or_default().to_owned()
    }

    /// What the first of some fields that is there says, or nothing.
    pub(super) fn first_of(&self, fields: &[Field]) -> String {
        fields.iter().find_map(|field| self.text(*field)).unwrap_or_default().to_owned()
    }

    /// The dialect whose key filled a field.
    pub(super) fn dialect_of(&self, field: Field) -> Option<Dialect> {
        self.get(field).map(|held| held.dialect)
    }

    /// Whether a key of a dialect's table is there.
    pub(super) fn speaks(&self, dialect: Dialect) -> bool {
        self.spoken & (1 << dialect as u32) != 0
    }

    /// The judgements, in the order they came.
    pub(super) fn evaluations(&mut self) -> Vec<Evaluation> {
        let mut all: Vec<_> =
            std::mem::take(&mut self.evaluations).into_iter().map(|(_, one)| one).collect();
        let name = self.owned(Field::EvaluationName);
        let score = self.text(Field::EvaluationScore).and_then(number);
        let label = self.owned(Field::EvaluationLabel);
        if score.is_some() || !label.is_empty() {
            let explanation = self.owned(Field::EvaluationExplanation);
            all.push(Evaluation { name, score, label, explanation, source: String::new() });
        }
        all.retain(|one| {
            one.score.is_some() || !one.label.is_empty() || !one.explanation.is_empty()
        });
        all
    }

    /// Whether the tokens are the sum over steps below by the names of their keys.
    pub(super) fn is_aggregate(&self) -> bool {
        [Field::InputTokens, Field::OutputTokens].into_iter().any(|field| {
            self.get(field).is_some_and(|held| held.attribute.key.starts_with(pydantic::AGGREGATED))
        })
    }

    /// The numbers of tokens among the attributes.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        if self.raw_usage.is_empty() {
            return counts;
        }
        for field in Field::COUNTS {
            if let Some(tokens) = self.text(field).and_then(tokens) {
                counts.put(field, tokens);
            }
        }
        counts
    }
}

/// A number of tokens: not negative and not beyond all reason.
pub(super) fn tokens(text: &str) -> Option<u64> {
    let whole = text.parse::<u64>().ok().or_else(|| {
        let number: f64 = text.trim().parse().ok()?;
        (0.0..=TOKENS_MAX as f64).contains(&number).then_some(number as u64)
    });
    whole.filter(|count| *count <= TOKENS_MAX)
}

/// A finite number.
pub(super) fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// More dollars than these are no cost of one step.
const COST_MAX_USD: f64 = 1e6;

/// A sum of dollars: not negative and not beyond all reason.
pub(super) fn usd(text: &str) -> Option<f64> {
    number(text.trim().trim_start_matches('$')).filter(|cost| (0.0..=COST_MAX_USD).contains(cost))
}
