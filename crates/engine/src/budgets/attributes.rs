//! What is known about who spends, and which of it a budget may ask for.

use ecow::{EcoString, eco_format};

use crate::agents::facts::StepFact;

/// Names of attributes that have one value.
const NAMES: [&str; 19] = [
    "service",
    "agent",
    "user",
    "session",
    "model",
    "request_model",
    "provider",
    "environment",
    "release",
    "workflow",
    "prompt",
    "prompt_version",
    "agent_version",
    "operation",
    "kind",
    "dialect",
    "service_tier",
    "tool",
    "interaction",
];
const MODEL: usize = 4;
const REQUEST_MODEL: usize = 5;
/// Tags of one step that are looked at.
const TAGS_MAX: usize = 64;

/// An attribute that a budget asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attribute {
    /// One with a name, by its place.
    Named(usize),
    /// Any of the tags.
    Tag,
    /// The value of the tags that are written `KEY:value` or `KEY=value`.
    TagOf(String),
}

impl Attribute {
    /// Reads a name; the error goes on after the name of the field.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        if let Some(at) = NAMES.iter().position(|known| *known == name) {
            return Ok(Self::Named(at));
        }
        match name.strip_prefix("tag") {
            Some("") => Ok(Self::Tag),
            Some(rest) if rest.len() > 1 && rest.starts_with(':') => {
                Ok(Self::TagOf(rest[1..].to_owned()))
            }
            _ => Err(format!("must be one of {}, tag or tag:KEY", NAMES.join(", "))),
        }
    }
}

/// What is known about who spends.
#[derive(Clone, Default, PartialEq)]
pub struct Attributes {
    named: [EcoString; NAMES.len()],
    tags: Vec<EcoString>,
}

impl std::fmt::Debug for Attributes {
    /// Values may be names of people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attributes").finish_non_exhaustive()
    }
}

impl Attributes {
    /// Sets one by its name (`tag` adds one); the error goes on after the name of the field. An empty
    /// value is none.
    pub fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        match Attribute::parse(name)? {
            Attribute::Named(at) => self.named[at] = value.into(),
            Attribute::Tag if value.is_empty() => {}
            Attribute::Tag => self.tags.push(value.into()),
            Attribute::TagOf(key) => self.tags.push(eco_format!("{key}:{value}")),
        }
        self.tags.truncate(TAGS_MAX);
        Ok(())
    }

    /// Of somebody who asks before a call: the model that they mean is the one they will ask for and,
    /// as far as can be known, the one that will answer.
    pub(super) fn complete_model(&mut self) {
        for (from, to) in [(MODEL, REQUEST_MODEL), (REQUEST_MODEL, MODEL)] {
            if self.named[to].is_empty() {
                let model = self.named[from].clone();
                self.named[to] = model;
            }
        }
    }

    /// One that has a name.
    pub fn get(&self, name: &str) -> &str {
        NAMES.iter().position(|known| *known == name).map_or("", |at| &*self.named[at])
    }

    /// Those of a step of the ledger.
    pub(crate) fn of_fact(fact: &StepFact) -> Self {
        let named = [
            fact.service.clone(),
            fact.agent.clone(),
            fact.user.clone(),
            fact.session.clone(),
            fact.model.clone(),
            fact.request_model.clone(),
            fact.provider.clone(),
            fact.environment.clone(),
            fact.release.clone(),
            fact.workflow.clone(),
            fact.prompt.clone(),
            fact.prompt_version.clone(),
            fact.agent_version.clone(),
            fact.operation.clone(),
            fact.kind.name().into(),
            fact.dialect.name().into(),
            fact.service_tier.clone(),
            fact.tool.clone(),
            fact.interaction.clone(),
        ];
        Self { named, tags: fact.tags.iter().take(TAGS_MAX).cloned().collect() }
    }

    /// Values of an attribute, without empty ones.
    pub(super) fn values<'a>(&'a self, of: &'a Attribute) -> impl Iterator<Item = &'a str> {
        let (named, tags, key) = match of {
            Attribute::Named(at) => (Some(&*self.named[*at]), &[][..], None),
            Attribute::Tag => (None, &self.tags[..], None),
            Attribute::TagOf(key) => (None, &self.tags[..], Some(&**key)),
        };
        let tags = tags.iter().filter_map(move |tag| match key {
            None => Some(&**tag),
            Some(key) => tag.strip_prefix(key)?.strip_prefix([':', '=']),
        });
        named.into_iter().chain(tags).filter(|value| !value.is_empty())
    }

    /// As [`Attributes::values`], for a condition: of the model both the one that was asked for and the
    /// one that answered.
    pub(super) fn any(&self, of: &Attribute, mut holds: impl FnMut(&str) -> bool) -> bool {
        if self.values(of).any(&mut holds) {
            return true;
        }
        *of == Attribute::Named(MODEL) && self.values(&Attribute::Named(REQUEST_MODEL)).any(holds)
    }
}
