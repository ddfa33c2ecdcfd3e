//! A span or log record as the readers of dialects see it: borrowed, without parsing.

use watchkeep_model::ValueKind;

use crate::dialect::Meaning;

/// One attribute: its key, and its value in text form (see [`watchkeep_model::attributes`]).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The key.
    pub key: &'a str,
    /// What is known of the key.
    pub meaning: Meaning,
    /// The type of the value.
    pub kind: ValueKind,
    /// The value's text; arrays and maps are JSON.
    pub text: &'a str,
}

impl<'a> Attribute<'a> {
    /// An attribute of which nothing was looked up yet.
    pub fn new(key: &'a str, kind: ValueKind, text: &'a str) -> Self {
        Self { key, meaning: Meaning::of(key), kind, text }
    }
}

impl std::fmt::Debug for Attribute<'_> {
    /// Values may be prompts, so only key and type are printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:?}", self.key, self.kind)
    }
}

/// A span or log record.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Name of a span, or event name of a log record.
    pub name: &'a str,
    /// Name of the instrumentation scope.
    pub scope: &'a str,
    /// `service.name`.
    pub service: &'a str,
    /// Its attributes, in the order they came; a key may come twice (the last one counts).
    pub attributes: &'a [Attribute<'a>],
    /// Attributes of its resource.
    pub resource: &'a [Attribute<'a>],
    /// Events of a span as JSON (see [`watchkeep_model::spans::EventRow`]); empty for none.
    pub events: &'a str,
    /// The body of a log record in text form, empty for a span.
    pub body: &'a str,
    /// Start of a span, time of a log record; nanoseconds since the epoch.
    pub time_ns: i64,
    /// How long a span took; 0 for a log record.
    pub duration_ns: i64,
    /// Whether a span's status is an error, or a record's severity is.
    pub is_error: bool,
    /// What the client said about the status.
    pub status_message: &'a str,
}

impl<'a> Record<'a> {
    /// The text of an attribute of the record itself, where it is there and not empty.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        let found = self.attributes.iter().rfind(|attribute| attribute.key == key)?;
        Some(found.text).filter(|text| !text.is_empty())
    }

    /// As [`Record::text`], or else of its resource.
    pub fn text_anywhere(&self, key: &str) -> Option<&'a str> {
        self.text(key).or_else(|| {
            let found = self.resource.iter().rfind(|attribute| attribute.key == key)?;
            Some(found.text).filter(|text| !text.is_empty())
        })
    }

    /// The first of some attributes of the record that is there.
    pub fn first(&self, keys: &[&str]) -> Option<&'a str> {
        keys.iter().find_map(|key| self.text(key))
    }

    /// An attribute as a count: an integer that is not negative, or a float or text that says one.
    pub fn count(&self, key: &str) -> Option<u64> {
        let text = self.text(key)?;
        text.parse().ok().or_else(|| {
            let number: f64 = text.parse().ok()?;
            (0.0..9e15).contains(&number).then_some(number as u64)
        })
    }

    /// An attribute as a finite number.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.text(key)?.parse().ok().filter(|number: &f64| number.is_finite())
    }
}
